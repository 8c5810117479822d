"""The desk: what goes out this week, why, and the buttons that decide it."""

from __future__ import annotations

from collections.abc import Callable
from typing import Annotated, Any
from urllib.parse import quote

from fastapi import APIRouter, Depends, FastAPI, Form, Path, Request
from starlette.exceptions import HTTPException
from starlette.responses import HTMLResponse, RedirectResponse, Response

from digest import staff, weekly
from digest.errors import Held, IssueError, NoSuchIssue, TemplateError, WrongState
from digest.model import Issue
from digest.render.plain import plain
from digest.store import feeds, issues, ledger
from digest.web import board, preview
from digest.web.pages import Pages, told
from digest.web.session import (
    COOKIE,
    SignInNeeded,
    Visitor,
    acting,
    forget,
    looking,
    refuse_foreign,
    remember,
)

#: A row number as both databases can hold it.
IssueNumber = Annotated[int, Path(ge=1, lt=2**63)]


def doors(pages: Pages) -> APIRouter:
    """Return the routes of the desk; all but the sign-in take an account."""
    router = APIRouter()
    _sign_in(router, pages)
    _boards(router, pages)
    _previews(router, pages)
    _decisions(router, pages)
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


def go(pages: Pages, path: str) -> Response:
    """Send the browser there with GET."""
    return RedirectResponse(f"{pages.prefix}{path}", status_code=303)


# --- coming and going ---------------------------------------------------------------------


def _sign_in(router: APIRouter, pages: Pages) -> None:
    hidden = {"x-robots-tag": "noindex"}

    @router.get("/sign-in")
    def how() -> HTMLResponse:
        return pages.page("sign-in-how.html", headers=hidden)

    @router.api_route("/sign-in/{token}", methods=["GET", "HEAD"])
    def ask(token: str) -> HTMLResponse:
        # Mail scanners open links: only the button's POST uses this one up.
        action = f"{pages.prefix}/sign-in/{quote(token, safe='')}"
        return pages.page("sign-in.html", headers=hidden, action=action)

    @router.post("/sign-in/{token}")
    def sign_in(request: Request, token: str) -> Response:
        refuse_foreign(request)
        secret = staff.sign_in(pages.database, token, now=pages.now())
        response = go(pages, "/")
        remember(pages, response, secret, seconds=staff.SESSION_SECONDS)
        return response

    @router.post("/sign-out")
    def sign_out(request: Request, _who: Visitor = Depends(acting(pages, "viewer"))) -> Response:
        staff.sign_out(pages.database, request.cookies[COOKIE])
        response = go(pages, "/sign-in")
        forget(pages, response)
        return response


# --- boards and lists ---------------------------------------------------------------------


def _boards(router: APIRouter, pages: Pages) -> None:
    seen = Depends(looking(pages))

    @router.get("/")
    def this_week(who: Visitor = seen, newsletter: str = "") -> HTMLResponse:
        key = chosen(pages, newsletter)
        issue = weekly.open_issue(pages.database, key)
        if issue is None:
            return desk_page(pages, who, "desk-empty.html", key, here="week")
        return board_page(pages, who, issue, here="week")

    @router.get("/desk/issues")
    def all_issues(who: Visitor = seen, newsletter: str = "") -> HTMLResponse:
        key = chosen(pages, newsletter)
        with pages.database.read() as conn:
            rows = [
                {
                    "issue": issue,
                    "subject": recap.subject
                    if (recap := issues.draft(conn, issue.id).recap)
                    else "",
                    "tally": ledger.tally(conn, issue.id) if issue.frozen_at else None,
                }
                for issue in issues.listed(conn, key)
            ]
        return desk_page(pages, who, "desk-issues.html", key, here="issues", rows=rows)

    @router.get("/desk/issues/{issue_id}")
    def one_issue(issue_id: IssueNumber, who: Visitor = seen) -> HTMLResponse:
        return board_page(pages, who, known_issue(pages, issue_id), here="issues")

    @router.get("/desk/feeds")
    def all_feeds(who: Visitor = seen, newsletter: str = "") -> HTMLResponse:
        key = chosen(pages, newsletter)
        with pages.database.read() as conn:
            rows = feeds.listed(conn, key)
        return desk_page(pages, who, "desk-feeds.html", key, here="feeds", rows=rows)


def chosen(pages: Pages, key: str) -> str:
    """Return the newsletter that was asked for; the first one where none was."""
    known = pages.loaded.settings.newsletters
    if key and key not in known:
        raise HTTPException(404)
    return key or next(iter(known))


