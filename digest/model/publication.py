"""What feeds bring: entries as a feed says them, publications as the feed store keeps them."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import NamedTuple


@dataclass(frozen=True, slots=True, kw_only=True)
class Image:
    """A publication's picture. A listing may tell caption and credit without a *url*."""

    url: str | None = None
    #: What the picture shows, for who cannot see it. A caption is not an alt text.
    alt: str = ""
    caption: str = ""
    credit: str = ""
    width: int | None = None
    height: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Entry:
    """One thing that a feed lists: cleaned plain text, absolute http(s) links, nothing else."""

    title: str
    #: True where the feed told no title, and the first words of its text stand for one.
    title_made: bool = False
    #: The feed's own name for it; None where the format has none.
    guid: str | None = None
    summary: str = ""
    #: In the feed's words ("Commentary"), "" where not told.
    kind: str = ""
    topics: tuple[str, ...] = ()
    authors: tuple[str, ...] = ()
    link: str | None = None
    image: Image | None = None
    #: BCP 47 tag, None where not told.
    language: str | None = None
    #: When an event begins.
    starts_at: datetime | None = None
    published_at: datetime | None = None
    #: True where the feed gave a date without a time; *published_at* is then local midnight.
    day_only: bool = False
    updated_at: datetime | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Refusal:
    """An entry, or a part of one, that was not taken, and why."""

    #: Which one: a title's start, a guid, a line of the file.
    where: str
    why: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Parsed:
    """A feed's content: its entries in the feed's order, and what was refused."""

    entries: tuple[Entry, ...]
    refused: tuple[Refusal, ...] = ()
    title: str = ""
    #: The feed's own address for itself (JSON Feed's feed_url, Atom's rel=self).
    feed_url: str | None = None
    language: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Publication:
    """One thing published, whichever feeds carried it."""

    id: int
    title: str
    #: True where its feed told no title, and the first words of its text stand for one.
    title_made: bool = False
    summary: str = ""
    kind: str = ""
    topics: tuple[str, ...] = ()
    authors: tuple[str, ...] = ()
    link: str | None = None
    image: Image | None = None
    language: str | None = None
    starts_at: datetime | None = None
    #: None where no feed told; `dated` then falls back to *first_seen_at*.
    published_at: datetime | None = None
    day_only: bool = False
    updated_at: datetime | None = None
    #: When we first saw it; of a feed's first import (its baseline) no later than *published_at*.
    first_seen_at: datetime
    #: When a feed last changed its words after we had stored it; None if never.
    changed_at: datetime | None = None
    #: Hidden by an editor: never a candidate.
    hidden: bool = False
    #: Addresses of the feeds that carry it, sorted.
    feeds: tuple[str, ...] = ()

    @property
    def dated(self) -> datetime:
        """The instant that decides its week: published, or else first seen."""
        return self.published_at or self.first_seen_at


class Wording(NamedTuple):
    """A publication's words alone: what a history of thousands is asked for."""

    id: int
    title: str
    summary: str
