"""Entries of the audit log, and whether what they tell of was committed with them."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from sqlalchemy import Connection, event

from digest.store import Database

#: Entries that tell of no row: somebody asked, looked, or took a file along; or the step before
#: has an entry of its own, and this one only says which program it was.
_OF_NO_ROW = frozenset(
    {"asked for another address", "took the report", "previewed", "by API token"}
)


@contextmanager
def watched(database: Database) -> Iterator[list[str]]:
    """
    Yield the entries, as they come, that were committed by themselves.

    A crash before such a commit leaves a change of which the log knows nothing.
    """
    alone: list[str] = []
    listeners = {"begin": _begin, "before_cursor_execute": _write, "commit": _judging(alone)}
    for name, listener in listeners.items():
        event.listen(database.engine, name, listener)
    yield alone
    for name, listener in listeners.items():
        event.remove(database.engine, name, listener)


def _begin(conn: Connection) -> None:
    conn.info["entries"], conn.info["rows"] = [], False


def _write(
    conn: Connection,
    _cursor: Any,
    statement: str,
    _parameters: Any,
    context: Any,
    _executemany: bool,
) -> None:
    if statement.startswith("INSERT INTO events"):
        conn.info["entries"] += [each["what"] for each in context.compiled_parameters]
    elif statement.startswith(("INSERT", "UPDATE", "DELETE", "WITH")):
        conn.info["rows"] = True


def _judging(alone: list[str]) -> Any:
    def commit(conn: Connection) -> None:
        if not conn.info["rows"]:
            alone.extend(what for what in conn.info["entries"] if what not in _OF_NO_ROW)

    return commit
