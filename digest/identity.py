"""When two things are one: keys of links, titles and addresses, and what a feed changed.

Everything here is a pure function of its arguments, so the same publication is
recognised in the same way whichever feed, file or hand brings it.
"""

from __future__ import annotations

import re
import unicodedata
from collections import Counter, defaultdict
from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass, fields, replace
from datetime import datetime, timedelta
from difflib import SequenceMatcher
from functools import lru_cache
from typing import Any
from urllib.parse import SplitResult, quote, unquote, urlsplit

import idna

from digest.model import Entry, Image, Publication

#: How far apart two publications of one title may lie and still be one.
REISSUE_DAYS = 4
#: PostgreSQL indexes about 2,700 bytes; a character has up to four.
LONGEST_KEY = 400
#: A title shorter than this ("Update") says too little to make two publications one.
TELLING_TITLE_BYTES = 18

_PORTS = {"http": 80, "https": 443}
_TRACKING = re.compile(
    r"(utm_|pk_|mtm_|matomo_|piwik_|hsa_|_hs|mc_|oly_|vero_|trk_)\w*"
    r"|fbclid|gclid|gclsrc|dclid|gbraid|wbraid|msclkid|yclid|twclid|ttclid|igshid|li_fat_id"
    r"|mkt_tok|_openstat|_ga|_gl|wt_mc|s_cid|cmpid|ncid|ref_src|ref_url|srsltid",
    re.IGNORECASE,
)
_UNRESERVED = frozenset("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-._~")


#: Keys are kept of so many texts: most are asked for again, for every draft and list.
_KEPT = 4096


@lru_cache(maxsize=_KEPT)
def link_key(url: str) -> str:
    """
    Return what stays of a web address when all that does not matter is taken away.

    Dropped are the scheme (http or https), a leading ``www.``, the default port, user
    and password, the fragment (but not a ``#!`` route), tracking parameters, and a
    trailing slash. Host and percent-escapes are brought to one case, escapes that are
    not needed are undone, dots in the path resolved (RFC 3986, 6.2.2), parameters
    sorted. ``www.`` is dropped because a site whose two names show different pages is
    far rarer than a feed that mixes them. Returns "" for what is no http(s) address.
    """
    try:
        parts = urlsplit(url.strip())
        host, port = parts.hostname, parts.port
    except ValueError:
        return ""
    if parts.scheme.lower() not in _PORTS or not host:
        return ""
    place = _host_key(host).removeprefix("www.")
    if port and port != _PORTS[parts.scheme.lower()]:
        place += f":{port}"
    return place + _path_key(parts.path) + _query_key(parts.query) + _route_key(parts)


_PLAIN_HOST = re.compile(r"[A-Za-z0-9.-]+")


@lru_cache(maxsize=10_000)
def _host_key(host: str) -> str:
    host = host.rstrip(".")
    if _PLAIN_HOST.fullmatch(host) and "xn--" not in host.lower():
        return host.lower()  # what IDNA makes of it, too, and a hundred times as fast
    try:
        return idna.encode(host, uts46=True).decode().lower()
    except (idna.IDNAError, UnicodeError):
        return host.casefold()


def _path_key(path: str) -> str:
    kept: list[str] = []
    for segment in path.split("/"):
        if segment == "..":
            del kept[-1:]
        elif segment not in ("", "."):
            kept.append(_escapes_key(segment))
    return "".join("/" + segment for segment in kept)


def _query_key(query: str) -> str:
    kept = [
        _escapes_key(pair)
        for pair in query.split("&")
        if pair and not _TRACKING.fullmatch(unquote(pair.partition("=")[0]))
    ]
    return "?" + "&".join(sorted(kept)) if kept else ""


def _route_key(parts: SplitResult) -> str:
    return "#" + _escapes_key(parts.fragment) if parts.fragment.startswith("!") else ""


def _escapes_key(text: str) -> str:
    def normal(match: re.Match[str]) -> str:
        character = chr(int(match[1], 16))
        return character if character in _UNRESERVED else match[0].upper()

    escaped = quote(text, safe="%:/?#[]@!$&'()*+,;=-._~|", errors="replace")
    return re.sub(r"%([0-9A-Fa-f]{2})", normal, escaped)


