"""Writing down what became of many rows at once: the one statement that every message costs."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import Connection

from digest.model import DeliveryState
from digest.store.schema import Instant

#: Databases limit the values of one statement; SQLite's limit was 999 for long.
AT_ONCE = 500


@dataclass(frozen=True, slots=True, kw_only=True)
class Result:
    """What became of one attempt, or of a claim that was given back."""

    subscriber: int
    state: DeliveryState
    #: Why skipped, or the verdict on a refusal.
    reason: str | None = None
    #: The server's answer, or our own words; None keeps what is there.
    answer: str | None = None
    #: When it is owed again; None keeps what is there.
    due_at: datetime | None = None
    #: False: it was permitted to leave, and nothing of it was offered to a server.
    tried: bool = True
    at: datetime


# For the driver itself: SQLAlchemy's way to many rows costs three times the time.
_CHANGES = """
UPDATE deliveries AS d SET state = {}, reason = {}, answer = coalesce({}, d.answer),
    due_at = coalesce({}, d.due_at), attempts = d.attempts + {}, changed_at = {}
"""
_ROW = "WHERE d.subscriber_id = {} AND d.issue_id = {} AND d.claim = {}"
_OURS = " AND d.state IN ('claimed', 'uncertain')"

_SQLITE = (_CHANGES + _ROW + _OURS).format(*"?" * 9)
_POSTGRESQL = (
    _CHANGES.format("r.state", "r.reason", "r.answer", "r.due_at", "r.tries", "r.at")
    + """FROM unnest(%s::text[], %s::text[], %s::text[], %s::timestamptz[], %s::int[],
        %s::timestamptz[], %s::bigint[]) AS r (state, reason, answer, due_at, tries, at, whose)
    """
    + _ROW.format("r.whose", "%s", "%s")
    + _OURS
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
    instant = Instant().bind_processor(conn.dialect) or _as_it_is
    rows = [
        (
            str(result.state),
            result.reason,
            result.answer,
            instant(result.due_at),
            int(result.tried and result.subscriber in in_flight),
            instant(result.at),
            result.subscriber,
        )
        for result in results
    ]
    if conn.dialect.name == "postgresql":
        columns = tuple(list(column) for column in zip(*rows, strict=True))
        conn.exec_driver_sql(_POSTGRESQL, (*columns, issue_id, holder))
    else:
        conn.exec_driver_sql(_SQLITE, [(*row, issue_id, holder) for row in rows])


def _as_it_is(value: Any) -> Any:
    return value


def slices(ids: Sequence[int]) -> Iterable[Sequence[int]]:
    """Cut *ids* into as many as one statement can hold."""
    return (ids[i : i + AT_ONCE] for i in range(0, len(ids), AT_ONCE))
