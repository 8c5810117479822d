"""The ledger as a report reads it: sums, and rows of few columns, page by page."""

from __future__ import annotations

from collections.abc import Collection, Iterator
from datetime import UTC, datetime
from typing import NamedTuple

from sqlalchemy import Connection, func, select

from digest.model import DeliveryState
from digest.store.ledger.reading import domain_of
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


class Share(NamedTuple):
    """The readers at one domain whose mail is in one state."""

    domain: str
    state: str
    readers: int
    attempts: int
    #: When the last of them came into it.
    last: datetime | None


def by_domain(conn: Connection, issue_id: int) -> list[Share]:
    """Return the issue's readers by domain and state; without those whose address is erased."""
    domain = domain_of(conn)
    query = (
        select(
            domain,
            deliveries.c.state,
            func.count(),
            func.sum(deliveries.c.attempts),
            func.max(deliveries.c.changed_at),
        )
        .where(deliveries.c.issue_id == issue_id, deliveries.c.address.is_not(None))
        .group_by(domain, deliveries.c.state)
    )
    return [Share(row[0], row[1], row[2], int(row[3]), row[4]) for row in conn.execute(query)]


def by_reason(conn: Connection, issue_id: int, state: DeliveryState) -> dict[str, int]:
    """Return why rows are in *state*, with how many; "" where nothing was told."""
    query = (
        select(deliveries.c.reason, func.count())
        .where(deliveries.c.issue_id == issue_id, deliveries.c.state == state)
        .group_by(deliveries.c.reason)
    )
    return {reason or "": count for reason, count in conn.execute(query)}


def by_minute(conn: Connection, issue_id: int) -> dict[datetime, int]:
    """Return how many were sent in each minute (UTC), the earliest first."""
    at = deliveries.c.changed_at
    is_postgresql = conn.dialect.name == "postgresql"
    minute = func.date_trunc("minute", at) if is_postgresql else func.substr(at, 1, 16)
    query = (
        select(minute, func.count())
        .where(
            deliveries.c.issue_id == issue_id,
            deliveries.c.state == DeliveryState.SENT,
            at.is_not(None),
        )
        .group_by(minute)
        .order_by(minute)
    )
    return {_utc(at): count for at, count in conn.execute(query)}


def _utc(told: datetime | str) -> datetime:
    # SQLite has instants as text, in UTC.
    if isinstance(told, str):
        return datetime.fromisoformat(told).replace(tzinfo=UTC)
    return told.astimezone(UTC)


def pages(
    conn: Connection, issue_id: int, *, states: Collection[DeliveryState] = ()
) -> Iterator[list[Line]]:
    """
    Yield readers of an issue by number, `PAGE` at a time; memory does not grow.

    All of them, unless *states* are named.
    """
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
    if states:
        query = query.where(deliveries.c.state.in_(states))
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
