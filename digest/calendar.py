"""When issues close and go out: windows in UTC, made from a newsletter's wall time."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from itertools import islice
from zoneinfo import ZoneInfo

from digest.errors import NoSuchIssue
from digest.model import Rhythm, Window
from digest.model.settings import Holiday, NewsletterSettings, Recurrence
from digest.model.settings.recurrence import first_from

_DAY = timedelta(days=1)
#: Whoever has no issue within so many days has none.
_FARTHEST = 800


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


@dataclass(frozen=True, slots=True, kw_only=True)
class Place:
    """A day on which the newsletter closes, whether an issue goes out then or not."""

    #: In the newsletter's zone.
    closing: date
    #: UTC.
    close: datetime
    sends_at: datetime
    #: Why no issue goes out then; None if one does.
    holiday: Holiday | None


def slot_closing(newsletter: NewsletterSettings, day: date) -> Slot:
    """
    Return the usual slot that closes on *day*, a date in the newsletter's zone.

    Windows of consecutive slots touch: the week in which the clocks change is an hour
    longer or shorter, and the one after a holiday has the holiday's too. NoSuchIssue if
    the newsletter does not close on that day, or if no issue goes out for a holiday.
    """
    place = place_closing(newsletter, day)
    if place is None or place.holiday:
        raise NoSuchIssue(
            _no_slot(newsletter, day, place),
            remedy=f"The next closing day is {_next(newsletter, day)}.",
        )
    return _slot(newsletter, place)


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
    return _slot(newsletter, _last(newsletter, slot.window.start))


def upcoming(newsletter: NewsletterSettings, now: datetime, n: int) -> tuple[Slot, ...]:
    """Return the slot to work on at *now* and those after it, *n* in all."""
    slots = [current(newsletter, now)]
    while len(slots) < n:
        slots.append(following(newsletter, slots[-1]))
    return tuple(slots[:n])


def ahead(newsletter: NewsletterSettings, now: datetime, n: int) -> tuple[Place, ...]:
    """
    Return the next *n* places that send after *now*, and those between that do not.

    Fewer where holidays leave no more within two years.
    """
    found: list[Place] = []
    before = _before(newsletter, now)
    coming = [] if before is None or before.sends_at <= now else [before]
    for place in (*coming, *_after(newsletter, now)):
        found.append(place)
        n -= place.holiday is None
        if not n:
            return tuple(found)
    while found and found[-1].holiday:
        found.pop()
    return tuple(found)


def sending_on(newsletter: NewsletterSettings, day: date) -> Place | None:
    """Return the place that sends on *day*, a date in the newsletter's zone; None if none does."""
    zone = newsletter.zone
    began = instant(day, time(), zone)
    # What closes weeks before may be sent late, but never after the next close.
    before = _before(newsletter, began)
    near = [before] if before else []
    for place in (*near, *islice(_after(newsletter, began), 2)):
        if place.sends_at.astimezone(zone).date() == day:
            return place
    return None


def place_closing(newsletter: NewsletterSettings, day: date) -> Place | None:
    """Return the place that closes on *day*, a holiday or not; None if none closes then."""
    return _place(newsletter, day) if _closes_on(newsletter, day) else None


def look_back(newsletter: NewsletterSettings, window: Window) -> timedelta:
    """
    Return how old a publication may be at the end of *window*, on the wall clock.

    That is the newsletter's `look_back`; at least the usual window's length, and longer by
    what holidays added to it.
    """
    added = stretched(newsletter, window)
    return max(newsletter.look_back, length(newsletter, window) - added) + added


def stretched(newsletter: NewsletterSettings, window: Window) -> timedelta:
    """Return by how much holidays made *window* longer than usual, on the wall clock."""
    usual = _before(newsletter, window.end - timedelta.resolution)
    if usual is None or usual.close <= window.start:
        return timedelta(0)
    return length(newsletter, Window(window.start, usual.close))


def length(newsletter: NewsletterSettings, window: Window) -> timedelta:
    """Return how long *window* is on the newsletter's wall clock."""
    zone = newsletter.zone
    start, end = (at.astimezone(zone).replace(tzinfo=None) for at in (window.start, window.end))
    return end - start


def instant(day: date, at: time, zone: ZoneInfo) -> datetime:
    """
    Return the instant, in UTC, at which *zone*'s clock shows *at* on *day*.

    A time that the clock shows twice is its first showing; one that it skips is read
    with the offset from before the gap: 02:30 in a gap from two to three is 03:30
    (RFC 5545, 3.3.5).
    """
    return datetime.combine(day, at, zone).replace(fold=0).astimezone(UTC)


