"""What the hour asks for when nobody comes."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import TYPE_CHECKING

from digest import calendar
from digest.calendar import Slot
from digest.errors import Held, TemplateError, WrongState
from digest.model import OPEN, Draft, Issue, IssueState, Rhythm
from digest.model.settings import NewsletterSettings
from digest.store import Database, drafts, history, issues, newsletters
from digest.weekly.approval import approve, freeze
from digest.weekly.content import ROLLED_OVER, identity, prepare, rules, slot_of
from digest.weekly.planning import follow_holidays, planned, put_back
from digest.weekly.safety import objections, too_late
from digest.weekly.steps import hold

if TYPE_CHECKING:
    from digest.config import Loaded


#: A month's draft is composed from so long before its close on.
MONTH_AHEAD = timedelta(days=7)


@dataclass(frozen=True, slots=True, kw_only=True)
class Step:
    """What the bell did to an issue, for the log and for notices."""

    issue: Issue
    #: ``prepared``, ``missed``, ``rolled over``, ``left out``, ``held``, ``approved``,
    #: ``frozen``.
    what: str


def advance(
    database: Database, loaded: Loaded, newsletter_key: str, *, now: datetime
) -> list[Step]:
    """
    Do what the hour asks for: prepare the draft, and at the send hour approve and freeze.

    It looks at the database and the calendar only, so a bell that rings twice, or in two
    processes, does nothing twice, and one that did not ring is caught up.
    """
    with database.write() as conn:
        since = newsletters.started(conn, newsletter_key, now=now)
        newsletter = planned(conn, newsletter_key, loaded.settings.newsletters[newsletter_key])
    steps = _leave_holidays_out(database, newsletter_key, newsletter, now=now)
    for rhythm in newsletter.rhythms:
        slot = calendar.current(newsletter, now, rhythm)
        before = calendar.preceding(newsletter, slot)
        steps += _mark_missed(database, newsletter_key, before, since=since, now=now)
        for each in (before, slot):
            if each.window.end > since and _is_on(database, newsletter_key, newsletter, each, now):
                steps += _decide(database, loaded, newsletter_key, each, now=now)
    steps += _decide_extras(database, loaded, newsletter_key, now=now)
    return steps + _send_approved(database, loaded, newsletter_key, now=now)


def _leave_holidays_out(
    database: Database, newsletter_key: str, newsletter: NewsletterSettings, *, now: datetime
) -> list[Step]:
    """Cancel what waits for a holiday, and take up again what waits for one no longer."""
    try:
        left_out = follow_holidays(database, newsletter_key, newsletter, now=now)
    except WrongState:
        left_out = []  # another process took this step first
    places = calendar.ahead(newsletter, now, 1)
    with suppress(WrongState), database.write() as conn:
        for place in places:
            put_back(conn, newsletter_key, newsletter, place, by="bell", now=now)
    return [Step(issue=issue, what="left out") for issue in left_out]


def _decide_extras(
    database: Database, loaded: Loaded, newsletter_key: str, *, now: datetime
) -> list[Step]:
    with database.read() as conn:
        extras = [
            issue for issue in issues.listed(conn, newsletter_key, states=OPEN) if issue.of.is_extra
        ]
    steps = []
    for issue in extras:
        steps += _decide(database, loaded, newsletter_key, slot_of(issue), now=now)
    return steps


def _is_on(
    database: Database,
    newsletter_key: str,
    newsletter: NewsletterSettings,
    slot: Slot,
    now: datetime,
) -> bool:
    """
    Tell whether the slot's issue is to be worked on.

    A month's is from a week before its close on; and none is begun for a month that was
    over before anybody offered it.
    """
    if slot.rhythm is not Rhythm.MONTHLY:
        return True
    if slot.window.end - MONTH_AHEAD <= now <= slot.sends_at + newsletter.catch_up:
        return True
    with database.read() as conn:
        return issues.known(conn, identity(newsletter_key, slot)) is not None


def _decide(
    database: Database, loaded: Loaded, newsletter_key: str, slot: Slot, *, now: datetime
) -> list[Step]:
    """Compose the slot's draft; at its send hour approve it, hold it, or let it roll over."""
    newsletter = loaded.settings.newsletters[newsletter_key]
    try:
        issue = prepare(database, loaded, newsletter_key, slot, now=now)
        if now < issue.sends_at or issue.state is not IssueState.DRAFT:
            return []
        with database.read() as conn:
            draft = drafts.read(conn, issue.id)
        if count := thin(draft, rules(newsletter, slot)):
            return [_roll_over(database, issue, count, now=now)]
        if reasons := objections(database, loaded, issue, now=now):
            return [_held(database, issue, reasons, now=now)]
        return [_approved(database, loaded, issue, now=now)]
    except WrongState:
        return []  # another process took this step first


