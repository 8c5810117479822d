"""What somebody at the desk does for a reader who asked: end one subscription, or all for good."""

from __future__ import annotations

from datetime import datetime
from typing import TYPE_CHECKING

from sqlalchemy import Connection

from digest.consent import Act
from digest.identity import address_key
from digest.readership.people import address_hash
from digest.readership.seats import Leaving, Seat, leave_all
from digest.store import Database, consents, subscribers, subscriptions, suppressions
from digest.store.history import Log, unlogged

if TYPE_CHECKING:
    from digest.config import Loaded


def unsubscribe(
    database: Database,
    loaded: Loaded,
    subscriber: int,
    newsletter: str,
    *,
    by: str,
    now: datetime,
    log: Log = unlogged,
) -> Seat:
    """
    Leave a newsletter for a reader who asked for it; return where they stand now.

    As if they had used their own link, with *by* as the proof: they may come back by it.
    Calling twice is safe.
    """
    wish = Leaving(subscriber=subscriber, newsletter=newsletter, at=now, via=f"desk: {by}")
    with database.write() as conn:
        (seat,) = leave_all(conn, loaded, [wish])
        log(conn)
    return seat


def suppress(
    database: Database,
    loaded: Loaded,
    subscriber: int,
    *,
    by: str,
    now: datetime,
    log: Log = unlogged,
) -> bool:
    """
    Write to that person no more, in any newsletter, whoever imports them again.

    Only a confirmation of their own brings them back. Calling twice is safe; False for
    nobody, or somebody erased.
    """
    with database.write() as conn:
        suppressed = suppress_within(conn, loaded, subscriber, "desk", by, now=now)
        if suppressed:
            log(conn)
    return suppressed


def suppress_within(
    conn: Connection, loaded: Loaded, subscriber: int, reason: str, said: str, *, now: datetime
) -> bool:
    """Do the same as `suppress` as a step of the caller's transaction, for a *reason*."""
    person = subscribers.by_id(conn, subscriber)
    if person is None:
        return False
    hashed = address_hash(loaded, address_key(person.address))
    suppressions.add(conn, hashed, reason=reason, at=now, detail=said)
    for one in subscriptions.of_subscriber(conn, subscriber):
        act = {"subscriber": subscriber, "at": now, "what": Act.SUPPRESSED, "source": reason}
        consents.prove(conn, one.newsletter, [act])
    suppressions.bar(conn, subscriber, at=now)
    return True
