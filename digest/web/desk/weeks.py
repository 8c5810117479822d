"""An issue's page: this week's, or any other."""

from __future__ import annotations

from fastapi import APIRouter, Depends
from starlette.responses import HTMLResponse, JSONResponse

from digest import weekly
from digest.errors import Held, IssueError
from digest.model import Issue
from digest.web.desk import board
from digest.web.desk.layout import IssueNumber, chosen, desk_page, known_issue
from digest.web.desk.session import Visitor, looking
from digest.web.pages import Pages


def doors(pages: Pages) -> APIRouter:
    """Return the routes of the issues' pages; every account may see them."""
    router = APIRouter()
    seen = Depends(looking(pages))

    @router.get("/")
    def this_week(who: Visitor = seen, newsletter: str = "") -> HTMLResponse:
        key = chosen(pages, newsletter)
        issue = weekly.open_issue(pages.database, key)
        if issue is None:
            return desk_page(pages, who, "desk-empty.html", key, here="week")
        return board_page(pages, who, issue, here="week")

    @router.get("/desk/issues/{issue_id}")
    def one_issue(issue_id: IssueNumber, who: Visitor = seen) -> HTMLResponse:
        return board_page(pages, who, known_issue(pages, issue_id), here="issues")

    @router.get("/desk/issues/{issue_id}/version")
    def version(issue_id: IssueNumber, _who: Visitor = seen) -> JSONResponse:
        return JSONResponse({"version": known_issue(pages, issue_id).version})

    return router


def board_page(
    pages: Pages,
    who: Visitor,
    issue: Issue,
    *,
    here: str,
    status: int = 200,
    refusal: IssueError | None = None,
) -> HTMLResponse:
    """Return the issue's page; *refusal* says what was asked for and not done."""
    shown = board.gather(pages.database, pages.loaded, issue, now=pages.now())
    return desk_page(
        pages,
        who,
        "desk-board.html",
        issue.of.newsletter,
        here=here,
        status=status,
        board=shown,
        mine=[act for act in shown.acts if who.may(act.role)],
        refusal=refusal,
        blocking=_blocking(shown, refusal) if isinstance(refusal, Held) else 0,
    )


def _blocking(shown: board.Board, refusal: Held) -> int:
    """Return how many of the reasons stand among the checks; one of a person's own does not."""
    sentences = {check.sentence for check in shown.checks}
    return sum(reason in sentences for reason in refusal.reasons)
