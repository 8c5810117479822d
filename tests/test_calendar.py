"""The calendar: windows from wall time, touching whatever the clocks do."""

from __future__ import annotations

import re
from datetime import UTC, date, datetime, time, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from digest.calendar import (
    ahead,
    current,
    following,
    instant,
    look_back,
    preceding,
    same_hour,
    sending_on,
    slot_closing,
    slot_of_month,
    upcoming,
)
from digest.errors import NoSuchIssue
from digest.model import Rhythm
from digest.model.settings import DAYS, NewsletterSettings
from digest.model.settings.recurrence import ORDINALS

ZONES = (
    "America/New_York",
    "America/St_Johns",
    "Europe/Berlin",
    "Africa/Casablanca",
    "Australia/Lord_Howe",
    "Asia/Kathmandu",
    "Pacific/Apia",
    "UTC",
)


def a_newsletter(**told: Any) -> NewsletterSettings:
    facts = {
        "title": "Recap",
        "from": "recap@example.org",
        "postal_address": "1 Sample Street, Springfield",
        "timezone": "America/New_York",
    }
    return NewsletterSettings(**(facts | told))


def utc(text: str) -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=UTC)


def wall_times() -> st.SearchStrategy[str]:
    return st.builds(
        lambda day, hour, minute: f"{day} {hour:02}:{minute:02}",
        st.sampled_from(DAYS),
        st.integers(0, 23),
        st.sampled_from([0, 15, 30, 59]),
    )


newsletters = st.builds(
    a_newsletter, timezone=st.sampled_from(ZONES), closes=wall_times(), sends=wall_times()
)


def ways_to_recur() -> st.SearchStrategy[str]:
    days = st.dates(date(2000, 1, 1), date(2030, 12, 31))
    return st.one_of(
        st.sampled_from(["daily", "weekdays", "monthly last", *DAYS]),
        st.builds("monthly {}".format, st.integers(1, 31)),
        st.builds("{} {}".format, st.sampled_from(ORDINALS), st.sampled_from(DAYS)),
        st.builds("fortnightly from {}".format, days),
    )


def hours() -> st.SearchStrategy[str]:
    return st.builds("{:02}:{:02}".format, st.integers(0, 23), st.sampled_from([0, 15, 30, 59]))


@st.composite
def calendars(draw: st.DrawFn, holidays: bool = True) -> NewsletterSettings:
    """A newsletter of any calendar; with a month's worth of holidays here and there."""
    off = [
        f"{day} to {day + timedelta(days=draw(st.integers(0, 20)))}"
        for day in draw(st.lists(st.dates(date(2020, 1, 1), date(2022, 1, 1)), max_size=6))
    ]
    return a_newsletter(
        timezone=draw(st.sampled_from(ZONES)),
        closes=f"{draw(ways_to_recur())} {draw(hours())}",
        sends=draw(hours()),
        holidays=off if holidays else [],
    )


moments = st.datetimes(datetime(1995, 1, 1), datetime(2037, 12, 1), timezones=st.just(UTC))


near_the_holidays = st.datetimes(
    datetime(2019, 12, 1), datetime(2022, 3, 1), timezones=st.just(UTC)
)


def test_the_week_of_the_sample():
    """The slot's key is the local closing day; its instants are that wall time in UTC."""
    slot = slot_closing(a_newsletter(), date(2023, 9, 22))

    assert slot.key == "2023-09-22"
    assert (slot.window.start, slot.window.end) == (
        utc("2023-09-15T10:00"),
        utc("2023-09-22T10:00"),
    )
    assert slot.previous_close == slot.window.start
    assert slot.sends_at == utc("2023-09-22T13:00")


def test_a_day_on_which_nothing_closes_is_refused():
    """Asking for a Thursday names the weekday that closes and the next such day."""
    with pytest.raises(NoSuchIssue, match="closes on Fridays") as refused:
        slot_closing(a_newsletter(), date(2023, 9, 21))

    assert "2023-09-22" in refused.value.remedy


