"""
The ledger: one row per issue and reader, what is owed and what became of it.

A sender claims a batch (a lease), makes `attempting` durable before a message's bytes
leave, and writes the result after the server's answer. Rows that a dead sender left
behind are put right by `recover`. Every function is one step of a caller's transaction.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from itertools import pairwise
from typing import Any

from sqlalchemy import (
    Connection,
    Row,
    Select,
    String,
    bindparam,
    case,
    func,
    insert,
    literal,
    or_,
    select,
    update,
)

from digest.errors import StoreError
from digest.model import (
    Delivery,
    DeliveryState,
    IssueState,
    Recipient,
    Rhythm,
    SkipReason,
    SubscriptionState,
    Tally,
)
from digest.store.schema import Instant, deliveries, issues, subscribers, subscriptions

#: Databases limit the values of one statement; SQLite's limit was 999 for long.
_AT_ONCE = 500

#: A reader who is still to be looked at by a sender.
WAITING = (DeliveryState.PENDING, DeliveryState.DEFERRED)

_FROZEN = "frozen"


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


# --- the freeze ---------------------------------------------------------------------------


def freeze(
    conn: Connection,
    issue_id: int,
    *,
    newsletter: str,
    rhythm: Rhythm,
    edition_id: int,
    variant_id: int,
    due_at: datetime,
    first_list: str | None = None,
    rest_due_at: datetime | None = None,
) -> tuple[int, dict[str, int]]:
    """
    Write the audience as it is now into the ledger; return how many, and whom it left out.

    Left out by reason: ``pending``, ``paused``, ``left``, ``suppressed``, ``erased``.
    Readers on *first_list* are owed the issue from *due_at*, the others from
    *rest_due_at* (default: *due_at* as well). StoreError, and nothing written, unless
    every candidate is either frozen or left out. To be called once per issue.
    """
    standing = _standing(due_at).label("standing")
    candidates = (
        select(
            subscriptions.c.subscriber_id,
            subscribers.c.address,
            standing,
            _due(conn, due_at, first_list, rest_due_at).label("due_at"),
        )
        .join(subscribers, subscribers.c.id == subscriptions.c.subscriber_id)
        .where(subscriptions.c.newsletter == newsletter, subscriptions.c.rhythm == rhythm)
        .order_by(subscriptions.c.subscriber_id)
    )
    audience = candidates.where(standing == _FROZEN).subquery()
    rows = select(
        literal(issue_id),
        audience.c.subscriber_id,
        literal(edition_id),
        literal(variant_id),
        audience.c.address,
        literal(str(DeliveryState.PENDING)),
        audience.c.due_at,
    ).order_by(audience.c.subscriber_id)
    columns = (
        "issue_id",
        "subscriber_id",
        "edition_id",
        "variant_id",
        "address",
        "state",
        "due_at",
    )
    write = insert(deliveries).from_select(columns, rows, include_defaults=False)
    counted = candidates.order_by(None).subquery()
    return _verified(*_written(conn, write, counted))


def _written(conn: Connection, write: Any, candidates: Any) -> tuple[int, dict[str, int]]:
    """Insert and count in one view of the subscriptions, so that the sums can be compared."""
    groups = select(candidates.c.standing, func.count()).group_by(candidates.c.standing)
    if conn.dialect.name == "postgresql":
        # Two statements would see two states of a table that others write to meanwhile.
        written = write.returning(deliveries.c.subscriber_id).cte("written")
        total = select(
            literal("written"), select(func.count()).select_from(written).scalar_subquery()
        )
        counts = {row[0]: row[1] for row in conn.execute(groups.union_all(total))}
        return counts.pop("written"), counts
    frozen = conn.execute(write).rowcount
    return frozen, {row[0]: row[1] for row in conn.execute(groups)}


def _verified(frozen: int, counts: dict[str, int]) -> tuple[int, dict[str, int]]:
    due = counts.pop(_FROZEN, 0)
    if frozen != due:
        raise StoreError(
            f"the freeze wrote {frozen} readers, {due} are due; nothing was kept",
            remedy="Repeat the command; if it happens again: digest doctor",
        )
    return frozen, counts


def _standing(at: datetime) -> Any:
    """Return ``frozen`` for a reader who gets issues at that instant, else why not."""
    back = (subscriptions.c.state == SubscriptionState.PAUSED) & (
        subscriptions.c.paused_until <= at
    )
    return case(
        (subscribers.c.address.is_(None), str(SkipReason.ERASED)),
        (subscriptions.c.state == SubscriptionState.ACTIVE, _FROZEN),
        (back, _FROZEN),
        else_=subscriptions.c.state,
    )


def _due(
    conn: Connection, due_at: datetime, first_list: str | None, rest_due_at: datetime | None
) -> Any:
    if first_list is None or rest_due_at is None:
        return literal(due_at, Instant)
    each = func.json_array_elements_text if conn.dialect.name == "postgresql" else func.json_each
    names = each(subscriptions.c.lists).table_valued("value")
    first = select(1).select_from(names).where(names.c.value == first_list).exists()
    return case((first, literal(due_at, Instant)), else_=literal(rest_due_at, Instant))


def audience(
    conn: Connection, newsletter: str, rhythm: Rhythm, *, at: datetime | None = None
) -> int:
    """Return how many readers a freeze would write; those whose pause ends by *at* count."""
    query = select(func.count()).where(
        subscriptions.c.newsletter == newsletter, subscriptions.c.rhythm == rhythm
    )
    active = subscriptions.c.state == SubscriptionState.ACTIVE
    if at is not None:
        active = or_(
            active,
            (subscriptions.c.state == SubscriptionState.PAUSED)
            & (subscriptions.c.paused_until <= at),
        )
    return int(conn.execute(query.where(active)).scalar_one())


# --- counting and listing -----------------------------------------------------------------


def tally(conn: Connection, issue_id: int) -> Tally:
    """Return the issue's rows by state, beside the number that the freeze wrote down."""
    groups = conn.execute(
        select(deliveries.c.state, func.count())
        .where(deliveries.c.issue_id == issue_id)
        .group_by(deliveries.c.state)
    )
    by_state = {DeliveryState(state): count for state, count in groups}
    frozen = conn.execute(select(issues.c.frozen).where(issues.c.id == issue_id)).scalar()
    return Tally(frozen=sum(by_state.values()) if frozen is None else frozen, by_state=by_state)


