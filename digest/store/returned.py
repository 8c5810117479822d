"""What came back about a newsletter's issues: page by page, and counted by verdict."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, Select, func, or_, select

from digest.store.schema import bounces, issues, subscribers

#: Stands for the verdict of a complaint, whatever its type.
COMPLAINT = "complaint"


@dataclass(frozen=True, slots=True, kw_only=True)
class CameBack:
    """A bounce or a complaint, with whom it is about and the issue that brought it on."""

    id: int
    at: datetime
    #: A verdict, or `COMPLAINT`.
    verdict: str
    #: The server's words, as they came.
    said: str
    #: What followed from it.
    outcome: str
    #: None if it is about nobody of ours, or about somebody who was erased.
    subscriber: int | None
    #: The reader's present one, else the one that the mail names; "" if neither is known.
    address: str
    issue: int | None
    #: The issue's closing day; "" where it names none.
    key: str


def page(
    conn: Connection,
    newsletter: str,
    *,
    verdict: str = "",
    before: int | None = None,
    most: int,
) -> list[CameBack]:
    """
    Return at most *most* bounces and complaints, the newest first; with *verdict* only those.

    What names no issue may be about any newsletter and is in each one's list. *before* is
    the last one of the page before.
    """
    query = _about(
        newsletter,
        select(
            bounces,
            issues.c.key.label("closing"),
            subscribers.c.address.label("present_address"),
        ),
    ).outerjoin(subscribers, subscribers.c.id == bounces.c.subscriber_id)
    if verdict == COMPLAINT:
        query = query.where(bounces.c.kind == COMPLAINT)
    elif verdict:
        query = query.where(bounces.c.kind == "bounce", bounces.c.verdict == verdict)
    if before is not None:
        query = query.where(bounces.c.id < before)
    query = query.order_by(bounces.c.id.desc()).limit(most)
    return [_came_back(row._mapping) for row in conn.execute(query)]


def sums(conn: Connection, newsletter: str, *, since: datetime) -> dict[str, int]:
    """Return how many came back after *since*, by verdict or `COMPLAINT`; the empty are out."""
    # They are numbered as they come in: from the newest back to the first that is too old.
    newest_older = (
        select(bounces.c.id)
        .where(bounces.c.at <= since)
        .order_by(bounces.c.id.desc())
        .limit(1)
        .scalar_subquery()
    )
    both = (bounces.c.kind, bounces.c.verdict)
    query = _about(newsletter, select(*both, func.count())).where(
        bounces.c.id > func.coalesce(newest_older, 0)
    )
    counts: dict[str, int] = {}
    for kind, verdict, count in conn.execute(query.group_by(*both)):
        name = _name(kind, verdict)
        counts[name] = counts.get(name, 0) + count
    return counts


def _name(kind: str, verdict: str) -> str:
    return COMPLAINT if kind == COMPLAINT else verdict


def _about(newsletter: str, query: Select[Any]) -> Select[Any]:
    ours = or_(bounces.c.issue_id.is_(None), issues.c.newsletter == newsletter)
    kinds = bounces.c.kind.in_(("bounce", COMPLAINT))
    return (
        query.select_from(bounces)
        .outerjoin(issues, issues.c.id == bounces.c.issue_id)
        .where(ours, kinds)
    )


def _came_back(row: Any) -> CameBack:
    return CameBack(
        id=row["id"],
        at=row["at"],
        verdict=_name(row["kind"], row["verdict"]),
        said=row["said"],
        outcome=row["outcome"],
        subscriber=row["subscriber_id"],
        address=row["present_address"] or row["address"] or "",
        issue=row["issue_id"],
        key=row["closing"] or "",
    )
