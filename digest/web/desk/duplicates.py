"""Publications that may be one: looked at side by side, merged, and taken apart again."""

from __future__ import annotations

from datetime import timedelta

from fastapi import APIRouter, Depends, Form
from starlette.exceptions import HTTPException
from starlette.responses import HTMLResponse, Response

from digest.errors import IssueError
from digest.identity import alike
from digest.store import history, merges, publications
from digest.web.desk.layout import IssueNumber, chosen, desk_page, go
from digest.web.desk.session import Visitor, acting, looking
from digest.web.pages import Pages

#: Looked for among the publications of so long.
SINCE = timedelta(days=60)
#: So many pairs, and so many merges, are shown.
MOST = 40


def doors(pages: Pages) -> APIRouter:
    """Return the routes of the duplicates; merging and undoing take an editor."""
    router = APIRouter()
    editor = Depends(acting(pages, "editor"))

    @router.get("/desk/publications/duplicates")
    def duplicates(who: Visitor = Depends(looking(pages)), newsletter: str = "") -> HTMLResponse:
        return _page(pages, who, chosen(pages, newsletter))

    @router.post("/desk/publications/{number}/merged")
    def merge(
        number: IssueNumber,
        newsletter: str = Form(max_length=64),
        into: int = Form(ge=1, lt=2**63),
        who: Visitor = editor,
    ) -> Response:
        key, by, now = chosen(pages, newsletter), who.account.address, pages.now()
        try:
            with pages.database.write() as conn:
                titles = {each.id: each.title for each in publications.by_ids(conn, [number, into])}
                if len(titles) < 2:
                    raise HTTPException(404)
                merges.merge(conn, number, into=into, now=now, by=by)
                detail = {
                    "before": {"publication": titles[number]},
                    "after": {"merged_into": titles[into]},
                }
                history.record(
                    conn, None, "merged two publications", actor=by, at=now, detail=detail
                )
        except IssueError as e:
            return _page(pages, who, key, refusal=f"{e}. {e.remedy}", status=409)
        return go(pages, f"/desk/publications/duplicates?newsletter={key}")

    @router.post("/desk/publications/{number}/apart")
    def apart(
        number: IssueNumber, newsletter: str = Form(max_length=64), who: Visitor = editor
    ) -> Response:
        key, by, now = chosen(pages, newsletter), who.account.address, pages.now()
        with pages.database.write() as conn:
            known = publications.by_ids(conn, [number])
            if known and merges.undo(conn, number):
                detail = {"after": {"publication": known[0].title}}
                history.record(conn, None, "undid a merge", actor=by, at=now, detail=detail)
        return go(pages, f"/desk/publications/duplicates?newsletter={key}")

    return router


def _page(
    pages: Pages, who: Visitor, newsletter: str, *, refusal: str = "", status: int = 200
) -> HTMLResponse:
    with pages.database.read() as conn:
        recent = publications.candidates(conn, newsletter, since=pages.now() - SINCE)
        merged = merges.latest(conn, newsletter, most=MOST)
    pairs = alike(each for each in recent if not each.hidden)
    return desk_page(
        pages,
        who,
        "desk-duplicates.html",
        newsletter,
        here="publications",
        status=status,
        pairs=pairs[:MOST],
        merged=merged,
        days=SINCE.days,
        refusal=refusal,
    )
