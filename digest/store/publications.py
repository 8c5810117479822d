"""The feed store's publications, read; and what editors write over them."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable
from dataclasses import asdict
from datetime import datetime
from typing import Any

from sqlalchemy import (
    Connection,
    Row,
    Select,
    and_,
    func,
    or_,
    select,
    true,
    union,
    union_all,
    update,
)

from digest.identity import TOLD, link_key, title_key
from digest.model import Image, Publication, Wording
from digest.store import archive, dialects
from digest.store.feeds import carries
from digest.store.schema import feeds, publication_feeds, publications

#: A publication's day, by which lists of them are sorted and cut.
_DATED = func.coalesce(publications.c.published_at, publications.c.first_seen_at)


#: What `of_row` reads; JSON that nobody looks at is not taken apart.
_READ = [each for each in publications.c if each.name not in ("edited", "link_key", "title_key")]


def candidates(conn: Connection, newsletter_key: str, *, since: datetime) -> list[Publication]:
    """
    Return the newsletter's publications dated or first seen since then, or beginning since.

    Oldest first, hidden ones too: why one is out is the selection's to say.
    """
    columns = publications.c
    # Each read off an index of its own; one condition of three would read through them all.
    recent = union(
        *(
            select(columns.id).where(moment >= since)
            for moment in (columns.published_at, columns.first_seen_at, columns.starts_at)
        )
    )
    query = select(*_READ).where(columns.id.in_(recent), carries(newsletter_key, publications.c.id))
    return _publications(conn, query.order_by(_DATED, columns.id))


def history(
    conn: Connection, newsletter_key: str, *, before: datetime, limit: int = 2000
) -> list[Wording]:
    """Return the words of the newsletter's newest publications dated before then, newest first."""
    columns = publications.c
    newest = _newest(
        select(columns.id).where(carries(newsletter_key, publications.c.id)),
        lambda day: day < before,
        most=limit,
    )
    query = select(columns.id, columns.title, columns.summary).where(columns.id.in_(newest))
    return [Wording(*row) for row in conn.execute(_newest_first(query).limit(limit))]


def search(
    conn: Connection, newsletter_key: str, words: str, *, after: int | None = None, most: int
) -> list[Publication]:
    """
    Return the newsletter's publications with all *words* in title or summary, newest first.

    Hidden ones too; without words all of them. *after* is the last of the page before.
    """
    columns = publications.c
    query = select(columns.id).where(carries(newsletter_key, publications.c.id))
    for word in words.split():
        like = pattern(word)
        query = query.where(
            or_(columns.title.ilike(like, escape="\\"), columns.summary.ilike(like, escape="\\"))
        )
    last = select(_DATED).where(columns.id == after).scalar_subquery()

    def older(day: Any) -> Any:
        # The first condition says nothing more than the second, but is read off an index.
        return and_(day <= last, or_(day < last, columns.id < after))

    newest = _newest(query, older if after is not None else lambda _: true(), most=most)
    found = select(*_READ).where(columns.id.in_(newest))
    return _publications(conn, _newest_first(found).limit(most))


def _newest(query: Select[Any], within: Callable[[Any], Any], *, most: int) -> Any:
    """
    Return the statement for the numbers of at most twice *most* rows of *query*, the newest.

    Those with a date of their own and those without one are read off an index each, as far
    as needed; sorting by whichever there is would read through all that were ever published.
    """
    columns = publications.c
    undated = columns.published_at.is_(None)
    parts = (
        query.where(known, within(day)).order_by(day.desc(), columns.id.desc()).limit(most)
        for day, known in ((columns.published_at, ~undated), (columns.first_seen_at, undated))
    )
    return union_all(*(select(part.subquery().c.id) for part in parts))


def _newest_first(query: Select[Any]) -> Select[Any]:
    return query.order_by(_DATED.desc(), publications.c.id.desc())


def pattern(word: str) -> str:
    """Return what LIKE finds *word* by, anywhere, with ``\\`` as the escape."""
    return "%" + re.sub(r"([\\%_])", r"\\\1", word) + "%"


