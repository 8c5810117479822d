"""The calendar that editors change: days left out, and issues beside the usual ones."""

from __future__ import annotations

from collections.abc import Collection
from contextlib import suppress
from dataclasses import replace
from datetime import date, datetime, timedelta
from typing import TYPE_CHECKING
from zoneinfo import ZoneInfo

from sqlalchemy import Connection

from digest import calendar
from digest.calendar import Place
from digest.errors import IssueError, NoSuchIssue, WrongState
from digest.model import EXTRA, OPEN, Issue, IssueId, IssueState, Rhythm, Window
from digest.model.settings import Holiday, NewsletterSettings
from digest.store import Database, drafts, history, issues, newsletters, skips, uses
from digest.store.skips import Skip

if TYPE_CHECKING:
    from digest.config import Loaded

#: What the audit log says of an issue that was left out, and of its day.
SKIPPED = "skipped"
SKIPPED_DAY = "left a day out"
UNSKIPPED_DAY = "put a day back"
PLANNED_EXTRA = "planned an extra issue"
MOVED_EXTRA = "moved an extra issue"

#: Older publications are not among the candidates of any issue.
LONGEST_WINDOW = timedelta(days=60)

#: The days shown ahead are looked for among so many send times.
_FEW = 3


def planned(
    conn: Connection, newsletter_key: str, newsletter: NewsletterSettings
) -> NewsletterSettings:
    """Return the newsletter with the days that editors left out among its holidays."""
    left_out = tuple(
        Holiday(first=each.day, last=each.day, name=each.reason)
        for each in skips.listed(conn, newsletter_key)
    )
    if not left_out:
        return newsletter
    return newsletter.model_copy(update={"holidays": (*newsletter.holidays, *left_out)})


def coming(
    database: Database, loaded: Loaded, newsletter_key: str, count: int, *, now: datetime
) -> tuple[tuple[Place, ...], list[Issue]]:
    """
    Return the next *count* places that send, those left out between, and the extra issues.

    Extra issues are those whose hour is still to come, the soonest first.
    """
    with database.read() as conn:
        newsletter = planned(conn, newsletter_key, loaded.settings.newsletters[newsletter_key])
        waiting = issues.listed(conn, newsletter_key, states=(*OPEN, IssueState.APPROVED))
    extras = [issue for issue in waiting if issue.of.is_extra and issue.sends_at > now]
    extras.sort(key=lambda issue: (issue.sends_at, issue.id))
    return calendar.ahead(newsletter, now, count), extras


# --- days left out --------------------------------------------------------------------------


def skip(
    database: Database,
    loaded: Loaded,
    newsletter_key: str,
    day: date,
    *,
    reason: str,
    by: str,
    now: datetime,
) -> Place:
    """
    Leave *day* out: no issue goes out on it, and the next one has its window too.

    An issue that waits for that day is cancelled, approved or not. NoSuchIssue if none goes
    out then, IssueError if it is left out already or its hour has passed, WrongState if its
    readers are being sent it.
    """
    from digest.render.plain import plain

    reason = plain(reason)
    with database.write() as conn:
        newsletter = planned(conn, newsletter_key, loaded.settings.newsletters[newsletter_key])
        place = _coming(newsletter, day, now=now)
        if place.holiday:
            raise IssueError(f"{day} is left out already{_named(place.holiday)}")
        skips.add(
            conn,
            newsletter_key,
            Skip(day=day, reason=reason, decided_by=by, decided_at=now),
        )
        _record(conn, newsletter_key, SKIPPED_DAY, day, reason, by=by, now=now)
        issue = _at(conn, newsletter_key, place)
        if issue is not None and issue.state is not IssueState.CANCELLED:
            _leave_out(conn, issue, Holiday(first=day, last=day, name=reason), by=by, now=now)
    return replace(place, holiday=Holiday(first=day, last=day, name=reason))


def unskip(
    database: Database, loaded: Loaded, newsletter_key: str, day: date, *, by: str, now: datetime
) -> None:
    """
    Put a day back that an editor left out; its issue is a draft again where there was one.

    NoSuchIssue if no editor left it out, IssueError once its hour has passed: the next issue
    counts on it then.
    """
    settings = loaded.settings.newsletters[newsletter_key]
    with database.write() as conn:
        place = _coming(planned(conn, newsletter_key, settings), day, now=now)
        if not skips.remove(conn, newsletter_key, day):
            raise NoSuchIssue(
                f"no editor left {day} out",
                remedy="Holidays of config.yaml are changed there."
                if place.holiday
                else "Its issue goes out.",
            )
        _record(conn, newsletter_key, UNSKIPPED_DAY, day, "", by=by, now=now)
        newsletter = planned(conn, newsletter_key, settings)
        put_back(conn, newsletter_key, newsletter, place, by=by, now=now)


