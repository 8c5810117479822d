"""The desk: what goes out this week, why, and the buttons that decide it."""

from __future__ import annotations

from typing import Any, cast
from urllib.parse import urlencode

from fastapi import APIRouter, FastAPI, Request
from starlette.responses import Response

from digest import staff
from digest.errors import IssueError, TemplateError
from digest.web.desk import (
    account,
    beside,
    blocks,
    bounces,
    calendar,
    checking,
    correcting,
    deciding,
    downloading,
    duplicates,
    editing,
    entering,
    feeds,
    growth,
    listing,
    lists,
    log,
    moving,
    people,
    previewing,
    publication,
    publications,
    rehearsing,
    rules,
    sending,
    settings,
    subscribers,
    tokens,
    weeks,
)
from digest.web.desk.layout import go
from digest.web.desk.lists import PATH as LISTS
from digest.web.desk.session import (
    SessionRenews,
    SignInNeeded,
    half_way,
    onward,
    remember,
)
from digest.web.doors import together
from digest.web.pages import Pages, told

__all__ = ["LISTS", "doors", "explain"]


def doors(pages: Pages) -> APIRouter:
    """Return the routes of the desk; all but the sign-in take an account."""
    return together(
        pages,
        entering,
        moving,
        weeks,
        listing,
        downloading,
        previewing,
        deciding,
        checking,
        correcting,
        editing,
        sending,
        duplicates,
        publications,
        publication,
        blocks,
        feeds,
        lists,
        growth,
        subscribers,
        bounces,
        rules,
        calendar,
        rehearsing,
        beside,
        people,
        settings,
        account,
        tokens,
        log,
    )


def explain(app: FastAPI, pages: Pages) -> None:
    """Lead who is not signed in to the page that says how; say why an issue cannot be shown."""

    def to_sign_in(request: Request, _e: Exception) -> Response:
        if request.method in ("GET", "HEAD"):
            return go(pages, _way_in(pages, request))
        return told(
            pages,
            403,
            title="You are not signed in",
            text="Your session has ended; nothing was changed.",
            home=f"{pages.prefix}/sign-in",
        )

    def renewed(request: Request, e: SessionRenews) -> Response:
        fresh = staff.renewed(pages.database, e.secret)
        response = go(pages, _place(request) if fresh else "/sign-in")
        if fresh:
            remember(pages, response, fresh, seconds=staff.SESSION_SECONDS)
        return response

    def not_shown(_request: Request, e: Exception) -> Response:
        # Only pages of the desk raise these: what they say is for who is signed in.
        return told(
            pages,
            409,
            title="There is nothing to show",
            text=str(e),
            remedy=getattr(e, "remedy", ""),
            home=f"{pages.prefix}/",
        )

    app.add_exception_handler(SignInNeeded, to_sign_in)
    app.add_exception_handler(SessionRenews, cast("Any", renewed))
    app.add_exception_handler(IssueError, not_shown)
    app.add_exception_handler(TemplateError, not_shown)


def _way_in(pages: Pages, request: Request) -> str:
    """Return where to sign in, or to go on with it, and come back to the page asked for."""
    door = "/sign-in/code" if half_way(pages, request) else "/sign-in"
    place = _place(request)
    return door if place == "/" else f"{door}?{urlencode({'next': place})}"


def _place(request: Request) -> str:
    query = f"?{request.url.query}" if request.url.query else ""
    return onward(f"{request.url.path}{query}")
