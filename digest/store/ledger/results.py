"""Writing down what became of many rows at once: the one statement that every message costs."""

from __future__ import annotations

import json
from collections.abc import Collection, Sequence
from datetime import datetime
from typing import NamedTuple

from sqlalchemy import Connection

from digest.model import DeliveryState
from digest.store.ledger import hot


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
_SQLITE_ROWS = ", ".join(f"json_extract(value, '$[{n}]') {c}" for n, (c, _) in enumerate(_COLUMNS))
_POSTGRESQL_ROWS = ", ".join(f"(value ->> {n})::{kind} {c}" for n, (c, kind) in enumerate(_COLUMNS))

_WRITE = """
WITH r AS {kept} (SELECT {columns} FROM {each})
UPDATE deliveries AS d SET state = r.state, reason = r.reason,
    answer = coalesce(r.answer, d.answer), due_at = coalesce(r.due_at, d.due_at),
    attempts = d.attempts + r.tries, changed_at = r.at
FROM r
WHERE d.issue_id = {issue} AND d.subscriber_id = r.whose AND {found} AND d.claim = {holder}
    AND d.state IN ('claimed', 'uncertain')
"""
# Either planner is shown how to look each row up by its key, whatever its statistics say: one
# by the issue that goes with each row, the other by a list of all. One value of JSON costs
# the driver of PostgreSQL a quarter of what as many arrays do.
_SQLITE = _WRITE.format(
    kept="", columns=_SQLITE_ROWS, each="json_each(?)", issue="r.issue", found="TRUE", holder="?"
)
_POSTGRESQL = _WRITE.format(
    kept="MATERIALIZED",
    columns=_POSTGRESQL_ROWS,
    each="json_array_elements(%s::json)",
    issue="%s",
    found="d.subscriber_id = ANY (%s::bigint[])",
    holder="%s",
)


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
    told = json.dumps(rows)
    if conn.dialect.name == "sqlite":
        hot.execute(conn, _SQLITE, [told, holder])
    else:
        whose = hot.ids(conn, (result.subscriber for result in results))
        hot.execute(conn, _POSTGRESQL, [told, issue_id, whose, holder])