@lru_cache(maxsize=_KEPT)
def title_key(title: str) -> str:
    """
    Return a title's letters and digits, compatibility forms and case folded.

    Apostrophes vanish, ``&`` reads as *and*, any other run of punctuation and space is
    one space. A title without a letter or digit is its own key. Only the first
    `LONGEST_KEY` characters count, so that a database can index it.
    """
    folded = unicodedata.normalize("NFKC", unicodedata.normalize("NFKC", title).casefold())
    folded = re.sub(r"['’‘ʼ`´]", "", folded).replace("&", " and ")
    words = "".join(c if c.isalnum() or unicodedata.combining(c) else " " for c in folded)
    return (" ".join(words.split()) or " ".join(folded.split()))[:LONGEST_KEY].rstrip()


#: A topic's key stands in an address; a longer one is cut.
LONGEST_TOPIC = 80


def topic_key(topic: str) -> str:
    """
    Return what stands for *topic* in addresses: small letters and digits, hyphens between.

    Two spellings with one key ("U.S. Policy", "u.s. policy") are one topic. "" for what
    has neither letter nor digit.
    """
    plain = unicodedata.normalize("NFKC", topic).casefold()
    words = re.findall(r"[^\W_]+", unicodedata.normalize("NFC", plain))
    return "-".join(words)[:LONGEST_TOPIC].rstrip("-")


def address_key(address: str) -> str:
    """
    Return the form under which a mailbox is one mailbox: NFC, case-folded, IDNA domain.

    The part before the @ is folded too: RFC 5321 (2.4) lets a server tell ``Ana`` from
    ``ana``, but none that readers have does. An address without @ is only folded.
    """
    address = address.strip()
    if address.isascii():
        local, at, domain = address.lower().rpartition("@")
    else:
        local, at, domain = unicodedata.normalize("NFC", address).rpartition("@")
        local = unicodedata.normalize("NFC", local.casefold())
    return local + at + (_host_key(domain) if at else domain.casefold())


def address_parts(part: str) -> tuple[str, ...]:
    """
    Return what a part of an address may look like in its key; nothing for nothing.

    Of letters beyond ASCII it cannot be told whether they stand before the @, where they
    stay, or after it, where IDNA writes them in others.
    """
    part = part.strip()
    if not part:
        return ()
    return tuple(dict.fromkeys((address_key(part), address_key(f"@{part}").removeprefix("@"))))


# --- the same publication twice -----------------------------------------------------------


@dataclass(frozen=True, slots=True, kw_only=True)
class Mark:
    """What an entry or a stored publication can be recognised by."""

    #: None where the link is missing or says nothing (a home page).
    link: str | None
    #: The feed's own name for it; never empty: link, then title, stand in.
    guid: str
    title: str
    summary: str
    #: Published, or else first seen.
    dated: datetime
    starts_at: datetime | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Known:
    """A stored publication as the question “is it this one?” needs it."""

    id: int
    link: str | None
    title: str
    summary: str
    dated: datetime
    starts_at: datetime | None = None
    #: The names that the asking feed uses, or used, for it.
    guids: frozenset[str] = frozenset()


def marks(entries: Sequence[Entry], *, now: datetime) -> tuple[Mark, ...]:
    """
    Return one mark per entry of a feed, in the same order.

    A link or guid that one feed gives to different things names none of them, so it is
    left out; what then stands in as guid keeps the marks of different entries apart.
    """
    told = [_told(entry, now) for entry in entries]
    links = _ambiguous((mark.link, mark) for mark in told)
    guids = _ambiguous((mark.guid, mark) for mark in told)
    return tuple(_unambiguous(mark, links, guids) for mark in told)


def _told(entry: Entry, now: datetime) -> Mark:
    link = link_key(entry.link or "")
    # Many notes begin alike; of a title that was made, the words after it count too.
    title = title_key(f"{entry.title} {entry.summary}" if entry.title_made else entry.title)
    return Mark(
        link=link if "/" in link or "?" in link or "#" in link else None,
        guid=(entry.guid or "").strip() or link or title,
        title=title,
        summary=title_key(entry.summary),
        dated=entry.published_at or now,
        starts_at=entry.starts_at,
    )


