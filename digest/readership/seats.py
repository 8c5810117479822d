"""What a link in a mail may do: see that one reads a newsletter, leave it, come back."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING

from sqlalchemy import Connection

from digest import consent, tokens
from digest.consent import Act
from digest.errors import BadToken
from digest.identity import address_key
from digest.model import Subscription, SubscriptionState
from digest.readership.people import address_hash, token_key
from digest.store import Database, readers

if TYPE_CHECKING:
    from digest.config import Loaded

#: What the token in a mail's unsubscribe link is for.
PURPOSE = tokens.LEAVE


#: Why somebody may have left, if they like to say so: the word that is kept, and the sentence.
REASONS = {
    "too-often": "It comes too often",
    "not-relevant": "It is not about what I need",
    "never-asked": "I never asked for it",
    "other": "Another reason",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Seat:
    """One person's place among a newsletter's readers, without saying who it is."""

    newsletter: str
    #: Gets no issue: left, suppressed, or erased.
    left: bool
    #: Leaving can be undone.
    can_return: bool


def seat(database: Database, loaded: Loaded, token: str) -> Seat:
    """Return the seat that *token* opens, changing nothing; BadToken if it opens none."""
    subscriber, newsletter = _opened(loaded, token)
    with database.read() as conn:
        return _seat(conn, loaded, newsletter, readers.subscription(conn, subscriber, newsletter))


def leave(
    database: Database, loaded: Loaded, token: str, *, now: datetime, via: str = "link"
) -> Seat:
    """
    Leave the newsletter now; a sender at work skips the reader from its next message on.

    Calling twice is safe, and leaving again, or after being erased, is the same success
    (RFC 8058 section 3.2). A newsletter that the configuration no longer has can be left
    too. BadToken if the token opens nothing.
    """
    with database.write() as conn:
        return leave_within(conn, loaded, token, now=now, via=via)


def leave_within(
    conn: Connection, loaded: Loaded, token: str, *, now: datetime, via: str = "link"
) -> Seat:
    """Do the same as `leave` as a step of the caller's transaction."""
    subscriber, newsletter = _opened(loaded, token)
    had = readers.subscription(conn, subscriber, newsletter)
    if had is not None and had.state is not SubscriptionState.LEFT:
        _act(conn, had, Act.LEFT, now=now, via=via)
    return _seat(conn, loaded, newsletter, readers.subscription(conn, subscriber, newsletter))


def undo(
    database: Database, loaded: Loaded, token: str, *, now: datetime, via: str = "link"
) -> Seat:
    """
    Come back after leaving. Calling twice is safe.

    BadToken if the token opens nothing, or for a suppressed or erased reader, whom only a
    new confirmation brings back.
    """
    subscriber, newsletter = _opened(loaded, token)
    with database.write() as conn:
        had = readers.subscription(conn, subscriber, newsletter)
        if had is None or not _seat(conn, loaded, newsletter, had).can_return:
            raise BadToken(
                "this link cannot bring you back", remedy="Ask the sender of the newsletter."
            )
        if had.state is SubscriptionState.LEFT:
            _act(conn, had, Act.UNDONE, now=now, via=via)
        return _seat(conn, loaded, newsletter, readers.subscription(conn, subscriber, newsletter))


def say_why(database: Database, loaded: Loaded, token: str, reason: str, *, now: datetime) -> Seat:
    """
    Keep why somebody left, one of `REASONS`, if they said it; anything else is nothing said.

    It changes nothing else. Calling twice keeps the last. BadToken if the token opens nothing.
    """
    subscriber, newsletter = _opened(loaded, token)
    with database.write() as conn:
        had = readers.subscription(conn, subscriber, newsletter)
        if had is not None and had.state is SubscriptionState.LEFT and reason in REASONS:
            readers.change(conn, subscriber, newsletter, at=now, left_reason=reason)
        return _seat(conn, loaded, newsletter, had)


def can_return(database: Database, loaded: Loaded, newsletter: str, address: str) -> bool:
    """Tell whether the person at *address* has left and could undo it by a link they have."""
    key = address_key(address)
    with database.read() as conn:
        had = readers.known(conn, newsletter, [key]).get(key)
        one = had.subscription if had else None
        return (
            one is not None
            and one.state is SubscriptionState.LEFT
            and _seat(conn, loaded, newsletter, one).can_return
        )


def _opened(loaded: Loaded, token: str) -> tuple[int, str]:
    subscriber, newsletter = tokens.opened(token_key(loaded), PURPOSE, token)
    return int(subscriber), newsletter


def _act(conn: Connection, had: Subscription, act: Act, *, now: datetime, via: str) -> None:
    state = consent.after(had.state, act)
    readers.change(
        conn,
        had.subscriber,
        had.newsletter,
        at=now,
        state=state,
        left_at=now if state is SubscriptionState.LEFT else None,
        left_reason="",
    )
    told = {"subscriber": had.subscriber, "at": now, "what": act, "source": via}
    readers.prove(conn, had.newsletter, [told])


def _seat(conn: Connection, loaded: Loaded, newsletter: str, had: Subscription | None) -> Seat:
    gone = (SubscriptionState.LEFT, SubscriptionState.SUPPRESSED)
    return Seat(
        newsletter=newsletter,
        left=had is None or had.state in gone,
        can_return=had is not None
        and newsletter in loaded.settings.newsletters
        and consent.allows(had.state, Act.UNDONE)
        and _may_be_written_to(conn, loaded, had.subscriber),
    )


def _may_be_written_to(conn: Connection, loaded: Loaded, subscriber: int) -> bool:
    """Tell whether that person is neither erased nor suppressed since they left."""
    person = readers.by_id(conn, subscriber)
    if person is None:
        return False
    hashed = address_hash(loaded, address_key(person.address))
    return not readers.suppressed(conn, [hashed])
