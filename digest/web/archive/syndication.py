"""Feeds of issues and of topics: Atom (RFC 4287) and JSON Feed 1.1."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, Literal
from xml.etree import ElementTree

from fastapi import APIRouter, Request
from markupsafe import escape
from starlette.responses import Response

from digest.render.plain import link, plain
from digest.store import archive
from digest.web.archive.lists import on
from digest.web.archive.shelf import CACHE, Shelf, refuse_unnameable, shelf, title
from digest.web.files import unchanged_or
from digest.web.pages import Pages

#: Entries in a feed.
MOST = 30
_ATOM = "http://www.w3.org/2005/Atom"

Ending = Literal["atom", "json"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Entry:
    """One entry, in plain words but for its content."""

    #: Stays the same for good: readers' programs know an entry by it.
    id: str
    url: str
    title: str
    summary: str
    html: str
    published_at: datetime
    changed_at: datetime
    authors: tuple[str, ...]
    tags: tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Feed:
    """A feed before it is written in either format."""

    title: str
    home: str
    #: Its own address, without the ending that says the format.
    address: str
    language: str
    #: Who speaks where an entry names nobody.
    author: str
    entries: tuple[Entry, ...]
    #: Said to have changed then, where there is no entry yet.
    begun_at: datetime


def doors(pages: Pages) -> APIRouter:
    """Return the routes of the feeds."""
    router = APIRouter()

    @router.api_route("/issues/{newsletter}/feed.{ending}", methods=["GET", "HEAD"])
    def issues(request: Request, newsletter: str, ending: Ending) -> Response:
        return _answer(request, _of_issues(pages, shelf(pages, newsletter)), ending)

    @router.api_route("/topics/{newsletter}/{topic}/feed.{ending}", methods=["GET", "HEAD"])
    def topic(request: Request, newsletter: str, topic: str, ending: Ending) -> Response:
        refuse_unnameable(newsletter)
        return _answer(request, _of_topic(pages, shelf(pages, newsletter), topic), ending)

    return router


def _answer(request: Request, feed: Feed, ending: Ending) -> Response:
    write, media_type = {
        "atom": (atom, "application/atom+xml"),
        "json": (json_feed, "application/feed+json"),
    }[ending]
    return unchanged_or(request, write(feed), media_type, CACHE)


# --- what a feed says ----------------------------------------------------------------------


def _of_issues(pages: Pages, its: Shelf) -> Feed:
    with pages.database.read() as conn:
        listed = archive.sent(conn, its.key, limit=MOST)
        items = archive.contents(conn, [one.id for one in listed])
    return _feed(
        its,
        title=its.settings.title,
        home=its.address(),
        address=its.address(part="feed"),
        entries=[_issue(its, one, items[one.id]) for one in listed],
    )


def _of_topic(pages: Pages, its: Shelf, topic: str) -> Feed:
    name, found = on(pages, its, topic, most=MOST)
    numbers = [one.issue.id for one in found if one.issue]
    with pages.database.read() as conn:
        items = archive.contents(conn, numbers)
    return _feed(
        its,
        title=f"{plain(name)}: {its.settings.title}",
        home=its.address(topic=topic),
        address=its.address(topic=topic, part="feed"),
        entries=[
            _issue(its, one.issue, items[one.issue.id])
            if one.issue
            else _publication(its, one, topic)
            for one in found[:MOST]
        ],
    )


def _feed(its: Shelf, *, entries: Sequence[Entry], **told: str) -> Feed:
    return Feed(
        language=its.settings.language,
        author=its.settings.title,
        entries=tuple(entries),
        begun_at=datetime.fromtimestamp(0, UTC),
        **told,
    )


def _issue(its: Shelf, sent: archive.Sent, items: Sequence[archive.Said]) -> Entry:
    url = its.address(issue=sent.key)
    lead = f"<p>{escape(plain(sent.lead))}</p>" if sent.lead else ""
    listed = "".join(f"<li>{_item(item)}</li>" for item in items)
    return Entry(
        id=url,
        url=url,
        title=plain(": ".join(filter(None, (its.label(sent), title(sent, its.settings))))),
        summary=plain(sent.lead),
        html=f"{lead}<ul>{listed}</ul>" if listed else lead,
        published_at=sent.frozen_at,
        changed_at=sent.changed_at,
        authors=(),
        tags=tuple(filter(None, (plain(its.label(sent)),))),
    )


def _item(item: archive.Said) -> str:
    name, address = escape(plain(item.title)), link(item.link)
    head = f'<a href="{escape(address)}">{name}</a>' if address else str(name)
    return f"{head}<br>{escape(plain(item.summary))}" if item.summary else head


def _publication(its: Shelf, filed: archive.Filed, topic: str) -> Entry:
    one = filed.publication
    assert one is not None  # noqa: S101 - the caller looked
    # What has no address of its own stands on the topic's page.
    url = link(one.link) or f"{its.address(topic=topic)}#entry-{filed.id}"
    return Entry(
        id=url,
        url=url,
        title=plain(one.title),
        summary=plain(one.summary),
        html=f"<p>{escape(plain(one.summary))}</p>" if one.summary else "",
        published_at=filed.dated,
        changed_at=filed.dated,
        authors=tuple(plain(name) for name in one.authors if plain(name)),
        tags=tuple(plain(name) for name in one.topics if plain(name)),
    )


# --- the formats ---------------------------------------------------------------------------


def atom(feed: Feed) -> bytes:
    """Return *feed* as an Atom document (RFC 4287), in UTF-8."""
    root = ElementTree.Element("feed", {"xmlns": _ATOM, "xml:lang": feed.language})
    changed = max((one.changed_at for one in feed.entries), default=feed.begun_at)
    address = f"{feed.address}.atom"
    _say(root, "id", address)
    _say(root, "title", feed.title)
    _say(root, "updated", _instant(changed))
    _say(_say(root, "author"), "name", feed.author)
    _say(root, "link", rel="self", type="application/atom+xml", href=address)
    _say(root, "link", rel="alternate", type="text/html", href=feed.home)
    for one in feed.entries:
        _atom_entry(_say(root, "entry"), one)
    written: bytes = ElementTree.tostring(root, encoding="utf-8", xml_declaration=True)
    return written


def _atom_entry(entry: ElementTree.Element, one: Entry) -> None:
    _say(entry, "id", one.id)
    # RFC 4287 section 4.2.14: a title must be there, and readers show nothing for an empty one.
    _say(entry, "title", one.title or one.url)
    _say(entry, "link", rel="alternate", href=one.url)
    _say(entry, "published", _instant(one.published_at))
    _say(entry, "updated", _instant(one.changed_at))
    for name in one.authors:
        _say(_say(entry, "author"), "name", name)
    for tag in one.tags:
        _say(entry, "category", term=tag)
    if one.summary:
        _say(entry, "summary", one.summary)
    if one.html:
        _say(entry, "content", one.html, type="html")


def _say(
    parent: ElementTree.Element, name: str, text: str | None = None, **attributes: str
) -> ElementTree.Element:
    child = ElementTree.SubElement(parent, name, attributes)
    child.text = text
    return child


def json_feed(feed: Feed) -> bytes:
    """Return *feed* as JSON Feed 1.1 (jsonfeed.org/version/1.1)."""
    told = {
        "version": "https://jsonfeed.org/version/1.1",
        "title": feed.title,
        "home_page_url": feed.home,
        "feed_url": f"{feed.address}.json",
        "language": feed.language,
        "authors": [{"name": feed.author}],
        "items": [_json_item(one) for one in feed.entries],
    }
    return json.dumps(told, ensure_ascii=False, indent=1).encode()


def _json_item(one: Entry) -> dict[str, Any]:
    told: dict[str, Any] = {
        "id": one.id,
        "url": one.url,
        "title": one.title,
        # One of the two must be there, also for what has a title only.
        "content_html": one.html or f"<p>{escape(one.title)}</p>",
        "summary": one.summary,
        "date_published": _instant(one.published_at),
        "date_modified": _instant(one.changed_at),
        "authors": [{"name": name} for name in one.authors],
        "tags": list(one.tags),
    }
    return {name: value for name, value in told.items() if value}


def _instant(at: datetime) -> str:
    """Return *at* as RFC 3339 has it, in UTC."""
    return at.astimezone(UTC).isoformat(timespec="seconds").replace("+00:00", "Z")
