"""The feed store's publications: what feeds bring, each kept once."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import asdict, dataclass, field
from datetime import datetime
from typing import Any

from sqlalchemy import (
    Connection,
    Row,
    Select,
    and_,
    func,
    insert,
    or_,
    select,
    true,
    union,
    union_all,
    update,
)

from digest.identity import (
    Known,
    Mark,
    changes,
    link_key,
    marks,
    noticeable,
    recognised,
    title_key,
)
from digest.model import Entry, Image, Publication, Wording
from digest.store import archive, dialects, locks, merges
from digest.store.schema import feeds, newsletter_feeds, publication_feeds, publications

#: Values in one IN list: SQLite takes 32,766, and plans are kept for equal lengths.
_CHUNK = 500


@dataclass(slots=True)
class Brought:
    """What one reading of a feed did to the store: publication ids, in the feed's order."""

    new: list[int] = field(default_factory=list)
    #: Stored ones that a feed changed in any way.
    changed: list[int] = field(default_factory=list)
    same: list[int] = field(default_factory=list)


def bring(
    conn: Connection, feed_id: int, entries: Sequence[Entry], *, now: datetime, baseline: bool
) -> Brought:
    """
    Write what a feed lists: new publications, changed words, and who carries what.

    An entry that is known, by `digest.identity`'s rules, is the stored publication,
    whichever feed brought it. With *baseline* a new one was first seen when it was
    published, if that is past. Bringing the same entries again changes nothing. Needs a
    write transaction, and lets others that bring wait until it ends, so that two
    processes never store one thing twice.
    """
    locks.take_turn(conn, locks.Turn.PUBLICATIONS)
    shelf = _Shelf(conn, feed_id, marks(entries, now=now))
    brought = Brought()
    for entry, mark in zip(entries, shelf.marks, strict=True):
        one = shelf.recognised(mark)
        if one is None:
            row = _insert(conn, feed_id, entry, mark, now=now, baseline=baseline)
            brought.new.append(row.id)
        else:
            meant = shelf.stands_for(one)
            row = _one(conn, meant)
            # What another one's entry says only fills gaps of the one that stands for it.
            first = shelf.first(meant) and meant == one.id
            values = _changed(row, feed_id, entry, mark, now=now, first=first)
            row = _update(conn, meant, values) if values else row
            (brought.changed if values else brought.same).append(meant)
        shelf.put(row, mark)
    shelf.write_names()
    return brought


