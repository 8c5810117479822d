"""Opening the database, and its kinds of transaction."""

from __future__ import annotations

import os
import shutil
import time
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path
from typing import Any

from sqlalchemy import URL, Connection, Engine, create_engine, event
from sqlalchemy.engine import make_url
from sqlalchemy.exc import ArgumentError, DBAPIError, NoSuchModuleError
from sqlalchemy.exc import TimeoutError as PoolTimeoutError

from digest.errors import StoreAway, StoreBusy, StoreError, StoreFull

#: How long a writer waits for another one, and how long for a server to answer.
BUSY_SECONDS = 10
#: How long closing waits for what is at work, in seconds.
CLOSE_SECONDS = 2
CONNECT_SECONDS = 10
#: More than the threads of the web and the bell together.
MOST_THREADS = 60
#: Kept free for the end of what has begun: with less room, nothing new begins.
RESERVE_BYTES = 32_000_000
#: Below this a disk that fails to write is taken to be full.
FULL_BELOW_BYTES = 1_000_000


class Database:
    """
    One database, SQLite or PostgreSQL, by an SQLAlchemy URL.

    Safe to share between threads; a process that forks opens its own.
    """

    def __init__(self, url: str, *, folder: Path | None = None) -> None:
        """
        Open *url*; a relative SQLite path is taken from *folder*. No file is made yet.

        Raises StoreError for a URL that names neither SQLite nor PostgreSQL.
        """
        parsed = _located(_parsed(url), folder)
        self.url = parsed.render_as_string(hide_password=False)
        self.engine = _engine(parsed)

    @property
    def is_sqlite(self) -> bool:
        return self.engine.dialect.name == "sqlite"

    @property
    def file(self) -> Path | None:
        """The file of an SQLite database; None for PostgreSQL."""
        name = self.engine.url.database
        return Path(name) if self.is_sqlite and name and name != ":memory:" else None

    @property
    def place(self) -> str:
        """Where it is, for people: the file, or the URL without its password."""
        return str(self.file or self.engine.url.render_as_string(hide_password=True))

    def require_room(self) -> None:
        """Raise StoreFull while what is being done could still be written down."""
        if self.file and shutil.disk_usage(self.file.parent).free < RESERVE_BYTES:
            raise _full(self.place)

    @contextmanager
    def read(self) -> Iterator[Connection]:
        """
        A consistent view: what others commit meanwhile is not seen, and nothing can be written.

        Raises StoreError and its kinds, as the other transactions do.
        """
        with self._connected("read") as connection:
            if not self.is_sqlite:
                connection.execution_options(
                    isolation_level="REPEATABLE READ", postgresql_readonly=True
                )
            with connection.begin():
                yield connection

    @contextmanager
    def write(self) -> Iterator[Connection]:
        """
        One transaction: committed whole at the end, rolled back whole on any error.

        On SQLite it takes the write lock at once: a transaction that begins reading
        and writes later fails under two writers, whatever the time-out.
        """
        with self._connected("write") as connection, connection.begin():
            yield connection

    @contextmanager
    def reshape(self) -> Iterator[Connection]:
        """
        One transaction that changes the schema: whole or not at all, on both databases.

        On SQLite foreign keys rest while it lasts: rebuilding a table drops the old one,
        which would delete the rows that refer to it. They are checked before the commit.
        """
        with self._connected("reshape") as connection, connection.begin():
            yield connection
            if self.is_sqlite:
                _refuse_broken_references(connection)

    def writer(self) -> Writer:
        """Return what writes again and again over a connection that it keeps."""
        return Writer(self)

    def close(self) -> None:
        """
        Close every connection; calling twice is safe.

        Waits a moment for transactions at work in other threads: a connection that comes
        back to a pool which is gone would be left open.
        """
        in_use = getattr(self.engine.pool, "checkedout", lambda: 0)
        deadline = time.monotonic() + CLOSE_SECONDS
        while in_use() and time.monotonic() < deadline:
            time.sleep(0.01)
        self.engine.dispose()

    def explained(self) -> AbstractContextManager[None]:
        """Return what turns the driver's errors within it into StoreError and its kinds."""
        return _explained(self)

    @contextmanager
    def _connected(self, intent: str) -> Iterator[Connection]:
        with self.explained(), self.engine.connect() as connection:
            # Read by `_begin_sqlite`, which every transaction on this connection passes.
            connection.info["intent"] = intent
            try:
                yield connection
            finally:
                connection.info.pop("intent", None)


