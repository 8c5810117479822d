"""Preferences by link: one question a page, nothing changed by opening, nothing told to others."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, NoReturn

import pytest
from sqlalchemy import select, update

from digest import tokens
from digest.store import Database
from digest.store.schema import consents, events, outbox, subscribers, subscriptions, suppressions
from tests.website import KEY, NOW, Site, a_loaded, a_reader, browsing, served

TOPICS = ("Security Cooperation", "Ukraine", "Health, Care, and Aging")
NEWSLETTER = {
    "title": "Sample Weekly Recap",
    "from": "Sample Weekly Recap <recap@example.org>",
    "postal_address": "1 Sample Street, Springfield",
    "timezone": "America/New_York",
    "topics": list(TOPICS),
}

#: For what no database has a say in.
SQLITE = pytest.mark.parametrize("database", ["sqlite"], indirect=True)


@pytest.fixture
def site(database: Database, tmp_path: Path) -> Iterator[Site]:
    with served(database, tmp_path) as site:
        site.loaded = a_loaded(tmp_path, newsletters={"recap": NEWSLETTER})
        yield site


@pytest.fixture
def chromium(needs: Callable[[str, str], NoReturn]) -> Iterator[Callable[..., Any]]:
    with browsing(needs) as opened:
        yield opened


@pytest.fixture
def reader(site: Site) -> int:
    return a_reader(site.database)


@pytest.fixture
def door(reader: int) -> str:
    """The address behind the link in an issue."""
    return f"/preferences/{tokens.make(KEY, tokens.CHOOSE, reader, 'recap')}"


@pytest.fixture
def fresh(reader: int) -> str:
    """The address behind the link that was mailed on request."""
    token = tokens.make_until(KEY, "preferences", NOW + timedelta(hours=48), reader, "recap")
    return f"/preferences/{token}"


def state_of(database: Database) -> list[tuple[object, ...]]:
    """Everything that a visit could change."""
    with database.read() as conn:
        tables = (subscriptions, consents, events, outbox, subscribers, suppressions)
        return [tuple(row) for table in tables for row in conn.execute(select(table))]


def subscription(database: Database) -> Any:
    with database.read() as conn:
        return conn.execute(select(subscriptions)).one()


def mails(database: Database) -> list[Any]:
    with database.read() as conn:
        return list(conn.execute(select(outbox).order_by(outbox.c.id)))


def link_in(mail: Any) -> str:
    """The path of the one link in a small mail."""
    (found,) = re.findall(r"http://127\.0\.0\.1(/(?:preferences|move)/\S+)", mail.text)
    return str(found)


@pytest.mark.parametrize("method", ["GET", "HEAD", "OPTIONS"])
def test_opening_links_changes_nothing(
    site: Site, reader: int, door: str, fresh: str, method: str
) -> None:
    """Scanners that open every link and every question 50 times leave all as it was."""
    browser = site.browser()
    browser.post(f"{fresh}/address", data={"answer": "new@example.org"})
    moving = link_in(mails(site.database)[0])
    before = state_of(site.database)
    keys = (
        "",
        "/topics",
        "/rhythm",
        "/pause",
        "/resume",
        "/format",
        "/timezone",
        "/language",
        "/address",
        "/link",
    )
    for path in (*(door + key for key in keys), *(fresh + key for key in keys), moving):
        for _ in range(50 if path in (door, fresh, moving) else 2):
            browser.request(method, path)
    assert state_of(site.database) == before


def test_the_link_of_an_issue_shows_no_address(site: Site, door: str, fresh: str) -> None:
    """Issues are forwarded: only a link mailed on request shows where the mail goes."""
    browser = site.browser()
    pages = [browser.get(door + key).text for key in ("", "/topics", "/format", "/pause")]
    assert not any("ana@example.org" in page for page in pages)
    assert browser.get(f"{door}/address").status_code == 404
    assert browser.post(f"{door}/address", data={"answer": "eve@example.org"}).status_code == 404
    assert mails(site.database) == []
    assert "ana@example.org" in browser.get(fresh).text


def test_topics_are_chosen(site: Site, door: str) -> None:
    """The boxes that are ticked are kept, sorted, with what was before and what is now."""
    browser = site.browser()
    page = browser.get(f"{door}/topics").text
    assert page.count('type="checkbox"') == 3
    assert " checked" not in page
    saved = browser.post(f"{door}/topics", data={"answer": [TOPICS[1], TOPICS[2]]})
    assert saved.status_code == 200
    assert "Health, Care, and Aging, Ukraine" in saved.text
    assert subscription(site.database).topics == ["Health, Care, and Aging", "Ukraine"]
    with site.database.read() as conn:
        proof = conn.execute(select(consents.c.what, consents.c.proof)).one()
    assert proof.what == "changed"
    assert proof.proof["before"]["topics"] == []
    assert proof.proof["after"]["topics"] == ["Health, Care, and Aging", "Ukraine"]


@pytest.mark.parametrize("answer", [[], list(TOPICS)], ids=["none", "every one"])
def test_all_topics_are_no_choice(site: Site, door: str, answer: list[str]) -> None:
    """Who ticks nothing or everything gets the whole issue, with topics that come later."""
    browser = site.browser()
    browser.post(f"{door}/topics", data={"answer": [TOPICS[0]]})
    saved = browser.post(f"{door}/topics", data={"answer": answer})
    assert "All topics" in saved.text
    assert subscription(site.database).topics == []


def test_answering_the_same_again_writes_nothing(site: Site, door: str) -> None:
    """A reload of the form is no second act."""
    browser = site.browser()
    browser.post(f"{door}/format", data={"answer": "text"})
    before = state_of(site.database)
    assert browser.post(f"{door}/format", data={"answer": "text"}).status_code == 200
    assert state_of(site.database) == before
    assert subscription(site.database).format == "text"


def test_a_pause_ends_on_its_day(site: Site, door: str) -> None:
    """Mail stops until that day begins in the newsletter's zone, and can come back before."""
    browser = site.browser()
    paused = browser.post(f"{door}/pause", data={"answer": "2023-10-22"})
    assert "Until 22 Oct 2023" in paused.text
    row = subscription(site.database)
    assert (row.state, row.paused_until) == ("paused", datetime(2023, 10, 22, 4, tzinfo=UTC))
    assert "Get mail again" in browser.get(f"{door}/resume").text
    back = browser.post(f"{door}/resume")
    assert "Not paused" in back.text
    row = subscription(site.database)
    assert (row.state, row.paused_until) == ("active", None)


