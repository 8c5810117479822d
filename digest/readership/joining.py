"""Joining with a confirmation: nobody becomes a reader by somebody else's typing."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any

from sqlalchemy import Connection

from digest import consent, tokens
from digest.consent import Act
from digest.errors import BadToken
from digest.identity import address_key
from digest.model import Rhythm, Subscription
from digest.readership.people import address_hash, mailbox, plain_name, token_key
from digest.store import Database, readers

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
        readers.add(conn, [{**person, "name": plain_name(name)}])
        subscriber = readers.numbers(conn, [key])[key]
        had = readers.subscription(conn, subscriber, newsletter)
        told = {
            "subscriber_id": subscriber,
            "newsletter": newsletter,
            "state": consent.after(had.state if had else None, Act.ASKED),
            "rhythm": Rhythm.WEEKLY,
            "source": source,
            "changed_at": now,
        }
        readers.subscribe(conn, [told])
        _prove(conn, newsletter, subscriber, Act.ASKED, source=source, proof=proof, now=now)
    expires_at = now + CONFIRM_LASTS
    return tokens.make_until(
        token_key(loaded), CONFIRM, expires_at, subscriber, newsletter, now.isoformat()
    )


def confirm(
    database: Database, loaded: Loaded, token: str, *, proof: Mapping[str, Any], now: datetime
) -> str:
    """
    Make a reader of who asked; return the newsletter's key. Calling twice is safe.

    It brings back who left or was suppressed, if that was before they asked. BadToken if
    the token opens nothing, or no longer.
    """
    parts = tokens.opened_by(token_key(loaded), CONFIRM, token, now=now)
    subscriber, newsletter, asked_at = int(parts[0]), parts[1], datetime.fromisoformat(parts[2])
    with database.write() as conn:
        person = readers.by_id(conn, subscriber)
        had = readers.subscription(conn, subscriber, newsletter)
        if person is None or had is None:
            raise _over()
        hashed = address_hash(loaded, address_key(person.address))
        since = readers.suppressed_at(conn, hashed)
        if _later(had.left_at, asked_at) or _later(since, asked_at):
            raise _over()
        readers.lift(conn, hashed)
        _activate(conn, had, proof=proof, now=now)
    return newsletter


def _activate(
    conn: Connection, had: Subscription, *, proof: Mapping[str, Any], now: datetime
) -> None:
    state = consent.after(had.state, Act.CONFIRMED)
    if state is had.state:
        return
    readers.change(
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
    readers.prove(conn, newsletter, [told])


def _later(happened_at: datetime | None, asked_at: datetime) -> bool:
    return happened_at is not None and happened_at >= asked_at


def _over() -> BadToken:
    return BadToken("this link does not work any more", remedy="Subscribe anew.")
