"""`digest issue correct`: put an issue right before, while, or after it goes out."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

from digest.cli.context import AsJson, NewsletterKey
from digest.cli.issue.chosen import ACTOR, Closing, choose

if TYPE_CHECKING:
    from digest.model import Issue
    from digest.store.ledger import Reach


def correct(
    newsletter: NewsletterKey = None,
    closing: Closing = None,
    note: Annotated[
        str, typer.Option(help="What was wrong, for readers: a sentence in the archive and mail.")
    ] = "",
    mail: Annotated[
        bool, typer.Option("--mail", help="Write to those who have the wrong edition.")
    ] = False,
    yes: Annotated[bool, typer.Option("--yes", help="Do not ask.")] = False,
    json: AsJson = False,
) -> None:
    """
    Open a draft in which the issue is put right; nothing changes for readers until it is approved.

    Before the issue goes out that is the issue itself. While it goes out, the sending stops
    first; who waits then gets the corrected edition. Who has the wrong one is written to
    only with --mail.

    Example: digest issue correct --note "The report is of 2022." --mail
    """
    from digest import weekly
    from digest.cli import terminal

    chosen = choose(newsletter, closing)
    database, loaded = chosen.installation.database, chosen.installation.loaded
    issue = chosen.issue()
    if issue.frozen_at is not None and not yes:
        told = weekly.reach(database, issue)
        typer.confirm(f"{consequence(told, mail=mail)} Open it?", abort=True)
    opened = weekly.correct(
        database, loaded, issue, note=note, mails=mail, by=ACTOR, now=chosen.now
    )
    if json:
        terminal.as_json({"issue": opened})
        return
    terminal.facts(_next(issue, opened))


def consequence(told: Reach, *, mail: bool) -> str:
    """Return what a correction does to whom, as sentences."""
    have = f"{told.wrong:,} readers have the issue as it is"
    unsure = f", and {told.unsure:,} may have it" if told.unsure else ""
    then = "get a correction by mail" if mail else "are not written to"
    waiting = f" {told.waiting:,} wait and get the corrected edition." if told.waiting else ""
    return f"{have}{unsure}; they {then}.{waiting}"


def _next(issue: Issue, opened: Issue) -> list[tuple[str, object]]:
    key = f"--closing {opened.of.key}"
    facts: list[tuple[str, object]] = [("Draft", opened.of.key)]
    if opened.id != issue.id:
        facts.append(("Until then", f"issue {issue.of.key} stands still where it was being sent"))
    return [
        *facts,
        ("Next", f"digest issue edit {key}"),
        ("", f"digest issue approve {key}"),
        *([("Or", f"digest issue cancel {key}")] if opened.id != issue.id else []),
    ]
