"""The calendar that editors change: days left out, extra issues, and what the bell makes of it."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import Connection, update

from digest import weekly
from digest.config import Loaded
from digest.errors import IssueError, NoSuchIssue, WrongState
from digest.model import Issue, IssueState
from digest.model.settings import Holiday
from digest.store import Database, issues, tallies
from digest.store.schema import events, feeds
from digest.weekly.planning import follow_holidays
from tests.friday import (
    BEFORE,
    CLOSING,
    MONDAY,
    SEND_HOUR,
    TITLES,
    a_loaded,
    draft_of,
    publish,
    sent_before,
    subscribe,
)

WEEK = timedelta(days=7)
DAY = timedelta(days=1)


@pytest.fixture
def loaded(database: Database, tmp_path: Path) -> Loaded:
    """Four publications, two readers, and a Friday before that went well."""
    loaded = a_loaded(tmp_path)
    publish(database, *TITLES)
    subscribe(database, 2)
    sent_before(database, loaded)
    return loaded


def ring(database: Database, loaded: Loaded, now: datetime) -> list[tuple[str, str]]:
    """The bell, with feeds that were just read: what it did to which issue."""
    with database.write() as conn:
        fresh = now - timedelta(minutes=5)
        conn.execute(update(feeds).values(enabled=True, succeeded_at=fresh, fetched_at=fresh))
    return [(s.issue.of.key, s.what) for s in weekly.advance(database, loaded, "recap", now=now)]


def issue_of(database: Database, key: str) -> Issue:
    with database.read() as conn:
        return next(each for each in issues.listed(conn, "recap") if each.of.key == key)


def shown(database: Database, key: str) -> set[str]:
    return {item.title for item in draft_of(database, issue_of(database, key)).recap.items}


def skip(database: Database, loaded: Loaded, day: date = CLOSING, **told: Any) -> None:
    facts = {"reason": "Conference", "by": "ana@example.org", "now": BEFORE}
    weekly.skip(database, loaded, "recap", day, **(facts | told))


def finish(database: Database, key: str) -> None:
    with database.write() as conn:
        issue = next(each for each in issues.listed(conn, "recap") if each.of.key == key)
        states = ((IssueState.SENDING,), IssueState.FINISHED)
        issues.set_state(conn, issue.id, *states, now=SEND_HOUR, actor="sender")


class Overtaken(Database):
    """A database in which somebody acts between what a step reads and what it writes."""

    def __init__(self, url: str, meanwhile: Callable[[], object]) -> None:
        super().__init__(url)
        self._meanwhile = meanwhile

    @contextmanager
    def read(self) -> Iterator[Connection]:
        with super().read() as conn:
            yield conn
        self._meanwhile()


def test_what_is_approved_meanwhile_is_not_left_out(database, loaded):
    """Approved after the bell looked, and before it would have cancelled it for a holiday."""
    ring(database, loaded, MONDAY)
    issue, newsletter = issue_of(database, str(CLOSING)), loaded.settings.newsletters["recap"]
    off = newsletter.model_copy(update={"holidays": (Holiday(first=CLOSING, last=CLOSING),)})

    def approve() -> None:
        weekly.approve(database, loaded, issue, by="ana@example.org", now=BEFORE)

    with closing(Overtaken(database.url, approve)) as overtaken:
        assert follow_holidays(overtaken, "recap", off, now=BEFORE) == []
    assert issue_of(database, str(CLOSING)).state is IssueState.APPROVED


def test_issues_are_listed_from_an_hour_on_or_so_many(database, loaded):
    """What the bell asks at each ring does not grow with the years."""
    ring(database, loaded, MONDAY)
    with database.read() as conn:
        every = issues.listed(conn, "recap")
        coming = issues.listed(conn, "recap", sends_after=MONDAY)
        newest = issues.listed(conn, "recap", most=1)
    assert len(every) == 2
    assert coming == newest == [issue_of(database, str(CLOSING))]


def test_a_week_left_out_goes_into_the_next_issue(database, loaded):
    """Nobody gets an issue that Friday; the one after has both weeks, and says so in its window."""
    assert ring(database, loaded, BEFORE) == []
    assert shown(database, "2023-09-22") == set(TITLES)
    skip(database, loaded)
    left_out = issue_of(database, "2023-09-22")
    assert left_out.state is IssueState.CANCELLED
    assert left_out.reasons == ("Left out (Conference): its publications go into the next issue.",)

    publish(database, "A Report of the Week After", on=MONDAY + WEEK)
    for hour in range(0, 7 * 24, 12):
        assert ring(database, loaded, SEND_HOUR + timedelta(hours=hour)) == []
    after = issue_of(database, "2023-09-29")
    assert after.window.start == left_out.window.start
    assert shown(database, "2023-09-29") == {*TITLES, "A Report of the Week After"}
    assert ring(database, loaded, SEND_HOUR + WEEK) == [
        ("2023-09-29", "approved"),
        ("2023-09-29", "frozen"),
    ]


def test_a_day_put_back_has_its_draft_again(database, loaded):
    """Thinking better of it before the hour leaves everything as it was, edits and all."""
    ring(database, loaded, BEFORE)
    before = issue_of(database, "2023-09-22")
    edits = replace(draft_of(database, before).edits, headline="By Hand")
    weekly.edit(database, loaded, before, edits, now=BEFORE, actor="ana@example.org")
    skip(database, loaded)
    ring(database, loaded, BEFORE)
    assert issue_of(database, "2023-09-29").window.start == before.window.start

    weekly.unskip(database, loaded, "recap", CLOSING, by="ben@example.org", now=BEFORE)
    assert issue_of(database, "2023-09-22").state is IssueState.DRAFT
    assert [what for _, what in ring(database, loaded, SEND_HOUR)] == ["approved", "frozen"]
    assert draft_of(database, before).recap.headline == "By Hand"
    finish(database, "2023-09-22")
    ring(database, loaded, SEND_HOUR + DAY)
    assert issue_of(database, "2023-09-29").window.start == before.window.end
    with database.read() as conn:
        said = [(e.actor, e.what, e.detail) for e in conn.execute(events.select())]
    day = {"newsletter": "recap", "day": "2023-09-22", "reason": "Conference"}
    assert ("ana@example.org", "left a day out", day) in said
    assert ("ben@example.org", "put a day back", day | {"reason": ""}) in said


def test_a_holiday_of_the_configuration_cancels_what_waits_for_it(database, loaded, tmp_path):
    """A draft goes when config.yaml names its day, and comes back when it does not any more."""
    ring(database, loaded, BEFORE)
    closed = a_loaded(tmp_path, holidays=["2023-09-20 to 2023-09-24 Break"])
    assert ring(database, closed, BEFORE) == [("2023-09-22", "left out")]
    assert "(Break)" in issue_of(database, "2023-09-22").reasons[0]
    assert ring(database, closed, BEFORE) == []
    assert ring(database, loaded, BEFORE) == []
    assert issue_of(database, "2023-09-22").state is IssueState.DRAFT


def test_what_somebody_cancelled_stays_cancelled(database, loaded):
    """Only what a day off cancelled comes back with the day."""
    ring(database, loaded, BEFORE)
    skip(database, loaded)
    weekly.unskip(database, loaded, "recap", CLOSING, by="ana@example.org", now=BEFORE)
    weekly.cancel(database, issue_of(database, "2023-09-22"), by="ana@example.org", now=BEFORE)
    ring(database, loaded, BEFORE)
    assert issue_of(database, "2023-09-22").state is IssueState.CANCELLED


def test_an_approved_issue_is_left_out_by_a_person_only(database, loaded, tmp_path):
    """A new holiday in a file does not undo an approval; an editor who leaves the day out does."""
    ring(database, loaded, BEFORE)
    weekly.approve(
        database, loaded, issue_of(database, "2023-09-22"), by="ana@example.org", now=BEFORE
    )
    closed = a_loaded(tmp_path, holidays=["2023-09-22"])
    ring(database, closed, BEFORE)
    assert issue_of(database, "2023-09-22").state is IssueState.APPROVED
    skip(database, loaded)
    assert issue_of(database, "2023-09-22").state is IssueState.CANCELLED
    ring(database, loaded, BEFORE)
    assert shown(database, "2023-09-29") == set(TITLES), "its publications are free again"


@pytest.mark.parametrize(
    ("day", "now", "error", "sentence"),
    [
        (date(2023, 9, 21), BEFORE, NoSuchIssue, "goes out on 2023-09-21"),
        (CLOSING, SEND_HOUR, IssueError, "has passed"),
        (date(2023, 9, 15), BEFORE, IssueError, "has passed"),
    ],
)
def test_only_a_day_to_come_is_left_out(database, loaded, day, now, error, sentence):
    """A day without an issue, or one whose hour has passed, is refused with what there is."""
    with pytest.raises(error, match=sentence) as e:
        skip(database, loaded, day, now=now)
    if error is NoSuchIssue:
        assert "2023-09-22, 2023-09-29, 2023-10-06" in e.value.remedy


def test_what_is_being_sent_is_not_left_out(database, loaded):
    """An issue that was sent by hand before its hour keeps its day."""
    ring(database, loaded, BEFORE)
    issue = issue_of(database, "2023-09-22")
    issue = weekly.approve(database, loaded, issue, by="ana@example.org", now=BEFORE)
    weekly.freeze(database, loaded, issue, now=BEFORE)
    with pytest.raises(WrongState, match="is sending"):
        skip(database, loaded)
    ring(database, loaded, BEFORE)
    assert issue_of(database, "2023-09-22").state is IssueState.SENDING


def test_what_config_leaves_out_is_put_back_there(database, tmp_path):
    """The desk cannot put back a holiday of config.yaml, and says where it can be."""
    closed = a_loaded(tmp_path, holidays=["2023-09-22"])
    with pytest.raises(NoSuchIssue) as e:
        weekly.unskip(database, closed, "recap", CLOSING, by="ana@example.org", now=BEFORE)
    assert "config.yaml" in e.value.remedy
    with pytest.raises(IssueError, match="left out already"):
        skip(database, closed)


def test_nobody_is_alarmed_by_a_day_left_out(database, loaded):
    """The dead man's switch knows the calendar: silence on a holiday is no alarm."""
    later = SEND_HOUR + timedelta(hours=1)
    assert weekly.overdue(database, loaded, "recap", now=later) is not None
    skip(database, loaded)
    assert weekly.overdue(database, loaded, "recap", now=later) is None


