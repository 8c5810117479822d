"""
A sender's steps: enter, claim, record, retire; and what is done about a dead one.

A sender has one row (`senders`) with the readers whose messages may be on their way now.
One transaction takes those with a result out of it and puts those who come next into it,
so that `attempting` is durable before the bytes leave at the price of one small row,
however many they are; the rows of the ledger themselves are written once, with the result.
That row is also the sender's right to send: whoever takes it for dead removes it.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import (
    Connection,
    Integer,
    bindparam,
    case,
    delete,
    func,
    insert,
    select,
    update,
)

from digest.model import Delivery, DeliveryState, IssueState, SkipReason
from digest.store.dialects import CHUNK, chunks
from digest.store.ledger import hot
from digest.store.ledger import results as written
from digest.store.ledger.audience import FROZEN, standing_at
from digest.store.ledger.hot import Steps
from digest.store.ledger.reading import WAITING, delivery, rows_of
from digest.store.ledger.results import Result
from digest.store.schema import Instant, deliveries, issues, senders, subscribers, subscriptions

#: A sender that has written nothing for so long is dead.
LEASE = timedelta(minutes=2)

NO_ANSWER = "the sender ended before an answer was recorded"


@dataclass(frozen=True, slots=True, kw_only=True)
class Leave:
    """Who of a claimed batch may be written to now."""

    #: `attempting` by now; their messages must be sent or settled.
    go: frozenset[int] = frozenset()
    #: Not owed any more: skipped by now.
    skipped: dict[int, SkipReason] = field(default_factory=dict)
    #: False: the issue is not `sending` any more, nobody may be written to.
    sending: bool = True
    #: True: this sender was taken for dead, another one has its readers.
    taken_over: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Recovered:
    """What a dead sender had left behind."""

    #: Claimed, nothing said to a server: owed again.
    released: int
    #: Attempted without an answer, by subscriber id.
    uncertain: tuple[int, ...]


def enter(
    conn: Connection, issue_id: int, holder: str, *, now: datetime, lease: timedelta = LEASE
) -> None:
    """Take up work on the issue: from now on *holder*, a name never used before, may send."""
    conn.execute(
        insert(senders).values(holder=holder, issue_id=issue_id, in_flight=[], until=now + lease)
    )


def retire(conn: Connection, issue_id: int, holder: str, *, now: datetime) -> Recovered:
    """End the work of *holder*: what it claimed is owed again, what is in flight uncertain."""
    return _bury(conn, issue_id, [holder], now=now)


def claim(
    conn: Connection,
    issue_id: int,
    holder: str,
    now: datetime,
    size: int,
    *,
    at_once: int = CHUNK,
) -> Steps[list[Delivery]]:
    """
    Take at most *size* readers who are owed the issue by *now*; longest due first.

    They are *holder*'s for as long as it lives. The rows carry the reader's present
    address: one changed since the freeze was confirmed. On PostgreSQL rows that another
    sender is claiming are passed over. A step takes *at_once* of them.
    """
    taken: list[int] = []
    rows: list[Delivery] = []
    with hot.together(conn):
        for state in (DeliveryState.DEFERRED, DeliveryState.PENDING):
            # State by state, so that the index gives the order and nothing is sorted.
            if (room := size - len(taken)) > 0:
                at = hot.instant(conn, now)
                owed = _OWED.asked(conn, issue=issue_id, state=state, now=at, room=room)
                yield from hot.answered(conn)
                taken += [whose for (whose,) in owed()]
        for some in chunks(taken, at_once):
            chosen = {"issue": issue_id, "whose": hot.ids(conn, some)}
            _TAKE.run(conn, me=holder, **chosen)
            found = _TAKEN.asked(conn, **chosen)
            yield from hot.answered(conn)
            rows += [delivery(row, present=True) for row in found()]
    return rows


_OWED = hot.Hot(
    lambda _: (
        select(deliveries.c.subscriber_id)
        .where(
            deliveries.c.issue_id == bindparam("issue"),
            deliveries.c.state == bindparam("state"),
            deliveries.c.due_at <= bindparam("now", type_=Instant),
        )
        .order_by(deliveries.c.due_at)
        .limit(bindparam("room", type_=Integer))
        .with_for_update(skip_locked=True)
    )
)
_TAKE = hot.Hot(
    lambda kind: (
        update(deliveries)
        .where(*_chosen(kind))
        .values(state=str(DeliveryState.CLAIMED), claim=bindparam("me"))
    )
)
_TAKEN = hot.Hot(lambda kind: rows_of(bindparam("issue")).where(_chosen(kind)[1]))


def _chosen(kind: str) -> tuple[Any, Any]:
    of_issue = deliveries.c.issue_id == bindparam("issue")
    return of_issue, hot.among(kind, deliveries.c.subscriber_id, "whose")


def record(
    conn: Connection,
    issue_id: int,
    holder: str,
    *,
    results: Sequence[Result] = (),
    rows: Sequence[Delivery] = (),
    now: datetime,
    lease: timedelta = LEASE,
    at_once: int = CHUNK,
) -> Steps[Leave]:
    """
    Write down *results* and make it durable that the messages of *rows* may leave.

    Returns whose really may: only rows that *holder* has claimed. Whoever left, paused,
    was suppressed or erased since the freeze is skipped here, at the last moment. Nobody
    may be written to unless the issue is `sending`, and *holder* was not taken for dead.

    A result of a row that `recover` called uncertain meanwhile counts all the same; that
    of a row of another holder is left alone. A step writes *at_once* of them. Calling twice
    is safe.
    """
    with hot.together(conn):
        mine = _MINE.asked(conn, me=holder)
        yield from hot.answered(conn)
        found = mine()
        if not (found or results):
            # Nothing more is asked for, and so no answer would come that could be awaited.
            return Leave(sending=False, taken_over=True)
        listed, state = found[0] if found else ("[]", None)
        before = set(hot.listed(listed))
        for some in chunks(results, at_once):
            written.write(conn, issue_id, holder, some, in_flight=before)
            yield None
        wanted = _addresses(rows) if state == IssueState.SENDING else {}
        settled = {result.subscriber for result in results}
        # Nearly always all of them may; else it is put right below.
        in_flight = (before - settled) | wanted.keys()
        if found and (in_flight != before or not results):
            _fly(conn, holder, in_flight, now + lease)
        standings = _standings(conn, issue_id, holder, wanted, now)
        yield from hot.answered(conn)
    if not wanted:
        return Leave(sending=state == IssueState.SENDING, taken_over=not found)
    answer = _permitted(conn, issue_id, wanted, standings(), now)
    if answer.go != wanted.keys():
        _fly(conn, holder, in_flight - (wanted.keys() - answer.go), now + lease)
    return answer


def _addresses(rows: Sequence[Delivery]) -> dict[int, str]:
    return {row.recipient.subscriber: row.recipient.address for row in rows}


def _fly(conn: Connection, holder: str, in_flight: Collection[int], until: datetime) -> None:
    lease = hot.instant(conn, until)
    _FLY.run(conn, me=holder, flying=json.dumps(sorted(in_flight)), lease=lease)


_MINE = hot.Hot(
    lambda _: (
        select(senders.c.in_flight, issues.c.state)
        .join(issues, issues.c.id == senders.c.issue_id)
        .where(senders.c.holder == bindparam("me"))
        .with_for_update(of=senders)
    )
)
_FLY = hot.Hot(
    lambda _: (
        update(senders)
        .where(senders.c.holder == bindparam("me"))
        .values(in_flight=bindparam("flying"), until=bindparam("lease"))
    )
)
_STANDINGS = hot.Hot(
    lambda kind: (
        select(
            deliveries.c.subscriber_id,
            standing_at(bindparam("now", type_=Instant)),
            deliveries.c.address,
        )
        .join(issues, issues.c.id == deliveries.c.issue_id)
        .outerjoin(subscribers, subscribers.c.id == deliveries.c.subscriber_id)
        .outerjoin(
            subscriptions,
            (subscriptions.c.subscriber_id == deliveries.c.subscriber_id)
            & (subscriptions.c.newsletter == issues.c.newsletter),
        )
        .where(
            deliveries.c.issue_id == bindparam("issue"),
            hot.among(kind, deliveries.c.subscriber_id, "whose"),
            deliveries.c.claim == bindparam("me"),
            deliveries.c.state == DeliveryState.CLAIMED,
        )
    )
)


def _standings(
    conn: Connection, issue_id: int, holder: str, wanted: Collection[int], now: datetime
) -> Callable[[], list[Sequence[Any]]]:
    """Ask how readers that are still claimed by *holder* stand now, and for their address."""
    if not wanted:
        return list
    return _STANDINGS.asked(
        conn, issue=issue_id, me=holder, whose=hot.ids(conn, wanted), now=hot.instant(conn, now)
    )


def _permitted(
    conn: Connection,
    issue_id: int,
    wanted: Mapping[int, str],
    standings: Sequence[Sequence[Any]],
    now: datetime,
) -> Leave:
    go, skipped = set(), {}
    for whose, word, address in standings:
        if word != FROZEN:
            skipped[whose] = _skip_reason(word or SkipReason.ERASED)
            continue
        go.add(whose)
        if address != wanted[whose]:
            # The ledger keeps the address that is really written to.
            _change(conn, issue_id, [whose], {"address": wanted[whose]})
    for reason in set(skipped.values()):
        gone = [whose for whose, why in skipped.items() if why is reason]
        _change(conn, issue_id, gone, _skipping(reason, now))
    return Leave(go=frozenset(go), skipped=skipped)


def _skip_reason(word: str) -> SkipReason:
    return SkipReason(word) if word in set(SkipReason) else SkipReason.LEFT


#: A released row waits as what it was: put off if a server has already put it off.
_WAITING_AGAIN: Mapping[str, Any] = {
    "state": case(
        (deliveries.c.attempts > 0, str(DeliveryState.DEFERRED)), else_=str(DeliveryState.PENDING)
    ),
    "claim": None,
}


# --- after a sender's death ---------------------------------------------------------------


def senders_of(conn: Connection, issue_id: int) -> list[tuple[str, datetime]]:
    """Return who sends the issue now, by name, and until when each counts as alive."""
    query = select(senders.c.holder, senders.c.until).where(senders.c.issue_id == issue_id)
    return [(row[0], row[1]) for row in conn.execute(query.order_by(senders.c.holder))]


def senders_at_work(conn: Connection) -> int:
    """Return how many senders there are, of whichever issue."""
    return int(conn.execute(select(func.count()).select_from(senders)).scalar_one())


def beat(conn: Connection, holder: str, *, now: datetime) -> None:
    """Say that *holder* lives, though it may have nothing to write."""
    conn.execute(update(senders).where(senders.c.holder == holder).values(until=now + LEASE))


def recover(
    conn: Connection,
    issue_id: int,
    *,
    now: datetime,
    alone: bool,
    resend: bool = False,
    dead: Collection[str] = (),
) -> Recovered:
    """
    Put right what dead senders left: claimed rows are owed again, attempted ones uncertain.

    *alone* says that the caller holds the issue's sender lock, so that no other sender
    lives; without it only those of *dead* and those whose lease has run out count. One that lives
    all the same is told so at its next step, and sends no more. With *resend* the
    attempted ones are owed again, under the same Message-ID, and may arrive twice.
    """
    gone = select(senders.c.holder).where(senders.c.issue_id == issue_id)
    if not alone:
        gone = gone.where((senders.c.until < now) | senders.c.holder.in_(list(dead)))
    holders = list(conn.execute(gone.order_by(senders.c.holder).with_for_update()).scalars())
    return _bury(conn, issue_id, holders, now=now, resend=resend)


def _bury(
    conn: Connection, issue_id: int, holders: Sequence[str], *, now: datetime, resend: bool = False
) -> Recovered:
    theirs = select(senders.c.in_flight).where(senders.c.holder.in_(holders))
    uncertain = sorted(whose for ids in conn.execute(theirs).scalars() for whose in ids)
    values: dict[str, Any] = {"state": DeliveryState.UNCERTAIN}
    if resend:
        values = {"state": DeliveryState.DEFERRED, "claim": None, "due_at": now}
    tried = {"attempts": deliveries.c.attempts + 1, "answer": NO_ANSWER, "changed_at": now}
    claimed = (
        deliveries.c.issue_id == issue_id,
        deliveries.c.state == DeliveryState.CLAIMED,
        deliveries.c.claim.in_(holders),
    )
    for some in chunks(uncertain):
        of_these = deliveries.c.subscriber_id.in_(some)
        conn.execute(update(deliveries).where(*claimed, of_these).values(values | tried))
    released = conn.execute(update(deliveries).where(*claimed).values(_WAITING_AGAIN)).rowcount
    conn.execute(delete(senders).where(senders.c.holder.in_(holders)))
    return Recovered(released=released, uncertain=tuple(uncertain))


def owe_again(
    conn: Connection,
    issue_id: int,
    state: DeliveryState,
    *,
    now: datetime,
    reader: int | None = None,
) -> int:
    """Owe the issue again to all readers in that *state*, or one of them; return how many."""
    whose = (deliveries.c.issue_id == issue_id) & (deliveries.c.state == state)
    if reader is not None:
        whose &= deliveries.c.subscriber_id == reader
    again = {**_WAITING_AGAIN, "due_at": now, "changed_at": now}
    return conn.execute(update(deliveries).where(whose).values(again)).rowcount


def skip_rest(conn: Connection, issue_id: int, reason: SkipReason, *, now: datetime) -> int:
    """
    Skip everybody who still waits; return how many.

    Rows that are `attempting` stay: their answer is on its way and will be recorded.
    """
    locked = select(senders.c.in_flight).where(senders.c.issue_id == issue_id)
    in_flight = [whose for ids in conn.execute(locked.with_for_update()).scalars() for whose in ids]
    return conn.execute(
        update(deliveries)
        .where(
            deliveries.c.issue_id == issue_id,
            deliveries.c.state.in_((*WAITING, DeliveryState.CLAIMED)),
            deliveries.c.subscriber_id.not_in(in_flight),
        )
        .values(_skipping(reason, now))
    ).rowcount


def _skipping(reason: SkipReason, now: datetime) -> dict[str, Any]:
    return {"state": DeliveryState.SKIPPED, "reason": str(reason), "changed_at": now}


def _change(
    conn: Connection, issue_id: int, whose: Collection[int], values: Mapping[str, Any]
) -> None:
    for some in chunks(whose):
        conn.execute(
            update(deliveries)
            .where(deliveries.c.issue_id == issue_id, deliveries.c.subscriber_id.in_(some))
            .values(values)
        )