class _Shelf:
    """The stored publications that a feed's entries may be, and those just written."""

    def __init__(self, conn: Connection, feed_id: int, told: tuple[Mark, ...]) -> None:
        self.conn, self.feed_id, self.marks = conn, feed_id, told
        self.listed = frozenset(mark.guid for mark in told)
        self.named: dict[str, int] = {}
        self.known: dict[int, Known] = {}
        self.touched: set[int] = set()
        #: Which publication an editor let stand for which.
        self.merged: dict[int, int] = {}
        self._by: dict[tuple[str, str], set[int]] = {}
        self._load()

    def _load(self) -> None:
        columns = publications.c
        ids = set(self._names(publication_feeds.c.guid, self.listed))
        for column, values in (
            (columns.link_key, {mark.link for mark in self.marks if mark.link}),
            (columns.title_key, {mark.title for mark in self.marks}),
        ):
            for part in _chunks(values):
                ids.update(self.conn.scalars(select(columns.id).where(column.in_(part))))
        self.merged = merges.standing_for(self.conn, ids)
        ids.update(self.merged.values())
        guids: dict[int, set[str]] = {}
        for part in _chunks(ids):
            for guid, number in self._pairs(publication_feeds.c.publication_id.in_(part)):
                guids.setdefault(number, set()).add(guid)
        for row in _rows(self.conn, ids):
            self._keep(_known(row, frozenset(guids.get(row.id, ()))))

    def _names(self, column: Any, values: Iterable[str]) -> Iterator[int]:
        for part in _chunks(values):
            yield from (number for _, number in self._pairs(column.in_(part)))

    def _pairs(self, condition: Any) -> Iterable[tuple[str, int]]:
        columns = publication_feeds.c
        query = select(columns.guid, columns.publication_id)
        rows = self.conn.execute(query.where(columns.feed_id == self.feed_id, condition))
        return [(guid, number) for guid, number in rows]

    def _keep(self, known: Known) -> None:
        self.known[known.id] = known
        for key in self._keys(known.link, known.title, known.guids):
            self._by.setdefault(key, set()).add(known.id)

    @staticmethod
    def _keys(link: str | None, title: str, guids: Iterable[str]) -> Iterator[tuple[str, str]]:
        if link:
            yield "link", link
        yield "title", title
        for guid in guids:
            yield "guid", guid

    def stands_for(self, one: Known) -> int:
        """Return the publication that is meant by *one*, which may have been merged."""
        return self.merged.get(one.id, one.id)

    def recognised(self, mark: Mark) -> Known | None:
        keys = self._keys(mark.link, mark.title, [mark.guid])
        ids = set().union(*(self._by.get(key, set()) for key in keys))
        return recognised(mark, (self.known[number] for number in ids), listed=self.listed)

    def first(self, number: int) -> bool:
        """Return whether no entry of this reading spoke of that publication before."""
        return number not in self.touched

    def put(self, row: Row[Any], mark: Mark) -> None:
        """Keep that *mark* is the publication in *row*, for the entries that follow."""
        old = self.known.get(row.id)
        self.touched.add(row.id)
        self.named[mark.guid] = row.id
        self._keep(_known(row, (old.guids if old else frozenset()) | {mark.guid}))

    def write_names(self) -> None:
        """Write which publication each of the feed's names stands for."""
        rows = [
            {"feed_id": self.feed_id, "guid": guid, "publication_id": number}
            for guid, number in self.named.items()
        ]
        for part in _chunks(rows):
            statement = dialects.insert(self.conn, publication_feeds).values(part)
            self.conn.execute(
                statement.on_conflict_do_update(
                    index_elements=["feed_id", "guid"],
                    set_={"publication_id": statement.excluded.publication_id},
                )
            )


def _one(conn: Connection, number: int) -> Row[Any]:
    return conn.execute(select(publications).where(publications.c.id == number)).one()


def _known(row: Row[Any], guids: frozenset[str]) -> Known:
    return Known(
        id=row.id,
        link=row.link_key,
        title=row.title_key,
        summary=title_key(row.summary),
        dated=row.published_at or row.first_seen_at,
        starts_at=row.starts_at,
        guids=guids,
    )


def _insert(
    conn: Connection, feed_id: int, entry: Entry, mark: Mark, *, now: datetime, baseline: bool
) -> Row[Any]:
    seen = min(entry.published_at or now, now) if baseline else now
    values = _columns({name: getattr(entry, name) for name in _TOLD})
    new = insert(publications).values(
        **values,
        link_key=mark.link,
        title_key=mark.title,
        first_seen_at=seen,
        edited=[],
        feed_id=feed_id,
    )
    row = conn.execute(new.returning(publications)).one()
    archive.keep_publication(conn, row)
    return row


_TOLD = (
    "title",
    "title_made",
    "summary",
    "kind",
    "topics",
    "authors",
    "link",
    "image",
    "language",
    "starts_at",
    "published_at",
    "day_only",
    "updated_at",
)


def _changed(
    row: Row[Any], feed_id: int, entry: Entry, mark: Mark, *, now: datetime, first: bool
) -> dict[str, Any]:
    """Return the columns of a stored publication that change by what the feed tells now."""
    stored = _publication(row, ())
    # A feed that lists one thing twice says it first in the entry that stands first.
    owner = first and row.feed_id in (feed_id, None)
    changed = changes(stored, entry, edited=row.edited, owner=owner, now=now)
    values = _columns(changed)
    if "title" in changed:
        values["title_key"] = mark.title
    if "link" in changed:
        values["link_key"] = mark.link
    if noticeable(stored, changed):
        values["changed_at"] = now
    if row.feed_id is None:
        values["feed_id"] = feed_id
    return values


def _update(conn: Connection, number: int, values: dict[str, Any]) -> Row[Any]:
    which = publications.c.id == number
    row = conn.execute(
        update(publications).where(which).values(**values).returning(publications)
    ).one()
    if archive.PUBLICATION_COLUMNS & values.keys():
        archive.keep_publication(conn, row)
    return row


