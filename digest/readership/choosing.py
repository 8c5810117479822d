"""
What a reader may choose: topics, rhythm, pause, format, clock, language, and where the mail goes.

Two links open it. The one in every issue chooses, but shows no address and changes none:
issues are forwarded. A fresh one, mailed on request, does that too, for two days.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta
from typing import TYPE_CHECKING, Any
from zoneinfo import available_timezones

from sqlalchemy import Connection

from digest import calendar, consent, notices, tokens
from digest.consent import Act
from digest.errors import BadToken, ReaderError
from digest.identity import address_key
from digest.model import Format, Rhythm, Subscriber, Subscription, SubscriptionState, topic_set
from digest.readership import erasure
from digest.readership.people import address_hash, mailbox, token_key
from digest.store import (
    Database,
    consents,
    readers,
    subscribers,
    subscriptions,
)

if TYPE_CHECKING:
    from digest.config import Loaded
    from digest.model.settings import NewsletterSettings

#: What a fresh link's token, and the one mailed to a new address, are for.
FRESH, MOVE = "preferences", "move"
LASTS = timedelta(hours=48)

#: The longest pause; who wants no mail for longer may leave, and come back.
LONGEST_PAUSE = timedelta(days=366)


@dataclass(frozen=True, slots=True, kw_only=True)
class Choices:
    """What one reader has chosen, without saying who it is unless the link was a fresh one."""

    newsletter: str
    #: False: left, suppressed or erased; nothing can be chosen.
    reads: bool
    topics: tuple[str, ...] = ()
    rhythm: Rhythm = Rhythm.WEEKLY
    #: When mail comes again; None where it is not paused, or without an end.
    paused_until: datetime | None = None
    paused: bool = False
    format: Format = Format.HTML
    #: None: the newsletter's.
    timezone: str | None = None
    #: None: the newsletter's.
    language: str | None = None
    #: "" unless the link was a fresh one.
    address: str = ""
    #: The token that leaves this newsletter.
    leaving: str = ""


# --- opening ------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class _Opened:
    subscriber: int
    newsletter: str
    is_fresh: bool


def choices(database: Database, loaded: Loaded, token: str, *, now: datetime) -> Choices:
    """Return what the reader of *token* chose, changing nothing; BadToken if it opens nothing."""
    link = _opened(loaded, token, now)
    with database.read() as conn:
        return _choices(conn, loaded, link, now)


def _opened(loaded: Loaded, token: str, now: datetime) -> _Opened:
    """Return whose link it is; both purposes are tried, so that the time tells neither."""
    key, found = token_key(loaded), None
    for purpose in (tokens.CHOOSE, FRESH):
        try:
            if purpose == FRESH:
                parts = tokens.opened_by(key, purpose, token, now=now)
            else:
                parts = tokens.opened(key, purpose, token)
        except BadToken as e:
            refusal = e
        else:
            found = _Opened(int(parts[0]), parts[1], purpose == FRESH)
    if found is None:
        raise refusal
    if found.newsletter not in loaded.settings.newsletters:
        raise _over()
    return found


def _choices(conn: Connection, loaded: Loaded, link: _Opened, now: datetime) -> Choices:
    person = subscribers.by_id(conn, link.subscriber)
    had = subscriptions.find(conn, link.subscriber, link.newsletter)
    if person is None or had is None or not consent.allows(had.state, Act.CHANGED):
        language = person.language if person else None
        return Choices(newsletter=link.newsletter, reads=False, language=language)
    until = had.paused_until
    paused = had.state is SubscriptionState.PAUSED and (until is None or until > now)
    offered = loaded.settings.newsletters[link.newsletter].topics.offered
    return Choices(
        newsletter=link.newsletter,
        reads=True,
        # What is not offered any more is not shown, and gone with the next choice.
        topics=tuple(topic for topic in had.topics if topic in offered),
        rhythm=had.rhythm,
        paused_until=until if paused else None,
        paused=paused,
        format=had.format,
        timezone=had.timezone,
        language=person.language,
        address=person.address if link.is_fresh else "",
        leaving=tokens.make(token_key(loaded), tokens.LEAVE, link.subscriber, link.newsletter),
    )


# --- choosing -----------------------------------------------------------------------------


def choose_topics(
    database: Database, loaded: Loaded, token: str, topics: Iterable[str], *, now: datetime
) -> Choices:
    """
    Have items of *topics* only, from the next issue approved on; of all topics if none.

    So it is with every topic that is offered: who wants them all wants new ones too.
    ReaderError for a topic that is not offered. This and the others below: calling twice
    is safe, BadToken if the token opens nothing.
    """

    def values(settings: NewsletterSettings) -> dict[str, Any]:
        wanted = topic_set(topics)
        strange = set(wanted) - set(settings.topics.offered)
        if strange:
            raise ReaderError(f"{settings.title} does not offer the topic {min(strange)!r}")
        every = len(wanted) == len(settings.topics.offered)
        return {"topics": [] if every else list(wanted)}

    return _change(database, loaded, token, Act.CHANGED, values, now=now)


def choose_rhythm(
    database: Database, loaded: Loaded, token: str, rhythm: Rhythm, *, now: datetime
) -> Choices:
    """Get every week's issue or the month's own, from the next freeze on."""

    def values(settings: NewsletterSettings) -> dict[str, Any]:
        if rhythm not in settings.rhythms:
            raise ReaderError(f"{settings.title} has no {rhythm} issues")
        return {"rhythm": rhythm}

    return _change(database, loaded, token, Act.CHANGED, values, now=now)


def choose_format(
    database: Database, loaded: Loaded, token: str, sort: Format, *, now: datetime
) -> Choices:
    """Get HTML with plain text beside it, or plain text alone, from the next freeze on."""
    return _change(database, loaded, token, Act.CHANGED, lambda _: {"format": sort}, now=now)


def choose_timezone(
    database: Database, loaded: Loaded, token: str, zone: str | None, *, now: datetime
) -> Choices:
    """
    Get issues when the clock of *zone* shows the send hour; None: the newsletter's clock.

    ReaderError if there is no such zone, or the newsletter goes by its own clock only.
    """

    def values(settings: NewsletterSettings) -> dict[str, Any]:
        if zone is not None and not (settings.own_clock and zone in available_timezones()):
            raise ReaderError(f"{settings.title} does not go by the clock of {zone}")
        return {"timezone": zone}

    return _change(database, loaded, token, Act.CHANGED, values, now=now)


def pause(database: Database, loaded: Loaded, token: str, until: date, *, now: datetime) -> Choices:
    """
    Get nothing before *until*, a day in the newsletter's zone.

    An issue under way skips the reader from its next message on. ReaderError for a day
    that is not to come, or more than a year ahead.
    """

    def values(settings: NewsletterSettings) -> dict[str, Any]:
        back = calendar.instant(until, time(), settings.zone)
        if not now < back <= now + LONGEST_PAUSE:
            raise ReaderError("a pause ends on a day to come, within a year")
        return {"paused_until": back}

    return _change(database, loaded, token, Act.PAUSED, values, now=now)


def resume(database: Database, loaded: Loaded, token: str, *, now: datetime) -> Choices:
    """Get mail again from the next issue on."""
    return _change(database, loaded, token, Act.RESUMED, lambda _: {"paused_until": None}, now=now)


def choose_language(
    database: Database, loaded: Loaded, token: str, language: str | None, *, now: datetime
) -> Choices:
    """Get small mails in *language*; None: in the newsletter's."""
    link = _opened(loaded, token, now)
    with database.write() as conn:
        had = _reading(conn, link)
        person = subscribers.by_id(conn, had.subscriber)
        if person is not None and person.language != language:
            subscribers.speak(conn, had.subscriber, language)
            proof = {"before": {"language": person.language}, "after": {"language": language}}
            _prove(conn, had, Act.CHANGED, proof, now)
        return _choices(conn, loaded, link, now)


