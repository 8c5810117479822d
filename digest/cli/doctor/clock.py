"""This machine's clock beside those of others; NTP need not be reachable for it."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from digest.cli.doctor.finding import Finding, Health, ok
from digest.errors import FeedError

if TYPE_CHECKING:
    from digest.config import Loaded
    from digest.model.settings import FeedSettings

#: A Date has whole seconds, the answer its way; and an issue is due at a minute.
CLOCKS_DIFFER = timedelta(minutes=1)
#: So many servers are asked at most, until one agrees.
SERVERS = 3


def clock(loaded: Loaded) -> Iterator[Finding]:
    """
    Compare the clock with the Date that the feeds' servers say.

    One that agrees is enough: others may be wrong. Nothing is said where nobody answers.
    """
    apart: dict[str, timedelta] = {}
    for host, feed in list(_servers(loaded).items())[:SERVERS]:
        if (found := _ahead_of(feed)) is None:
            continue
        if abs(found) <= CLOCKS_DIFFER:
            yield ok("clock", f"The clock agrees with that of {host}.")
            return
        apart[host] = found
    if apart:
        host = min(apart, key=lambda each: abs(apart[each]))
        yield _wrong(host, apart[host])


def _servers(loaded: Loaded) -> dict[str, FeedSettings]:
    """Return a feed for each host that feeds come from."""
    found: dict[str, FeedSettings] = {}
    for newsletter in loaded.settings.newsletters.values():
        for feed in newsletter.feeds:
            place = urlsplit(feed.url)
            if place.scheme in ("http", "https") and place.hostname:
                found.setdefault(place.hostname, feed)
    return found


def _ahead_of(feed: FeedSettings) -> timedelta | None:
    from digest import http

    try:
        told = http.time_told(feed.url, allow_private=feed.allow_private)
    except FeedError:
        return None  # the feeds' own check tells of it
    return datetime.now(UTC) - told if told else None


def _wrong(host: str, apart: timedelta) -> Finding:
    way = "ahead of" if apart > timedelta() else "behind"
    return Finding(
        check="clock",
        health=Health.WARNING,
        sentence=f"This machine's clock is {abs(apart).total_seconds():,.0f} s {way} {host}'s; "
        "issues go out as much too "
        f"{'early' if apart > timedelta() else 'late'}.",
        remedy="Set it, and let NTP keep it (timedatectl set-ntp true).",
    )
