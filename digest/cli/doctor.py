"""`digest doctor`: is everything in place for the next issue?"""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from enum import StrEnum
from typing import TYPE_CHECKING, Annotated

import typer

from digest.cli.context import AsJson
from digest.errors import ConfigError, DigestError, Unreachable

if TYPE_CHECKING:
    from dns.resolver import Resolver

    from digest import intake
    from digest.config import Loaded
    from digest.smtp.records import Record
    from digest.store import Database

#: An issue to a hundred thousand readers adds about so much to the database.
TIGHT_BYTES = 500 * 1024**2
FULL_BYTES = 50 * 1024**2
#: A mail server that has not greeted us in this time is not worth waiting for here.
SMTP_SECONDS = 20


class Health(StrEnum):
    """How a thing stands."""

    OK = "ok"
    WARNING = "warning"  #: mend it, but issues go out
    BROKEN = "broken"  #: nothing goes out until it is mended


@dataclass(frozen=True, slots=True, kw_only=True)
class Finding:
    """What one check found, as a sentence with its remedy."""

    check: str
    health: Health
    sentence: str
    remedy: str = ""


def doctor(
    dns: Annotated[
        bool, typer.Option("--dns", help="Also ask DNS for SPF, DKIM and DMARC of the senders.")
    ] = False,
    resolver: Annotated[
        str,
        typer.Option(metavar="ADDRESS", help="With --dns: the name server to ask. 192.0.2.53:53"),
    ] = "",
    deadman: Annotated[
        bool,
        typer.Option(
            "--deadman", help="Only: is an issue overdue? Mails its editors. For cron, each hour."
        ),
    ] = False,
    json: AsJson = False,
) -> None:
    """
    Check config, secrets, database, templates, feeds, mail server and unsubscribing.

    Sends no mail and takes nobody off.

    Exits with 1 if something is broken.

    Example: digest doctor --dns
    """
    from digest.cli import terminal

    findings = list(
        _overdue() if deadman else examined(dns=dns or bool(resolver), resolver=resolver)
    )
    broken = sum(finding.health is Health.BROKEN for finding in findings)
    if json:
        terminal.as_json({"healthy": not broken, "findings": findings})
    else:
        _tell(findings, broken)
    if broken:
        raise typer.Exit(1)


def examined(*, dns: bool = False, resolver: str = "") -> Iterator[Finding]:
    """Yield the findings of every check; each check is made, whatever the others found."""
    from digest import config
    from digest.cli.context import chosen

    try:
        loaded = config.load(chosen.get(), os.environ)
    except ConfigError as e:
        for fault in (e, *e.also):
            yield _broken("config", fault)
        return
    yield _ok("config", f"{loaded.path} can be read.")
    yield from _remarks(loaded)
    yield from _database(loaded)
    yield from _templates(loaded)
    yield _mail_server(loaded)
    yield from _signature(loaded)
    yield from _way_out(loaded)
    if dns:
        yield from _records(loaded, resolver)


def _overdue() -> Iterator[Finding]:
    """Tell of issues that were due and have not begun; their editors get a mail, once."""
    from digest.cli import context
    from digest.schedule import Watch

    installation = context.open_installation()
    watch = Watch(
        installation.database, lambda: installation.loaded, clock=lambda: datetime.now(UTC)
    )
    found = watch.look()
    for each in found:
        yield Finding(
            check="deadman",
            health=Health.BROKEN,
            sentence=f"{each.newsletter}, {each.key}: {each.sentence}",
            remedy="Look whether `digest serve` runs; then: digest issue list",
        )
    if not found:
        yield _ok("deadman", "Every issue that was due is on its way, held or cancelled.")


def _remarks(loaded: Loaded) -> Iterator[Finding]:
    for remark in loaded.warnings:
        yield Finding(
            check="config",
            health=Health.BROKEN if remark.blocks else Health.WARNING,
            sentence=f"{remark.about}: {remark.sentence}.",
            remedy=remark.remedy,
        )


