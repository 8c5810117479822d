"""How often the links of an edition were followed: numbers, and nothing of who did it."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

from sqlalchemy import Connection, bindparam, func, insert, select, update

from digest.store.schema import counted_links, editions


@dataclass(frozen=True, slots=True, kw_only=True)
class Followed:
    """A link of an issue, and how often it was followed."""

    url: str
    times: int


def keep(conn: Connection, edition_id: int, urls: Sequence[str]) -> None:
    """Count these links of an edition from now on."""
    rows = [
        {"edition_id": edition_id, "place": place, "url": url, "followed": 0}
        for place, url in enumerate(urls, 1)
    ]
    if rows:
        conn.execute(insert(counted_links), rows)


def places(conn: Connection, edition_id: int) -> dict[str, int]:
    """Return the edition's counted links with the place of each; none where nobody counts."""
    query = select(counted_links.c.url, counted_links.c.place)
    rows = conn.execute(query.where(counted_links.c.edition_id == edition_id))
    return {row.url: row.place for row in rows}


def target(conn: Connection, edition_id: int, place: int) -> str | None:
    """Return where that link leads; None if the edition has no such one."""
    query = select(counted_links.c.url).where(
        counted_links.c.edition_id == edition_id, counted_links.c.place == place
    )
    return conn.execute(query).scalar_one_or_none()


def follow(conn: Connection, links: Sequence[tuple[int, int]]) -> list[None]:
    """Count those links, each an edition and a place, once more each time it is named."""
    times = Counter(links)
    rows = [{"e": edition, "p": place, "n": n} for (edition, place), n in sorted(times.items())]
    conn.execute(
        update(counted_links)
        .where(
            counted_links.c.edition_id == bindparam("e"), counted_links.c.place == bindparam("p")
        )
        .values(followed=counted_links.c.followed + bindparam("n")),
        rows,
    )
    return [None] * len(links)


def of_issue(conn: Connection, issue_id: int) -> list[Followed]:
    """Return how often each link of an issue was followed, over its editions, most often first."""
    times = func.sum(counted_links.c.followed)
    query = (
        select(counted_links.c.url, times.label("times"))
        .join(editions, editions.c.id == counted_links.c.edition_id)
        .where(editions.c.issue_id == issue_id)
        .group_by(counted_links.c.url)
        .order_by(times.desc(), func.min(counted_links.c.place))
    )
    return [Followed(url=row.url, times=int(row.times)) for row in conn.execute(query)]
