"""A sender's steps: claim, attempt, settle, release; and what is done about a dead one."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import Connection, String, bindparam, case, func, or_, select, update

from digest.model import Delivery, DeliveryState, IssueState, Recipient, SkipReason
from digest.store.ledger.audience import FROZEN, standing_at
from digest.store.ledger.reading import WAITING, delivery, rows_of
from digest.store.schema import Instant, deliveries, issues, subscribers, subscriptions

#: Databases limit the values of one statement; SQLite's limit was 999 for long.
_AT_ONCE = 500

NO_ANSWER = "the sender ended before an answer was recorded"


@dataclass(frozen=True, slots=True, kw_only=True)
class Result:
    """What became of one attempt, or of a claim that was given back."""

    subscriber: int
    state: DeliveryState
    #: Why skipped, or the verdict on a refusal.
    reason: str | None = None
    #: The server's answer, or our own words; None keeps what is there.
    answer: str | None = None
    #: When it is owed again; None keeps what is there.
    due_at: datetime | None = None
    at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class Leave:
    """Who of a claimed batch may be written to now."""

    #: `attempting` by now; their messages must be sent or settled.
    go: frozenset[int] = frozenset()
    #: Not owed any more: skipped by now.
    skipped: dict[int, SkipReason] = field(default_factory=dict)
    #: False: the issue is not `sending` any more, nobody may be written to.
    sending: bool = True


@dataclass(frozen=True, slots=True, kw_only=True)
class Recovered:
    """What a dead sender had left behind."""

    #: Claimed, nothing said to a server: owed again.
    released: int
    #: Attempted without an answer, by subscriber id.
    uncertain: tuple[int, ...]


def claim(
    conn: Connection, issue_id: int, holder: str, now: datetime, lease: timedelta, size: int
) -> list[Delivery]:
    """
    Take a lease on at most *size* readers who are owed the issue by *now*; longest due first.

    The rows carry the reader's present address: one changed since the freeze was confirmed.
    On PostgreSQL rows that another sender is claiming are passed over.
    """
    taken: list[int] = []
    for state in (DeliveryState.DEFERRED, DeliveryState.PENDING):
        # State by state, so that the index gives the order and nothing is sorted.
        due = (
            select(deliveries.c.subscriber_id)
            .where(
                deliveries.c.issue_id == issue_id,
                deliveries.c.state == state,
                deliveries.c.due_at <= now,
            )
            .order_by(deliveries.c.due_at)
            .limit(size - len(taken))
            .with_for_update(skip_locked=True)
        )
        taken += conn.execute(due).scalars() if len(taken) < size else ()
    values = {"state": DeliveryState.CLAIMED, "claim": holder, "claimed_until": now + lease}
    _change(conn, issue_id, taken, values)
    return [
        delivery(row, present=True)
        for some in _slices(taken)
        for row in conn.execute(rows_of(issue_id).where(deliveries.c.subscriber_id.in_(some)))
    ]


def attempt(
    conn: Connection, issue_id: int, holder: str, rows: Sequence[Delivery], *, now: datetime
) -> Leave:
    """
    Make it durable that the messages of *rows* may leave; return whose really may.

    Only rows that *holder* still has claimed. Whoever left, paused, was suppressed or
    erased since the freeze is skipped here, at the last moment. Nobody may be written to
    unless the issue is `sending`.
    """
    state = conn.execute(select(issues.c.state).where(issues.c.id == issue_id)).scalar()
    if state != IssueState.SENDING:
        return Leave(sending=False)
    standing = _standings(conn, issue_id, holder, [row.recipient.subscriber for row in rows], now)
    go = frozenset(subscriber for subscriber, word in standing.items() if word == FROZEN)
    _change(
        conn,
        issue_id,
        go,
        {
            "state": DeliveryState.ATTEMPTING,
            "attempts": deliveries.c.attempts + 1,
            "reason": None,
            "changed_at": now,
        },
    )
    _readdress(conn, issue_id, [row.recipient for row in rows if row.recipient.subscriber in go])
    skipped = {one: _skip_reason(word) for one, word in standing.items() if word != FROZEN}
    for reason in set(skipped.values()):
        gone = [subscriber for subscriber, why in skipped.items() if why is reason]
        _change(conn, issue_id, gone, _skipping(reason, now))
    return Leave(go=go, skipped=skipped)


def _standings(
    conn: Connection, issue_id: int, holder: str, wanted: Sequence[int], now: datetime
) -> dict[int, str]:
    """Return how the readers of *wanted* that are still claimed by *holder* stand now."""
    query = (
        select(deliveries.c.subscriber_id, standing_at(now))
        .join(issues, issues.c.id == deliveries.c.issue_id)
        .outerjoin(subscribers, subscribers.c.id == deliveries.c.subscriber_id)
        .outerjoin(
            subscriptions,
            (subscriptions.c.subscriber_id == deliveries.c.subscriber_id)
            & (subscriptions.c.newsletter == issues.c.newsletter),
        )
        .where(
            deliveries.c.issue_id == issue_id,
            deliveries.c.claim == holder,
            deliveries.c.state == DeliveryState.CLAIMED,
        )
        .with_for_update(of=deliveries)
    )
    return {
        row[0]: row[1] or str(SkipReason.ERASED)
        for some in _slices(wanted)
        for row in conn.execute(query.where(deliveries.c.subscriber_id.in_(some)))
    }


def _skip_reason(word: str) -> SkipReason:
    return SkipReason(word) if word in set(SkipReason) else SkipReason.LEFT


def _readdress(conn: Connection, issue_id: int, recipients: Sequence[Recipient]) -> None:
    """Keep the address that is really written to, where it is not the frozen one."""
    if not recipients:
        return
    conn.execute(
        update(deliveries)
        .where(
            deliveries.c.issue_id == issue_id,
            deliveries.c.subscriber_id == bindparam("whose"),
            deliveries.c.address != bindparam("now_at"),
        )
        .values(address=bindparam("now_at")),
        [{"whose": one.subscriber, "now_at": one.address} for one in recipients],
    )


def settle(conn: Connection, issue_id: int, holder: str, results: Iterable[Result]) -> None:
    """
    Write down what became of the rows of *holder*.

    A row that `recover` called uncertain meanwhile takes the late answer all the same; a
    row of another holder is left alone. Calling twice is safe.
    """
    told = [
        {
            "whose": result.subscriber,
            "state": str(result.state),
            "reason": result.reason,
            "answer": result.answer,
            "due_at": result.due_at,
            "changed_at": result.at,
        }
        for result in results
    ]
    if not told:
        return
    ours = (DeliveryState.CLAIMED, DeliveryState.ATTEMPTING, DeliveryState.UNCERTAIN)
    conn.execute(
        update(deliveries)
        .where(
            deliveries.c.issue_id == issue_id,
            deliveries.c.subscriber_id == bindparam("whose"),
            deliveries.c.claim == holder,
            # Not in_(): its list cannot be part of a statement that is run for many rows.
            or_(*(deliveries.c.state == state for state in ours)),
        )
        .values(
            state=bindparam("state"),
            reason=bindparam("reason"),
            answer=func.coalesce(bindparam("answer", type_=String), deliveries.c.answer),
            due_at=func.coalesce(bindparam("due_at", type_=Instant), deliveries.c.due_at),
            changed_at=bindparam("changed_at"),
        ),
        told,
    )


def release(conn: Connection, issue_id: int, holder: str) -> int:
    """Give back what *holder* has claimed and not attempted; return how many."""
    return conn.execute(
        update(deliveries)
        .where(
            deliveries.c.issue_id == issue_id,
            deliveries.c.claim == holder,
            deliveries.c.state == DeliveryState.CLAIMED,
        )
        .values(_WAITING_AGAIN)
    ).rowcount


#: A released row waits as what it was: put off if a server has already put it off.
_WAITING_AGAIN: Mapping[str, Any] = {
    "state": case(
        (deliveries.c.attempts > 0, str(DeliveryState.DEFERRED)), else_=str(DeliveryState.PENDING)
    ),
    "claim": None,
    "claimed_until": None,
}


# --- after a sender's death ---------------------------------------------------------------


def recover(
    conn: Connection, issue_id: int, *, now: datetime, alone: bool, resend: bool = False
) -> Recovered:
    """
    Put right what dead senders left: claimed rows are owed again, attempted ones uncertain.

    *alone* says that the caller holds the issue's sender lock, so that no other sender
    lives; without it only rows whose lease has run out are touched. With *resend* the
    attempted ones are owed again, under the same Message-ID, and may arrive twice.
    """
    of_issue = deliveries.c.issue_id == issue_id
    dead = of_issue if alone else of_issue & (deliveries.c.claimed_until < now)
    released = conn.execute(
        update(deliveries)
        .where(dead, deliveries.c.state == DeliveryState.CLAIMED)
        .values(_WAITING_AGAIN)
    ).rowcount
    left = deliveries.c.state == DeliveryState.ATTEMPTING
    uncertain = conn.execute(
        select(deliveries.c.subscriber_id).where(dead, left).order_by(deliveries.c.subscriber_id)
    ).scalars()
    found = tuple(uncertain)
    values: dict[str, Any] = {"state": DeliveryState.UNCERTAIN, "answer": NO_ANSWER}
    if resend:
        values = {**_WAITING_AGAIN, "answer": NO_ANSWER, "due_at": now}
    _change(conn, issue_id, found, {**values, "changed_at": now})
    return Recovered(released=released, uncertain=found)


def owe_again(conn: Connection, issue_id: int, state: DeliveryState, *, now: datetime) -> int:
    """Owe the issue again to all readers in that *state*; return how many."""
    return conn.execute(
        update(deliveries)
        .where(deliveries.c.issue_id == issue_id, deliveries.c.state == state)
        .values({**_WAITING_AGAIN, "due_at": now, "changed_at": now})
    ).rowcount


def skip_rest(conn: Connection, issue_id: int, reason: SkipReason, *, now: datetime) -> int:
    """
    Skip everybody who still waits; return how many.

    Rows that are `attempting` stay: their answer is on its way and will be recorded.
    """
    return conn.execute(
        update(deliveries)
        .where(
            deliveries.c.issue_id == issue_id,
            deliveries.c.state.in_((*WAITING, DeliveryState.CLAIMED)),
        )
        .values(_skipping(reason, now))
    ).rowcount


def _skipping(reason: SkipReason, now: datetime) -> dict[str, Any]:
    return {"state": DeliveryState.SKIPPED, "reason": str(reason), "changed_at": now}


def _change(
    conn: Connection, issue_id: int, whose: Collection[int], values: Mapping[str, Any]
) -> None:
    for some in _slices(list(whose)):
        conn.execute(
            update(deliveries)
            .where(deliveries.c.issue_id == issue_id, deliveries.c.subscriber_id.in_(some))
            .values(values)
        )


def _slices(ids: Sequence[int]) -> Iterable[Sequence[int]]:
    return (ids[i : i + _AT_ONCE] for i in range(0, len(ids), _AT_ONCE))
