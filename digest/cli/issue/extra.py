"""`digest issue extra`: an issue beside the calendar's."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Annotated

import typer

from digest.cli.context import AsJson, NewsletterKey
from digest.cli.issue.chosen import ACTOR


def extra(
    sends: Annotated[str, typer.Option(help="When it goes out: 2026-12-03 15:00.")],
    newsletter: NewsletterKey = None,
    since: Annotated[
        str | None,
        typer.Option("--from", help="What came out from then on. Default: since the last close."),
    ] = None,
    until: Annotated[
        str | None, typer.Option(help="And before then. Default: until it goes out.")
    ] = None,
    json: AsJson = False,
) -> None:
    """
    Plan an extra issue with a window and an hour of its own, in the newsletter's zone.

    It goes to the readers of the usual issues, whose publications it uses up.

    Example: digest issue extra --sends "2026-12-03 15:00" --from "2026-12-01 06:00"
    """
    from digest import weekly
    from digest.cli import context, terminal

    installation = context.open_installation()
    key, settings = context.newsletter(installation, newsletter)
    database, loaded, now = installation.database, installation.loaded, datetime.now(UTC)
    sends_at = weekly.wall(settings.zone, sends)
    with database.read() as conn:
        last = weekly.slot(weekly.planned(conn, key, settings), None, now=now).window.start
    window = weekly.window_of(
        weekly.wall(settings.zone, since) if since else last,
        weekly.wall(settings.zone, until) if until else sends_at,
    )
    issue = weekly.plan_extra(database, loaded, key, window, sends_at, by=ACTOR, now=now)
    issue = weekly.prepare(database, loaded, key, weekly.slot_of(issue), now=now, actor=ACTOR)
    if json:
        terminal.as_json({"issue": issue})
        return
    local = issue.sends_at.astimezone(settings.zone)
    terminal.facts(
        [
            ("Issue", issue.of.key),
            ("Sends", f"{local:%a} {local.day} {local:%b %Y %H:%M %Z}, {issue.sends_at:%H:%M} UTC"),
            ("Next", f"digest issue why --closing {issue.of.key}"),
        ]
    )
