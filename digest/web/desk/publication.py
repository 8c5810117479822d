"""One publication: what is known of it, and another one held beside it, to be merged by hand."""

from __future__ import annotations

from fastapi import APIRouter, Depends, Query
from starlette.exceptions import HTTPException
from starlette.responses import HTMLResponse

from digest.store import distinctions, merges, publications, uses
from digest.web.desk.layout import IssueNumber, chosen, desk_page
from digest.web.desk.session import Visitor, looking
from digest.web.pages import Pages

#: Found by words, to be held beside it.
MOST = 20


def doors(pages: Pages) -> APIRouter:
    """Return the route of the page; every account may look."""
    router = APIRouter()

    @router.get("/desk/publications/{number}")
    def publication(
        number: IssueNumber,
        who: Visitor = Depends(looking(pages)),
        newsletter: str = "",
        words: str = Query("", max_length=200),
        beside: int | None = Query(None, ge=1, lt=2**63),
    ) -> HTMLResponse:
        key, asked = chosen(pages, newsletter), " ".join(words.split())
        with pages.database.read() as conn:
            known = publications.by_ids(conn, [number])
            if not known:
                raise HTTPException(404)
            others = publications.by_ids(conn, [beside] if beside and beside != number else ())
            found = publications.search(conn, key, asked, most=MOST + 1) if asked else []
            merged = merges.of(conn, number)
            issues = uses.issues_of(conn, key, number)
            apart = bool(others and distinctions.among(conn, [(number, others[0].id)]))
        return desk_page(
            pages,
            who,
            "desk-publication.html",
            key,
            here="publications",
            one=known[0],
            other=others[0] if others else None,
            apart=apart,
            found=[each for each in found if each.id != number and not each.hidden][:MOST],
            words=asked,
            merged=merged,
            issues=issues,
        )

    return router