@pytest.mark.parametrize(
    ("closing", "hours"),
    [(date(2024, 3, 15), 167), (date(2024, 11, 8), 169), (date(2024, 6, 14), 168)],
    ids=["an hour shorter in spring", "an hour longer in autumn", "else a week of hours"],
)
def test_the_wall_clock_decides(closing, hours):
    """The week in which the clocks change is an hour shorter or longer, and closes at six."""
    window = slot_closing(a_newsletter(), closing).window

    assert window.end - window.start == timedelta(hours=hours)
    assert window.end.astimezone(ZoneInfo("America/New_York")).time() == time(6)


@pytest.mark.parametrize(
    ("day", "at", "zone", "expected"),
    [
        (date(2024, 3, 10), time(2, 30), "America/New_York", "2024-03-10T07:30"),
        (date(2024, 11, 3), time(1, 30), "America/New_York", "2024-11-03T05:30"),
        (date(2011, 12, 30), time(6), "Pacific/Apia", "2011-12-30T16:00"),
    ],
    ids=["skipped: offset from before", "shown twice: the first", "a day that never was"],
)
def test_odd_wall_times_have_one_instant(day, at, zone, expected):
    """A wall time in a gap or a fold means one defined instant."""
    assert instant(day, at, ZoneInfo(zone)) == utc(expected)


def test_sending_comes_at_or_after_the_close():
    """A send time earlier in the week than the close is that of the week after."""
    at_once = a_newsletter(closes="friday 06:00", sends="friday 06:00")
    later = a_newsletter(closes="friday 06:00", sends="tuesday 09:00")
    day = date(2023, 9, 22)

    assert slot_closing(at_once, day).sends_at == slot_closing(at_once, day).window.end
    assert slot_closing(later, day).sends_at == utc("2023-09-26T13:00")


@pytest.mark.parametrize(
    ("now", "key"),
    [
        ("2023-09-22T09:59:59", "2023-09-22"),
        ("2023-09-22T10:00:00", "2023-09-22"),
        ("2023-09-22T12:59:59", "2023-09-22"),
        ("2023-09-22T13:00:00", "2023-09-29"),
        ("2023-09-25T00:00:00", "2023-09-29"),
    ],
    ids=["open", "just closed", "about to go out", "the send hour", "in the next week"],
)
def test_current_is_the_slot_to_work_on(now, key):
    """A closed slot stays current until its send hour, then the next one is."""
    assert current(a_newsletter(), utc(now)).key == key


def test_upcoming_begins_with_the_current_slot():
    """The slots ahead come in order, the first being the one to work on."""
    slots = upcoming(a_newsletter(), utc("2023-09-20T00:00"), 3)

    assert [slot.key for slot in slots] == ["2023-09-22", "2023-09-29", "2023-10-06"]


@settings(max_examples=60, deadline=None)
@given(newsletters, moments)
def test_windows_touch_for_years(newsletter, moment):
    """Each window starts where the one before it ended, and the way back is the way there."""
    slot = current(newsletter, moment)
    for _ in range(80):
        after = following(newsletter, slot)
        assert after.window.start == slot.window.end == after.previous_close
        assert after.window.end > after.window.start
        assert preceding(newsletter, after) == slot
        slot = after


@settings(max_examples=300, deadline=None)
@given(newsletters, moments)
def test_every_moment_has_one_slot(newsletter, moment):
    """Now is in the current window, or in the next one with the send hour still ahead."""
    slot = current(newsletter, moment)

    assert moment in slot.window or (
        moment in following(newsletter, slot).window and moment < slot.sends_at
    )
    assert slot.window.end <= slot.sends_at
    assert slot.sends_at - slot.window.end <= timedelta(days=8)
    assert slot_closing(newsletter, date.fromisoformat(slot.key)) == slot


# --- months -------------------------------------------------------------------------------


def monthly(**told: object) -> NewsletterSettings:
    return a_newsletter(timezone="America/New_York", monthly=told)


def test_a_month_runs_from_first_to_first():
    """The issue of September closes and goes out on the first of October, by the wall clock."""
    slot = slot_of_month(monthly(), date(2023, 9, 17))
    assert slot.key == "2023-09"
    assert slot.window.start == datetime(2023, 9, 1, 10, tzinfo=UTC)
    assert slot.window.end == datetime(2023, 10, 1, 10, tzinfo=UTC)
    assert slot.sends_at == datetime(2023, 10, 1, 13, tzinfo=UTC)


