"""How many of what there is: for watching, not for deciding."""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import Connection, func, select

from digest.model import Rhythm, SubscriptionState
from digest.store.ledger import WAITING
from digest.store.schema import outbox, subscriptions, suppressions


def subscriptions_by_state(conn: Connection) -> list[tuple[str, str, int]]:
    """Return newsletter, state and how many subscriptions are in it, in that order."""
    both = (subscriptions.c.newsletter, subscriptions.c.state)
    query = select(*both, func.count()).group_by(*both).order_by(*both)
    return [(row[0], row[1], row[2]) for row in conn.execute(query)]


def readers_by_state(conn: Connection, newsletter: str) -> dict[SubscriptionState, int]:
    """Return how many of the newsletter's subscriptions are in each state; the empty are out."""
    counts = {
        f"{rhythm}.{state}": select(func.count())
        .where(
            subscriptions.c.newsletter == newsletter,
            subscriptions.c.rhythm == rhythm,
            subscriptions.c.state == state,
        )
        .scalar_subquery()
        .label(f"{rhythm}.{state}")
        # Each is a stretch of one index, which is counted seven times as fast as grouped.
        for rhythm in Rhythm
        for state in SubscriptionState
    }
    row = conn.execute(select(*counts.values())).one()._mapping
    found = {each: sum(row[f"{r}.{each}"] for r in Rhythm) for each in SubscriptionState}
    return {state: number for state, number in found.items() if number}


def suppressions_by_reason(conn: Connection) -> list[tuple[str, int]]:
    """Return why addresses get nothing, and how many, by reason."""
    reason = suppressions.c.reason
    query = select(reason, func.count()).group_by(reason).order_by(reason)
    return [(row[0], row[1]) for row in conn.execute(query)]


def outbox_owed_since(conn: Connection, *, now: datetime) -> datetime | None:
    """Return since when the oldest small mail that may go by *now* has been owed; None for none."""
    query = select(func.min(outbox.c.due_at)).where(
        outbox.c.state.in_(WAITING), outbox.c.due_at <= now
    )
    return conn.execute(query).scalar()


def reading(conn: Connection, newsletter: str, *, rhythm: Rhythm | None = None) -> int:
    """Return how many readers *newsletter* has, those in a pause among them; of one rhythm."""
    query = select(func.count()).where(
        subscriptions.c.newsletter == newsletter,
        subscriptions.c.state.in_([SubscriptionState.ACTIVE, SubscriptionState.PAUSED]),
    )
    if rhythm is not None:
        query = query.where(subscriptions.c.rhythm == rhythm)
    return int(conn.execute(query).scalar_one())
