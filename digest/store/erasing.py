"""What the database forgets when a person is erased."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

from sqlalchemy import Connection, delete, select, update

from digest.model import SubscriptionState
from digest.store import hooks, turnover
from digest.store import subscriptions as consented
from digest.store.outbox import is_to
from digest.store.schema import (
    bounces,
    consents,
    deliveries,
    issues,
    outbox,
    subscribers,
    subscriptions,
)


def erase(conn: Connection, subscriber: int, *, at: datetime) -> None:
    """
    Forget the person: address, name, attributes and the mail to them; their number stays.

    Deliveries keep what became of them, so that an issue's sums still hold. Calling twice
    is safe.
    """
    addresses = conn.execute(
        select(subscribers.c.address, subscribers.c.wanted_address).where(
            subscribers.c.id == subscriber
        )
    ).one()
    if addresses.address is None:
        # Forgotten already; what else has no address is about others.
        return
    _tell_of_leaving(conn, subscriber, at=at)
    _forget_consent(conn, subscriber, at=at)
    _forget_mail(conn, subscriber, [each for each in addresses if each])
    nothing = {"address": None, "address_key": None, "wanted_address": None, "language": None}
    conn.execute(
        update(subscribers)
        .where(subscribers.c.id == subscriber)
        .values(**nothing, name="", attributes={}, erased_at=at)
    )


def _tell_of_leaving(conn: Connection, subscriber: int, *, at: datetime) -> None:
    """Let other programs hear of each newsletter that the person read until now."""
    left = {"at": at, "what": hooks.LEFT, "subscriber_id": subscriber}
    read = [
        one.newsletter
        for one in consented.of_subscriber(conn, subscriber)
        if one.state in (SubscriptionState.ACTIVE, SubscriptionState.PAUSED)
    ]
    hooks.note(conn, [{**left, "newsletter": one, "detail": {"source": "erased"}} for one in read])


def _forget_consent(conn: Connection, subscriber: int, *, at: datetime) -> None:
    whose = select(subscriptions.c.id).where(subscriptions.c.subscriber_id == subscriber)
    turnover.take_back(conn, subscriptions.c.subscriber_id == subscriber)
    conn.execute(delete(consents).where(consents.c.subscription_id.in_(whose)))
    conn.execute(
        update(subscriptions)
        .where(subscriptions.c.subscriber_id == subscriber)
        .values(
            state=SubscriptionState.LEFT, topics=[], lists=[], source="", left_at=at, changed_at=at
        )
    )


def _forget_mail(conn: Connection, subscriber: int, addresses: Sequence[str]) -> None:
    conn.execute(
        update(deliveries)
        # By the issues, since the rows are in their order: no scan of the whole ledger.
        .where(
            deliveries.c.issue_id.in_(select(issues.c.id)), deliveries.c.subscriber_id == subscriber
        )
        .values(address=None, answer="")
    )
    conn.execute(
        update(bounces)
        .where((bounces.c.subscriber_id == subscriber) | bounces.c.address.in_(addresses))
        .values(address=None, said="")
    )
    # Mail that waits must not go, and of what went even the key may hold the address.
    conn.execute(delete(outbox).where(is_to(addresses)))
