"""Since when each newsletter is kept."""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import Connection, select

from digest.store import dialects
from digest.store.schema import newsletters


def started(conn: Connection, newsletter: str, *, now: datetime) -> datetime:
    """Return since when we keep this newsletter, which is *now* at the first call."""
    fresh = dialects.insert(conn, newsletters).values(key=newsletter, started_at=now)
    conn.execute(fresh.on_conflict_do_nothing())
    query = select(newsletters.c.started_at).where(newsletters.c.key == newsletter)
    moment: datetime = conn.execute(query).scalar_one()
    return moment


def started_at(conn: Connection, newsletter: str) -> datetime | None:
    """Return since when we keep this newsletter; None if we do not yet."""
    query = select(newsletters.c.started_at).where(newsletters.c.key == newsletter)
    return conn.execute(query).scalar_one_or_none()
