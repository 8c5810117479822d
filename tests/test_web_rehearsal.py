"""Past weeks rehearsed at the desk, done beside the pages and told as it goes."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import replace
from datetime import date, timedelta
from pathlib import Path
from time import monotonic, sleep
from typing import Any

import pytest

from digest import weekly
from digest.errors import DigestError
from digest.model.settings import Holiday
from digest.store import Database, issues, tasks
from digest.web.desk import beside, rehearsing
from tests import friday
from tests.website import NOW, Site, served

LATER = date(2023, 9, 29)
#: A Tuesday after both Fridays.
AFTER = NOW + timedelta(days=11)


@pytest.fixture
def site(database: Database, tmp_path: Path) -> Iterator[Site]:
    with served(database, tmp_path) as site:
        yield site


def settled(site: Site, kind: str = rehearsing.KIND) -> tasks.Task:
    """The newsletter's last task of that kind, once it is over."""
    until = monotonic() + 60
    while monotonic() < until:
        with site.database.read() as conn:
            task = tasks.last(conn, "recap", kind)
        if task and task.state != tasks.RUNNING:
            return task
        sleep(0.05)
    raise AssertionError("the task does not end")


def asked(site: Site, role: str = "editor", weeks: str = "4") -> Any:
    browser = site.browser(role)
    page = browser.get("/desk/rehearsal").text
    csrf = (re.findall(r'name="csrf" value="([^"]+)"', page) or [""])[0]
    told = {"csrf": csrf, "newsletter": "recap", "weeks": weeks}
    return browser.post("/desk/rehearsal", data=told)


def two_weeks(site: Site) -> list[int]:
    """A Friday that went out under an editor's hand, and the publications of the next."""
    ids = friday.publish(site.database, *friday.TITLES, on=friday.MONDAY + timedelta(days=2))
    friday.subscribe(site.database, 1)
    issue = friday.prepared(site.database, site.loaded)
    edits = weekly_edits(headline="My Own Words", exclusions=(ids[1],))
    issue = weekly.edit(site.database, site.loaded, issue, edits, now=friday.BEFORE, actor="ana")
    issue = weekly.approve(site.database, site.loaded, issue, by="ana", now=friday.BEFORE)
    weekly.freeze(site.database, site.loaded, issue, now=friday.SEND_HOUR)
    friday.publish(site.database, "Ferries in Fog", on=friday.MONDAY + timedelta(days=7))
    return ids


def weekly_edits(**told: Any) -> Any:
    from digest.model import Edits

    return Edits(**told)


# --- what is made of past weeks -----------------------------------------------------------


def test_a_rehearsal_stands_beside_what_was_sent(site: Site) -> None:
    """Today's rules compose each past week without edits, of what was known and not used then."""
    ids = two_weeks(site)
    later, sent, *before = weekly.rehearse(site.database, site.loaded, "recap", weeks=4, now=AFTER)
    assert (later["closing"], sent["closing"]) == ("2023-09-29", "2023-09-22")
    assert sent["sent"]["headline"] == "My Own Words"
    assert sent["ours"]["headline"] != "My Own Words"
    assert {each["id"] for each in sent["ours"]["items"]} == set(ids)
    assert sent["both"] == len(ids) - 1
    # What an issue had is used up; what an editor took out of it was still there.
    assert {each["id"] for each in later["ours"]["items"]} == {ids[1], max(ids) + 1}
    assert later["sent"] is None
    assert [each["ours"]["items"] for each in before] == [[], []]


def test_a_rehearsal_knows_nothing_that_came_later(site: Site) -> None:
    """A publication that was first seen after the close plays no part in that week."""
    friday.publish(site.database, "Known by Then")
    friday.publish(site.database, "Brought Much Later", first_seen=AFTER)
    [_, week] = weekly.rehearse(site.database, site.loaded, "recap", weeks=2, now=AFTER)
    assert [each["title"] for each in week["ours"]["items"]] == ["Known by Then"]


def test_a_rehearsal_looks_back_as_the_issue_does(site: Site) -> None:
    """After a summer's holidays the next week has all of the summer, in a rehearsal as well."""
    friday.publish(site.database, "Before the Holiday", on=friday.MONDAY - timedelta(days=40))
    newsletter = site.loaded.settings.newsletters["recap"]
    off = Holiday(first=date(2023, 8, 4), last=date(2023, 9, 15))
    settings = site.loaded.settings.model_copy(
        update={"newsletters": {"recap": newsletter.model_copy(update={"holidays": (off,)})}}
    )
    loaded = replace(site.loaded, settings=settings)
    [week] = weekly.rehearse(site.database, loaded, "recap", weeks=1, now=NOW + timedelta(days=3))
    assert [each["title"] for each in week["ours"]["items"]] == ["Before the Holiday"]


