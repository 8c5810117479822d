"""Checking the mail's templates."""

from __future__ import annotations

from typing import Annotated

import typer

app = typer.Typer(no_args_is_help=True, help="Check the mail's templates.")


@app.callback()
def templates() -> None:
    """Check the mail's templates."""


@app.command()
def check(
    json: Annotated[bool, typer.Option("--json", help="Print JSON, for programs.")] = False,
) -> None:
    """
    Look for unknown tags, attributes and values in the templates, and try each one out.

    Your own in templates/ go before those that the program brings along.

    Example: digest templates check
    """
    import os

    from digest import config, packaged
    from digest.cli import context, terminal
    from digest.errors import TemplateError
    from digest.render import lint

    loaded = config.load(context.chosen.get(), os.environ)
    folders = packaged.templates(loaded.folder)
    faults = dict.fromkeys(
        fault
        for newsletter in loaded.settings.newsletters.values()
        for fault in lint.check(folders, newsletter)
    )
    if json:
        terminal.as_json({"faults": list(faults), "templates": list(lint.found(folders))})
    else:
        for fault in faults:
            place = fault.file + (f":{fault.line}" if fault.line else "")
            terminal.say(f"{place}: {fault.sentence}")
    if faults:
        count = f"{len(faults)} faults" if len(faults) > 1 else "1 fault"
        raise TemplateError(f"{count} in the templates", remedy="Mend what is listed.")
    if not json:
        terminal.say(f"{len(lint.found(folders))} templates, no faults.")
