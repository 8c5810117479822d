"""Writing down what became of many rows at once: the one statement that every message costs."""

from __future__ import annotations

import json
from collections.abc import Collection, Iterable, Sequence
from datetime import datetime
from typing import NamedTuple

from sqlalchemy import Connection

from digest.model import DeliveryState
from digest.store.ledger import hot

#: Databases limit the values of one statement; SQLite's limit was 999 for long.
AT_ONCE = 500


class Result(NamedTuple):
    """What became of one attempt, or of a claim that was given back."""

    subscriber: int
    state: DeliveryState
    at: datetime
    #: Why skipped, or the verdict on a refusal.
    reason: str | None = None
    #: The server's answer, or our own words; None keeps what is there.
    answer: str | None = None
    #: When it is owed again; None keeps what is there.
    due_at: datetime | None = None
    #: False: it was permitted to leave, and nothing of it was offered to a server.
    tried: bool = True


#: What a row of results is made of, and of which type it is on PostgreSQL.
_COLUMNS = (
    ("issue", "bigint"),
    ("whose", "bigint"),
    ("state", "text"),
    ("reason", "text"),
    ("answer", "text"),
    ("due_at", "timestamptz"),
    ("tries", "integer"),
    ("at", "timestamptz"),
)
_IN_SQLITE = ", ".join(f"json_extract(value, '$[{n}]') {c}" for n, (c, _) in enumerate(_COLUMNS))
_IN_POSTGRESQL = ", ".join(f"(value ->> {n})::{kind} {c}" for n, (c, kind) in enumerate(_COLUMNS))

# The issue goes with each row, so that SQLite looks the row up and does not look for it. One
# value of JSON costs the driver of PostgreSQL a quarter of what as many arrays do.
_WRITE = """
UPDATE deliveries AS d SET state = r.state, reason = r.reason,
    answer = coalesce(r.answer, d.answer), due_at = coalesce(r.due_at, d.due_at),
    attempts = d.attempts + r.tries, changed_at = r.at
FROM (SELECT {columns} FROM {each}) AS r
WHERE d.issue_id = r.issue AND d.subscriber_id = r.whose AND d.claim = {holder}
    AND d.state IN ('claimed', 'uncertain')
"""
_STATEMENTS = {
    "sqlite": _WRITE.format(columns=_IN_SQLITE, each="json_each(?)", holder="?"),
    "postgresql": _WRITE.format(
        columns=_IN_POSTGRESQL, each="json_array_elements(%s::json)", holder="%s"
    ),
}


def write(
    conn: Connection,
    issue_id: int,
    holder: str,
    results: Sequence[Result],
    *,
    in_flight: Collection[int],
) -> None:
    """
    Write *results* to the rows of *holder*; an attempt is counted where it was *in_flight*.

    A row that was called uncertain meanwhile takes the late answer all the same; a row of
    another holder is left alone. Calling twice is safe.
    """
    if not results:
        return
    rows = [
        (
            issue_id,
            result.subscriber,
            result.state,
            result.reason,
            result.answer,
            hot.instant(conn, result.due_at),
            int(result.tried and result.subscriber in in_flight),
            hot.instant(conn, result.at),
        )
        for result in results
    ]
    hot.execute(conn, _STATEMENTS[conn.dialect.name], [json.dumps(rows), holder])


def slices(ids: Sequence[int]) -> Iterable[Sequence[int]]:
    """Cut *ids* into as many as one statement can hold."""
    return (ids[i : i + AT_ONCE] for i in range(0, len(ids), AT_ONCE))
