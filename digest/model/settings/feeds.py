"""Where publications come from."""

from __future__ import annotations

from datetime import timedelta
from typing import Literal, Self

from pydantic import model_validator

from digest.model.settings.values import (
    Duration,
    Line,
    Selector,
    Source,
    Strict,
)


class Listing(Strict):
    """CSS selectors of an HTML listing page."""

    #: What each publication on the page is in; the others are looked for inside it.
    item: Selector
    #: Its title.
    title: Selector
    #: Its link; none: the title's own, or the first one.
    link: Selector | None = None
    #: Its summary.
    summary: Selector | None = None
    #: Its date, in words or as a ``datetime`` attribute.
    date: Selector | None = None
    #: Its kind.
    kind: Selector | None = None
    #: Its picture.
    image: Selector | None = None


class FeedSettings(Strict):
    """Where publications come from: an address or a path beside config.yaml."""

    #: An http(s) address, or a path beside config.yaml.
    url: Source
    #: ``auto`` looks at what comes; ``listing`` needs `listing`; ``event`` gives events.
    kind: Literal["auto", "rss", "json", "listing", "text", "csv", "event"] = "auto"
    #: Given to every publication of this feed, beside its own.
    topic: Line | None = None
    #: For publications whose feed names none.
    publication_kind: Line | None = None
    #: ``never`` leaves this feed's pictures out.
    #: ``page`` also looks for a new publication's picture on its own page (og:image).
    images: Literal["auto", "page", "never"] = "auto"
    #: CSS selectors, where the address is a page and no feed.
    listing: Listing | None = None
    #: How often it is read, at least 1m apart; a feed may ask for longer.
    every: Duration = timedelta(hours=1)
    #: Let this one feed live at a private address (an intranet's).
    allow_private: bool = False

    @model_validator(mode="after")
    def _has_what_its_kind_needs(self) -> Self:
        if self.kind == "listing" and self.listing is None:
            raise ValueError("kind: listing needs `listing` with CSS selectors (item, title, …)")
        if self.listing is not None and self.kind not in ("listing", "auto"):
            raise ValueError(f"`listing` is of no use to kind: {self.kind}")
        if self.every < timedelta(minutes=1):
            raise ValueError("every: must be at least 1m; feeds are asked politely")
        return self