def _coming(newsletter: NewsletterSettings, day: date, *, now: datetime) -> Place:
    place = calendar.sending_on(newsletter, day)
    if place is None:
        coming = [each for each in calendar.ahead(newsletter, now, _FEW) if not each.holiday]
        days = ", ".join(str(each.sends_at.astimezone(newsletter.zone).date()) for each in coming)
        raise NoSuchIssue(
            f"no issue of {newsletter.title} goes out on {day}",
            remedy=f"The next ones go out on {days}." if days else "",
        )
    if place.sends_at <= now:
        raise IssueError(f"the hour of {day} has passed", remedy="Only days to come are changed.")
    return place


def _record(
    conn: Connection,
    newsletter_key: str,
    what: str,
    day: date,
    reason: str,
    *,
    by: str,
    now: datetime,
) -> None:
    detail = {"newsletter": newsletter_key, "day": day.isoformat(), "reason": reason}
    history.record(conn, None, what, actor=by, at=now, detail=detail)


def follow_holidays(
    database: Database,
    newsletter_key: str,
    newsletter: NewsletterSettings,
    *,
    now: datetime,
) -> list[Issue]:
    """
    Cancel drafts whose day is a holiday by now; return them.

    What a person approved goes out all the same: it was approved for that day.
    """
    with database.read() as conn:
        waiting = [
            issue
            for issue in issues.listed(conn, newsletter_key, states=OPEN)
            if _is_usual(issue.of) and (issue.sends_at > now or issue.state is not IssueState.HELD)
        ]
    left_out = []
    for issue in waiting:
        place = calendar.place_closing(newsletter, date.fromisoformat(issue.of.key))
        if place and place.holiday:
            # Approved or cancelled in this moment: that was a person's word.
            with suppress(WrongState), database.write() as conn:
                left_out.append(
                    _leave_out(conn, issue, place.holiday, within=OPEN, by="bell", now=now)
                )
    return left_out


def put_back(
    conn: Connection,
    newsletter_key: str,
    newsletter: NewsletterSettings,
    place: Place,
    *,
    by: str,
    now: datetime,
) -> None:
    """Make the issue of *place* a draft again if a holiday had cancelled it; else do nothing."""
    issue = _at(conn, newsletter_key, place)
    if issue is None or issue.state is not IssueState.CANCELLED:
        return
    there = calendar.place_closing(newsletter, place.closing)
    if there and not there.holiday and now < there.sends_at and _was_left_out(conn, issue):
        draft = drafts.read(conn, issue.id)
        state = IssueState.DRAFT if draft.recap else IssueState.PLANNED
        issues.set_state(conn, issue.id, (IssueState.CANCELLED,), state, now=now, actor=by)


def _leave_out(
    conn: Connection,
    issue: Issue,
    holiday: Holiday,
    *,
    within: Collection[IssueState] = (*OPEN, IssueState.APPROVED),
    by: str,
    now: datetime,
) -> Issue:
    """
    Cancel the issue of a day that is left out; its publications go into the next one.

    WrongState if by now it is in none of the states *within*.
    """
    uses.release(conn, issue.id)
    reason = f"Left out{_named(holiday)}: its publications go into the next issue."
    cancelled = issues.set_state(
        conn,
        issue.id,
        within,
        IssueState.CANCELLED,
        now=now,
        actor=by,
        reasons=(reason,),
        also={"approved_at": None, "approved_by": None},
    )
    history.record(conn, issue.id, SKIPPED, actor=by, at=now)
    return cancelled


def _was_left_out(conn: Connection, issue: Issue) -> bool:
    """Whether a holiday cancelled the issue, and not somebody."""
    skipped = history.last_event(conn, issue.id, SKIPPED)
    cancelled = history.last_event(conn, issue.id, IssueState.CANCELLED)
    return skipped is not None and cancelled is not None and skipped > cancelled


def _named(holiday: Holiday) -> str:
    return f" ({holiday.name})" if holiday.name else ""


def _is_usual(of: IssueId) -> bool:
    return of.rhythm is Rhythm.WEEKLY and not of.is_extra and not of.is_correction


