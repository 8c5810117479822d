"""What looks like one publication and is two, as an editor saw it: not proposed again."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import ColumnElement, Connection, and_, delete, insert, select

from digest.store import dialects, feeds
from digest.store.schema import distinctions, publications


@dataclass(frozen=True, slots=True, kw_only=True)
class Distinction:
    """Two publications that an editor told apart, since when, and who."""

    first: int
    first_title: str
    second: int
    second_title: str
    at: datetime
    by: str


def tell_apart(conn: Connection, one: int, other: int, *, now: datetime, by: str) -> bool:
    """Remember that the two are two; False if that was known, or they are one number."""
    if one == other or among(conn, [(one, other)]):
        return False
    first, second = sorted((one, other))
    told = {"first_id": first, "second_id": second, "said_at": now, "said_by": by}
    conn.execute(insert(distinctions).values(told))
    return True


def forget(conn: Connection, one: int, other: int) -> bool:
    """Let the two be proposed again; False if nobody had told them apart."""
    return conn.execute(delete(distinctions).where(_pair(one, other))).rowcount == 1


def among(conn: Connection, pairs: Iterable[tuple[int, int]]) -> set[tuple[int, int]]:
    """Return those of *pairs* that were told apart, the smaller number first in each."""
    wanted = {(min(pair), max(pair)) for pair in pairs}
    firsts = sorted({first for first, _ in wanted})
    columns = distinctions.c
    query = select(columns.first_id, columns.second_id)
    found = {
        (row.first_id, row.second_id)
        for part in dialects.chunks(firsts)
        for row in conn.execute(query.where(columns.first_id.in_(part)))
    }
    return found & wanted


def latest(conn: Connection, newsletter: str, *, most: int) -> list[Distinction]:
    """Return the newest ones of publications that *newsletter* carries, newest first."""
    one, other = publications.alias(), publications.alias()
    columns = distinctions.c
    query = (
        select(distinctions, one.c.title, other.c.title.label("other_title"))
        .join(one, one.c.id == columns.first_id)
        .join(other, other.c.id == columns.second_id)
        .where(feeds.carries(newsletter, columns.first_id))
        .order_by(columns.said_at.desc(), columns.first_id.desc(), columns.second_id.desc())
        .limit(most)
    )
    return [
        Distinction(
            first=row.first_id,
            first_title=row.title,
            second=row.second_id,
            second_title=row.other_title,
            at=row.said_at,
            by=row.said_by,
        )
        for row in conn.execute(query)
    ]


def _pair(one: int, other: int) -> ColumnElement[bool]:
    first, second = sorted((one, other))
    return and_(distinctions.c.first_id == first, distinctions.c.second_id == second)
