"""Which issue a command line means."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, date, datetime
from typing import TYPE_CHECKING, Annotated

import typer

if TYPE_CHECKING:
    from digest.calendar import Slot
    from digest.cli.context import Installation
    from digest.model import Issue
    from digest.model.settings import NewsletterSettings

#: The option `--closing` as every command of the group declares it.
Closing = Annotated[
    str | None,
    typer.Option(
        "--closing",
        metavar="YYYY-MM-DD",
        help="The local day on which its window closes. Default: the current week.",
    ),
]

#: Who the audit log says it was.
ACTOR = "command line"


@dataclass(frozen=True, slots=True, kw_only=True)
class Chosen:
    """A newsletter and one of its slots, in an opened installation."""

    installation: Installation
    key: str
    newsletter: NewsletterSettings
    slot: Slot
    now: datetime

    def issue(self) -> Issue:
        """Return the issue as the store has it now; NoSuchIssue if it was never prepared."""
        from digest.model import IssueId
        from digest.store import issues

        with self.installation.database.read() as conn:
            return issues.find(conn, IssueId(self.key, self.slot.rhythm, self.slot.key))

    @property
    def closing(self) -> str:
        """The words that name this issue again on a command line."""
        return f"--closing {self.slot.key}"


def choose(newsletter: str | None, closing: str | None) -> Chosen:
    """Open the installation and find the slot that the options mean."""
    from digest import weekly
    from digest.cli import context

    day = _day(closing)
    installation = context.open_installation()
    key, settings = context.newsletter(installation, newsletter)
    now = datetime.now(UTC)
    slot = weekly.slot(settings, day, now=now)
    return Chosen(installation=installation, key=key, newsletter=settings, slot=slot, now=now)


def _day(closing: str | None) -> date | None:
    if closing is None:
        return None
    try:
        return date.fromisoformat(closing)
    except ValueError:
        raise typer.BadParameter(
            f"{closing!r} is no day; write it like 2023-09-22.", param_hint="--closing"
        ) from None
