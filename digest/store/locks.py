"""PostgreSQL's advisory locks, held for as long as a session or a transaction lives."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager, suppress
from enum import IntEnum, unique
from select import POLLIN, poll
from threading import Lock
from typing import Any

from sqlalchemy import Connection, func, select, text
from sqlalchemy.exc import DBAPIError

from digest.errors import StoreError
from digest.store.database import Database


@unique
class Space(IntEnum):
    """Tells our locks from other programs' in the same database, and from one another."""

    #: An issue's only sender, by the issue's number.
    ISSUES = 0x0D16E57
    #: Senders of a fleet, each by a number of its own.
    SENDERS = 0x0D16E58
    #: The one who sweeps.
    SWEEP = 0x0D16E59
    #: Work that transactions do one after the other, by `Turn`.
    TURNS = 0x0D16E5A


@unique
class Turn(IntEnum):
    """What no two transactions may do side by side."""

    #: Counting who asks to join: a limit must not be passed.
    KNOCKS = 1
    #: Counting wrong guesses at a sign-in.
    GUESSES = 2
    #: Recognising and writing publications: one thing must not be stored twice.
    PUBLICATIONS = 3
    #: Giving an approved issue its number: two issues of a newsletter must not share one.
    NUMBERS = 4


#: Whoever held a lock when the server ended has taken it again after so many seconds.
SETTLING_SECONDS = 10


class Advisory:
    """PostgreSQL's advisory lock of one number: asked for at once, and kept until `close`."""

    def __init__(self, database: Database, number: int, *, space: Space = Space.ISSUES) -> None:
        """Take the lock, if it is free. For any thread. StoreError and its kinds."""
        self._database = database
        self._asked = (space, number)
        self._turn = Lock()
        self._conn: Connection | None = None
        with database.explained():
            self._taken()

    @property
    def is_held(self) -> bool:
        return self._conn is not None

    def keep(self) -> bool:
        """
        Tell whether the lock is held; take it again where the server has ended the session.

        A server that is started anew takes its sessions' locks along: others then hold us
        for dead. It costs nothing as long as the server says nothing, so ask often.
        """
        with self._turn:
            if self._conn is not None and not self._lives(self._conn):
                self._drop()
            if self._conn is None:
                # Where the server is away, whoever asks it for more is told why.
                with suppress(StoreError), self._database.explained():
                    self._taken()
            return self.is_held

    def close(self) -> None:
        """Give the lock back; calling twice is safe."""
        with self._turn:
            conn, self._conn = self._conn, None
            if conn is not None:
                with conn:
                    _unlock(conn, *self._asked)

    def _taken(self) -> None:
        # Outside a transaction: an open one would keep vacuum from cleaning up behind us.
        conn = self._database.engine.connect().execution_options(isolation_level="AUTOCOMMIT")
        try:
            if conn.execute(select(func.pg_try_advisory_lock(*self._asked))).scalar_one():
                self._conn = conn
        finally:
            if self._conn is not conn:
                conn.close()

    def _lives(self, conn: Connection) -> bool:
        driver: Any = conn.connection.driver_connection
        said = poll()  # `select` knows no descriptor beyond 1023
        said.register(driver, POLLIN)
        if said.poll(0):
            # A word unasked: most often the last one.
            try:
                with self._database.explained():
                    conn.execute(select(1))
            except StoreError:
                return False
        return True

    def _drop(self) -> None:
        conn, self._conn = self._conn, None
        if conn is not None:
            conn.invalidate()
            conn.close()


@contextmanager
def advisory(database: Database, number: int, *, space: Space = Space.ISSUES) -> Iterator[Advisory]:
    """Ask for PostgreSQL's advisory lock of that *number*, and give it back at the end."""
    lock = Advisory(database, number, space=space)
    try:
        yield lock
    finally:
        lock.close()


def _unlock(conn: Connection, space: int, number: int) -> None:
    try:
        conn.execute(select(func.pg_advisory_unlock(space, number)))
    except DBAPIError as e:
        # Where the session has ended, as with a server that was restarted, so has its lock.
        if not e.connection_invalidated:
            raise


def is_held(database: Database, number: int, *, space: Space) -> bool:
    """Tell whether some session holds that advisory lock now."""
    with advisory(database, number, space=space) as lock:
        return not lock.is_held


def are_settled(conn: Connection) -> bool:
    """
    Tell whether a lock that nobody holds now says that its holder is dead.

    Not within `SETTLING_SECONDS` of the server's start, which nobody's lock outlives.
    """
    up = text("SELECT now() - pg_postmaster_start_time() > make_interval(secs => :settling)")
    return bool(conn.execute(up, {"settling": SETTLING_SECONDS}).scalar_one())


def take_turn(conn: Connection, turn: Turn) -> None:
    """Wait until no other transaction has that turn; it is ours until this one ends."""
    # On SQLite the write transaction itself holds everyone else off.
    if conn.dialect.name == "postgresql":
        conn.execute(select(func.pg_advisory_xact_lock(Space.TURNS, turn)))
