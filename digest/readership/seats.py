"""What a link in a mail may do: see that one reads a newsletter, leave it, come back."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING, Any

from sqlalchemy import Connection

from digest import consent, tokens
from digest.consent import Act
from digest.errors import BadToken
from digest.identity import address_key
from digest.model import Subscription, SubscriptionState
from digest.readership.people import address_hash, token_key
from digest.store import Database, consents, readers, subscribers, subscriptions, suppressions

if TYPE_CHECKING:
    from digest.config import Loaded

#: What the token in a mail's unsubscribe link is for.
PURPOSE = tokens.LEAVE


#: Why somebody may have left, if they like to say so.
REASONS = ("too-often", "not-relevant", "never-asked", "other")


@dataclass(frozen=True, slots=True, kw_only=True)
class Seat:
    """One person's place among a newsletter's readers, without saying who it is."""

    newsletter: str
    #: Gets no issue: left, suppressed, or erased.
    left: bool
    #: Leaving can be undone.
    can_return: bool
    #: In which they want our words; None: the newsletter's.
    language: str | None = None


def seat(database: Database, loaded: Loaded, token: str) -> Seat:
    """Return the seat that *token* opens, changing nothing; BadToken if it opens none."""
    subscriber, newsletter = _opened(loaded, token)
    with database.read() as conn:
        return _seat_of(conn, loaded, subscriber, newsletter)


@dataclass(frozen=True, slots=True, kw_only=True)
class Leaving:
    """Somebody's wish to leave, opened by their link."""

    subscriber: int
    newsletter: str
    at: datetime
    #: Which door they took: ``link``, ``mail``.
    via: str


def leaving(loaded: Loaded, token: str, *, now: datetime, via: str = "link") -> Leaving:
    """Return what *token* asks for, with no look at the database; BadToken if it opens nothing."""
    subscriber, newsletter = _opened(loaded, token)
    return Leaving(subscriber=subscriber, newsletter=newsletter, at=now, via=via)


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
    (left,) = leave_all(conn, loaded, [leaving(loaded, token, now=now, via=via)])
    return left


def leave_all(conn: Connection, loaded: Loaded, wishes: Sequence[Leaving]) -> list[Seat]:
    """
    Grant many wishes to leave in few statements; return each one's seat, in order.

    As `leave` does, for who stands in it twice too.
    """
    had = _standing(conn, wishes)
    first = {(wish.subscriber, wish.newsletter): wish for wish in reversed(wishes)}
    granted = [
        (wish, consent.after(had[pair].state, Act.LEFT))
        for pair, wish in first.items()
        if pair in had and had[pair].state is not SubscriptionState.LEFT
    ]
    subscriptions.change_all(conn, [_left(wish, state) for wish, state in granted])
    for newsletter in {wish.newsletter for wish, _ in granted}:
        consents.prove(
            conn, newsletter, [_act_of(w) for w, _ in granted if w.newsletter == newsletter]
        )
    return _seats(conn, loaded, wishes)


def _standing(conn: Connection, wishes: Sequence[Leaving]) -> dict[tuple[int, str], Subscription]:
    return subscriptions.of_subscribers(conn, {wish.subscriber for wish in wishes})


def _left(wish: Leaving, state: SubscriptionState) -> dict[str, Any]:
    left_at = wish.at if state is SubscriptionState.LEFT else None
    told = {"subscriber": wish.subscriber, "newsletter": wish.newsletter}
    return {**told, "state": state, "left_at": left_at, "changed_at": wish.at, "left_reason": ""}


def _act_of(wish: Leaving) -> dict[str, Any]:
    told = {"subscriber": wish.subscriber, "at": wish.at}
    return {**told, "what": Act.LEFT, "source": wish.via}


