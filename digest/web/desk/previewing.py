"""The pages that show an issue's mail."""

from __future__ import annotations

from fastapi import APIRouter, Depends
from starlette.responses import HTMLResponse

from digest.web.desk import preview
from digest.web.desk.layout import IssueNumber, desk_page, known_issue
from digest.web.desk.session import Visitor, looking
from digest.web.pages import Pages


def doors(pages: Pages) -> APIRouter:
    """Return the routes of the preview and of the frame in it."""
    router = APIRouter()
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

    return router
