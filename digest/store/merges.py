"""The same thing twice, as an editor saw it: one publication stands for the other."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import (
    ColumnElement,
    Connection,
    and_,
    delete,
    insert,
    or_,
    select,
    update,
)

from digest.errors import IssueError
from digest.store import dialects, feeds
from digest.store.schema import merges, publication_feeds, publications


@dataclass(frozen=True, slots=True, kw_only=True)
class Merge:
    """Which publication stands for which, since when, and who said so."""

    publication: int
    title: str
    into: int
    into_title: str
    at: datetime
    by: str


def merge(conn: Connection, one: int, *, into: int, now: datetime, by: str) -> None:
    """
    Let *into* stand for *one*: it is hidden, and the feeds that carry it carry *into*.

    What those feeds say of it later fills only gaps of *into*. Undone by `undo`. IssueError
    if either stands for the other already, or *one* was merged before.
    """
    if one == into or _stands_for(conn, into) == one or _stands_for(conn, one) is not None:
        raise IssueError(
            "these two cannot be merged",
            remedy="One of them was merged before: undo that first.",
        )
    columns = publication_feeds.c
    names = [
        [row.feed_id, row.guid]
        for row in conn.execute(
            select(columns.feed_id, columns.guid).where(columns.publication_id == one)
        )
    ]
    hidden = publications.c.hidden
    was = conn.execute(select(hidden).where(publications.c.id == one)).scalar_one()
    values = {"publication_id": one, "into_id": into, "names": names, "was_hidden": was}
    conn.execute(insert(merges).values(values | {"merged_at": now, "merged_by": by}))
    _carry(conn, names, into)
    conn.execute(update(publications).where(publications.c.id == one).values(hidden=True))


def undo(conn: Connection, one: int) -> bool:
    """Let *one* stand for itself again; False if it was not merged. Calling twice is safe."""
    row = conn.execute(select(merges).where(merges.c.publication_id == one)).one_or_none()
    if row is None:
        return False
    _carry(conn, row.names, one)
    own = update(publications).where(publications.c.id == one)
    conn.execute(own.values(hidden=row.was_hidden))
    conn.execute(delete(merges).where(merges.c.publication_id == one))
    return True


def _carry(conn: Connection, names: list[list[Any]], number: int) -> None:
    columns = publication_feeds.c
    for feed_id, guid in names:
        which = and_(columns.feed_id == feed_id, columns.guid == guid)
        conn.execute(update(publication_feeds).where(which).values(publication_id=number))


def _stands_for(conn: Connection, one: int) -> int | None:
    into = merges.c.into_id
    return conn.execute(select(into).where(merges.c.publication_id == one)).scalar()


def standing_for(conn: Connection, ids: set[int]) -> dict[int, int]:
    """Return which publication stands for each of *ids* that was merged, ends of chains."""
    found: dict[int, int] = {}
    wanted = set(ids)
    while wanted:
        query = select(merges.c.publication_id, merges.c.into_id)
        new = {
            row.publication_id: row.into_id
            for part in dialects.chunks(wanted)
            for row in conn.execute(query.where(merges.c.publication_id.in_(part)))
        }
        found |= new
        wanted = set(new.values()) - found.keys()
    return {one: _end(found, one) for one in ids if one in found}


def _end(chain: dict[int, int], one: int) -> int:
    while one in chain:
        one = chain[one]
    return one


def latest(conn: Connection, newsletter: str, *, most: int) -> list[Merge]:
    """Return the newest merges into publications that *newsletter* carries, newest first."""
    return _told(conn, feeds.carries(newsletter, merges.c.into_id), most=most)


def of(conn: Connection, number: int) -> list[Merge]:
    """Return what publication *number* stands for, newest first; or what stands for it."""
    columns = merges.c
    return _told(conn, or_(columns.into_id == number, columns.publication_id == number), most=100)


def _told(conn: Connection, which: ColumnElement[bool], *, most: int) -> list[Merge]:
    gone, kept = publications.alias(), publications.alias()
    query = (
        select(merges, gone.c.title, kept.c.title.label("into_title"))
        .join(gone, gone.c.id == merges.c.publication_id)
        .join(kept, kept.c.id == merges.c.into_id)
        .where(which)
        .order_by(merges.c.merged_at.desc(), merges.c.publication_id.desc())
        .limit(most)
    )
    return [
        Merge(
            publication=row.publication_id,
            title=row.title,
            into=row.into_id,
            into_title=row.into_title,
            at=row.merged_at,
            by=row.merged_by,
        )
        for row in conn.execute(query)
    ]
