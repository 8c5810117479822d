"""The desk: what goes out this week, why, and the buttons that decide it."""

from __future__ import annotations

from fastapi import APIRouter, FastAPI, Request
from starlette.responses import Response

from digest.errors import IssueError, TemplateError
from digest.web.desk import (
    deciding,
    editing,
    entering,
    feeds,
    log,
    people,
    previewing,
    publications,
    rules,
    sending,
    weeks,
)
from digest.web.desk.layout import go
from digest.web.desk.session import SignInNeeded
from digest.web.pages import Pages, told

__all__ = ["doors", "explain"]


def doors(pages: Pages) -> APIRouter:
    """Return the routes of the desk; all but the sign-in take an account."""
    router = APIRouter()
    for room in (
        entering,
        weeks,
        previewing,
        deciding,
        editing,
        sending,
        publications,
        feeds,
        rules,
        people,
        log,
    ):
        router.include_router(room.doors(pages))
    return router


def explain(app: FastAPI, pages: Pages) -> None:
    """Lead who is not signed in to the page that says how; say why an issue cannot be shown."""

    def to_sign_in(request: Request, _e: Exception) -> Response:
        if request.method in ("GET", "HEAD"):
            return go(pages, "/sign-in")
        return told(
            pages,
            403,
            title="You are not signed in",
            text="Your session has ended; nothing was changed.",
            home=f"{pages.prefix}/sign-in",
        )

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
    app.add_exception_handler(IssueError, not_shown)
    app.add_exception_handler(TemplateError, not_shown)
