"""Where publications come from: add, list, fetch, import, health."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from digest.cli.context import AsJson, NewsletterKey

if TYPE_CHECKING:
    from digest.cli.context import Installation
    from digest.intake import Health, Reading

app = typer.Typer(no_args_is_help=True)


@app.command()
def add(
    address: Annotated[str, typer.Argument(help="A web address, or a path beside config.yaml.")],
    topic: Annotated[str | None, typer.Option(help="Given to all that it brings.")] = None,
    kind: Annotated[str, typer.Option(help="auto | rss | json | text | csv | event")] = "auto",
    newsletter: NewsletterKey = None,
    allow_private: Annotated[
        bool, typer.Option("--allow-private", help="It lives on a private network.")
    ] = False,
    json: AsJson = False,
) -> None:
    """
    Read a feed and, if that works, add it to the newsletter.

    Example: digest feeds add https://example.org/publications.xml --topic Security
    """
    from digest import intake
    from digest.cli import context, terminal
    from digest.cli.anyfeed import settings_of

    installation = context.open_installation()
    key, _ = context.newsletter(installation, newsletter)
    reading = intake.add_feed(
        installation.database,
        installation.loaded,
        key,
        settings_of(url=address, topic=topic, kind=kind, allow_private=allow_private),
        now=datetime.now(UTC),
    )
    if json:
        terminal.as_json(reading)
        return
    terminal.facts(
        [("Added", reading.title or reading.url), ("Listed", _brought(reading)), *_refused(reading)]
    )
    terminal.say("Next    digest feeds list")


@app.command("list")
def list_feeds(newsletter: NewsletterKey = None, json: AsJson = False) -> None:
    """
    List the feeds: how each is, how many publications it brought, when it is read next.

    Example: digest feeds list
    """
    from digest.cli import terminal

    feeds = _healths(newsletter)
    if json:
        terminal.as_json(feeds)
        return
    rows = [
        (feed.url, feed.state, feed.publications, feed.succeeded_at, _next(feed)) for feed in feeds
    ]
    terminal.table(("feed", "state", "publications", "last read", "next"), rows)
    terminal.say("Next    digest feeds fetch" if feeds else "Next    digest feeds add ADDRESS")


@app.command()
def fetch(
    feed: Annotated[
        list[str] | None, typer.Option("--feed", help="Only this one; may be repeated.")
    ] = None,
    now: Annotated[bool, typer.Option("--now", help="Also those that are not due yet.")] = False,
    json: AsJson = False,
) -> None:
    """
    Read the feeds that are due.

    Example: digest feeds fetch --now
    """
    from digest import intake
    from digest.cli import context, terminal

    installation = context.open_installation()
    readings = intake.fetch_due(
        installation.database,
        installation.loaded,
        now=datetime.now(UTC),
        only=_known(installation, feed) if feed else None,
        force=now or bool(feed),
    )
    if json:
        terminal.as_json(readings)
    else:
        _tell(installation, readings)
    _complain(readings)


def _known(installation: Installation, named: Sequence[str]) -> list[str]:
    """Return the feeds *named*; those of config.yaml are known before their first reading."""
    from digest.errors import DigestError

    known = {feed.url for feed in _healths(None, installation)}
    for url in named:
        if url not in known:
            raise DigestError(f"no feed is called {url}", remedy="See: digest feeds list")
    return list(named)


def _tell(installation: Installation, readings: Sequence[Reading]) -> None:
    from digest.cli import terminal

    if not readings:
        told = [feed.next_fetch_at for feed in _healths(None, installation)]
        soonest = min(filter(None, told), default=None)
        due = f" The next one is due {soonest:%Y-%m-%d %H:%M} UTC." if soonest else ""
        terminal.say(f"No feed is due.{due}")
        terminal.say("Next    digest feeds fetch --now")
        return
    rows = [
        (one.url, "failed" if one.error else _brought(one), len(one.refused)) for one in readings
    ]
    terminal.table(("feed", "listed", "refused"), rows)
    if all(one.error for one in readings):
        terminal.say("Next    digest feeds health")
    else:
        terminal.say("Next    digest issue prepare")


def _complain(readings: Sequence[Reading]) -> None:
    from digest.errors import DigestError

    failed = [one for one in readings if one.error]
    if len(failed) == 1:
        raise DigestError(failed[0].error, remedy=failed[0].remedy)
    if failed:
        raise DigestError(
            f"{len(failed)} of {len(readings)} feeds failed; what they gave before is kept",
            remedy="Why: digest feeds health",
        )


@app.command("import")
def import_file(
    file: Annotated[Path, typer.Argument(help="RSS, Atom, JSON Feed, text, CSV or iCalendar.")],
    feed: Annotated[
        str | None, typer.Option("--feed", help="The feed in whose name it counts.")
    ] = None,
    newsletter: NewsletterKey = None,
    json: AsJson = False,
) -> None:
    """
    Bring what a file lists into the newsletter.

    Example: digest feeds import publications.csv
    """
    from digest import intake
    from digest.cli import context, terminal
    from digest.cli.anyfeed import settings_of

    for place in (str(file), feed):
        if place is not None:
            settings_of(url=place)  # says what is wrong with it, where something is
    installation = context.open_installation()
    key, _ = context.newsletter(installation, newsletter)
    reading = intake.import_file(
        installation.database,
        installation.loaded,
        key,
        file,
        feed_url=feed,
        now=datetime.now(UTC),
    )
    if json:
        terminal.as_json(reading)
        return
    terminal.facts([("Read", file), ("Listed", _brought(reading)), *_refused(reading)])
    terminal.say("Next    digest issue prepare")


@app.command()
def health(newsletter: NewsletterKey = None, json: AsJson = False) -> None:
    """
    Tell which feeds fail and why, and what was refused of the others.

    Exit code 1 if a feed is dead. Example: digest feeds health
    """
    from digest.cli import terminal
    from digest.errors import DigestError

    feeds = _healths(newsletter)
    if json:
        terminal.as_json(feeds)
    else:
        for feed in feeds:
            terminal.facts(_facts(feed))
            terminal.say()
    dead = [feed.url for feed in feeds if feed.state == "dead"]
    if dead:
        raise DigestError(
            f"{len(dead)} of {len(feeds)} feeds dead: {', '.join(dead)}",
            remedy="Mend the address in config.yaml, or take the feed out.",
        )
    if not json:
        terminal.say("Next    digest feeds fetch" if feeds else "Next    digest feeds add ADDRESS")


def _facts(feed: Health) -> list[tuple[str, object]]:
    told: list[tuple[str, object]] = [
        ("Feed", feed.url),
        ("State", feed.state),
        ("Title", feed.title),
        ("Brought", _many(feed.publications)),
        ("Last read", feed.succeeded_at),
        ("Next", _next(feed)),
        ("Failed", f"{feed.failures} in a row" if feed.failures else None),
        ("Because", feed.error),
    ]
    told += [("Refused", f"{one.where}: {one.why}") for one in feed.refused]
    return [(name, value) for name, value in told if value]


def _many(publications: int) -> str:
    if not publications:
        return "nothing yet"
    return f"{publications:,} publication{'s' if publications > 1 else ''}"


def _next(feed: Health) -> datetime | None:
    return feed.next_fetch_at if feed.state not in ("off", "imported") else None


def _healths(newsletter: str | None, installation: Installation | None = None) -> list[Health]:
    from digest import intake
    from digest.cli import context

    installation = installation or context.open_installation()
    key = context.newsletter(installation, newsletter)[0] if newsletter else None
    now = datetime.now(UTC)
    intake.seed_feeds(installation.database, installation.loaded, now=now)
    with installation.database.read() as conn:
        return intake.health(conn, key, now=now)


def _brought(reading: Reading) -> str:
    """Say what a reading did: “22: 20 new, 1 changed, 1 as before”."""
    if reading.unchanged:
        return "unchanged"
    new, changed = len(reading.new), len(reading.changed)
    listed = new + changed + reading.same
    return f"{listed}: {new} new, {changed} changed, {reading.same} as before"


def _refused(reading: Reading) -> list[tuple[str, object]]:
    return [("Refused", f"{one.where}: {one.why}") for one in reading.refused]
