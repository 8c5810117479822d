"""Locks that PostgreSQL holds for as long as a session lives."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from sqlalchemy import Connection, func, select
from sqlalchemy.exc import DBAPIError

from digest.store.database import Database

#: Tell our advisory locks from those of other programs in the same database, and from one
#: another: an issue's only sender, senders of a fleet, and the one who sweeps.
ISSUES, SENDERS, SWEEP = 0x0D16E57, 0x0D16E58, 0x0D16E59


@contextmanager
def advisory(database: Database, number: int, *, space: int = ISSUES) -> Iterator[bool]:
    """Hold PostgreSQL's advisory lock of that *number*, if it is free; say whether it is held."""
    with database.engine.connect() as conn:
        # Outside a transaction: an open one would keep vacuum from cleaning up behind us.
        conn = conn.execution_options(isolation_level="AUTOCOMMIT")
        got = conn.execute(select(func.pg_try_advisory_lock(space, number))).scalar_one()
        try:
            yield bool(got)
        finally:
            if got:
                _unlock(conn, space, number)


def _unlock(conn: Connection, space: int, number: int) -> None:
    try:
        conn.execute(select(func.pg_advisory_unlock(space, number)))
    except DBAPIError as e:
        # Where the session has ended, as with a server that was restarted, so has its lock.
        if not e.connection_invalidated:
            raise


def is_held(database: Database, number: int, *, space: int) -> bool:
    """Tell whether some session holds that advisory lock now."""
    with advisory(database, number, space=space) as got:
        return not got
