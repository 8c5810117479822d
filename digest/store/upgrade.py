"""Bringing a database to this program's schema, and telling whether it is there."""

from __future__ import annotations

from functools import cache
from pathlib import Path
from typing import NamedTuple

from alembic import command
from alembic.config import Config
from alembic.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import Connection, inspect

from digest.errors import StoreOutdated
from digest.store.database import Database
from digest.store.schema import metadata

#: Ours alone: another program on the same PostgreSQL may use Alembic's default name.
VERSION_TABLE = "schema_version"
#: Tables that SQLite's full-text search makes for itself begin so; no step speaks of them.
FULL_TEXT = "archived_words"
#: Names the lock under which one process upgrades and the others wait.
_LOCK = 0x7265636170


class Step(NamedTuple):
    """One change of the schema: its number, and what it does in a sentence."""

    number: str
    title: str


def upgrade(database: Database) -> tuple[Step, ...]:
    """
    Bring the schema to this program's, and return the steps that were taken, in order.

    All of them in one transaction. Calling twice does nothing, nor do two processes
    at once: the second one waits and finds it done. Raises StoreOutdated for a schema
    that is newer than this program or is not its own, StoreBusy after ten seconds' wait.
    """
    if _number_of_file(database) == newest():
        return ()
    with database.reshape() as connection:
        if not database.is_sqlite:  # on SQLite, the transaction itself is the lock
            connection.exec_driver_sql(f"SELECT pg_advisory_xact_lock({_LOCK})")
        steps = _pending(database, _number(connection), connection)
        if steps:
            _run(connection)
    return steps


def pending(database: Database) -> tuple[Step, ...]:
    """
    Return the steps that `upgrade` would take, in order; nothing is changed.

    Raises StoreOutdated for a schema that is newer than this program or is not its own.
    """
    if _is_missing(database):
        return _steps_after(None)
    with database.read() as connection:
        return _pending(database, _number(connection), connection)


def check(database: Database) -> None:
    """
    Do nothing if the schema is this program's; nothing is changed, no file is made.

    Raises StoreOutdated: the database is empty, or older or newer than this program.
    """
    if _is_missing(database):
        raise StoreOutdated(f"{database.place}: is not there yet", remedy="Run: digest db upgrade")
    with database.read() as connection:
        number = _number(connection)
        steps = _pending(database, number, connection)
    if not steps:
        return
    if number is None:
        raise StoreOutdated(f"{database.place}: has no tables yet", remedy="Run: digest db upgrade")
    raise StoreOutdated(
        f"{database.place}: has schema {number}, and this program needs {newest()}",
        remedy="Back it up, then run: digest db upgrade",
    )


def newest() -> str:
    """Return the number of this program's schema."""
    return str(_scripts().get_current_head())


def _is_missing(database: Database) -> bool:
    # Opening a file of SQLite would make it.
    return database.file is not None and not database.file.exists()


def _number_of_file(database: Database) -> str | None:
    """Return the schema's number without the lock that changing it takes."""
    if _is_missing(database):
        return None
    with database.read() as connection:
        return _number(connection)


def _number(connection: Connection) -> str | None:
    options = {"version_table": VERSION_TABLE}
    return MigrationContext.configure(connection, opts=options).get_current_revision()


def _pending(database: Database, number: str | None, connection: Connection) -> tuple[Step, ...]:
    if number is None:
        _refuse_foreign_tables(database, connection)
    elif number not in {step.number for step in _steps_after(None)}:
        raise StoreOutdated(
            f"{database.place}: has schema {number}, which is newer than this program's {newest()}",
            remedy="Install the newer release again, or restore the backup from before it.",
        )
    return _steps_after(number)


def _refuse_foreign_tables(database: Database, connection: Connection) -> None:
    same = sorted(set(inspect(connection).get_table_names()) & set(metadata.tables))
    if same:
        raise StoreOutdated(
            f"{database.place}: another program's tables are there, among them {same[0]!r}",
            remedy="Name an empty database under `database` in config.yaml.",
        )


def _steps_after(number: str | None) -> tuple[Step, ...]:
    scripts = _scripts()
    newest_first = scripts.iterate_revisions("heads", number or "base")
    return tuple(Step(script.revision, script.doc) for script in newest_first)[::-1]


def is_described(name: str | None, kind: str, _parents: object) -> bool:
    """Tell whether `schema.py` has a say in what the database calls *name*."""
    return not (kind in ("table", "index") and (name or "").startswith(FULL_TEXT))


def configuration(connection: Connection | None = None) -> Config:
    """Return what Alembic needs to know: where the steps lie, and where to take them."""
    config = Config()
    folder = Path(__file__).parent / "migrations"
    config.set_main_option("script_location", str(folder).replace("%", "%%"))
    config.attributes["connection"] = connection
    return config


def _run(connection: Connection) -> None:
    command.upgrade(configuration(connection), "head")


@cache
def _scripts() -> ScriptDirectory:
    return ScriptDirectory.from_config(configuration())
