"""The web asked about an issue's mail from the desk, in the background."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from time import monotonic, sleep
from typing import Any

import httpx
import pytest
from sqlalchemy import update

from digest import weekly
from digest.errors import StoreBusy
from digest.model import Edits, Issue
from digest.store import Database, drafts, tasks
from digest.store.schema import publications
from digest.web.desk import checking
from tests import friday
from tests.webserver import WebServer, answer
from tests.website import NOW, Site, served

pytestmark = pytest.mark.parametrize("database", ["sqlite"], indirect=True)


@pytest.fixture
def site(database: Database, tmp_path: Path) -> Iterator[Site]:
    with served(database, tmp_path) as site:
        friday.publish(database, *friday.TITLES)
        yield site


@pytest.fixture
def draft(site: Site) -> Issue:
    slot = weekly.slot(site.loaded.settings.newsletters["recap"], friday.CLOSING, now=NOW)
    return weekly.prepare(site.database, site.loaded, "recap", slot, now=NOW)


def ask(browser: httpx.Client, issue: Issue) -> httpx.Response:
    page = browser.get(f"/desk/issues/{issue.id}").text
    fields = dict(re.findall(r'name="(csrf|version)" value="([^"]+)"', page))
    return browser.post(f"/desk/issues/{issue.id}/check", data=fields)


def settled(site: Site, issue: Issue) -> tasks.Task:
    until = monotonic() + 60
    while monotonic() < until:
        with site.database.read() as conn:
            task = tasks.last(conn, "recap", checking.KIND, issue=issue.id)
        if task and task.state != tasks.RUNNING:
            return task
        sleep(0.05)
    raise AssertionError("the check does not end")


def a_filter() -> WebServer:
    """A spam filter that finds every mail full of spam, as rspamd tells it."""
    verdict = b'{"score": 9.5, "thresholds": {"add header": 6}, "symbols": {"ODD": {"score": 9.5}}}'
    return WebServer(lambda _path, _headers: answer(verdict, content_type="application/json"))


def checks(site: Site, **told: Any) -> None:
    now = site.loaded.settings.checks.model_copy(update={"links": False} | told)
    site.settings(checks=now)


def test_what_the_web_says_stands_beside_the_checks(site: Site, draft: Issue) -> None:
    """A filter's verdict is shown with its remedy, who asked and when."""
    judge = a_filter()
    checks(site, spam=judge.url)
    try:
        assert ask(site.browser("editor"), draft).status_code == 303
        task = settled(site, draft)
    finally:
        judge.close()
    assert [each["code"] for each in task.found] == ["spam-score"]
    page = site.browser("viewer").get(f"/desk/issues/{draft.id}").text
    assert "9.5 points" in page
    assert "Asked by editor@example.org" in page
    assert "changed since" not in page


def test_what_was_found_of_an_older_version_says_so(site: Site, draft: Issue) -> None:
    """After an edit the findings stay, and are told to be of the issue before it."""
    checks(site)
    ask(site.browser("editor"), draft)
    settled(site, draft)
    page = site.browser("viewer").get(f"/desk/issues/{draft.id}").text
    assert "Nothing to mend" in page
    weekly.edit(
        site.database, site.loaded, draft, Edits(headline="Other Words"), now=NOW, actor="ana"
    )
    assert (
        "The issue was changed since."
        in site.browser("viewer").get(f"/desk/issues/{draft.id}").text
    )


def test_links_are_asked_for_in_pieces_and_told_one_by_one(site: Site, draft: Issue) -> None:
    """Progress names what is asked, how many there are and how many are done."""
    said: list[tuple[int, int, str]] = []
    checks(site, links=True)
    weekly.asked_of_the_web(site.database, site.loaded, draft, told=lambda *each: said.append(each))
    assert said[0] == (0, len(friday.TITLES), "Where links and pictures lead")


def test_a_busy_database_keeps_no_task_from_its_end(
    site: Site, draft: Issue, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Its progress cannot be written down for once; what it found is."""

    def busy(*_: Any, **__: Any) -> None:
        raise StoreBusy("the database is locked")

    monkeypatch.setattr(tasks, "going_on", busy)
    checks(site, links=True)
    ask(site.browser("editor"), draft)
    assert settled(site, draft).state == tasks.DONE


@pytest.mark.parametrize("role", ["", "viewer"])
def test_asking_takes_an_editor(site: Site, draft: Issue, role: str) -> None:
    """Strangers and viewers send this machine nowhere."""
    told = {"version": str(draft.version)}
    assert site.browser(role).post(f"/desk/issues/{draft.id}/check", data=told).status_code == 403


def test_a_check_leads_to_the_item_that_it_is_about(site: Site, draft: Issue) -> None:
    """What the preflight finds of an item links to its row of the board."""
    with site.database.write() as conn:
        one = drafts.read(conn, draft.id).candidates[0].publication
        conn.execute(update(publications).where(publications.c.id == one).values(link=None))
    weekly.edit(site.database, site.loaded, draft, Edits(headline="X"), now=NOW, actor="ana")
    page = site.browser("viewer").get(f"/desk/issues/{draft.id}").text
    assert re.findall(r'href="#(item-\d+)">Show the item', page) == [f"item-{one}"]
    assert f'<li id="item-{one}"' in page


def test_a_snippet_is_put_into_the_intro(site: Site, draft: Issue) -> None:
    """A block that stands nowhere by itself is offered there, and joins what is written."""
    said = {"title": "Greeting", "link": "", "picture": "", "words": "Dear readers,"}
    said |= {"sponsor": False, "since": "", "until": "", "place": "snippet"}
    with site.database.write() as conn:
        weekly.write_block(conn, "recap", "greeting", said, by="ana", now=NOW)
    editor = site.browser("editor")
    page = editor.get(f"/desk/issues/{draft.id}").text
    assert 'aria-label="Put into the intro: Greeting"' in page
    fields = dict(re.findall(r'name="(csrf|version)" value="([^"]+)"', page))
    told = fields | {"act": "words", "seen_intro": "", "intro": "Dear readers,"}
    editor.post(f"/desk/issues/{draft.id}/edit", data=told)
    with site.database.read() as conn:
        assert drafts.read(conn, draft.id).edits.intro == "Dear readers,"
    assert 'value="Dear readers,\n\nDear readers,"' in editor.get(f"/desk/issues/{draft.id}").text
