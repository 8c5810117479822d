"""What editors are told by mail: the draft with its top, the report, the day after, refusals."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import replace
from datetime import datetime, timedelta
from email.message import EmailMessage
from pathlib import Path
from typing import NoReturn

import pytest
import structlog
from sqlalchemy import insert, select, update

from digest import inbox, notices, screenshot, weekly
from digest.config import Loaded
from digest.model import Issue, IssueState
from digest.store import Database
from digest.store.schema import bounces, consents, deliveries, outbox, subscriptions
from digest.store.schema import issues as records
from tests import friday
from tests.friday import BEFORE, SEND_HOUR, a_loaded, prepared
from tests.test_screenshot import a_program, draws, png
from tests.website import Site, served


@pytest.fixture
def loaded(tmp_path: Path):
    return a_loaded(tmp_path)


@pytest.fixture
def fed(database: Database) -> Database:
    friday.publish(database, *friday.TITLES)
    friday.subscribe(database, 10)
    return database


def sending(database: Database, loaded) -> Issue:
    issue = weekly.approve(database, loaded, prepared(database, loaded), by="ana", now=BEFORE)
    return weekly.freeze(database, loaded, issue, now=SEND_HOUR)


def finished(database: Database, loaded) -> Issue:
    """An issue that all ten readers got."""
    issue = sending(database, loaded)
    with database.write() as conn:
        conn.execute(update(deliveries).values(state="sent"))
        done = {"state": IssueState.FINISHED, "finished_at": SEND_HOUR}
        conn.execute(update(records).where(records.c.id == issue.id).values(done))
    return issue


def told(database: Database, loaded, now: datetime) -> dict[str, str]:
    """The texts of the mails that editors have got by *now*, by their kinds."""
    weekly.announce(database, loaded, "recap", now=now)
    with database.read() as conn:
        return {row.kind: row.text for row in conn.execute(select(outbox).order_by(outbox.c.id))}


def came_back(database: Database, issue: Issue, *facts: tuple[str, str, str]) -> None:
    with database.write() as conn:
        for place, (kind, verdict, said) in enumerate(facts):
            row = {"key": "mail", "place": place, "at": SEND_HOUR, "kind": kind, "verdict": verdict}
            more = {"issue_id": issue.id, "said": said, "outcome": "noted"}
            conn.execute(insert(bounces).values(row | more))


def test_the_draft_is_told_with_the_top_of_the_mail_and_its_decisions(fed, loaded):
    """Each theme with its leading title, and links where a signed-in editor decides."""
    issue = prepared(fed, loaded)
    text = told(fed, loaded, BEFORE - timedelta(hours=2))["draft-ready"]
    recap = friday.draft_of(fed, issue).recap
    for theme in recap.themes:
        assert theme.label.upper() in text
    words = " ".join(text.split())
    for theme in recap.themes:
        assert recap.item(theme.publications[0]).title in words
    base = f"https://recap.example.org/desk/issues/{issue.id}"
    for link in (base, f"{base}/decide/approve", f"{base}/decide/hold"):
        assert link in text.split()


@pytest.mark.parametrize("database", ["sqlite"], indirect=True)
def test_what_was_told_takes_no_turn_of_writers(fed, loaded):
    """It is asked every half minute, while other processes write."""
    prepared(fed, loaded)
    now = BEFORE - timedelta(hours=2)
    assert list(told(fed, loaded, now)) == ["draft-ready"]
    with fed.write():
        assert weekly.announce(fed, loaded, "recap", now=now) == 0


def test_a_day_later_comes_what_came_back(fed, loaded):
    """The second report has bounces, complaints and who left, once, a day after the last mail."""
    issue = finished(fed, loaded)
    assert list(told(fed, loaded, SEND_HOUR + timedelta(hours=1))) == ["sent-report"]
    came_back(fed, issue, ("bounce", "mailbox", ""), ("bounce", "full", ""), ("complaint", "", ""))
    with fed.write() as conn:
        whose = conn.scalars(select(subscriptions.c.id)).first()
        left = {"subscription_id": whose, "at": SEND_HOUR + timedelta(hours=2), "what": "left"}
        conn.execute(insert(consents).values(left | {"source": "x", "proof": {}}))
    for _ in range(2):
        mails = told(fed, loaded, SEND_HOUR + timedelta(hours=25))
    assert list(mails) == ["sent-report", "day-after"]
    facts = dict(
        reversed(line.split("  ", 1))
        for line in map(str.strip, mails["day-after"].split("\n"))
        if "  " in line
    )
    assert facts["sent: the mail server took them"] == "10"
    assert facts["came back as bounces"] == "2"
    assert facts["complained"] == "1"
    assert facts["unsubscribed since"] == "1"


@pytest.mark.parametrize(("count", "alarmed"), [(4, False), (5, True)])
def test_editors_hear_at_once_of_refusals_that_are_ours(fed, loaded, count, alarmed):
    """Mails that come back blocked or against a policy are told while the issue goes out."""
    issue = sending(fed, loaded)
    blocked = ("bounce", "ours", "550 5.7.1 Blocked by our policy.")
    came_back(fed, issue, *[blocked] * count, *[("bounce", "mailbox", "550 Gone")] * 9)
    for _ in range(2):
        mails = told(fed, loaded, SEND_HOUR + timedelta(minutes=5))
    assert list(mails) == (["refused"] if alarmed else [])
    if alarmed:
        assert "- 550 5.7.1 Blocked by our policy." in mails["refused"]
        assert "550 Gone" not in mails["refused"]
        assert "5 mails came back for a fault that is ours" in " ".join(mails["refused"].split())


# --- the picture of the mail ---------------------------------------------------------------


def drawing(loaded: Loaded, program: str, *editors: str) -> Loaded:
    """The newsletter with that program to draw with, and those editors."""
    newsletter = loaded.settings.newsletters["recap"].model_copy(update={"editors": editors})
    told = {"chromium": program, "newsletters": {"recap": newsletter}}
    return replace(loaded, settings=loaded.settings.model_copy(update=told))


TWO = ("ana@example.org", "ben@example.org")
EARLY = BEFORE - timedelta(hours=2)


def mailed(database: Database, loaded: Loaded, folder: Path, now: datetime) -> list[EmailMessage]:
    """The mails that editors have got by *now*, as a mail server takes them."""
    with inbox.running(folder) as post:
        at = {"host": "127.0.0.1", "port": post.port, "tls": "none"}
        smtp = loaded.settings.smtp.model_copy(update=at)
        wired = replace(loaded, settings=loaded.settings.model_copy(update={"smtp": smtp}))
        notices.deliver_outbox(database, wired, clock=lambda: now)
        came = [mail.message for mail in post.mails()]
    return sorted(came, key=lambda mail: str(mail["To"]))


def test_the_draft_is_told_with_its_picture_drawn_once_for_all(fed, loaded, tmp_path):
    """Each editor's mail has the picture in it, in the HTML's place for it, and was sent whole."""
    issue = prepared(fed, loaded)
    it = drawing(loaded, draws(tmp_path, png()), *TWO)
    assert weekly.announce(fed, it, "recap", now=EARLY) == 2
    assert weekly.announce(fed, it, "recap", now=EARLY) == 0
    assert len((tmp_path / "count").read_text()) == 1
    mails = mailed(fed, it, tmp_path / "mail", EARLY)
    assert [str(mail["To"]) for mail in mails] == list(TWO)
    headline = friday.draft_of(fed, issue).recap.headline
    for mail in mails:
        assert mail.get_content_type() == "multipart/alternative"
        text, related = mail.iter_parts()
        assert headline in " ".join(text.get_content().split())
        assert related.get_content_type() == "multipart/related"
        html, picture = related.iter_parts()
        assert 'src="cid:picture"' in html.get_content()
        assert f'alt="{headline}.' in html.get_content()
        assert (picture["Content-ID"], picture.get_content_type()) == ("<picture>", "image/png")
        assert picture.get_content() == png()


def test_no_picture_keeps_a_mail_back(fed, loaded, tmp_path):
    """Where the browser fails the mail goes with its words, and the log says of what issue, why."""
    issue = prepared(fed, loaded)
    it = drawing(loaded, a_program(tmp_path, "exit 7"), *TWO)
    with structlog.testing.capture_logs() as logged:
        assert weekly.announce(fed, it, "recap", now=EARLY) == 2
    (said,) = logged
    assert (said["event"], said["issue"]) == ("no picture of the mail", str(issue.of))
    assert "ended with 7" in said["why"]
    headline = friday.draft_of(fed, issue).recap.headline
    for mail in mailed(fed, it, tmp_path / "mail", EARLY):
        _text, html = mail.iter_parts()
        assert headline in html.get_content()
        assert "cid:" not in html.get_content()


def test_our_own_pictures_are_in_the_picture_unless_too_heavy(fed, loaded, tmp_path):
    """A logo is shown to the browser as it stands; without it where that would be too much."""
    (tmp_path / "logo.png").write_bytes(png(20, 20))
    newsletter = loaded.settings.newsletters["recap"]
    look = newsletter.look.model_copy(update={"logo": "logo.png"})
    newsletters = {"recap": newsletter.model_copy(update={"look": look})}
    loaded = replace(
        loaded, settings=loaded.settings.model_copy(update={"newsletters": newsletters})
    )
    prepared(fed, loaded)
    (tmp_path / "light.png").write_bytes(png())
    (tmp_path / "heavy.png").write_bytes(png() + bytes(screenshot.MOST_BYTES))
    picky = a_program(
        tmp_path,
        'for each in "$@"; do page=$each; done\n'
        "if grep -q 'data:image/png' ${page#file://}; then which=heavy; else which=light; fi\n"
        f'echo $which >> {tmp_path}/drawn; cp {tmp_path}/$which.png "$out"\n',
    )
    assert weekly.announce(fed, drawing(loaded, picky, "ana@example.org"), "recap", now=EARLY) == 1
    assert (tmp_path / "drawn").read_text().split() == ["heavy", "light"]
    with fed.read() as conn:
        assert conn.scalars(select(outbox.c.picture)).one() == png()


@pytest.mark.browser
@pytest.mark.parametrize("database", ["sqlite"], indirect=True)
def test_a_real_browser_draws_the_draft(
    fed, loaded, monkeypatch, needs: Callable[[str, str], NoReturn]
):
    """What editors get is a picture of that mail: it has many pixels of ink."""
    program = screenshot.program("auto")
    if program is None:
        needs("browser", "Chromium is not installed: apt install chromium")
    prepared(fed, loaded)
    weekly.announce(fed, drawing(loaded, program, "ana@example.org"), "recap", now=EARLY)
    with fed.read() as conn:
        picture = conn.scalars(select(outbox.c.picture)).one()
    assert picture is not None
    assert 20_000 < len(picture) <= screenshot.MOST_BYTES


# --- where the mail's buttons lead --------------------------------------------------------


@pytest.fixture
def site(fed: Database, tmp_path: Path) -> Iterator[Site]:
    with served(fed, tmp_path) as site:
        yield site


@pytest.mark.parametrize(("action", "state"), [("approve", "approved"), ("hold", "held")])
def test_a_decision_from_the_mail_takes_a_person_and_a_press(site: Site, action: str, state: str):
    """Opening the link changes nothing; who is signed in presses the button on it."""
    import re

    issue = prepared(site.database, site.loaded)
    path = f"/desk/issues/{issue.id}/decide/{action}"
    stranger = site.browser().get(path)
    assert stranger.status_code == 303
    assert stranger.headers["location"].startswith("/sign-in")
    publisher = site.browser("publisher")
    page = publisher.get(path).text
    with site.database.read() as conn:
        assert conn.scalar(select(records.c.state)) == "draft"
    fields = dict(re.findall(r'name="(csrf|version)" value="([^"]+)"', page))
    assert publisher.post(f"/desk/issues/{issue.id}/{action}", data=fields).status_code == 303
    with site.database.read() as conn:
        assert conn.scalar(select(records.c.state)) == state
    # Pressed once is enough: the same link offers nothing to repeat.
    offered = f'action="/desk/issues/{issue.id}/{action}"' in publisher.get(path).text
    assert not offered


def test_a_decision_says_which_role_it_takes(site: Site):
    """An editor who may not approve is told so, and gets no button."""
    issue = prepared(site.database, site.loaded)
    page = site.browser("editor").get(f"/desk/issues/{issue.id}/decide/approve").text
    assert "That takes a publisher" in page
    assert f'action="/desk/issues/{issue.id}/approve"' not in page