def test_months_touch_across_clock_changes_and_years():
    """Each month begins where the one before ends; March and November have their hour."""
    months = monthly(closes="00:30", sends="08:00")
    slot = slot_of_month(months, date(2023, 1, 31))
    for _ in range(26):
        then = following(months, slot)
        assert then.window.start == slot.window.end == then.previous_close
        assert preceding(months, then) == slot
        assert slot.window.end.astimezone(months.zone).strftime("%d %H:%M") == "01 00:30"
        slot = then
    assert slot.key == "2025-03"


@pytest.mark.parametrize(
    ("now", "key"),
    [
        ("2023-09-30 23:59", "2023-09"),
        ("2023-10-01 05:59", "2023-09"),
        ("2023-10-01 08:59", "2023-09"),
        ("2023-10-01 09:00", "2023-10"),
    ],
)
def test_the_month_to_work_on(now: str, key: str):
    """It is the closed one until it goes out, also in the first hours of a first day."""
    months = monthly()
    moment = datetime.fromisoformat(now).replace(tzinfo=months.zone).astimezone(UTC)
    assert current(months, moment, Rhythm.MONTHLY).key == key


def test_who_offers_no_months_has_none():
    """Asking for a monthly slot says what to write into config.yaml."""
    with pytest.raises(NoSuchIssue) as e:
        slot_of_month(a_newsletter(), date(2023, 9, 1))
    assert "monthly" in e.value.remedy


def test_a_month_is_not_sent_before_it_closes():
    """A send time before the close is refused, with both named."""
    with pytest.raises(ValueError, match=r"sends \(05:00\) is before closes \(06:00\)"):
        monthly(sends="05:00")


# --- a reader's own clock -----------------------------------------------------------------


@pytest.mark.parametrize(
    ("theirs", "after"),
    [
        ("America/New_York", 0),
        ("America/Los_Angeles", 3),
        ("Europe/Berlin", 18),
        ("Asia/Tokyo", 11),
    ],
)
def test_the_send_hour_strikes_for_each_reader_within_a_day(theirs, after):
    """Nine in New York is nine in Los Angeles three hours later, and in Berlin the next morning."""
    new_york, zone = ZoneInfo("America/New_York"), ZoneInfo(theirs)
    moment = instant(date(2023, 9, 22), time(9), new_york)
    struck = same_hour(moment, new_york, zone)
    assert struck - moment == timedelta(hours=after)
    assert struck.astimezone(zone).time() == time(9)


@given(
    st.datetimes(datetime(2020, 1, 1), datetime(2030, 1, 1)),
    st.sampled_from(ZONES),
    st.sampled_from(ZONES),
)
def test_nobody_is_served_early_or_more_than_a_day_late(wall, ours, theirs):
    """Whatever both clocks do that night."""
    moment = wall.replace(tzinfo=UTC)
    late = same_hour(moment, ZoneInfo(ours), ZoneInfo(theirs)) - moment
    assert timedelta(0) <= late <= timedelta(hours=25)


# --- other calendars ----------------------------------------------------------------------


@settings(max_examples=120, deadline=None)
@given(
    calendars(), st.datetimes(datetime(2019, 12, 1), datetime(2022, 3, 1), timezones=st.just(UTC))
)
def test_windows_tile_time_whatever_the_calendar(newsletter, moment):
    """Consecutive windows leave no gap and do not overlap, in any zone, holidays or not."""
    slot = current(newsletter, moment)
    for _ in range(30):
        after = following(newsletter, slot)
        assert after.window.start == slot.window.end == after.previous_close
        assert preceding(newsletter, after) == slot
        assert slot.window.end <= slot.sends_at
        assert slot_closing(newsletter, date.fromisoformat(slot.key)) == slot
        on = slot.sends_at.astimezone(newsletter.zone).date()
        assert not any(on in holiday for holiday in newsletter.holidays)
        slot = after