def by_ids(conn: Connection, ids: Iterable[int]) -> list[Publication]:
    """Return these publications in that order; those that are not there are left out."""
    wanted = list(dict.fromkeys(ids))
    found: dict[int, Publication] = {}
    for part in dialects.chunks(wanted):
        query = select(*_READ).where(publications.c.id.in_(part))
        found |= {one.id: one for one in _publications(conn, query)}
    return [found[number] for number in wanted if number in found]


# --- writing ------------------------------------------------------------------------------


def edit(conn: Connection, number: int, **words: Any) -> None:
    """
    Keep what an editor wrote: those fields are no feed's any more. Calling twice is safe.

    *words* are fields of the publication *number* (title, summary, …) with new values.
    """
    values = as_columns(words) | {"edited": sorted({*_one(conn, number).edited, *words})}
    if "title" in words:
        values |= {"title_key": title_key(words["title"]), "title_made": False}
    if "link" in words:
        values["link_key"] = _free_link_key(conn, number, words["link"])
    change(conn, number, values)


def _free_link_key(conn: Connection, number: int, link: str | None) -> str | None:
    key = link_key(link or "") or None
    columns = publications.c
    taken = select(columns.id).where(columns.link_key == key, columns.id != number)
    return None if key is None or conn.execute(taken).first() else key


def illustrate(conn: Connection, number: int, image: Image) -> None:
    """Give a publication without a picture this one, under its caption. Calling twice is safe."""
    row = _one(conn, number)
    told = {name: text for name, text in (row.image or {}).items() if text}
    if "url" not in told and "image" not in row.edited:
        change(conn, number, {"image": asdict(image) | told})


def hide(conn: Connection, number: int, *, hidden: bool = True) -> None:
    """Hide a publication from every issue, or show it again. Calling twice is safe."""
    change(conn, number, {"hidden": hidden})


def change(conn: Connection, number: int, values: dict[str, Any]) -> Row[Any]:
    """Set columns of a publication, let the archive find it so, and return its row."""
    which = publications.c.id == number
    row = conn.execute(
        update(publications).where(which).values(**values).returning(publications)
    ).one()
    if archive.PUBLICATION_COLUMNS & values.keys():
        archive.keep_publication(conn, row)
    return row


def as_columns(told: dict[str, Any]) -> dict[str, Any]:
    """Return fields of a publication as its row holds them."""
    values = dict(told)
    for name in ("topics", "authors"):
        if name in values:
            values[name] = list(values[name])
    if values.get("image"):
        values["image"] = asdict(values["image"])
    return values


def _one(conn: Connection, number: int) -> Row[Any]:
    return conn.execute(select(publications).where(publications.c.id == number)).one()


# --- rows ---------------------------------------------------------------------------------


def _publications(conn: Connection, query: Select[Any]) -> list[Publication]:
    rows = list(conn.execute(query))
    carriers: dict[int, set[str]] = {}
    named = publication_feeds.c
    for part in dialects.chunks(row.id for row in rows):
        carried = (
            select(named.publication_id, feeds.c.url)
            .join(feeds, feeds.c.id == named.feed_id)
            .where(named.publication_id.in_(part))
        )
        for number, url in conn.execute(carried):
            carriers.setdefault(number, set()).add(url)
    return [of_row(row, carriers.get(row.id, ())) for row in rows]


def of_row(row: Row[Any], carriers: Iterable[str]) -> Publication:
    """Return the publication of a row; *carriers* are the addresses of its feeds."""
    told = {name: getattr(row, name) for name in TOLD}
    told |= {name: tuple(told[name]) for name in ("topics", "authors")}
    return Publication(
        **told | {"image": Image(**row.image) if row.image else None},
        id=row.id,
        first_seen_at=row.first_seen_at,
        changed_at=row.changed_at,
        hidden=row.hidden,
        feeds=tuple(sorted(carriers)),
    )
