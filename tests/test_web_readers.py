"""Readers' pages: leaving with one click, coming back, and the editions anyone may read."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from socket import create_connection
from time import sleep
from typing import Any, NoReturn
from urllib.parse import urlsplit

import httpx
import pytest
from sqlalchemy import func, select

from digest import tokens
from digest.model import IssueState
from digest.render import fragments
from digest.store import Database, editions
from digest.store.schema import consents, events, outbox, subscribers, subscriptions
from tests.website import (
    KEY,
    NOW,
    Site,
    a_draft,
    a_reader,
    browsing,
    put_into,
    served,
    unsubscribe_token,
)

ONE_CLICK = {"List-Unsubscribe": "One-Click"}
#: What Gmail's and Yahoo's servers say of themselves, and what nobody says.
AGENTS = ("Mozilla/5.0 (compatible; GoogleImageProxy)", "YahooMailProxy", "")

#: For what no database has a say in.
SQLITE = pytest.mark.parametrize("database", ["sqlite"], indirect=True)


@pytest.fixture
def site(database: Database, tmp_path: Path) -> Iterator[Site]:
    with served(database, tmp_path) as site:
        yield site


@pytest.fixture
def chromium(needs: Callable[[str, str], NoReturn]) -> Iterator[Callable[..., Any]]:
    with browsing(needs) as opened:
        yield opened


@pytest.fixture
def door(site: Site) -> str:
    """The address behind the unsubscribe link of one active reader."""
    return f"/unsubscribe/{unsubscribe_token(a_reader(site.database))}"


def state_of(database: Database) -> list[tuple[object, ...]]:
    """Everything that a visit could change."""
    with database.read() as conn:
        tables = (subscriptions, consents, events, outbox, subscribers)
        return [tuple(row) for table in tables for row in conn.execute(select(table))]


def standing(database: Database) -> str:
    with database.read() as conn:
        return str(conn.execute(select(subscriptions.c.state)).scalar_one())


@pytest.mark.parametrize("method", ["GET", "HEAD", "OPTIONS"])
def test_opening_the_link_changes_nothing(site: Site, door: str, method: str) -> None:
    """Scanners that open the link 50 times leave the reader subscribed."""
    before = state_of(site.database)
    browser = site.browser()
    for agent in AGENTS * 17:
        browser.request(method, door, headers={"user-agent": agent, "purpose": "prefetch"})
    assert state_of(site.database) == before


def test_the_page_has_one_button_and_asks_for_nothing(site: Site, door: str) -> None:
    """The page that the link opens has one form with one button, and no field to fill in."""
    page = site.browser().get(door)
    assert page.status_code == 200
    assert page.text.count("<button") == page.text.count("<form") == 1
    assert "Sample Weekly Recap" in page.text
    assert "ana@example.org" not in page.text
    assert page.text.count("<input") == page.text.count('type="hidden"')


@pytest.mark.parametrize(
    "body",
    [
        {"data": ONE_CLICK},
        {"files": {"List-Unsubscribe": (None, "One-Click")}},
        {"content": b""},
        {"content": b"\xff\x00 neither", "headers": {"content-type": "multipart/form-data"}},
    ],
    ids=["urlencoded", "multipart", "nothing", "broken"],
)
@pytest.mark.parametrize("slash", ["", "/"], ids=["as sent", "with a slash"])
def test_one_post_leaves_at_once(
    site: Site, door: str, body: dict[str, object], slash: str
) -> None:
    """RFC 8058, 3.2: the POST completes with 200 in either encoding, without a redirect."""
    answer = site.browser().post(door + slash, **body)  # type: ignore[arg-type]
    assert answer.status_code == 200
    assert "You are unsubscribed." in answer.text
    assert standing(site.database) == "left"


def test_the_post_needs_no_cookie_origin_or_referrer(site: Site, door: str) -> None:
    """RFC 8058, 3.1: a provider's server sends none of them, and a foreign origin is no matter."""
    foreign = {"origin": "https://mail.example.test", "sec-fetch-site": "cross-site"}
    answer = site.browser().post(door, data=ONE_CLICK, headers=foreign)
    assert answer.status_code == 200
    assert "set-cookie" not in answer.headers
    assert standing(site.database) == "left"


def test_leaving_twice_is_the_same_success(site: Site, door: str) -> None:
    """A provider that repeats the POST gets the same answer, and one act is on record."""
    browser = site.browser()
    first = browser.post(door, data=ONE_CLICK)
    after = state_of(site.database)
    second = browser.post(door, data=ONE_CLICK)
    assert (second.status_code, second.text) == (first.status_code, first.text)
    assert state_of(site.database) == after


