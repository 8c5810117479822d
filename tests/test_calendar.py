"""The calendar: windows from wall time, touching whatever the clocks do."""

from __future__ import annotations

from datetime import UTC, date, datetime, time, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from digest.calendar import (
    current,
    following,
    instant,
    preceding,
    same_hour,
    slot_closing,
    slot_of_month,
    upcoming,
)
from digest.errors import NoSuchIssue
from digest.model import Rhythm
from digest.model.settings import DAYS, NewsletterSettings

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
moments = st.datetimes(datetime(1995, 1, 1), datetime(2037, 12, 1), timezones=st.just(UTC))


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
