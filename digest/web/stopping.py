"""The page behind the Stop link: opening it does nothing, its button stops the issue."""

from __future__ import annotations

from fastapi import APIRouter
from starlette.responses import HTMLResponse

from digest import weekly
from digest.model import Issue, IssueState
from digest.web.pages import Pages

_HIDDEN = {"x-robots-tag": "noindex"}


def doors(pages: Pages) -> APIRouter:
    """Return the routes that the Stop link of a mail to editors leads to."""
    router = APIRouter()

    # Mail scanners open links; only a person presses the button.
    @router.api_route("/stop/{token}", methods=["GET", "HEAD"])
    def ask(token: str) -> HTMLResponse:
        issue = weekly.stoppable(pages.database, pages.loaded, token, now=pages.now())
        return _page(pages, issue, token)

    @router.post("/stop/{token}")
    def stop(token: str) -> HTMLResponse:
        issue = weekly.stop(pages.database, pages.loaded, token, now=pages.now())
        return _page(pages, issue, token)

    return router


def _page(pages: Pages, issue: Issue, token: str) -> HTMLResponse:
    return pages.page(
        "stop.html",
        newsletter=issue.of.newsletter,
        headers=_HIDDEN,
        going=issue.state is IssueState.SENDING,
        state=str(issue.state),
        action=f"{pages.prefix}/stop/{token}",
    )
