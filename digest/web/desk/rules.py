"""What past weeks suggest, and what was decided about it."""

from __future__ import annotations

from fastapi import APIRouter, Depends, Form
from starlette.responses import HTMLResponse, Response

from digest import weekly
from digest.errors import DigestError
from digest.web.desk.layout import chosen, desk_page, go
from digest.web.desk.session import Visitor, acting, looking
from digest.web.pages import Pages


def doors(pages: Pages) -> APIRouter:
    """Return the routes of the proposals; answering one takes a publisher."""
    router = APIRouter()
    publisher = Depends(acting(pages, "publisher"))

    @router.get("/desk/rules")
    def rules(who: Visitor = Depends(looking(pages)), newsletter: str = "") -> HTMLResponse:
        return _page(pages, who, newsletter)

    @router.post("/desk/rules")
    def answer(
        newsletter: str = Form(max_length=64),
        proposal: str = Form(max_length=1000),
        accept: bool = Form(),
        who: Visitor = publisher,
    ) -> Response:
        key, by, now = chosen(pages, newsletter), who.account.address, pages.now()
        try:
            weekly.answer(
                pages.database, pages.loaded, key, proposal, accept=accept, by=by, now=now
            )
        except DigestError as e:
            return _page(pages, who, key, refusal=f"{e}. {e.remedy}", status=409)
        return go(pages, f"/desk/rules?newsletter={key}")

    @router.post("/desk/rules/back")
    def back(
        newsletter: str = Form(max_length=64),
        proposal: str = Form(max_length=1000),
        who: Visitor = publisher,
    ) -> Response:
        key = chosen(pages, newsletter)
        by, now = who.account.address, pages.now()
        weekly.take_back(pages.database, key, proposal, by=by, now=now)
        return go(pages, f"/desk/rules?newsletter={key}")

    return router


def _page(
    pages: Pages, who: Visitor, newsletter: str, *, refusal: str = "", status: int = 200
) -> HTMLResponse:
    key = chosen(pages, newsletter)
    waiting, answered = weekly.proposals(pages.database, pages.loaded, key)
    return desk_page(
        pages,
        who,
        "desk-rules.html",
        key,
        here="rules",
        status=status,
        proposals=waiting,
        decisions=answered,
        refusal=refusal,
    )
