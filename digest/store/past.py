"""Issues found by words, state and year, and what came back after each of them."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlalchemy import Connection, case, func, select, tuple_

from digest.model import Issue, IssueState
from digest.store.bounces import LEDGER
from digest.store.issues import RECORD, of_row
from digest.store.publications import pattern
from digest.store.schema import bounces, consents, issues, subscriptions

#: Who leaves so long after an issue left after it.
AFTER = timedelta(days=7)


@dataclass(frozen=True, slots=True, kw_only=True)
class Listed:
    """An issue as a list shows it."""

    issue: Issue
    #: "" until it is prepared.
    subject: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Wanted:
    """What a list of issues is narrowed to; what is not set narrows nothing."""

    #: All of them are in the subject.
    words: str = ""
    states: Collection[IssueState] = ()
    #: Windows that end from the first to before the second.
    since: datetime | None = None
    until: datetime | None = None


def found(
    conn: Connection,
    newsletter: str,
    wanted: Wanted,
    *,
    after: int | None = None,
    most: int | None = None,
) -> list[Listed]:
    """
    Return the newsletter's issues that *wanted* names, the newest window first.

    *after* is the last one of the page before: the place is looked up, so that a page
    takes as long at the end of the list as at its beginning.
    """
    query = RECORD.add_columns(issues.c.subject).where(issues.c.newsletter == newsletter)
    for word in wanted.words.split():
        query = query.where(issues.c.subject.ilike(pattern(word), escape="\\"))
    if wanted.states:
        query = query.where(issues.c.state.in_(wanted.states))
    if wanted.since is not None:
        query = query.where(issues.c.window_end >= wanted.since)
    if wanted.until is not None:
        query = query.where(issues.c.window_end < wanted.until)
    if after is not None:
        last = select(issues.c.window_end).where(issues.c.id == after).scalar_subquery()
        query = query.where(tuple_(issues.c.window_end, issues.c.id) < tuple_(last, after))
    query = query.order_by(issues.c.window_end.desc(), issues.c.id.desc()).limit(most)
    return [Listed(issue=of_row(row), subject=row.subject) for row in conn.execute(query)]


def span(conn: Connection, newsletter: str) -> tuple[datetime, datetime] | None:
    """Return when the newsletter's first and last window ends; None before there is an issue."""
    ends = select(func.min(issues.c.window_end), func.max(issues.c.window_end))
    first, last = conn.execute(ends.where(issues.c.newsletter == newsletter)).one()
    return (first, last) if first is not None else None


@dataclass(frozen=True, slots=True, kw_only=True)
class Aftermath:
    """What came back after an issue, from its readers and their servers."""

    bounces: int = 0
    complaints: int = 0
    #: Who left within `AFTER` of the freeze.
    left: int = 0


def aftermath(conn: Connection, those: Sequence[Issue]) -> dict[int, Aftermath]:
    """Return what came back after each of *those*, by issue; all of one newsletter."""
    came = {
        row.issue_id: (row.bounced, row.complained)
        for row in conn.execute(
            select(
                bounces.c.issue_id,
                func.sum(case((bounces.c.kind == "bounce", 1), else_=0)).label("bounced"),
                func.sum(case((bounces.c.kind == "complaint", 1), else_=0)).label("complained"),
            )
            .where(
                bounces.c.issue_id.in_([issue.id for issue in those]),
                # What a server refused while we spoke to it is in the ledger.
                ~bounces.c.key.startswith(f"{LEDGER}:"),
            )
            .group_by(bounces.c.issue_id)
        )
    }
    counts = {}
    for issue in those:
        bounced, complained = came.get(issue.id, (0, 0))
        left = _left(conn, issue)
        counts[issue.id] = Aftermath(bounces=bounced, complaints=complained, left=left)
    return counts


def _left(conn: Connection, issue: Issue) -> int:
    if issue.frozen_at is None:
        return 0
    whose = subscriptions.c.id == consents.c.subscription_id
    query = (
        select(func.count())
        .select_from(consents.join(subscriptions, whose))
        .where(
            consents.c.what == "left",
            consents.c.at >= issue.frozen_at,
            consents.c.at < issue.frozen_at + AFTER,
            subscriptions.c.newsletter == issue.of.newsletter,
            subscriptions.c.rhythm == issue.of.rhythm,
        )
    )
    return int(conn.execute(query).scalar_one())