@settings(max_examples=80, deadline=None)
@given(calendars(holidays=False), st.data())
def test_a_day_left_out_gives_its_window_to_the_next(newsletter, data):
    """Leaving a day out joins two windows to one, and moves nothing else."""
    moment = data.draw(moments)
    first, second, third = upcoming(newsletter, moment, 3)
    day = first.sends_at.astimezone(newsletter.zone).date()
    if second.sends_at.astimezone(newsletter.zone).date() == day:
        return
    without = a_newsletter(
        timezone=newsletter.timezone,
        closes=str(newsletter.closes),
        sends=f"{newsletter.sends.at:%H:%M}",
        holidays=[str(day)],
    )
    joined = slot_closing(without, date.fromisoformat(second.key))
    assert (joined.window.start, joined.window.end) == (first.window.start, second.window.end)
    assert joined.sends_at == second.sends_at
    assert slot_closing(without, date.fromisoformat(third.key)) == third
    shown = ahead(without, moment, 2)
    assert [place.holiday is None for place in shown] == [False, True, True]
    assert sending_on(without, day) == shown[0]
    with pytest.raises(NoSuchIssue, match="is left out"):
        slot_closing(without, date.fromisoformat(first.key))


@pytest.mark.parametrize(
    ("closes", "days"),
    [
        ("daily 06:00", ["01-29", "01-30", "01-31", "02-01"]),
        ("weekdays 06:00", ["01-29", "01-30", "02-02", "02-03"]),
        ("fortnightly from 2026-01-09 06:00", ["02-06", "02-20", "03-06", "03-20"]),
        ("fortnightly from 2030-01-04 06:00", ["02-06", "02-20", "03-06", "03-20"]),
        ("monthly 15 06:00", ["02-15", "03-15", "04-15", "05-15"]),
        ("monthly 30 06:00", ["01-30", "02-28", "03-30", "04-30"]),
        ("monthly last 06:00", ["01-31", "02-28", "03-31", "04-30"]),
        ("first thursday 06:00", ["02-05", "03-05", "04-02", "05-07"]),
        ("last friday 06:00", ["01-30", "02-27", "03-27", "04-24"]),
    ],
)
def test_the_days_of_each_calendar(closes, days):
    """What is written in config.yaml means these days of 2026, seen from the 29th of January."""
    slots = upcoming(a_newsletter(closes=closes), utc("2026-01-29T00:00"), 4)
    assert [slot.key for slot in slots] == [f"2026-{day}" for day in days]
    assert str(a_newsletter(closes=closes).closes) == closes


@pytest.mark.parametrize(
    ("night", "closes", "sends", "expected"),
    [
        # 02:30 does not exist on 2026-03-08 in New York: it is read as 03:30.
        ("2026-03-08", "daily 02:30", "03:00", ("2026-03-08T07:30", "2026-03-08T07:30")),
        ("2026-03-08", "sunday 02:30", "sunday 03:00", ("2026-03-08T07:30", "2026-03-08T07:30")),
        ("2026-03-08", "daily 01:30", "02:15", ("2026-03-08T06:30", "2026-03-08T07:15")),
        # 01:30 comes twice on 2026-11-01: the first one counts.
        ("2026-11-01", "daily 01:30", "01:45", ("2026-11-01T05:30", "2026-11-01T05:45")),
        ("2026-11-01", "daily 00:30", "03:00", ("2026-11-01T04:30", "2026-11-01T08:00")),
        ("2026-11-01", "sunday 01:30", "sunday 01:30", ("2026-11-01T05:30", "2026-11-01T05:30")),
    ],
)
def test_the_nights_in_which_the_clocks_change(night, closes, sends, expected):
    """An hour that is skipped or comes twice moves no sending to another day."""
    slot = slot_closing(a_newsletter(closes=closes, sends=sends), date.fromisoformat(night))
    assert (slot.window.end, slot.sends_at) == tuple(utc(each) for each in expected)


def test_a_day_that_a_zone_left_out_closes_once():
    """Apia had no 30 December 2011: a daily newsletter closes on the days around it."""
    apia = a_newsletter(timezone="Pacific/Apia", closes="daily 06:00")
    slots = upcoming(apia, utc("2011-12-29T00:00"), 4)
    assert [slot.key for slot in slots] == ["2011-12-29", "2011-12-31", "2012-01-01", "2012-01-02"]


