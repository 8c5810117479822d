"""The desk's lists and forms in a browser: narrow and wide, light and dark, without scripts."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, NoReturn

import pytest

from digest import weekly
from digest.model import Issue
from digest.store import Database, blocks, tasks
from tests import friday
from tests.test_merges import twice
from tests.test_web_blocks import a_picture
from tests.website import NOW, Site, browsing, served

pytestmark = [
    pytest.mark.browser,
    pytest.mark.parametrize("database", ["sqlite"], indirect=True),
]


@pytest.fixture
def site(database: Database, tmp_path: Path) -> Iterator[Site]:
    with served(database, tmp_path) as site:
        friday.publish(database, *friday.TITLES)
        yield site


@pytest.fixture
def draft(site: Site) -> Issue:
    slot = weekly.slot(site.loaded.settings.newsletters["recap"], friday.CLOSING, now=NOW)
    return weekly.prepare(site.database, site.loaded, "recap", slot, now=NOW)


@pytest.fixture
def chromium(needs: Callable[[str, str], NoReturn]) -> Iterator[Callable[..., Any]]:
    with browsing(needs) as opened:
        yield opened


def entered(site: Site, page: Any, role: str = "publisher") -> Any:
    page.goto(f"{site.address}/sign-in/{site.link(role)}")
    page.click("button")
    page.wait_for_load_state()
    return page


def rehearsed(site: Site, *, done: bool) -> None:
    found = weekly.rehearse(site.database, site.loaded, "recap", weeks=4, now=NOW)
    with site.database.write() as conn:
        asked = {"weeks": 4}
        number = tasks.begin(conn, "recap", "rehearsal", asked=asked, by="ana@example.org", now=NOW)
        if done:
            tasks.ended(conn, number, found=found, now=NOW)


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("width", [320, 1280])
def test_no_page_scrolls_sideways_or_logs_a_problem(
    site: Site, draft: Issue, chromium: Callable[..., Any], width: int, scheme: str
) -> None:
    """Lists, forms, comparisons and decisions fit a narrow phone and a wide screen."""
    twice(site.database)
    rehearsed(site, done=True)
    said = {"title": "Jobs" * 30, "link": "", "picture": "", "words": "https://example.org/" * 9}
    said |= {"sponsor": True, "since": "2023-09-01", "until": "2023-09-30", "place": "snippet"}
    with site.database.write() as conn:
        weekly.write_block(conn, "recap", "jobs", said, by="ana@example.org", now=NOW)
    page = entered(site, chromium(width=width, scheme=scheme))
    for path in (
        "/desk/issues",
        "/desk/issues?view=year",
        "/desk/blocks",
        "/desk/blocks/jobs",
        "/desk/publications",
        "/desk/publications/duplicates",
        "/desk/rehearsal",
        f"/desk/issues/{draft.id}",
        f"/desk/issues/{draft.id}/decide/approve",
        f"/desk/issues/{draft.id}/decide/hold",
    ):
        page.goto(site.address + path)
        page.evaluate("document.querySelectorAll('details').forEach((each) => each.open = true)")
        assert page.evaluate("document.documentElement.scrollWidth") <= width, path
        assert page.evaluate(
            "[...document.querySelectorAll('input:not([type=hidden]), select')]"
            ".every((each) => each.labels.length || each.ariaLabel)"
        ), path
    assert page.problems == []


def test_numbers_and_buttons_stand_beside_a_long_titles_first_line(
    site: Site, draft: Issue, chromium: Callable[..., Any]
) -> None:
    """However many lines a title takes, an item is found by its number at the top of it."""
    page = entered(site, chromium(width=1280, scheme="light", scripts=False))
    page.goto(f"{site.address}/desk/issues/{draft.id}")
    item = page.locator(".items > li").first
    title = item.locator(".title a")
    title.evaluate("each => { each.textContent = 'Peacekeeping and Interoperability '.repeat(9) }")
    box = title.bounding_box()
    assert box["height"] > 60
    for beside in (".rank", ".acts"):
        assert abs(item.locator(beside).bounding_box()["y"] - box["y"]) < 16, beside


def test_the_menu_is_one_line_on_a_phone(site: Site, chromium: Callable[..., Any]) -> None:
    """It opens, leads on and closes by the keyboard without a script; on a screen it lies open."""
    page = entered(site, chromium(width=375, scheme="light", scripts=False))
    feeds, menu = (
        page.get_by_role("link", name="Feeds", exact=True),
        page.get_by_role("button", name="Menu"),
    )
    assert page.locator("header").first.bounding_box()["height"] <= 64
    assert not feeds.is_visible()
    menu.focus()
    page.keyboard.press("Enter")
    assert feeds.is_visible()
    page.keyboard.press("Escape")
    assert not feeds.is_visible()
    page.keyboard.press("Enter")
    page.keyboard.press("Tab")
    page.keyboard.press("Tab")
    page.keyboard.press("Enter")
    page.wait_for_url("**/desk/issues")
    page.set_viewport_size({"width": 1280, "height": 800})
    assert feeds.is_visible()
    assert not menu.is_visible()


def test_blocks_and_pictures_need_no_script(
    site: Site, draft: Issue, chromium: Callable[..., Any]
) -> None:
    """Bringing a picture, writing a block with it and taking it away work by forms alone."""
    page = entered(site, chromium(width=375, scheme="light", scripts=False))
    page.goto(f"{site.address}/desk/blocks")
    page.click("text=Bring a picture")
    file = {"name": "a.png", "mimeType": "image/png", "buffer": a_picture()}
    page.set_input_files("#picture", file)
    page.fill("#alt", "A harbour")
    page.click("button:has-text('Bring it')")
    page.click("text=Write a block")
    page.fill("#title", "Open Positions")
    page.fill("#words", "We are *hiring*.")
    page.select_option("#picture", label="A harbour")
    page.click("button:has-text('Save')")
    page.wait_for_selector("h2:has-text('Open Positions')")
    with site.database.read() as conn:
        assert list(blocks.newest(conn, "recap")) == ["open-positions"]
    page.click("a:has-text('Open Positions')")
    page.click("button:has-text('Take it away')")
    page.wait_for_selector("text=There is no block yet")


def test_a_rehearsal_is_asked_for_by_keys_and_shows_itself(
    site: Site, draft: Issue, chromium: Callable[..., Any]
) -> None:
    """The button is reached and pressed by the keyboard; the page follows until it is done."""
    page = entered(site, chromium(width=1280, scheme="light"), "editor")
    page.goto(f"{site.address}/desk/rehearsal")
    page.focus("#weeks")
    page.keyboard.press("Tab")
    assert page.evaluate("document.activeElement.textContent") == "Rehearse"
    page.keyboard.press("Enter")
    page.wait_for_selector("text=Today’s rules", timeout=60_000)
    assert page.problems == []
