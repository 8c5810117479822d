"""
Statements that every message costs: compiled once, and then the driver's alone.

SQLAlchemy looks at a statement for a fifth of a millisecond each time that it is run, and
the interpreter's lock changes hands at each row that SQLite is asked for; either is more
than a message may cost. So a list goes into SQLite, and comes out of it, as one value.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Generator, Iterable, Iterator, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime
from typing import Any, TypeAlias, TypeVar

from sqlalchemy import (
    ARRAY,
    BigInteger,
    Connection,
    Delete,
    Insert,
    Select,
    Update,
    any_,
    bindparam,
    cast,
    func,
    select,
)

from digest.errors import StoreError

Statement = Select[Any] | Insert | Update | Delete

T = TypeVar("T")

#: Work in a transaction, as far as it gets without waiting; in the end it returns a T. It
#: yields the socket at which a server's answer is awaited, or None after a statement that this
#: process has worked on itself. Going on at once is always right, and waits where it must.
Steps: TypeAlias = Generator[int | None, None, T]


def whole(steps: Steps[T]) -> T:
    """Run *steps* to their end; return what they return."""
    while True:
        try:
            next(steps)
        except StopIteration as end:
            done: T = end.value
            return done


class Hot:
    """
    A statement whose text is made once for each kind of database.

    Values and rows are as the driver has them: `instant`, `ids`, `moment` and `listed`
    convert them. The driver's own errors come out of it.
    """

    def __init__(self, make: Callable[[str], Statement]) -> None:
        """*make* returns the statement for a dialect's name; its values are named bindparams."""
        self._make = make
        self._made: dict[str, Callable[[dict[str, Any]], tuple[str, Any]]] = {}

    def run(self, conn: Connection, **values: Any) -> None:
        """Run it."""
        execute(conn, *self._told(conn, values))

    def asked(self, conn: Connection, **values: Any) -> Callable[[], list[Sequence[Any]]]:
        """Run it; return a function that returns its rows, to be called when they are needed."""
        cursor = execute(conn, *self._told(conn, values))
        if conn.dialect.name == "sqlite":
            return lambda: json.loads(cursor.fetchone()[0])
        return lambda: cursor.fetchall()

    def _told(self, conn: Connection, values: dict[str, Any]) -> tuple[str, Any]:
        kind = conn.dialect.name
        if kind not in self._made:
            self._made[kind] = self._compiled(conn)
        return self._made[kind](values)

    def _compiled(self, conn: Connection) -> Callable[[dict[str, Any]], tuple[str, Any]]:
        statement = self._make(conn.dialect.name)
        if isinstance(statement, Select) and conn.dialect.name == "sqlite":
            statement = _as_one_value(statement)
        compiled = statement.compile(dialect=conn.dialect)
        text, fixed = str(compiled), dict(compiled.params)
        order: list[str] | None = getattr(compiled, "positiontup", None)
        if order is None:
            return lambda values: (text, fixed | values)
        return lambda values: (text, [values.get(name, fixed.get(name)) for name in order])


def execute(conn: Connection, text: str, values: Any) -> Any:
    """Run *text* in the transaction of *conn* and return the driver's cursor."""
    cursor = conn.connection.cursor()
    cursor.execute(text, values)
    return cursor


@contextmanager
def together(conn: Connection) -> Iterator[None]:
    """
    Let PostgreSQL have the statements within without waiting for each one's answer.

    Steps that are given up within it close the connection.
    """
    if conn.dialect.name == "sqlite":
        yield
        return
    driver: Any = conn.connection.driver_connection
    with driver.pipeline():
        try:
            yield
        except GeneratorExit:
            # Else the pipeline's end waits for the answers, and a server that is stuck for ever.
            driver.close()
            raise


def answered(conn: Connection) -> Steps[None]:
    """Pause until what was asked last (within `together`, on PostgreSQL) has its answer."""
    if conn.dialect.name == "sqlite":
        yield None
    else:
        pgconn: Any = conn.connection.driver_connection.pgconn  # type: ignore[union-attr]
        pgconn.send_flush_request()
        pgconn.flush()
        yield pgconn.socket


def committed(conn: Connection) -> Steps[None]:
    """Commit; pause until PostgreSQL has done it. StoreError where it rolls back instead."""
    if conn.dialect.name != "sqlite":
        driver: Any = conn.connection.driver_connection
        with together(conn):
            cursor = driver.execute("COMMIT")
            yield from answered(conn)
        if cursor.statusmessage != "COMMIT":
            raise StoreError(
                f"PostgreSQL answered COMMIT with {cursor.statusmessage}: nothing was written",
                remedy="Look into the server's log.",
            )
    # SQLAlchemy's own account; the driver of PostgreSQL has nothing left to commit.
    conn.commit()


def _as_one_value(statement: Select[Any]) -> Select[Any]:
    rows = statement.subquery()
    return select(func.json_group_array(func.json_array(*rows.c)))


def instant(conn: Connection, at: datetime | None) -> str | None:
    """Return an instant as either driver takes it: as text."""
    if at is None:
        return None
    text = at.astimezone(UTC).isoformat(" ", "microseconds")
    return text.removesuffix(_UTC) if conn.dialect.name == "sqlite" else text


def moment(value: Any) -> Any:
    """Return an instant in UTC, as a driver gave it (SQLite's as text); None stays None."""
    if isinstance(value, str):
        return datetime.fromisoformat(value + _UTC)
    return value and value.astimezone(UTC)


#: How `datetime` writes its zone; SQLite's columns are without.
_UTC = "+00:00"


def ids(conn: Connection, numbers: Iterable[int]) -> str:
    """Return numbers as one value, for `among`."""
    listed = ",".join(map(str, numbers))
    return f"[{listed}]" if conn.dialect.name == "sqlite" else f"{{{listed}}}"


def among(kind: str, column: Any, name: str) -> Any:
    """Return the condition that *column* is one of the numbers of which `ids` made *name*."""
    if kind == "postgresql":
        return column == any_(cast(bindparam(name), ARRAY(BigInteger)))
    numbers = func.json_each(bindparam(name)).table_valued("value")
    return column.in_(select(cast(numbers.c.value, BigInteger)))


def listed(value: Any) -> list[int]:
    """Return the numbers in a column of JSON as a driver gives it: SQLite's as text."""
    return list(json.loads(value) if isinstance(value, str) else value)
