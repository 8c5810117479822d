"""Every door of the application: who may pass it, and that nothing hostile lives behind it."""

from __future__ import annotations

from collections.abc import Iterator
from html.parser import HTMLParser
from pathlib import Path

import pytest
from fastapi.routing import APIRoute
from sqlalchemy import Text, update
from starlette.routing import Mount, Route

from digest.staff import Role
from digest.store import Database
from digest.store.schema import (
    bounces,
    consents,
    deliveries,
    events,
    feeds,
    issues,
    publications,
    subscribers,
    subscriptions,
)
from digest.web import application
from tests import newsroom
from tests.newsroom import Newsroom
from tests.test_web_deskapi import API, SCOPES
from tests.test_web_people import FORMS, KEPT, PAGES
from tests.walking import routes
from tests.website import Site, a_loaded, served

pytestmark = pytest.mark.parametrize("database", ["sqlite"], indirect=True)

#: What anybody may ask, signed in or not: a token in the address, a form, or nothing opens it.
#: A new door must be written down here, or among the desk's or its API's.
OPEN = {
    "GET": (
        "/api/v1/newsletters",
        "/api/v1/newsletters/{newsletter}/issues",
        "/api/v1/newsletters/{newsletter}/issues/{issue}",
        "/api/v1/newsletters/{newsletter}/topics",
        "/api/v1/subscriptions/{token}",
        "/choose/{newsletter}",
        "/confirm/{token}",
        "/confirm/{token}/",
        "/favicon.ico",
        "/health",
        "/healthz",
        "/issues/{newsletter}",
        "/issues/{newsletter}/feed.{ending}",
        "/issues/{newsletter}/search",
        "/issues/{newsletter}/{key}",
        "/join/{newsletter}",
        "/metrics",
        "/move/{token}",
        "/new-address/{token}",
        "/password/{token}",
        "/pictures/{newsletter}/{digest}.{ending}",
        "/pictures/{newsletter}/{name}",
        "/preferences/{token}",
        "/preferences/{token}/{key}",
        "/readyz",
        "/robots.txt",
        "/sign-in",
        "/sign-in/by-mail",
        "/sign-in/code",
        "/sign-in/elsewhere",
        "/sign-in/elsewhere/back",
        "/sign-in/forgotten",
        "/sign-in/{token}",
        "/sitemap.xml",
        "/static/accent/{colour}.css",
        "/static/{name}.{kind}",
        "/stop/{token}",
        "/to/{edition}/{place}",
        "/topics/{newsletter}",
        "/topics/{newsletter}/{topic}",
        "/topics/{newsletter}/{topic}/feed.{ending}",
        "/unsubscribe/{token}",
        "/unsubscribe/{token}/",
    ),
    "POST": (
        "/api/v1/newsletters/{newsletter}/subscriptions",
        "/choose/{newsletter}",
        "/confirm/{token}",
        "/confirm/{token}/",
        "/hooks/ses",
        "/join/{newsletter}",
        "/move/{token}",
        "/new-address/{token}",
        "/password/{token}",
        "/preferences/{token}/{key}",
        "/sign-in",
        "/sign-in/by-mail",
        "/sign-in/code",
        "/sign-in/forgotten",
        "/sign-in/{token}",
        "/stop/{token}",
        "/unsubscribe/{token}/reason",
        "/unsubscribe/{token}/undo",
        "/unsubscribe/{token}/undo/",
    ),
}
#: Guesses at a sign-in are counted, and a code is asked of who gave a password.
COUNTED = ("/sign-in", "/sign-in/by-mail", "/sign-in/code", "/sign-in/forgotten")
#: What fits each part of a path, and opens nothing.
NOTHING = {
    "newsletter": "recap",
    "token": "x",
    "key": "2001-01-05",
    "issue": "2001-01-05",
    "topic": "zebras",
    "edition": "9",
    "place": "9",
    "ending": "atom",
    "digest": "0" * 64,
    "name": "x",
    "kind": "css",
    "colour": "6b2c91",
}
HOSTILE = "\"'><script>alert(1)</script><img src=x onerror=alert(1)>{{ 7 * 7 }}"
#: What others write, and pages show.
WRITTEN = (
    *(publications.c[name] for name in ("title", "summary", "kind")),
    *(feeds.c[name] for name in ("title", "error")),
    *(subscriptions.c[name] for name in ("source", "left_reason")),
    *(bounces.c[name] for name in ("said", "address")),
    *(deliveries.c[name] for name in ("answer", "address")),
    *(events.c[name] for name in ("actor", "what")),
    consents.c.source,
    subscribers.c.name,
    issues.c.subject,
)


