"""A whole Friday in a real browser, from draft to report, with scripts and without."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from threading import Thread
from typing import Any, NoReturn

import pytest
from sqlalchemy import select

from digest import inbox
from digest.inbox import Inbox
from digest.model import SubscriptionState
from digest.schedule import Bell
from digest.store import Database
from digest.store.schema import subscriptions
from tests import friday
from tests.website import NOW, SEND_HOUR, Site, a_loaded, a_reader, browsing, served

READERS = ("ana@example.org", "ben@example.org", "chloe@example.org")
HEADLINE = "Deep Strikes and What They Cost"
#: More presses of Tab than the board has stops.
MOST_STOPS = 200
NEWSLETTER = {
    "title": "Sample Weekly Recap",
    "from": "Sample Weekly Recap <recap@example.org>",
    "postal_address": "1 Sample Street, Springfield",
    "timezone": "America/New_York",
    "closes": "friday 06:00",
    "sends": "friday 09:00",
    "editors": ["editor@example.org"],
    "four_eyes": True,
}


@pytest.fixture
def chromium(needs: Callable[[str, str], NoReturn]) -> Iterator[Callable[..., Any]]:
    with browsing(needs) as opened:
        yield opened


@dataclass
class House:
    """The served desk, its bell, and the built-in inbox as mail server."""

    site: Site
    post: Inbox
    bell: Bell

    def ring(self, *ticks: str) -> None:
        """Ring in a thread of its own: in this one the browser's event loop runs."""
        for tick in ticks:
            ringing = Thread(target=self.bell.ring, args=(tick,))
            ringing.start()
            ringing.join()

    def subjects(self, address: str) -> list[str]:
        """The subjects of what came to that address, the oldest first."""
        came = (mail for mail in self.post.mails() if address in mail.header("Delivered-To"))
        return [mail.header("Subject") for mail in came]


@pytest.fixture
def house(database: Database, tmp_path: Path) -> Iterator[House]:
    with served(database, tmp_path) as site, inbox.running(tmp_path / "mail") as post:
        smtp = {"host": "127.0.0.1", "port": post.port, "tls": "none"}
        site.loaded = a_loaded(
            tmp_path,
            newsletters={"recap": NEWSLETTER},
            public_url=site.address,
            smtp=smtp,
            checks={"links": False},
        )
        friday.publish(database, *friday.TITLES)
        for address in READERS:
            a_reader(database, address)
        house = House(site, post, Bell(database, lambda: site.loaded, clock=lambda: site.now))
        # Since Monday the bell has kept this newsletter; on Friday the week is closed.
        for site.now in (friday.MONDAY, NOW):
            house.ring("week", "announce", "outbox")
        yield house


@pytest.mark.browser
@pytest.mark.slow
@pytest.mark.parametrize("scripts", [True, False], ids=["scripts", "no-scripts"])
@pytest.mark.parametrize("database", ["sqlite"], indirect=True)
def test_a_friday_from_draft_to_report(
    house: House, chromium: Callable[..., Any], scripts: bool
) -> None:
    """Two people bring an issue out without a keystroke elsewhere; a reader gets it, and leaves."""

    def person(role: str) -> Any:
        page = chromium(width=1280, scheme="light", height=1000, scripts=scripts)
        page.goto(f"{house.site.address}/sign-in/{house.site.link(role)}")
        page.get_by_role("button", name="Sign in").click()
        return page

    editor, second = person("publisher"), person("admin")
    _edit(editor, scripts=scripts)
    _reorder(editor, scripts=scripts)
    _preview(editor, house)
    _refuse_own_work(editor)
    _approve(second, house)
    _send(house)
    _read_and_leave(chromium(width=375, scheme="dark", scripts=scripts), house)
    _report(second, house)
    # A browser tells of the one refusal.
    assert ["409" in problem for problem in editor.problems] == [True]
    assert second.problems == []


def _order(page: Any) -> list[str]:
    return page.locator(".items > li .title a").all_inner_texts()


def _reloaded(page: Any) -> list[str]:
    """What the server says of the order, whatever the page has done by itself."""
    page.wait_for_load_state("networkidle")
    page.goto(page.url.partition("#")[0])
    return _order(page)


def _edit(page: Any, *, scripts: bool) -> None:
    page.click("text=Edit headline, lead and intro")
    page.fill("#headline", HEADLINE)
    if scripts:
        # Words are kept without a press of any button.
        page.locator("#lead").focus()
    else:
        page.click("#words-front >> text=Save")
    page.wait_for_selector("h1 .mark >> text=edited")
    assert HEADLINE in page.inner_text("h1")


