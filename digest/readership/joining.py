"""Joining with a confirmation: nobody becomes a reader by somebody else's typing."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any

from sqlalchemy import Connection

from digest import consent, notices, tokens
from digest.consent import Act
from digest.errors import BadToken
from digest.identity import address_key
from digest.model import Format, IssueState, Rhythm, Subscription, topic_set
from digest.readership import erasure
from digest.readership.people import address_hash, mailbox, plain_name, token_key
from digest.readership.seats import PURPOSE
from digest.store import (
    Database,
    consents,
    issues,
    subscribers,
    subscriptions,
    suppressions,
)

if TYPE_CHECKING:
    from digest.config import Loaded

#: What the token in a confirmation mail is for, and how long it opens.
CONFIRM = "confirm"
CONFIRM_LASTS = timedelta(hours=48)


def ask(
    database: Database,
    loaded: Loaded,
    newsletter: str,
    address: str,
    *,
    name: str = "",
    source: str,
    proof: Mapping[str, Any],
    now: datetime,
) -> str:
    """
    Write down that somebody asked to read; return the token that confirms it for two days.

    Nothing tells who was known before: whoever shows the token has read that mailbox.
    Asking again is safe. ReaderError for an address that is none.
    """
    address = mailbox(address)
    key = address_key(address)
    with database.write() as conn:
        person = {"address": address, "address_key": key, "created_at": now}
        subscribers.add(conn, [{**person, "name": plain_name(name)}])
        subscriber = subscribers.numbers(conn, [key])[key]
        had = subscriptions.find(conn, subscriber, newsletter)
        told = {
            "subscriber_id": subscriber,
            "newsletter": newsletter,
            "state": consent.after(had.state if had else None, Act.ASKED),
            "rhythm": Rhythm.WEEKLY,
            "source": source,
            "changed_at": now,
        }
        subscriptions.add(conn, [told])
        _prove(conn, newsletter, subscriber, Act.ASKED, source=source, proof=proof, now=now)
    expires_at = now + CONFIRM_LASTS
    return tokens.make_until(
        token_key(loaded), CONFIRM, expires_at, subscriber, newsletter, now.isoformat()
    )


def invite(
    database: Database,
    loaded: Loaded,
    newsletter: str,
    address: str,
    *,
    name: str = "",
    source: str,
    proof: Mapping[str, Any],
    now: datetime,
) -> None:
    """
    Write down that somebody asked, and send the mail that confirms it.

    The mail is the same for who is new, reads already, left or is suppressed. It does not
    count: `digest.readership.knock` says before whether there may be one.
    """
    told: dict[str, Any] = {"name": name, "source": source, "proof": proof, "now": now}
    token = ask(database, loaded, newsletter, address, **told)
    with database.write() as conn:
        notices.post(
            conn,
            loaded,
            newsletter_key=newsletter,
            kind="confirm",
            address=mailbox(address),
            idempotency_key=f"confirm:{token}",
            values={"confirm_url": f"{loaded.settings.public_url}/confirm/{token}"},
            language=proof.get("language"),
            sort=Format(proof.get("format", Format.HTML)),
            now=now,
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class Invitation:
    """What the link of a confirmation mail leads to, without saying whose it is."""

    newsletter: str
    #: Path of the newest issue, after `public_url`; "" before the first.
    latest: str
    #: In which they want our words; None: the newsletter's.
    language: str | None = None


def invitation(database: Database, loaded: Loaded, token: str, *, now: datetime) -> Invitation:
    """Return what *token* would confirm, changing nothing; BadToken if it opens nothing."""
    subscriber, newsletter, asked_at = _opened(loaded, token, now)
    with database.read() as conn:
        had, _address = _standing(conn, loaded, subscriber, newsletter, asked_at)
        language = _asked(conn, had, asked_at).get("language") or _language(conn, subscriber)
        latest = _latest(conn, newsletter)
    return Invitation(newsletter=newsletter, latest=latest, language=language)


def confirm(
    database: Database, loaded: Loaded, token: str, *, proof: Mapping[str, Any], now: datetime
) -> Invitation:
    """
    Make a reader of who asked, and welcome them by mail. Calling twice is safe.

    It brings back who left or was suppressed, if that was before they asked. What was chosen
    in the form, ``topics``, ``language`` and ``format`` in the proof of the asking, holds
    from then on; of who reads already nothing changes. BadToken if the token opens nothing,
    or no longer.
    """
    subscriber, newsletter, asked_at = _opened(loaded, token, now)
    with database.write() as conn:
        had, address = _standing(conn, loaded, subscriber, newsletter, asked_at)
        hashed = address_hash(loaded, address_key(address))
        latest = _latest(conn, newsletter)
        erasure.confirmed(conn, database, loaded, hashed, now=now)
        if _activate(conn, had, proof=proof, now=now):
            _choose(conn, loaded, had, asked_at, now=now)
            _welcome(conn, loaded, had, address, latest, now)
        language = _language(conn, subscriber)
    return Invitation(newsletter=newsletter, latest=latest, language=language)


def _opened(loaded: Loaded, token: str, now: datetime) -> tuple[int, str, datetime]:
    parts = tokens.opened_by(token_key(loaded), CONFIRM, token, now=now)
    return int(parts[0]), parts[1], datetime.fromisoformat(parts[2])


def _standing(
    conn: Connection, loaded: Loaded, subscriber: int, newsletter: str, asked_at: datetime
) -> tuple[Subscription, str]:
    """Return the subscription to be confirmed and its address; BadToken if it is too late."""
    person = subscribers.by_id(conn, subscriber)
    had = subscriptions.find(conn, subscriber, newsletter)
    if person is None or had is None or newsletter not in loaded.settings.newsletters:
        raise _over()
    since = suppressions.since(conn, address_hash(loaded, address_key(person.address)))
    if _later(had.left_at, asked_at) or _later(since, asked_at):
        raise _over()
    return had, person.address


def _language(conn: Connection, subscriber: int) -> str | None:
    return subscribers.languages(conn, {subscriber}).get(subscriber)


def _latest(conn: Connection, newsletter: str) -> str:
    states = (IssueState.SENDING, IssueState.STOPPED, IssueState.FINISHED)
    out = (one for one in issues.listed(conn, newsletter, states=states) if one.frozen_at)
    newest = next(out, None)
    return f"/issues/{newsletter}/{newest.of.key}" if newest else ""


def _welcome(
    conn: Connection, loaded: Loaded, had: Subscription, address: str, latest: str, now: datetime
) -> None:
    root = loaded.settings.public_url
    leaving = tokens.make(token_key(loaded), PURPOSE, had.subscriber, had.newsletter)
    chosen = subscriptions.find(conn, had.subscriber, had.newsletter)
    notices.post(
        conn,
        loaded,
        newsletter_key=had.newsletter,
        kind="welcome",
        address=address,
        idempotency_key=f"welcome:{had.newsletter}:{had.subscriber}:{now.isoformat()}",
        values={
            "unsubscribe_url": f"{root}/unsubscribe/{leaving}",
            "latest_url": f"{root}{latest}" if latest else "",
        },
        language=_language(conn, had.subscriber),
        sort=chosen.format if chosen else Format.HTML,
        now=now,
    )


def _activate(
    conn: Connection, had: Subscription, *, proof: Mapping[str, Any], now: datetime
) -> bool:
    """Make *had* a reader's; False if it is one already."""
    state = consent.after(had.state, Act.CONFIRMED)
    if state is had.state:
        return False
    subscriptions.change(
        conn,
        had.subscriber,
        had.newsletter,
        at=now,
        state=state,
        consented_at=now,
        confirmed_at=now,
        left_at=None,
        left_reason="",
    )
    _prove(conn, had.newsletter, had.subscriber, Act.CONFIRMED, source="link", proof=proof, now=now)
    return True