def known_issue(pages: Pages, issue_id: int) -> Issue:
    """Return the issue; NoSuchIssue if there is none, or its newsletter is not ours any more."""
    with pages.database.read() as conn:
        issue = issues.by_id(conn, issue_id)
    if pages.newsletter(issue.of.newsletter) is None:
        raise NoSuchIssue(f"{issue.of.newsletter} is not in the configuration any more")
    return issue


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
        refusal=refusal,
        blocking=len(refusal.reasons) if isinstance(refusal, Held) else 0,
    )


def desk_page(
    pages: Pages,
    who: Visitor,
    template: str,
    newsletter: str,
    *,
    here: str,
    status: int = 200,
    **values: Any,
) -> HTMLResponse:
    """Return a page of the desk of *newsletter*, under the entry *here* of the menu."""
    settings = pages.loaded.settings.newsletters
    return pages.page(
        template,
        newsletter=newsletter,
        status=status,
        headers={"x-robots-tag": "noindex"},
        who=who,
        here=here,
        newsletters={key: each.title for key, each in settings.items()},
        zone=settings[newsletter].zone,
        now=pages.now(),
        **values,
    )


# --- previews -----------------------------------------------------------------------------


def _previews(router: APIRouter, pages: Pages) -> None:
    seen = Depends(looking(pages))

    @router.get("/desk/issues/{issue_id}/preview")
    def look(issue_id: IssueNumber, view: str = "desktop", who: Visitor = seen) -> HTMLResponse:
        issue = known_issue(pages, issue_id)
        mail = preview.mail(pages.database, pages.loaded, issue)
        return desk_page(
            pages,
            who,
            "desk-preview.html",
            issue.of.newsletter,
            here="issues",
            issue=issue,
            mail=mail,
            view=preview.view(view),
            views=preview.VIEWS,
        )

    @router.get("/desk/issues/{issue_id}/mail")
    def framed(issue_id: IssueNumber, scheme: str = "light", _who: Visitor = seen) -> HTMLResponse:
        mail = preview.mail(pages.database, pages.loaded, known_issue(pages, issue_id))
        headers = {
            "content-security-policy": preview.MAIL_POLICY,
            "x-frame-options": "SAMEORIGIN",
            "x-robots-tag": "noindex",
        }
        return HTMLResponse(preview.in_scheme(mail.html, scheme), headers=headers)


# --- decisions ----------------------------------------------------------------------------


def _decisions(router: APIRouter, pages: Pages) -> None:
    editing = Depends(acting(pages, "editor"))
    publishing = Depends(acting(pages, "publisher"))

    @router.post("/desk/issues/{issue_id}/approve")
    def approve(
        issue_id: IssueNumber, version: int = Form(), who: Visitor = publishing
    ) -> Response:
        def step(issue: Issue) -> None:
            weekly.approve(
                pages.database, pages.loaded, issue, by=who.account.address, now=pages.now()
            )

        return decided(pages, who, issue_id, version, step)

    @router.post("/desk/issues/{issue_id}/hold")
    def hold(
        issue_id: IssueNumber,
        version: int = Form(),
        reason: str = Form("", max_length=500),
        who: Visitor = editing,
    ) -> Response:
        by = who.account.address
        said = plain(" ".join(reason.split())) or f"Held by {by}."

        def step(issue: Issue) -> None:
            weekly.hold(pages.database, issue, by=by, reasons=(said,), now=pages.now())

        return decided(pages, who, issue_id, version, step)

    @router.post("/desk/issues/{issue_id}/release")
    def release(
        issue_id: IssueNumber, version: int = Form(), who: Visitor = publishing
    ) -> Response:
        def step(issue: Issue) -> None:
            weekly.release(pages.database, issue, by=who.account.address, now=pages.now())

        return decided(pages, who, issue_id, version, step)


def decided(
    pages: Pages, who: Visitor, issue_id: int, version: int, step: Callable[[Issue], None]
) -> Response:
    """Take *step* if the issue is still the one the page showed, and go back to its page."""
    issue = known_issue(pages, issue_id)
    try:
        if issue.version != version:
            raise WrongState(
                "The issue changed after you opened the page; nothing was done",
                remedy="This is how it stands now. Look again, then decide.",
            )
        step(issue)
    except IssueError as e:
        return board_page(
            pages, who, known_issue(pages, issue_id), here="issues", status=409, refusal=e
        )
    return go(pages, f"/desk/issues/{issue_id}")