class Writer:
    """
    Write transactions, one after the other, over one connection: for whoever has many.

    It is opened at the first, and anew at the next after an error. For one thread at a time.
    What it has committed outlives a crash of the server, whatever the server is set to.
    """

    def __init__(self, database: Database) -> None:
        self._database = database
        self._connection: Connection | None = None

    @contextmanager
    def transaction(self) -> Iterator[None]:
        """
        What belongs to one transaction: `begin` first, at last its commit.

        Any error within rolls it back whole; raises as `Database.write` does.
        """
        with _explained(self._database):
            try:
                yield
            except BaseException:
                self._drop()
                raise

    def begin(self) -> Connection:
        """Begin it; on SQLite this waits until nobody else writes."""
        connection = self._connection or self._connected()
        connection.begin()
        return connection

    def _connected(self) -> Connection:
        connection = self._connection = self._database.engine.connect()
        connection.info["intent"] = "write"
        if not self._database.is_sqlite:
            connection.exec_driver_sql(_DURABLE)
            connection.commit()
        return connection

    def _drop(self) -> None:
        """Roll back what has begun, and keep nobody busy with a server's connection in doubt."""
        if self._connection is not None and not self._database.is_sqlite:
            self._connection.invalidate()
        self.close()

    def close(self) -> None:
        """Give the connection back; calling twice is safe."""
        connection, self._connection = self._connection, None
        if connection is not None:
            connection.close()


#: Whatever stricter setting there is stays.
_DURABLE = (
    "SELECT set_config('synchronous_commit', 'on', false)"
    " WHERE current_setting('synchronous_commit') = 'off'"
)


def _parsed(url: str) -> URL:
    remedy = "Write sqlite:///var/recap.db or postgresql://user@host/name under `database`."
    try:
        parsed = make_url(url)
    except (ArgumentError, ValueError) as e:
        raise StoreError("the database's URL cannot be read", remedy=remedy) from e
    if parsed.get_backend_name() not in ("sqlite", "postgresql"):
        kind = parsed.get_backend_name()
        raise StoreError(f"{kind} is no database that digest works with", remedy=remedy)
    return parsed


def _located(url: URL, folder: Path | None) -> URL:
    name = url.database
    if url.get_backend_name() != "sqlite" or not name or name == ":memory:":
        return url
    return url.set(database=str((folder or Path.cwd()) / name))


def _engine(url: URL) -> Engine:
    return _sqlite(url) if url.get_backend_name() == "sqlite" else _postgresql(url)


def _sqlite(url: URL) -> Engine:
    # Connections to a file cost little; a thread that waits for one costs a request.
    limits: dict[str, Any] = {}
    if url.database not in (None, "", ":memory:"):
        limits["max_overflow"] = MOST_THREADS
        # The connection that was used last has its pages and statements at hand.
        limits["pool_use_lifo"] = True
    engine = create_engine(url, connect_args={"timeout": BUSY_SECONDS}, **limits)
    event.listen(engine, "connect", _set_up_sqlite)
    event.listen(engine, "begin", _begin_sqlite)
    return engine


#: A server that was cut off without a word is given up after a minute, not after the system's
#: two hours (milliseconds for the last, seconds for the others).
_ALIVE = {
    "keepalives_idle": 30,
    "keepalives_interval": 10,
    "keepalives_count": 3,
    "tcp_user_timeout": 60_000,
}


def _postgresql(url: URL) -> Engine:
    if url.drivername == "postgresql":
        url = url.set(drivername="postgresql+psycopg")
    asked = url.query.get("options", "")
    asked = asked if isinstance(asked, str) else " ".join(asked)
    ours: dict[str, Any] = {
        "connect_timeout": CONNECT_SECONDS,
        "application_name": "digest",
        **_ALIVE,
    }
    arguments = {name: value for name, value in ours.items() if name not in url.query}
    # On today's disks a row by its key costs what the next row does; else a claim reads them all.
    ours_too = f"-c lock_timeout={BUSY_SECONDS}s -c random_page_cost=1.1"
    arguments["options"] = f"{ours_too} {asked}".strip()
    try:
        return create_engine(
            url,
            connect_args=arguments,
            pool_pre_ping=True,
            # The connection that was used last has its statements prepared.
            pool_use_lifo=True,
            pool_size=5,
            max_overflow=20,
        )
    except (ImportError, NoSuchModuleError) as e:
        raise StoreError(
            "the PostgreSQL driver is not installed",
            remedy="Run: pip install 'weekly-recap[postgres]'",
        ) from e


def _set_up_sqlite(connection: Any, _record: Any) -> None:
    # The driver must not open transactions by itself: `_begin_sqlite` does, immediate.
    connection.isolation_level = None
    cursor = connection.cursor()
    cursor.execute("PRAGMA journal_mode=WAL")
    cursor.execute("PRAGMA synchronous=FULL")
    cursor.close()


def _begin_sqlite(connection: Connection) -> None:
    intent = connection.info.get("intent", "write")
    if connection.info.get("set up for") != intent:
        # Neither setting can be changed within a transaction, and both outlive it.
        connection.exec_driver_sql(f"PRAGMA query_only={'ON' if intent == 'read' else 'OFF'}")
        connection.exec_driver_sql(f"PRAGMA foreign_keys={'OFF' if intent == 'reshape' else 'ON'}")
        connection.info["set up for"] = intent
    # By the driver alone: SQLAlchemy's way costs more than what SQLite does.
    driver: Any = connection.connection.driver_connection
    driver.execute("BEGIN" if intent == "read" else "BEGIN IMMEDIATE").close()


