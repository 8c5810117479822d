"""The ledger's rows as a report reads them: few columns, page by page."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime
from typing import NamedTuple

from sqlalchemy import Connection, select

from digest.store.schema import deliveries

#: So many rows are in memory at a time.
PAGE = 20_000


class Line(NamedTuple):
    """One reader of an issue, and what became of theirs."""

    subscriber: int
    #: "" after erasure.
    address: str
    state: str
    #: Why skipped, or the verdict on a refusal; "" for none.
    reason: str
    attempts: int
    changed_at: datetime | None
    answer: str


def pages(conn: Connection, issue_id: int) -> Iterator[list[Line]]:
    """Yield all readers of an issue by number, `PAGE` at a time; memory does not grow."""
    columns = (
        deliveries.c.subscriber_id,
        deliveries.c.address,
        deliveries.c.state,
        deliveries.c.reason,
        deliveries.c.attempts,
        deliveries.c.changed_at,
        deliveries.c.answer,
    )
    query = (
        select(*columns)
        .where(deliveries.c.issue_id == issue_id)
        .order_by(deliveries.c.subscriber_id)
        .limit(PAGE)
    )
    after = -1
    while True:
        rows = conn.execute(query.where(deliveries.c.subscriber_id > after)).all()
        if rows:
            yield [
                Line(row[0], row[1] or "", row[2], row[3] or "", row[4], row[5], row[6])
                for row in rows
            ]
            after = rows[-1][0]
        if len(rows) < PAGE:
            return
