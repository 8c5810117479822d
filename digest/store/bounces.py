"""What came back by mail: facts beside deliveries, each kept once; how far mailboxes were read."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, Row, and_, func, or_, select, update

from digest.model import DeliveryState
from digest.store import dialects
from digest.store.schema import bounces, deliveries, issues, mailboxes

#: The key of a fact that our own conversation with a mail server brought.
LEDGER = "ledger"


@dataclass(frozen=True, slots=True, kw_only=True)
class Fact:
    """One mail's word about one person, and what followed from it."""

    key: str
    #: Which of the mail's recipients.
    place: int = 0
    at: datetime
    kind: str
    subscriber: int | None = None
    issue: int | None = None
    verdict: str = ""
    said: str = ""
    address: str = ""
    outcome: str
    done_at: datetime | None = None
    #: 0 until it is kept.
    id: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class Tried:
    """An issue that was sent to a reader: when, and whether it came back."""

    at: datetime
    came_back: bool


def known(conn: Connection, keys: Collection[str]) -> set[str]:
    """Return those of *keys* that were read before."""
    query = select(bounces.c.key).where(bounces.c.key.in_(list(keys))).distinct()
    return set(conn.execute(query).scalars())


def keep(conn: Connection, fact: Fact) -> bool:
    """Keep a fact; False if it was there. Calling twice is safe."""
    told = {
        "key": fact.key,
        "place": fact.place,
        "at": fact.at,
        "kind": fact.kind,
        "subscriber_id": fact.subscriber,
        "issue_id": fact.issue,
        "verdict": fact.verdict,
        "said": fact.said,
        "address": fact.address or None,
        "outcome": fact.outcome,
        "done_at": fact.done_at,
    }
    insert = dialects.insert(conn, bounces).values(**told)
    insert = insert.on_conflict_do_nothing(index_elements=["key", "place"])
    return conn.execute(insert.returning(bounces.c.id)).first() is not None


def listed(
    conn: Connection,
    *,
    outcomes: Collection[str] = (),
    issue: int | None = None,
    subscriber: int | None = None,
    waiting: bool = False,
    limit: int = 100,
) -> list[Fact]:
    """Return the newest facts first; with *waiting* only those that no person has settled."""
    query = select(bounces).order_by(bounces.c.id.desc()).limit(limit)
    if outcomes:
        query = query.where(bounces.c.outcome.in_(list(outcomes)))
    if issue is not None:
        query = query.where(bounces.c.issue_id == issue)
    if subscriber is not None:
        query = query.where(bounces.c.subscriber_id == subscriber)
    if waiting:
        query = query.where(bounces.c.done_at.is_(None))
    return [_fact(row) for row in conn.execute(query)]


def by_id(conn: Connection, number: int) -> Fact | None:
    """Return the fact of that number; None if there is none."""
    row = conn.execute(select(bounces).where(bounces.c.id == number)).one_or_none()
    return _fact(row) if row else None


def settled(conn: Connection, number: int, *, at: datetime) -> None:
    """Note that a person has done what the fact asked for."""
    conn.execute(update(bounces).where(bounces.c.id == number).values(done_at=at))


def counted(conn: Connection, issue: int) -> dict[str, int]:
    """Return how many facts about an issue have each verdict; complaints as ``complaint``."""
    query = (
        select(bounces.c.kind, bounces.c.verdict, func.count())
        .where(bounces.c.issue_id == issue, ~bounces.c.key.startswith(f"{LEDGER}:"))
        .group_by(bounces.c.kind, bounces.c.verdict)
    )
    counts: dict[str, int] = {}
    for kind, verdict, count in conn.execute(query):
        name = "complaint" if kind == "complaint" else verdict
        counts[name] = counts.get(name, 0) + count
    return counts


def counted_as(conn: Connection, issue: int, verdict: str) -> int:
    """Return how many mails of an issue came back with that verdict."""
    query = select(func.count()).where(
        bounces.c.issue_id == issue, bounces.c.kind == "bounce", bounces.c.verdict == verdict
    )
    return int(conn.execute(query.select_from(bounces)).scalar_one())


def sayings(conn: Connection, issue: int, verdict: str, *, most: int) -> list[str]:
    """Return what servers said with that verdict of an issue, the commonest first."""
    query = (
        select(bounces.c.said)
        .where(bounces.c.issue_id == issue, bounces.c.verdict == verdict, bounces.c.said != "")
        .group_by(bounces.c.said)
        .order_by(func.count().desc(), bounces.c.said)
        .limit(most)
    )
    return list(conn.execute(query).scalars())