def _ambiguous(named: Iterable[tuple[str | None, Mark]]) -> frozenset[str]:
    meant: defaultdict[str, set[tuple[str, datetime | None]]] = defaultdict(set)
    for name, mark in named:
        if name is not None:
            meant[name].add((mark.title, mark.starts_at))
    return frozenset(name for name, things in meant.items() if len(things) > 1)


def _unambiguous(mark: Mark, links: Collection[str], guids: Collection[str]) -> Mark:
    if mark.guid in guids:
        start = mark.starts_at.isoformat() if mark.starts_at else ""
        stand_in = mark.link if mark.link and mark.link not in links else mark.title
        mark = replace(mark, guid=" ".join(filter(None, (stand_in, start))))
    return replace(mark, link=None) if mark.link in links else mark


def recognised(mark: Mark, known: Iterable[Known], *, listed: Collection[str]) -> Known | None:
    """
    Return the stored publication that *mark* is, or None if it is a new one.

    *listed* are the guids that the feed lists now. In this order, the lowest id first
    among equals: the same link; the same guid in the same feed; the same title within
    `REISSUE_DAYS`, from another feed or re-issued under a new guid.
    """
    ordered = sorted(known, key=lambda one: one.id)
    for rule in (_same_link, _same_guid, _same_title):
        for one in ordered:
            if rule(mark, one, listed):
                return one
    return None


def _same_link(mark: Mark, one: Known, _listed: Collection[str]) -> bool:
    return mark.link is not None and mark.link == one.link


def _same_guid(mark: Mark, one: Known, _listed: Collection[str]) -> bool:
    return mark.guid in one.guids


def _same_title(mark: Mark, one: Known, listed: Collection[str]) -> bool:
    if mark.title != one.title or mark.starts_at != one.starts_at:
        return False
    if abs(mark.dated - one.dated) > timedelta(days=REISSUE_DAYS):
        return False
    if mark.summary == one.summary and mark.summary:
        return True
    # A feed that lists both under names of their own means two things.
    both_listed = bool(one.guids & set(listed))
    return not both_listed and len(mark.title.encode()) >= TELLING_TITLE_BYTES


# --- two that may be one ------------------------------------------------------------------

#: Titles of so much the same words, letter by letter, are told as nearly equal.
_NEARLY = 0.9
#: Words that the titles of two must share before they are held side by side.
_SHARED = 0.6
#: Two that lie further apart are a series.
_APART = timedelta(days=31)


@dataclass(frozen=True, slots=True, kw_only=True)
class Alike:
    """Two publications that may be one; the older one first."""

    first: Publication
    second: Publication
    #: ``same link``, ``same title``, ``nearly the same title``.
    why: str


def alike(publications: Iterable[Publication]) -> list[Alike]:
    """
    Return the pairs among *publications* that a person should look at, the newest first.

    They have the same canonical link, or titles equal or nearly so, within 31 days of one
    another. An event that is held again is none. Which of them is right only a person knows.
    """
    ordered = sorted(publications, key=lambda each: (each.dated, each.id))
    by_word: defaultdict[str, list[int]] = defaultdict(list)
    by_link: defaultdict[str, list[int]] = defaultdict(list)
    found = []
    for place, each in enumerate(ordered):
        link = link_key(each.link or "")
        words = frozenset(title_key(each.title).split())
        sharing = Counter(other for word in words for other in by_word[word])
        likely = [other for other, count in sharing.items() if count >= _SHARED * len(words)]
        found += [
            Alike(first=ordered[other], second=each, why=why)
            for other in sorted({*likely, *(by_link[link] if link else ())})
            if (why := _why_alike(ordered[other], each))
        ]
        for word in words:
            by_word[word].append(place)
        if link:
            by_link[link].append(place)
    return found[::-1]