def _change(
    database: Database,
    loaded: Loaded,
    token: str,
    act: Act,
    values: Any,
    *,
    now: datetime,
) -> Choices:
    link = _opened(loaded, token, now)
    told = values(loaded.settings.newsletters[link.newsletter])
    with database.write() as conn:
        had = _reading(conn, link)
        told["state"] = consent.after(had.state, act)
        before, after = ({n: _plain(v) for n, v in each.items()} for each in (_of(had, told), told))
        if before != after:
            subscriptions.change(conn, had.subscriber, had.newsletter, at=now, **told)
            _prove(conn, had, act, {"before": before, "after": after}, now)
        return _choices(conn, loaded, link, now)


def _reading(conn: Connection, link: _Opened) -> Subscription:
    had = subscriptions.find(conn, link.subscriber, link.newsletter)
    if had is None or not consent.allows(had.state, Act.CHANGED):
        raise _over()
    return had


def _of(had: Subscription, told: Mapping[str, Any]) -> dict[str, Any]:
    return {name: getattr(had, name) for name in told}


def _plain(value: Any) -> Any:
    """Return *value* as a proof in JSON holds it."""
    if isinstance(value, datetime):
        return value.isoformat()
    return list(value) if isinstance(value, list | tuple) else value and str(value)


def _prove(
    conn: Connection, had: Subscription, act: Act, proof: Mapping[str, Any], now: datetime
) -> None:
    told = {"subscriber": had.subscriber, "at": now, "what": act, "source": "link", "proof": proof}
    consents.prove(conn, had.newsletter, [told])


