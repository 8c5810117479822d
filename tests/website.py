"""The whole web application on a port of its own, and what its pages show."""

from __future__ import annotations

import atexit
import logging
import ssl
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from datetime import UTC, date, datetime, timedelta
from functools import cache
from pathlib import Path
from threading import Event, Thread
from time import monotonic, sleep
from typing import Any, NoReturn

import httpx
import uvicorn
from starlette.routing import Mount

from digest import staff, tokens
from digest.config import Loaded
from digest.model import (
    Candidate,
    Draft,
    Edition,
    Evidence,
    Issue,
    IssueId,
    IssueState,
    Item,
    Recap,
    Rhythm,
    Section,
    Theme,
    Variant,
    Window,
)
from digest.model.settings import Settings
from digest.render import render
from digest.store import Database, drafts, editions, issues
from digest.store.schema import publications, subscribers, subscriptions
from digest.web import application

TEMPLATES = Path(__file__).resolve().parents[1] / "templates"
CHROMIUM = Path("/usr/bin/chromium")
KEY = "k" * 64
#: Two hours and fourteen minutes before the send hour, Friday 09:00 in New York.
NOW = datetime(2023, 9, 22, 10, 46, tzinfo=UTC)
WEEK = Window(datetime(2023, 9, 15, 10, tzinfo=UTC), datetime(2023, 9, 22, 10, tzinfo=UTC))
SEND_HOUR = datetime(2023, 9, 22, 13, tzinfo=UTC)
TITLES = (
    "Why Improve Ukraine's Deep-Strike Capability?",
    "A Trilateral Partnership in the Making",
    "What Disaster Recovery Costs",
)


@dataclass
class Site:
    """A running application; its clock and its configuration can be changed under it."""

    database: Database
    loaded: Loaded
    address: str = ""
    now: datetime = NOW
    closing: Event = field(default_factory=Event)
    _clients: list[httpx.Client] = field(default_factory=list)

    def browser(self, role: str = "", **told: Any) -> httpx.Client:
        """Return a client that follows no redirect, signed in if a *role* is named."""
        told = {"base_url": self.address, "timeout": 20, "verify": _trusted()} | told
        client = httpx.Client(follow_redirects=False, **told)
        self._clients.append(client)
        if role:
            entered = client.post(f"/sign-in/{self.link(role)}")
            assert entered.status_code == 303, entered.text
        return client

    def link(self, role: str) -> str:
        """Return the secret of a fresh one-time link for an account of that role."""
        account = staff.add(self.database, f"{role}@example.org", staff.Role(role), now=self.now)
        return staff.link(self.database, account.address, now=self.now)

    def settings(self, **told: Any) -> None:
        """Put other values into force, as a reload of config.yaml does."""
        self.loaded = replace(self.loaded, settings=self.loaded.settings.model_copy(update=told))

    def restart(self) -> None:
        """Make the application anew, after a change of what it reads at its start."""
        _stage().play(self, lambda: _application(lambda: self))

    def close(self) -> None:
        for client in self._clients:
            client.close()


@contextmanager
def served(database: Database, folder: Path) -> Iterator[Site]:
    """Serve the application on the loopback until the block ends."""
    site = Site(database, a_loaded(folder))
    stage = _stage()
    stage.play(site, _company)
    site.address = stage.address
    try:
        yield site
    finally:
        site.closing.set()
        site.close()
        stage.site = stage.app = None


@cache
def _company() -> Any:
    """
    Return the application that plays for every site of this process, one after the other.

    To make one takes as long as thirty pages. Whose database, settings and hour it asks for
    can be another's at the next test; a test about what it counts itself calls `restart`.
    """
    stage = _stage()
    return _application(lambda: stage.site)


def _application(site: Callable[[], Site]) -> Any:
    lent: Any = _Lent(site)
    return application(lent, lambda: site().loaded, clock=lambda: site().now)


class _Lent:
    """The database of whichever site asks."""

    def __init__(self, site: Callable[[], Site]) -> None:
        self._site = site

    def __getattr__(self, name: str) -> Any:
        return getattr(self._site().database, name)


