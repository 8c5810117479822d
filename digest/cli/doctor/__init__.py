"""`digest doctor`: is everything in place for the next issue?"""

from __future__ import annotations

import os
from collections.abc import Iterator
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Annotated

import typer

from digest.cli.context import AsJson
from digest.cli.doctor.finding import Finding, Health, broken, ok
from digest.errors import ConfigError

if TYPE_CHECKING:
    from digest.config import Loaded


def doctor(
    dns: Annotated[
        bool, typer.Option("--dns", help="Also ask DNS for SPF, DKIM, DMARC and MX of the senders.")
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
    Check config, secrets and their age, database, clock, disk, templates, feeds, mail server,
    mailbox for bounces, identity provider, ports, the way out.

    Sends no mail and takes nobody off.

    Exits with 1 if something is broken.

    Example: digest doctor --dns
    """
    from digest.cli import terminal

    findings = list(
        _overdue() if deadman else examined(dns=dns or bool(resolver), resolver=resolver)
    )
    faults = sum(finding.health is Health.BROKEN for finding in findings)
    if json:
        terminal.as_json({"healthy": not faults, "findings": findings})
    else:
        _tell(findings, faults)
    if faults:
        raise typer.Exit(1)


def examined(*, dns: bool = False, resolver: str = "") -> Iterator[Finding]:
    """Yield the findings of every check; each check is made, whatever the others found."""
    from digest import config
    from digest.cli.context import chosen
    from digest.cli.doctor import clock, elsewhere, mail, pages, stores

    try:
        loaded = config.load(chosen.get(), os.environ)
    except ConfigError as e:
        for fault in (e, *e.also):
            yield broken("config", fault)
        return
    yield ok("config", f"{loaded.path} can be read.")
    yield from _remarks(loaded)
    yield from stores.database(loaded)
    yield from clock.clock(loaded)
    yield from pages.templates(loaded)
    yield from pages.picture(loaded)
    yield from mail.server(loaded)
    yield from mail.signature(loaded)
    yield from elsewhere.mailbox(loaded)
    yield from elsewhere.provider(loaded)
    yield from pages.port(loaded)
    yield from pages.way_out(loaded)
    if dns:
        yield from mail.records(loaded, resolver)


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
        yield ok("deadman", "Every issue that was due is on its way, held or cancelled.")


def _remarks(loaded: Loaded) -> Iterator[Finding]:
    for remark in loaded.warnings:
        yield Finding(
            check="config",
            health=Health.BROKEN if remark.blocks else Health.WARNING,
            sentence=f"{remark.about}: {remark.sentence}.",
            remedy=remark.remedy,
        )


def _tell(findings: list[Finding], faults: int) -> None:
    from digest.cli import terminal

    checks = max(len(finding.check) for finding in findings)
    for finding in findings:
        terminal.say(f"{finding.health:<7}  {finding.check:<{checks}}  {finding.sentence}")
        if finding.remedy:
            terminal.say(f"{'':<7}  {'':<{checks}}  → {finding.remedy}")
    terminal.say()
    if faults:
        terminal.say(f"{faults} broken. Nothing goes out until that is mended.")
    else:
        terminal.say("Nothing is broken.")
