"""Counting and listing what the ledger holds."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import datetime
from itertools import pairwise
from typing import Any

from sqlalchemy import ColumnElement, Connection, Select, case, func, select

from digest.model import Delivery, DeliveryState, Recipient, Tally
from digest.store.ledger import hot
from digest.store.ledger.summaries import summary
from digest.store.schema import deliveries, issues, senders, subscribers

#: A reader in one of these states waits for a sender.
WAITING = (DeliveryState.PENDING, DeliveryState.DEFERRED)


def tally(conn: Connection, issue_id: int) -> Tally:
    """
    Return the issue's rows by state, beside the number that the freeze wrote down.

    Of a ledger that was put away the count from then.
    """
    if (kept := summary(conn, issue_id)) is not None:
        return Tally(frozen=kept.figures["frozen"], by_state=_states(kept.figures["by_state"]))
    groups = conn.execute(
        select(deliveries.c.state, func.count())
        .where(deliveries.c.issue_id == issue_id)
        .group_by(deliveries.c.state)
    )
    by_state = {DeliveryState(state): count for state, count in groups}
    if flying := len(in_flight(conn, issue_id)):
        # Their rows are claimed ones until there is a result.
        claimed = by_state.pop(DeliveryState.CLAIMED, 0) - flying
        by_state |= {DeliveryState.ATTEMPTING: flying}
        by_state |= {DeliveryState.CLAIMED: claimed} if claimed else {}
    frozen = conn.execute(select(issues.c.frozen).where(issues.c.id == issue_id)).scalar()
    return Tally(frozen=sum(by_state.values()) if frozen is None else frozen, by_state=by_state)


def _states(counts: dict[str, int]) -> dict[DeliveryState, int]:
    return {DeliveryState(state): count for state, count in counts.items()}


def in_flight(conn: Connection, issue_id: int) -> frozenset[int]:
    """Return whose messages may be on their way: attempted, and no result on record yet."""
    of_senders = select(senders.c.in_flight).where(senders.c.issue_id == issue_id)
    return frozenset(whose for ids in conn.execute(of_senders).scalars() for whose in ids)


def listed(
    conn: Connection,
    issue_id: int,
    state: DeliveryState | None = None,
    *,
    after: int | None = None,
    limit: int = 100,
) -> list[Delivery]:
    """
    Return what was sent to whom, by subscriber id, at most *limit* rows.

    *after* is the last subscriber of the page before.
    """
    flying = in_flight(conn, issue_id)
    query = rows_of(issue_id).order_by(deliveries.c.subscriber_id).limit(limit)
    if state is DeliveryState.ATTEMPTING:
        query = query.where(deliveries.c.subscriber_id.in_(flying))
    elif state is not None:
        query = query.where(deliveries.c.state == state)
    if state is DeliveryState.CLAIMED:
        query = query.where(deliveries.c.subscriber_id.not_in(flying))
    if after is not None:
        query = query.where(deliveries.c.subscriber_id > after)
    return [delivery(row, flying=flying) for row in conn.execute(query)]


def attempted(conn: Connection, issue_id: int) -> bool:
    """Tell whether bytes of any message of the issue may have left."""
    query = select(1).where(deliveries.c.issue_id == issue_id, deliveries.c.attempts > 0).limit(1)
    return conn.execute(query).first() is not None or bool(in_flight(conn, issue_id))


def attempted_between(conn: Connection, moments: Sequence[datetime]) -> list[int]:
    """
    Return how many readers of any issue were last written to between each two *moments*.

    The moments ascend; there is one number less than moments. For daily limits.
    """
    at = deliveries.c.changed_at
    counts = [
        func.coalesce(func.sum(case(((at >= start) & (at < end), 1), else_=0)), 0)
        for start, end in pairwise(moments)
    ]
    query = select(*counts).where(deliveries.c.attempts > 0, at >= moments[0])
    return [int(count) for count in conn.execute(query).one()]


def accepted_since(conn: Connection, issue_id: int, moment: datetime) -> bool:
    """Tell whether the server took a message of the issue after that moment."""
    query = select(1).where(
        deliveries.c.issue_id == issue_id,
        deliveries.c.state == DeliveryState.SENT,
        deliveries.c.changed_at > moment,
    )
    return conn.execute(query.limit(1)).first() is not None


def next_due(conn: Connection, issue_id: int) -> datetime | None:
    """Return when the next waiting reader is owed the issue; None if nobody waits."""
    moments = [
        conn.execute(
            select(func.min(deliveries.c.due_at)).where(
                deliveries.c.issue_id == issue_id, deliveries.c.state == state
            )
        ).scalar_one()
        for state in WAITING
    ]
    return min((moment for moment in moments if moment is not None), default=None)


def last_due(conn: Connection, issue_id: int) -> datetime | None:
    """Return when the last of those who were not tried yet is owed the issue; None for none."""
    query = select(func.max(deliveries.c.due_at)).where(
        deliveries.c.issue_id == issue_id, deliveries.c.state == DeliveryState.PENDING
    )
    found: datetime | None = conn.execute(query).scalar_one()
    return found


@dataclass(frozen=True, slots=True, kw_only=True)
class Trouble:
    """Readers at one domain whose mail did not go through at the last attempt."""

    domain: str
    #: ``deferred``, ``failed`` or ``uncertain``.
    state: DeliveryState
    readers: int
    #: One of the answers that they got.
    answer: str


#: A table that can be taken in at a glance.
_MOST_TROUBLES = 8


def troubles(conn: Connection, issue_id: int) -> list[Trouble]:
    """Return where the issue does not get through, the domains with most readers first."""
    domain = domain_of(conn)
    query = (
        select(domain, deliveries.c.state, func.count(), func.max(deliveries.c.answer))
        .where(
            deliveries.c.issue_id == issue_id,
            deliveries.c.state.in_(_TROUBLED),
            deliveries.c.address.is_not(None),
        )
        .group_by(domain, deliveries.c.state)
        .order_by(func.count().desc(), domain)
        .limit(_MOST_TROUBLES)
    )
    return [
        Trouble(domain=row[0], state=DeliveryState(row[1]), readers=row[2], answer=row[3])
        for row in conn.execute(query)
    ]


def domain_of(conn: Connection) -> ColumnElement[str]:
    """Return what stands behind the @ of a row's address, in small letters."""
    address, at = deliveries.c.address, "@"
    return func.lower(
        func.split_part(address, at, 2)
        if conn.dialect.name == "postgresql"
        else func.substr(address, func.instr(address, at) + 1)
    )


