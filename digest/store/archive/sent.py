"""Issues that went out, as the public archive lists and shows them."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import ColumnElement, Connection, Row, Select, func, select

from digest.model import CORRECTION, Format, IssueState, Rhythm, Window
from digest.store.schema import archived, archived_topics, editions, issues, variants

#: Readers have it in hand, or are about to.
_OUT = (IssueState.SENDING, IssueState.STOPPED, IssueState.FINISHED)
#: The issue as readers of all topics have it.
_IS_WHOLE = (variants.c.topics == "") & (variants.c.format == Format.HTML)


@dataclass(frozen=True, slots=True, kw_only=True)
class Sent:
    """An issue whose audience was frozen, in the words of its newest edition."""

    id: int
    newsletter: str
    key: str
    rhythm: Rhythm
    number: int | None
    window: Window
    frozen_at: datetime
    #: The edition that counts now, and the one that went out first.
    edition_id: int
    first_edition_id: int
    subject: str
    #: "" where the issue has no theme.
    headline: str
    lead: str
    #: When it was corrected after it had begun to go out; None if it never was.
    corrected_at: datetime | None

    @property
    def changed_at(self) -> datetime:
        return self.corrected_at or self.frozen_at

    @property
    def corrects(self) -> str:
        """The key of the issue that this one corrects; "" if it is no correction."""
        key, found, _ = self.key.partition(CORRECTION)
        return key if found else ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Topic:
    """What issues wrote about, and how many of them did."""

    key: str
    name: str
    issues: int


def is_out(newsletter: str) -> ColumnElement[bool]:
    """
    Return the condition on `issues` under which readers of *newsletter* may see one.

    It holds for issues that have a row in `archived`, which means that they were frozen.
    Asking the issue's own row for that would read through the recap in it.
    """
    return (issues.c.newsletter == newsletter) & issues.c.state.in_(_OUT)


def sent(
    conn: Connection,
    newsletter: str,
    *,
    closed_since: datetime | None = None,
    closed_before: datetime | None = None,
    limit: int | None = None,
) -> list[Sent]:
    """Return issues that went out, the newest window first."""
    query = _query(newsletter).order_by(issues.c.window_end.desc(), issues.c.id.desc())
    if closed_since is not None:
        query = query.where(issues.c.window_end >= closed_since)
    if closed_before is not None:
        query = query.where(issues.c.window_end < closed_before)
    return [_sent(row) for row in conn.execute(query.limit(limit) if limit else query)]


def sent_issue(conn: Connection, newsletter: str, key: str) -> Sent | None:
    """Return the issue of that key if it went out; the weekly one where two share a key."""
    query = _query(newsletter).where(issues.c.key == key).order_by(issues.c.rhythm.desc())
    row = conn.execute(query.limit(1)).first()
    return _sent(row) if row else None


def corrections(conn: Connection, newsletter: str, key: str) -> list[Sent]:
    """Return the issues that correct the one of that key, the oldest first."""
    query = _query(newsletter).where(issues.c.key.startswith(key + CORRECTION, autoescape=True))
    return [_sent(row) for row in conn.execute(query.order_by(issues.c.id))]


def by_numbers(conn: Connection, newsletter: str, numbers: Collection[int]) -> dict[int, Sent]:
    """Return those issues of *numbers* that went out, by their row numbers."""
    query = _query(newsletter).where(issues.c.id.in_(list(numbers)))
    return {row.id: _sent(row) for row in conn.execute(query)} if numbers else {}


def spans(conn: Connection, newsletter: str) -> tuple[datetime, datetime] | None:
    """Return when the windows of the first and the last issue closed; None before the first."""
    ends = func.min(issues.c.window_end), func.max(issues.c.window_end)
    query = select(*ends).join(archived, archived.c.issue_id == issues.c.id)
    first, last = conn.execute(query.where(is_out(newsletter))).one()
    return (first, last) if first else None


def topics(
    conn: Connection, newsletter: str, *, without: Collection[str] = (), limit: int | None = None
) -> list[Topic]:
    """Return what issues that went out wrote about, most often first, but no topic *without*."""
    often = func.count()
    key = archived_topics.c.topic
    query = (
        select(key, func.max(archived_topics.c.name).label("name"), often.label("often"))
        .join(archived, archived.c.id == archived_topics.c.archived_id)
        .join(issues, issues.c.id == archived.c.issue_id)
        .where(is_out(newsletter), key.not_in(list(without)))
        .group_by(key)
        .order_by(often.desc(), key)
    )
    rows = conn.execute(query.limit(limit) if limit else query)
    return [Topic(key=row.topic, name=row.name, issues=row.often) for row in rows]


def _query(newsletter: str) -> Select[Any]:
    # Only columns of the index: an edition's row holds the whole mail.
    of_issue = editions.c.issue_id == issues.c.id
    newest = select(func.max(editions.c.id)).where(of_issue).scalar_subquery()
    rendered_at = select(func.max(editions.c.created_at)).where(of_issue).scalar_subquery()
    # One that was approved and withdrawn before the freeze was nobody's.
    first = select(func.max(editions.c.id)).where(
        of_issue, editions.c.created_at <= archived.c.dated
    )
    return (
        select(
            issues.c.id,
            issues.c.newsletter,
            issues.c.key,
            issues.c.rhythm,
            issues.c.number,
            issues.c.window_start,
            issues.c.window_end,
            archived.c.dated.label("frozen_at"),
            variants.c.edition_id,
            first.scalar_subquery().label("first_edition_id"),
            rendered_at.label("rendered_at"),
            variants.c.subject,
            variants.c.headline,
            variants.c.lead,
        )
        .select_from(issues)
        .join(archived, archived.c.issue_id == issues.c.id)
        .join(variants, (variants.c.edition_id == newest) & _IS_WHOLE)
        .where(is_out(newsletter))
    )


def _sent(row: Row[Any]) -> Sent:
    first = row.first_edition_id or row.edition_id
    return Sent(
        id=row.id,
        newsletter=row.newsletter,
        key=row.key,
        rhythm=Rhythm(row.rhythm),
        number=row.number,
        window=Window(row.window_start, row.window_end),
        frozen_at=row.frozen_at,
        edition_id=row.edition_id,
        first_edition_id=first,
        subject=row.subject,
        headline=row.headline,
        lead=row.lead,
        corrected_at=row.rendered_at if first != row.edition_id else None,
    )


# --- what an issue holds ------------------------------------------------------------------


@dataclass(frozen=True, slots=True, kw_only=True)
class Said:
    """One item of an issue, as a feed repeats it."""

    title: str
    summary: str
    link: str | None


def contents(conn: Connection, numbers: Collection[int]) -> dict[int, tuple[Said, ...]]:
    """Return the items of each issue of *numbers*, in the order of its rank."""
    query = select(issues.c.id, issues.c.recap).where(issues.c.id.in_(list(numbers)))
    return {
        row.id: tuple(
            Said(title=item["title"], summary=item["summary"], link=item["link"])
            for item in (row.recap or {"items": ()})["items"]
        )
        for row in conn.execute(query)
    }


def picture(conn: Connection, number: int) -> str | None:
    """Return the address of the issue's first picture; None if it shows none."""
    recap = conn.execute(select(issues.c.recap).where(issues.c.id == number)).scalar_one()
    images = (item["image"] or {} for item in (recap or {"items": ()})["items"])
    return next((image["url"] for image in images if image.get("url")), None)