def _database(loaded: Loaded) -> Iterator[Finding]:
    """Check the database, and in it the feeds; no file is made where there is none."""
    from sqlalchemy.exc import SQLAlchemyError

    from digest.store import Database, upgrade

    database = Database(loaded.settings.database, folder=loaded.folder)
    try:
        upgrade.check(database)
        with database.write():
            pass  # the lock is had, so the file can be written
        yield from _space(database)
        yield from _feeds(loaded, database)
        yield from _erasures(loaded, database)
        yield from _retention(loaded, database)
        yield from _monthly_readers(loaded, database)
        yield from _webhooks(loaded, database)
    except DigestError as e:
        yield _broken("database", e)
    except SQLAlchemyError as e:
        said = " ".join(str(getattr(e, "orig", e)).split())
        yield Finding(
            check="database",
            health=Health.BROKEN,
            sentence=f"{database.file or 'The database'}: {said}.",
            remedy="If its file is damaged, put your last backup in its place.",
        )
    finally:
        database.close()


def _space(database: Database) -> Iterator[Finding]:
    if not database.file:
        yield _ok("database", "PostgreSQL answers and can be written; its schema is up to date.")
        return
    free = shutil.disk_usage(database.file.parent).free
    if free < TIGHT_BYTES:
        yield Finding(
            check="database",
            health=Health.BROKEN if free < FULL_BYTES else Health.WARNING,
            sentence=f"Only {free // 1024**2} MB are free beside {database.file}.",
            remedy=f"Make room: at least {TIGHT_BYTES // 1024**2} MB.",
        )
    yield _ok("database", f"{database.file} can be written; its schema is up to date.")


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
            yield _ok("retention", rule.sentence)


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
            yield _ok("webhooks", f"{hook.url}: {told:,} calls taken lately.")


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


def _templates(loaded: Loaded) -> Iterator[Finding]:
    from digest import packaged
    from digest.render import lint

    folders = packaged.templates(loaded.folder)
    faults = dict.fromkeys(
        fault
        for newsletter in loaded.settings.newsletters.values()
        for fault in lint.check(folders, newsletter)
    )
    for fault in faults:
        place = fault.file + (f":{fault.line}" if fault.line else "")
        yield Finding(
            check="templates",
            health=Health.BROKEN,
            sentence=f"{place}: {fault.sentence}",
            remedy="Mend it, then run: digest templates check",
        )
    if not faults:
        yield _ok("templates", f"{len(lint.found(folders))} templates have no fault.")


def _mail_server(loaded: Loaded) -> Finding:
    import asyncio

    smtp = loaded.settings.smtp
    place = f"{smtp.host}:{smtp.port}"
    try:
        asyncio.run(asyncio.wait_for(_greet(loaded), SMTP_SECONDS))
    except Unreachable as e:
        return replace(_broken("mail server", e), remedy=_unreachable(loaded))
    except DigestError as e:
        return _broken("mail server", e)
    except TimeoutError:
        return Finding(
            check="mail server",
            health=Health.BROKEN,
            sentence=f"{place}: no greeting within {SMTP_SECONDS} s.",
            remedy=_unreachable(loaded),
        )
    return _ok("mail server", f"{place} takes mail, {_how(loaded)}.")


def _unreachable(loaded: Loaded) -> str:
    from digest.model.settings import is_loopback

    right = "See that it runs, and that smtp.host and smtp.port are right."
    is_here = is_loopback(loaded.settings.smtp.host)
    return f"{right} For a trial, run beside it: digest inbox" if is_here else right


async def _greet(loaded: Loaded) -> None:
    from digest import smtp

    session = await smtp.connect(loaded.settings.smtp, folder=loaded.folder)
    await session.close()


def _how(loaded: Loaded) -> str:
    smtp = loaded.settings.smtp
    way = {"starttls": "over STARTTLS", "implicit": "over TLS", "none": "unencrypted"}[smtp.tls]
    return f"{way}, signed in as {smtp.user}" if smtp.user else f"{way}, without signing in"