def _at(conn: Connection, newsletter_key: str, place: Place) -> Issue | None:
    try:
        key = place.closing.isoformat()
        return issues.find(conn, IssueId(newsletter_key, Rhythm.WEEKLY, key))
    except NoSuchIssue:
        return None


# --- extra issues ---------------------------------------------------------------------------


def plan_extra(
    database: Database,
    loaded: Loaded,
    newsletter_key: str,
    window: Window,
    sends_at: datetime,
    *,
    by: str,
    now: datetime,
) -> Issue:
    """
    Plan an issue beside the calendar's, of what is published in *window*; return it.

    It goes to the readers of the usual ones, and what it shows is used up. Two calls make
    two of them. IssueError where window and hour make no issue.
    """
    zone = loaded.settings.newsletters[newsletter_key].zone
    _refuse_no_issue(window, sends_at, zone, now=now)
    day = window.end.astimezone(zone).date()
    with database.write() as conn:
        newsletters.started(conn, newsletter_key, now=now)
        known = {issue.of.key for issue in issues.listed(conn, newsletter_key)}
        number = next(n for n in range(1, 1000) if f"{day}{EXTRA}{n}" not in known)
        of = IssueId(newsletter_key, Rhythm.WEEKLY, f"{day}{EXTRA}{number}")
        issue = issues.plan(conn, of, window, sends_at=sends_at, now=now)
        history.record(
            conn, issue.id, PLANNED_EXTRA, actor=by, at=now, detail=_told(window, sends_at, zone)
        )
    return issue


def move_extra(
    database: Database,
    loaded: Loaded,
    issue: Issue,
    window: Window,
    sends_at: datetime,
    *,
    by: str,
    now: datetime,
) -> Issue:
    """
    Give an extra issue that nobody has approved another window and hour.

    IssueError where they make no issue; WrongState if it is approved or further, no extra
    one, or was changed since *issue* was read.
    """
    zone = loaded.settings.newsletters[issue.of.newsletter].zone
    if not issue.of.is_extra or issue.state not in OPEN:
        raise WrongState(
            f"issue {issue.of.key} is {issue.state}; only an extra issue that is not approved"
            " can be moved",
            remedy="Hold it first." if issue.state is IssueState.APPROVED else "",
        )
    _refuse_no_issue(window, sends_at, zone, now=now)
    with database.write() as conn:
        moved = issues.move(conn, issue, window, sends_at=sends_at)
        detail = {
            "before": _told(issue.window, issue.sends_at, zone),
            "after": _told(window, sends_at, zone),
        }
        history.record(conn, issue.id, MOVED_EXTRA, actor=by, at=now, detail=detail)
    return moved


def window_of(start: datetime, end: datetime) -> Window:
    """Return the stretch from *start* to *end*; IssueError if there is none."""
    if end <= start:
        raise IssueError("an extra issue ends after it begins", remedy="Exchange the two.")
    return Window(start, end)


def wall(zone: ZoneInfo, text: str) -> datetime:
    """
    Return the instant, in UTC, of a wall time like ``2026-12-03 15:00`` in *zone*.

    IssueError if *text* is none.
    """
    try:
        told = datetime.fromisoformat(text.strip())
    except ValueError:
        raise IssueError(
            f"{text!r} is no time", remedy="Write day and time, like 2026-12-03 15:00."
        ) from None
    if told.tzinfo is not None:
        raise IssueError(f"{text!r} names a zone of its own", remedy=f"Leave it out: it is {zone}.")
    return calendar.instant(told.date(), told.time(), zone)


def _refuse_no_issue(window: Window, sends_at: datetime, zone: ZoneInfo, *, now: datetime) -> None:
    if window.end - window.start > LONGEST_WINDOW:
        raise IssueError(
            f"an issue looks back {LONGEST_WINDOW.days} days at most",
            remedy="Let it begin later.",
        )
    if sends_at < window.end:
        raise IssueError(
            f"it would go out {_local(sends_at, zone)},"
            f" before it closes {_local(window.end, zone)}",
            remedy="Let it close earlier, or send it later.",
        )
    if sends_at <= now:
        raise IssueError(
            f"{_local(sends_at, zone)} has passed", remedy="Name an hour that is to come."
        )


def _told(window: Window, sends_at: datetime, zone: ZoneInfo) -> dict[str, str]:
    return {
        "from": _local(window.start, zone),
        "until": _local(window.end, zone),
        "sends": _local(sends_at, zone),
    }


def _local(at: datetime, zone: ZoneInfo) -> str:
    return f"{at.astimezone(zone):%Y-%m-%d %H:%M}"
