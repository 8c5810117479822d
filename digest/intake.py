"""The run that brings what feeds list into the feed store, one feed never harming another."""

from __future__ import annotations

import hashlib
import time
import uuid
from collections.abc import Collection, Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from urllib.parse import urlsplit
from zoneinfo import ZoneInfo

import structlog
from sqlalchemy import Connection

from digest.config import Loaded
from digest.errors import FeedError, FetchFailed, StoreError
from digest.feeds import Fetched, fetch, is_path, page_image, parse
from digest.model import Entry, Parsed, Refusal
from digest.model.settings import FeedSettings, Settings
from digest.store import Database, bringing, publications
from digest.store import feeds as store
from digest.store.bringing import Brought
from digest.store.feeds import Feed
from digest.store.history import Log, unlogged

log = structlog.get_logger(__name__)

#: Hosts asked at the same time.
AT_ONCE = 4
#: Between two questions to one host.
PAUSE_SECONDS = 1.0
#: A feed is asked at least this often, however long it says that it stays fresh.
LONGEST_INTERVAL = timedelta(days=1)
#: Part of the interval by which feeds drift apart, so that they are not all due at once.
JITTER = 0.1
#: Pages of new publications that one reading looks at for a picture.
MOST_PAGES = 10
#: Longer than any reading may take; after it another process may try.
_LEASE = timedelta(minutes=10)


@dataclass(frozen=True, slots=True, kw_only=True)
class Reading:
    """What became of reading one feed or file."""

    url: str
    title: str = ""
    #: Publication ids.
    new: tuple[int, ...] = ()
    changed: tuple[int, ...] = ()
    #: How many entries the store had as they are.
    same: int = 0
    #: True if the feed said, or its bytes showed, that nothing changed.
    unchanged: bool = False
    refused: tuple[Refusal, ...] = ()
    #: Why it failed, and what to do; "" if it did not.
    error: str = ""
    remedy: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Health:
    """How one feed is, for a person."""

    url: str
    title: str
    #: ``well``, ``failing``, ``dead``, ``off``, ``new`` or ``imported``.
    state: str
    publications: int
    succeeded_at: datetime | None
    next_fetch_at: datetime | None
    failures: int
    error: str
    refused: tuple[Refusal, ...]
    newsletters: tuple[str, ...]


def seed_feeds(database: Database, loaded: Loaded, *, now: datetime) -> None:
    """
    Bring the configured feeds into the database. Calling twice is safe.

    A feed that config.yaml no longer names is switched off, its publications stay; one
    that was switched off at the desk stays so. New and changed ones are due *now*.
    """
    wanted = {key: one.feeds for key, one in loaded.settings.newsletters.items()}
    with database.write() as conn:
        store.seed(conn, wanted, now=now)


def fetch_due(
    database: Database,
    loaded: Loaded,
    *,
    now: datetime,
    only: Collection[str] | None = None,
    force: bool = False,
    pause_seconds: float = PAUSE_SECONDS,
) -> tuple[Reading, ...]:
    """
    Read every enabled feed that is due, or with *force* every one; return what came of it.

    The configured feeds are seeded first. *only* names feeds by their address. A few
    hosts are asked at once, each host one question after the other. What fails is kept
    with its reason and tried again later; the others go on. A feed that another process
    is reading is left to it. Raises StoreError, after all were tried, if the database did
    not take something.
    """
    seed_feeds(database, loaded, now=now)
    with database.read() as conn:
        due = store.due(conn, now=now, force=force)
    due = [feed for feed in due if only is None or feed.url in only]
    run = _Run(database, loaded, now, force)
    hosts = _by_host(due)
    if not hosts:
        return ()
    with ThreadPoolExecutor(min(AT_ONCE, len(hosts)), "intake") as pool:
        read = list(pool.map(lambda feeds: run.host(feeds, pause_seconds), hosts))
    if run.faults:
        raise run.faults[0]
    return tuple(sorted((one for readings in read for one in readings), key=lambda one: one.url))


