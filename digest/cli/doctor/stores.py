"""The database, and what is in it."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

from digest.cli.doctor.finding import Finding, Health, broken, ok
from digest.errors import DigestError

if TYPE_CHECKING:
    from digest import intake
    from digest.config import Loaded
    from digest.store import Database
    from digest.store.vitals import Vitals

#: An issue to a hundred thousand readers adds about so much to the database.
TIGHT_BYTES = 500 * 1024**2
FULL_BYTES = 50 * 1024**2
#: Clocks that differ by more than a worker can overlook.
CLOCKS_DIFFER = timedelta(seconds=5)


def database(loaded: Loaded) -> Iterator[Finding]:
    """Check the database, and in it the feeds; no file is made where there is none."""
    from sqlalchemy.exc import SQLAlchemyError

    from digest.cli.doctor import keys
    from digest.store import Database, upgrade, vitals

    opened = Database(loaded.settings.database, folder=loaded.folder)
    try:
        upgrade.check(opened)
        yield from _space(loaded, opened)
        vitals.try_writing(opened)
        yield ok("database", f"{opened.place}: a transaction was written and synced.")
        yield from _server(opened)
        yield from _feeds(loaded, opened)
        yield from _erasures(loaded, opened)
        yield from _retention(loaded, opened)
        yield from _monthly_readers(loaded, opened)
        yield from _webhooks(loaded, opened)
        yield from keys.ages(loaded, opened)
    except DigestError as e:
        yield broken("database", e)
    except SQLAlchemyError as e:
        said = " ".join(str(getattr(e, "orig", e)).split())
        yield Finding(
            check="database",
            health=Health.BROKEN,
            sentence=f"{opened.file or 'The database'}: {said}.",
            remedy="If its file is damaged, put your last backup in its place.",
        )
    finally:
        opened.close()


def _server(opened: Database) -> Iterator[Finding]:
    """Judge the server's version, its clock, and who is in whose way."""
    from digest.store import vitals

    now = datetime.now(UTC)
    with opened.read() as conn:
        found = vitals.taken(conn)
    if found.number < vitals.OLDEST[conn.dialect.name]:
        oldest = ".".join(map(str, vitals.OLDEST[conn.dialect.name]))
        yield Finding(
            check="database",
            health=Health.BROKEN,
            sentence=f"{found.name} {found.version} is too old.",
            remedy=f"Bring it to {oldest} or newer.",
        )
    yield from _clock(found, now)
    for waiting in found.waiting:
        yield Finding(
            check="database",
            health=Health.WARNING,
            sentence=f"Session {waiting.pid} ({waiting.program or 'unnamed'}) {waiting.what} "
            f"for {waiting.seconds:,.0f} s.",
            remedy=f"See what it does; to end it: SELECT pg_terminate_backend({waiting.pid})",
        )
    yield ok("database", f"{found.name} {found.version} answers; its schema is up to date.")


def _clock(found: Vitals, now: datetime) -> Iterator[Finding]:
    apart = abs(found.at - now) if found.at else timedelta()
    if found.latest and found.latest - now > CLOCKS_DIFFER:
        yield Finding(
            check="clock",
            health=Health.BROKEN,
            sentence=f"The database has something of {found.latest:%Y-%m-%d %H:%M} UTC, "
            f"and here it is {now:%Y-%m-%d %H:%M}.",
            remedy="Set this machine's clock, and let NTP keep it (timedatectl set-ntp true).",
        )
    elif apart > CLOCKS_DIFFER:
        yield Finding(
            check="clock",
            health=Health.BROKEN,
            sentence=f"This machine's clock and the database's are {apart.total_seconds():,.0f} s "
            "apart.",
            remedy="Set them, and let NTP keep them (timedatectl set-ntp true).",
        )
    else:
        with_whom = "agrees with the database's" if found.at else "is after all that was done"
        yield ok("clock", f"The clock {with_whom}.")


def _space(loaded: Loaded, opened: Database) -> Iterator[Finding]:
    place = opened.file or loaded.folder
    free = shutil.disk_usage(place.parent if opened.file else place).free
    if free < TIGHT_BYTES:
        yield Finding(
            check="disk",
            health=Health.BROKEN if free < FULL_BYTES else Health.WARNING,
            sentence=f"Only {free // 1024**2} MB are free beside {place}.",
            remedy=f"Make room: at least {TIGHT_BYTES // 1024**2} MB.",
        )
    else:
        yield ok("disk", f"{free // 1024**2:,} MB are free beside {place}.")