def _approved(database: Database, loaded: Loaded, issue: Issue, *, now: datetime) -> Step:
    """Approve the issue; hold it where what only some readers get is not fit to be sent."""
    try:
        return Step(issue=approve(database, loaded, issue, by="bell", now=now), what="approved")
    except Held as e:
        return _held(database, issue, e.reasons, now=now)
    except TemplateError as e:
        return _held(database, issue, (f"It cannot be rendered: {e}",), now=now)


def _held(database: Database, issue: Issue, reasons: Sequence[str], *, now: datetime) -> Step:
    return Step(issue=hold(database, issue, by="bell", reasons=reasons, now=now), what="held")


def _send_approved(
    database: Database, loaded: Loaded, newsletter_key: str, *, now: datetime
) -> list[Step]:
    """Freeze every approved issue whose send hour has come, of whichever week it is."""
    with database.read() as conn:
        approved = issues.listed(conn, newsletter_key, states=(IssueState.APPROVED,))
    steps = []
    for issue in approved:
        if now >= issue.sends_at:
            with suppress(WrongState):  # another process took this step first
                steps.append(_send(database, loaded, issue, now=now))
    return steps


def _send(database: Database, loaded: Loaded, issue: Issue, *, now: datetime) -> Step:
    newsletter = loaded.settings.newsletters[issue.of.newsletter]
    # Somebody who approves after the hour wants it out now: the delay counts from then.
    owed_since = max(issue.sends_at, issue.approved_at or issue.sends_at)
    if now > owed_since + newsletter.catch_up:
        return _held(database, issue, (too_late(owed_since, newsletter, now),), now=now)
    return Step(issue=freeze(database, loaded, issue, now=now), what="frozen")


def _mark_missed(
    database: Database, newsletter_key: str, before: Slot, *, since: datetime, now: datetime
) -> list[Step]:
    """Close the books on windows older than *before* that nobody sent: they are never sent late."""
    with database.read() as conn:
        found = issues.listed(conn, newsletter_key, states=(IssueState.PLANNED, IssueState.DRAFT))
    left = [
        issue
        for issue in found
        if issue.of.rhythm is before.rhythm and not issue.of.is_extra and not issue.of.is_correction
    ]
    steps = []
    for issue in left:
        if issue.window.end < before.window.end and issue.sends_at >= since:
            with suppress(WrongState):  # another process took this step first
                steps.append(_missed(database, issue, now=now))
    return steps


def _missed(database: Database, issue: Issue, *, now: datetime) -> Step:
    reason = "Its hour passed while nothing ran, and the next issue is under way."
    with database.write() as conn:
        missed = issues.set_state(
            conn,
            issue.id,
            (issue.state,),
            IssueState.MISSED,
            now=now,
            actor="bell",
            reasons=(reason,),
        )
    return Step(issue=missed, what="missed")


def thin(draft: Draft, newsletter: NewsletterSettings) -> int:
    """Return how many items there are if so few roll over into next week; else 0."""
    count = len(draft.recap.items) if draft.recap else 0
    return count if count < newsletter.items.min and not draft.edits else 0


def _roll_over(database: Database, issue: Issue, count: int, *, now: datetime) -> Step:
    reason = (
        f"Only {count} {'item' if count == 1 else 'items'}: they roll over into the next issue."
    )
    with database.write() as conn:
        rolled = issues.set_state(
            conn,
            issue.id,
            (IssueState.DRAFT,),
            IssueState.CANCELLED,
            now=now,
            actor="bell",
            reasons=(reason,),
        )
        history.record(conn, issue.id, ROLLED_OVER, actor="bell", at=now)
    return Step(issue=rolled, what=ROLLED_OVER)