def listed(
    conn: Connection,
    issue_id: int,
    state: DeliveryState | None = None,
    *,
    after: int | None = None,
    limit: int = 100,
) -> list[Delivery]:
    """
    Return what was sent to whom, by subscriber id, at most *limit* rows.

    *after* is the last subscriber of the page before.
    """
    query = _rows(issue_id).order_by(deliveries.c.subscriber_id).limit(limit)
    if state is not None:
        query = query.where(deliveries.c.state == state)
    if after is not None:
        query = query.where(deliveries.c.subscriber_id > after)
    return [_delivery(row) for row in conn.execute(query)]


def attempted(conn: Connection, issue_id: int) -> bool:
    """Tell whether bytes of any message of the issue may have left."""
    query = select(1).where(deliveries.c.issue_id == issue_id, deliveries.c.attempts > 0).limit(1)
    return conn.execute(query).first() is not None


def attempted_between(conn: Connection, moments: Sequence[datetime]) -> list[int]:
    """
    Return how many readers of any issue were last written to between each two *moments*.

    The moments ascend; there is one number less than moments. For daily limits.
    """
    at = deliveries.c.changed_at
    counts = [
        func.coalesce(func.sum(case(((at >= start) & (at < end), 1), else_=0)), 0)
        for start, end in pairwise(moments)
    ]
    query = select(*counts).where(deliveries.c.attempts > 0, at >= moments[0])
    return [int(count) for count in conn.execute(query).one()]


def accepted_since(conn: Connection, issue_id: int, moment: datetime) -> bool:
    """Tell whether the server took a message of the issue after that moment."""
    query = select(1).where(
        deliveries.c.issue_id == issue_id,
        deliveries.c.state == DeliveryState.SENT,
        deliveries.c.changed_at > moment,
    )
    return conn.execute(query.limit(1)).first() is not None


def next_due(conn: Connection, issue_id: int) -> datetime | None:
    """Return when the next waiting reader is owed the issue; None if nobody waits."""
    moments = [
        conn.execute(
            select(func.min(deliveries.c.due_at)).where(
                deliveries.c.issue_id == issue_id, deliveries.c.state == state
            )
        ).scalar_one()
        for state in WAITING
    ]
    return min((moment for moment in moments if moment is not None), default=None)


def _rows(issue_id: int) -> Select[Any]:
    return (
        select(
            deliveries,
            subscribers.c.name,
            func.coalesce(subscribers.c.address, "").label("present_address"),
        )
        .outerjoin(subscribers, subscribers.c.id == deliveries.c.subscriber_id)
        .where(deliveries.c.issue_id == issue_id)
    )


def _delivery(row: Row[Any], *, present: bool = False) -> Delivery:
    address = (row.present_address if present else "") or row.address or ""
    return Delivery(
        issue=row.issue_id,
        recipient=Recipient(subscriber=row.subscriber_id, address=address, name=row.name or ""),
        edition=row.edition_id,
        variant=row.variant_id,
        state=DeliveryState(row.state),
        due_at=row.due_at,
        attempts=row.attempts,
        answer=row.answer,
        changed_at=row.changed_at,
    )


# --- a sender's steps ---------------------------------------------------------------------


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
        _delivery(row, present=True)
        for some in _slices(taken)
        for row in conn.execute(_rows(issue_id).where(deliveries.c.subscriber_id.in_(some)))
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
    go = frozenset(subscriber for subscriber, word in standing.items() if word == _FROZEN)
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
    skipped = {one: _skip_reason(word) for one, word in standing.items() if word != _FROZEN}
    for reason in set(skipped.values()):
        gone = [subscriber for subscriber, why in skipped.items() if why is reason]
        _change(conn, issue_id, gone, _skipping(reason, now))
    return Leave(go=go, skipped=skipped)


def _standings(
    conn: Connection, issue_id: int, holder: str, wanted: Sequence[int], now: datetime
) -> dict[int, str]:
    """Return how the readers of *wanted* that are still claimed by *holder* stand now."""
    query = (
        select(deliveries.c.subscriber_id, _standing(now))
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


NO_ANSWER = "the sender ended before an answer was recorded"


def owe_again(conn: Connection, issue_id: int, *, now: datetime) -> int:
    """Owe the issue again to all uncertain readers, who may get it twice; return how many."""
    return conn.execute(
        update(deliveries)
        .where(deliveries.c.issue_id == issue_id, deliveries.c.state == DeliveryState.UNCERTAIN)
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
