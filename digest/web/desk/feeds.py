"""The feeds of a newsletter: how they do, switched off and on, added after a look at them."""

from __future__ import annotations

from fastapi import APIRouter, Depends, Form
from pydantic import ValidationError
from starlette.exceptions import HTTPException
from starlette.responses import HTMLResponse, Response

from digest import intake
from digest.errors import FeedError
from digest.model import Parsed
from digest.model.settings import FeedSettings
from digest.store import feeds
from digest.web.desk.layout import IssueNumber, chosen, desk_page, go, is_web_address
from digest.web.desk.session import Visitor, acting, logged, looking
from digest.web.pages import Pages
from digest.web.words import without_secret

#: So many entries of a feed are shown before it is added.
GLANCE = 8


def doors(pages: Pages) -> APIRouter:
    """Return the routes of the feeds' pages; every change takes an admin."""
    router = APIRouter()
    admin = Depends(acting(pages, "admin"))

    @router.get("/desk/feeds")
    def all_feeds(who: Visitor = Depends(looking(pages)), newsletter: str = "") -> HTMLResponse:
        return _page(pages, who, chosen(pages, newsletter))

    @router.post("/desk/feeds")
    def add(
        newsletter: str = Form(max_length=64),
        url: str = Form(max_length=2000),
        sure: bool = Form(False),
        who: Visitor = admin,
    ) -> Response:
        key = chosen(pages, newsletter)
        try:
            settings = web_feed(url)
            if not sure:
                held = intake.look(pages.loaded, key, settings, now=pages.now())
                return _page(pages, who, key, url=settings.url, held=held)
            log = logged(pages, who, "added a feed", after=_named(settings.url))
            intake.add_feed(pages.database, pages.loaded, key, settings, now=pages.now(), log=log)
        except FeedError as e:
            refusal = f"{without_secret(str(e))}. {e.remedy}".rstrip()
            return _page(pages, who, key, url=url, refusal=refusal, status=422)
        return go(pages, f"/desk/feeds?newsletter={key}")

    @router.post("/desk/feeds/{number}")
    def switch(
        number: IssueNumber,
        newsletter: str = Form(max_length=64),
        enabled: bool = Form(),
        who: Visitor = admin,
    ) -> Response:
        key = chosen(pages, newsletter)
        with pages.database.write() as conn:
            known = [each for each in feeds.listed(conn, key) if each.id == number]
            if not known:
                raise HTTPException(404)
            feeds.switch(conn, number, enabled=enabled, now=pages.now())
            what = f"switched a feed {'on' if enabled else 'off'}"
            logged(pages, who, what, after=_named(known[0].url))(conn)
        return go(pages, f"/desk/feeds?newsletter={key}")

    return router


def _named(url: str) -> dict[str, str]:
    return {"feed": without_secret(url)}


def web_feed(url: str) -> FeedSettings:
    """Return the settings of a feed on the web; FeedError for anything else, as files of ours."""
    url = url.strip()
    if not is_web_address(url):
        raise FeedError(
            f"{url or 'nothing'} is no web address",
            remedy="It begins with https://; files are named in config.yaml.",
        )
    try:
        return FeedSettings(url=url)
    except ValidationError as e:
        raise FeedError(f"{url} cannot be a feed: {e.errors()[0]['msg']}") from None


def _page(
    pages: Pages,
    who: Visitor,
    newsletter: str,
    *,
    url: str = "",
    held: Parsed | None = None,
    refusal: str = "",
    status: int = 200,
) -> HTMLResponse:
    with pages.database.read() as conn:
        rows = feeds.listed(conn, newsletter)
        counts = feeds.counts(conn)
        refused = {feed.id: feeds.refused(conn, feed.id) for feed in rows}
    return desk_page(
        pages,
        who,
        "desk-feeds.html",
        newsletter,
        here="feeds",
        status=status,
        rows=rows,
        counts=counts,
        refused=refused,
        url=url,
        held=held,
        glance=GLANCE,
        refusal=refusal,
    )
