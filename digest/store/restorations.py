"""That the database was put back from a backup: what it cannot know since."""

from __future__ import annotations

import json
from datetime import datetime
from typing import NamedTuple

from sqlalchemy import Connection, delete, insert, select

from digest.model import Issue, IssueState
from digest.store import issues, ledger, uses
from digest.store.schema import installation

_NAME = "restored"


class Restoration(NamedTuple):
    """Between *saved_at* and *at* things may have happened that nothing here tells of."""

    saved_at: datetime
    at: datetime

    def hides(self, moment: datetime) -> bool:
        """Tell whether what was due at *moment* may have been done, and be forgotten."""
        return self.saved_at < moment <= self.at


def last(conn: Connection) -> Restoration | None:
    """Return the newest restoration; None if there never was one."""
    query = select(installation.c.value).where(installation.c.name == _NAME)
    kept = conn.execute(query).scalar_one_or_none()
    if kept is None:
        return None
    told = json.loads(kept)
    return Restoration(*(datetime.fromisoformat(told[name]) for name in Restoration._fields))


def mark(conn: Connection, restoration: Restoration) -> list[Issue]:
    """
    Keep *restoration*, and stop whatever could send a second time; return those issues.

    Of an issue that was going out, everybody who was still owed it is uncertain. An issue
    that was due between backup and restoration is held: it may have gone out.
    """
    value = json.dumps({name: moment.isoformat() for name, moment in restoration._asdict().items()})
    conn.execute(delete(installation).where(installation.c.name == _NAME))
    conn.execute(insert(installation).values(name=_NAME, value=value.encode()))
    under_way = issues.listed(conn, states=(IssueState.SENDING, IssueState.STOPPED))
    due = issues.listed(conn, states=(IssueState.PLANNED, IssueState.DRAFT, IssueState.APPROVED))
    return [
        *(_stopped(conn, issue, restoration) for issue in under_way),
        *(_held(conn, issue, restoration) for issue in due if restoration.hides(issue.sends_at)),
    ]


def _stopped(conn: Connection, issue: Issue, restoration: Restoration) -> Issue:
    said = f"restored from a backup of {restoration.saved_at:%Y-%m-%d %H:%M} UTC"
    count = ledger.doubt(conn, issue.id, said, now=restoration.at)
    return issues.set_state(
        conn,
        issue.id,
        (IssueState.SENDING, IssueState.STOPPED),
        IssueState.STOPPED,
        now=restoration.at,
        actor="restore",
        reasons=(
            f"It was {said}, and {count:,} readers may have got it after that.",
            "Let the mail server's log tell: digest issue reconcile LOG",
        ),
    )


def _held(conn: Connection, issue: Issue, restoration: Restoration) -> Issue:
    uses.release(conn, issue.id)
    return issues.set_state(
        conn,
        issue.id,
        (issue.state,),
        IssueState.HELD,
        now=restoration.at,
        actor="restore",
        reasons=(objection(restoration),),
        also={"approved_at": None, "approved_by": None},
    )


def objection(restoration: Restoration) -> str:
    """Return why an issue that was due in between must not go out without a person."""
    return (
        f"The database was restored from a backup of {restoration.saved_at:%Y-%m-%d %H:%M} UTC; "
        "this issue may have gone out after that."
    )
