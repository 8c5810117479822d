"""Locks that PostgreSQL holds for as long as a session lives."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from sqlalchemy import func, select

from digest.store.database import Database

#: Tells our advisory locks from those of other programs in the same database.
_SPACE = 0x0D16E57


@contextmanager
def advisory(database: Database, number: int) -> Iterator[bool]:
    """Hold PostgreSQL's advisory lock of that *number*, if it is free; say whether it is held."""
    with database.engine.connect() as conn:
        # Outside a transaction: an open one would keep vacuum from cleaning up behind us.
        conn = conn.execution_options(isolation_level="AUTOCOMMIT")
        got = conn.execute(select(func.pg_try_advisory_lock(_SPACE, number))).scalar_one()
        try:
            yield bool(got)
        finally:
            if got:
                conn.execute(select(func.pg_advisory_unlock(_SPACE, number)))
