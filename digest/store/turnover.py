"""Who came and who went, counted by day when it happens: a list may be of a million."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import UTC, date, datetime

from sqlalchemy import ColumnElement, Connection, delete, func, insert, select

from digest.consent import Act
from digest.store.schema import consents, subscriptions, turnover

#: Acts by which somebody becomes a reader, and ends being one.
_CAME = (Act.IMPORTED, Act.CONFIRMED, Act.UNDONE)
_WENT = (Act.LEFT, Act.SUPPRESSED)


@dataclass(frozen=True, slots=True, kw_only=True)
class Turnover:
    """Who came and who went on one day, in UTC."""

    day: date
    joined: int
    left: int


def by_day(conn: Connection, newsletter: str, *, since: datetime) -> list[Turnover]:
    """Return how many joined and left *newsletter* on each day on which somebody did."""
    days = turnover.c
    query = (
        select(days.day, func.sum(days.joined), func.sum(days.left))
        .where(days.newsletter == newsletter, days.day >= _day(since))
        .group_by(days.day)
        .order_by(days.day)
    )
    told = ((date.fromisoformat(row[0]), int(row[1]), int(row[2])) for row in conn.execute(query))
    return [Turnover(day=day, joined=came, left=went) for day, came, went in told if came or went]


def note(conn: Connection, newsletter: str, acts: Iterable[tuple[datetime, str]]) -> None:
    """Count *acts* that are being written down, each with its instant."""
    _add(conn, Counter((newsletter, at, str(what)) for at, what in acts))


def take_back(conn: Connection, subscription: ColumnElement[bool]) -> None:
    """Take back what was counted of acts on those subscriptions, which are about to be dropped."""
    query = (
        select(subscriptions.c.newsletter, consents.c.at, consents.c.what)
        .join(consents, consents.c.subscription_id == subscriptions.c.id)
        .where(subscription)
    )
    counts = Counter((row[0], row[1], row[2]) for row in conn.execute(query))
    _add(conn, {key: -count for key, count in counts.items()})


def sum_up(conn: Connection, *, before: datetime) -> int:
    """
    Make one row of all that a day has, for days that ended before that instant; how many days.

    No sum changes. Calling twice is safe, and so are two processes at once: each sums up
    the rows that it takes away itself.
    """
    days = turnover.c
    scattered = (
        select(days.newsletter, days.day)
        .where(days.day < _day(before))
        .group_by(days.newsletter, days.day)
        .having(func.count() > 1)
    )
    found = conn.execute(scattered).all()
    for newsletter, day in found:
        of_day = (days.newsletter == newsletter) & (days.day == day)
        gone = conn.execute(delete(turnover).where(of_day).returning(days.joined, days.left)).all()
        _write(conn, [(newsletter, day, sum(row[0] for row in gone), sum(row[1] for row in gone))])
    return len(found)


def _day(at: datetime) -> str:
    return f"{at.astimezone(UTC):%Y-%m-%d}"


def _add(conn: Connection, acts: Mapping[tuple[str, datetime, str], int]) -> None:
    days: dict[tuple[str, str], list[int]] = {}
    for (newsletter, at, what), count in acts.items():
        counted = days.setdefault((newsletter, _day(at)), [0, 0])
        counted[0] += count * (what in _CAME)
        counted[1] += count * (what in _WENT)
    _write(conn, [(*key, came, went) for key, (came, went) in days.items()])


def _write(conn: Connection, rows: Iterable[tuple[str, str, int, int]]) -> None:
    names = ("newsletter", "day", "joined", "left")
    if told := [dict(zip(names, row, strict=True)) for row in rows if row[2] or row[3]]:
        conn.execute(insert(turnover), told)
