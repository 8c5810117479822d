"""The command line: every group is loaded when it is called, not before."""

from __future__ import annotations

import importlib
import os
import re
import sys
from difflib import get_close_matches
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer
from typer.core import TyperGroup

from digest.errors import ConditionError, ConfigError, DigestError, Held

if TYPE_CHECKING:
    from collections.abc import Iterator

    from typer.main import Typer

#: Groups of commands, and what each is for; the module of the same name holds them.
GROUPS = {
    "feeds": "Where publications come from: add, fetch, import, look after.",
    "calendar": "When the next issues go out, and the days on which none does.",
    "issue": "One mailing: prepare, see why, edit, approve, send.",
    "bounces": "Mail that came back: bounces, complaints, requests to leave.",
    "subscribers": "Readers: import, export, add, show, erase.",
    "people": "Accounts of the desk.",
    "templates": "Check the mail's templates.",
    "db": "The database: upgrade its schema, move it to another.",
}
#: Single commands.
COMMANDS = {
    "init": "Make a folder for a newsletter of your own.",
    "demo": "Run the sample newsletter end to end, against the built-in inbox.",
    "rehearse": "Compose past weeks from any feed, before a newsletter exists.",
    "report": "What became of an issue: by state, domain and hour, and who has not got it.",
    "themes": "Themes, headline and lead of any feed file.",
    "serve": "Desk, readers' pages, bell and sender in one process.",
    "worker": "One of many senders, on PostgreSQL.",
    "inbox": "A mail server that keeps what it gets and shows it in a browser.",
    "doctor": "Check config, database, templates, feeds and mail server.",
    "backup": "Write database, configuration and secrets into one file.",
    "restore": "Put everything back from a backup.",
}
#: Commands and groups, in the order of the help.
DOORS = {
    name: (COMMANDS | GROUPS)[name]
    for name in (
        *("init", "demo", "rehearse", "feeds", "calendar", "issue", "report"),
        *("subscribers", "bounces", "serve", "worker"),
        *("people", "templates", "themes", "inbox", "doctor", "db"),
        *("backup", "restore"),
    )
}
EXIT_INTERRUPTED = 130
#: Of one file's faults; nobody mends more at a time.
MOST_LINES = 20


class Doors(TyperGroup):
    """The root of the command line: knows its commands by name and loads the one called."""

    def list_commands(self, ctx: Any) -> list[str]:  # noqa: ARG002 - Click's signature
        return list(DOORS)

    def get_command(self, ctx: Any, cmd_name: str) -> Any:  # noqa: ARG002
        return load(cmd_name) if cmd_name in DOORS else None

    def resolve_command(self, ctx: Any, args: list[str]) -> Any:
        if args[0] not in DOORS and not args[0].startswith("-"):
            near = get_close_matches(args[0], DOORS, n=1)
            ctx.fail(
                f"There is no command {args[0]!r}."
                + (f" Did you mean {near[0]!r}?" if near else "")
            )
        return super().resolve_command(ctx, args)

    def format_commands(self, ctx: Any, formatter: Any) -> None:  # noqa: ARG002
        with formatter.section("Commands"):
            formatter.write_dl(list(DOORS.items()))

    def invoke(self, ctx: Any) -> Any:
        """Run the command; what it could not do becomes a line on stderr and an exit code."""
        from digest.cli import context, terminal

        try:
            return super().invoke(ctx)
        except DigestError as e:
            terminal.complain(*said(e))
            _trace_if_wanted()
            raise typer.Exit(1) from e
        except typer.Abort as e:
            if isinstance(e.__context__, EOFError):
                terminal.complain("The input ended before every question was answered.")
                raise typer.Exit(1) from e
            terminal.complain("Stopped by you.")
            raise typer.Exit(EXIT_INTERRUPTED) from e
        except KeyboardInterrupt as e:
            terminal.complain("Stopped by you. The same command takes up where it left off.")
            raise typer.Exit(EXIT_INTERRUPTED) from e
        finally:
            context.close_all()


def load(name: str) -> Any:
    """Return the Click command or group of that name, importing its module now."""
    module = importlib.import_module(f"digest.cli.{name}")
    door: Typer | None = getattr(module, "app", None)
    if door is None:
        door = typer.Typer()
        door.command(name)(getattr(module, name))
    # Plain help: no boxes, and nothing heavy to import for drawing them.
    door.rich_markup_mode = None
    make = typer.main.get_group if name in GROUPS else typer.main.get_command
    command = make(door)
    command.name, command.help = name, command.help or DOORS[name]
    # Completion is installed for the whole program.
    command.params = [one for one in command.params if not str(one.name).endswith("_completion")]
    _arrange_help(command)
    return command


def _arrange_help(command: Any) -> None:
    """Keep the lines of examples, and show first sentences whole in lists of commands."""
    paragraphs = (command.help or "").split("\n\n")
    command.short_help = re.split(r"(?<=[.]) ", " ".join(paragraphs[0].split()))[0]
    command.help = "\n\n".join(
        f"\b\n{part}" if "\n " in f"\n{part}" and not part.startswith("\b") else part
        for part in paragraphs
    )
    for below in getattr(command, "commands", {}).values():
        _arrange_help(below)


def said(error: DigestError) -> Iterator[str]:
    """Return the lines that tell of *error*: what, where, what to do; then its parts."""
    from digest.cli import terminal

    every = (error, *error.also) if isinstance(error, ConfigError) else (error,)
    for one in every[:MOST_LINES]:
        yield f"{terminal.ended(str(one))} {one.remedy}" if one.remedy else str(one)
    if len(every) > MOST_LINES:
        yield f"{len(every) - MOST_LINES} more."
    if isinstance(error, Held):
        yield from (f"  {reason}" for reason in error.reasons)
    if isinstance(error, ConditionError):
        yield from (f"  {line}" for line in error.shown)


def _trace_if_wanted() -> None:
    if os.environ.get("DIGEST_TRACE"):
        import traceback

        traceback.print_exc(file=sys.stderr)


def _show_version(wanted: bool) -> None:
    if wanted:
        from digest import __version__

        typer.echo(f"digest {__version__}")
        raise typer.Exit


app = typer.Typer(
    cls=Doors, rich_markup_mode=None, no_args_is_help=True, pretty_exceptions_enable=False
)


@app.callback()
def options(
    config: Annotated[
        Path | None,
        typer.Option(
            "--config",
            help="Path of config.yaml. Default: DIGEST_CONFIG, else config.yaml in this folder.",
        ),
    ] = None,
    version: Annotated[  # noqa: ARG001 - its callback has answered already
        bool,
        typer.Option("--version", is_eager=True, callback=_show_version, help="Say which release."),
    ] = False,
) -> None:
    """Your feeds in, Friday's mail out, every reader once, with proof."""
    from digest.cli import context

    context.chosen.set(config)
