"""The publications: found by words, hidden and shown again, rewritten, added by hand."""

from __future__ import annotations

from dataclasses import replace
from datetime import date, datetime, time

from fastapi import APIRouter, Depends, Form, Query, Request
from starlette.exceptions import HTTPException
from starlette.responses import HTMLResponse, Response

from digest import intake
from digest.model import Publication
from digest.model.publication import Entry
from digest.render.plain import plain
from digest.store import publications
from digest.web.desk.layout import IssueNumber, chosen, desk_page, go, is_web_address
from digest.web.desk.session import Visitor, acting, logged, looking
from digest.web.pages import Pages

#: Publications on a page.
PAGE = 40


def doors(pages: Pages) -> APIRouter:
    """Return the routes of the publications; changing one takes an editor."""
    router = APIRouter()
    editor = Depends(acting(pages, "editor"))

    @router.get("/desk/publications")
    def found(
        who: Visitor = Depends(looking(pages)),
        newsletter: str = "",
        words: str = Query("", max_length=200),
        after: int | None = Query(None, ge=1, lt=2**63),
    ) -> HTMLResponse:
        return _page(pages, who, newsletter, words=" ".join(words.split()), after=after)

    @router.post("/desk/publications")
    def add(
        newsletter: str = Form(max_length=64),
        title: str = Form(max_length=300),
        link: str = Form("", max_length=2000),
        summary: str = Form("", max_length=2000),
        kind: str = Form("", max_length=60),
        on: str = Form("", max_length=10),
        begins: str = Form("", max_length=20),
        who: Visitor = editor,
    ) -> Response:
        key = chosen(pages, newsletter)
        try:
            written = entry(pages, key, title, link, summary, kind, on)
            written = replace(written, starts_at=_beginning(pages, key, begins))
        except ValueError as e:
            return _page(pages, who, key, refusal=str(e), status=422)
        log = logged(pages, who, "wrote in", after={"newsletter": key, "title": written.title})
        read = intake.write_in(pages.database, key, [written], now=pages.now(), log=log)
        if read.refused:
            return _page(pages, who, key, refusal=read.refused[0].why, status=422)
        return go(pages, f"/desk/publications?newsletter={key}")

    @router.post("/desk/publications/{number}/hidden")
    def hide(
        number: IssueNumber, hidden: bool = Form(), words: str = Form(""), who: Visitor = editor
    ) -> Response:
        one = _known(pages, number)
        with pages.database.write() as conn:
            publications.hide(conn, number, hidden=hidden)
            logged(pages, who, "hid" if hidden else "showed", after={"title": one.title})(conn)
        return go(pages, f"/desk/publications?{_query(words)}#publication-{number}")

    @router.post("/desk/publications/{number}")
    def rewrite(
        number: IssueNumber,
        title: str = Form(max_length=300),
        summary: str = Form("", max_length=2000),
        kind: str = Form("", max_length=60),
        link: str = Form("", max_length=2000),
        words: str = Form(""),
        sent: frozenset[str] = Depends(_sent),
        who: Visitor = editor,
    ) -> Response:
        one = _known(pages, number)
        told: dict[str, str | None] = {"title": plain(title), "summary": plain(summary)}
        try:
            told |= {"kind": plain(kind), "link": _address(link)}
        except ValueError as e:
            raise HTTPException(422, str(e)) from e
        was = {name: getattr(one, name) for name in told}
        changed = {name: told[name] for name in told if name in sent and told[name] != was[name]}
        if not told["title"]:
            raise HTTPException(422, "A publication needs a title.")
        if changed:
            with pages.database.write() as conn:
                publications.edit(conn, number, **changed)
                before = {name: was[name] for name in changed}
                logged(pages, who, "rewrote", before=before, after=changed)(conn)
        return go(pages, f"/desk/publications?{_query(words)}#publication-{number}")

    return router


async def _sent(request: Request) -> frozenset[str]:
    """Return which fields came: of an emptied one FastAPI says that it did not."""
    return frozenset(await request.form())


def _query(words: str) -> str:
    from urllib.parse import urlencode

    return urlencode({"words": words}) if words else ""


def entry(
    pages: Pages, newsletter_key: str, title: str, link: str, summary: str, kind: str, on: str
) -> Entry:
    """Return what the form says as an entry; ValueError, for a person, if it cannot be one."""
    if not plain(title):
        raise ValueError("A publication needs a title.")
    address = _address(link)
    zone = pages.loaded.settings.newsletters[newsletter_key].zone
    try:
        day = date.fromisoformat(on) if on else pages.now().astimezone(zone).date()
    except ValueError:
        raise ValueError(f"{on} is no day of the calendar.") from None
    return Entry(
        title=plain(title),
        summary=plain(summary),
        kind=plain(kind),
        link=address,
        published_at=datetime.combine(day, time(), zone),
        day_only=True,
    )


def _address(link: str) -> str | None:
    """Return the link that a form says, None for an empty field; ValueError for another text."""
    link = link.strip()
    if link and not is_web_address(link):
        raise ValueError(f"{link} is no web address: it begins with https://")
    return link or None


def _beginning(pages: Pages, newsletter_key: str, begins: str) -> datetime | None:
    """Return when an event begins, told in the newsletter's local time; None for no event."""
    try:
        at = datetime.fromisoformat(begins) if begins else None
    except ValueError:
        raise ValueError(f"{begins} is no day and hour.") from None
    return at and at.replace(tzinfo=pages.loaded.settings.newsletters[newsletter_key].zone)


def _page(
    pages: Pages,
    who: Visitor,
    newsletter: str,
    *,
    words: str = "",
    after: int | None = None,
    refusal: str = "",
    status: int = 200,
) -> HTMLResponse:
    key = chosen(pages, newsletter)
    with pages.database.read() as conn:
        found = publications.search(conn, key, words, after=after, most=PAGE + 1)
    return desk_page(
        pages,
        who,
        "desk-publications.html",
        key,
        here="publications",
        status=status,
        rows=found[:PAGE],
        more=len(found) > PAGE,
        words=words,
        refusal=refusal,
    )


def _known(pages: Pages, number: int) -> Publication:
    with pages.database.read() as conn:
        found = publications.by_ids(conn, [number])
    if not found:
        raise HTTPException(404)
    return found[0]
