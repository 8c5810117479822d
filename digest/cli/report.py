"""`digest report`: the proof of an issue, by state, domain and hour."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, TextIO

import typer

from digest.cli.context import AsJson, NewsletterKey
from digest.cli.issue.chosen import Chosen, Closing, choose
from digest.errors import DigestError

if TYPE_CHECKING:
    from digest.report import Missed, Report

#: Addresses that are shown; --csv has them all.
SHOWN = 20


def report(
    newsletter: NewsletterKey = None,
    closing: Closing = None,
    csv: Annotated[
        Path | None, typer.Option("--csv", help="Write a line for every reader into this file.")
    ] = None,
    chart: Annotated[
        Path | None, typer.Option("--chart", help="Write a picture of the sending (SVG) here.")
    ] = None,
    json: AsJson = False,
) -> None:
    """
    Tell what became of an issue: by state, domain and hour, and who has not got it.

    Example: digest report --closing 2023-09-22 --chart sent.svg
    """
    from digest import report as reporting
    from digest.cli import terminal

    chosen = choose(newsletter, closing)
    database = chosen.installation.database
    issue = chosen.issue()
    found = reporting.of(database, issue.id)
    missed = reporting.who_missed(database, issue.id, most=None if json else SHOWN)
    if csv:
        if found.file:
            raise DigestError(
                f"the ledger of {issue.of.key} was put away; its lines are in another file",
                remedy=f"Read var/ledgers/{found.file}, a CSV packed by gzip.",
            )
        with _opened(csv) as file:
            reporting.write_csv(database, issue.id, file)
    if chart:
        title = f"{chosen.newsletter.title}, {issue.of.key}: sent over time"
        with _opened(chart) as file:
            file.write(reporting.chart(found.minutes, zone=chosen.newsletter.zone, title=title))
    if json:
        terminal.as_json({"report": reporting.facts(found), "missed": missed})
        return
    _tell(chosen, found)
    if missed:
        _tell_missed(chosen, found, missed)
    elif found.file:
        terminal.say(f"The ledger was put away: var/ledgers/{found.file} has a line for each.")
    for file_ in (csv, chart):
        if file_:
            terminal.say(f"Wrote {file_}.")


def _opened(file: Path) -> TextIO:
    try:
        return file.open("w", encoding="utf-8", newline="")
    except OSError as e:
        raise DigestError(f"{file}: cannot be written ({e.strerror})") from e


def _tell(chosen: Chosen, found: Report) -> None:
    from digest.cli import terminal
    from digest.cli.issue.content import title
    from digest.cli.issue.sending import standing

    terminal.say(title(chosen, found.issue))
    facts = [fact for fact in standing(chosen, found.issue, found.tally) if fact[0] != "Next"]
    for name, sums in (
        ("Left out", found.excluded),
        ("Skipped", found.skipped),
        ("Refused", found.refused),
        ("Came back", found.came_back),
    ):
        if sums:
            facts.append((name, ", ".join(f"{why} {n:,}" for why, n in sorted(sums.items()))))
    terminal.facts(facts)
    _tell_domains(found)
    _tell_hours(chosen, found)
    if found.links:
        terminal.say()
        terminal.table(("followed", "link"), [(one.times, one.url) for one in found.links])


def _tell_domains(found: Report) -> None:
    from digest.cli import terminal

    if not found.domains:
        return
    terminal.say()
    terminal.table(
        ("domain", "readers", "sent", "failed", "uncertain", "owed", "tries", "took"),
        [
            (d.domain, d.readers, d.sent, d.failed, d.uncertain, d.owed, d.tries, _span(d.took))
            for d in found.domains
        ],
    )
    if found.other_domains:
        terminal.say(f"and {found.other_domains:,} more domains")
    if found.slowest:
        slow = ", ".join(f"{d.domain} ({_span(d.took)})" for d in found.slowest)
        terminal.say(f"Slowest: {slow}")


def _tell_hours(chosen: Chosen, found: Report) -> None:
    from digest.cli import terminal

    if not found.hours:
        return
    most = max(hour.sent for hour in found.hours)
    terminal.say()
    terminal.table(
        ("hour", "sent", ""),
        [
            (
                f"{hour.at.astimezone(chosen.newsletter.zone):%a %d %b %H:%M}",
                hour.sent,
                "━" * round(30 * hour.sent / most),
            )
            for hour in found.hours
        ],
    )


def _span(took: timedelta | None) -> str:
    if took is None:
        return ""
    seconds = round(took.total_seconds())
    if seconds < 60:
        return f"{seconds} s"
    minutes = seconds // 60
    return f"{minutes} min" if minutes < 120 else f"{minutes // 60} h {minutes % 60} min"


def _tell_missed(chosen: Chosen, found: Report, missed: list[Missed]) -> None:
    from digest.cli import terminal
    from digest.model import DeliveryState

    terminal.say()
    terminal.say(f"{found.missed:,} have not got it, as far as anybody knows:")
    rows = [(one.address or f"no. {one.subscriber}", one.state, one.answer) for one in missed]
    terminal.table(("reader", "state", "answer"), rows)
    if found.missed > len(missed):
        terminal.say(f"and {found.missed - len(missed):,} more; --csv and --json have them all")
    counts = {
        state: found.tally.count(state) for state in (DeliveryState.FAILED, DeliveryState.UNCERTAIN)
    }
    for state, count in counts.items():
        if count:
            flag = " --failed" if state is DeliveryState.FAILED else ""
            terminal.say(
                f"Send to those {count:,} {state}: digest issue resend {chosen.closing}{flag}"
            )