def test_a_reader_goes_by_their_own_clock(site: Site, door: str, tmp_path: Path) -> None:
    """Where the newsletter offers it a zone is picked from a list; where not, nothing is asked."""
    assert site.browser().get(f"{door}/timezone").status_code == 404
    site.loaded = a_loaded(tmp_path, newsletters={"recap": NEWSLETTER | {"own_clock": True}})
    browser = site.browser()
    page = browser.get(f"{door}/timezone").text
    assert '<optgroup label="Asia">' in page
    assert "09:00" in page
    assert browser.post(f"{door}/timezone", data={"answer": "Asia/Tokyo"}).status_code == 200
    assert subscription(site.database).timezone == "Asia/Tokyo"
    assert "Tokyo" in browser.get(door).text
    refused = browser.post(f"{door}/timezone", data={"answer": "../etc/passwd"})
    assert "none of the answers" in refused.text
    browser.post(f"{door}/timezone", data={"answer": ""})
    assert subscription(site.database).timezone is None


@pytest.mark.parametrize(
    ("question", "answer"),
    [
        ("topics", "Astrology"),
        ("rhythm", "monthly"),
        ("format", "pdf"),
        ("language", "xx"),
        ("pause", "2023-09-22"),
        ("pause", "2033-01-01"),
        ("pause", "tomorrow"),
        ("address", "no address"),
    ],
)
def test_what_is_no_answer_is_asked_again(
    site: Site, fresh: str, question: str, answer: str
) -> None:
    """The question comes back with the reason, and nothing was changed."""
    before = state_of(site.database)
    asked = site.browser().post(f"{fresh}/{question}", data={"answer": answer})
    assert asked.status_code in (404, 422)
    if question != "rhythm":  # which is not asked where there is only one
        assert 'role="alert"' in asked.text
    assert state_of(site.database) == before