class Stage:
    """One real server for all tests of a process, since starting one takes longer than a test."""

    site: Any = None
    app: Any = None

    def __init__(self) -> None:
        config = uvicorn.Config(self, port=0, lifespan="off", log_level="critical", ws="none")
        self.server = uvicorn.Server(config)
        self.thread = Thread(target=self.server.run, daemon=True)
        self.thread.start()
        until = monotonic() + 20
        while not self.server.started and monotonic() < until:
            sleep(0.01)
        host, port = self.server.servers[0].sockets[0].getsockname()[:2]
        self.address = f"http://{host}:{port}"

    def play(self, site: Site, made: Callable[[], Any]) -> None:
        """Let the application that *made* makes answer from now on, for *site*."""
        self.site = site
        self.app = made()
        self.app.state.closing = site.closing
        # What counts how often the API is asked is made at its next request, and begins at nought.
        for api in (each.app for each in self.app.routes if isinstance(each, Mount)):
            api.middleware_stack = None

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        await self.app(scope, receive, send)

    def stop(self) -> None:
        # A test that sets logging up may have left it a stream that is closed by now.
        logging.getLogger("uvicorn.error").disabled = True
        self.server.should_exit = True
        self.thread.join(20)


@cache
def _trusted() -> ssl.SSLContext:
    """Return what a client needs, if not for our address: to make one takes as long as a page."""
    return ssl.create_default_context()


@cache
def _stage() -> Stage:
    stage = Stage()
    atexit.register(stage.stop)
    return stage


def a_loaded(folder: Path, **told: Any) -> Loaded:
    """A configuration with one newsletter, its templates the repository's."""
    newsletter = {
        "title": "Sample Weekly Recap",
        "from": "Sample Weekly Recap <recap@example.org>",
        "postal_address": "1 Sample Street, Springfield",
        "timezone": "America/New_York",
        "closes": "friday 06:00",
        "sends": "friday 09:00",
        "look": {"accent": "#6b2c91"},
    }
    settings = Settings.model_validate(
        {
            "public_url": "http://127.0.0.1",
            "token_key": KEY,
            "newsletters": {"recap": newsletter},
        }
        | told
    )
    return Loaded(settings, folder, folder / "config.yaml")


# --- what the pages show ------------------------------------------------------------------


def a_draft(
    database: Database,
    *titles: str,
    key: str = "2023-09-22",
    newsletter: str = "recap",
    headline: str = "Deep Strikes, a Trilateral Partnership, Recovery Costs",
) -> Issue:
    """An issue with a draft of those publications; one more was left out as too old."""
    titles = titles or TITLES
    with database.write() as conn:
        ids = [_publish(conn, title, on=NOW - timedelta(days=3)) for title in titles]
        old = _publish(conn, "An Older Publication", on=NOW - timedelta(days=20))
        closes = datetime.combine(date.fromisoformat(key), WEEK.end.timetz())
        window = Window(closes - timedelta(days=7), closes)
        of = IssueId(newsletter, Rhythm.WEEKLY, key)
        issue = issues.plan(conn, of, window, sends_at=closes + timedelta(hours=3), now=NOW)
        draft = Draft(
            recap=_recap(ids, titles, headline, window), candidates=_why(ids, titles, old)
        )
        return drafts.write(conn, issue, draft, now=NOW, actor="bell", what="prepared")


def _publish(conn: Any, title: str, *, on: datetime) -> int:
    statement = publications.insert().values(
        title_key=title.casefold(),
        title=title,
        summary="What it says.",
        kind="Commentary",
        topics=[],
        authors=[],
        link=f"https://example.org/{abs(hash(title))}",
        published_at=on,
        day_only=False,
        first_seen_at=on,
        edited=[],
    )
    return int(conn.execute(statement.returning(publications.c.id)).scalar_one())


def _recap(ids: list[int], titles: tuple[str, ...], headline: str, window: Window) -> Recap:
    return Recap(
        title="Sample Weekly Recap",
        window=window,
        headline=headline,
        lead="This weekly recap focuses on deep strikes, a partnership, and more.",
        subject=f"{headline}: Sample Weekly Recap",
        preheader="Deep strikes, a partnership, and more.",
        themes=(
            Theme(
                label="Deep Strikes",
                publications=(ids[0],),
                evidence=Evidence(terms=("deep-strike",), strength=0.8),
            ),
        ),
        items=tuple(
            Item(
                publication=number,
                title=title,
                summary="What it says.",
                kind="Commentary",
                link=f"https://example.org/{number}",
                published_on=date(2023, 9, 19),
            )
            for number, title in zip(ids, titles, strict=True)
        ),
        sections=(
            Section(key="themes", items=tuple(ids[:1])),
            Section(key="more", title="More this week", items=tuple(ids[1:])),
        ),
    )


