"""HTML pages that list publications, read by the CSS selectors of the config."""

from __future__ import annotations

import re
from collections.abc import Iterator

from cssselect import SelectorError
from lxml import etree, html

from digest.errors import NotAFeed
from digest.feeds.entries import Found, Told
from digest.feeds.pictures import Picture
from digest.model.settings import Listing

_CHARSET = re.compile(r"charset=[\"']?([\w-]+)", re.IGNORECASE)


def read(body: bytes, listing: Listing, *, url: str, content_type: str) -> Found:
    """
    Return what the selectors find on a page, in the page's order.

    A link is the ``href`` of what `listing.link` selects, else of the title or of a link
    around or in it; a date the ``datetime`` of a <time>, else its text. Raises NotAFeed
    if the page has no item, or a selector is none.
    """
    page = _page(body, url, content_type)
    base = next(iter(page.xpath("//base/@href")), "")
    items = _select(page, listing.item, url)
    if not items:
        raise NotAFeed(
            f"{url}: nothing on the page matches listing.item ({listing.item})",
            remedy="Open the page, look at its source and set listing.item in config.yaml.",
        )
    return Found(
        told=[_told(item, listing, url, html_base=str(base)) for item in items],
        title="".join(page.xpath("//title//text()")[:5]),
        language=str(next(iter(page.xpath("/html/@lang")), "")),
    )


def _page(body: bytes, url: str, content_type: str) -> html.HtmlElement:
    charset = _CHARSET.search(content_type)
    try:
        parser = html.HTMLParser(encoding=charset[1] if charset else _guessed(body))
        return html.document_fromstring(body, parser=parser)
    except (etree.ParserError, ValueError, LookupError) as e:
        raise NotAFeed(f"{url}: no HTML page ({e})") from e


def _guessed(body: bytes) -> str | None:
    """Return utf-8 if the bytes are; else lxml looks for what the page itself says."""
    try:
        body.decode("utf-8")
    except UnicodeDecodeError:
        return None
    return "utf-8"


def _select(within: html.HtmlElement, selector: str, url: str) -> list[html.HtmlElement]:
    try:
        return list(within.cssselect(selector))
    except SelectorError as e:
        raise NotAFeed(
            f"{url}: {selector!r} is no CSS selector ({e})", remedy="Mend it in config.yaml."
        ) from e


def _told(item: html.HtmlElement, listing: Listing, url: str, *, html_base: str) -> Told:
    def first(selector: str | None) -> html.HtmlElement | None:
        found = _select(item, selector, url) if selector else []
        return found[0] if found else None

    def text(selector: str | None) -> str:
        found = first(selector)
        return (
            html.tostring(found, encoding="unicode", with_tail=False) if found is not None else ""
        )

    return Told(
        title=text(listing.title),
        summary=text(listing.summary),
        kind=text(listing.kind),
        link=_link(item, first(listing.link), first(listing.title)),
        base=html_base if html_base.startswith(("http://", "https://")) else "",
        pictures=list(_pictures(first(listing.image))),
        published=_date(first(listing.date)),
    )


def _link(
    item: html.HtmlElement, named: html.HtmlElement | None, title: html.HtmlElement | None
) -> str:
    for place in (named, title):
        for element in _around(place):
            if element.get("href"):
                return str(element.get("href"))
    return str(item.get("href") or "")


def _around(place: html.HtmlElement | None) -> Iterator[html.HtmlElement]:
    if place is not None:
        yield place
        yield from place.iter("a")
        yield from place.iterancestors("a")


def _date(place: html.HtmlElement | None) -> str:
    if place is None:
        return ""
    for element in place.iter():
        if isinstance(element.tag, str) and element.get("datetime"):
            return str(element.get("datetime"))
    return " ".join(place.text_content().split())


def _pictures(place: html.HtmlElement | None) -> Iterator[Picture]:
    for image in place.iter("img") if place is not None else ():
        yield Picture(
            url=image.get("src") or image.get("data-src") or "",
            alt=image.get("alt", ""),
            width=image.get("width"),
            height=image.get("height"),
        )