def test_a_fresh_link_is_mailed_to_the_reader(site: Site, door: str) -> None:
    """From an issue's link the other one goes to the reader's own address, once a day."""
    browser = site.browser()
    for _ in range(3):
        assert "Look into your mailbox" in browser.post(f"{door}/link").text
    (mail,) = mails(site.database)
    assert mail.address == "ana@example.org"
    assert "ana@example.org" in browser.get(link_in(mail)).text


def test_asking_by_address_tells_nothing(site: Site, reader: int) -> None:
    """The same page for a reader, a stranger and no address; only the reader gets a mail."""
    browser = site.browser()
    answers = {
        browser.post("/choose/recap", data={"answer": address}).text
        for address in ("ANA@example.org", "stranger@example.org", "no address", "")
    }
    assert len(answers) == 1
    until = datetime.now(UTC) + timedelta(seconds=10)
    while not mails(site.database) and datetime.now(UTC) < until:
        pass
    assert [mail.address for mail in mails(site.database)] == ["ana@example.org"]


def test_a_new_address_is_confirmed_there_and_told_to_the_old(site: Site, fresh: str) -> None:
    """Nothing changes before the button in the new mailbox; then the old one is told."""
    browser = site.browser()
    browser.post(f"{fresh}/address", data={"answer": "ana@new.example.org"})
    (asked,) = mails(site.database)
    assert asked.address == "ana@new.example.org"
    moving = link_in(asked)
    assert "new.example.org" not in moving
    assert "ana@example.org" in browser.get(fresh).text
    assert "ana@new.example.org" in browser.get(moving).text
    done = browser.post(moving)
    assert "Your mail goes to ana@new.example.org now." in done.text
    assert [(m.kind, m.address) for m in mails(site.database)][1:] == [("moved", "ana@example.org")]
    assert "ana@new.example.org" in browser.get(fresh).text
    again = state_of(site.database)
    assert browser.post(moving).status_code == 200
    assert state_of(site.database) == again


def test_somebody_elses_address_is_not_taken(site: Site, fresh: str) -> None:
    """Who moves to a reader's mailbox reads why not there, and nobody is merged."""
    a_reader(site.database, "ben@example.org")
    browser = site.browser()
    assert (
        browser.post(f"{fresh}/address", data={"answer": "ben@example.org"}).text
        == browser.post(f"{fresh}/address", data={"answer": "cleo@example.org"}).text
    )
    before = state_of(site.database)
    refused = browser.post(link_in(mails(site.database)[0]))
    assert refused.status_code in (404, 409)
    assert state_of(site.database) == before


def test_only_the_last_wish_to_move_counts(site: Site, fresh: str) -> None:
    """A second address puts the first link out of force."""
    browser = site.browser()
    for address in ("one@example.org", "two@example.org"):
        browser.post(f"{fresh}/address", data={"answer": address})
    first, second = (link_in(mail) for mail in mails(site.database))
    assert browser.post(first).status_code == 404
    assert browser.post(second).status_code == 200


def test_a_link_of_the_past_opens_nothing(site: Site, door: str, fresh: str) -> None:
    """A fresh link ends after two days; the one in an issue never does."""
    site.now = NOW + timedelta(hours=48)
    assert site.browser().get(fresh).status_code == 404
    site.now = NOW + timedelta(days=900)
    assert site.browser().get(door).status_code == 200


@pytest.mark.parametrize("gone", ["left", "suppressed", "pending"])
def test_who_does_not_read_chooses_nothing(site: Site, door: str, gone: str) -> None:
    """The page says so and leads to the form; a POST changes nothing."""
    with site.database.write() as conn:
        conn.execute(update(subscriptions).values(state=gone))
    before = state_of(site.database)
    browser = site.browser()
    assert "/join/recap" in browser.get(door).text
    assert "/join/recap" in browser.get(f"{door}/topics").text
    browser.post(f"{door}/topics", data={"answer": [TOPICS[0]]})
    browser.post(f"{door}/link")
    assert state_of(site.database) == before