def test_a_changed_hour_moves_the_draft(database, loaded, tmp_path):
    """Who writes another send time into config.yaml moves the issue that waits."""
    ring(database, loaded, BEFORE)
    later = a_loaded(tmp_path, sends="friday 11:00")
    assert ring(database, later, SEND_HOUR) == []
    assert issue_of(database, "2023-09-22").sends_at == SEND_HOUR + timedelta(hours=2)
    assert issue_of(database, "2023-09-22").state is IssueState.DRAFT


def test_each_newsletter_has_a_calendar_of_its_own(database, loaded, tmp_path):
    """A daily one goes out every day beside a weekly one; a day off of one is none of the other."""
    told = {"editors": [], "items": {"min": 0, "max": 12}}
    daily = a_loaded(tmp_path, closes="weekdays 17:00", sends="18:00", **told)
    settings = loaded.settings.model_copy(
        update={
            "newsletters": loaded.settings.newsletters
            | {"daily": daily.settings.newsletters["recap"]}
        }
    )
    both = replace(loaded, settings=settings)
    skip(database, both)
    for hour in range(0, 7 * 24, 8):
        now = MONDAY + timedelta(hours=hour)
        for key in settings.newsletters:
            weekly.advance(database, both, key, now=now)
    with database.read() as conn:
        days = [issue.of.key for issue in reversed(issues.listed(conn, "daily"))]
        weeks = {issue.of.key for issue in issues.listed(conn, "recap")}
    assert days == [f"2023-09-{day}" for day in (18, 19, 20, 21, 22, 25)]
    assert weeks == {"2023-09-15", "2023-09-29"}
    places, _ = weekly.coming(database, both, "daily", 5, now=MONDAY)
    assert all(place.holiday is None for place in places)


