"""RSS 0.9x to 2.0, RDF, Atom and CDF, by feedparser."""

from __future__ import annotations

import io
import re
from collections.abc import Iterator, Mapping
from typing import Any

from digest.errors import NotAFeed
from digest.feeds.entries import Found, Told
from digest.feeds.octets import mended
from digest.feeds.pictures import Picture

_KIND_SCHEME = re.compile(r"(type|kind|genre|format)s?/?$", re.IGNORECASE)
#: feedparser takes a picture's description for the entry's; under another name it does not.
_PICTURE_TEXT = rb"(</?%s:)description\b"
_MEDIA = re.compile(rb"""xmlns:([\w.-]+)\s*=\s*["']https?://search\.yahoo\.com/mrss/?["']""")
_PICTURE_NAME = re.compile(r"\.(jpe?g|png|gif|webp|avif)(\?|$)", re.IGNORECASE)
#: A place in a form that it does not expect costs feedparser the whole feed; we want no places.
_PLACE = re.compile(rb"(</?gml:)(pos(?:list)?)\b", re.IGNORECASE)
_DOCTYPE = re.compile(rb"<!DOCTYPE", re.IGNORECASE)
_OWN_DOCTYPE = re.compile(rb"<!DOCTYPE[^\[>]*\[.*?\]\s*>", re.IGNORECASE | re.DOTALL)
_ENTITY = re.compile(rb"<!ENTITY", re.IGNORECASE)
#: feedparser compares each category of an entry, and each attribute of a tag, with all others.
MOST_PARTS = 1000
_ENTRY = re.compile(rb"<(?:\w+:)?(?:item|entry)\b", re.IGNORECASE)
_CATEGORY = re.compile(rb"<(?:\w+:)?(?:category|subject)\b", re.IGNORECASE)
_KEYWORDS = re.compile(rb"<(?:\w+:)?keywords\b[^<]*(?:<!\[CDATA\[[^<]*)?", re.IGNORECASE)


def read(body: bytes, *, url: str, content_type: str, event: bool) -> Found:
    """
    Return the entries of an XML feed of whatever dialect, ill-formed ones included.

    Entities that a feed declares itself are never expanded, fetched or read: its DOCTYPE
    is taken away, and HTML's own names still work. Raises NotAFeed for what is no feed.
    """
    import feedparser

    body = _without_entities(mended(body, content_type), url)
    _refuse_excess(body, url)
    body = _PLACE.sub(rb"\1no\2", _captioned(body))
    parsed = feedparser.parse(
        # Never the bytes themselves: feedparser opens a file of that name.
        io.BytesIO(body),
        # Without our address it leaves what is relative as it is: a guid is no relative link.
        response_headers={"content-type": content_type or "application/xml"},
        sanitize_html=False,
        resolve_relative_uris=False,
    )
    if not parsed.version and not parsed.entries:
        raise NotAFeed(
            f"{url}: no RSS, Atom, RDF or CDF feed", remedy="Look for the feed's own address."
        )
    rdf = parsed.version in ("rss10", "rss090")
    return Found(
        told=[_told(entry, event=event, rdf=rdf) for entry in parsed.entries],
        title=_text(parsed.feed, "title"),
        feed_url=next(_hrefs(parsed.feed, "self"), ""),
        site=next(_hrefs(parsed.feed, "alternate"), ""),
        language=_text(parsed.feed, "language"),
    )


def _without_entities(body: bytes, url: str) -> bytes:
    if not _ENTITY.search(body.replace(b"\0", b"")):
        return body
    # Only where the first one begins: looking on from each would take for ever.
    if (begins := _DOCTYPE.search(body)) and (own := _OWN_DOCTYPE.match(body, begins.start())):
        body = body[: own.start()] + body[own.end() :]
    if _ENTITY.search(body.replace(b"\0", b"")):
        raise NotAFeed(
            f"{url}: declares XML entities of its own, which we do not expand",
            remedy="Ask the publisher for a feed without a DOCTYPE.",
        )
    return body


def _captioned(body: bytes) -> bytes:
    """Return the feed with the descriptions of its pictures and films under a name of their own."""
    called = _MEDIA.search(body)
    prefix = re.escape(called[1] if called else b"media")
    return re.sub(_PICTURE_TEXT % prefix, rb"\1caption", body)


def _refuse_excess(body: bytes, url: str) -> None:
    """Raise NotAFeed if an entry or a tag has so many parts that reading them would never end."""
    flat = body.replace(b"\0", b"")
    tags = (tag.partition(b">")[0] for tag in flat.split(b"<"))
    if any(len(tag) > MOST_PARTS and tag.count(b"=") > MOST_PARTS for tag in tags):
        raise NotAFeed(f"{url}: a tag has more than {MOST_PARTS} attributes")
    for entry in _ENTRY.split(flat):
        words = sum(found.count(b",") for found in _KEYWORDS.findall(entry))
        if len(_CATEGORY.findall(entry)) + words > MOST_PARTS:
            raise NotAFeed(f"{url}: an entry has more than {MOST_PARTS} categories")