def test_a_rush_of_clicks_is_granted_to_everybody(site: Site) -> None:
    """Two hundred leave at once, half of them twice: all have left, with one act each."""
    readers = [a_reader(site.database, f"reader{n}@example.org") for n in range(200)]
    doors = [f"/unsubscribe/{unsubscribe_token(reader)}" for reader in readers]
    with ThreadPoolExecutor(16) as clicking:
        answers = list(clicking.map(lambda at: httpx.post(site.address + at), doors + doors[:100]))
    assert {answer.status_code for answer in answers} == {200}
    with site.database.read() as conn:
        assert set(conn.execute(select(subscriptions.c.state)).scalars()) == {"left"}
        assert conn.execute(select(func.count()).select_from(consents)).scalar_one() == 200


def test_opening_any_link_of_a_mail_changes_nothing(site: Site) -> None:
    """GET, HEAD and OPTIONS, fifty times, on every address of ours in the mail and its headers."""
    issue = put_into(site.database, a_draft(site.database), IssueState.SENDING, loaded=site.loaded)
    reader = a_reader(site.database)
    token, choosing = (tokens.make(KEY, it, reader, "recap") for it in ("unsubscribe", "choose"))
    with site.database.read() as conn:
        edition = editions.read(conn, issue.edition_id or 0)
    values = {
        "unsubscribe_url": f"http://127.0.0.1/unsubscribe/{token}",
        "preferences_url": f"http://127.0.0.1/preferences/{choosing}",
    }
    assert set(values) == set(fragments.SLOTS)
    html = fragments.filled(edition.html, values, escape=True)
    text = fragments.filled(edition.text, values, escape=False)
    found = re.findall(r"http://127\.0\.0\.1([^\s\"<>]*)", html + text)
    ours = {*found, f"/unsubscribe/{token}/undo", "/issues/recap"}
    assert {f"/unsubscribe/{token}", "/issues/recap/2023-09-22"} <= ours
    before = state_of(site.database)
    browser = site.browser()
    for path in sorted(ours):
        for method in ("GET", "HEAD", "OPTIONS"):
            for _ in range(50):
                browser.request(method, path)
    assert state_of(site.database) == before


def test_undo_brings_the_reader_back(site: Site, door: str) -> None:
    """The result page offers Undo, and its POST makes the subscription active again."""
    browser = site.browser()
    left = browser.post(door, data=ONE_CLICK)
    assert f'action="{door}/undo"' in left.text
    back = browser.post(f"{door}/undo")
    assert back.status_code == 200
    assert standing(site.database) == "active"


def test_undo_is_not_done_by_opening_it(site: Site, door: str) -> None:
    """A GET of the undo address is refused and brings nobody back."""
    browser = site.browser()
    browser.post(door, data=ONE_CLICK)
    assert browser.get(f"{door}/undo").status_code == 405
    assert standing(site.database) == "left"


def test_the_link_still_says_so_after_leaving(site: Site, door: str) -> None:
    """Who opens the link again after leaving reads that they left."""
    browser = site.browser()
    browser.post(door, data=ONE_CLICK)
    assert "You are unsubscribed." in browser.get(door).text


@SQLITE
@pytest.mark.parametrize("method", ["GET", "POST"])
@pytest.mark.parametrize("forge", ["cut", "flipped", "other reader", "nonsense", "huge"])
def test_a_forged_token_opens_nothing(site: Site, door: str, method: str, forge: str) -> None:
    """Every wrong token gets one and the same 404, whether its reader exists or not."""
    real = door.rpartition("/")[2]
    forged = {
        "cut": real[:-4],
        "flipped": real[:-1] + ("A" if real[-1] != "A" else "B"),
        "other reader": unsubscribe_token(99)[:12] + real[12:],
        "nonsense": "x",
        "huge": "x" * 8000,
    }[forge]
    before = state_of(site.database)
    answer = site.browser().request(method, f"/unsubscribe/{forged}")
    plain = site.browser().request(method, "/unsubscribe/plainly-wrong")
    assert (answer.status_code, answer.text) == (404, plain.text)
    assert state_of(site.database) == before


def test_a_token_for_a_reader_who_is_gone_leaves_all_the_same(site: Site) -> None:
    """A true token of a reader whom the database never had, or has no more, is no oracle."""
    known = site.browser().post(f"/unsubscribe/{unsubscribe_token(a_reader(site.database))}")
    gone = site.browser().post(f"/unsubscribe/{unsubscribe_token(4711)}")
    assert (known.status_code, gone.status_code) == (200, 200)
    assert "You are unsubscribed." in gone.text