def test_a_longer_window_looks_further_back():
    """A publication of the days before a holiday is not too old for the issue after it."""
    usual = a_newsletter()
    after = a_newsletter(holidays=["2026-12-25"])
    fortnightly = a_newsletter(closes="fortnightly from 2026-01-09 06:00")
    new_year = slot_closing(after, date(2027, 1, 1)).window
    assert new_year.start == slot_closing(usual, date(2026, 12, 18)).window.end
    assert look_back(usual, slot_closing(usual, date(2027, 1, 1)).window) == timedelta(days=10)
    assert look_back(after, new_year) == timedelta(days=17)
    two_weeks = slot_closing(fortnightly, date(2026, 1, 23)).window
    assert look_back(fortnightly, two_weeks) == timedelta(days=14)


def test_the_next_times_name_the_holidays_between():
    """Five send times are five issues; what is left out stands between them with its name."""
    off = a_newsletter(holidays=["2026-12-24 to 2027-01-03 Winter break"])
    places = ahead(off, utc("2026-12-11T14:00"), 5)
    told = [(str(p.closing), p.holiday.name if p.holiday else "") for p in places]
    assert told == [
        ("2026-12-18", ""),
        ("2026-12-25", "Winter break"),
        ("2027-01-01", "Winter break"),
        ("2027-01-08", ""),
        ("2027-01-15", ""),
        ("2027-01-22", ""),
        ("2027-01-29", ""),
    ]


def test_what_closed_and_waits_for_its_hour_comes_first():
    """Between the close and the hour, the next time is that of what has closed."""
    monday = a_newsletter(closes="friday 18:00", sends="monday 09:00")
    places = ahead(monday, utc("2026-01-10T12:00"), 2)
    assert [str(place.closing) for place in places] == ["2026-01-09", "2026-01-16"]


def test_no_year_is_all_holidays():
    """Holidays for two years are no calendar: the way out is named."""
    years = [f"{year}-01-01 to {year}-12-31" for year in range(2026, 2030)]
    with pytest.raises(NoSuchIssue, match="within two years") as e:
        current(a_newsletter(holidays=years), utc("2026-02-01T00:00"))
    assert "holidays" in e.value.remedy


@pytest.mark.parametrize(
    ("told", "sentence"),
    [
        ({"closes": "lst friday 06:00"}, "did you mean `last friday`"),
        ({"closes": "dayly 06:00"}, "did you mean `daily`"),
        ({"closes": "fifth friday 06:00"}, "write `last friday`"),
        ({"closes": "monthly 32 06:00"}, "1 to 31 or last"),
        ({"closes": "fortnightly 06:00"}, "like `fortnightly from 2026-01-09 06:00`"),
        ({"closes": "fortnightly from 2026-13-09 06:00"}, "like `fortnightly from"),
        ({"closes": "06:00"}, "write a weekday and a time"),
        ({"closes": "friday"}, "write a weekday and a time"),
        ({"closes": "daily 06:00", "sends": "friday 09:00"}, "would go out after the next close"),
        ({"holidays": ["christmas"]}, 'write a day like "2026-12-25"'),
        ({"holidays": ["2026-02-30"]}, 'write a day like "2026-12-25"'),
        ({"holidays": ["2026-12-24 to 2026-12-01"]}, "is no stretch of at most a year"),
    ],
)
def test_a_slip_is_told_with_what_was_meant(told, sentence):
    """What cannot be read names the nearest form, or an example."""
    with pytest.raises(ValueError, match=re.escape(sentence)):
        a_newsletter(**told)


def test_days_off_are_read_as_written():
    """A day, or two with "to" between; the rest of the line is the name."""
    one, many = a_newsletter(
        holidays=[date(2026, 12, 25), "2026-12-24 to 2027-01-03  Winter break "]
    ).holidays
    assert (one.first, one.last, one.name) == (date(2026, 12, 25), date(2026, 12, 25), "")
    assert (str(many.first), str(many.last), many.name) == (
        "2026-12-24",
        "2027-01-03",
        "Winter break",
    )
