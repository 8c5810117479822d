"""Which issue a command line means."""

from __future__ import annotations

import inspect
import re
from collections.abc import Callable
from contextlib import suppress
from contextvars import ContextVar
from dataclasses import dataclass
from datetime import UTC, date, datetime
from functools import wraps
from typing import TYPE_CHECKING, Annotated, Any

import typer

from digest.errors import NoSuchIssue
from digest.model import Rhythm

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
        metavar="YYYY-MM[-DD]",
        help="The local day on which its window closes, or a month: 2023-09. Default: now's.",
    ),
]

#: The option `--rhythm`, which every command with `--closing` has too.
RhythmOption = Annotated[
    Rhythm | None, typer.Option("--rhythm", help="Default: weekly, or as --closing says.")
]

#: What `--rhythm` said, for as long as the command runs.
_asked: ContextVar[Rhythm | None] = ContextVar("rhythm", default=None)

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

    of_its_own = re.fullmatch(r"\d{4}-\d{2}(-\d{2})?[+](extra|correction)-\d+", closing or "")
    day, rhythm = (None, Rhythm.WEEKLY) if of_its_own else _meant(closing)
    installation = context.open_installation()
    key, settings = context.newsletter(installation, newsletter)
    now = datetime.now(UTC)
    known = _known(installation, key, closing, rhythm) if closing else None
    if known is not None:
        slot = weekly.slot_of(known)
    elif of_its_own:
        raise NoSuchIssue(f"{key} has no issue {closing}", remedy="Run: digest issue list")
    else:
        with installation.database.read() as conn:
            planned = weekly.planned(conn, key, settings)
        slot = weekly.slot(planned, day, now=now, rhythm=rhythm)
    return Chosen(installation=installation, key=key, newsletter=settings, slot=slot, now=now)


def _known(installation: Installation, key: str, closing: str, rhythm: Rhythm) -> Issue | None:
    """Return the issue of that key if there is one, whatever the calendar says by now."""
    from digest.model import IssueId
    from digest.store import issues

    rhythms = tuple(Rhythm) if "+" in closing else (rhythm,)
    with installation.database.read() as conn:
        for each in rhythms:
            with suppress(NoSuchIssue):
                return issues.find(conn, IssueId(key, each, closing))
    return None


def with_rhythm(command: Callable[..., None]) -> Callable[..., None]:
    """Return *command* with the option `--rhythm`, if it has `--closing`."""
    told = inspect.signature(command, eval_str=True)
    if "closing" not in told.parameters:
        return command

    @wraps(command)
    def run(*, rhythm: Rhythm | None = None, **values: Any) -> None:
        before = _asked.set(rhythm)
        try:
            command(**values)
        finally:
            _asked.reset(before)

    option = inspect.Parameter(
        "rhythm", inspect.Parameter.KEYWORD_ONLY, default=None, annotation=RhythmOption
    )
    parameters = list(told.parameters.values())
    at = 1 + [each.name for each in parameters].index("closing")
    both = [*parameters[:at], option, *parameters[at:]]
    # All by name: an option may stand between parameters of any sort then.
    named = [each.replace(kind=inspect.Parameter.KEYWORD_ONLY) for each in both]
    run.__signature__ = told.replace(parameters=named)  # type: ignore[attr-defined]
    run.__annotations__ = {each.name: each.annotation for each in both}
    return run


def _meant(closing: str | None) -> tuple[date | None, Rhythm]:
    """Return the day or month of `--closing` and the rhythm that is meant by both options."""
    asked, told = _asked.get(), closing or ""
    is_month = re.fullmatch(r"\d{4}-\d{2}", told) is not None
    if is_month and asked is Rhythm.WEEKLY:
        raise typer.BadParameter("A weekly issue closes on a day.", param_hint="--closing")
    rhythm = Rhythm.MONTHLY if is_month else asked or Rhythm.WEEKLY
    try:
        day = date.fromisoformat(f"{told}-01" if is_month else told) if told else None
    except ValueError:
        raise typer.BadParameter(
            f"{closing!r} is no day; write it like 2023-09-22, or 2023-09 for a month's issue.",
            param_hint="--closing",
        ) from None
    return day, rhythm