def test_a_token_outlives_its_newsletter(site: Site, door: str) -> None:
    """A link in an old mail works after the newsletter was taken out of the configuration."""
    only = site.loaded.settings.newsletters["recap"]
    site.settings(newsletters={"another": only})
    assert site.browser().post(door, data=ONE_CLICK).status_code == 200
    assert standing(site.database) == "left"


def test_token_pages_are_not_kept_or_indexed(site: Site, door: str) -> None:
    """Token pages are not stored, not indexed, and tell no other site where they were."""
    for answer in (site.browser().get(door), site.browser().post(door)):
        assert answer.headers["cache-control"] == "no-store"
        assert answer.headers["x-robots-tag"] == "noindex"
        assert answer.headers["referrer-policy"] == "no-referrer"


def test_nothing_is_loaded_from_elsewhere(site: Site, door: str) -> None:
    """Every address in the page is our own, and the policy forbids all others."""
    page = site.browser().get(door)
    assert "http://" not in page.text
    assert "https://" not in page.text
    assert "<script" not in page.text
    assert "default-src 'none'" in page.headers["content-security-policy"]


def test_links_carry_the_path_of_the_public_address(site: Site, door: str) -> None:
    """Under https://host/letters both forms of the path work, and links begin with it."""
    site.settings(public_url="https://example.org/letters")
    for address in (door, f"/letters{door}"):
        page = site.browser().get(address)
        assert page.status_code == 200
        assert f'action="/letters{door}"' in page.text
    assert site.browser().get("/letters/static/web.css").status_code == 200


def test_a_long_body_is_refused_before_it_is_read(site: Site, door: str) -> None:
    """More than any form of ours needs is 413, with or without a Content-Length."""
    browser = site.browser()
    assert browser.post(door, content=b"x" * 100_000).status_code == 413
    pieces = (b"x" * 10_000 for _ in range(10))
    assert browser.post(door, content=pieces).status_code == 413
    assert standing(site.database) == "active"


def half(site: Site, path: str, body: bytes) -> None:
    """Send a form whose connection breaks before the last byte, and wait until it is seen."""
    head = f"POST {path} HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Length: {len(body) + 1}\r\n"
    kind = "Content-Type: application/x-www-form-urlencoded\r\n\r\n"
    where = urlsplit(site.address)
    with create_connection((where.hostname, where.port)) as line:
        line.sendall((head + kind).encode() + body)
    sleep(0.5)


@SQLITE
def test_half_a_form_is_none(site: Site) -> None:
    """What a broken connection cut off changes nothing; one-click leaving needs no body."""
    reader = a_reader(site.database)
    choosing = f"/preferences/{tokens.make(KEY, tokens.CHOOSE, reader, 'recap')}"
    with site.database.read() as conn:
        before = conn.execute(select(subscriptions.c.topics, subscriptions.c.format)).one()
    half(site, f"{choosing}/format", b"answer=text")
    with site.database.read() as conn:
        assert conn.execute(select(subscriptions.c.topics, subscriptions.c.format)).one() == before
    half(site, f"/unsubscribe/{unsubscribe_token(reader)}", b"List-Unsubscribe=One-Clic")
    assert standing(site.database) == "left"


def test_the_clock_of_a_leaving_is_ours(site: Site, door: str) -> None:
    """The instant of leaving is written down with the application's clock."""
    site.browser().post(door, data=ONE_CLICK)
    with site.database.read() as conn:
        assert conn.execute(select(subscriptions.c.left_at)).scalar_one() == NOW


@pytest.mark.browser
@SQLITE
@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("width", [320, 375, 1280])
def test_leaving_in_a_browser(
    site: Site, door: str, chromium: Callable[..., Any], width: int, scheme: str
) -> None:
    """One screen, no sideways scrolling, and the keyboard alone leaves and comes back."""
    page = chromium(width=width, scheme=scheme)
    page.goto(site.address + door)
    assert page.evaluate("document.documentElement.scrollWidth") <= width
    assert page.evaluate("document.documentElement.scrollHeight <= window.innerHeight")
    page.keyboard.press("Tab")
    assert page.evaluate("document.activeElement.textContent") == "Unsubscribe"
    page.keyboard.press("Enter")
    page.wait_for_selector("text=You are unsubscribed.")
    assert standing(site.database) == "left"
    page.keyboard.press("Tab")
    assert page.evaluate("document.activeElement.textContent") == "Undo"
    page.keyboard.press("Enter")
    page.wait_for_selector("text=You are subscribed again.")
    assert standing(site.database) == "active"
    assert page.problems == []