def _by_host(due: Iterable[Feed]) -> list[list[Feed]]:
    hosts: dict[str, list[Feed]] = {}
    for feed in due:
        hosts.setdefault(_host(feed.moved_to or feed.url), []).append(feed)
    return list(hosts.values())


def _host(url: str) -> str:
    """Return whom a question to *url* burdens; "" for this machine's own files."""
    try:
        return "" if is_path(url) else urlsplit(url).hostname or url
    except ValueError:
        return url


@dataclass(slots=True)
class _Run:
    """One round of reading: its feeds share a database, a configuration and a moment."""

    database: Database
    loaded: Loaded
    now: datetime
    force: bool
    holder: str = field(default_factory=lambda: str(uuid.uuid4()))
    #: What the database did not take; other feeds go on meanwhile.
    faults: list[StoreError] = field(default_factory=list)

    def host(self, feeds: Sequence[Feed], pause_seconds: float) -> list[Reading]:
        readings: list[Reading] = []
        for feed in feeds:
            if readings and not is_path(feed.url):
                time.sleep(pause_seconds)
            try:
                reading = self.feed(feed.id)
            except StoreError as e:
                self.faults.append(e)
                continue
            readings += [reading] if reading else []
        return readings

    def feed(self, feed_id: int) -> Reading | None:
        """Read one feed; None if another process reads it, or has just done so."""
        feed = self.claimed(feed_id)
        if feed is None:
            return None
        try:
            return self.read(feed)
        finally:
            with self.database.write() as conn:
                store.release(conn, feed_id, holder=self.holder)

    def claimed(self, feed_id: int) -> Feed | None:
        at = datetime.now(UTC)
        with self.database.write() as conn:
            if not store.claim(conn, feed_id, holder=self.holder, at=at, until=at + _LEASE):
                return None
            feed = store.by_id(conn, feed_id)
            due = self.force or feed.next_fetch_at is None or feed.next_fetch_at <= self.now
            if not (due and feed.enabled):
                store.release(conn, feed_id, holder=self.holder)
                return None
            return feed

    def read(self, feed: Feed) -> Reading:
        try:
            fetched = self.fetched(feed)
            body_hash = hashlib.sha256(fetched.body).hexdigest()
            if fetched.unchanged or body_hash == feed.body_hash:
                return self.unchanged(feed, fetched)
            parsed = parse(
                fetched.body,
                feed.settings,
                url=fetched.url,
                content_type=fetched.content_type,
                zone=_zone(self.loaded.settings, feed),
                now=self.now,
            )
            return self.keep(feed, fetched, parsed, body_hash)
        except FeedError as e:
            return self.failed(feed, e)
        except StoreError:
            raise
        # A mistake of ours in reading one feed must not cost the others theirs.
        except Exception as e:
            log.exception("feed-stumbled", feed=feed.url)
            return self.failed(feed, FeedError(f"{feed.url}: {type(e).__name__}: {e}"))

    def fetched(self, feed: Feed) -> Fetched:
        return fetch(
            feed.settings,
            folder=self.loaded.folder,
            url=feed.moved_to,
            etag=feed.etag,
            last_modified=feed.last_modified,
            contact=self.loaded.settings.public_url,
        )

    def unchanged(self, feed: Feed, fetched: Fetched) -> Reading:
        with self.database.write() as conn:
            store.succeeded(
                conn, feed.id, at=self.now, next_fetch_at=self.next(feed, fetched.fresh_seconds)
            )
        return Reading(url=feed.url, title=feed.title, unchanged=True)

    def keep(self, feed: Feed, fetched: Fetched, parsed: Parsed, body_hash: str) -> Reading:
        with self.database.write() as conn:
            brought = _brought(conn, feed, parsed, now=self.now)
            store.succeeded(
                conn,
                feed.id,
                at=self.now,
                next_fetch_at=self.next(feed, fetched.fresh_seconds),
                title=parsed.title or feed.title,
                etag=fetched.etag,
                last_modified=fetched.last_modified,
                body_hash=body_hash,
                moved_to=fetched.moved_to or feed.moved_to,
            )
        if feed.settings.images == "page":
            self.illustrate(feed, brought)
        return _reading(feed.url, parsed, brought)

    def illustrate(self, feed: Feed, brought: Brought) -> None:
        """Look on the pages of new publications for the picture that their feed did not tell."""
        with self.database.read() as conn:
            new = publications.by_ids(conn, brought.new)
        bare = [one for one in new if one.link and not (one.image and one.image.url)]
        for one in bare[:MOST_PAGES]:
            try:
                image = page_image(
                    one.link or "", feed.settings, contact=self.loaded.settings.public_url
                )
            except FeedError as e:
                # A mail without this picture is whole; the page has its own reasons.
                log.info("no-picture", link=one.link, why=str(e))
                continue
            if image:
                with self.database.write() as conn:
                    publications.illustrate(conn, one.id, image)

    def failed(self, feed: Feed, e: FeedError) -> Reading:
        wait = feed.settings.every * 2 ** min(feed.failures, 10)
        wait = min(wait, max(LONGEST_INTERVAL, feed.settings.every))
        asked = e.retry_after_seconds if isinstance(e, FetchFailed) else None
        due = self.now + max(self.drifted(feed, wait), timedelta(seconds=asked or 0))
        with self.database.write() as conn:
            store.failed(conn, feed.id, at=self.now, next_fetch_at=due, error=str(e))
        return Reading(url=feed.url, title=feed.title, error=str(e), remedy=e.remedy)

    def next(self, feed: Feed, fresh_seconds: float | None) -> datetime:
        fresh = min(timedelta(seconds=fresh_seconds or 0), LONGEST_INTERVAL)
        return self.now + self.drifted(feed, max(feed.settings.every, fresh))

    def drifted(self, feed: Feed, interval: timedelta) -> timedelta:
        """Return the interval and a part more, the same for one feed at one moment."""
        seed = hashlib.sha256(f"{feed.url} {self.now.isoformat()}".encode()).digest()
        return interval * (1 + JITTER * int.from_bytes(seed[:4]) / 2**32)


