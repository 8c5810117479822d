"""Publications and issues together, newest first: on a topic, or by words."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import (
    ColumnElement,
    Connection,
    Row,
    Select,
    and_,
    func,
    literal_column,
    or_,
    select,
    text,
)

from digest.model import Image
from digest.store.archive.sent import Sent, by_numbers, is_out
from digest.store.feeds import carries
from digest.store.schema import (
    archived,
    archived_topics,
    issues,
    publications,
)

#: So many that fit the words are looked at, the last that came in: a bound on what one
#: question costs, which no question of a person meets.
MOST_FITTING = 10_000
#: Read at a time.
_PART = 50


@dataclass(frozen=True, slots=True, kw_only=True)
class View:
    """What of the archive the readers of a newsletter see, and when."""

    newsletter: str
    #: What is dated later is not out yet.
    now: datetime
    #: Kinds in small letters, and topics by key, that the newsletter leaves out.
    without_kinds: tuple[str, ...] = ()
    without_topics: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Filed:
    """A publication or an issue in the archive: one of the two is not None."""

    id: int
    dated: datetime
    publication: Listed | None
    issue: Sent | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Listed:
    """A publication as a list shows it."""

    id: int
    title: str
    summary: str
    kind: str
    link: str | None
    authors: tuple[str, ...]
    topics: tuple[str, ...]
    #: True where only the day of `Filed.dated` is known, which is then local midnight.
    day_only: bool
    image: Image | None


def on_topic(
    conn: Connection, view: View, topic: str, *, before: int | None = None, limit: int
) -> list[Filed]:
    """
    Return what is on the topic of that key, newest first.

    *before* is the number of an entry that was shown: what follows it. Entries that come
    meanwhile do not move the pages behind them.
    """
    of = archived_topics.c
    query = _query(view).join(archived_topics, of.archived_id == archived.c.id)
    query = query.where(of.topic == topic, of.dated <= view.now)
    query = query.order_by(of.dated.desc(), of.archived_id.desc())
    if before is not None:
        query = query.where(_after(conn, of.dated, of.archived_id, before))
    return _filed(conn, view, query.limit(limit))


def topic_name(conn: Connection, topic: str) -> str | None:
    """Return how the newest that has that topic writes it; None if nothing has it."""
    of = archived_topics.c
    query = select(of.name).where(of.topic == topic).order_by(of.dated.desc()).limit(1)
    return conn.execute(query).scalar_one_or_none()


def found(
    conn: Connection, view: View, words: Sequence[str], *, before: int | None = None, limit: int
) -> list[Filed]:
    """
    Return what has all of *words*, as `sought` returns them, newest first.

    *before* as in `on_topic`. Without words nothing is found.
    """
    if not words:
        return []
    query = select(archived.c.id).where(archived.c.id.in_(_fitting(conn, words)))
    query = query.where(archived.c.dated <= view.now)
    if before is not None:
        query = query.where(_after(conn, archived.c.dated, archived.c.id, before))
    hits = conn.execute(query.order_by(archived.c.dated.desc(), archived.c.id.desc()))
    found: list[Filed] = []
    # What fits is sorted by number and date alone; only what a page shows is read.
    for part in hits.scalars().partitions(_PART):
        rows = {one.id: one for one in _filed(conn, view, _query(view, among=part))}
        found += [rows[number] for number in part if number in rows]
        if len(found) >= limit:
            break
    hits.close()
    return found[:limit]


_FITTING = {
    "postgresql": (
        "SELECT id FROM archived"
        " WHERE array_to_tsvector(string_to_array(words, ' ')) @@ CAST(:asked AS tsquery)"
        " ORDER BY id DESC LIMIT :most"
    ),
    "sqlite": (
        "SELECT rowid AS id FROM archived_words WHERE archived_words MATCH :asked"
        " ORDER BY rowid DESC LIMIT :most"
    ),
}


def _fitting(conn: Connection, words: Sequence[str]) -> Select[Any]:
    """Return the statement for the numbers of what has all of *words*."""
    kind = conn.dialect.name
    statement = text(_FITTING[kind]).bindparams(asked=_asked(kind, words), most=MOST_FITTING)
    return select(statement.columns(archived.c.id).subquery().c.id)


def _asked(kind: str, words: Sequence[str]) -> str:
    """Return *words* in the database's query language; between its marks are letters only."""
    quote, mark, between = ("'", ":*", " & ") if kind == "postgresql" else ('"', "*", " ")
    return between.join(
        f"{quote}{word.removesuffix('*')}{quote}{mark if word.endswith('*') else ''}"
        for word in words
    )


def _after(
    conn: Connection, dated: ColumnElement[Any], number: ColumnElement[Any], before: int
) -> ColumnElement[bool]:
    at = conn.execute(select(archived.c.dated).where(archived.c.id == before)).scalar()
    if at is None:
        return literal_column("1") == literal_column("0")
    return or_(dated < at, and_(dated == at, number < before))


def _query(view: View, among: Sequence[int] | None = None) -> Select[Any]:
    shown = or_(and_(publications.c.id.is_not(None), _is_public(view)), is_out(view.newsletter))
    query = (
        select(
            archived.c.id,
            archived.c.dated,
            archived.c.issue_id,
            publications.c.id.label("number"),
            *(publications.c[name] for name in ("title", "summary", "kind", "link")),
            *(publications.c[name] for name in ("authors", "topics", "day_only", "image")),
        )
        .outerjoin(publications, publications.c.id == archived.c.publication_id)
        .outerjoin(issues, issues.c.id == archived.c.issue_id)
        .where(shown)
    )
    return query if among is None else query.where(archived.c.id.in_(among))


def _is_public(view: View) -> ColumnElement[bool]:
    """Return the condition on `publications` under which the newsletter shows one."""
    carried = carries(view.newsletter, publications.c.id)
    told = [~publications.c.hidden, publications.c.starts_at.is_(None), carried]
    if view.without_kinds:
        told.append(func.lower(publications.c.kind).not_in(view.without_kinds))
    if view.without_topics:
        unwanted = archived_topics.alias("unwanted")
        told.append(
            ~select(unwanted.c.topic)
            .where(
                unwanted.c.archived_id == archived.c.id,
                unwanted.c.topic.in_(view.without_topics),
            )
            .exists()
        )
    return and_(*told)


def _filed(conn: Connection, view: View, query: Select[Any]) -> list[Filed]:
    rows = list(conn.execute(query))
    numbers = [row.issue_id for row in rows if row.issue_id is not None]
    issues_by_number = by_numbers(conn, view.newsletter, numbers)
    return [
        Filed(
            id=row.id,
            dated=row.dated,
            publication=None if row.number is None else _listed(row),
            issue=issues_by_number.get(row.issue_id),
        )
        for row in rows
        # One that was taken back while this was read.
        if row.number is not None or row.issue_id in issues_by_number
    ]


def _listed(row: Row[Any]) -> Listed:
    return Listed(
        id=row.number,
        title=row.title,
        summary=row.summary,
        kind=row.kind,
        link=row.link,
        authors=tuple(row.authors),
        topics=tuple(row.topics),
        day_only=row.day_only,
        image=Image(**row.image) if row.image else None,
    )