_TROUBLED = (DeliveryState.DEFERRED, DeliveryState.FAILED, DeliveryState.UNCERTAIN)


def due(conn: Connection, issue_id: int, *, now: datetime, most: int) -> int:
    """Return how many readers are owed the issue by *now* and nobody has; at most *most*."""
    query = (
        select(1)
        .where(
            deliveries.c.issue_id == issue_id,
            deliveries.c.state.in_(WAITING),
            deliveries.c.due_at <= now,
        )
        .limit(most)
    )
    return int(conn.execute(select(func.count()).select_from(query.subquery())).scalar_one())


def rows_of(issue_id: Any) -> Select[Any]:
    """Return the query for the rows that `delivery` reads."""
    return (
        select(
            deliveries.c.issue_id,
            deliveries.c.subscriber_id,
            deliveries.c.edition_id,
            deliveries.c.variant_id,
            deliveries.c.state,
            deliveries.c.due_at,
            deliveries.c.attempts,
            deliveries.c.answer,
            deliveries.c.changed_at,
            deliveries.c.address,
            subscribers.c.address.label("present_address"),
            subscribers.c.name,
        )
        .outerjoin(subscribers, subscribers.c.id == deliveries.c.subscriber_id)
        .where(deliveries.c.issue_id == issue_id)
    )


def delivery(
    row: Sequence[Any], *, present: bool = False, flying: Collection[int] = frozenset()
) -> Delivery:
    """Return a row of `rows_of`; *present*: with the address that the reader has now."""
    issue, whose, edition, variant, state, due_at, attempts, answer, changed_at, *who = row
    address, now, name = who
    return Delivery(
        issue=issue,
        recipient=Recipient(
            subscriber=whose, address=(present and now) or address or "", name=name or ""
        ),
        edition=edition,
        variant=variant,
        state=DeliveryState.ATTEMPTING if whose in flying else DeliveryState(state),
        due_at=hot.moment(due_at),
        attempts=attempts,
        answer=answer,
        changed_at=hot.moment(changed_at),
    )
