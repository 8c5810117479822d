"""From what a format tells to clean entries: the one place where entries are judged."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from time import struct_time
from urllib.parse import urljoin
from zoneinfo import ZoneInfo

from digest.errors import FeedError
from digest.feeds import dates, titles
from digest.feeds.dates import DateError, Raw
from digest.feeds.pictures import Picture, best, in_markup, pixels, split_credit
from digest.feeds.plain import LinkError, absolute, cut, plain
from digest.identity import merged, title_key
from digest.model import Entry, Image, Parsed, Refusal
from digest.model.settings import FeedSettings

LONGEST_TITLE = 300
LONGEST_SUMMARY = 2000
LONGEST_NAME = 120
LONGEST_CAPTION = 500
LONGEST_GUID = 500
MOST_NAMES = 20
#: Entries of one feed; what follows is refused.
MOST_ENTRIES = 5000
#: Refusals of one reading; a thousand alike tell no more.
_MOST_REFUSALS = 200

#: A feed's category that is one of these tells the kind, if nothing else does.
KINDS = {
    title_key(kind): kind
    for kind in (
        "Announcement", "Article", "Blog", "Book", "Brochure", "Commentary",
        "Conference Proceedings", "Dissertation", "Essay", "Event", "Explainer", "Interview",
        "Journal Article", "Multimedia",
        "News Release", "Op-Ed", "Perspective", "Podcast", "Policy Brief", "Press Release", "Q&A",
        "Report", "Research Brief", "Research Report", "Review", "Speech", "Testimony", "Tool",
        "Video", "Webinar", "Weekly Recap", "Working Paper",
    )
}  # fmt: skip


@dataclass(frozen=True, slots=True, kw_only=True)
class Told:
    """One entry as its format tells it: raw text or markup, nothing cleaned or believed."""

    title: str
    #: Whether its format lets an entry go without a title; in a table that is a slip.
    may_lack_title: bool = False
    #: Where in the file it stands, if the title does not say it.
    where: str = ""
    guid: str = ""
    summary: str = ""
    #: Further markup that may hold a picture.
    content: str = ""
    kind: str = ""
    topics: Sequence[str] = ()
    authors: Sequence[str] = ()
    link: str = ""
    #: What relative addresses are relative to: itself relative to the feed's own address.
    base: str = ""
    pictures: Sequence[Picture] = ()
    language: str = ""
    starts: Raw = None
    published: Raw = None
    published_struct: struct_time | None = None
    updated: Raw = None
    updated_struct: struct_time | None = None
    #: Parts that the format's reader already refused.
    refused: Sequence[str] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Found:
    """What a format's reader found in a body."""

    told: Iterable[Told]
    title: str = ""
    feed_url: str = ""
    #: The page of the feed's own: where its relative addresses begin if it came from a file.
    site: str = ""
    language: str = ""
    refused: Sequence[Refusal] = ()


@dataclass(slots=True)
class _Judge:
    """Cleans one feed's entries and keeps what it refused."""

    settings: FeedSettings
    url: str
    zone: ZoneInfo
    now: datetime
    #: The feed's, for entries that tell none.
    language: str | None = None
    refused: list[Refusal] = field(default_factory=list)

    def refuse(self, where: str, why: str) -> None:
        if len(self.refused) < _MOST_REFUSALS:
            self.refused.append(
                Refusal(where=plain(where, longest=80) or "an entry", why=plain(why, longest=300))
            )

    def entry(self, told: Told, number: int) -> Entry | None:
        named = plain(told.title, longest=LONGEST_TITLE)
        where = named or told.where or told.guid or told.link or f"entry {number}"
        title, summary = (named, self.summary(told, named)) if named else self.made(told)
        if not title:
            no_text = ", and no text of which one could be made" if told.may_lack_title else ""
            self.refuse(where, "it has no title" + no_text)
            return None
        for why in told.refused:
            self.refuse(where, why)
        published = self.date(where, told.published, told.published_struct)
        updated = self.date(where, told.updated, told.updated_struct)
        starts = self.date(where, told.starts, ahead_days=dates.FARTHEST_EVENT_DAYS)
        topics = self.names(told.topics)
        kind = self.kind(told, topics)
        return Entry(
            title=title,
            title_made=not named,
            guid=_guid(told.guid),
            summary=summary,
            kind=kind,
            topics=self.topics(topics, kind),
            authors=self.names(told.authors),
            link=self.link(told, where),
            image=self.image(told, where),
            language=_language(told.language) or self.language,
            starts_at=starts.at if starts else None,
            published_at=published.at if published else None,
            day_only=bool(published and published.day_only),
            updated_at=updated.at if updated else None,
        )

    def date(
        self,
        where: str,
        raw: Raw,
        struct: struct_time | None = None,
        ahead_days: int = dates.FARTHEST_AHEAD_DAYS,
    ) -> dates.Told | None:
        try:
            return dates.told(
                raw, zone=self.zone, now=self.now, ahead_days=ahead_days, struct=struct
            )
        except DateError as e:
            self.refuse(where, str(e))
            return None

    def names(self, told: Sequence[str]) -> tuple[str, ...]:
        cleaned = (plain(name, longest=LONGEST_NAME) for name in told[: MOST_NAMES * 5])
        return merged((), filter(None, cleaned))[:MOST_NAMES]

    def kind(self, told: Told, topics: Sequence[str]) -> str:
        named = plain(told.kind, longest=LONGEST_NAME)
        known = next((KINDS[key] for key in map(title_key, topics) if key in KINDS), "")
        return named or known or (self.settings.publication_kind or "")

    def topics(self, told: Sequence[str], kind: str) -> tuple[str, ...]:
        own = [topic for topic in told if title_key(topic) != title_key(kind)]
        return merged(own, [self.settings.topic] if self.settings.topic else [])

    def summary(self, told: Told, title: str) -> str:
        summary = plain(told.summary or told.content, longest=LONGEST_SUMMARY)
        # Many feeds repeat the title for want of a summary.
        return "" if title_key(summary) == title_key(title) else summary

    def link(self, told: Told, where: str) -> str | None:
        if not told.link.strip():
            return None
        try:
            return absolute(told.link, urljoin(self.url, told.base))
        except LinkError as e:
            self.refuse(where, f"its link is {e}" if str(e).startswith("no") else f"its link: {e}")
            return None

    def made(self, told: Told) -> tuple[str, str]:
        """Return a title and a summary for what has no title; ("", "") where there is none."""
        if not told.may_lack_title:
            return "", ""
        picture = _picture(told)
        for markup in (told.summary, told.content, picture.alt if picture else ""):
            title, rest = titles.made(markup)
            if title:
                return title, cut(rest, LONGEST_SUMMARY)
        return "", ""

    def image(self, told: Told, where: str) -> Image | None:
        picture = None if self.settings.images == "never" else _picture(told)
        return self.cleaned(picture, told, where) if picture else None

    def cleaned(self, picture: Picture, told: Told, where: str) -> Image | None:
        try:
            return image_of(picture, urljoin(self.url, told.base))
        except LinkError as e:
            self.refuse(where, f"its picture's address: {e}")
            return None


