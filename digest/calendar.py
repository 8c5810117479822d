"""When issues close and go out: windows in UTC, made from a newsletter's wall time."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from zoneinfo import ZoneInfo

from digest.errors import NoSuchIssue
from digest.model import Rhythm, Window
from digest.model.settings import DAYS, NewsletterSettings, Weekly

_DAY = timedelta(days=1)
_WEEK = timedelta(days=7)


@dataclass(frozen=True, slots=True, kw_only=True)
class Slot:
    """A place in the calendar that one issue fills."""

    rhythm: Rhythm
    #: The closing day in the newsletter's zone, ``2023-09-22``; of a month ``2023-09``.
    key: str
    #: From the close before to this one.
    window: Window
    #: What came after this instant and is old is late, not forgotten.
    previous_close: datetime
    sends_at: datetime


def slot_closing(newsletter: NewsletterSettings, day: date) -> Slot:
    """
    Return the weekly slot that closes on *day*, a date in the newsletter's zone.

    Windows of consecutive slots touch, so the week in which the clocks change is an
    hour longer or shorter. NoSuchIssue if the newsletter does not close on that weekday.
    """
    closes = newsletter.closes
    if day.weekday() != closes.weekday:
        raise NoSuchIssue(
            f"{newsletter.title} closes on {DAYS[closes.weekday].title()}s,"
            f" and {day} is a {DAYS[day.weekday()].title()}",
            remedy=f"The next closing day is {_next_weekday(day, closes.weekday)}.",
        )
    zone = newsletter.zone
    before, close = (instant(on, closes.at, zone) for on in (day - _WEEK, day))
    return Slot(
        rhythm=Rhythm.WEEKLY,
        key=day.isoformat(),
        window=Window(before, close),
        previous_close=before,
        sends_at=_first(newsletter.sends, close, zone),
    )


def slot_of_month(newsletter: NewsletterSettings, month: date) -> Slot:
    """
    Return the monthly slot of the month that *month* lies in; it closes on the next first.

    NoSuchIssue if the newsletter has no monthly issues.
    """
    monthly = newsletter.monthly
    if monthly is None:
        raise NoSuchIssue(
            f"{newsletter.title} has no monthly issues",
            remedy="Offer them with `monthly: {}` in config.yaml.",
        )
    first = month.replace(day=1)
    then = _next_month(first)
    start, close = (instant(on, monthly.closes, newsletter.zone) for on in (first, then))
    return Slot(
        rhythm=Rhythm.MONTHLY,
        key=f"{first:%Y-%m}",
        window=Window(start, close),
        previous_close=start,
        sends_at=instant(then, monthly.sends, newsletter.zone),
    )


def current(newsletter: NewsletterSettings, now: datetime, rhythm: Rhythm = Rhythm.WEEKLY) -> Slot:
    """
    Return the slot of *rhythm* to work on at *now*.

    That is the one which is closed but whose send hour is still to come; if there is
    none, the one whose window contains *now*. At the send hour itself the next begins.
    """
    slot = _containing(newsletter, now, rhythm)
    closed = preceding(newsletter, slot)
    return closed if now < closed.sends_at else slot


def following(newsletter: NewsletterSettings, slot: Slot) -> Slot:
    """Return the slot of the same rhythm that opens when *slot* closes."""
    return _containing(newsletter, slot.window.end, slot.rhythm)


def preceding(newsletter: NewsletterSettings, slot: Slot) -> Slot:
    """Return the slot that closes when *slot* opens, under the calendar as it is now."""
    if slot.rhythm is Rhythm.MONTHLY:
        return slot_of_month(newsletter, date.fromisoformat(f"{slot.key}-01") - _DAY)
    day = _day(newsletter.closes, slot.window.start, newsletter.zone, after=True)
    return slot_closing(newsletter, day - _WEEK)


def upcoming(newsletter: NewsletterSettings, now: datetime, n: int) -> tuple[Slot, ...]:
    """Return the slot to work on at *now* and those after it, *n* in all."""
    slots = [current(newsletter, now)]
    while len(slots) < n:
        slots.append(following(newsletter, slots[-1]))
    return tuple(slots[:n])


def instant(day: date, at: time, zone: ZoneInfo) -> datetime:
    """
    Return the instant, in UTC, at which *zone*'s clock shows *at* on *day*.

    A time that the clock shows twice is its first showing; one that it skips is read
    with the offset from before the gap: 02:30 in a gap from two to three is 03:30
    (RFC 5545, 3.3.5).
    """
    return datetime.combine(day, at, zone).replace(fold=0).astimezone(UTC)


def same_hour(moment: datetime, zone: ZoneInfo, theirs: ZoneInfo) -> datetime:
    """
    Return the first instant from *moment* on when *theirs* shows what *zone* shows at it.

    At most a day later, an hour more where their clock is set meanwhile.
    """
    wall = moment.astimezone(zone).time()
    day = moment.astimezone(theirs).date()
    today = instant(day, wall, theirs)
    return today if today >= moment else instant(day + _DAY, wall, theirs)


def _containing(newsletter: NewsletterSettings, moment: datetime, rhythm: Rhythm) -> Slot:
    """Return the slot whose window contains *moment*: the first that closes after it."""
    if rhythm is Rhythm.MONTHLY:
        slot = slot_of_month(newsletter, moment.astimezone(newsletter.zone).date())
        # In the first hours of a first day the month before is still open.
        return slot if moment >= slot.window.start else preceding(newsletter, slot)
    return slot_closing(newsletter, _day(newsletter.closes, moment, newsletter.zone, after=True))


def _next_month(first: date) -> date:
    return (first + timedelta(days=31)).replace(day=1)


def _first(weekly: Weekly, moment: datetime, zone: ZoneInfo) -> datetime:
    return instant(_day(weekly, moment, zone, after=False), weekly.at, zone)


def _day(weekly: Weekly, moment: datetime, zone: ZoneInfo, *, after: bool) -> date:
    """Return the local day on which *weekly* first strikes at *moment* or (only) after it."""
    # Two days early: a skipped day or hour may put the instant of a date on the next one.
    day = _next_weekday(moment.astimezone(zone).date() - timedelta(days=2), weekly.weekday)
    while (struck := instant(day, weekly.at, zone)) < moment or (after and struck == moment):
        day += _WEEK
    return day


def _next_weekday(day: date, weekday: int) -> date:
    return day + timedelta(days=(weekday - day.weekday()) % 7)
