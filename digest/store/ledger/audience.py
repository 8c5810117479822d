"""The freeze: who is owed an issue, and who is left out and why."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from sqlalchemy import Connection, case, func, insert, literal, or_, select

from digest.errors import StoreError
from digest.model import DeliveryState, Rhythm, SkipReason, SubscriptionState
from digest.store.schema import Instant, deliveries, subscribers, subscriptions

#: How a reader stands who gets issues; every other word says why not.
FROZEN = "frozen"


def freeze(
    conn: Connection,
    issue_id: int,
    *,
    newsletter: str,
    rhythm: Rhythm,
    edition_id: int,
    variant_id: int,
    due_at: datetime,
    first_list: str | None = None,
    rest_due_at: datetime | None = None,
) -> tuple[int, dict[str, int]]:
    """
    Write the audience as it is now into the ledger; return how many, and whom it left out.

    Left out by reason: ``pending``, ``paused``, ``left``, ``suppressed``, ``erased``.
    Readers on *first_list* are owed the issue from *due_at*, the others from
    *rest_due_at* (default: *due_at* as well). StoreError, and nothing written, unless
    every candidate is either frozen or left out. To be called once per issue.
    """
    standing = standing_at(due_at).label("standing")
    candidates = (
        select(
            subscriptions.c.subscriber_id,
            subscribers.c.address,
            standing,
            _due(conn, due_at, first_list, rest_due_at).label("due_at"),
        )
        .join(subscribers, subscribers.c.id == subscriptions.c.subscriber_id)
        .where(subscriptions.c.newsletter == newsletter, subscriptions.c.rhythm == rhythm)
        .order_by(subscriptions.c.subscriber_id)
    )
    audience = candidates.where(standing == FROZEN).subquery()
    rows = select(
        literal(issue_id),
        audience.c.subscriber_id,
        literal(edition_id),
        literal(variant_id),
        audience.c.address,
        literal(str(DeliveryState.PENDING)),
        audience.c.due_at,
    ).order_by(audience.c.subscriber_id)
    columns = (
        "issue_id",
        "subscriber_id",
        "edition_id",
        "variant_id",
        "address",
        "state",
        "due_at",
    )
    write = insert(deliveries).from_select(columns, rows, include_defaults=False)
    counted = candidates.order_by(None).subquery()
    return _verified(*_written(conn, write, counted))


def _written(conn: Connection, write: Any, candidates: Any) -> tuple[int, dict[str, int]]:
    """Insert and count in one view of the subscriptions, so that the sums can be compared."""
    groups = select(candidates.c.standing, func.count()).group_by(candidates.c.standing)
    if conn.dialect.name == "postgresql":
        # Two statements would see two states of a table that others write to meanwhile.
        written = write.returning(deliveries.c.subscriber_id).cte("written")
        total = select(
            literal("written"), select(func.count()).select_from(written).scalar_subquery()
        )
        counts = {row[0]: row[1] for row in conn.execute(groups.union_all(total))}
        return counts.pop("written"), counts
    frozen = conn.execute(write).rowcount
    return frozen, {row[0]: row[1] for row in conn.execute(groups)}


def _verified(frozen: int, counts: dict[str, int]) -> tuple[int, dict[str, int]]:
    due = counts.pop(FROZEN, 0)
    if frozen != due:
        raise StoreError(
            f"the freeze wrote {frozen} readers, {due} are due; nothing was kept",
            remedy="Repeat the command; if it happens again: digest doctor",
        )
    return frozen, counts


def standing_at(at: Any) -> Any:
    """Return ``frozen`` for a reader who gets issues at that instant (SQL or not), else why not."""
    back = (subscriptions.c.state == SubscriptionState.PAUSED) & (
        subscriptions.c.paused_until <= at
    )
    return case(
        (subscribers.c.address.is_(None), str(SkipReason.ERASED)),
        (subscriptions.c.state == SubscriptionState.ACTIVE, FROZEN),
        (back, FROZEN),
        else_=subscriptions.c.state,
    )


def _due(
    conn: Connection, due_at: datetime, first_list: str | None, rest_due_at: datetime | None
) -> Any:
    if first_list is None or rest_due_at is None:
        return literal(due_at, Instant)
    each = func.json_array_elements_text if conn.dialect.name == "postgresql" else func.json_each
    names = each(subscriptions.c.lists).table_valued("value")
    first = select(1).select_from(names).where(names.c.value == first_list).exists()
    return case((first, literal(due_at, Instant)), else_=literal(rest_due_at, Instant))


def audience(
    conn: Connection, newsletter: str, rhythm: Rhythm, *, at: datetime | None = None
) -> int:
    """Return how many readers a freeze would write; those whose pause ends by *at* count."""
    query = select(func.count()).where(
        subscriptions.c.newsletter == newsletter, subscriptions.c.rhythm == rhythm
    )
    active = subscriptions.c.state == SubscriptionState.ACTIVE
    if at is not None:
        active = or_(
            active,
            (subscriptions.c.state == SubscriptionState.PAUSED)
            & (subscriptions.c.paused_until <= at),
        )
    return int(conn.execute(query.where(active)).scalar_one())
