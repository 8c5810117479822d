"""Readers: people, each with the one subscription that is asked about."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import (
    ColumnElement,
    Connection,
    Row,
    Select,
    and_,
    func,
    literal,
    or_,
    select,
    true,
)

from digest.conditions import Condition
from digest.model import Rhythm, Subscriber, Subscription, SubscriptionState
from digest.store import dialects, segments
from digest.store import subscribers as people
from digest.store import subscriptions as consented
from digest.store.schema import subscribers, subscriptions

#: Looking at so many one by one is faster than looking through all addresses.
_FEW = 20_000


@dataclass(frozen=True, slots=True, kw_only=True)
class Reader:
    """A person with the one subscription that is asked about; None if there is none."""

    subscriber: Subscriber
    subscription: Subscription | None


def known(conn: Connection, newsletter: str, address_keys: Collection[str]) -> dict[str, Reader]:
    """Return who of *address_keys* is known, with their subscription to *newsletter*."""
    query = (
        select(subscribers, *(c.label(f"s_{c.name}") for c in subscriptions.c))
        .outerjoin(
            subscriptions,
            (subscriptions.c.subscriber_id == subscribers.c.id)
            & (subscriptions.c.newsletter == newsletter),
        )
        .where(dialects.among(conn, subscribers.c.address_key, address_keys))
    )
    return {row.address_key: _reader(row) for row in conn.execute(query)}


def listed(
    conn: Connection,
    newsletter: str,
    *,
    states: Collection[SubscriptionState] = (),
    where: Condition | None = None,
    after: int = 0,
    limit: int = 1000,
) -> list[Reader]:
    """
    Return a page of readers by number, those after the number *after*; the erased are out.

    With *states* or *where*, only those who are in one and meet the other.
    """
    query = (
        _joined(newsletter)
        .where(subscribers.c.id > after, subscribers.c.address.is_not(None))
        .order_by(subscribers.c.id)
        .limit(limit)
    )
    if states:
        query = query.where(subscriptions.c.state.in_(list(states)))
    if where is not None:
        query = query.where(segments.clause(conn, where))
    return [_reader(row) for row in conn.execute(query)]


def found(
    conn: Connection,
    newsletter: str,
    *,
    parts: Sequence[str] = (),
    state: SubscriptionState | None = None,
    after: int | None = None,
    most: int,
) -> list[Reader]:
    """
    Return at most *most* readers whose address has one of *parts*, those after the one *after*.

    In the order of their addresses; in a *state* that few are in, or without *parts*, in
    the order in which they came. *parts* are as `digest.identity.address_parts` has them.
    The erased are out.
    """
    if state and (not parts or _few_are(conn, newsletter, state)):
        return _in_state(conn, newsletter, state, parts, after or 0, most)
    query = _joined(newsletter).order_by(subscribers.c.address_key).limit(most)
    query = query.where(_has_part(parts))
    if state:
        query = query.where(subscriptions.c.state == state)
    if after is not None:
        last = select(subscribers.c.address_key).where(subscribers.c.id == after)
        query = query.where(subscribers.c.address_key > last.scalar_subquery())
    return [_reader(row) for row in conn.execute(query)]


def _in_state(
    conn: Connection,
    newsletter: str,
    state: SubscriptionState,
    parts: Sequence[str],
    after: int,
    most: int,
) -> list[Reader]:
    """Return a page by number: of each rhythm a stretch of the index that freezes use."""
    numbers: list[int] = []
    for rhythm in Rhythm:
        stretch = (
            select(subscriptions.c.subscriber_id)
            .join(subscribers, subscribers.c.id == subscriptions.c.subscriber_id)
            .where(
                subscriptions.c.newsletter == newsletter,
                subscriptions.c.rhythm == rhythm,
                subscriptions.c.state == state,
                subscriptions.c.subscriber_id > after,
                _has_part(parts),
            )
            .order_by(subscriptions.c.subscriber_id)
            .limit(most)
        )
        numbers += conn.execute(stretch).scalars()
    page = sorted(numbers)[:most]
    query = _joined(newsletter).where(subscribers.c.id.in_(page)).order_by(subscribers.c.id)
    return [_reader(row) for row in conn.execute(query)]


def _few_are(conn: Connection, newsletter: str, state: SubscriptionState) -> bool:
    """Tell whether at most `_FEW` readers are in that state; more are not counted."""
    some = (
        select(literal(1).label("one"))
        .where(
            subscriptions.c.newsletter == newsletter,
            subscriptions.c.rhythm.in_(list(Rhythm)),
            subscriptions.c.state == state,
        )
        .limit(_FEW + 1)
        .subquery()
    )
    return conn.execute(select(func.count()).select_from(some)).scalar_one() <= _FEW


def _has_part(parts: Sequence[str]) -> ColumnElement[bool]:
    """Return the condition that somebody has an address, with one of *parts* if there are any."""
    key = subscribers.c.address_key
    named = [key.contains(part, autoescape=True) for part in parts]
    return and_(key.is_not(None), or_(*named) if named else true())


def _joined(newsletter: str) -> Select[Any]:
    return (
        select(subscribers, *(c.label(f"s_{c.name}") for c in subscriptions.c))
        .join(subscriptions, subscriptions.c.subscriber_id == subscribers.c.id)
        .where(subscriptions.c.newsletter == newsletter)
    )


def _reader(row: Row[*tuple[Any, ...]]) -> Reader:
    there = row.s_id is not None
    return Reader(
        subscriber=people.of_row(row), subscription=consented.of_row(row, "s_") if there else None
    )