# --- a fresh link -------------------------------------------------------------------------


def mail_link(database: Database, loaded: Loaded, token: str, *, now: datetime) -> None:
    """Mail the reader of *token* a link that also shows and changes the address."""
    link = _opened(loaded, token, now)
    with database.write() as conn:
        had, person = _reading(conn, link), subscribers.by_id(conn, link.subscriber)
        if person is not None:
            _mail_link(conn, loaded, had, person, now)


def mail_link_to(
    database: Database, loaded: Loaded, newsletter: str, address: str, *, now: datetime
) -> None:
    """Mail that link to *address* if it is a reader's; nothing tells the caller whether it is."""
    try:
        key = address_key(mailbox(address))
    except ReaderError:
        return
    with database.write() as conn:
        found = readers.known(conn, newsletter, [key]).get(key)
        one = found.subscription if found else None
        if found and one and consent.allows(one.state, Act.CHANGED):
            _mail_link(conn, loaded, one, found.subscriber, now)


def _mail_link(
    conn: Connection, loaded: Loaded, had: Subscription, person: Subscriber, now: datetime
) -> None:
    """Write it into the outbox, once a day: who asks again has one that still opens."""
    newsletter = had.newsletter
    token = tokens.make_until(token_key(loaded), FRESH, now + LASTS, person.id, newsletter)
    notices.post(
        conn,
        loaded,
        newsletter_key=newsletter,
        kind="preferences",
        address=person.address,
        idempotency_key=f"preferences:{newsletter}:{person.id}:{now:%Y-%m-%d}",
        values={"preferences_url": f"{loaded.settings.public_url}/preferences/{token}"},
        language=person.language,
        sort=had.format,
        now=now,
    )


# --- another address ----------------------------------------------------------------------


