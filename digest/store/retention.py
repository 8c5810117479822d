"""What is kept of people for a time only: how much is due to go, and letting it go in slices."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from sqlalchemy import ColumnElement, Connection, Select, case, delete, func, select, update

from digest.model import DeliveryState, SubscriptionState
from digest.store import ledger, turnover
from digest.store.issues import ended
from digest.store.outbox import is_to
from digest.store.schema import (
    bounces,
    consents,
    deliveries,
    issues,
    knocks,
    outbox,
    subscribers,
    subscriptions,
    tasks,
)

#: Rows that go in one transaction, so that nobody else waits for long.
SLICE = 1000


def pending(conn: Connection, *, before: datetime) -> list[int]:
    """Return subscriptions that were asked for before that instant and never confirmed."""
    return list(conn.execute(_pending(before).limit(SLICE)).scalars())


def forget_pending(conn: Connection, found: list[int]) -> None:
    """Drop those subscriptions, and the people who have no other one."""
    whose = list(
        conn.execute(
            select(subscriptions.c.subscriber_id).where(subscriptions.c.id.in_(found))
        ).scalars()
    )
    turnover.take_back(conn, subscriptions.c.id.in_(found))
    conn.execute(delete(consents).where(consents.c.subscription_id.in_(found)))
    conn.execute(delete(subscriptions).where(subscriptions.c.id.in_(found)))
    others = select(subscriptions.c.subscriber_id).where(subscriptions.c.subscriber_id.in_(whose))
    lonely = subscribers.c.id.in_(whose) & subscribers.c.id.not_in(others)
    addresses = [
        each for each in conn.execute(select(subscribers.c.address).where(lonely)).scalars() if each
    ]
    conn.execute(
        update(bounces)
        .where(bounces.c.subscriber_id.in_(select(subscribers.c.id).where(lonely)))
        .values(subscriber_id=None, address=None, said="")
    )
    conn.execute(delete(outbox).where(is_to(addresses)))
    conn.execute(delete(subscribers).where(lonely))


def gone(conn: Connection, *, before: datetime) -> list[tuple[int, str]]:
    """Return (number, address) of people who left everything before that instant."""
    return [(row.id, row.address) for row in conn.execute(_gone(before).limit(SLICE))]


def drop_addresses(conn: Connection, *, before: datetime) -> int:
    """
    Drop addresses that issues went to which ended before that instant; return how many.

    Answers may name them too: of such a one its code is kept.
    """
    old = conn.execute(
        select(deliveries.c.issue_id).where(_addressed(before)).limit(1)
    ).scalar_one_or_none()
    if old is None:
        return 0
    of_issue = (deliveries.c.issue_id == old) & deliveries.c.address.is_not(None)
    whose = select(deliveries.c.subscriber_id).where(of_issue).limit(SLICE)
    named = deliveries.c.answer.like("%@%")
    answer = case((named, func.substr(deliveries.c.answer, 1, 3)), else_=deliveries.c.answer)
    return conn.execute(
        update(deliveries)
        .where(deliveries.c.issue_id == old, deliveries.c.subscriber_id.in_(whose))
        .values(address=None, answer=answer)
    ).rowcount


def drop_bounced_addresses(conn: Connection, *, before: datetime) -> int:
    """Drop whom mails named that came back before that instant; what they said of it stays."""
    some = select(bounces.c.id).where(bounces.c.at < before, bounces.c.address.is_not(None))
    return conn.execute(
        update(bounces).where(bounces.c.id.in_(some.limit(SLICE))).values(address=None)
    ).rowcount


def drop_mails(conn: Connection, *, before: datetime) -> int:
    """Drop small mails that went or failed before that instant; return how many."""
    some = _mails(before).limit(SLICE)
    return conn.execute(delete(outbox).where(outbox.c.id.in_(some))).rowcount


def drop_tasks(conn: Connection, *, before: datetime) -> int:
    """Drop what was asked for at the desk and not heard of since that instant; return how many."""
    some = _tasks(before).limit(SLICE)
    return conn.execute(delete(tasks).where(tasks.c.id.in_(some))).rowcount


def drop_knocks(conn: Connection, *, before: datetime) -> int:
    """Drop who asked to join before that instant: hashes, domains, prefixes."""
    return conn.execute(delete(knocks).where(knocks.c.at < before)).rowcount


def due(
    conn: Connection,
    *,
    pending_before: datetime,
    addresses_before: datetime,
    mails_before: datetime,
    tasks_before: datetime,
    left_before: datetime | None,
    ledgers_before: datetime | None,
) -> dict[str, int]:
    """Return how many of each should have gone by now."""
    queries: dict[str, Select[Any]] = {
        "pending": _pending(pending_before),
        "addresses": select(deliveries.c.subscriber_id).where(_addressed(addresses_before)),
        "mails": _mails(mails_before),
        "tasks": _tasks(tasks_before),
    }
    if left_before is not None:
        queries["left"] = _gone(left_before)
    found = {
        name: int(conn.execute(select(func.count()).select_from(query.subquery())).scalar_one())
        for name, query in queries.items()
    }
    if ledgers_before is not None:
        found["ledger"] = len(ledger.issues_to_put_away(conn, before=ledgers_before))
    return found


def _tasks(before: datetime) -> Select[Any]:
    return select(tasks.c.id).where(tasks.c.heard_at < before)


def _pending(before: datetime) -> Select[Any]:
    # Who asks again is waited for again.
    again = select(consents.c.id).where(
        consents.c.subscription_id == subscriptions.c.id, consents.c.at >= before
    )
    return select(subscriptions.c.id).where(
        subscriptions.c.state == SubscriptionState.PENDING,
        subscriptions.c.changed_at < before,
        ~again.exists(),
    )


def _gone(before: datetime) -> Select[Any]:
    staying = select(subscriptions.c.subscriber_id).where(
        (subscriptions.c.state != SubscriptionState.LEFT) | (subscriptions.c.left_at >= before)
    )
    left = select(subscriptions.c.subscriber_id).where(
        subscriptions.c.state == SubscriptionState.LEFT, subscriptions.c.left_at < before
    )
    return select(subscribers.c.id, subscribers.c.address).where(
        subscribers.c.address.is_not(None),
        subscribers.c.id.in_(left),
        subscribers.c.id.not_in(staying),
    )


def _addressed(before: datetime) -> ColumnElement[bool]:
    over = select(issues.c.id).where(ended(before))
    return deliveries.c.issue_id.in_(over) & deliveries.c.address.is_not(None)


def _mails(before: datetime) -> Select[Any]:
    over = (DeliveryState.SENT, DeliveryState.FAILED, DeliveryState.SKIPPED)
    return select(outbox.c.id).where(outbox.c.state.in_(over), outbox.c.created_at < before)