# --- extra issues ---------------------------------------------------------------------------


def an_extra(database: Database, loaded: Loaded, *, days: int = 2) -> Issue:
    """Closing on Wednesday at noon in New York and going out at three."""
    end = datetime(2023, 9, 20, 16, tzinfo=UTC)
    window = weekly.window_of(end - days * DAY, end)
    return weekly.plan_extra(
        database,
        loaded,
        "recap",
        window,
        end + timedelta(hours=3),
        by="ana@example.org",
        now=MONDAY,
    )


def test_an_extra_issue_goes_out_at_its_own_hour(database, loaded):
    """It has what its window has, goes to the readers, and Friday does not repeat it."""
    publish(database, "Breaking News", on=MONDAY + 1.5 * DAY)
    extra = an_extra(database, loaded, days=1)
    assert extra.of.key == "2023-09-20+extra-1"
    ring(database, loaded, extra.window.end)
    assert shown(database, extra.of.key) == {"Breaking News"}
    assert [what for _, what in ring(database, loaded, extra.sends_at)] == ["approved", "frozen"]
    with database.read() as conn:
        assert tallies.counted(conn, extra.id)[0] == 2
    finish(database, extra.of.key)
    ring(database, loaded, BEFORE)
    assert shown(database, "2023-09-22") == set(TITLES)


