"""Feeds, what state their reading is in, who may read one now, and what they refused."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import (
    ColumnElement,
    Connection,
    Row,
    Table,
    and_,
    delete,
    func,
    insert,
    or_,
    select,
    update,
)

from digest.model import Refusal
from digest.model.settings import FeedSettings
from digest.store import dialects, leases
from digest.store.schema import feeds, newsletter_feeds, publication_feeds, refusals

CONFIG, DESK, IMPORT = "config", "desk", "import"
#: A feed is dead after this many failures in a row over this long.
DEAD_FAILURES = 3
DEAD_AFTER = timedelta(days=1)

_LONGEST_ERROR = 500


@dataclass(frozen=True, slots=True, kw_only=True)
class Feed:
    """A feed with the state of its reading."""

    id: int
    url: str
    settings: FeedSettings
    title: str
    #: Where it now lives, after a permanent redirect; None: at *url*.
    moved_to: str | None
    #: False: switched off at the desk, or gone from config.yaml.
    enabled: bool
    #: ``config``, ``desk`` or ``import``.
    origin: str
    #: When its first import was; None until then.
    baseline_at: datetime | None
    etag: str | None
    last_modified: str | None
    body_hash: str | None
    next_fetch_at: datetime | None
    fetched_at: datetime | None
    succeeded_at: datetime | None
    #: In a row; 0 after a success.
    failures: int
    #: Why the last reading failed; "" if it did not.
    error: str
    #: Keys of the newsletters that it feeds, sorted.
    newsletters: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Dead:
    """A feed that has failed too long to send without a look at it."""

    url: str
    #: When it last worked; of one that never did, when it was last tried.
    since: datetime
    error: str


# --- which feeds there are ----------------------------------------------------------------


def listed(conn: Connection, newsletter: str | None = None) -> list[Feed]:
    """Return the feeds, of one newsletter or all, by address."""
    query = select(feeds).order_by(feeds.c.url)
    if newsletter is not None:
        query = query.where(feeds.c.id.in_(_of(newsletter)))
    return _feeds(conn, conn.execute(query))


def find(conn: Connection, url: str) -> Feed | None:
    """Return the feed that is known by that address; None if there is none."""
    return next(iter(_feeds(conn, conn.execute(select(feeds).where(feeds.c.url == url)))), None)


def by_id(conn: Connection, feed_id: int) -> Feed:
    """Return that feed; KeyError if there is none."""
    found = _feeds(conn, conn.execute(select(feeds).where(feeds.c.id == feed_id)))
    if not found:
        raise KeyError(feed_id)
    return found[0]


def add(
    conn: Connection,
    newsletter: str,
    settings: FeedSettings,
    *,
    origin: str,
    now: datetime,
) -> Feed:
    """
    Return that feed as part of a newsletter, with these settings; made if there was none.

    Calling twice is safe. A feed that was imported and is now configured becomes a
    configured one. Changed settings make it due *now*, and read as if never before.
    """
    told = _as_json(settings)
    fresh = {"url": settings.url, "settings": told, "enabled": True, "origin": origin}
    fresh["next_fetch_at"] = now
    _insert_once(conn, feeds, fresh, "url")
    known = _known(conn, settings.url)
    if known.settings != told:
        _update(conn, known.id, settings=told, next_fetch_at=now, **_UNREAD)
    if known.origin == IMPORT and origin != IMPORT:
        _update(conn, known.id, origin=origin)
    _link(conn, newsletter, known.id)
    return by_id(conn, known.id)


def _as_json(settings: FeedSettings) -> dict[str, Any]:
    """Return the settings as config.yaml has them: a duration is a number and a unit."""
    every = f"{int(settings.every.total_seconds())}s"
    return settings.model_dump(mode="json") | {"every": every}


#: Forgets what would make an unchanged body look as if it needed no reading.
_UNREAD: Mapping[str, Any] = {"etag": None, "last_modified": None, "body_hash": None}


def seed(conn: Connection, wanted: Mapping[str, Sequence[FeedSettings]], *, now: datetime) -> None:
    """
    Make the configured feeds of each newsletter those *wanted*. Calling twice is safe.

    A feed that the configuration no longer names is switched off and leaves its
    newsletters; what it brought stays. It is switched on again when it returns, but one
    that was switched off at the desk stays so. A feed of two newsletters is read once,
    in the way that the first of them says.
    """
    first: dict[str, FeedSettings] = {}
    for newsletter, settings in wanted.items():
        for one in settings:
            _revive(conn, one.url, now)
            add(conn, newsletter, first.setdefault(one.url, one), origin=CONFIG, now=now)
    for feed in listed(conn):
        if feed.origin == CONFIG:
            _retire(conn, feed, wanted)


def _revive(conn: Connection, url: str, now: datetime) -> None:
    orphaned = feeds.c.id.not_in(select(newsletter_feeds.c.feed_id))
    known = and_(feeds.c.url == url, feeds.c.origin == CONFIG, feeds.c.enabled.is_(False))
    conn.execute(update(feeds).where(known, orphaned).values(enabled=True, next_fetch_at=now))


def _retire(conn: Connection, feed: Feed, wanted: Mapping[str, Sequence[FeedSettings]]) -> None:
    kept = {key for key, told in wanted.items() if any(one.url == feed.url for one in told)}
    gone = set(feed.newsletters) - kept
    if gone:
        conn.execute(
            delete(newsletter_feeds).where(
                newsletter_feeds.c.feed_id == feed.id, newsletter_feeds.c.newsletter.in_(gone)
            )
        )
    if not kept and feed.enabled:
        _update(conn, feed.id, enabled=False)


def switch(conn: Connection, feed_id: int, *, enabled: bool, now: datetime) -> None:
    """Switch a feed on, due *now*, or off. Calling twice is safe."""
    _update(conn, feed_id, enabled=enabled, next_fetch_at=now)


def _of(newsletter: str) -> Any:
    return select(newsletter_feeds.c.feed_id).where(newsletter_feeds.c.newsletter == newsletter)


def _known(conn: Connection, url: str) -> Row[Any]:
    return conn.execute(select(feeds).where(feeds.c.url == url)).one()


def _link(conn: Connection, newsletter: str, feed_id: int) -> None:
    row = {"newsletter": newsletter, "feed_id": feed_id}
    _insert_once(conn, newsletter_feeds, row, "newsletter", "feed_id")


def _insert_once(conn: Connection, table: Table, row: Mapping[str, Any], *keys: str) -> None:
    fresh = dialects.insert(conn, table).values(**row)
    conn.execute(fresh.on_conflict_do_nothing(index_elements=keys))


def _update(conn: Connection, feed_id: int, **values: Any) -> None:
    conn.execute(update(feeds).where(feeds.c.id == feed_id).values(**values))


def _feeds(conn: Connection, rows: Iterable[Row[Any]]) -> list[Feed]:
    found = list(rows)
    named: dict[int, list[str]] = {}
    links = select(newsletter_feeds).order_by(newsletter_feeds.c.newsletter)
    for newsletter, feed_id in conn.execute(links):
        named.setdefault(feed_id, []).append(newsletter)
    return [
        Feed(
            **row._asdict() | {"settings": FeedSettings.model_validate(row.settings)},
            newsletters=tuple(named.get(row.id, ())),
        )
        for row in found
    ]


# --- reading one --------------------------------------------------------------------------


def due(conn: Connection, *, now: datetime, force: bool = False) -> list[Feed]:
    """Return the feeds to read now, those waiting longest first; all enabled with *force*."""
    query = select(feeds).where(feeds.c.enabled.is_(True), feeds.c.origin != IMPORT)
    if not force:
        query = query.where(_is_due(now))
    return _feeds(conn, conn.execute(query.order_by(feeds.c.next_fetch_at, feeds.c.id)))


def _is_due(now: datetime) -> Any:
    return or_(feeds.c.next_fetch_at.is_(None), feeds.c.next_fetch_at <= now)


def claim(conn: Connection, feed_id: int, *, holder: str, at: datetime, until: datetime) -> bool:
    """Return whether *holder* alone may read the feed until then, as `leases.claim` does."""
    return leases.claim(conn, f"feed {feed_id}", holder=holder, at=at, until=until)


def release(conn: Connection, feed_id: int, *, holder: str) -> None:
    """End a claim; one that another holds by now is left alone."""
    leases.release(conn, f"feed {feed_id}", holder=holder)


def succeeded(
    conn: Connection,
    feed_id: int,
    *,
    at: datetime,
    next_fetch_at: datetime | None,
    **learnt: Any,
) -> None:
    """
    Keep that a reading went well, and what was *learnt*: title, etag, last_modified,
    body_hash, moved_to. The first one sets the baseline.
    """
    _update(
        conn,
        feed_id,
        fetched_at=at,
        succeeded_at=at,
        next_fetch_at=next_fetch_at,
        failures=0,
        error="",
        baseline_at=func.coalesce(feeds.c.baseline_at, at),
        **learnt,
    )


def imported(conn: Connection, feed_id: int, *, at: datetime, title: str) -> None:
    """Keep that a file was read in a feed's name; when the feed itself is due stays."""
    baseline = func.coalesce(feeds.c.baseline_at, at)
    _update(conn, feed_id, title=title, succeeded_at=at, baseline_at=baseline)