def _zone(settings: Settings, feed: Feed) -> ZoneInfo:
    """Return the zone of the first newsletter that it feeds."""
    for key in feed.newsletters:
        if key in settings.newsletters:
            return settings.newsletters[key].zone
    return ZoneInfo("UTC")


def _brought(conn: Connection, feed: Feed, parsed: Parsed, *, now: datetime) -> Brought:
    brought = bringing.bring(
        conn, feed.id, parsed.entries, now=now, baseline=feed.baseline_at is None
    )
    store.refuse(conn, feed.id, parsed.refused, at=now)
    return brought


def _reading(url: str, parsed: Parsed, brought: Brought) -> Reading:
    return Reading(
        url=url,
        title=parsed.title,
        new=tuple(brought.new),
        changed=tuple(brought.changed),
        same=len(brought.same),
        refused=parsed.refused,
    )


# --- by hand ------------------------------------------------------------------------------


def add_feed(
    database: Database,
    loaded: Loaded,
    newsletter_key: str,
    settings: FeedSettings,
    *,
    now: datetime,
    log: Log = unlogged,
) -> Reading:
    """
    Read a feed and add it to a newsletter; nothing is kept if it cannot be read.

    Adding a feed that is there reads it again. Raises FeedError.
    """
    fetched, parsed = _read(loaded, newsletter_key, settings, now=now)
    with database.write() as conn:
        feed = store.add(conn, newsletter_key, settings, origin=store.DESK, now=now)
        log(conn)
    body_hash = hashlib.sha256(fetched.body).hexdigest()
    return _Run(database, loaded, now, force=True).keep(feed, fetched, parsed, body_hash)


def look(loaded: Loaded, newsletter_key: str, settings: FeedSettings, *, now: datetime) -> Parsed:
    """Return what a feed holds, before it is added; nothing is kept. Raises FeedError."""
    return _read(loaded, newsletter_key, settings, now=now)[1]


