"""All mail but the issues: durable rows, each written once, sent with retries of their own."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlalchemy import ColumnElement, Connection, and_, func, or_, select, update

from digest.model import DeliveryState
from digest.store import dialects
from digest.store.schema import outbox

_WAITING = (DeliveryState.PENDING, DeliveryState.DEFERRED)


@dataclass(frozen=True, slots=True, kw_only=True)
class Letter:
    """A row of the outbox."""

    id: int
    idempotency_key: str
    newsletter: str
    kind: str
    address: str
    subject: str
    html: str
    text: str
    #: What the HTML shows as ``cid:picture``; None where it shows none.
    picture: bytes | None
    state: DeliveryState
    due_at: datetime
    #: How often it may have left for the server.
    attempts: int
    answer: str


def put(
    conn: Connection,
    *,
    idempotency_key: str,
    newsletter: str,
    kind: str,
    address: str,
    subject: str,
    html: str,
    text: str,
    due_at: datetime,
    now: datetime,
    picture: bytes | None = None,
) -> bool:
    """
    Write a mail into the outbox; False if one with that key is or was there already.

    *picture*, a PNG, is what the HTML shows as ``cid:picture``. It goes out only if the
    caller's transaction is committed. Calling twice is safe.
    """
    fresh = {
        "idempotency_key": idempotency_key,
        "newsletter": newsletter,
        "kind": kind,
        "address": address,
        "subject": subject,
        "html": html,
        "text": text,
        "picture": picture,
        "state": DeliveryState.PENDING,
        "due_at": due_at,
        "created_at": now,
    }
    insert = dialects.insert(conn, outbox).values(**fresh).on_conflict_do_nothing()
    return conn.execute(insert.returning(outbox.c.id)).first() is not None


def holds(conn: Connection, idempotency_key: str) -> bool:
    """Tell whether a mail with that key is or was in the outbox, before it is rendered."""
    query = select(outbox.c.id).where(outbox.c.idempotency_key == idempotency_key)
    return conn.execute(query).first() is not None


def addressee(conn: Connection, idempotency_key: str) -> str | None:
    """Return to whom the mail with that key goes or went; None if it is not kept."""
    query = select(outbox.c.address).where(outbox.c.idempotency_key == idempotency_key)
    return conn.execute(query).scalar()


def owed(conn: Connection, *, now: datetime) -> bool:
    """Tell whether a mail is due, without the lock that a claim takes."""
    query = select(outbox.c.id).where(outbox.c.due_at <= now, _is_free(now)).limit(1)
    return conn.execute(query).first() is not None


def claim(
    conn: Connection, holder: str, *, now: datetime, lease: timedelta, size: int
) -> list[Letter]:
    """
    Take at most *size* mails that are due, the longest due first; counted as an attempt.

    A mail whose sender died with it comes again after its *lease*: of a confirmation, two
    copies are better than none, and both have one Message-ID.
    """
    due = (
        select(outbox.c.id)
        .where(outbox.c.due_at <= now, _is_free(now))
        .order_by(outbox.c.due_at, outbox.c.id)
        .limit(size)
        .with_for_update(skip_locked=True)
    )
    taken = list(conn.execute(due).scalars())
    conn.execute(
        update(outbox)
        .where(outbox.c.id.in_(taken))
        .values(
            state=DeliveryState.ATTEMPTING,
            claim=holder,
            claimed_until=now + lease,
            attempts=outbox.c.attempts + 1,
            changed_at=now,
        )
    )
    rows = conn.execute(
        select(outbox).where(outbox.c.id.in_(taken)).order_by(outbox.c.due_at, outbox.c.id)
    )
    return [
        Letter(
            id=row.id,
            idempotency_key=row.idempotency_key,
            newsletter=row.newsletter,
            kind=row.kind,
            address=row.address or "",
            subject=row.subject,
            html=row.html,
            text=row.text,
            picture=row.picture,
            state=DeliveryState(row.state),
            due_at=row.due_at,
            attempts=row.attempts,
            answer=row.answer,
        )
        for row in rows
    ]


def _is_free(now: datetime) -> ColumnElement[bool]:
    abandoned = and_(outbox.c.state == DeliveryState.ATTEMPTING, outbox.c.claimed_until < now)
    return or_(outbox.c.state.in_(_WAITING), abandoned)


def settle(
    conn: Connection,
    letter: int,
    holder: str,
    state: DeliveryState,
    answer: str,
    *,
    now: datetime,
    due_at: datetime | None = None,
) -> bool:
    """Write down what became of a mail; False if *holder* does not have it any more."""
    values = {"state": state, "answer": answer, "changed_at": now}
    if due_at is not None:
        values["due_at"] = due_at
    return _of(conn, [letter], holder, values) == 1


def release(conn: Connection, letters: Sequence[int], holder: str) -> int:
    """Give back mails that were not offered to a server after all; no attempt is counted."""
    values = {"state": DeliveryState.PENDING, "attempts": outbox.c.attempts - 1}
    return _of(conn, letters, holder, values)


def _of(conn: Connection, letters: Sequence[int], holder: str, values: dict[str, object]) -> int:
    return conn.execute(
        update(outbox)
        .where(
            outbox.c.id.in_(letters),
            outbox.c.claim == holder,
            outbox.c.state == DeliveryState.ATTEMPTING,
        )
        .values(**values, claim=None, claimed_until=None)
    ).rowcount


@dataclass(frozen=True, slots=True, kw_only=True)
class Posted:
    """What became of a mail, without its words."""

    address: str
    state: DeliveryState
    answer: str
    created_at: datetime


def latest(conn: Connection, prefix: str, *, most: int) -> list[Posted]:
    """Return the newest mails whose idempotency key begins with *prefix*, newest first."""
    query = (
        select(outbox.c.address, outbox.c.state, outbox.c.answer, outbox.c.created_at)
        .where(outbox.c.idempotency_key.startswith(prefix, autoescape=True))
        .order_by(outbox.c.id.desc())
        .limit(most)
    )
    return [
        Posted(
            address=row.address or "",
            state=DeliveryState(row.state),
            answer=row.answer,
            created_at=row.created_at,
        )
        for row in conn.execute(query)
    ]


@dataclass(frozen=True, slots=True, kw_only=True)
class Sent:
    """A mail to somebody, without its words."""

    kind: str
    subject: str
    state: DeliveryState
    created_at: datetime


def is_to(addresses: Sequence[str]) -> ColumnElement[bool]:
    """Return the condition of a mail to one of *addresses*, in capitals or not: as it was typed."""
    small = [address.lower() for address in addresses]
    # SQLite knows small letters of ASCII alone.
    return outbox.c.address.in_(addresses) | func.lower(outbox.c.address).in_(small)


def to(conn: Connection, address: str) -> list[Sent]:
    """Return the mails to that mailbox that are kept, oldest first."""
    query = (
        select(outbox.c.kind, outbox.c.subject, outbox.c.state, outbox.c.created_at)
        .where(is_to([address]))
        .order_by(outbox.c.id)
    )
    return [
        Sent(
            kind=row.kind,
            subject=row.subject,
            state=DeliveryState(row.state),
            created_at=row.created_at,
        )
        for row in conn.execute(query)
    ]


def counts(conn: Connection) -> dict[DeliveryState, int]:
    """Return how many mails are in each state; states without mails are absent."""
    query = select(outbox.c.state, func.count()).group_by(outbox.c.state)
    return {DeliveryState(state): count for state, count in conn.execute(query)}
