"""The page that opens a correction, and says what it will do to how many readers."""

from __future__ import annotations

from fastapi import APIRouter, Depends, Form
from starlette.responses import HTMLResponse, Response

from digest import weekly
from digest.errors import IssueError, WrongState
from digest.model import Issue
from digest.web.desk.layout import IssueNumber, desk_page, go, known_issue
from digest.web.desk.session import Visitor, acting, looking
from digest.web.pages import Pages


def doors(pages: Pages) -> APIRouter:
    """Return the routes of a correction; opening one takes a publisher."""
    router = APIRouter()

    @router.get("/desk/issues/{issue_id}/correct")
    def asked(issue_id: IssueNumber, who: Visitor = Depends(looking(pages))) -> HTMLResponse:
        return _page(pages, who, known_issue(pages, issue_id))

    @router.post("/desk/issues/{issue_id}/correct")
    def correct(
        issue_id: IssueNumber,
        version: int = Form(),
        note: str = Form("", max_length=1000),
        mails: bool = Form(False),
        who: Visitor = Depends(acting(pages, "publisher")),
    ) -> Response:
        issue = known_issue(pages, issue_id)
        try:
            # Readers get the issue while somebody writes the note: only its state may not change.
            if issue.version != version:
                raise WrongState("The issue changed after you opened the page; nothing was done")
            opened = weekly.correct(
                pages.database,
                pages.loaded,
                issue,
                note=note,
                mails=mails,
                by=who.account.address,
                now=pages.now(),
            )
        except IssueError as e:
            again = known_issue(pages, issue_id)
            return _page(pages, who, again, note=note, mails=mails, refusal=e, status=409)
        return go(pages, f"/desk/issues/{opened.id}")

    return router


def _page(
    pages: Pages,
    who: Visitor,
    issue: Issue,
    *,
    note: str = "",
    mails: bool = False,
    refusal: IssueError | None = None,
    status: int = 200,
) -> HTMLResponse:
    return desk_page(
        pages,
        who,
        "desk-correct.html",
        issue.of.newsletter,
        here="issues",
        status=status,
        issue=issue,
        reach=weekly.reach(pages.database, issue),
        note=note,
        mails=mails,
        refusal=refusal,
    )