def test_a_rehearsal_writes_nothing_into_issues(site: Site) -> None:
    """No issue is planned, changed or used up by it."""
    two_weeks(site)
    with site.database.read() as conn:
        before = issues.listed(conn)
    weekly.rehearse(site.database, site.loaded, "recap", weeks=8, now=AFTER)
    with site.database.read() as conn:
        assert issues.listed(conn) == before


# --- at the desk --------------------------------------------------------------------------


def test_an_editor_asks_and_sees_both_side_by_side(site: Site) -> None:
    """What was sent stands beside what the rules make, with how much of it is the same."""
    two_weeks(site)
    site.now = AFTER
    assert asked(site).status_code == 303
    task = settled(site)
    assert (task.state, task.asked, task.asked_by) == ("done", {"weeks": 4}, "editor@example.org")
    page = site.browser("viewer").get("/desk/rehearsal").text
    assert "Of 3 items that went out, today’s rules choose 3." in page
    assert "My Own Words" in page
    assert "No issue went out." in page


def test_progress_is_told_while_it_is_done(site: Site) -> None:
    """The stream says how far the task is, and that the page is out of date when it is over."""
    with site.database.write() as conn:
        number = tasks.begin(conn, "recap", "rehearsal", asked={"weeks": 4}, by="ana", now=NOW)
        tasks.going_on(conn, number, done=1, total=4, said="The week", now=NOW)
    page = site.browser("viewer").get("/desk/rehearsal").text
    assert f"/desk/tasks/{number}/progress" in page
    assert '<noscript><meta http-equiv="refresh"' in page
    with site.browser("viewer").stream("GET", f"/desk/tasks/{number}/progress") as stream:
        lines = stream.iter_lines()
        assert next(lines) == "event: progress"
        assert next(lines) == "data: <p>The week, 1 of 4.</p>"
        with site.database.write() as conn:
            tasks.ended(conn, number, found=[], now=NOW)
        assert "event: changed" in list(lines)


def test_a_second_one_does_not_begin_beside_the_first(site: Site) -> None:
    """Who asks again while it runs is shown the one that runs."""
    with site.database.write() as conn:
        first = tasks.begin(conn, "recap", "rehearsal", asked={"weeks": 4}, by="ana", now=NOW)
    assert asked(site).status_code == 303
    with site.database.read() as conn:
        known = tasks.last(conn, "recap", "rehearsal")
    assert known
    assert known.id == first


def test_one_whose_process_died_is_told_and_can_be_asked_for_again(site: Site) -> None:
    """A task that fell silent is over: the page says so, and a new one begins."""
    with site.database.write() as conn:
        first = tasks.begin(conn, "recap", "rehearsal", asked={"weeks": 4}, by="ana", now=NOW)
    site.now = NOW + tasks.SILENCE
    assert "stopped with the program" in site.browser("editor").get("/desk/rehearsal").text
    asked(site)
    assert settled(site).id > first


def test_what_went_wrong_is_on_the_page(site: Site) -> None:
    """A fault that we name is told with its remedy; one of ours with a reference for the log."""
    from digest.web.pages import Pages

    pages = Pages(site.database, lambda: site.loaded, lambda: site.now)
    who: Any = type("Who", (), {"account": type("A", (), {"address": "ana@example.org"})})

    def refused(_told: object) -> object:
        raise DigestError("no feed was read yet", remedy="Run: digest feeds fetch")

    beside.begin(pages, who, "recap", rehearsing.KIND, refused, asked={"weeks": 4})
    settled(site)
    page = site.browser("viewer").get("/desk/rehearsal").text
    assert "no feed was read yet. Run: digest feeds fetch" in page

    beside.begin(pages, who, "recap", rehearsing.KIND, lambda _told: 1 / 0, asked={"weeks": 4})
    assert re.search(r"on our side \([0-9a-f]{8}\)", settled(site).said)


@pytest.mark.parametrize(
    ("role", "weeks", "status"), [("", "4", 403), ("viewer", "4", 403), ("editor", "999", 422)]
)
def test_not_everybody_sets_the_machine_to_work(
    site: Site, role: str, weeks: str, status: int
) -> None:
    """Asking takes an editor, and no more weeks than the page offers."""
    assert asked(site, role, weeks).status_code == status
    with site.database.read() as conn:
        assert tasks.last(conn, "recap", "rehearsal") is None