def history(
    conn: Connection, subscriber: int, newsletter: str, verdicts: Collection[str], *, limit: int
) -> list[Tried]:
    """Return the last *limit* issues that a server was offered for that reader, newest first."""
    told = select(bounces.c.issue_id).where(
        bounces.c.subscriber_id == subscriber,
        bounces.c.issue_id.is_not(None),
        bounces.c.kind == "bounce",
        bounces.c.verdict.in_(list(verdicts)),
    )
    query = (
        select(
            deliveries.c.changed_at,
            or_(
                deliveries.c.issue_id.in_(told),
                and_(
                    deliveries.c.state == DeliveryState.FAILED,
                    deliveries.c.reason.in_(list(verdicts)),
                ),
            ).label("came_back"),
        )
        .join(issues, issues.c.id == deliveries.c.issue_id)
        .where(
            deliveries.c.subscriber_id == subscriber,
            issues.c.newsletter == newsletter,
            deliveries.c.state.in_((DeliveryState.SENT, DeliveryState.FAILED)),
            deliveries.c.changed_at.is_not(None),
        )
        .order_by(deliveries.c.changed_at.desc())
        .limit(limit)
    )
    return [Tried(at=row.changed_at, came_back=bool(row.came_back)) for row in conn.execute(query)]


#: A bounce that comes later than so many issues is about an old address.
_LATEST = 20


def issues_of(conn: Connection, subscriber: int) -> list[int]:
    """Return the latest issues that were attempted for that reader, newest first."""
    query = (
        select(deliveries.c.issue_id)
        .where(deliveries.c.subscriber_id == subscriber, deliveries.c.attempts > 0)
        .order_by(deliveries.c.issue_id.desc())
        .limit(_LATEST)
    )
    return list(conn.execute(query).scalars())


@dataclass(frozen=True, slots=True, kw_only=True)
class Sent:
    """Where and when one reader's mail of one issue was last offered to a server."""

    address: str
    at: datetime


def sent(conn: Connection, issue: int, subscriber: int) -> Sent | None:
    """Return where that mail went; None if it never may have left, or the reader is erased."""
    query = select(deliveries.c.address, deliveries.c.changed_at).where(
        deliveries.c.issue_id == issue,
        deliveries.c.subscriber_id == subscriber,
        deliveries.c.attempts > 0,
        deliveries.c.address.is_not(None),
    )
    row = conn.execute(query).one_or_none()
    return Sent(address=row.address, at=row.changed_at) if row else None


def refused(
    conn: Connection, verdicts: Collection[str], *, since: datetime, limit: int = 500
) -> list[Fact]:
    """
    Return the refusals in the ledger that no fact tells of yet, of issues frozen after *since*.

    Each as the fact to be kept, without its outcome.
    """
    told = select(1).where(
        bounces.c.subscriber_id == deliveries.c.subscriber_id,
        bounces.c.issue_id == deliveries.c.issue_id,
        bounces.c.key.startswith(f"{LEDGER}:"),
    )
    query = (
        select(deliveries)
        .join(issues, issues.c.id == deliveries.c.issue_id)
        .where(
            issues.c.frozen_at >= since,
            deliveries.c.state == DeliveryState.FAILED,
            deliveries.c.reason.in_(list(verdicts)),
            ~told.exists(),
        )
        .limit(limit)
    )
    return [
        Fact(
            key=f"{LEDGER}:{row.issue_id}:{row.subscriber_id}",
            at=row.changed_at,
            kind="bounce",
            subscriber=row.subscriber_id,
            issue=row.issue_id,
            verdict=row.reason,
            said=row.answer,
            address=row.address or "",
            outcome="",
        )
        for row in conn.execute(query)
    ]


def _fact(row: Row[Any]) -> Fact:
    return Fact(
        id=row.id,
        key=row.key,
        place=row.place,
        at=row.at,
        kind=row.kind,
        subscriber=row.subscriber_id,
        issue=row.issue_id,
        verdict=row.verdict,
        said=row.said,
        address=row.address or "",
        outcome=row.outcome,
        done_at=row.done_at,
    )


# --- mailboxes ----------------------------------------------------------------------------


def read_up_to(conn: Connection, place: str, validity: int) -> int:
    """Return the last number that was read of a mailbox; 0 if its numbers were given anew."""
    query = select(mailboxes.c.last).where(
        mailboxes.c.place == place, mailboxes.c.validity == validity
    )
    return conn.execute(query).scalar_one_or_none() or 0


def note_read(conn: Connection, place: str, validity: int, last: int, *, at: datetime) -> None:
    """Keep how far a mailbox was read, in the transaction that keeps what was read."""
    told = {"validity": validity, "last": last, "read_at": at}
    insert = dialects.insert(conn, mailboxes).values(place=place, **told)
    conn.execute(insert.on_conflict_do_update(index_elements=["place"], set_=told))