def _why_alike(one: Publication, other: Publication) -> str:
    if one.starts_at != other.starts_at or other.dated - one.dated > _APART:
        return ""
    link = link_key(one.link or "")
    if link and link == link_key(other.link or ""):
        return "same link"
    title, its = title_key(one.title), title_key(other.title)
    if len(title.encode()) < TELLING_TITLE_BYTES:
        return ""
    if title == its:
        return "same title"
    # Parts of a series differ by their number alone.
    if _numbers(title) != _numbers(its):
        return ""
    return "nearly the same title" if _likeness(title, its) >= _NEARLY else ""


def _numbers(title: str) -> list[str]:
    return [word for word in title.split() if word.isdigit()]


def _likeness(one: str, other: str) -> float:
    matcher = SequenceMatcher(None, one, other, autojunk=False)
    return matcher.ratio() if matcher.quick_ratio() >= _NEARLY else 0.0


# --- what changed -------------------------------------------------------------------------

#: Every field that a feed may tell of a publication.
TOLD = tuple(field.name for field in fields(Entry) if field.name != "guid")
#: The fields whose change a reader would notice: these set `changed_at`.
WORDS = ("title", "summary", "starts_at")
_TAKEN = ("title", "summary", "kind", "authors", "link", "image", "language", "starts_at")


def changes(
    stored: Publication, entry: Entry, *, edited: Collection[str] = (), owner: bool, now: datetime
) -> dict[str, Any]:
    """
    Return the stored publication's fields that *entry* changes, with their new values.

    A feed that *owns* the publication (brought it first) changes what it tells; any
    other only fills what is empty, or was made, and adds topics. Fields that an editor
    *edited* stay, and nothing told is ever replaced by nothing. The date of publication
    stays as first told, unless it lies ahead of *now*, the owner tells an earlier one, or
    the same day with an hour.
    """
    changed: dict[str, Any] = {}
    for name in _TAKEN:
        old, new = getattr(stored, name), getattr(entry, name)
        if new and new != old and (owner or not old) and not _poorer(old, new):
            changed[name] = new
    if stored.title_made and not entry.title_made and "title" not in edited:
        changed |= {"title": entry.title, "title_made": False}
    if entry.title_made and not stored.title_made:
        # Its feed told no title, so it has nothing to put in the place of a real one.
        changed.pop("title", None)
    topics = merged(stored.topics, entry.topics)
    if topics != stored.topics:
        changed["topics"] = topics
    changed |= _dates(stored, entry, owner, now)
    return {name: value for name, value in changed.items() if name not in edited}


def _poorer(old: Any, new: Any) -> bool:
    """Return whether *new* is a caption alone where *old* has the picture as well."""
    return isinstance(old, Image) and isinstance(new, Image) and bool(old.url) and not new.url


def _dates(stored: Publication, entry: Entry, owner: bool, now: datetime) -> dict[str, Any]:
    changed: dict[str, Any] = {}
    if entry.published_at and _redated(stored, entry, owner, now):
        changed = {"published_at": entry.published_at, "day_only": entry.day_only}
    if owner and entry.updated_at and entry.updated_at != stored.updated_at:
        changed["updated_at"] = entry.updated_at
    return changed


def _redated(stored: Publication, entry: Entry, owner: bool, now: datetime) -> bool:
    old, new = stored.published_at, entry.published_at
    if old is None or new is None:
        return old is None
    if not owner or new == old:
        return False
    if stored.day_only and not entry.day_only:
        return abs(new - old) < timedelta(days=1) or new < old
    return new < old or old > now


def noticeable(stored: Publication, changed: dict[str, Any]) -> bool:
    """Return whether a reader would see the change: other words, not other punctuation."""
    for name in WORDS:
        if name not in changed or not getattr(stored, name):
            continue
        old, new = getattr(stored, name), changed[name]
        if not isinstance(old, str) or title_key(old) != title_key(new):
            return True
    return False


def merged(first: Iterable[str], second: Iterable[str]) -> tuple[str, ...]:
    """Return the names of both in their order, each once, whatever its case."""
    kept: dict[str, str] = {}
    for name in (*first, *second):
        kept.setdefault(title_key(name), name)
    return tuple(kept.values())
