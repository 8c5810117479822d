"""How the database's server is: its version, its clock, and who holds up whom."""

from __future__ import annotations

import os
import sqlite3
import tempfile
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path

from sqlalchemy import Connection, func, select, text

from digest.errors import StoreError
from digest.store.database import Database
from digest.store.schema import events

#: What our statements need: SQLite has RETURNING from 3.35 on; PostgreSQL 13 is the oldest
#: that its makers still mended when this was written.
OLDEST = {"sqlite": (3, 35), "postgresql": (13,)}
#: Of a transaction that does nothing, or waits for another one.
PATIENCE = timedelta(seconds=30)

_WAITING = text(
    "SELECT pid, application_name, extract(epoch FROM clock_timestamp() - state_change),"
    " CASE WHEN wait_event_type = 'Lock' THEN 'waits for a lock'"
    " ELSE 'has left a transaction open' END"
    " FROM pg_stat_activity WHERE datname = current_database() AND pid <> pg_backend_pid()"
    " AND (wait_event_type = 'Lock' OR state LIKE 'idle in transaction%')"
    " AND clock_timestamp() - state_change > :patience ORDER BY pid"
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Waiting:
    """A session that waits, or lets others wait."""

    pid: int
    program: str
    #: What it does, as the end of a sentence.
    what: str
    seconds: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Vitals:
    """What was found; nothing is changed by looking."""

    name: str
    version: str
    #: The version, comparable.
    number: tuple[int, ...]
    #: The server's own clock; None where it has the same as we.
    at: datetime | None
    #: When the newest entry of the log was made.
    latest: datetime | None
    waiting: tuple[Waiting, ...]


def taken(conn: Connection) -> Vitals:
    """Return how the server of *conn* is."""
    latest = conn.execute(select(func.max(events.c.at))).scalar()
    if conn.dialect.name == "sqlite":
        version = sqlite3.sqlite_version
        return Vitals(
            name="SQLite",
            version=version,
            number=tuple(map(int, version.split("."))),
            at=None,
            latest=latest,
            waiting=(),
        )
    version = str(conn.execute(text("SHOW server_version")).scalar_one()).split()[0]
    rows = conn.execute(_WAITING, {"patience": PATIENCE})
    return Vitals(
        name="PostgreSQL",
        version=version,
        number=(int(conn.execute(text("SHOW server_version_num")).scalar_one()) // 10_000,),
        at=conn.execute(text("SELECT clock_timestamp()")).scalar_one(),
        latest=latest,
        waiting=tuple(
            Waiting(pid=pid, program=program, what=what, seconds=float(seconds))
            for pid, program, seconds, what in rows
        ),
    )


#: As much as a few batches of results take.
_PROBE_OCTETS = 1 << 20


def try_writing(database: Database) -> None:
    """
    Commit a transaction that changes nothing; of SQLite, write and sync a file beside it first.

    Calling twice is safe. Raises StoreError and its kinds where something could not be
    written: a full disk, a quota, a file system that is read-only, a standby.
    """
    if database.file:
        _write_beside(database.file)
    with database.write() as conn:
        if conn.dialect.name == "sqlite":
            # Written and synced even if it is the number that stands there.
            number = conn.execute(text("PRAGMA user_version")).scalar_one()
            conn.execute(text(f"PRAGMA user_version = {number:d}"))
        else:
            conn.execute(text("SELECT pg_logical_emit_message(true, 'digest', 'May I write?')"))


def _write_beside(file: Path) -> None:
    try:
        with tempfile.NamedTemporaryFile(dir=file.parent, prefix=f".{file.name}-") as probe:
            probe.write(bytes(_PROBE_OCTETS))
            probe.flush()
            os.fsync(probe.fileno())
    except OSError as e:
        raise StoreError(
            f"{file.parent}: 1 MB could not be written ({e.strerror})",
            remedy="Make room, or give this user the right to write there, a larger quota, or a "
            "file system that is not read-only.",
        ) from e