@pytest.fixture
def site(database: Database, tmp_path: Path) -> Iterator[Site]:
    with served(database, tmp_path) as site:
        yield site


@pytest.fixture
def room(site: Site) -> Newsroom:
    return newsroom.furnished(site)


def test_every_door_says_who_may_pass(database: Database, tmp_path: Path) -> None:
    """Nobody adds a route without writing down whether it takes an account, a scope or nothing."""
    app = application(database, lambda: a_loaded(tmp_path))
    told = {(method, path) for method, paths in OPEN.items() for path in paths}
    told |= {("GET", path) for path in (*PAGES, *KEPT)} | {("POST", path) for path in FORMS}
    told |= {(method.upper(), f"{API}{path}") for method, path in SCOPES}
    known = {(method, path) for method, path in routes(app) if method not in ("HEAD", "OPTIONS")}
    assert known == told


def test_open_doors_know_no_roles(site: Site) -> None:
    """Readers' doors answer everybody alike: a session opens no more there, and no less."""
    browsers = [site.browser(), *(site.browser(role) for role in Role)]
    for method, paths in OPEN.items():
        for path in set(paths) - set(COUNTED):
            asked = path.format(**NOTHING)
            answers = [browser.request(method, asked) for browser in browsers]
            statuses = {answer.status_code for answer in answers}
            assert len(statuses) == 1, f"{method} {path}: {statuses}"
            assert statuses < {200, 204, 400, 401, 403, 404, 410, 422}, f"{method} {path}"


@pytest.mark.slow
def test_nothing_that_others_wrote_comes_alive_on_any_page(room: Newsroom) -> None:
    """Markup and template marks in every text of the store are characters, wherever shown."""
    with room.site.database.write() as conn:
        for column in WRITTEN:
            fits = HOSTILE if isinstance(column.type, Text) else HOSTILE[: column.type.length]
            conn.execute(update(column.table).values({column.name: fits}))
    admin = room.site.browser("admin")
    shown = 0
    for name, address in room.addresses().items():
        page = admin.get(address)
        assert page.status_code < 500, name
        assert Alive(page.text).found == [], name
        assert ">49<" not in page.text, name
        shown += "&lt;script&gt;alert" in page.text
    assert shown > 8


class Alive(HTMLParser):
    """What a browser would run in a page, but for our own modules."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.found: list[str] = []
        self.feed(page)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        told = dict(attrs)
        ours = tag == "script" and (told.get("src") or "").startswith("/static/")
        if (tag in ("script", "object", "embed", "base") and not ours) or told.get("src") == "x":
            self.found.append(tag)
        for name, value in attrs:
            if name.startswith("on") or (value or "").strip().lower().startswith("javascript:"):
                self.found.append(f"{tag} {name}")


@pytest.mark.parametrize(
    "elsewhere",
    ["//evil.test", "https://evil.test/", "/\\evil.test", "\\\\evil.test", "/%09/evil.test", "@x"],
)
def test_no_door_leads_elsewhere(site: Site, elsewhere: str) -> None:
    """Whatever an address asks for, who follows its answer stays on this site."""
    publisher, stranger = site.browser("publisher"), site.browser()
    for browser in (publisher, stranger):
        for path in ("/", "/sign-in", "/desk/issues", f"/{elsewhere}", f"/desk/{elsewhere}"):
            told = {"next": elsewhere, "to": elsewhere, "url": elsewhere, "return": elsewhere}
            answer = browser.get(path, params=told)
            way = answer.headers.get("location", "/")
            assert way.startswith("/"), f"{path}: {way}"
            assert way[1:2] not in ("/", "\\"), f"{path}: {way}"


def test_every_door_stands_in_one_list(database: Database, tmp_path: Path) -> None:
    """No router is kept within a router: each start would make its routes once more."""
    app = application(database, lambda: a_loaded(tmp_path))
    assert {type(route) for route in app.routes} <= {APIRoute, Route, Mount}
