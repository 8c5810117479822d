"""Text of unknown encoding, and listings in plain text."""

from __future__ import annotations

import codecs
import re
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime
from zoneinfo import ZoneInfo

from digest.errors import NotAFeed
from digest.feeds import dates
from digest.feeds.entries import KINDS, Found, Told
from digest.feeds.pictures import Picture, split_credit
from digest.identity import title_key
from digest.octets import WESTERN

_BOMS = (
    (codecs.BOM_UTF8, "utf-8"),
    (codecs.BOM_UTF32_LE, "utf-32-le"),
    (codecs.BOM_UTF32_BE, "utf-32-be"),
    (codecs.BOM_UTF16_LE, "utf-16-le"),
    (codecs.BOM_UTF16_BE, "utf-16-be"),
)
_BULLET = re.compile(r"^\s*[•‣◦·*●▪–-]\s+(?=\S)")
_RECAP = "Weekly Recap"
#: A line above the title that is longer is a caption, or the title itself.
_LONGEST_LABEL_WORDS = 4
_ANY_TIME = datetime(9999, 1, 1, tzinfo=UTC)


def decoded(body: bytes) -> str:
    """Return the text: by its byte order mark, else UTF-8; bytes that are none: Windows-1252."""
    for mark, encoding in _BOMS:
        if body.startswith(mark):
            return body[len(mark) :].decode(encoding, errors="replace")
    if b"\0" in body[:4] and len(body) > 3:
        encoding = "utf-16-be" if body[0] == 0 else "utf-16-le"
        return body.decode(encoding, errors="replace")
    return body.decode("utf-8", errors=WESTERN)


def read(body: bytes, *, url: str, zone: ZoneInfo) -> Found:
    """
    Return the items of a listing saved as text: bullets with title, summary and a date.

    An item begins at a bullet and ends with a paragraph that is a date. Above its title
    may stand its kind ("Commentary") or its picture's caption with a credit. What stands
    at the margin is heading or introduction; the first such line is the listing's title.
    Raises NotAFeed if there is no bullet with a date.
    """
    text = decoded(body)
    items = [item for item in _items(text) if _date_at(item, zone) is not None]
    if not items:
        raise NotAFeed(f"{url}: no listing: it has no bulleted item that ends with a date")
    title = next((line.strip() for line in text.splitlines() if line.strip()), "")
    return Found(
        told=[_told(item, zone) for item in items], title="" if _BULLET.match(title) else title
    )


def _items(text: str) -> Iterator[list[str]]:
    """Give each bullet's paragraphs."""
    item: list[str] | None = None
    fresh = True
    for line in text.splitlines():
        if not line.strip():
            fresh = True
        elif _BULLET.match(line):
            if item:
                yield item
            item, fresh = [_BULLET.sub("", line).strip()], False
        elif not line[0].isspace():
            if item:
                yield item
            item = None
        elif item is not None:
            item = [*item, line.strip()] if fresh else [*item[:-1], f"{item[-1]} {line.strip()}"]
            fresh = False
    if item:
        yield item


def _date_at(item: Sequence[str], zone: ZoneInfo) -> int | None:
    """Return which paragraph is the date: the last one that reads as one."""
    for at in range(len(item) - 1, 0, -1):
        if len(item[at]) > 40 or not re.search(r"\d", item[at]):
            continue
        try:
            if dates.told(item[at], zone=zone, now=_ANY_TIME, ahead_days=0):
                return at
        except dates.DateError:
            continue
    return None


def _told(item: Sequence[str], zone: ZoneInfo) -> Told:
    at = _date_at(item, zone) or len(item)
    paragraphs = list(item[:at])
    label = paragraphs.pop(0) if _labelled(paragraphs) else ""
    caption, credit = split_credit(label)
    is_kind = bool(label) and not credit and len(label.split()) <= _LONGEST_LABEL_WORDS
    return Told(
        title=paragraphs[0],
        summary=" ".join(paragraphs[1:]),
        kind=_kind(label) if is_kind else "",
        pictures=[Picture(caption=caption, credit=credit)] if label and not is_kind else [],
        published=item[at] if at < len(item) else None,
    )


def _labelled(paragraphs: Sequence[str]) -> bool:
    """Return whether the first paragraph stands above the title."""
    if len(paragraphs) < 2:
        return False
    first = paragraphs[0]
    known = title_key(first) in KINDS or first.endswith(_RECAP)
    if known or split_credit(first)[1]:
        return True
    return len(paragraphs) > 2 and len(first.split()) <= _LONGEST_LABEL_WORDS


def _kind(label: str) -> str:
    # “RAND Weekly Recap” is the organisation's name and the kind.
    return _RECAP if label.endswith(_RECAP) else label
