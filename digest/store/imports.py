"""Lists on their way in: how far each import has come."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import Connection, insert, select, update

from digest.errors import ReaderError
from digest.store.schema import imports


@dataclass(frozen=True, slots=True, kw_only=True)
class Standing:
    """How far an import has come."""

    id: int
    started_at: datetime
    #: Rows that are written, of those that could be taken.
    done: int
    #: What became of them: {outcome: count}.
    counts: dict[str, int]


def unfinished(conn: Connection, newsletter: str, fingerprint: str) -> Standing | None:
    """Return the import of that list that was stopped; None if there is none."""
    query = (
        select(imports)
        .where(
            imports.c.newsletter == newsletter,
            imports.c.fingerprint == fingerprint,
            imports.c.finished_at.is_(None),
        )
        .order_by(imports.c.id.desc())
        .limit(1)
    )
    row = conn.execute(query).one_or_none()
    return (
        Standing(id=row.id, started_at=row.started_at, done=row.done, counts=dict(row.counts))
        if row
        else None
    )


def begin(
    conn: Connection,
    newsletter: str,
    fingerprint: str,
    *,
    files: Sequence[str],
    source: str,
    now: datetime,
) -> Standing:
    """Write down that an import begins."""
    number = conn.execute(
        insert(imports)
        .values(
            newsletter=newsletter,
            fingerprint=fingerprint,
            files=list(files),
            source=source,
            started_at=now,
            done=0,
            counts={},
        )
        .returning(imports.c.id)
    ).scalar_one()
    return Standing(id=number, started_at=now, done=0, counts={})


def advance(
    conn: Connection, standing: Standing, *, done: int, counts: Mapping[str, int]
) -> Standing:
    """
    Write down how far an import has come, in the transaction that wrote its rows.

    ReaderError, and nothing is to be kept, if another process takes the same list in.
    """
    moved = conn.execute(
        update(imports)
        .where(imports.c.id == standing.id, imports.c.done == standing.done)
        .values(done=done, counts=dict(counts))
    )
    if moved.rowcount != 1:
        raise ReaderError(
            "another process imports the same list just now",
            remedy="Wait for it, or stop it and repeat the command.",
        )
    return Standing(id=standing.id, started_at=standing.started_at, done=done, counts=dict(counts))


def finish(conn: Connection, standing: Standing, *, now: datetime) -> None:
    conn.execute(update(imports).where(imports.c.id == standing.id).values(finished_at=now))