def _erasures(loaded: Loaded, database: Database) -> Iterator[Finding]:
    """See that nobody is back who was erased, as after a backup that was put back."""
    from digest import readership
    from digest.store import erasures

    journal = erasures.journal(database, loaded.folder)
    standing = erasures.standing(journal)
    if not standing:
        return
    again = readership.erase_again(database, loaded, now=datetime.now(UTC))
    sentence = f"{len(standing):,} erased, by {journal}; none of them is here."
    if again:
        sentence = f"{again:,} of {len(standing):,} erased people were here again, and no more are."
    yield Finding(check="readers", health=Health.WARNING if again else Health.OK, sentence=sentence)


def _retention(loaded: Loaded, database: Database) -> Iterator[Finding]:
    """Tell how long what is known of people is kept, and whether it goes in time."""
    from digest import readership

    for rule in readership.schedule(database, loaded, now=datetime.now(UTC)):
        if rule.due:
            yield Finding(
                check="retention",
                health=Health.WARNING,
                sentence=f"{rule.sentence} {rule.due:,} should be gone.",
                remedy="The bell of `digest serve` sees to it every hour; see that it runs.",
            )
        else:
            yield ok("retention", rule.sentence)


def _monthly_readers(loaded: Loaded, database: Database) -> Iterator[Finding]:
    """Tell of readers who chose a month's issue that is not made any more: they get nothing."""
    from digest.model import Rhythm
    from digest.store import census

    for key, newsletter in loaded.settings.newsletters.items():
        if Rhythm.MONTHLY in newsletter.rhythms:
            continue
        with database.read() as conn:
            waiting = census.reading(conn, key, rhythm=Rhythm.MONTHLY)
        if waiting:
            yield Finding(
                check="readers",
                health=Health.WARNING,
                sentence=f"{waiting:,} readers of {key} chose the month's issue, which is not made "
                "any more: they get no mail.",
                remedy=f"Put `monthly: {{}}` back under {key} in config.yaml. Who they are is in "
                f"the column rhythm of: digest subscribers export --newsletter {key}",
            )


def _webhooks(loaded: Loaded, database: Database) -> Iterator[Finding]:
    """Tell of each webhook whether it takes what it is told."""
    from digest.model import DeliveryState
    from digest.store import hooks

    with database.read() as conn:
        counts = hooks.counts(conn)
    for hook in loaded.settings.webhooks:
        waits = counts.get((hook.url, DeliveryState.DEFERRED), 0)
        lost = counts.get((hook.url, DeliveryState.FAILED), 0)
        if waits or lost:
            yield Finding(
                check="webhooks",
                health=Health.WARNING,
                sentence=f"{hook.url}: {waits:,} calls not taken yet, {lost:,} given up.",
                remedy="See that it answers 2xx within ten seconds; calls are repeated for 48 h.",
            )
        else:
            told = counts.get((hook.url, DeliveryState.SENT), 0)
            yield ok("webhooks", f"{hook.url}: {told:,} calls taken lately.")


def _feeds(loaded: Loaded, database: Database) -> Iterator[Finding]:
    from digest import intake

    now = datetime.now(UTC)
    for key, newsletter in loaded.settings.newsletters.items():
        with database.read() as conn:
            feeds = intake.health(conn, key, now=now)
        yield from (_feed(feed) for feed in feeds if feed.state != "off")
        if not feeds:
            yield _no_feeds(key, configured=bool(newsletter.feeds))


def _feed(feed: intake.Health) -> Finding:
    read = f"last read {feed.succeeded_at:%Y-%m-%d %H:%M} UTC" if feed.succeeded_at else "not read"
    healths = {"dead": Health.BROKEN, "failing": Health.WARNING, "new": Health.WARNING}
    health = healths.get(feed.state, Health.OK)
    return Finding(
        check="feeds",
        health=health,
        sentence=f"{feed.url}: {read}{f' ({feed.error})' if feed.error else ''}.",
        remedy=_FEED_REMEDIES.get(feed.state, ""),
    )


_FEED_REMEDIES = {
    "dead": "Run: digest feeds health",
    "failing": "It is tried again by itself; see: digest feeds health",
    "new": "Run: digest feeds fetch",
}


def _no_feeds(key: str, *, configured: bool) -> Finding:
    return Finding(
        check="feeds",
        health=Health.WARNING if configured else Health.BROKEN,
        sentence=f"{key}: its feeds were not read yet." if configured else f"{key} has no feeds.",
        remedy="Run: digest feeds fetch" if configured else "Run: digest feeds add URL",
    )
