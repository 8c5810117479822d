"""The Stop link: what an editor can still do while only colleagues have an issue."""

from __future__ import annotations

import asyncio
from datetime import timedelta
from pathlib import Path

import httpx
import pytest

from digest import tokens, weekly
from digest.config import Loaded, load
from digest.errors import BadToken
from digest.model import IssueState
from digest.store import Database, issues, outbox
from digest.web.app import application
from digest.weekly.stopping import stop_link
from tests.audience import NOW, an_issue, frozen, readers

CONFIG = """\
public_url: https://recap.example.org
newsletters:
  weekly-recap:
    title: Weekly Recap
    from: Weekly Recap <recap@example.org>
    postal_address: 12 Harbour Road, Springfield
    editors: [editor@example.org]
    first_to: {list: staff, wait: 15m}
"""


@pytest.fixture
def loaded(tmp_path: Path) -> Loaded:
    (tmp_path / "config.yaml").write_text(CONFIG)
    return load(tmp_path / "config.yaml", {"TOKEN_KEY": "k" * 64})


@pytest.fixture
def issue(database: Database) -> int:
    """An issue that colleagues are being sent."""
    number = an_issue(database)
    readers(database, ["staff@example.org"], lists=["staff"])
    frozen(database, number)
    return number


def state(database: Database, issue: int) -> IssueState:
    with database.read() as conn:
        return issues.by_id(conn, issue).state


def token(database: Database, loaded: Loaded, issue: int) -> str:
    with database.read() as conn:
        link = stop_link(loaded, issues.by_id(conn, issue), now=NOW)
    return link.rpartition("/")[2]


def asked(database: Database, loaded: Loaded, method: str, page: str) -> httpx.Response:
    """What the web application answers."""
    site = application(database, lambda: loaded, clock=lambda: NOW)

    async def ask() -> httpx.Response:
        transport = httpx.ASGITransport(site)
        async with httpx.AsyncClient(transport=transport, base_url=loaded.settings.public_url) as c:
            return await c.request(method, page)

    return asyncio.run(ask())


def test_editors_get_a_stop_link_while_only_colleagues_have_it(database, loaded, issue):
    """One mail, with a link; none once all others are owed the issue."""
    late = NOW + timedelta(minutes=20)
    assert weekly.announce(database, loaded, "weekly-recap", now=late) == 0
    assert weekly.announce(database, loaded, "weekly-recap", now=NOW) == 1
    assert weekly.announce(database, loaded, "weekly-recap", now=NOW) == 0
    with database.write() as conn:
        [letter] = outbox.claim(conn, "me", now=NOW, lease=timedelta(hours=1), size=5)
    assert letter.address == "editor@example.org"
    assert f"https://recap.example.org/stop/{token(database, loaded, issue)}" in letter.text


def test_opening_the_link_stops_nothing_and_its_button_does(database, loaded, issue):
    """A mail scanner that opens links stops no issue; a person's click does, once."""
    page = f"/stop/{token(database, loaded, issue)}"
    assert "Stop it now" in asked(database, loaded, "GET", page).text
    assert state(database, issue) is IssueState.SENDING
    assert "It is stopped" in asked(database, loaded, "POST", page).text
    assert state(database, issue) is IssueState.STOPPED
    assert "It is stopped" in asked(database, loaded, "POST", page).text


@pytest.mark.parametrize("database", ["sqlite"], indirect=True)
def test_a_stop_link_cannot_be_made_up_and_ends(database, loaded, issue):
    """Another purpose's token, a cut one, or one of last week opens no page."""
    good = token(database, loaded, issue)
    other = tokens.make_until("k" * 64, "confirm", NOW + timedelta(days=1), issue)
    for wrong in (good[:-2], other, "x"):
        with pytest.raises(BadToken):
            weekly.stop(database, loaded, wrong, now=NOW)
    with pytest.raises(BadToken):
        weekly.stop(database, loaded, good, now=NOW + timedelta(days=8))
    assert asked(database, loaded, "GET", "/stop/x").status_code == 404
    assert state(database, issue) is IssueState.SENDING


@pytest.mark.parametrize("database", ["sqlite"], indirect=True)
def test_an_issue_that_is_over_is_not_stopped(database, loaded, issue):
    """Too late is said, and nothing is changed."""
    good = token(database, loaded, issue)
    with database.write() as conn:
        issues.set_state(
            conn, issue, (IssueState.SENDING,), IssueState.FINISHED, now=NOW, actor="test"
        )
    assert "nothing to stop" in asked(database, loaded, "POST", f"/stop/{good}").text
    assert state(database, issue) is IssueState.FINISHED