def _told(entry: Mapping[str, Any], *, event: bool, rdf: bool) -> Told:
    # The only date of RSS 1.0 and Dublin Core is told as an update.
    published = next((n for n in ("published", "created") if _text(entry, n)), "updated")
    tags = [tag for tag in entry.get("tags") or () if isinstance(tag, Mapping)]
    return Told(
        title=_text(entry, "title") or _text(entry, "itunes_title"),
        may_lack_title=True,
        guid=_text(entry, "id"),
        summary=_text(entry, "summary") or _described(entry),
        content=_content(entry),
        kind=_kind(entry, tags),
        topics=[_topic(tag) for tag in tags if not _names_kind(tag)],
        authors=list(_authors(entry)),
        link=_link(entry, rdf=rdf),
        base=_base(entry),
        pictures=list(_pictures(entry)),
        language=_language(entry),
        starts=_starts(entry) if event or _text(entry, "ev_startdate") else None,
        published=_text(entry, published),
        published_struct=_own(entry, f"{published}_parsed"),
        updated=_text(entry, "updated"),
        updated_struct=_own(entry, "updated_parsed"),
    )


def _text(told: Mapping[str, Any], name: str) -> str:
    value = _own(told, name)
    return value if isinstance(value, str) else ""


def _own(told: Mapping[str, Any], name: str) -> Any:
    # feedparser's own get answers some names with the value of another one.
    return dict.get(told, name) if isinstance(told, dict) else None


def _content(entry: Mapping[str, Any]) -> str:
    told = [content for content in entry.get("content") or () if isinstance(content, Mapping)]
    return max((_text(content, "value") for content in told), key=len, default="")


def _kind(entry: Mapping[str, Any], tags: list[Mapping[str, Any]]) -> str:
    named = (_topic(tag) for tag in tags if _names_kind(tag))
    return _text(entry, "dc_type") or next(named, "")


def _names_kind(tag: Mapping[str, Any]) -> bool:
    return bool(_KIND_SCHEME.search(_text(tag, "scheme")))


def _topic(tag: Mapping[str, Any]) -> str:
    return _text(tag, "label") or _text(tag, "term")


def _authors(entry: Mapping[str, Any]) -> Iterator[str]:
    """Give the authors' names; an address without a name is nobody's business."""
    for author in entry.get("authors") or ():
        name = _text(author, "name") if isinstance(author, Mapping) else ""
        if name and "@" not in name:
            yield name


def _link(entry: Mapping[str, Any], *, rdf: bool) -> str:
    """Return its link; else a permanent id; else what it is about (RDF); else what it encloses."""
    # Of types that feedparser does not know (text/xhtml) it takes the id for the link.
    told = next(_hrefs(entry, "alternate"), "")
    guid = _text(entry, "id") if rdf or entry.get("guidislink") else ""
    named = guid if guid.startswith(("http://", "https://")) else ""
    return told or named or next(_enclosed(entry), "")


def _enclosed(entry: Mapping[str, Any]) -> Iterator[str]:
    """Give the addresses of what comes with it, pictures apart: a podcast's episode."""
    for enclosure in entry.get("enclosures") or ():
        if not _text(enclosure, "type").startswith("image/"):
            yield _text(enclosure, "href")


def _described(entry: Mapping[str, Any]) -> str:
    """Return the description of the film or sound that it is; that of a picture is a caption."""
    shown = entry.get("media_content") or ()
    is_film = any(not _is_image(one) for one in shown) and not _content(entry)
    return _text(entry, "media_caption") if is_film else ""


def _hrefs(told: Mapping[str, Any], rel: str) -> Iterator[str]:
    for link in told.get("links") or ():
        if isinstance(link, Mapping) and link.get("rel") == rel and _text(link, "href"):
            yield _text(link, "href")


def _base(entry: Mapping[str, Any]) -> str:
    detail = entry.get("title_detail") or entry.get("summary_detail") or {}
    return _text(detail, "base")


def _language(entry: Mapping[str, Any]) -> str:
    return _text(entry, "language") or _text(entry.get("title_detail") or {}, "language")


def _starts(entry: Mapping[str, Any]) -> str:
    names = ("ev_startdate", "xcal_dtstart", "published")
    return next(filter(None, (_text(entry, name) for name in names)), "")


def _pictures(entry: Mapping[str, Any]) -> Iterator[Picture]:
    credit = next((_text(c, "content") for c in entry.get("media_credit") or ()), "")
    caption = "" if _described(entry) else _text(entry, "media_caption")
    alt = _text(entry, "media_text")
    for name in ("media_content", "media_thumbnail"):
        shown = [one for one in entry.get(name) or () if name != "media_content" or _is_image(one)]
        for one in shown:
            yield Picture(
                url=_text(one, "url"),
                alt=alt,
                caption=caption,
                credit=credit,
                width=one.get("width"),
                height=one.get("height"),
            )
    for enclosure in entry.get("enclosures") or ():
        if _text(enclosure, "type").startswith("image/"):
            yield Picture(url=_text(enclosure, "href"))
    image = entry.get("image")
    if isinstance(image, Mapping) and _text(image, "href"):
        yield Picture(url=_text(image, "href"))


def _is_image(content: Mapping[str, Any]) -> bool:
    kind = _text(content, "type")
    if content.get("medium") or kind:
        return content.get("medium") == "image" or kind.startswith("image/")
    return bool(
        re.search(r"\.(jpe?g|png|gif|webp|avif)(\?|$)", _text(content, "url"), re.IGNORECASE)
    )
