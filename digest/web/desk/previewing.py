"""The pages that show an issue's mail, and the test that is sent of it."""

from __future__ import annotations

from typing import Literal

from fastapi import APIRouter, Depends, Form
from starlette.responses import HTMLResponse, Response

from digest import weekly
from digest.model import Issue
from digest.store import history, outbox
from digest.web.desk import preview
from digest.web.desk.layout import IssueNumber, desk_page, go, known_issue
from digest.web.desk.preview import Mail
from digest.web.desk.session import Visitor, acting, looking
from digest.web.pages import Pages

#: So many of the last tests are shown.
TESTS = 5


def doors(pages: Pages) -> APIRouter:
    """Return the routes of the preview, of the frame in it, and of the test mail."""
    router = APIRouter()
    seen = Depends(looking(pages))

    @router.get("/desk/issues/{issue_id}/preview")
    def look(
        issue_id: IssueNumber, view: str = "desktop", topics: str = "", who: Visitor = seen
    ) -> HTMLResponse:
        issue = known_issue(pages, issue_id)
        chosen = _topics(pages, issue, topics)
        mail = _mail(pages, issue, chosen)
        if issue.state in weekly.OPEN:
            by = who.account.address
            weekly.seen(pages.database, pages.loaded, issue, by=by, now=pages.now())
        with pages.database.read() as conn:
            tests = outbox.latest(conn, weekly.test_key(issue), most=TESTS)
        return desk_page(
            pages,
            who,
            "desk-preview.html",
            issue.of.newsletter,
            here="issues",
            issue=issue,
            mail=mail,
            view=preview.view(view),
            views=(preview.SIDE_BY_SIDE, *preview.VIEWS),
            together=preview.together(),
            clips_at=f"{preview.CLIPPED_BYTES // 1024} KB",
            editors=pages.loaded.settings.newsletters[issue.of.newsletter].editors,
            tests=tests,
            topics=", ".join(chosen),
            sets=[", ".join(each) for each in weekly.sets(pages.database, issue)],
        )

    @router.get("/desk/issues/{issue_id}/mail")
    def framed(
        issue_id: IssueNumber,
        scheme: str = "light",
        pictures: Literal["on", "off"] = "on",
        clipped: Literal["on", "off"] = "off",
        topics: str = "",
        _who: Visitor = seen,
    ) -> HTMLResponse:
        issue = known_issue(pages, issue_id)
        mail = _mail(pages, issue, _topics(pages, issue, topics))
        headers = {
            "content-security-policy": (
                preview.MAIL_POLICY if pictures == "on" else preview.WITHOUT_PICTURES
            ),
            "x-frame-options": "SAMEORIGIN",
            "x-robots-tag": "noindex",
        }
        html = mail.clipped if clipped == "on" else mail.html
        return HTMLResponse(preview.in_scheme(html, scheme), headers=headers)

    @router.post("/desk/issues/{issue_id}/test")
    def test(
        issue_id: IssueNumber,
        to: Literal["me", "editors"] = Form(),
        who: Visitor = Depends(acting(pages, "editor")),
    ) -> Response:
        issue, me = known_issue(pages, issue_id), who.account.address
        editors = pages.loaded.settings.newsletters[issue.of.newsletter].editors
        addresses = list(editors) if to == "editors" else [me]
        now, told = pages.now(), {"to": addresses}
        log = history.entry("tested", actor=me, at=now, detail=told, issue_id=issue.id)
        weekly.post_test(pages.database, pages.loaded, issue, addresses, now=now, log=log)
        return go(pages, f"/desk/issues/{issue_id}/preview#tests")

    return router


def _mail(pages: Pages, issue: Issue, topics: tuple[str, ...]) -> Mail:
    return preview.mail(pages.database, pages.loaded, issue, topics, now=pages.now())


def _topics(pages: Pages, issue: Issue, named: str) -> tuple[str, ...]:
    """Return the topics of a page's address, with commas between; IssueError for unknown ones."""
    return weekly.offered(pages.loaded.settings.newsletters[issue.of.newsletter], named)
