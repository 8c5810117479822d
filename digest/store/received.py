"""What one reader was sent, and what came back of it."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import Connection, func, select

from digest.store.schema import bounces, deliveries, issues


@dataclass(frozen=True, slots=True, kw_only=True)
class Received:
    """What became of one issue for one reader."""

    newsletter: str
    issue: str
    state: str
    #: When that was; None while it waits.
    at: datetime | None
    #: The address it went to; "" once retention has dropped it.
    address: str
    answer: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Return:
    """A mail that came back, or came from a reader."""

    at: datetime
    kind: str
    said: str
    outcome: str


def deliveries_to(conn: Connection, subscriber: int) -> list[Received]:
    """Return what became of every issue for that person, oldest first."""
    query = (
        select(
            issues.c.newsletter,
            issues.c.key.label("issue"),
            deliveries.c.state,
            deliveries.c.changed_at.label("at"),
            func.coalesce(deliveries.c.address, "").label("address"),
            deliveries.c.answer,
        )
        .join(issues, issues.c.id == deliveries.c.issue_id)
        .where(deliveries.c.subscriber_id == subscriber)
        .order_by(deliveries.c.issue_id)
    )
    return [Received(**row._asdict()) for row in conn.execute(query)]


def returns_of(conn: Connection, subscriber: int) -> list[Return]:
    """Return what came back of mail to that person, or from them, oldest first."""
    query = (
        select(bounces.c.at, bounces.c.kind, bounces.c.said, bounces.c.outcome)
        .where(bounces.c.subscriber_id == subscriber)
        .order_by(bounces.c.at, bounces.c.id)
    )
    return [Return(**row._asdict()) for row in conn.execute(query)]
