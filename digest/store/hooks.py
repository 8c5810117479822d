"""What other programs are told of: happenings of the transactions that made them, and calls."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any
from uuid import uuid4

from sqlalchemy import ColumnElement, Connection, and_, delete, func, insert, or_, select, update

from digest.model import DeliveryState
from digest.store.schema import happenings, hook_calls

#: What can happen; a webhook's `events` in config.yaml has these words.
JOINED, LEFT, BOUNCED, SENT = "joined", "left", "bounced", "sent"
_WAITING = (DeliveryState.PENDING, DeliveryState.DEFERRED)


@dataclass(frozen=True, slots=True, kw_only=True)
class Call:
    """One happening on its way to one address."""

    id: int
    url: str
    #: How often it was tried, with this one.
    attempts: int
    #: The happening's own name: whoever hears of it twice knows by it.
    key: str
    at: datetime
    what: str
    newsletter: str
    subscriber: int | None
    issue: int | None
    detail: dict[str, Any]


def note(
    conn: Connection,
    happened: Sequence[Mapping[str, Any]],
) -> None:
    """
    Write down what happened, to be told once the caller's transaction is committed.

    Each has ``at``, ``what``, ``newsletter`` and, where told, ``subscriber_id``,
    ``issue_id``, ``detail``. Of people only their number is kept.
    """
    if happened:
        usual: dict[str, Any] = {"subscriber_id": None, "issue_id": None, "detail": {}}
        rows = [{**usual, **one, "key": str(uuid4()), "told": False} for one in happened]
        conn.execute(insert(happenings), rows)


#: Happenings looked at in one transaction, so that nobody else waits for long.
_SLICE = 500


def fan_out(conn: Connection, hooks: Sequence[tuple[str, Iterable[str]]], *, now: datetime) -> int:
    """
    Make a call of each happening for each of *hooks* (address, what it hears of).

    What nobody wants to hear of is dropped. Returns how many happenings were looked at.
    """
    wanted = [(url, frozenset(events)) for url, events in hooks]
    found = conn.execute(
        select(happenings.c.id, happenings.c.what)
        .where(~happenings.c.told)
        .order_by(happenings.c.id)
        .limit(_SLICE)
        .with_for_update(skip_locked=True)
    ).all()
    calls = [
        {
            "happening_id": row.id,
            "url": url,
            "state": DeliveryState.PENDING,
            "due_at": now,
            "attempts": 0,
            "answer": "",
        }
        for row in found
        for url, events in wanted
        if row.what in events
    ]
    heard = {call["happening_id"] for call in calls}
    if calls:
        conn.execute(insert(hook_calls), calls)
        conn.execute(update(happenings).where(happenings.c.id.in_(heard)).values(told=True))
    unheard = [row.id for row in found if row.id not in heard]
    if unheard:
        conn.execute(delete(happenings).where(happenings.c.id.in_(unheard)))
    return len(found)


def idle(conn: Connection, *, now: datetime) -> bool:
    """Tell that nothing is to be told, without the lock that a claim takes."""
    fresh = select(happenings.c.id).where(~happenings.c.told).limit(1)
    due = select(hook_calls.c.id).where(hook_calls.c.due_at <= now, _is_free(now)).limit(1)
    return conn.execute(fresh).first() is None and conn.execute(due).first() is None


def claim(conn: Connection, *, now: datetime, lease: timedelta, size: int) -> list[Call]:
    """
    Take at most *size* calls that are due, the longest due first; counted as an attempt.

    A call whose caller died with it comes again after its *lease*, under the same key.
    """
    due = (
        select(hook_calls.c.id)
        .where(hook_calls.c.due_at <= now, _is_free(now))
        .order_by(hook_calls.c.due_at, hook_calls.c.id)
        .limit(size)
        .with_for_update(skip_locked=True)
    )
    taken = list(conn.execute(due).scalars())
    conn.execute(
        update(hook_calls)
        .where(hook_calls.c.id.in_(taken))
        .values(
            state=DeliveryState.ATTEMPTING,
            claimed_until=now + lease,
            attempts=hook_calls.c.attempts + 1,
        )
    )
    rows = conn.execute(
        select(
            hook_calls.c.id,
            hook_calls.c.url,
            hook_calls.c.attempts,
            happenings.c.key,
            happenings.c.at,
            happenings.c.what,
            happenings.c.newsletter,
            happenings.c.subscriber_id.label("subscriber"),
            happenings.c.issue_id.label("issue"),
            happenings.c.detail,
        )
        .join(happenings, happenings.c.id == hook_calls.c.happening_id)
        .where(hook_calls.c.id.in_(taken))
        .order_by(hook_calls.c.id)
    )
    return [Call(**row._asdict()) for row in rows]


def settle(
    conn: Connection,
    call: int,
    state: DeliveryState,
    answer: str,
    *,
    due_at: datetime | None = None,
    tried: bool = True,
) -> None:
    """Write down what became of a call; without *tried* the attempt does not count."""
    values: dict[str, Any] = {"state": state, "answer": answer[:500], "claimed_until": None}
    if due_at is not None:
        values["due_at"] = due_at
    if not tried:
        values["attempts"] = hook_calls.c.attempts - 1
    conn.execute(update(hook_calls).where(hook_calls.c.id == call).values(values))


def counts(conn: Connection) -> dict[tuple[str, DeliveryState], int]:
    """Return how many calls of each address are in each state."""
    query = select(hook_calls.c.url, hook_calls.c.state, func.count()).group_by(
        hook_calls.c.url, hook_calls.c.state
    )
    return {(url, DeliveryState(state)): count for url, state, count in conn.execute(query)}


def drop(conn: Connection, *, before: datetime, limit: int = 1000) -> int:
    """Drop happenings of before that instant, with their calls; return how many."""
    old = list(
        conn.execute(select(happenings.c.id).where(happenings.c.at < before).limit(limit)).scalars()
    )
    conn.execute(delete(hook_calls).where(hook_calls.c.happening_id.in_(old)))
    conn.execute(delete(happenings).where(happenings.c.id.in_(old)))
    return len(old)


def _is_free(now: datetime) -> ColumnElement[bool]:
    abandoned = and_(
        hook_calls.c.state == DeliveryState.ATTEMPTING, hook_calls.c.claimed_until < now
    )
    return or_(hook_calls.c.state.in_(_WAITING), abandoned)
