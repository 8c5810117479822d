"""`digest db`: the database's schema."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Annotated

import typer

from digest.cli.context import AsJson

if TYPE_CHECKING:
    from digest.config import Loaded
    from digest.store import Database

app = typer.Typer(no_args_is_help=True)


@app.callback()
def group() -> None:
    """The database: its schema, and moving it to another."""


@app.command()
def upgrade(
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Only list the steps; change nothing.")
    ] = False,
    as_json: AsJson = False,
) -> None:
    """
    Bring the database to this program's schema: all steps, or none.

    A database that is not there is made. Calling twice does nothing, nor do two
    machines at once. Back up first: there is no way back but a backup. With `fleet` in
    config.yaml, the tables of Procrastinate are made too.

    Example: digest db upgrade --dry-run
    """
    from digest.cli import context, terminal
    from digest.store import jobs
    from digest.store import upgrade as schema

    loaded = _loaded()
    database = context.open_database(loaded)
    steps = schema.pending(database) if dry_run else schema.upgrade(database)
    if loaded.settings.fleet and not dry_run:
        jobs.prepare(database)
    if as_json:
        terminal.as_json(
            {
                "database": database.place,
                "schema": schema.newest(),
                "taken": not dry_run,
                "steps": [step._asdict() for step in steps],
            }
        )
        return
    if steps:
        terminal.table(["step", "what it brings"], steps)
    did = ("is to be brought to" if dry_run else "is now at") if steps else "was already at"
    terminal.say(f"{database.place}: {did} schema {schema.newest()}")


@app.command()
def check(as_json: AsJson = False) -> None:
    """
    Tell whether the database has this program's schema: exit code 0 if so, else 1.

    Example: digest db check
    """
    from digest.cli import terminal
    from digest.store import upgrade as schema

    database = _database()
    schema.check(database)
    facts = {"database": database.place, "schema": schema.newest()}
    if as_json:
        terminal.as_json(facts)
    else:
        terminal.facts(facts)


@app.command()
def move(
    url: Annotated[str, typer.Argument(help="An empty database: postgresql://… or sqlite:///…")],
    as_json: AsJson = False,
) -> None:
    """
    Copy everything into another database, of either kind; the present one stays as it is.

    Stop `digest serve` before, and put the new URL into config.yaml or DATABASE_URL after:
    what is written to the old database meanwhile is not moved.

    Example: digest db move postgresql://recap@localhost/recap
    """
    from digest.cli import context, terminal
    from digest.store import Database, snapshot
    from digest.store import upgrade as schema

    installation = context.open_installation()
    target = Database(url, folder=installation.folder)
    schema.check(installation.database)
    try:
        with terminal.progress("rows") as advance:
            moved = snapshot.move(installation.database, target, progress=advance)
    finally:
        target.close()
    if as_json:
        terminal.as_json({"database": target.place, "tables": {t.table: t.rows for t in moved}})
        return
    terminal.table(["table", "rows"], [each for each in moved if each.rows])
    terminal.facts([("Moved", target.place), ("Next", "write its URL into config.yaml: database")])


def _database() -> Database:
    from digest.cli import context

    return context.open_database(_loaded())


def _loaded() -> Loaded:
    from digest import config
    from digest.cli import context

    return config.load(context.chosen.get(), os.environ)
