"""Choosing a publication's picture among what a feed shows, and reading its caption."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from lxml import etree, html

#: A picture no larger than this in one direction counts readers, or is a rule or bullet.
_SMALLEST_PIXELS = 16
_LONGEST_MARKUP = 500_000

_CREDIT = re.compile(
    r"^(?P<caption>.*)\b(?:photo illustrations?|photos?|images?|illustrations?|graphics?|pictures?"
    r"|artwork)\s*(?:courtesy of|credit:?|by\b:?|:|©)\s*(?P<credit>\S.*)$",
    re.IGNORECASE | re.DOTALL,
)
_LONGEST_LINE = 2000
_HIDDEN_STYLE = re.compile(r"display\s*:\s*none|visibility\s*:\s*hidden", re.IGNORECASE)


@dataclass(frozen=True, slots=True, kw_only=True)
class Picture:
    """A picture as a feed tells it: nothing cleaned, the address as it stands."""

    url: str = ""
    alt: str = ""
    caption: str = ""
    credit: str = ""
    width: object = None
    height: object = None


def pixels(told: object) -> int | None:
    """Return a width or height told as ``600`` or ``600px``; None for anything else."""
    match = re.fullmatch(r"\s*(\d{1,5})(?:\.\d*)?\s*(?:px)?\s*", str(told))
    return int(match[1]) if match else None


def too_small(picture: Picture) -> bool:
    """Tell whether a side is as short as an icon's or a counting pixel's; unknown sides are not."""
    sides = (pixels(picture.width), pixels(picture.height))
    return any(side is not None and side <= _SMALLEST_PIXELS for side in sides)


def split_credit(line: str) -> tuple[str, str]:
    """
    Return caption and credit of a line like ``A bridge, photo by Ana Ruiz``.

    The credit is who made it ("Ana Ruiz"); "" where the line names nobody.
    """
    line = line[:_LONGEST_LINE].strip()
    match = _CREDIT.match(line)
    if not match:
        return line, ""
    return match["caption"].rstrip(" ,;.([–—-"), match["credit"].rstrip(" )]")


def best(told: Sequence[Picture]) -> Picture | None:
    """Return the widest of the pictures, the first among equals, without the too small."""
    fit = [picture for picture in told if picture.url.strip() and not too_small(picture)]
    return max(fit, key=lambda picture: pixels(picture.width) or 0, default=None)


def in_markup(source: str) -> tuple[Picture, ...]:
    """Return the pictures of an HTML fragment in order, with alt text and figure captions."""
    if "<img" not in source.lower():
        return ()
    try:
        page = html.fromstring(f"<div>{source[:_LONGEST_MARKUP]}</div>")
    except (etree.ParserError, ValueError):
        return ()
    return tuple(_picture(image) for image in page.iter("img") if not _hidden(image))


def of_page(page: bytes) -> Picture | None:
    """Return the picture that a page wants to be shown by (og:image); None if it names none."""
    try:
        head = html.document_fromstring(page[:_LONGEST_MARKUP])
    except (etree.ParserError, ValueError):
        return None
    told = {
        str(meta.get("property") or meta.get("name")).lower(): meta.get("content", "")
        for meta in reversed(head.xpath("//meta[@content]"))
    }
    url = told.get("og:image:secure_url") or told.get("og:image") or told.get("twitter:image")
    picture = Picture(
        url=url or "",
        alt=told.get("og:image:alt") or told.get("twitter:image:alt") or "",
        width=told.get("og:image:width"),
        height=told.get("og:image:height"),
    )
    return best([picture])


def _hidden(image: html.HtmlElement) -> bool:
    return bool(_HIDDEN_STYLE.search(image.get("style", "")))


def _picture(image: html.HtmlElement) -> Picture:
    return Picture(
        url=image.get("src", ""),
        alt=image.get("alt", ""),
        caption=_caption(image.iterancestors("figure")),
        width=image.get("width"),
        height=image.get("height"),
    )


def _caption(figures: Iterable[html.HtmlElement]) -> str:
    for figure in figures:
        for caption in figure.iter("figcaption"):
            return str(caption.text_content())
    return ""