def _choose(
    conn: Connection, loaded: Loaded, had: Subscription, asked_at: datetime, *, now: datetime
) -> None:
    """Make what the form of that instant said of topics, language and format hold."""
    asked = _asked(conn, had, asked_at)
    offered = loaded.settings.newsletters[had.newsletter].topics.offered
    wanted = topic_set(topic for topic in asked.get("topics", ()) if topic in offered)
    # All of them is the whole issue, also when another topic is offered one day.
    topics = [] if len(wanted) == len(offered) else list(wanted)
    sort = {"format": Format(asked["format"])} if "format" in asked else {}
    subscriptions.change(conn, had.subscriber, had.newsletter, at=now, topics=topics, **sort)
    if language := asked.get("language"):
        subscribers.speak(conn, had.subscriber, language)


def _asked(conn: Connection, had: Subscription, asked_at: datetime) -> Mapping[str, Any]:
    """Return what proves the asking of that instant, and what was chosen with it."""
    acts = consents.proofs(conn, had.subscriber, had.newsletter)
    return next((one.proof for one in acts if one.what == Act.ASKED and one.at == asked_at), {})


def _prove(
    conn: Connection,
    newsletter: str,
    subscriber: int,
    act: Act,
    *,
    source: str,
    proof: Mapping[str, Any],
    now: datetime,
) -> None:
    told = {"subscriber": subscriber, "at": now, "what": act, "source": source, "proof": proof}
    consents.prove(conn, newsletter, [told])


def _later(happened_at: datetime | None, asked_at: datetime) -> bool:
    return happened_at is not None and happened_at >= asked_at


def _over() -> BadToken:
    return BadToken("this link does not work any more", remedy="Subscribe anew.")
