"""JSON Feed 1 and 1.1 (jsonfeed.org), with three extensions that our own files use.

Extensions begin with an underscore, as the format asks: ``_kind`` ("Commentary"),
``_caption`` and ``_credit`` of the picture, ``_starts_at`` of an event. A picture of
which only the caption is known may stand without ``image``.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

from digest.errors import NotAFeed
from digest.feeds.entries import Found, Told
from digest.feeds.pictures import Picture
from digest.feeds.textfile import decoded


def read(body: bytes, *, url: str) -> Found:
    """
    Return the items of a JSON Feed; what has the wrong type counts as not told.

    A missing ``version`` is forgiven where ``items`` is a list. Raises NotAFeed else.
    """
    try:
        feed = json.loads(decoded(body))
    except (ValueError, RecursionError) as e:
        raise NotAFeed(f"{url}: no JSON ({e})") from e
    if not isinstance(feed, dict) or not isinstance(feed.get("items"), list):
        raise NotAFeed(f"{url}: JSON, but no JSON Feed: it has no list called items")
    return Found(
        told=[_told(item) for item in feed["items"] if isinstance(item, dict)],
        title=_text(feed, "title"),
        feed_url=_text(feed, "feed_url"),
        site=_text(feed, "home_page_url"),
        language=_text(feed, "language"),
    )


def _told(item: dict[str, Any]) -> Told:
    html = _text(item, "content_html")
    return Told(
        title=_text(item, "title") or next(_attached(item, "title"), ""),
        may_lack_title=True,
        guid=_id(item),
        summary=_text(item, "summary") or _text(item, "content_text") or html,
        content=html,
        kind=_text(item, "_kind"),
        topics=list(_texts(item.get("tags"))),
        authors=list(_authors(item)),
        link=next(filter(None, _links(item)), ""),
        pictures=list(_pictures(item)),
        language=_text(item, "language"),
        starts=_text(item, "_starts_at"),
        published=_text(item, "date_published"),
        updated=_text(item, "date_modified"),
    )


def _text(told: dict[str, Any], name: str) -> str:
    value = told.get(name)
    return value if isinstance(value, str) else ""


def _id(item: dict[str, Any]) -> str:
    """Return the id; many generators write numbers, which the format tells readers to accept."""
    value = item.get("id")
    number = isinstance(value, int | float) and not isinstance(value, bool)
    return str(value) if number else _text(item, "id")


def _texts(told: Any) -> Iterator[str]:
    for one in told if isinstance(told, list) else ():
        if isinstance(one, str):
            yield one


def _links(item: dict[str, Any]) -> Iterator[str]:
    yield _text(item, "url")
    yield _text(item, "external_url")
    yield _permalink(item)
    yield from _attached(item, "url")


def _permalink(item: dict[str, Any]) -> str:
    """JSON Feed wants the id to be the address of the item wherever there is one."""
    told = _text(item, "id")
    return told if told.startswith(("http://", "https://")) else ""


def _authors(item: dict[str, Any]) -> Iterator[str]:
    told = item.get("authors")
    one = [item["author"]] if isinstance(item.get("author"), dict) else []
    for author in told if isinstance(told, list) else one:
        if isinstance(author, dict) and _text(author, "name"):
            yield _text(author, "name")


def _pictures(item: dict[str, Any]) -> Iterator[Picture]:
    caption, credit = _text(item, "_caption"), _text(item, "_credit")
    for name in ("image", "banner_image"):
        if _text(item, name):
            yield Picture(url=_text(item, name), caption=caption, credit=credit)
    if caption or credit:
        yield Picture(caption=caption, credit=credit)
    for one in _attachments(item):
        if _text(one, "mime_type").startswith("image/"):
            yield Picture(url=_text(one, "url"))


def _attached(item: dict[str, Any], name: str) -> Iterator[str]:
    """Give what its attachments that are no pictures tell under *name*: a podcast's episode."""
    for one in _attachments(item):
        if _text(one, name) and not _text(one, "mime_type").startswith("image/"):
            yield _text(one, name)


def _attachments(item: dict[str, Any]) -> Iterator[dict[str, Any]]:
    told = item.get("attachments")
    yield from (one for one in (told if isinstance(told, list) else ()) if isinstance(one, dict))