def failed(
    conn: Connection, feed_id: int, *, at: datetime, next_fetch_at: datetime, error: str
) -> None:
    """Keep that a reading failed and why; what it learnt before stays, but not a move."""
    _update(
        conn,
        feed_id,
        fetched_at=at,
        next_fetch_at=next_fetch_at,
        failures=feeds.c.failures + 1,
        error=error[:_LONGEST_ERROR],
        moved_to=None,
    )


# --- how they are -------------------------------------------------------------------------


def refuse(conn: Connection, feed_id: int, refused: Iterable[Refusal], *, at: datetime) -> None:
    """Keep what the newest reading refused; what an older one did is forgotten."""
    conn.execute(delete(refusals).where(refusals.c.feed_id == feed_id))
    rows = [{"feed_id": feed_id, "at": at, "entry": one.where, "why": one.why} for one in refused]
    if rows:
        conn.execute(insert(refusals), rows)


def refused(conn: Connection, feed_id: int) -> list[Refusal]:
    """Return what the newest reading refused, in the feed's order."""
    query = select(refusals).where(refusals.c.feed_id == feed_id).order_by(refusals.c.id)
    return [Refusal(where=row.entry, why=row.why) for row in conn.execute(query)]


def counts(conn: Connection) -> dict[int, int]:
    """Return how many publications each feed carries, by its id."""
    named = publication_feeds.c
    many = func.count(named.publication_id.distinct()).label("many")
    query = select(named.feed_id, many).group_by(named.feed_id)
    return {row.feed_id: row.many for row in conn.execute(query)}


