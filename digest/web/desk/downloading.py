"""An issue's report to take away: its sums as JSON, and a line for each reader as CSV."""

from __future__ import annotations

import io
from collections.abc import Iterator
from tempfile import SpooledTemporaryFile
from typing import Any

from fastapi import APIRouter, Depends
from fastapi.encoders import jsonable_encoder
from starlette.exceptions import HTTPException
from starlette.responses import JSONResponse, StreamingResponse

from digest import report
from digest.model import Issue
from digest.store import history, ledger
from digest.web.desk.layout import IssueNumber, known_issue
from digest.web.desk.session import Visitor, looking
from digest.web.pages import Pages

#: So many bytes are written to memory before a file is.
_IN_MEMORY = 2_000_000
_PIECE = 64 * 1024


def doors(pages: Pages) -> APIRouter:
    """Return the routes of the report; one with addresses takes a publisher, and is logged."""
    router = APIRouter()
    seen = Depends(looking(pages))

    @router.get("/desk/issues/{issue_id}/report.json")
    def sums(issue_id: IssueNumber, _who: Visitor = seen) -> JSONResponse:
        issue = _frozen(pages, issue_id)
        told = jsonable_encoder(report.facts(report.of(pages.database, issue.id)))
        return JSONResponse(told, headers=_attached(issue, "json"))

    @router.get("/desk/issues/{issue_id}/report.csv")
    def lines(issue_id: IssueNumber, who: Visitor = seen) -> StreamingResponse:
        if not who.may("publisher"):
            raise HTTPException(403, "Readers’ addresses are for publishers and admins.")
        issue = _frozen(pages, issue_id)
        with pages.database.read() as conn:
            kept = ledger.summary(conn, issue.id)
        if kept is not None:
            raise HTTPException(
                404, f"This ledger was put away. Its lines are in var/ledgers/{kept.file} now."
            )
        file = _written(pages, issue)
        with pages.database.write() as conn:
            by = who.account.address
            history.record(conn, issue.id, "took the report", actor=by, at=pages.now(), detail={})
        headers = _attached(issue, "csv") | {"cache-control": "no-store"}
        return StreamingResponse(_pieces(file), media_type="text/csv", headers=headers)

    return router


def _frozen(pages: Pages, issue_id: int) -> Issue:
    issue = known_issue(pages, issue_id)
    if issue.frozen_at is None:
        raise HTTPException(404, "Nothing of this issue was sent yet.")
    return issue


def _attached(issue: Issue, ending: str) -> dict[str, str]:
    name = f"{issue.of.newsletter}-{issue.of.key}.{ending}"
    return {"content-disposition": f'attachment; filename="{name}"', "x-robots-tag": "noindex"}


def _written(pages: Pages, issue: Issue) -> Any:
    # Whole before the first byte leaves: the database is not held by a slow reader's line.
    file = SpooledTemporaryFile(_IN_MEMORY)  # noqa: SIM115 - closed by `_pieces`
    words = io.TextIOWrapper(file, encoding="utf-8", newline="", write_through=True)
    report.write_csv(pages.database, issue.id, words)
    words.detach()
    file.seek(0)
    return file


def _pieces(file: Any) -> Iterator[bytes]:
    with file:
        while piece := file.read(_PIECE):
            yield piece
