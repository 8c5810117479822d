"""Each person's consent to a newsletter: its state, rhythm, topics and lists."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, Row, bindparam, select, update

from digest.model import Format, Rhythm, Subscription, SubscriptionState
from digest.store import dialects
from digest.store.schema import subscriptions


def find(conn: Connection, subscriber: int, newsletter: str) -> Subscription | None:
    """Return that person's consent to that newsletter; None if they never gave one."""
    row = conn.execute(
        select(subscriptions).where(
            subscriptions.c.subscriber_id == subscriber, subscriptions.c.newsletter == newsletter
        )
    ).one_or_none()
    return of_row(row) if row else None


def of_subscriber(conn: Connection, subscriber: int) -> list[Subscription]:
    """Return all consents of that person, by newsletter."""
    query = (
        select(subscriptions)
        .where(subscriptions.c.subscriber_id == subscriber)
        .order_by(subscriptions.c.newsletter)
    )
    return [of_row(row) for row in conn.execute(query)]


def of_subscribers(
    conn: Connection, subscribers: Collection[int]
) -> dict[tuple[int, str], Subscription]:
    """Return all consents of those people, by person and newsletter."""
    query = select(subscriptions).where(subscriptions.c.subscriber_id.in_(list(subscribers)))
    found = (of_row(row) for row in conn.execute(query))
    return {(one.subscriber, one.newsletter): one for one in found}


def add(conn: Connection, consented: Sequence[Mapping[str, Any]]) -> None:
    """
    Add subscriptions where a person has none to that newsletter; who has one, keeps it.

    Each has ``subscriber_id``, ``newsletter``, ``state``, ``source``, ``changed_at`` and,
    where told, the other columns.
    """
    if consented:
        usual: dict[str, Any] = {
            "rhythm": Rhythm.WEEKLY,
            "topics": [],
            "lists": [],
            "consented_at": None,
            "confirmed_at": None,
            "left_at": None,
        }
        insert = dialects.insert(conn, subscriptions).on_conflict_do_nothing(
            index_elements=["subscriber_id", "newsletter"]
        )
        dialects.insert_all(conn, insert, [{**usual, **one} for one in consented])


def change(
    conn: Connection, subscriber: int, newsletter: str, *, at: datetime, **values: Any
) -> None:
    """Set columns of a subscription; a sender at work sees it before its next transaction."""
    conn.execute(
        update(subscriptions)
        .where(
            subscriptions.c.subscriber_id == subscriber, subscriptions.c.newsletter == newsletter
        )
        .values(**values, changed_at=at)
    )


def change_all(conn: Connection, changed: Sequence[Mapping[str, Any]]) -> None:
    """
    Set ``state``, ``left_at``, ``left_reason`` and ``changed_at`` of many subscriptions.

    Each has these and whose it is, ``subscriber`` and ``newsletter``.
    """
    if changed:
        theirs = subscriptions.c.subscriber_id == bindparam("subscriber")
        statement = update(subscriptions).where(
            theirs, subscriptions.c.newsletter == bindparam("whose")
        )
        conn.execute(statement, [_renamed(one) for one in changed])


def _renamed(changed: Mapping[str, Any]) -> dict[str, Any]:
    """Return *changed* with a name for its newsletter that no column has."""
    return {("whose" if name == "newsletter" else name): told for name, told in changed.items()}


def of_row(row: Row[*tuple[Any, ...]], prefix: str = "") -> Subscription:
    """Return the subscription of a row whose columns' names begin with *prefix*."""
    told = {name.removeprefix(prefix): value for name, value in row._mapping.items()}
    return Subscription(
        subscriber=told["subscriber_id"],
        newsletter=told["newsletter"],
        state=SubscriptionState(told["state"]),
        rhythm=Rhythm(told["rhythm"]),
        topics=tuple(told["topics"]),
        format=Format(told["format"]),
        timezone=told["timezone"],
        lists=tuple(told["lists"]),
        source=told["source"],
        consented_at=told["consented_at"],
        confirmed_at=told["confirmed_at"],
        paused_until=told["paused_until"],
        left_at=told["left_at"],
        left_reason=told["left_reason"],
    )