def ask_to_move(
    database: Database, loaded: Loaded, token: str, address: str, *, now: datetime
) -> None:
    """
    Mail a link to *address* that moves the reader there; until it is used nothing changes.

    It does not count: `digest.readership.knock` says before whether there may be a mail.
    BadToken for the link of an issue, ReaderError for an address that is none.
    """
    link = _opened(loaded, token, now)
    if not link.is_fresh:
        raise _over()
    address = mailbox(address)
    with database.write() as conn:
        had, person = _reading(conn, link), subscribers.by_id(conn, link.subscriber)
        subscribers.want(conn, had.subscriber, address)
        moving = tokens.make_until(
            token_key(loaded),
            MOVE,
            now + LASTS,
            had.subscriber,
            had.newsletter,
            _mark(loaded, address),
        )
        notices.post(
            conn,
            loaded,
            newsletter_key=had.newsletter,
            kind="move",
            address=address,
            idempotency_key=f"move:{moving}",
            values={"move_url": f"{loaded.settings.public_url}/move/{moving}"},
            language=person.language if person else None,
            sort=had.format,
            now=now,
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class Move:
    """Where a reader wants to go, for who reads that mailbox."""

    newsletter: str
    address: str
    #: The reader's own; None: the newsletter's.
    language: str | None = None


def moving(database: Database, loaded: Loaded, token: str, *, now: datetime) -> Move:
    """Return what *token* would do, changing nothing; BadToken if that is nothing any more."""
    link, mark = _opened_move(loaded, token, now)
    with database.read() as conn:
        address = _wanted(conn, loaded, link, mark)
        person = subscribers.by_id(conn, link.subscriber)
        language = person.language if person else None
        return Move(newsletter=link.newsletter, address=address, language=language)


def move(database: Database, loaded: Loaded, token: str, *, now: datetime) -> Move:
    """
    Send the reader's mail to the new address from now on, and tell the old one.

    Calling twice is safe. BadToken if the token opens nothing any more; ReaderError if the
    new address is somebody's already.
    """
    link, mark = _opened_move(loaded, token, now)
    with database.write() as conn:
        address = _wanted(conn, loaded, link, mark)
        had, person = _reading(conn, link), subscribers.by_id(conn, link.subscriber)
        assert person is not None  # noqa: S101 - `_wanted` found one
        key = address_key(address)
        moved = Move(newsletter=link.newsletter, address=address, language=person.language)
        if person.address == address:
            return moved
        owner = subscribers.by_address(conn, key)
        if owner is not None and owner.id != person.id:
            raise ReaderError(
                "this address is a reader's already",
                remedy="It keeps its own subscription. Unsubscribe the other one by its own link.",
            )
        erasure.confirmed(conn, database, loaded, address_hash(loaded, key), now=now)
        subscribers.move(conn, person.id, address, key)
        _prove(conn, had, Act.CHANGED, {"changed": ["address"]}, now)
        _tell_old(conn, loaded, had, person, now)
    return moved


def _opened_move(loaded: Loaded, token: str, now: datetime) -> tuple[_Opened, str]:
    subscriber, newsletter, mark = tokens.opened_by(token_key(loaded), MOVE, token, now=now)
    if newsletter not in loaded.settings.newsletters:
        raise _over()
    return _Opened(int(subscriber), newsletter, is_fresh=True), mark


def _wanted(conn: Connection, loaded: Loaded, link: _Opened, mark: str) -> str:
    """Return the address that the link of that mark moves to; it is still wanted, or reached."""
    person = subscribers.by_id(conn, link.subscriber)
    if person is not None:
        for address in (subscribers.wanted(conn, link.subscriber), person.address):
            if address and _mark(loaded, address) == mark:
                return address
    raise _over()


def _mark(loaded: Loaded, address: str) -> str:
    """Return what a link tells its address by, which it must not hold in clear."""
    return address_hash(loaded, address)[:32]


def _tell_old(
    conn: Connection, loaded: Loaded, had: Subscription, person: Subscriber, now: datetime
) -> None:
    notices.post(
        conn,
        loaded,
        newsletter_key=had.newsletter,
        kind="moved",
        address=person.address,
        idempotency_key=f"moved:{had.newsletter}:{person.id}:{now.isoformat()}",
        values={},
        language=person.language,
        sort=had.format,
        now=now,
    )


def _over() -> BadToken:
    return BadToken("this link does not work any more", remedy="Ask for a fresh one.")