def own_hours(
    newsletter: NewsletterSettings, moment: datetime, zones: Iterable[str]
) -> dict[str, datetime]:
    """
    Return when the hour of *moment*, a send time, strikes in each of *zones*.

    None of them where the newsletter goes by its own clock alone.
    """
    if not newsletter.own_clock:
        return {}
    return {zone: same_hour(moment, newsletter.zone, ZoneInfo(zone)) for zone in zones}


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
    for place in _after(newsletter, moment):
        if not place.holiday:
            return _slot(newsletter, place)
    raise NoSuchIssue(
        f"{newsletter.title} has no issue within two years, for each falls on a holiday",
        remedy="Shorten `holidays` in config.yaml.",
    )


def _next_month(first: date) -> date:
    return (first + timedelta(days=31)).replace(day=1)


# --- the usual slots, on the days of `closes` -----------------------------------------------


def _slot(newsletter: NewsletterSettings, place: Place) -> Slot:
    start = _last(newsletter, place.close - timedelta.resolution).close
    return Slot(
        rhythm=Rhythm.WEEKLY,
        key=place.closing.isoformat(),
        window=Window(start, place.close),
        previous_close=start,
        sends_at=place.sends_at,
    )


def _last(newsletter: NewsletterSettings, moment: datetime) -> Place:
    """Return the last place that closed at *moment* or before it and was no holiday."""
    places = list(islice(_until(newsletter, moment), 1))
    for place in _until(newsletter, moment):
        if not place.holiday:
            return place
    return places[0]


def _place(newsletter: NewsletterSettings, day: date) -> Place:
    """Return the place that closes on *day*, which is one of the days of `closes`."""
    zone, closes = newsletter.zone, newsletter.closes
    close = instant(day, closes.at, zone)
    # On the wall clock: in the night when an hour is skipped or comes twice, instants alone
    # might put the sending a week away from its close.
    sent = first_from(newsletter.sends, datetime.combine(day, closes.at))
    sends_at = max(close, instant(sent.date(), sent.time(), zone))
    on = sends_at.astimezone(zone).date()
    return Place(
        closing=day,
        close=close,
        sends_at=sends_at,
        holiday=next((each for each in newsletter.holidays if on in each), None),
    )


def _after(newsletter: NewsletterSettings, moment: datetime) -> Iterator[Place]:
    """Yield the places that close after *moment* within two years, the soonest first."""
    # Two days early: a skipped day or hour may put the instant of a date on the next one.
    day = moment.astimezone(newsletter.zone).date() - 2 * _DAY
    for _ in range(_FARTHEST):
        if _closes_on(newsletter, day) and (place := _place(newsletter, day)).close > moment:
            yield place
        day += _DAY


def _until(newsletter: NewsletterSettings, moment: datetime) -> Iterator[Place]:
    """Yield the places that closed at *moment* or within two years before, the newest first."""
    day = moment.astimezone(newsletter.zone).date() + 2 * _DAY
    for _ in range(_FARTHEST):
        if _closes_on(newsletter, day) and (place := _place(newsletter, day)).close <= moment:
            yield place
        day -= _DAY


def _before(newsletter: NewsletterSettings, moment: datetime) -> Place | None:
    return next(_until(newsletter, moment), None)


def _closes_on(newsletter: NewsletterSettings, day: date) -> bool:
    """Tell whether *day* is one of `closes`; a day that a zone left out is its next one."""
    closes, zone = newsletter.closes, newsletter.zone
    if not closes.falls_on(day):
        return False
    then = day + _DAY
    return not closes.falls_on(then) or _struck(closes, day, zone) < _struck(closes, then, zone)


def _struck(closes: Recurrence, day: date, zone: ZoneInfo) -> datetime:
    return instant(day, closes.at, zone)


# --- what is said where there is none -------------------------------------------------------


def _no_slot(newsletter: NewsletterSettings, day: date, place: Place | None) -> str:
    if place and place.holiday:
        named = f" ({place.holiday.name})" if place.holiday.name else ""
        on = place.sends_at.astimezone(newsletter.zone).date()
        return f"{newsletter.title} has no issue that closes on {day}: {on} is left out{named}"
    return f"{newsletter.title} closes {newsletter.closes.said}, and {day} is a {day:%A}"


def _next(newsletter: NewsletterSettings, day: date) -> date:
    moment = instant(day, time(), newsletter.zone)
    return date.fromisoformat(_containing(newsletter, moment, Rhythm.WEEKLY).key)
