"""Feeds: fetching their bodies, and making equal entries of whatever they are written in."""

from __future__ import annotations

import re
from collections.abc import Callable
from datetime import datetime
from zoneinfo import ZoneInfo

from digest.errors import FeedError, NotAFeed
from digest.feeds.entries import Found, judged
from digest.feeds.source import Fetched, fetch, is_path, page_image
from digest.model import Parsed
from digest.model.settings import FeedSettings

__all__ = ["Fetched", "fetch", "is_path", "page_image", "parse", "sniffed"]

_HTML = re.compile(rb"<!doctype\s+html|<html[\s>]|<body[\s>]", re.IGNORECASE)
_XML = re.compile(
    rb"<\?xml|<rss[\s>]|<feed[\s>]|<[a-z]+:?rdf[\s>]|<channel[\s>]|<!doctype\s+(?:rss|channel)",
    re.IGNORECASE,
)


def parse(
    body: bytes,
    settings: FeedSettings,
    *,
    url: str,
    content_type: str | None = None,
    zone: ZoneInfo,
    now: datetime,
) -> Parsed:
    """
    Return what *body* lists, cleaned, in its order, with a reason for all it refused.

    *url* is where it came from; relative links are relative to it. *zone* is where a
    date without a time, or a time without a zone, is local. The same body gives the same
    entries. Raises NotAFeed, and nothing else, whatever *body* holds.
    """
    try:
        return judged(
            _found(body, settings, url, content_type or "", zone),
            settings,
            url=url,
            zone=zone,
            now=now,
        )
    except FeedError:
        raise
    # Parsers of foreign formats stumble in foreign ways, and no feed may cost another one.
    except Exception as e:
        raise NotAFeed(f"{url}: cannot be read ({type(e).__name__}: {e})") from e


def _found(
    body: bytes, settings: FeedSettings, url: str, content_type: str, zone: ZoneInfo
) -> Found:
    # Each reader is loaded when a feed needs it: feedparser, lxml and icalendar are heavy.
    kind = settings.kind if settings.kind not in ("auto", "event") else ""
    readers: dict[str, Callable[[], Found]] = {
        "rss": lambda: _rss(body, settings, url, content_type),
        "json": lambda: _json(body, url),
        "listing": lambda: _listing(body, settings, url, content_type),
        "text": lambda: _text(body, url, zone),
        "csv": lambda: _table(body, url),
        "events": lambda: _events(body, url),
    }
    return readers[kind or sniffed(body, settings, url=url, content_type=content_type)]()


def sniffed(body: bytes, settings: FeedSettings, *, url: str, content_type: str = "") -> str:
    """
    Return the format of a body: rss, json, listing, text, csv or events.

    What it begins with decides, then its name or type; NotAFeed for a page without
    selectors and for nothing at all.
    """
    head = body[:4096].replace(b"\0", b"").lstrip(b"\xef\xbb\xbf\xfe\xff \t\r\n")
    name = url.partition("?")[0].lower()
    if not head:
        raise NotAFeed(f"{url}: empty", remedy="Ask the publisher; it is read again later.")
    if head.upper().startswith(b"BEGIN:VCALENDAR"):
        return "events"
    if head.startswith((b"{", b"[")):
        return "json"
    if settings.listing:
        return "listing"
    if _HTML.search(head) and not _XML.search(head):
        raise NotAFeed(
            f"{url}: an HTML page, no feed",
            remedy="Give the feed's own address, or set listing: selectors for this page.",
        )
    if head.startswith(b"<") or _XML.search(head):
        return "rss"
    if name.endswith(".csv") or "csv" in content_type.lower():
        return "csv"
    return "text"


def _rss(body: bytes, settings: FeedSettings, url: str, content_type: str) -> Found:
    from digest.feeds import rss

    return rss.read(body, url=url, content_type=content_type, event=settings.kind == "event")


def _json(body: bytes, url: str) -> Found:
    from digest.feeds import jsonfeed

    return jsonfeed.read(body, url=url)


def _listing(body: bytes, settings: FeedSettings, url: str, content_type: str) -> Found:
    from digest.feeds import listing

    if settings.listing is None:
        raise NotAFeed(f"{url}: a listing needs selectors", remedy="Set listing: for this feed.")
    return listing.read(body, settings.listing, url=url, content_type=content_type)


def _text(body: bytes, url: str, zone: ZoneInfo) -> Found:
    from digest.feeds import textfile

    return textfile.read(body, url=url, zone=zone)


def _table(body: bytes, url: str) -> Found:
    from digest.feeds import table

    return table.read(body, url=url)


def _events(body: bytes, url: str) -> Found:
    from digest.feeds import events

    return events.read(body, url=url)