def _read(
    loaded: Loaded, newsletter_key: str, settings: FeedSettings, *, now: datetime
) -> tuple[Fetched, Parsed]:
    fetched = fetch(settings, folder=loaded.folder, contact=loaded.settings.public_url)
    parsed = parse(
        fetched.body,
        settings,
        url=fetched.url,
        content_type=fetched.content_type,
        zone=loaded.settings.newsletters[newsletter_key].zone,
        now=now,
    )
    return fetched, parsed


def import_file(
    database: Database,
    loaded: Loaded,
    newsletter_key: str,
    path: Path,
    *,
    feed_url: str | None = None,
    now: datetime,
) -> Reading:
    """
    Bring a file of any kind that feeds have into a newsletter; return what came of it.

    The file counts as a reading of the feed at *feed_url*, else of the one that it names
    as its own address, else of a feed called after the file. A feed's first import is
    its baseline. Importing the same file again changes nothing. Raises FeedError.
    """
    newsletter = loaded.settings.newsletters[newsletter_key]
    fetched = fetch(FeedSettings(url=str(path)), folder=Path.cwd())
    with database.read() as conn:
        known = store.find(conn, feed_url) if feed_url else None
    settings = known.settings if known else FeedSettings(url=feed_url or path.name)
    base = settings.url if not is_path(settings.url) else path.name
    parsed = parse(fetched.body, settings, url=base, zone=newsletter.zone, now=now)
    if not feed_url and parsed.feed_url:
        settings = settings.model_copy(update={"url": parsed.feed_url})
    with database.write() as conn:
        feed = store.find(conn, settings.url)
        if feed is None or newsletter_key not in feed.newsletters:
            feed = store.add(conn, newsletter_key, settings, origin=store.IMPORT, now=now)
        brought = _brought(conn, feed, parsed, now=now)
        store.imported(conn, feed.id, at=now, title=feed.title or parsed.title)
    return _reading(settings.url, parsed, brought)


def write_in(
    database: Database,
    newsletter_key: str,
    entries: Sequence[Entry],
    *,
    now: datetime,
    log: Log = unlogged,
) -> Reading:
    """
    Bring entries that an editor wrote by hand into a newsletter. Calling twice is safe.

    They belong to a feed of the newsletter's own, called ``by-hand:KEY``.
    """
    settings = FeedSettings(url=f"by-hand:{newsletter_key}")
    parsed = Parsed(entries=tuple(entries), title="By hand")
    with database.write() as conn:
        feed = store.add(conn, newsletter_key, settings, origin=store.IMPORT, now=now)
        brought = bringing.bring(conn, feed.id, parsed.entries, now=now, baseline=False)
        store.imported(conn, feed.id, at=now, title=parsed.title)
        log(conn)
    return _reading(settings.url, parsed, brought)


# --- how they are -------------------------------------------------------------------------


def health(conn: Connection, newsletter: str | None = None, *, now: datetime) -> list[Health]:
    """Return how each feed is, those in need of a look first, then by address."""
    counts = store.counts(conn)
    told = [
        Health(
            url=feed.url,
            title=feed.title,
            state=_state(feed, now),
            publications=counts.get(feed.id, 0),
            succeeded_at=feed.succeeded_at,
            next_fetch_at=feed.next_fetch_at,
            failures=feed.failures,
            error=feed.error,
            refused=tuple(store.refused(conn, feed.id)),
            newsletters=feed.newsletters,
        )
        for feed in store.listed(conn, newsletter)
    ]
    return sorted(told, key=lambda one: (_NEEDS_A_LOOK.index(one.state), one.url))


_NEEDS_A_LOOK = ("dead", "failing", "new", "well", "imported", "off")


def _state(feed: Feed, now: datetime) -> str:
    if not feed.enabled:
        return "off"
    if feed.failures:
        return "dead" if store.is_dead(feed, now) else "failing"
    if feed.origin == store.IMPORT:
        return "imported"
    return "well" if feed.succeeded_at else "new"
