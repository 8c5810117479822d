"""
Dumps of every released schema with a row in each table: `tests/schemas/NNNN.<kind>.sql`.

`python -m tests.released` writes those of the newest schema. A released dump never changes.
"""

from __future__ import annotations

import re
import sqlite3
import subprocess
import tempfile
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from sqlalchemy import JSON, Boolean, Column, Integer, LargeBinary, String, Table, insert

from digest.store import Database, upgrade
from digest.store.schema import Instant, metadata
from tests import cluster

FOLDER = Path(__file__).parent / "schemas"


def write() -> None:
    """Write the dumps of the newest schema, from a new database of each kind."""
    cluster.plan()
    try:
        _write_sqlite(FOLDER / f"{upgrade.newest()}.sqlite.sql")
        _write_postgresql(FOLDER / f"{upgrade.newest()}.postgresql.sql")
    finally:
        cluster.stop()


def load(dump: Path, url: str) -> None:
    """Make the database of *url*, which is empty, as it was when *dump* was written."""
    database = Database(url)
    if database.file:
        connection = sqlite3.connect(database.file)
        connection.executescript(dump.read_text())
        connection.close()
    else:
        cluster.run_in(str(database.engine.url.database), dump.read_text())
    database.close()


def fill(database: Database) -> None:
    """Write a row into each table."""
    upgrade.upgrade(database)
    with database.write() as connection:
        for table in metadata.sorted_tables:
            connection.execute(insert(table).values(_row(table)))
    database.close()


def _row(table: Table) -> dict[str, Any]:
    return {column.name: _value(column) for column in table.columns}


def _value(column: Column[Any]) -> Any:
    """Return something of the column's type; every number is 1, so references hold."""
    match column.type:
        case Instant():
            return datetime(2023, 9, 22, 10, tzinfo=UTC)
        case JSON():
            return []
        case Boolean():
            return True
        case Integer():
            return 1
        case LargeBinary():
            return b"\x00key"
        case String():
            return f"{column.name} – “ü”"[: column.type.length]
    raise TypeError(f"{column}: no value for {column.type!r}")


def _write_sqlite(file: Path) -> None:
    with tempfile.TemporaryDirectory() as folder:
        fill(Database(f"sqlite:///{folder}/recap.db"))
        connection = sqlite3.connect(f"{folder}/recap.db")
        file.write_text("\n".join(_dumped(connection)) + "\n")
        connection.close()


def _dumped(connection: sqlite3.Connection) -> list[str]:
    """Return the statements of a dump; the index of the full-text search is made anew by them."""
    name = upgrade.FULL_TEXT
    own = re.compile(rf"CREATE TABLE '{name}_|INSERT INTO \"{name}|.*sqlite_master|PRAGMA writable")
    kept = [statement for statement in connection.iterdump() if not own.match(statement)]
    query = "SELECT sql || ';' FROM sqlite_master WHERE name = ?"
    index = [row[0] for row in connection.execute(query, [name])]
    filled = [f"INSERT INTO {name}({name}) VALUES('rebuild');" for _ in index]
    return [kept[0], *index, *kept[1:-1], *filled, kept[-1]]


def _write_postgresql(file: Path) -> None:
    cluster.administer("CREATE DATABASE released")
    fill(Database(cluster.url("released")))
    host = f"--host={cluster.socket()}"
    options = ("--inserts", "--no-owner", "--no-privileges", "--username=postgres", host)
    dumped = subprocess.run(
        [cluster.programs() / "pg_dump", *options, "released"],
        check=True,
        capture_output=True,
        text=True,
    )
    # Comments, and psql's own commands, are not for the server.
    lines = dumped.stdout.splitlines()
    kept = [line for line in lines if line and not line.startswith(("--", "\\"))]
    file.write_text("\n".join(kept) + "\n")


if __name__ == "__main__":
    write()
