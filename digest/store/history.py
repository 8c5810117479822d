"""The audit log, read page by page."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, or_, select

from digest.store.schema import events, issues


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
