"""The archive's lists: issues by year, topics, what is on a topic, what a search finds."""

from __future__ import annotations

import re
from datetime import datetime
from typing import Any

from fastapi import APIRouter, Request
from starlette.responses import RedirectResponse, Response

from digest.errors import NoSuchIssue
from digest.identity import topic_key
from digest.render import dates
from digest.render.plain import plain
from digest.store import archive
from digest.web.archive.shelf import CACHE, Shelf, refuse_unnameable, shelf, title
from digest.web.files import unchanged_or
from digest.web.pages import Pages

#: Entries on a page.
PAGE = 20
#: More topics than that say nothing to a reader.
MOST_TOPICS = 200
#: A question is never longer.
_LONGEST_QUESTION = 200


def doors(pages: Pages) -> APIRouter:
    """Return the routes of the lists."""
    router = APIRouter()
    _issues(router, pages)
    _topics(router, pages)
    _search(router, pages)
    return router


# --- issues by year -----------------------------------------------------------------------


def _issues(router: APIRouter, pages: Pages) -> None:
    @router.api_route("/issues/{newsletter}", methods=["GET", "HEAD"])
    def issues(request: Request, newsletter: str, year: str = "") -> Response:
        its = shelf(pages, newsletter)
        with pages.database.read() as conn:
            span = archive.spans(conn, newsletter)
            years = _years(its, span) if span else []
            if year and year not in years:
                raise NoSuchIssue(f"{newsletter} has no issue of {year}")
            listed = archive.sent(conn, newsletter, **_within(its, year))
        return _page(
            request,
            pages,
            its,
            "archive.html",
            canonical=its.address(year=year),
            year=year,
            years=[{"name": each, "href": its.path(year=each)} for each in years],
            issues=[_listed(its, one) for one in listed],
        )


def _years(its: Shelf, span: tuple[datetime, datetime]) -> list[str]:
    first, last = (end.astimezone(its.settings.zone).year for end in span)
    return [str(year) for year in range(last, first - 1, -1)]


def _within(its: Shelf, year: str) -> dict[str, Any]:
    """Return which issues a page lists: those of its year, or else the newest."""
    if not year:
        return {"limit": PAGE}
    begins = (datetime(int(year) + n, 1, 1, tzinfo=its.settings.zone) for n in (0, 1))
    return dict(zip(("closed_since", "closed_before"), begins, strict=True))


def _listed(its: Shelf, one: archive.Sent) -> dict[str, Any]:
    return {
        "stretch": dates.span(one.window, its.settings.zone, its.words.tag),
        "number": one.number,
        "headline": title(one, its.settings),
        "lead": one.lead,
        "href": its.path(issue=one.key),
        "note": its.note(one),
    }


# --- topics -------------------------------------------------------------------------------


def _topics(router: APIRouter, pages: Pages) -> None:
    @router.api_route("/topics/{newsletter}", methods=["GET", "HEAD"])
    def topics(request: Request, newsletter: str) -> Response:
        its = shelf(pages, newsletter)
        with pages.database.read() as conn:
            told = archive.topics(
                conn, newsletter, without=its.view.without_topics, limit=MOST_TOPICS
            )
        named = sorted(told, key=lambda one: one.name.casefold())
        return _page(
            request,
            pages,
            its,
            "archive-topics.html",
            canonical=its.address(part="topics"),
            topics=[
                {"name": one.name, "issues": one.issues, "href": its.path(topic=one.key)}
                for one in named
            ],
        )

    @router.api_route("/topics/{newsletter}/{topic}", methods=["GET", "HEAD"])
    def on_topic(request: Request, newsletter: str, topic: str, before: str = "") -> Response:
        refuse_unnameable(newsletter)
        its, key = shelf(pages, newsletter), topic_key(topic[:_LONGEST_QUESTION])
        if key and key != topic:
            # A topic as a feed writes it leads to its page too.
            return RedirectResponse(its.path(topic=key), status_code=308)
        name, entries = on(pages, its, key, before=_number(before))
        return _page(
            request,
            pages,
            its,
            "archive-topic.html",
            canonical=its.address(topic=key, before=before),
            topic=name,
            key=key,
            entries=[its.entry(one, topic=key) for one in entries[:PAGE]],
            older=_older(its, entries, topic=key),
            newest=its.path(topic=key) if before else "",
        )


def on(
    pages: Pages, its: Shelf, topic: str, *, before: int | None = None, most: int = PAGE
) -> tuple[str, list[archive.Filed]]:
    """Return a topic's name and its entries, one more than *most*; NoSuchIssue without any."""
    with pages.database.read() as conn:
        name = archive.topic_name(conn, topic) or ""
        found = archive.on_topic(conn, its.view, topic, before=before, limit=most + 1)
    if not found or topic in its.view.without_topics:
        raise NoSuchIssue(f"{its.key} has nothing on {topic}")
    return name, found


def _number(text: str) -> int | None:
    """Return the entry's number that an address names; None for anything else."""
    return int(text) if re.fullmatch(r"[0-9]{1,18}", text) else None


def _older(its: Shelf, entries: list[archive.Filed], **told: Any) -> str:
    return its.path(**told, before=entries[PAGE - 1].id) if len(entries) > PAGE else ""


# --- search -------------------------------------------------------------------------------


def _search(router: APIRouter, pages: Pages) -> None:
    @router.api_route("/issues/{newsletter}/search", methods=["GET", "HEAD"])
    def search(newsletter: str, q: str = "", before: str = "") -> Response:
        its = shelf(pages, newsletter)
        question = plain(q[:_LONGEST_QUESTION])
        asked = archive.sought(question)
        with pages.database.read() as conn:
            found = archive.found(conn, its.view, asked, before=_number(before), limit=PAGE + 1)
        return pages.page(
            "archive-search.html",
            newsletter=newsletter,
            headers={"x-robots-tag": "noindex"},
            **_surroundings(its),
            question=question,
            entries=[its.entry(one) for one in found[:PAGE]],
            older=_older(its, found, part="search", q=question),
            newest=its.path(part="search", q=question) if before else "",
        )


def _page(
    request: Request, pages: Pages, its: Shelf, template: str, *, canonical: str, **values: Any
) -> Response:
    page = pages.page(
        template, newsletter=its.key, canonical=canonical, **_surroundings(its), **values
    )
    return unchanged_or(request, bytes(page.body), "text/html", CACHE)


def _surroundings(its: Shelf) -> dict[str, Any]:
    """Return the links that every page of the archive has."""
    return {
        "archive": its.path(),
        "all_topics": its.path(part="topics"),
        "search": its.path(part="search"),
        "join": f"{its.prefix}/join/{its.key}",
        "feed": its.address(part="feed.atom"),
        "json_feed": its.address(part="feed.json"),
    }
