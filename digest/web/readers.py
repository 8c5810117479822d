"""The readers' pages: leaving, coming back, and the past issues. No account, no cookie."""

from __future__ import annotations

import re
from typing import Annotated, Any

from fastapi import APIRouter, Form, Request
from starlette.responses import HTMLResponse, Response

from digest import readership
from digest.errors import NoSuchIssue
from digest.model import Edition, Issue, IssueId, IssueState, Rhythm
from digest.store import issues
from digest.web import choosing, joining, words
from digest.web.files import unchanged_or
from digest.web.pages import Pages

_TOKEN_PAGE = {"x-robots-tag": "noindex"}

#: The edition's own styles and pictures; nothing that runs, frames, or sends.
EDITION_POLICY = (
    "default-src 'none'; style-src 'unsafe-inline'; img-src 'self' https: http:; "
    "form-action 'none'; base-uri 'none'; frame-ancestors 'none'"
)

#: Issues whose edition a reader may have in hand, or is about to.
_PUBLIC = (IssueState.APPROVED, IssueState.SENDING, IssueState.STOPPED, IssueState.FINISHED)

#: What newsletters and issues can be called; a database need not see anything else.
_NAME = re.compile(r"[\w.+-]{1,64}")


def doors(pages: Pages) -> APIRouter:
    """Return the routes that a mail's links lead to."""
    router = APIRouter()
    router.include_router(joining.doors(pages))
    router.include_router(choosing.doors(pages))
    _leaving(router, pages)
    _editions(router, pages)
    return router


# --- leaving ------------------------------------------------------------------------------


def _leaving(router: APIRouter, pages: Pages) -> None:
    """RFC 8058: a POST leaves at once, whatever its body; opening the page does nothing."""

    def ask(token: str) -> HTMLResponse:
        seat = readership.seat(pages.database, pages.loaded, token)
        if seat.left:
            return _left(pages, seat, token)
        action = f"{pages.prefix}/unsubscribe/{token}"
        return _page(pages, "unsubscribe.html", seat.newsletter, action=action)

    def leave(token: str) -> HTMLResponse:
        seat = readership.leave(pages.database, pages.loaded, token, now=pages.now())
        return _left(pages, seat, token)

    def undo(token: str) -> HTMLResponse:
        seat = readership.undo(pages.database, pages.loaded, token, now=pages.now())
        return _page(pages, "subscribed.html", seat.newsletter)

    def why(token: str, reason: Annotated[str, Form()] = "") -> HTMLResponse:
        seat = readership.say_why(pages.database, pages.loaded, token, reason, now=pages.now())
        return _page(pages, "thanked.html", seat.newsletter)

    router.add_api_route("/unsubscribe/{token}/reason", why, methods=["POST"])
    # With and without a slash at the end: a redirect would lose the POST.
    for slash in ("", "/"):
        router.add_api_route(f"/unsubscribe/{{token}}{slash}", ask, methods=["GET", "HEAD"])
        router.add_api_route(f"/unsubscribe/{{token}}{slash}", leave, methods=["POST"])
        router.add_api_route(f"/unsubscribe/{{token}}/undo{slash}", undo, methods=["POST"])


def _left(pages: Pages, seat: readership.Seat, token: str) -> HTMLResponse:
    undo = f"{pages.prefix}/unsubscribe/{token}/undo" if seat.can_return else ""
    why = f"{pages.prefix}/unsubscribe/{token}/reason" if seat.can_return else ""
    return _page(
        pages,
        "unsubscribed.html",
        seat.newsletter,
        undo=undo,
        why=why,
        reasons=readership.REASONS,
    )


def _page(pages: Pages, template: str, newsletter: str, **values: Any) -> HTMLResponse:
    return pages.page(template, newsletter=newsletter, headers=_TOKEN_PAGE, **values)


# --- past issues --------------------------------------------------------------------------


def _editions(router: APIRouter, pages: Pages) -> None:
    @router.api_route("/issues/{newsletter}", methods=["GET", "HEAD"])
    def archive(request: Request, newsletter: str) -> Response:
        settings = pages.newsletter(newsletter)
        if settings is None:
            raise NoSuchIssue(f"no newsletter is called {newsletter}")
        page = pages.page(
            "archive.html",
            newsletter=newsletter,
            issues=[_entry(pages, issue, subject) for issue, subject in _past(pages, newsletter)],
        )
        return unchanged_or(request, bytes(page.body), "text/html", "public, max-age=300")

    @router.api_route("/issues/{newsletter}/{key}", methods=["GET", "HEAD"])
    def edition(request: Request, newsletter: str, key: str) -> Response:
        from digest import render

        issue, edition = _public(pages, newsletter, key)
        waiting = issue.state is IssueState.APPROVED
        cache = "no-store" if waiting else "public, max-age=300"
        answer = unchanged_or(request, render.web(edition).encode(), "text/html", cache)
        answer.headers["content-security-policy"] = EDITION_POLICY
        if waiting:
            answer.headers["x-robots-tag"] = "noindex"
        return answer


def _past(pages: Pages, newsletter: str) -> list[tuple[Issue, str]]:
    """Return the issues that went out and their subjects, newest first."""
    with pages.database.read() as conn:
        return [
            (issue, issues.edition(conn, issue.edition_id).subject)
            for issue in issues.listed(conn, newsletter, states=_PUBLIC)
            if issue.edition_id and issue.frozen_at
        ]


def _entry(pages: Pages, issue: Issue, subject: str) -> dict[str, Any]:
    newsletter = pages.loaded.settings.newsletters[issue.of.newsletter]
    return {
        "stretch": words.stretch(issue.window, newsletter.zone),
        "number": issue.number,
        "headline": subject.removesuffix(f": {newsletter.title}"),
        "address": f"{pages.prefix}/issues/{issue.of.newsletter}/{issue.of.key}",
    }


def _public(pages: Pages, newsletter: str, key: str) -> tuple[Issue, Edition]:
    """Return the issue and its frozen edition; NoSuchIssue while it is not for the public."""
    if not (_NAME.fullmatch(newsletter) and _NAME.fullmatch(key)):
        raise NoSuchIssue("no issue is called that")
    with pages.database.read() as conn:
        for rhythm in Rhythm:
            try:
                issue = issues.find(conn, IssueId(newsletter, rhythm, key))
            except NoSuchIssue:
                continue
            if issue.state in _PUBLIC and issue.edition_id:
                return issue, issues.edition(conn, issue.edition_id)
    raise NoSuchIssue(f"{newsletter} has no issue {key} that went out")