def _reorder(page: Any, *, scripts: bool) -> None:
    _reloaded(page)
    first, *others = _order(page)
    _by_mouse(page, scripts=scripts)
    assert _reloaded(page) == [others[0], first, *others[1:]]
    _by_keyboard(page, scripts=scripts)
    assert _reloaded(page) == [first, *others]


def _by_mouse(page: Any, *, scripts: bool) -> None:
    """Bring the second item before the first: dragged, or with its button."""
    rows = page.locator(".items > li")
    if not scripts:
        with page.expect_navigation():
            rows.nth(1).get_by_role("button", name=re.compile("^Up")).click()
        return
    handle = rows.nth(1).locator(".handle")
    handle.scroll_into_view_if_needed()
    above = rows.nth(0).bounding_box()
    handle.hover()
    page.mouse.down()
    for down in (above["height"] / 3, 3, 2):
        page.mouse.move(above["x"] + 20, above["y"] + down, steps=4)
    page.mouse.up()
    page.wait_for_selector("#board-said >> text=place 1 of")


def _by_keyboard(page: Any, *, scripts: bool) -> None:
    """Bring the second item before the first without a mouse: a key on its row, or its button."""
    wanted = "button[value=up]" if not scripts else "a, button, summary"
    within = f"document.activeElement.matches('.items > li:nth-child(2) :is({wanted})')"
    for _ in range(MOST_STOPS):
        page.keyboard.press("Tab")
        if page.evaluate(within):
            break
    else:
        raise AssertionError("Tab does not come to the second item")
    if not scripts:
        with page.expect_navigation():
            page.keyboard.press("Enter")
        return
    page.keyboard.press("Alt+ArrowUp")
    page.wait_for_selector("#board-said >> text=place 1 of")


def _preview(page: Any, house: House) -> None:
    page.click("text=All views, and a test mail")
    mail = page.frame_locator("iframe").first
    assert HEADLINE in mail.locator("h1").first.inner_text()
    page.click("#tests >> text=To me")
    page.wait_for_selector("#tests >> text=on its way")
    house.ring("outbox")
    page.reload()
    page.wait_for_selector("#tests >> text=taken by the mail server")
    (subject,) = house.subjects("publisher@example.org")
    assert "test" in subject.casefold()
    assert HEADLINE in subject


def _refuse_own_work(page: Any) -> None:
    page.click("text=Back to the issue")
    page.get_by_role("button", name="Approve", exact=True).click()
    page.wait_for_selector("[role=alert] >> text=four eyes")


def _approve(page: Any, house: House) -> None:
    page.goto(f"{house.site.address}/")
    assert f"{len(READERS)} readers would get it now" in page.inner_text(".standing")
    page.get_by_role("button", name="Approve", exact=True).click()
    page.wait_for_selector(".standing strong >> text=Approved")


def _send(house: House) -> None:
    house.ring("week", "send")
    assert [house.subjects(address) for address in READERS] == [[], [], []]
    house.site.now = SEND_HOUR
    house.ring("week", "send", "announce", "outbox")
    for address in READERS:
        (subject,) = house.subjects(address)
        assert subject.startswith(HEADLINE)


def _read_and_leave(page: Any, house: House) -> None:
    """Read the mail of one reader in the inbox, and follow its own link out of the list."""
    page.goto(house.post.web_url)
    page.locator("li", has_text=READERS[0]).get_by_role("link").first.click()
    mail = page.frame_locator("iframe")
    assert HEADLINE in mail.locator("h1").first.inner_text()
    page.goto(mail.get_by_role("link", name=re.compile("unsubscribe", re.I)).get_attribute("href"))
    assert _standing(house) == [SubscriptionState.ACTIVE] * 3
    page.get_by_role("button", name="Unsubscribe").click()
    page.wait_for_selector("text=You are unsubscribed.")
    assert _standing(house) == [SubscriptionState.LEFT, *[SubscriptionState.ACTIVE] * 2]


def _standing(house: House) -> list[str]:
    with house.site.database.read() as conn:
        query = select(subscriptions.c.state).order_by(subscriptions.c.subscriber_id)
        return list(conn.execute(query).scalars())


def _report(page: Any, house: House) -> None:
    page.reload()
    page.wait_for_selector(".standing strong >> text=Finished")
    assert f"{len(READERS)} frozen = {len(READERS)} sent." in page.inner_text("#sending")
    assert "Sent" in house.subjects("editor@example.org")[-1]
    with page.expect_download() as taken:
        page.get_by_role("link", name=re.compile("CSV")).click()
    lines = Path(taken.value.path()).read_text().splitlines()
    assert [any(address in line for line in lines) for address in READERS] == [True] * 3