@pytest.mark.parametrize("method", ["GET", "POST"])
def test_other_tokens_open_nothing(site: Site, reader: int, door: str, method: str) -> None:
    """Forged, cut and foreign-purpose tokens get one answer, whatever they were for."""
    token = door.rpartition("/")[2]
    flipped = ("A" if token[9] != "A" else "B").join((token[:9], token[10:]))
    others = [
        tokens.make(KEY, "unsubscribe", reader, "recap"),
        tokens.make_until(KEY, "move", NOW + timedelta(1), reader, "recap", "x"),
        tokens.make("z" * 64, tokens.CHOOSE, reader, "recap"),
        token[:-1],
        token[:4],
        flipped,
        "x",
    ]
    browser = site.browser()
    paths = ("/preferences/{}", "/preferences/{}/topics", "/move/{}")
    answers = [
        browser.request(method, path.format(each))
        for each in others
        for path in paths
        # Where it is at home it opens.
        if not (path.startswith("/move") and each == others[1])
        and not (method == "POST" and path == paths[0])
    ]
    assert {answer.status_code for answer in answers} == {404}
    assert len({answer.text for answer in answers}) == 1


def test_old_links_live_on_when_keys_rotate(site: Site, reader: int, door: str) -> None:
    """With the new key first and the old one behind it in .env, mails already sent still work."""
    site.settings(token_key=f"{'n' * 64},{KEY}")
    assert site.browser().get(door).status_code == 200
    leaving = f"/unsubscribe/{tokens.make(KEY, tokens.LEAVE, reader, 'recap')}"
    assert site.browser().post(leaving).status_code == 200
    site.settings(token_key="n" * 64)
    assert site.browser().get(door).status_code == 404


def test_a_reason_may_be_told(site: Site, reader: int) -> None:
    """After leaving one may say why; whatever else is sent is nothing said."""
    leaving = f"/unsubscribe/{tokens.make(KEY, tokens.LEAVE, reader, 'recap')}"
    browser = site.browser()
    assert browser.post(f"{leaving}/reason", data={"reason": "other"}).status_code == 200
    assert subscription(site.database).state == "active"
    assert "You need not" in browser.post(leaving).text
    browser.post(f"{leaving}/reason", data={"reason": "<script>"})
    assert subscription(site.database).left_reason == ""
    assert "Thank you" in browser.post(f"{leaving}/reason", data={"reason": "too-often"}).text
    row = subscription(site.database)
    assert (row.state, row.left_reason) == ("left", "too-often")
    browser.post(f"{leaving}/undo")
    assert subscription(site.database).left_reason == ""


def test_small_mails_speak_the_readers_language(site: Site, fresh: str) -> None:
    """Who asked for German gets the next small mail in German."""
    browser = site.browser()
    assert "Deutsch" in browser.post(f"{fresh}/language", data={"answer": "de"}).text
    browser.post(f"{fresh}/link")
    assert "tun Sie nichts" in mails(site.database)[0].text


@pytest.mark.browser
@SQLITE
@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("width", [320, 375, 1280])
def test_choosing_in_a_browser(
    site: Site, fresh: str, chromium: Callable[..., Any], width: int, scheme: str
) -> None:
    """Without a script or a mouse topics are chosen, and no page is wider than the screen."""
    page = chromium(width=width, scheme=scheme)
    for key in ("", "/topics", "/pause", "/format", "/language", "/address"):
        page.goto(site.address + fresh + key)
        assert page.evaluate("document.documentElement.scrollWidth") <= width
        assert page.evaluate("document.querySelectorAll('h1').length") == 1
    page.goto(site.address + fresh + "/topics")
    page.keyboard.press("Tab")
    page.keyboard.press("Space")
    for _ in range(3):
        page.keyboard.press("Tab")
    assert page.evaluate("document.activeElement.textContent") == "Save"
    page.keyboard.press("Enter")
    page.wait_for_selector("text=It holds from the next issue on.")
    assert subscription(site.database).topics == [TOPICS[0]]
    assert page.problems == []


def test_choosing_leaves_no_trace(site: Site, door: str, fresh: str) -> None:
    """No page with a token is kept, indexed, framed or told to another site; none sets a cookie."""
    browser = site.browser()
    for answer in (browser.get(door), browser.get(f"{fresh}/topics"), browser.post(f"{door}/link")):
        assert answer.headers["cache-control"] == "no-store"
        assert answer.headers["referrer-policy"] == "no-referrer"
        assert "noindex" in answer.headers["x-robots-tag"]
        assert "frame-ancestors 'none'" in answer.headers["content-security-policy"]
        assert "set-cookie" not in answer.headers
        assert "<script" not in answer.text