def _refuse_broken_references(connection: Connection) -> None:
    broken = connection.exec_driver_sql("PRAGMA foreign_key_check").fetchall()
    if broken:
        tables = ", ".join(sorted({str(row[0]) for row in broken}))
        raise StoreError(
            f"{len(broken)} rows refer to what is not there, in {tables}; nothing was changed",
            remedy="Please report this, with the versions before and after.",
        )


@contextmanager
def _explained(database: Database) -> Iterator[None]:
    """Turn the drivers' errors that an operator can do something about into ours."""
    try:
        yield
    except (DBAPIError, database.engine.dialect.loaded_dbapi.Error) as e:
        # The driver's own comes from statements that are the driver's alone.
        cause = e.orig if isinstance(e, DBAPIError) else e
        said = (_sqlite_said if database.is_sqlite else _postgresql_said)(cause, database)
        if said is None:
            raise
        raise said from e
    except PoolTimeoutError as e:
        raise StoreBusy(
            f"{database.place}: every connection is in use", remedy="Try again in a minute."
        ) from e


def _sqlite_said(e: BaseException | None, database: Database) -> StoreError | None:
    """Return our error for the driver's *e*; None if the fault is in a statement."""
    kind = getattr(e, "sqlite_errorname", "")
    place = database.place
    if kind.startswith(("SQLITE_BUSY", "SQLITE_LOCKED")):
        return _busy(place)
    if kind == "SQLITE_FULL" or (kind.startswith("SQLITE_IOERR") and _is_full(database.file)):
        return _full(place)
    if kind.startswith("SQLITE_IOERR"):
        return StoreError(f"{place}: the disk failed ({e})", remedy="Check the disk.")
    if kind.startswith("SQLITE_CANTOPEN"):
        return StoreError(
            f"{place}: cannot be opened",
            remedy="Check that its folder exists and that this user may write there.",
        )
    if kind.startswith(("SQLITE_READONLY", "SQLITE_PERM")):
        return _read_only(e, database)
    if kind.startswith(("SQLITE_NOTADB", "SQLITE_CORRUPT")):
        return StoreError(
            f"{place}: is no SQLite database, or a damaged one ({e})",
            remedy="Restore a backup, or name another file under `database` in config.yaml.",
        )
    return None


def _read_only(e: BaseException | None, database: Database) -> StoreError | None:
    """Tell a file or folder that may not be written from a write within `Database.read()`."""
    places = (database.file, database.file.parent) if database.file else ()
    if all(os.access(place, os.W_OK) for place in places):
        return None
    return StoreError(
        f"{database.place}: may not be written ({e})",
        remedy="Give this user the right to write it and its folder.",
    )


def _postgresql_said(e: BaseException | None, database: Database) -> StoreError | None:
    """As `_sqlite_said`. Codes: PostgreSQL, appendix A."""
    place = database.place
    match getattr(e, "sqlstate", None):
        case "55P03" | "40P01" | "40001":
            return _busy(place)
        case "53100":
            return _full(place)
        case "53300":
            return StoreBusy(f"{place}: too many connections", remedy="Try again in a minute.")
        case None if _is_about_the_line(e):
            return _unreachable(e, database)
        case "57P01" | "57P02" | "57P03" | "57P05" | "25P03":
            return _unreachable(e, database)
    return None


def _is_about_the_line(e: BaseException | None) -> bool:
    return type(e).__name__ in (
        "OperationalError",
        "InterfaceError",
        "ConnectionTimeout",
        "PoolTimeout",
    )


def _unreachable(e: BaseException | None, database: Database) -> StoreAway:
    url = database.engine.url
    # One line of the driver's several, which name each address that was tried.
    why = str(e).strip().splitlines()[0].removeprefix("connection failed: ")
    if url.password:
        why = why.replace(str(url.password), "***")
    said = str(e)
    host = url.host or url.query.get("host") or "this machine"
    if "authentication failed" in said or "no password supplied" in said:
        remedy = "Check user and password in `database`, or in DATABASE_URL."
    elif "does not exist" in said:
        remedy = f"Make it: createdb {url.database}"
    else:
        remedy = f"Check that PostgreSQL runs on {host} and lets this machine in."
    return StoreAway(f"{database.place}: {why}", remedy=remedy)


def _busy(place: str) -> StoreBusy:
    return StoreBusy(
        f"{place}: locked by another process for over {BUSY_SECONDS} s",
        remedy="Wait for it to end, or stop it; nothing was written. Then repeat the command.",
    )


def _full(place: str) -> StoreFull:
    return StoreFull(
        f"{place}: no space left on the disk",
        remedy="Make room and repeat the command; what was committed before is kept.",
    )


def _is_full(file: Path | None) -> bool:
    return file is not None and shutil.disk_usage(file.parent).free < FULL_BELOW_BYTES
