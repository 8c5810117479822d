"""The dead man's switch: has an issue that was due not even begun, and does nobody know?"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import TYPE_CHECKING
from zoneinfo import ZoneInfo

from sqlalchemy import Connection

from digest import calendar, notices
from digest.calendar import Slot
from digest.errors import NoSuchIssue
from digest.model import Issue, IssueState, Rhythm
from digest.store import Database, issues, ledger, newsletters, tallies
from digest.weekly.content import identity, slot_of
from digest.weekly.planning import planned

if TYPE_CHECKING:
    from digest.config import Loaded

#: After the send hour an issue has this long to begin, or to be held with a reason.
GRACE = timedelta(minutes=30)

_NOT_BEGUN = (IssueState.PLANNED, IssueState.DRAFT, IssueState.APPROVED)

#: Editors hear of these by another mail.
_TOLD = (
    IssueState.HELD,
    IssueState.STOPPED,
    IssueState.CANCELLED,
    IssueState.MISSED,
    IssueState.FINISHED,
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Overdue:
    """An issue that should be on its way and is not."""

    newsletter: str
    #: Of the slot: the day on which it closed.
    key: str
    due_at: datetime
    sentence: str


def overdue(
    database: Database,
    loaded: Loaded,
    newsletter_key: str,
    *,
    now: datetime,
    rhythm: Rhythm = Rhythm.WEEKLY,
) -> Overdue | None:
    """
    Return the last issue of *rhythm* that was due if nothing of it left and no reason was told.

    It asks the calendar and the database only, so it says so whatever became of the bell
    and the sender.
    """
    with database.read() as conn:
        newsletter = planned(conn, newsletter_key, loaded.settings.newsletters[newsletter_key])
    slot = calendar.current(newsletter, now, rhythm)
    if now < slot.sends_at:
        slot = calendar.preceding(newsletter, slot)
    first = newsletter.first_to
    if now < slot.sends_at + GRACE + (first.wait if first else timedelta(0)):
        return None
    with database.read() as conn:
        since = newsletters.started_at(conn, newsletter_key)
        if since is None or slot.window.end <= since:
            return None
        issue = _of(conn, newsletter_key, slot)
        if issue and (issue.state in _TOLD or _begun(conn, issue, now)):
            return None
    if issue is None and rhythm is Rhythm.MONTHLY and now > slot.sends_at + newsletter.catch_up:
        return None  # a month that was over before anybody offered it
    return Overdue(
        newsletter=newsletter_key,
        key=slot.key,
        due_at=slot.sends_at,
        sentence=_said(issue, slot, newsletter.zone),
    )


def overdue_extras(
    database: Database, loaded: Loaded, newsletter_key: str, *, now: datetime
) -> list[Overdue]:
    """Return the extra issues whose hour came and went, and nothing took them up."""
    zone = loaded.settings.newsletters[newsletter_key].zone
    with database.read() as conn:
        waiting = issues.listed(conn, newsletter_key, states=_NOT_BEGUN)
    return [
        Overdue(
            newsletter=newsletter_key,
            key=issue.of.key,
            due_at=issue.sends_at,
            sentence=_said(issue, slot_of(issue), zone),
        )
        for issue in waiting
        if issue.of.is_extra and now >= issue.sends_at + GRACE
    ]


def _of(conn: Connection, newsletter_key: str, slot: Slot) -> Issue | None:
    try:
        return issues.find(conn, identity(newsletter_key, slot))
    except NoSuchIssue:
        return None


def _begun(conn: Connection, issue: Issue, now: datetime) -> bool:
    """Whether a mail may have left, or there is nobody whom one should have left to by now."""
    if issue.state is not IssueState.SENDING:
        return False
    if ledger.attempted(conn, issue.id) or tallies.counted(conn, issue.id)[0] == 0:
        return True
    # Where all readers chose clocks of their own, the first of them may be owed it hours later.
    first = ledger.next_due(conn, issue.id)
    return first is not None and now < first + GRACE


def _said(issue: Issue | None, slot: Slot, zone: ZoneInfo) -> str:
    local = slot.sends_at.astimezone(zone)
    due = f"It was due at {local:%H:%M} on {local:%a} {local.day} {local:%b}"
    if issue is None:
        return f"{due}, and there is not even a draft: the bell has not rung since."
    if issue.state is IssueState.SENDING:
        return f"{due}; its readers are in the ledger, and no mail has left."
    return f"{due}, and it is still {issue.state}: nothing took it up."


def alarm(
    database: Database, loaded: Loaded, newsletter_key: str, *, now: datetime
) -> list[Overdue]:
    """
    Put a mail to the editors of every overdue issue into the outbox; return what is overdue.

    Each editor gets one mail for each issue, however often this is called and by how many
    processes.
    """
    found = [
        each
        for rhythm in loaded.settings.newsletters[newsletter_key].rhythms
        if (each := overdue(database, loaded, newsletter_key, now=now, rhythm=rhythm))
    ]
    found += overdue_extras(database, loaded, newsletter_key, now=now)
    for each in found:
        _tell(database, loaded, each, now=now)
    return found


def _tell(database: Database, loaded: Loaded, found: Overdue, *, now: datetime) -> None:
    values = {
        "sends_at": found.due_at,
        "reasons": [found.sentence],
        "desk_url": f"{loaded.settings.public_url}/",
    }
    for editor in loaded.settings.newsletters[found.newsletter].editors:
        with database.write() as conn:
            notices.post(
                conn,
                loaded,
                newsletter_key=found.newsletter,
                kind="overdue",
                address=editor,
                idempotency_key=f"overdue:{found.newsletter}:{found.key}:{editor}",
                values=values,
                now=now,
            )
