"""Copies of a whole database: to a file while it is at work, back into an empty one, across."""

from __future__ import annotations

import os
import shutil
import sqlite3
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

from sqlalchemy import BigInteger, Connection, Integer, Table, func, insert, inspect, select, text

from digest.errors import StoreError
from digest.store.database import Database
from digest.store.schema import metadata
from digest.store.upgrade import upgrade

#: Rows of one step of `move`.
_AT_ONCE = 5_000


class Moved(NamedTuple):
    """One table, and how many rows of it stand in both databases."""

    table: str
    rows: int


def save(database: Database, to: Path) -> None:
    """
    Write a consistent copy of *database* to the file *to*, which must not exist.

    It is safe while others read and write: the copy is as of one instant. SQLite's is a
    database of its own (its Online Backup API), PostgreSQL's is pg_dump's custom format.
    StoreError if the database or the place cannot be read or written.
    """
    if database.is_sqlite:
        _save_sqlite(database, to)
    else:
        _run(database, "pg_dump", "--format=custom", "--no-owner", f"--file={to}")


def load(snapshot: Path, database: Database) -> None:
    """
    Fill *database*, which must have nothing of ours, from what `save` wrote: whole, or not at all.

    StoreError if something is there already, or if the copy is of the other kind of database.
    """
    if snapshot_is_sqlite(snapshot) != database.is_sqlite:
        raise StoreError(
            f"{database.place} is not of the kind that the backup was made from",
            remedy="Restore it into the same kind, then: digest db move URL",
        )
    refuse_filled(database)
    if database.file:
        _put_in_place(snapshot, database.file)
    else:
        _run(
            database,
            "pg_restore",
            *("--no-owner", "--exit-on-error", "--single-transaction", str(snapshot)),
        )


def snapshot_is_sqlite(snapshot: Path) -> bool:
    """Tell whether `save` wrote the file from SQLite."""
    with snapshot.open("rb") as file:
        return file.read(16) == b"SQLite format 3\0"


def refuse_filled(database: Database) -> None:
    """Raise StoreError if *database* has tables, or a file that is not empty."""
    if database.file:
        filled = database.file.exists() and database.file.stat().st_size > 0
    else:
        with database.read() as conn:
            filled = bool(inspect(conn).get_table_names())
    if filled:
        raise StoreError(
            f"{database.place} is not empty",
            remedy="Name an empty database; nothing was changed.",
        )


def _save_sqlite(database: Database, to: Path) -> None:
    assert database.file is not None  # noqa: S101 - a database in memory has no backup
    try:
        source = sqlite3.connect(f"{database.file.absolute().as_uri()}?mode=ro", uri=True)
        target = sqlite3.connect(to)
        try:
            # All pages in one step: in several, each write of somebody else starts it anew.
            source.backup(target, pages=-1)
            # The copy is one file, whatever the journal of the original.
            target.execute("PRAGMA journal_mode = DELETE")
        finally:
            target.close()
            source.close()
    except (sqlite3.Error, OSError) as e:
        raise StoreError(
            f"{database.file} cannot be copied to {to} ({e})",
            remedy="See that both can be read and written, and that there is room.",
        ) from e


def _put_in_place(snapshot: Path, file: Path) -> None:
    """Copy beside *file* and rename: a copy that is cut short is never taken for the whole."""
    beside = file.with_name(f"{file.name}.restoring")
    try:
        shutil.copyfile(snapshot, beside)
        with beside.open("rb") as written:
            os.fsync(written.fileno())
        beside.replace(file)
    except OSError as e:
        beside.unlink(missing_ok=True)
        raise StoreError(
            f"{file} cannot be written ({e.strerror})", remedy="Make room, then restore again."
        ) from e


def _run(database: Database, program: str, *told: str) -> None:
    """Run one of PostgreSQL's own programs; the password goes by the environment, not by name."""
    url = database.engine.url
    place = {
        "PGHOST": url.host or str(url.query.get("host") or ""),
        "PGPORT": str(url.port or ""),
        "PGUSER": url.username or "",
        "PGPASSWORD": str(url.password or ""),
        "PGDATABASE": url.database or "",
    }
    environment = os.environ | {name: value for name, value in place.items() if value}
    named = ["--dbname", url.database or ""] if program == "pg_restore" else []
    try:
        done = subprocess.run(
            [program, "--no-password", *named, *told],
            env=environment,
            capture_output=True,
            text=True,
            check=False,
        )
    except FileNotFoundError as e:
        raise StoreError(
            f"{program} is not on this machine",
            remedy="It comes with PostgreSQL's client programs: apt-get install postgresql-client",
        ) from e
    if done.returncode:
        raise StoreError(
            f"{program} failed for {database.place}: {' '.join(done.stderr.split())[:500]}",
            remedy="It must be of the server's version or newer.",
        )


# --- from one database into another -------------------------------------------------------


def move(
    source: Database, target: Database, *, progress: Callable[[int], None] | None = None
) -> list[Moved]:
    """
    Copy everything from *source* into *target*, which must be empty; return the tables.

    One consistent view of the source, one transaction in the target: all of it arrives or
    nothing. The source stays as it was. The target has this program's schema afterwards.
    *progress* is called with how many more rows are written. StoreError if the target is
    not empty or the counts differ at the end.
    """
    refuse_filled(target)
    upgrade(target)
    with source.read() as here, target.reshape() as there:
        for table in metadata.sorted_tables:
            # A step of the schema may have written rows of its own.
            there.execute(table.delete())
        moved = [_copied(here, there, table, progress) for table in metadata.sorted_tables]
        if not target.is_sqlite:
            _set_counters(there)
    return moved


def _copied(
    here: Connection, there: Connection, table: Table, progress: Callable[[int], None] | None
) -> Moved:
    count = 0
    rows = here.execution_options(yield_per=_AT_ONCE).execute(select(table))
    for some in rows.partitions(_AT_ONCE):
        there.execute(insert(table), [dict(row._mapping) for row in some])
        count += len(some)
        if progress:
            progress(len(some))
    arrived = there.execute(select(func.count()).select_from(table)).scalar_one()
    if arrived != count:
        raise StoreError(f"of {count} rows of {table.name} {arrived} arrived; nothing was kept")
    return Moved(table.name, count)


def _set_counters(conn: Connection) -> None:
    """Let PostgreSQL count on behind the ids that came with the rows."""
    for table in metadata.sorted_tables:
        if "id" in table.c and isinstance(table.c.id.type, Integer | BigInteger):
            named = f"pg_get_serial_sequence('{table.name}', 'id')"
            highest = f"(SELECT max(id) FROM {table.name})"  # noqa: S608 - names of our schema
            conn.execute(
                text(f"SELECT setval({named}, coalesce({highest}, 1), {highest} IS NOT NULL)")
            )
