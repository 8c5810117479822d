"""Feeds: how they do, added after a look, switched off and on."""

from __future__ import annotations

from datetime import datetime

from fastapi import Depends, FastAPI
from pydantic import Field, StrictBool
from starlette.exceptions import HTTPException

from digest import intake
from digest.model.settings import FeedSettings
from digest.staff import Program, Scope
from digest.store import feeds
from digest.web.api import Out
from digest.web.desk.feeds import web_feed
from digest.web.desk.layout import IssueNumber
from digest.web.deskapi.asking import Asked, by_token, holding, known_newsletter
from digest.web.pages import Pages
from digest.web.words import without_secret


class FeedOut(Out):
    id: int
    url: str
    title: str
    enabled: bool
    fetched_at: datetime | None
    succeeded_at: datetime | None
    #: In a row; 0 after a success.
    failures: int
    error: str


class NewFeed(Asked):
    newsletter: str = Field(max_length=64)
    url: str = Field(max_length=2000)


class FeedChange(Asked):
    enabled: StrictBool


def add(desk: FastAPI, pages: Pages) -> None:
    """Add the feeds."""
    admin = Depends(holding(pages, Scope.ADMIN))

    @desk.get("/feeds", dependencies=[Depends(holding(pages, Scope.ISSUES_READ))])
    def listed(newsletter: str) -> list[FeedOut]:
        """A newsletter's feeds, and how they do."""
        with pages.database.read() as conn:
            return [_feed(each) for each in feeds.listed(conn, known_newsletter(pages, newsletter))]

    @desk.post("/feeds", status_code=201)
    def add(asked: NewFeed, who: Program = admin) -> FeedOut:
        """Add a feed, after a look at whether it is one."""
        key = known_newsletter(pages, asked.newsletter)
        settings: FeedSettings = web_feed(asked.url)
        intake.look(pages.loaded, key, settings, now=pages.now())
        log = by_token(pages, who, f"added a feed: {without_secret(settings.url)}")
        intake.add_feed(pages.database, pages.loaded, key, settings, now=pages.now(), log=log)
        with pages.database.read() as conn:
            found = feeds.find(conn, settings.url)
        assert found is not None  # noqa: S101 - added above
        return _feed(found)

    @desk.patch("/feeds/{number}")
    def switch(number: IssueNumber, asked: FeedChange, who: Program = admin) -> FeedOut:
        """Switch a feed on or off."""
        with pages.database.write() as conn:
            if not any(each.id == number for each in feeds.listed(conn)):
                raise HTTPException(404, f"There is no feed {number}.")
            feeds.switch(conn, number, enabled=asked.enabled, now=pages.now())
            (now,) = (each for each in feeds.listed(conn) if each.id == number)
            switched = f"switched a feed {'on' if asked.enabled else 'off'}"
            by_token(pages, who, f"{switched}: {without_secret(now.url)}")(conn)
        return _feed(now)


def _feed(one: feeds.Feed) -> FeedOut:
    return FeedOut(
        id=one.id,
        url=without_secret(one.url),
        title=one.title,
        enabled=one.enabled,
        fetched_at=one.fetched_at,
        succeeded_at=one.succeeded_at,
        failures=one.failures,
        error=without_secret(one.error),
    )
