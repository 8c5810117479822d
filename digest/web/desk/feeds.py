"""The feeds of a newsletter: which there are, and how they do."""

from __future__ import annotations

from fastapi import APIRouter, Depends
from starlette.responses import HTMLResponse

from digest.store import feeds
from digest.web.desk.layout import chosen, desk_page
from digest.web.desk.session import Visitor, looking
from digest.web.pages import Pages


def doors(pages: Pages) -> APIRouter:
    """Return the routes of the feeds' pages."""
    router = APIRouter()

    @router.get("/desk/feeds")
    def all_feeds(who: Visitor = Depends(looking(pages)), newsletter: str = "") -> HTMLResponse:
        key = chosen(pages, newsletter)
        with pages.database.read() as conn:
            rows = feeds.listed(conn, key)
        return desk_page(pages, who, "desk-feeds.html", key, here="feeds", rows=rows)

    return router
