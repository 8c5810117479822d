"""The decisions about an issue: approve, hold, release, pause, go on, cancel, send again."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime
from typing import Literal

from fastapi import APIRouter, Depends, Form
from starlette.responses import HTMLResponse, Response

from digest import delivery, weekly
from digest.errors import IssueError, WrongState
from digest.model import DeliveryState, Issue
from digest.render.plain import plain
from digest.web.desk import board
from digest.web.desk.layout import IssueNumber, desk_page, go, known_issue
from digest.web.desk.session import Visitor, acting, looking
from digest.web.desk.weeks import board_page
from digest.web.pages import Pages

#: Takes the issue, who decides, and the present instant.
Step = Callable[[Issue, str, datetime], object]


def doors(pages: Pages) -> APIRouter:
    """Return the routes of the decisions; each is a form that names the version it saw."""
    router = APIRouter()
    for action, step in steps(pages).items():
        _door(router, pages, action, step)
    _doors_that_ask(router, pages)
    _asking(router, pages)
    return router


def steps(pages: Pages) -> dict[str, Step]:
    """Return the decisions that take a publisher and nothing but a click, by name."""
    database = pages.database

    def approve(issue: Issue, by: str, now: datetime) -> object:
        return weekly.approve(database, pages.loaded, issue, by=by, now=now)

    def release(issue: Issue, by: str, now: datetime) -> object:
        return weekly.release(database, issue, by=by, now=now)

    def pause(issue: Issue, by: str, now: datetime) -> object:
        return weekly.pause(database, issue, by=by, now=now, reason=f"Paused by {by}.")

    def resume(issue: Issue, by: str, now: datetime) -> object:
        return weekly.resume(database, issue, by=by, now=now)

    def cancel(issue: Issue, by: str, now: datetime) -> object:
        return weekly.cancel(database, issue, by=by, now=now, reason=f"Cancelled by {by}.")

    return {
        "approve": approve,
        "release": release,
        "pause": pause,
        "resume": resume,
        "cancel": cancel,
    }


def holding(pages: Pages, reason: str) -> Step:
    """Return the decision to hold the issue, for a *reason* in somebody's words or for none."""

    def step(issue: Issue, by: str, now: datetime) -> object:
        said = plain(reason) or f"Held by {by}."
        return weekly.hold(pages.database, issue, by=by, reasons=(said,), now=now)

    return step


def _door(router: APIRouter, pages: Pages, action: str, step: Step) -> None:
    @router.post(f"/desk/issues/{{issue_id}}/{action}")
    def decide(
        issue_id: IssueNumber,
        version: int = Form(),
        who: Visitor = Depends(acting(pages, "publisher")),
    ) -> Response:
        return decided(pages, who, issue_id, version, step)


def _doors_that_ask(router: APIRouter, pages: Pages) -> None:
    @router.post("/desk/issues/{issue_id}/hold")
    def hold(
        issue_id: IssueNumber,
        version: int = Form(),
        reason: str = Form("", max_length=500),
        who: Visitor = Depends(acting(pages, "editor")),
    ) -> Response:
        return decided(pages, who, issue_id, version, holding(pages, reason))

    @router.post("/desk/issues/{issue_id}/resend")
    def resend(
        issue_id: IssueNumber,
        version: int = Form(),
        whom: Literal["uncertain", "failed"] = Form(),
        who: Visitor = Depends(acting(pages, "publisher")),
    ) -> Response:
        def step(issue: Issue, by: str, now: datetime) -> object:
            return delivery.resend(pages.database, issue.id, DeliveryState(whom), now=now, actor=by)

        return decided(pages, who, issue_id, version, step)


def _asking(router: APIRouter, pages: Pages) -> None:
    """Add the pages that mails to editors lead to: opening one decides nothing."""

    @router.get("/desk/issues/{issue_id}/decide/{action}")
    def asked(
        issue_id: IssueNumber,
        action: Literal["approve", "hold", "release"],
        who: Visitor = Depends(looking(pages)),
    ) -> HTMLResponse:
        issue = known_issue(pages, issue_id)
        shown = board.gather(pages.database, pages.loaded, issue, now=pages.now())
        return desk_page(
            pages,
            who,
            "desk-decide.html",
            issue.of.newsletter,
            here="issues",
            issue=issue,
            board=shown,
            recap=shown.draft.recap,
            act=next((act for act in shown.acts if act.action == action), None),
            name={"approve": "Approving", "hold": "Holding", "release": "Releasing"}[action],
        )


def decided(pages: Pages, who: Visitor, issue_id: int, version: int, step: Step) -> Response:
    """Take *step* if the issue is still the one the page showed, and go back to its page."""
    issue = known_issue(pages, issue_id)
    try:
        if issue.version != version:
            raise WrongState(
                "The issue changed after you opened the page; nothing was done",
                remedy="This is how it stands now. Look again, then decide.",
            )
        step(issue, who.account.address, pages.now())
    except IssueError as e:
        return board_page(
            pages, who, known_issue(pages, issue_id), here="issues", status=409, refusal=e
        )
    return go(pages, f"/desk/issues/{issue_id}")
