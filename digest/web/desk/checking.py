"""What the web says of an issue's mail: where its links lead, and what a spam filter finds."""

from __future__ import annotations

from dataclasses import asdict

from fastapi import APIRouter, Depends, Form
from starlette.responses import Response

from digest import weekly
from digest.web.desk import beside
from digest.web.desk.layout import IssueNumber, go, known_issue
from digest.web.desk.session import Visitor, acting
from digest.web.pages import Pages

KIND = "check"


def doors(pages: Pages) -> APIRouter:
    """Return the route that asks; the issue's page shows how far it is, and what was found."""
    router = APIRouter()

    @router.post("/desk/issues/{issue_id}/check")
    def ask(
        issue_id: IssueNumber,
        version: int = Form(),
        who: Visitor = Depends(acting(pages, "editor")),
    ) -> Response:
        issue, loaded = known_issue(pages, issue_id), pages.loaded

        def work(told: beside.Told) -> object:
            found = weekly.asked_of_the_web(pages.database, loaded, issue, told=told)
            return [asdict(each) for each in found]

        key, asked = issue.of.newsletter, {"version": version}
        beside.begin(pages, who, key, KIND, work, asked=asked, issue=issue.id)
        return go(pages, f"/desk/issues/{issue_id}#asked")

    return router