def image_of(picture: Picture, base: str) -> Image:
    """Return a picture with its address absolute and its texts clean; LinkError if it has none."""
    caption, credit = split_credit(plain(picture.caption, longest=LONGEST_CAPTION))
    return Image(
        url=absolute(picture.url, base) if picture.url.strip() else None,
        alt=plain(picture.alt, longest=LONGEST_TITLE),
        caption=caption,
        credit=plain(picture.credit or credit, longest=LONGEST_NAME * 2),
        width=pixels(picture.width),
        height=pixels(picture.height),
    )


def judged(
    found: Found, settings: FeedSettings, *, url: str, zone: ZoneInfo, now: datetime
) -> Parsed:
    """Return what is usable of *found*, in its order, and every refusal with its reason."""
    refused = list(found.refused)[:_MOST_REFUSALS]
    judge = _Judge(
        settings, _beginning(url, found.site), zone, now, _language(found.language), refused
    )
    entries: list[Entry] = []
    for number, told in enumerate(found.told, start=1):
        if number > MOST_ENTRIES:
            judge.refuse(f"entry {number}", f"a feed may list {MOST_ENTRIES} entries, no more")
            break
        entry = _one(judge, told, number)
        entries += [entry] if entry else []
    return Parsed(
        entries=tuple(entries),
        refused=tuple(judge.refused),
        title=plain(found.title, longest=LONGEST_TITLE),
        feed_url=_feed_url(found.feed_url, url),
        language=judge.language,
    )


def _one(judge: _Judge, told: Told, number: int) -> Entry | None:
    try:
        return judge.entry(told, number)
    except FeedError:
        raise
    except Exception as e:  # noqa: BLE001  (an entry that we stumble over must not cost the others)
        judge.refuse(
            told.where or f"entry {number}", f"it cannot be read ({type(e).__name__}: {e})"
        )
        return None


def _beginning(url: str, site: str) -> str:
    """Return what relative addresses are relative to: of a feed in a file, the feed's page."""
    return url if url.startswith(("http://", "https://")) else site or url


def _picture(told: Told) -> Picture | None:
    groups = (told.pictures, in_markup(told.summary), in_markup(told.content))
    picture = next(filter(None, map(best, groups)), None)
    return picture or next((p for p in told.pictures if p.caption and not p.url), None)


def _guid(told: str) -> str | None:
    guid = plain(told, longest=10_000)
    if len(guid) > LONGEST_GUID:
        return "sha256:" + hashlib.sha256(guid.encode()).hexdigest()
    return guid or None


def _language(told: str) -> str | None:
    tag = told.strip().replace("_", "-")
    parts = tag.split("-")
    fits = tag.isascii() and all(part.isalnum() and len(part) <= 8 for part in parts)
    return tag if fits and len(tag) <= 35 and len(parts[0]) in (2, 3) else None


def _feed_url(told: str, url: str) -> str | None:
    try:
        return absolute(told, url) if told.strip() else None
    except LinkError:
        return None