def _seats(conn: Connection, loaded: Loaded, wishes: Sequence[Leaving]) -> list[Seat]:
    """Return where each of *wishes* stands now."""
    now_standing = _standing(conn, wishes)
    whose = {wish.subscriber for wish in wishes}
    barred, languages = _barred(conn, loaded, whose), subscribers.languages(conn, whose)
    return [
        _seat(
            loaded,
            wish.newsletter,
            now_standing.get((wish.subscriber, wish.newsletter)),
            barred=wish.subscriber in barred,
            language=languages.get(wish.subscriber),
        )
        for wish in wishes
    ]


def _barred(conn: Connection, loaded: Loaded, people: Collection[int]) -> set[int]:
    """Return who of *people* is erased, or suppressed since they left."""
    addresses = subscribers.addresses(conn, people)
    hashes = {n: address_hash(loaded, address_key(address)) for n, address in addresses.items()}
    suppressed = suppressions.among(conn, hashes.values())
    return {n for n in people if n not in hashes or hashes[n] in suppressed}


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
        had = subscriptions.find(conn, subscriber, newsletter)
        if had is None or not _seat_of(conn, loaded, subscriber, newsletter).can_return:
            raise BadToken(
                "this link cannot bring you back", remedy="Ask the sender of the newsletter."
            )
        if had.state is SubscriptionState.LEFT:
            _return(conn, had, now=now, via=via)
        return _seat_of(conn, loaded, subscriber, newsletter)


def say_why(database: Database, loaded: Loaded, token: str, reason: str, *, now: datetime) -> Seat:
    """
    Keep why somebody left, one of `REASONS`, if they said it; anything else is nothing said.

    It changes nothing else. Calling twice keeps the last. BadToken if the token opens nothing.
    """
    subscriber, newsletter = _opened(loaded, token)
    with database.write() as conn:
        had = subscriptions.find(conn, subscriber, newsletter)
        if had is not None and had.state is SubscriptionState.LEFT and reason in REASONS:
            subscriptions.change(conn, subscriber, newsletter, at=now, left_reason=reason)
        return _seat_of(conn, loaded, subscriber, newsletter)


def can_return(database: Database, loaded: Loaded, newsletter: str, address: str) -> bool:
    """Tell whether the person at *address* has left and could undo it by a link they have."""
    key = address_key(address)
    with database.read() as conn:
        had = readers.known(conn, newsletter, [key]).get(key)
        one = had.subscription if had else None
        return (
            one is not None
            and one.state is SubscriptionState.LEFT
            and _seat_of(conn, loaded, one.subscriber, newsletter).can_return
        )


def _opened(loaded: Loaded, token: str) -> tuple[int, str]:
    subscriber, newsletter = tokens.opened(token_key(loaded), PURPOSE, token)
    return int(subscriber), newsletter


def _return(conn: Connection, had: Subscription, *, now: datetime, via: str) -> None:
    state = consent.after(had.state, Act.UNDONE)
    values: dict[str, Any] = {"state": state, "left_at": None, "left_reason": ""}
    subscriptions.change(conn, had.subscriber, had.newsletter, at=now, **values)
    told = {"subscriber": had.subscriber, "at": now, "what": Act.UNDONE, "source": via}
    consents.prove(conn, had.newsletter, [told])


def _seat_of(conn: Connection, loaded: Loaded, subscriber: int, newsletter: str) -> Seat:
    had = subscriptions.find(conn, subscriber, newsletter)
    barred = bool(_barred(conn, loaded, {subscriber}))
    language = subscribers.languages(conn, {subscriber}).get(subscriber)
    return _seat(loaded, newsletter, had, barred=barred, language=language)


def _seat(
    loaded: Loaded,
    newsletter: str,
    had: Subscription | None,
    *,
    barred: bool,
    language: str | None,
) -> Seat:
    gone = (SubscriptionState.LEFT, SubscriptionState.SUPPRESSED)
    return Seat(
        newsletter=newsletter,
        left=had is None or had.state in gone,
        can_return=had is not None
        and not barred
        and newsletter in loaded.settings.newsletters
        and consent.allows(had.state, Act.UNDONE),
        language=language,
    )
