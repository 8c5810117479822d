"""What takes longer than a page: asked for at the desk, done beside it, told as it goes."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import Connection, Row, insert, select, update

from digest.store.schema import tasks

#: Not heard of for so long, a task has died with the process that did it.
SILENCE = timedelta(minutes=2)

RUNNING, DONE, FAILED = "running", "done", "failed"


@dataclass(frozen=True, slots=True, kw_only=True)
class Task:
    """One thing that somebody asked for, how far it is, and what it found."""

    id: int
    newsletter: str
    issue: int | None
    #: ``rehearsal``, ``check``.
    kind: str
    asked: dict[str, Any]
    state: str
    done: int
    #: 0 while it is not known how much there is to do.
    total: int
    #: What it is at; of a failed one, why.
    said: str
    found: Any
    asked_by: str
    asked_at: datetime
    heard_at: datetime
    finished_at: datetime | None

    def is_running(self, now: datetime) -> bool:
        """Tell whether somebody still works on it; one that fell silent is over."""
        return self.state == RUNNING and now - self.heard_at < SILENCE


def begin(
    conn: Connection,
    newsletter: str,
    kind: str,
    *,
    asked: dict[str, Any],
    by: str,
    now: datetime,
    issue: int | None = None,
) -> int:
    """Write down a task that begins now; return its row number."""
    values = {
        "newsletter": newsletter,
        "issue_id": issue,
        "kind": kind,
        "asked": asked,
        "state": RUNNING,
        "done": 0,
        "total": 0,
        "said": "",
        "found": None,
        "asked_by": by,
        "asked_at": now,
        "heard_at": now,
    }
    return int(conn.execute(insert(tasks).values(values).returning(tasks.c.id)).scalar_one())


def going_on(
    conn: Connection, number: int, *, done: int, total: int, said: str, now: datetime
) -> None:
    """Write down how far the task is."""
    values = {"done": done, "total": total, "said": said, "heard_at": now}
    conn.execute(update(tasks).where(tasks.c.id == number).values(values))


def ended(conn: Connection, number: int, *, found: Any, now: datetime) -> None:
    """Write down what the task found."""
    values = {"state": DONE, "found": found, "said": "", "heard_at": now, "finished_at": now}
    conn.execute(update(tasks).where(tasks.c.id == number).values(values))


def failed(conn: Connection, number: int, *, why: str, now: datetime) -> None:
    """Write down why the task found nothing."""
    values = {"state": FAILED, "said": why, "heard_at": now, "finished_at": now}
    conn.execute(update(tasks).where(tasks.c.id == number).values(values))


def last(conn: Connection, newsletter: str, kind: str, *, issue: int | None = None) -> Task | None:
    """Return the newsletter's last task of that kind, of the issue where one is named."""
    query = select(tasks).where(tasks.c.newsletter == newsletter, tasks.c.kind == kind)
    if issue is not None:
        query = query.where(tasks.c.issue_id == issue)
    row = conn.execute(query.order_by(tasks.c.id.desc()).limit(1)).one_or_none()
    return _task(row) if row else None


def by_id(conn: Connection, number: int) -> Task | None:
    """Return the task of that row number; None if there is none."""
    row = conn.execute(select(tasks).where(tasks.c.id == number)).one_or_none()
    return _task(row) if row else None


def _task(row: Row[Any]) -> Task:
    told = row._asdict()
    return Task(**told | {"issue": told.pop("issue_id")})