def carries(newsletter: str, publication: ColumnElement[int]) -> ColumnElement[bool]:
    """Return the condition that a feed of *newsletter* carries the *publication* of that number."""
    # Asked of one row at a time: a list of all that it carries may have fifty thousand.
    return (
        select(1)
        .select_from(publication_feeds)
        .join(newsletter_feeds, newsletter_feeds.c.feed_id == publication_feeds.c.feed_id)
        .where(
            newsletter_feeds.c.newsletter == newsletter,
            publication_feeds.c.publication_id == publication,
        )
        .exists()
    )


def dead(conn: Connection, newsletter: str, *, now: datetime) -> list[Dead]:
    """Return the newsletter's enabled feeds that are dead, as `is_dead` has it, by address."""
    return [
        Dead(url=feed.url, since=feed.succeeded_at or feed.fetched_at or now, error=feed.error)
        for feed in listed(conn, newsletter)
        if is_dead(feed, now)
    ]


def is_dead(feed: Feed, now: datetime) -> bool:
    """
    Return whether an enabled feed has failed several times in a row, and for a day.

    One that never worked has failed for long enough with that.
    """
    recent = feed.succeeded_at is not None and feed.succeeded_at > now - DEAD_AFTER
    return feed.enabled and feed.failures >= DEAD_FAILURES and not recent
