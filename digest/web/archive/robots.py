"""What robots are told: where everything public is, and what is nobody's to read."""

from __future__ import annotations

from datetime import datetime
from xml.etree import ElementTree

from fastapi import APIRouter, Request
from starlette.responses import Response

from digest.store import archive
from digest.web.archive.lists import MOST_TOPICS
from digest.web.archive.shelf import CACHE, shelf
from digest.web.files import unchanged_or
from digest.web.pages import Pages

_SITEMAP = "http://www.sitemaps.org/schemas/sitemap/0.9"
#: sitemaps.org: a file has at most so many addresses.
_MOST_ADDRESSES = 50_000

#: Where the desk is, and where single readers' links lead.
_NOT_FOR_ROBOTS = ("desk", "sign-in", "unsubscribe", "confirm", "preferences", "move", "to")


def doors(pages: Pages) -> APIRouter:
    """Return the routes of robots.txt and sitemap.xml."""
    router = APIRouter()

    @router.api_route("/robots.txt", methods=["GET", "HEAD"])
    def robots(request: Request) -> Response:
        lines = ["User-agent: *"]
        lines += [f"Disallow: {pages.prefix}/{room}" for room in _NOT_FOR_ROBOTS]
        lines += ["", f"Sitemap: {pages.loaded.settings.public_url}/sitemap.xml", ""]
        return unchanged_or(request, "\n".join(lines).encode(), "text/plain", CACHE)

    @router.api_route("/sitemap.xml", methods=["GET", "HEAD"])
    def sitemap(request: Request) -> Response:
        root = ElementTree.Element("urlset", {"xmlns": _SITEMAP})
        for address, changed_at in _addresses(pages)[:_MOST_ADDRESSES]:
            url = ElementTree.SubElement(root, "url")
            ElementTree.SubElement(url, "loc").text = address
            if changed_at:
                ElementTree.SubElement(url, "lastmod").text = f"{changed_at:%Y-%m-%dT%H:%M:%SZ}"
        body = ElementTree.tostring(root, encoding="utf-8", xml_declaration=True)
        return unchanged_or(request, body, "application/xml", CACHE)

    return router


def _addresses(pages: Pages) -> list[tuple[str, datetime | None]]:
    """Return every public page, with when it last changed where that is one instant."""
    told: list[tuple[str, datetime | None]] = []
    for newsletter in pages.loaded.settings.newsletters:
        its = shelf(pages, newsletter)
        with pages.database.read() as conn:
            sent = archive.sent(conn, newsletter)
            topics = archive.topics(
                conn, newsletter, without=its.view.without_topics, limit=MOST_TOPICS
            )
        newest = max((one.changed_at for one in sent), default=None)
        told += [(its.address(), newest), (its.address(part="topics"), newest)]
        told += [(f"{pages.loaded.settings.public_url}/join/{newsletter}", None)]
        told += [(its.address(issue=one.key), one.changed_at) for one in sent]
        told += [(its.address(topic=one.key), None) for one in topics]
    return told
