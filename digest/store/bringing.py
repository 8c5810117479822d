"""Bringing what feeds list into the feed store: each publication once, whoever brings it."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, Row, insert, select

from digest.identity import (
    TOLD,
    Known,
    Mark,
    changes,
    marks,
    noticeable,
    recognised,
    title_key,
)
from digest.model import Entry
from digest.store import archive, dialects, locks, merges
from digest.store.publications import as_columns, change, of_row
from digest.store.schema import publication_feeds, publications


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
            row = shelf.rows[meant]
            # What another one's entry says only fills gaps of the one that stands for it.
            first = shelf.first(meant) and meant == one.id
            values = _changed(row, feed_id, entry, mark, now=now, first=first)
            row = change(conn, meant, values) if values else row
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
        #: The rows of all that are known, as they are by now.
        self.rows: dict[int, Row[Any]] = {}
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
            for some in dialects.chunks(values):
                ids.update(self.conn.scalars(select(columns.id).where(column.in_(some))))
        self.merged = merges.standing_for(self.conn, ids)
        ids.update(self.merged.values())
        guids: dict[int, set[str]] = {}
        for part in dialects.chunks(ids):
            for guid, number in self._pairs(publication_feeds.c.publication_id.in_(part)):
                guids.setdefault(number, set()).add(guid)
            for row in self.conn.execute(select(publications).where(columns.id.in_(part))):
                self._keep(row, frozenset(guids.get(row.id, ())))

    def _names(self, column: Any, values: Iterable[str]) -> Iterator[int]:
        for part in dialects.chunks(values):
            yield from (number for _, number in self._pairs(column.in_(part)))

    def _pairs(self, condition: Any) -> Iterable[tuple[str, int]]:
        columns = publication_feeds.c
        query = select(columns.guid, columns.publication_id)
        rows = self.conn.execute(query.where(columns.feed_id == self.feed_id, condition))
        return [(guid, number) for guid, number in rows]

    def _keep(self, row: Row[Any], guids: frozenset[str]) -> None:
        known = _known(row, guids)
        self.rows[row.id], self.known[row.id] = row, known
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
        self._keep(row, (old.guids if old else frozenset()) | {mark.guid})

    def write_names(self) -> None:
        """Write which publication each of the feed's names stands for."""
        rows = [
            {"feed_id": self.feed_id, "guid": guid, "publication_id": number}
            for guid, number in self.named.items()
        ]
        for part in dialects.chunks(rows):
            statement = dialects.insert(self.conn, publication_feeds).values(part)
            self.conn.execute(
                statement.on_conflict_do_update(
                    index_elements=["feed_id", "guid"],
                    set_={"publication_id": statement.excluded.publication_id},
                )
            )


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
    values = as_columns({name: getattr(entry, name) for name in TOLD})
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


def _changed(
    row: Row[Any], feed_id: int, entry: Entry, mark: Mark, *, now: datetime, first: bool
) -> dict[str, Any]:
    """Return the columns of a stored publication that change by what the feed tells now."""
    stored = of_row(row, ())
    # A feed that lists one thing twice says it first in the entry that stands first.
    owner = first and row.feed_id in (feed_id, None)
    changed = changes(stored, entry, edited=row.edited, owner=owner, now=now)
    values = as_columns(changed)
    if "title" in changed:
        values["title_key"] = mark.title
    if "link" in changed:
        values["link_key"] = mark.link
    if noticeable(stored, changed):
        values["changed_at"] = now
    if row.feed_id is None:
        values["feed_id"] = feed_id
    return values
