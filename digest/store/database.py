"""Opening the database, and its two kinds of transaction."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from sqlalchemy import Connection, Engine, create_engine, event
from sqlalchemy.engine import make_url
from sqlalchemy.exc import DBAPIError, OperationalError

from digest.errors import StoreBusy, StoreError, StoreFull

#: How long a writer waits for another one, in seconds.
BUSY_SECONDS = 10


class Database:
    """
    One database, SQLite or PostgreSQL, by an SQLAlchemy URL.

    Safe to share between threads; a process that forks opens its own.
    """

    def __init__(self, url: str, *, folder: Path | None = None) -> None:
        """Open *url*; a relative SQLite path is taken from *folder*. No file is made yet."""
        self.url = _located(url, folder)
        self.engine = _engine(self.url)

    @property
    def is_sqlite(self) -> bool:
        return self.engine.dialect.name == "sqlite"

    @property
    def file(self) -> Path | None:
        """The file of an SQLite database; None for PostgreSQL."""
        name = make_url(self.url).database
        return Path(name) if self.is_sqlite and name else None

    @contextmanager
    def read(self) -> Iterator[Connection]:
        """A consistent view; nothing that is written in it stays."""
        with _explained(self), self.engine.connect() as connection:
            connection.info["intent"] = "read"
            try:
                with connection.begin():
                    yield connection
            finally:
                connection.info.pop("intent", None)

    @contextmanager
    def write(self) -> Iterator[Connection]:
        """
        One transaction: committed whole at the end, rolled back whole on any error.

        On SQLite it takes the write lock at once: a transaction that begins reading
        and writes later fails under two writers, whatever the time-out.
        """
        with _explained(self), self.engine.connect() as connection, connection.begin():
            yield connection

    def close(self) -> None:
        self.engine.dispose()


def _located(url: str, folder: Path | None) -> str:
    parsed = make_url(url)
    name = parsed.database
    if parsed.get_backend_name() != "sqlite" or not name or name == ":memory:":
        return url
    path = Path(name) if Path(name).is_absolute() else (folder or Path.cwd()) / name
    return parsed.set(database=str(path)).render_as_string(hide_password=False)


def _engine(url: str) -> Engine:
    parsed = make_url(url)
    if parsed.get_backend_name() == "postgresql":
        if parsed.drivername == "postgresql":
            parsed = parsed.set(drivername="postgresql+psycopg")
        return create_engine(parsed, pool_pre_ping=True, pool_size=5, max_overflow=20)
    engine = create_engine(parsed, connect_args={"timeout": BUSY_SECONDS})
    event.listen(engine, "connect", _set_up_sqlite)
    event.listen(engine, "begin", _begin_sqlite)
    return engine


def _set_up_sqlite(connection: Any, _record: Any) -> None:
    # The driver must not open transactions by itself: `_begin_sqlite` does, immediate.
    connection.isolation_level = None
    cursor = connection.cursor()
    cursor.execute("PRAGMA journal_mode=WAL")
    cursor.execute("PRAGMA synchronous=FULL")
    cursor.execute("PRAGMA foreign_keys=ON")
    cursor.close()


def _begin_sqlite(connection: Connection) -> None:
    kind = "DEFERRED" if connection.info.get("intent") == "read" else "IMMEDIATE"
    connection.exec_driver_sql(f"BEGIN {kind}")


@contextmanager
def _explained(database: Database) -> Iterator[None]:
    """Turn the drivers' errors that an operator can do something about into ours."""
    try:
        yield
    except DBAPIError as e:
        raise _translated(e, database) from e


def _translated(e: DBAPIError, database: Database) -> Exception:
    said = str(e.orig).lower()
    place = str(database.file or make_url(database.url).render_as_string(hide_password=True))
    if "is locked" in said or "lock timeout" in said:
        return StoreBusy(
            f"{place}: locked by another process for over {BUSY_SECONDS} s",
            remedy="Wait for it to end, or stop it; nothing was written. Then repeat the command.",
        )
    if "disk is full" in said or "no space left" in said or "disk i/o error" in said:
        return StoreFull(
            f"{place}: no space left on the disk",
            remedy="Make room and repeat the command; what was committed before is kept.",
        )
    if isinstance(e, OperationalError):
        return StoreError(f"{place}: {e.orig}", remedy="Run: digest doctor")
    return e