def _signature(loaded: Loaded) -> Iterator[Finding]:
    """Check that the key can sign, and that it is nobody else's."""
    from digest.render import signature

    dkim = loaded.settings.dkim
    if dkim is None:
        return
    path = loaded.folder / dkim.key
    try:
        signature.signer(dkim, folder=loaded.folder)
        if path.stat().st_mode & 0o077:
            yield Finding(
                check="signature",
                health=Health.WARNING,
                sentence=f"Others on this machine may read {path}, and sign as {dkim.domain}.",
                remedy=f"Run: chmod 600 {path}",
            )
        yield _ok("signature", f"Mail is signed as {dkim.domain}, selector {dkim.selector}.")
    except DigestError as e:
        yield _broken("signature", e)


def _way_out(loaded: Loaded) -> Iterator[Finding]:
    from digest.cli import oneclick

    for tried in oneclick.tried(loaded):
        health = Health.OK if tried.works else Health.BROKEN if tried.certain else Health.WARNING
        yield Finding(
            check="unsubscribe", health=health, sentence=tried.sentence, remedy=tried.remedy
        )


def _records(loaded: Loaded, server: str) -> Iterator[Finding]:
    """Check what the senders' domains say in DNS, one question after the other."""
    from digest.smtp import records

    try:
        asked = records.resolver(server)
    except ConfigError as e:
        yield _broken("dns", e)
        return
    senders = {
        newsletter.from_address.rpartition("@")[2].lower(): newsletter.from_address
        for newsletter in loaded.settings.newsletters.values()
    }
    for domain, address in senders.items():
        yield _record(records.spf(domain, asked))
        yield _record(records.dmarc(domain, address, asked))
    yield from _key_record(loaded, asked)


def _key_record(loaded: Loaded, asked: Resolver) -> Iterator[Finding]:
    from digest.render import signature
    from digest.smtp import records

    dkim = loaded.settings.dkim
    if dkim is None:
        yield _ok("dns", "DKIM: we do not sign; see that the relay does (`dkim` in config.yaml).")
        return
    try:
        wanted = signature.signer(dkim, folder=loaded.folder).record()
    except DigestError:
        return  # told by `_signature`
    yield _record(records.dkim(dkim.domain, dkim.selector, wanted, asked))


def _record(record: Record) -> Finding:
    said = f" says: {record.found}" if record.found else ""
    if not record.fault:
        return _ok("dns", f"{record.kind}: {record.name}{said}")
    # A signature that fails is worse than none; what is not there yet only weighs.
    broken = record.kind == "DKIM" and bool(record.wanted)
    publish = f"Publish as TXT at {record.name}: {record.wanted}"
    return Finding(
        check="dns",
        health=Health.BROKEN if broken else Health.WARNING,
        sentence=f"{record.kind}: {record.name}{said}{': ' if not said else '; '}{record.fault}.",
        remedy=publish if record.wanted else "Try again, or name a server with --resolver.",
    )


def _ok(check: str, sentence: str) -> Finding:
    return Finding(check=check, health=Health.OK, sentence=sentence)


def _broken(check: str, error: DigestError) -> Finding:
    from digest.cli import terminal

    return Finding(
        check=check,
        health=Health.BROKEN,
        sentence=terminal.ended(str(error)),
        # What sends people here is no remedy here.
        remedy="" if "digest doctor" in error.remedy else error.remedy,
    )


def _tell(findings: list[Finding], broken: int) -> None:
    from digest.cli import terminal

    checks = max(len(finding.check) for finding in findings)
    for finding in findings:
        terminal.say(f"{finding.health:<7}  {finding.check:<{checks}}  {finding.sentence}")
        if finding.remedy:
            terminal.say(f"{'':<7}  {'':<{checks}}  → {finding.remedy}")
    terminal.say()
    if broken:
        terminal.say(f"{broken} broken. Nothing goes out until that is mended.")
    else:
        terminal.say("Nothing is broken.")
