"""The month's own issue: its own window, its own themes, its own readers."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import select, update

from digest import weekly
from digest.config import Loaded
from digest.model import Edits, Issue, IssueState, Rhythm
from digest.store import Database, drafts, issues
from digest.store.schema import deliveries, feeds
from tests.friday import TITLES, a_loaded, publish, subscribe

#: The first of October, an hour before and at the month's send hour in New York.
MORNING = datetime(2023, 10, 1, 12, tzinfo=UTC)
SEND_HOUR = datetime(2023, 10, 1, 13, tzinfo=UTC)
SEPTEMBER = datetime(2023, 9, 3, 12, tzinfo=UTC)


@pytest.fixture
def loaded(tmp_path: Path) -> Loaded:
    return a_loaded(tmp_path, monthly={"title": "Sample Monthly Recap"})


@pytest.fixture
def fed(database: Database) -> Database:
    """A publication of each week of September, one of August, one of October."""
    for week, title in enumerate(TITLES):
        publish(database, title, on=SEPTEMBER + timedelta(days=7 * week))
    publish(database, "A Report of August", on=SEPTEMBER - timedelta(days=10))
    publish(database, "A Report of October", on=MORNING)
    return database


def september(database: Database, loaded: Loaded, *, now: datetime = MORNING) -> Issue:
    newsletter = loaded.settings.newsletters["recap"]
    slot = weekly.slot(newsletter, None, now=now, rhythm=Rhythm.MONTHLY)
    return weekly.prepare(database, loaded, "recap", slot, now=now)


def recap_of(database: Database, issue: Issue) -> Any:
    with database.read() as conn:
        return drafts.read(conn, issue.id).recap


def owed(database: Database, issue: Issue) -> set[int]:
    with database.read() as conn:
        query = select(deliveries.c.subscriber_id).where(deliveries.c.issue_id == issue.id)
        return set(conn.execute(query).scalars())


def of_rhythm(database: Database, rhythm: Rhythm) -> list[Issue]:
    with database.read() as conn:
        return [each for each in issues.listed(conn) if each.of.rhythm is rhythm]


def test_a_month_has_all_of_its_weeks(fed, loaded):
    """Its issue has what came out from first to first, under its own name and its own lead."""
    issue = september(fed, loaded)
    recap = recap_of(fed, issue)
    assert issue.of.key == "2023-09"
    assert {item.title for item in recap.items} == set(TITLES)
    assert recap.subject.endswith(": Sample Monthly Recap")
    assert recap.lead.startswith("This monthly recap focuses on")
    assert "More this week" not in [section.title for section in recap.sections]
    assert len(recap.themes) == 3


def test_each_rhythm_uses_up_its_own(fed, loaded):
    """What a week's issue showed is in the month's all the same, and the other way round."""
    newsletter = loaded.settings.newsletters["recap"]
    friday = datetime(2023, 9, 29, 12, tzinfo=UTC)
    week = weekly.prepare(
        fed, loaded, "recap", weekly.slot(newsletter, None, now=friday), now=friday
    )
    shown = {item.title for item in recap_of(fed, week).items}
    assert shown
    weekly.approve(fed, loaded, week, by="editor", now=friday)
    issue = september(fed, loaded)
    assert shown < {item.title for item in recap_of(fed, issue).items}
    issue = weekly.approve(fed, loaded, issue, by="editor", now=MORNING)
    assert issue.number == 1


def test_readers_get_the_rhythm_they_follow(fed, loaded):
    """The month's issue goes to monthly readers and to nobody else."""
    monthly = subscribe(fed, 2, rhythm="monthly")
    subscribe(fed, 3)
    issue = weekly.approve(fed, loaded, september(fed, loaded), by="editor", now=MORNING)
    issue = weekly.freeze(fed, loaded, issue, now=SEND_HOUR)
    assert owed(fed, issue) == set(monthly)


def test_the_bell_makes_and_holds_the_first_and_sends_the_next(fed, loaded):
    """Unattended, the first month waits for a person; a later one goes out at its hour."""
    subscribe(fed, 2, rhythm="monthly")
    for before in (timedelta(days=9), timedelta(days=3)):
        weekly.advance(fed, loaded, "recap", now=SEND_HOUR - before)
    assert [each.state for each in of_rhythm(fed, Rhythm.MONTHLY)] == [IssueState.DRAFT]
    weekly.advance(fed, loaded, "recap", now=SEND_HOUR)
    (issue,) = of_rhythm(fed, Rhythm.MONTHLY)
    assert issue.state is IssueState.HELD
    assert "first issue" in " ".join(issue.reasons)
    issue = weekly.release(fed, issue, by="editor", now=SEND_HOUR)
    issue = weekly.approve(fed, loaded, issue, by="editor", now=SEND_HOUR)
    weekly.advance(fed, loaded, "recap", now=SEND_HOUR)
    november = datetime(2023, 11, 1, 13, tzinfo=UTC)
    for number in range(4):
        publish(fed, f"{TITLES[number]} Again", on=november - timedelta(days=5 + 6 * number))
    fresh = november - timedelta(minutes=30)
    with fed.write() as conn:
        conn.execute(update(feeds).values(succeeded_at=fresh, fetched_at=fresh))
        states = ((IssueState.SENDING,), IssueState.FINISHED)
        issues.set_state(conn, issue.id, *states, now=SEND_HOUR, actor="sender")
    weekly.advance(fed, loaded, "recap", now=november - timedelta(days=1))
    weekly.advance(fed, loaded, "recap", now=november)
    then = {each.of.key: each for each in of_rhythm(fed, Rhythm.MONTHLY)}
    assert then["2023-10"].state is IssueState.SENDING, then["2023-10"].reasons
    assert len(then) == 2


def test_offering_months_begins_no_month_of_the_past(fed, tmp_path, loaded):
    """Who turns monthly issues on in mid-month is not shown a late one of the month before."""
    weekly.advance(fed, a_loaded(tmp_path), "recap", now=SEPTEMBER)
    weekly.advance(fed, loaded, "recap", now=MORNING + timedelta(days=12))
    assert of_rhythm(fed, Rhythm.MONTHLY) == []


def test_without_the_offer_there_are_no_months(fed, tmp_path):
    """Monthly issues are off unless the configuration has them."""
    weekly.advance(fed, a_loaded(tmp_path), "recap", now=SEND_HOUR)
    assert of_rhythm(fed, Rhythm.MONTHLY) == []
    assert a_loaded(tmp_path).settings.newsletters["recap"].rhythms == (Rhythm.WEEKLY,)


def test_a_draft_of_the_month_is_made_anew_under_edits(fed, loaded):
    """An editor's words for the month stay, and touch no week's issue."""
    issue = september(fed, loaded)
    issue = weekly.edit(
        fed, loaded, issue, Edits(headline="A Month of It"), now=MORNING, actor="editor"
    )
    assert recap_of(fed, september(fed, loaded)).headline == "A Month of It"
    assert of_rhythm(fed, Rhythm.WEEKLY) == []
