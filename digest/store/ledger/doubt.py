"""What a restored ledger cannot know, and what the mail server's log can tell of it."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

from sqlalchemy import Connection, delete, func, select, update

from digest.model import DeliveryState
from digest.store.dialects import chunks
from digest.store.ledger.reading import WAITING
from digest.store.schema import deliveries, issues, senders


def doubt(conn: Connection, issue_id: int, answer: str, *, now: datetime) -> int:
    """
    Make everybody who is not settled uncertain, with *answer*; return how many.

    For a ledger older than the last mail: whoever was owed the issue when it was copied
    may have got it since.
    """
    unsettled = (*WAITING, DeliveryState.CLAIMED)
    # Whoever was sending when it was copied does not send from here.
    conn.execute(delete(senders).where(senders.c.issue_id == issue_id))
    return conn.execute(
        update(deliveries)
        .where(deliveries.c.issue_id == issue_id, deliveries.c.state.in_(unsettled))
        .values(
            state=DeliveryState.UNCERTAIN,
            answer=answer,
            claim=None,
            changed_at=now,
        )
    ).rowcount


def uncertain(conn: Connection, issue_id: int, *, after: int = 0, limit: int = 1000) -> list[int]:
    """Return the uncertain readers' ids above *after*, ascending, at most *limit*."""
    query = (
        select(deliveries.c.subscriber_id)
        .where(
            deliveries.c.issue_id == issue_id,
            deliveries.c.state == DeliveryState.UNCERTAIN,
            deliveries.c.subscriber_id > after,
        )
        .order_by(deliveries.c.subscriber_id)
        .limit(limit)
    )
    return list(conn.execute(query).scalars())


def doubtful(
    conn: Connection, newsletter: str, *, below: int | None = None, limit: int
) -> dict[int, int]:
    """
    Return the newsletter's issues with uncertain readers, the newest first, and how many.

    With *below* only issues of a lower number.
    """
    theirs = (
        deliveries.c.issue_id == issues.c.id,
        deliveries.c.state == DeliveryState.UNCERTAIN,
    )
    # Asked of each issue by the index: the ledger's rows of all issues are too many to group.
    count = select(func.count()).where(*theirs).correlate(issues).scalar_subquery()
    query = (
        select(issues.c.id, count)
        .where(
            issues.c.newsletter == newsletter,
            issues.c.frozen_at.is_not(None),
            select(1).where(*theirs).correlate(issues).exists(),
        )
        .order_by(issues.c.id.desc())
        .limit(limit)
    )
    if below is not None:
        query = query.where(issues.c.id < below)
    return {row[0]: row[1] for row in conn.execute(query)}


def vouch(
    conn: Connection, issue_id: int, readers: Sequence[int] | None, answer: str, *, now: datetime
) -> int:
    """Make uncertain *readers*, or all of them, sent, with *answer* as proof; return how many."""
    uncertain = (
        update(deliveries)
        .where(deliveries.c.issue_id == issue_id, deliveries.c.state == DeliveryState.UNCERTAIN)
        .values(state=DeliveryState.SENT, answer=answer, changed_at=now)
    )
    if readers is None:
        return conn.execute(uncertain).rowcount
    parts = chunks(readers)
    return sum(
        conn.execute(uncertain.where(deliveries.c.subscriber_id.in_(part))).rowcount
        for part in parts
    )
