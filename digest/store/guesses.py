"""Wrong guesses at a sign-in, counted by hashes of whom they are about and where they come from."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import Connection, delete, insert, select, update

from digest.store.schema import guesses


@dataclass(frozen=True, slots=True, kw_only=True)
class Guessed:
    """What was guessed under one name until now."""

    failures: int
    #: No guess is heard before.
    until: datetime


def known(conn: Connection, whose: str) -> Guessed | None:
    """Return what was guessed under that name; None if nothing."""
    query = select(guesses.c.failures, guesses.c.until).where(guesses.c.whose == whose)
    row = conn.execute(query).one_or_none()
    return Guessed(failures=row.failures, until=row.until) if row else None


def keep(conn: Connection, whose: str, *, failures: int, until: datetime, now: datetime) -> None:
    """Write down how many guesses there were, and when the next one is heard."""
    said = {"failures": failures, "until": until, "last_at": now}
    changed = conn.execute(update(guesses).where(guesses.c.whose == whose).values(said))
    if not changed.rowcount:
        conn.execute(insert(guesses).values(whose=whose, **said))


def forgive(conn: Connection, whose: str) -> None:
    """Forget what was guessed under that name. Calling twice is safe."""
    conn.execute(delete(guesses).where(guesses.c.whose == whose))


def forget(conn: Connection, *, before: datetime) -> None:
    """Forget what was guessed long ago."""
    conn.execute(delete(guesses).where(guesses.c.last_at < before))
