"""Feeds at the desk: looked at before they are added, switched off and on."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from digest.model.settings import FeedSettings
from digest.store import Database, feeds
from digest.web.desk import feeds as door
from tests import friday
from tests.webserver import WebServer, answer
from tests.website import Site, served

pytestmark = pytest.mark.parametrize("database", ["sqlite"], indirect=True)

FEED = b"""<?xml version="1.0"?><rss version="2.0"><channel><title>Our Reports</title>
<item><title>A Report on &lt;b&gt;Grids&lt;/b&gt;</title><link>https://example.org/1</link>
<guid>1</guid><pubDate>Tue, 19 Sep 2023 10:00:00 GMT</pubDate></item></channel></rss>"""


@pytest.fixture
def site(database: Database, tmp_path: Path) -> Iterator[Site]:
    with served(database, tmp_path) as site:
        yield site


@pytest.fixture
def web() -> Iterator[WebServer]:
    server = WebServer(lambda _path, _headers: answer(FEED, content_type="application/rss+xml"))
    yield server
    server.close()


def send(browser: Any, path: str, **told: str) -> Any:
    page = browser.get("/desk/feeds").text
    fields = dict(re.findall(r'name="(csrf|newsletter)" value="([^"]+)"', page))
    return browser.post(path, data=fields | told)


def known(site: Site) -> list[feeds.Feed]:
    with site.database.read() as conn:
        return feeds.listed(conn, "recap")


def test_a_feed_is_looked_at_before_it_is_added(
    site: Site, web: WebServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The first press shows what it holds and keeps nothing; the second one adds it."""
    monkeypatch.setattr(door, "web_feed", lambda url: FeedSettings(url=url, allow_private=True))
    admin = site.browser("admin")
    page = send(admin, "/desk/feeds", url=f"{web.url}/feed")
    assert page.status_code == 200
    assert "Our Reports" in page.text
    assert "A Report on" in page.text
    assert "<b>Grids" not in page.text
    assert known(site) == []
    assert send(admin, "/desk/feeds", url=f"{web.url}/feed", sure="yes").status_code == 303
    (feed,) = known(site)
    assert (feed.title, feed.origin) == ("Our Reports", "desk")
    assert "added a feed" in admin.get("/desk/log").text


def test_the_desk_reads_nothing_of_the_inner_network(site: Site, web: WebServer) -> None:
    """An address of this machine is refused before anybody is asked there."""
    page = send(site.browser("admin"), "/desk/feeds", url=f"{web.url}/feed", sure="yes")
    assert page.status_code == 422
    assert "It was not added." in page.text
    assert web.asked == []
    assert known(site) == []


@pytest.mark.parametrize(
    "url", ["/etc/passwd", "file:///etc/passwd", "config.yaml", "", "https://", "https://["]
)
def test_the_desk_reads_no_file_of_ours(site: Site, url: str) -> None:
    """Only config.yaml may name a file as a feed."""
    page = send(site.browser("admin"), "/desk/feeds", url=url)
    assert page.status_code == 422
    assert "root:" not in page.text
    assert known(site) == []


def test_a_feed_is_switched_off_and_on(site: Site) -> None:
    """Off, it is not read any more; the page and the log say so."""
    friday.publish(site.database, "A")
    admin = site.browser("admin")
    (feed,) = known(site)
    send(admin, f"/desk/feeds/{feed.id}", enabled="no")
    assert [each.enabled for each in known(site)] == [False]
    assert "Switched off" in admin.get("/desk/feeds").text
    send(admin, f"/desk/feeds/{feed.id}", enabled="yes")
    assert [each.enabled for each in known(site)] == [True]
    assert "switched a feed off" in admin.get("/desk/log").text


def test_a_feed_of_nobody_is_not_switched(site: Site) -> None:
    """A made-up number is a 404."""
    assert send(site.browser("admin"), "/desk/feeds/99", enabled="no").status_code == 404
