"""Blocks that editors write at the desk, every version kept; and the pictures they brought."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, Row, and_, func, insert, select, update

from digest.store.schema import blocks, pictures


@dataclass(frozen=True, slots=True, kw_only=True)
class Written:
    """One version of a block."""

    key: str
    #: 1 for the first.
    version: int
    #: Title, link, picture, days, words and place, as the desk's form has them; None: taken away.
    said: dict[str, Any] | None
    at: datetime
    by: str


def newest(conn: Connection, newsletter: str) -> dict[str, Written]:
    """Return the newsletter's blocks as they are now, by key; those taken away are left out."""
    last = (
        select(blocks.c.key, func.max(blocks.c.version).label("version"))
        .where(blocks.c.newsletter == newsletter)
        .group_by(blocks.c.key)
        .subquery()
    )
    query = (
        select(blocks)
        .join(last, and_(last.c.key == blocks.c.key, last.c.version == blocks.c.version))
        .where(blocks.c.newsletter == newsletter)
        .order_by(blocks.c.key)
    )
    known = (_written(row) for row in conn.execute(query))
    return {each.key: each for each in known if each.said is not None}


def versions(conn: Connection, newsletter: str, key: str) -> list[Written]:
    """Return every version of the block, the newest first."""
    query = select(blocks).where(blocks.c.newsletter == newsletter, blocks.c.key == key)
    return [_written(row) for row in conn.execute(query.order_by(blocks.c.version.desc()))]


def write(
    conn: Connection,
    newsletter: str,
    key: str,
    said: dict[str, Any] | None,
    *,
    by: str,
    now: datetime,
) -> int:
    """
    Keep *said* as the block's newest version, None to take it away; return its number.

    What is the same as before is no version. Needs a write transaction.
    """
    before = next(iter(versions(conn, newsletter, key)), None)
    if before and before.said == said:
        return before.version
    version = before.version + 1 if before else 1
    values = {"newsletter": newsletter, "key": key, "version": version, "said": said}
    conn.execute(insert(blocks).values(values | {"written_at": now, "written_by": by}))
    return version


def _written(row: Row[Any]) -> Written:
    return Written(
        key=row.key, version=row.version, said=row.said, at=row.written_at, by=row.written_by
    )


# --- pictures -----------------------------------------------------------------------------


@dataclass(frozen=True, slots=True, kw_only=True)
class Picture:
    """A picture that an editor brought; its bytes are in the file *name* on the shelf."""

    id: int
    name: str
    #: What it shows, for who cannot see it.
    alt: str
    width: int
    height: int
    #: In bytes.
    size: int
    at: datetime
    by: str


def bring(conn: Connection, newsletter: str, *, by: str, now: datetime, **told: Any) -> int:
    """Keep that the newsletter has a picture; *told* are `Picture`'s facts. Return its number."""
    values = {"newsletter": newsletter, "brought_at": now, "brought_by": by, **told}
    return int(conn.execute(insert(pictures).values(values).returning(pictures.c.id)).scalar_one())


def offered(conn: Connection, newsletter: str, *, all_of_them: bool = False) -> list[Picture]:
    """Return the newsletter's pictures, unless they were put away, the newest first."""
    query = select(pictures).where(pictures.c.newsletter == newsletter)
    if not all_of_them:
        query = query.where(pictures.c.put_away_at.is_(None))
    rows = conn.execute(query.order_by(pictures.c.id.desc()))
    return [_picture(row) for row in rows]


def named(conn: Connection, newsletter: str, name: str) -> Picture | None:
    """Return the newest picture of that file name, put away or not; None if there is none."""
    query = select(pictures).where(pictures.c.newsletter == newsletter, pictures.c.name == name)
    row = conn.execute(query.order_by(pictures.c.id.desc()).limit(1)).one_or_none()
    return _picture(row) if row else None


def put_away(conn: Connection, newsletter: str, number: int, *, now: datetime) -> Picture | None:
    """Offer a picture no longer; what shows it keeps it. None if it is not the newsletter's."""
    which = and_(pictures.c.id == number, pictures.c.newsletter == newsletter)
    changed = update(pictures).where(which, pictures.c.put_away_at.is_(None))
    row = conn.execute(changed.values(put_away_at=now).returning(pictures)).one_or_none()
    return _picture(row) if row else None


def _picture(row: Row[Any]) -> Picture:
    return Picture(
        id=row.id,
        name=row.name,
        alt=row.alt,
        width=row.width,
        height=row.height,
        size=row.size,
        at=row.brought_at,
        by=row.brought_by,
    )