def test_an_extra_issue_without_items_is_held(database, loaded):
    """It does not roll over into the next one: who asked for it is told."""
    extra = an_extra(database, loaded, days=1)
    assert ring(database, loaded, extra.sends_at) == [(extra.of.key, "held")]
    assert "There are no items." in issue_of(database, extra.of.key).reasons


def test_an_extra_issue_is_never_marked_missed(database, loaded):
    """Of one whose hour passed while nothing ran somebody is told, and it is held as too late."""
    extra = an_extra(database, loaded)
    late = extra.sends_at + timedelta(hours=1)
    assert [each.key for each in weekly.alarm(database, loaded, "recap", now=late)] == [
        extra.of.key
    ]
    assert (extra.of.key, "held") in ring(database, loaded, SEND_HOUR + 8 * DAY)


def test_an_extra_issue_is_moved_until_it_is_approved(database, loaded):
    """Another window and hour hold at once; an approved one is refused, and a stale page too."""
    extra = an_extra(database, loaded)
    window = weekly.window_of(extra.window.start - DAY, extra.window.end)
    by = {"by": "ana@example.org", "now": MONDAY}
    moved = weekly.move_extra(database, loaded, extra, window, extra.sends_at + DAY, **by)
    assert (moved.window, moved.sends_at) == (window, extra.sends_at + DAY)
    with pytest.raises(WrongState, match="changed by somebody else"):
        weekly.move_extra(database, loaded, extra, window, extra.sends_at, **by)
    ring(database, loaded, moved.window.end)
    ready = weekly.approve(
        database, loaded, issue_of(database, extra.of.key), by="ana@example.org", now=MONDAY
    )
    with pytest.raises(WrongState, match="is approved"):
        weekly.move_extra(database, loaded, ready, window, extra.sends_at, **by)


def test_two_extra_issues_of_a_day_are_two(database, loaded):
    """Each has a number of its own; the calendar lists both, and the usual ones between."""
    keys = [an_extra(database, loaded).of.key for _ in range(2)]
    assert keys == ["2023-09-20+extra-1", "2023-09-20+extra-2"]
    places, extras = weekly.coming(database, loaded, "recap", 5, now=MONDAY)
    assert [issue.of.key for issue in extras] == keys
    assert [str(place.closing) for place in places][:2] == ["2023-09-22", "2023-09-29"]


@pytest.mark.parametrize(
    ("days", "hours", "sentence"),
    [(70, 3, "60 days at most"), (2, -1, "before it closes"), (2, -72, "before it closes")],
)
def test_a_window_and_an_hour_that_make_no_issue(database, loaded, days, hours, sentence):
    """Too long a window, or an hour before its close, is refused in words."""
    end = datetime(2023, 9, 20, 16, tzinfo=UTC)
    with pytest.raises(IssueError, match=sentence):
        weekly.plan_extra(
            database,
            loaded,
            "recap",
            weekly.window_of(end - days * DAY, end),
            end + timedelta(hours=hours),
            by="ana@example.org",
            now=MONDAY,
        )
    with pytest.raises(IssueError, match="ends after it begins"):
        weekly.window_of(end, end)


def test_a_wall_time_is_the_newsletters(loaded):
    """What is typed is read on the newsletter's clock; a zone in it is refused."""
    zone = loaded.settings.newsletters["recap"].zone
    assert weekly.wall(zone, "2023-09-22 09:00") == SEND_HOUR
    assert weekly.wall(zone, "2023-09-22T09:00") == SEND_HOUR
    with pytest.raises(IssueError, match="is no time"):
        weekly.wall(zone, "tomorrow")
    with pytest.raises(IssueError, match="a zone of its own"):
        weekly.wall(zone, "2023-09-22T09:00Z")