def _why(ids: list[int], titles: tuple[str, ...], old: int) -> tuple[Candidate, ...]:
    included = tuple(
        Candidate(
            publication=number,
            title=title,
            included=True,
            rank=rank,
            code="lead" if rank == 1 else "chosen",
            reason="recency .34 + kind .20",
            score={"recency": 0.34, "kind": 0.2},
        )
        for rank, (number, title) in enumerate(zip(ids, titles, strict=True), 1)
    )
    out = Candidate(
        publication=old,
        title="An Older Publication",
        included=False,
        code="old",
        reason="Sep 2; look-back began Sep 12 06:00",
    )
    return (*included, out)


def put_into(
    database: Database, issue: Issue, state: IssueState, *, loaded: Loaded, number: int = 1
) -> Issue:
    """Freeze an edition of *issue* and put it into *state*, whatever came before."""
    with database.write() as conn:
        recap = drafts.read(conn, issue.id).recap
        assert recap is not None
        edition = an_edition(recap, issue, loaded, number)
        full = Variant(
            subject=edition.subject,
            headline=recap.headline,
            lead=recap.lead,
            preheader=recap.preheader,
            items=tuple(item.publication for item in recap.items),
            digest=edition.digest,
        )
        editions.add(conn, issue.id, edition, [full], now=NOW)
        sent = (
            {} if state is IssueState.APPROVED else {"frozen_at": NOW, "frozen": 0, "excluded": {}}
        )
        return issues.set_state(
            conn,
            issue.id,
            (issue.state,),
            state,
            now=NOW,
            actor="ana@example.org",
            also={"approved_at": NOW, "approved_by": "ana@example.org", "number": number, **sent},
        )


def an_edition(recap: Recap, issue: Issue, loaded: Loaded, number: int) -> Edition:
    return render(
        recap,
        newsletter=loaded.settings.newsletters["recap"],
        newsletter_key="recap",
        issue_key=issue.of.key,
        number=number,
        public_url=loaded.settings.public_url,
        templates=(TEMPLATES,),
    )


def a_reader(
    database: Database, address: str = "ana@example.org", *, newsletter: str = "recap"
) -> int:
    """A subscriber with an active subscription; return the subscriber's row number."""
    with database.write() as conn:
        statement = subscribers.insert().values(
            address=address, address_key=address, attributes={}, created_at=NOW
        )
        subscriber = int(conn.execute(statement.returning(subscribers.c.id)).scalar_one())
        conn.execute(
            subscriptions.insert().values(
                subscriber_id=subscriber,
                newsletter=newsletter,
                state="active",
                rhythm="weekly",
                topics=[],
                lists=[],
                source="a test",
                consented_at=NOW,
                confirmed_at=NOW,
                changed_at=NOW,
            )
        )
    return subscriber


def unsubscribe_token(subscriber: int, newsletter: str = "recap") -> str:
    return tokens.make(KEY, "unsubscribe", subscriber, newsletter)


@contextmanager
def browsing(needs: Callable[[str, str], NoReturn], *switches: str) -> Iterator[Callable[..., Any]]:
    """Yield a function that opens a page of a real Chromium; its *problems* are what it logged."""
    from playwright.sync_api import sync_playwright

    if not CHROMIUM.exists():
        needs("browser", f"there is no Chromium at {CHROMIUM}")
    with sync_playwright() as playwright:
        chromium = playwright.chromium.launch(
            executable_path=str(CHROMIUM), args=["--no-sandbox", *switches]
        )

        def opened(*, width: int, scheme: str, height: int = 720, scripts: bool = True) -> Any:
            context = chromium.new_context(
                viewport={"width": width, "height": height},
                color_scheme=scheme,
                java_script_enabled=scripts,
            )
            page = context.new_page()
            page.problems = []
            page.on("console", lambda message: page.problems.append(message.text))
            page.on("pageerror", lambda error: page.problems.append(str(error)))
            return page

        yield opened
        chromium.close()