def _columns(told: dict[str, Any]) -> dict[str, Any]:
    values = dict(told)
    for name in ("topics", "authors"):
        if name in values:
            values[name] = list(values[name])
    if values.get("image"):
        values["image"] = asdict(values["image"])
    return values


# --- reading ------------------------------------------------------------------------------


#: A publication's day, by which lists of them are sorted and cut.
_DATED = func.coalesce(publications.c.published_at, publications.c.first_seen_at)


#: What `_publication` reads; JSON that nobody looks at is not taken apart.
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
    query = select(*_READ).where(columns.id.in_(recent), _carried_for(newsletter_key))
    return _publications(conn, query.order_by(_DATED, columns.id))


def history(
    conn: Connection, newsletter_key: str, *, before: datetime, limit: int = 2000
) -> list[Wording]:
    """Return the words of the newsletter's newest publications dated before then, newest first."""
    columns = publications.c
    newest = _newest(
        select(columns.id).where(_carried_for(newsletter_key)),
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
    query = select(columns.id).where(_carried_for(newsletter_key))
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
    for part in _chunks(wanted):
        query = select(*_READ).where(publications.c.id.in_(part))
        found |= {one.id: one for one in _publications(conn, query)}
    return [found[number] for number in wanted if number in found]


def edit(conn: Connection, number: int, **words: Any) -> None:
    """
    Keep what an editor wrote: those fields are no feed's any more. Calling twice is safe.

    *words* are fields of the publication *number* (title, summary, …) with new values.
    """
    values = _columns(words) | {"edited": sorted({*_one(conn, number).edited, *words})}
    if "title" in words:
        values |= {"title_key": title_key(words["title"]), "title_made": False}
    if "link" in words:
        values["link_key"] = _free_link_key(conn, number, words["link"])
    _update(conn, number, values)


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
        _update(conn, number, {"image": asdict(image) | told})


def hide(conn: Connection, number: int, *, hidden: bool = True) -> None:
    """Hide a publication from every issue, or show it again. Calling twice is safe."""
    _update(conn, number, {"hidden": hidden})


def _carried_for(newsletter_key: str) -> Any:
    # Not a list of all that are carried: the newest are read off an index, one by one.
    carried = (
        select(1)
        .select_from(publication_feeds)
        .join(newsletter_feeds, newsletter_feeds.c.feed_id == publication_feeds.c.feed_id)
        .where(
            publication_feeds.c.publication_id == publications.c.id,
            newsletter_feeds.c.newsletter == newsletter_key,
        )
    )
    return carried.exists()


def _publications(conn: Connection, query: Select[Any]) -> list[Publication]:
    rows = list(conn.execute(query))
    carriers: dict[int, set[str]] = {}
    named = publication_feeds.c
    for part in _chunks(row.id for row in rows):
        carried = (
            select(named.publication_id, feeds.c.url)
            .join(feeds, feeds.c.id == named.feed_id)
            .where(named.publication_id.in_(part))
        )
        for number, url in conn.execute(carried):
            carriers.setdefault(number, set()).add(url)
    return [_publication(row, carriers.get(row.id, ())) for row in rows]


def _publication(row: Row[Any], carriers: Iterable[str]) -> Publication:
    told = {name: getattr(row, name) for name in _TOLD}
    told |= {name: tuple(told[name]) for name in ("topics", "authors")}
    return Publication(
        **told | {"image": Image(**row.image) if row.image else None},
        id=row.id,
        first_seen_at=row.first_seen_at,
        changed_at=row.changed_at,
        hidden=row.hidden,
        feeds=tuple(sorted(carriers)),
    )


def _rows(conn: Connection, ids: Iterable[int]) -> Iterator[Row[Any]]:
    for part in _chunks(ids):
        yield from conn.execute(select(publications).where(publications.c.id.in_(part)))


def _chunks(values: Iterable[Any]) -> Iterator[list[Any]]:
    told = list(values)
    for at in range(0, len(told), _CHUNK):
        yield told[at : at + _CHUNK]
