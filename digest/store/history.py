"""The audit log: who did what to which issue, and when."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, func, or_, select

from digest.store.schema import events, issues

#: Writes an entry, in the transaction of who calls it. Steps take one, and call it in theirs: what
#: was done and that it was done are kept together, or neither is.
Log = Callable[[Connection], None]

#: What the log says of an account that has another address; the detail has both.
MOVED = "took another address"


@dataclass(frozen=True, slots=True, kw_only=True)
class Event:
    """One entry of the audit log."""

    id: int
    at: datetime
    #: ``bell``, ``sender``, ``command line``, or an account's address.
    actor: str
    what: str
    issue_id: int | None
    #: The issue's key; "" where the entry is about no issue.
    key: str
    detail: dict[str, Any]


def record(
    conn: Connection,
    issue_id: int | None,
    what: str,
    *,
    actor: str,
    at: datetime,
    detail: Mapping[str, Any] | None = None,
) -> None:
    """Write into the audit log, in the transaction that did it."""
    conn.execute(
        events.insert().values(
            at=at, actor=actor, issue_id=issue_id, what=what, detail=dict(detail or {})
        )
    )


def entry(
    what: str,
    *,
    actor: str,
    at: datetime,
    detail: Mapping[str, Any],
    issue_id: int | None = None,
) -> Log:
    """Return what writes that entry, for the step that it tells of."""

    def log(conn: Connection) -> None:
        record(conn, issue_id, what, actor=actor, at=at, detail=detail)

    return log


def unlogged(conn: Connection) -> None:
    """Write nothing: for a step whose caller has nothing to tell."""


def page(
    conn: Connection, *, newsletter: str, actor: str = "", before: int | None = None, most: int
) -> list[Event]:
    """
    Return at most *most* entries about *newsletter* or the whole installation, newest first.

    *before* is the last entry of the page before; with *actor* only theirs.
    """
    query = (
        select(events, issues.c.key)
        .outerjoin(issues, issues.c.id == events.c.issue_id)
        .where(or_(events.c.issue_id.is_(None), issues.c.newsletter == newsletter))
        .order_by(events.c.id.desc())
        .limit(most)
    )
    if actor:
        query = query.where(events.c.actor == actor)
    if before is not None:
        query = query.where(events.c.id < before)
    return [
        Event(
            id=row.id,
            at=row.at,
            actor=row.actor,
            what=row.what,
            issue_id=row.issue_id,
            key=row.key or "",
            detail=row.detail or {},
        )
        for row in conn.execute(query)
    ]


def last_change(conn: Connection, issue_id: int) -> tuple[str, str, datetime] | None:
    """Return actor, act and instant of the issue's newest entry in the audit log."""
    query = select(events.c.actor, events.c.what, events.c.at).where(events.c.issue_id == issue_id)
    row = conn.execute(query.order_by(events.c.id.desc()).limit(1)).first()
    return None if row is None else (row.actor, row.what, row.at)


def happened(conn: Connection, issue_id: int, what: str) -> bool:
    """Whether the audit log has *what* for that issue."""
    query = select(events.c.id).where(events.c.issue_id == issue_id, events.c.what == what).limit(1)
    return conn.execute(query).first() is not None


def told(conn: Connection, issue_id: int, what: str) -> list[dict[str, Any]]:
    """Return the details of every such entry of the issue, the oldest first."""
    query = (
        select(events.c.detail)
        .where(events.c.issue_id == issue_id, events.c.what == what)
        .order_by(events.c.id)
    )
    return list(conn.execute(query).scalars())


def last_told(conn: Connection, newsletter: str, what: str) -> dict[str, Any] | None:
    """Return the detail of the newest such entry of any issue of the newsletter."""
    query = (
        select(events.c.detail)
        .join(issues, issues.c.id == events.c.issue_id)
        .where(issues.c.newsletter == newsletter, events.c.what == what)
        .order_by(events.c.id.desc())
        .limit(1)
    )
    return conn.execute(query).scalar_one_or_none()


def former_addresses(conn: Connection, address: str) -> set[str]:
    """Return the addresses that the account of *address* had before, by which the log names it."""
    query = select(events.c.detail).where(events.c.what == MOVED, events.c.issue_id.is_(None))
    names = {address}
    for moved in conn.execute(query.order_by(events.c.id.desc())).scalars():
        if moved["after"]["address"] in names:
            names.add(moved["before"]["address"])
    return names - {address}


def last_event(conn: Connection, issue_id: int, what: str) -> int | None:
    """Return the number of the newest entry of that kind; None if there is none."""
    query = select(func.max(events.c.id)).where(
        events.c.issue_id == issue_id, events.c.what == what
    )
    number: int | None = conn.execute(query).scalar_one()
    return number
