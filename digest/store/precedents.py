"""What a newsletter's earlier issues were like, for those that compare with them."""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import ColumnElement, Connection, func, not_, select

from digest.model import CORRECTION, Issue, IssueId, Rhythm
from digest.store.drafts import RECAP
from digest.store.issues import RECORD, of_row
from digest.store.schema import issues, uses

#: One that puts another right goes to some readers and shows nothing new.
_IS_NO_CORRECTION = not_(issues.c.key.contains(CORRECTION, autoescape=True))


def labels(
    conn: Connection, newsletter: str, rhythm: Rhythm, *, before: datetime, limit: int
) -> list[tuple[str, ...]]:
    """Return the theme labels of the last issues that went out, the newest window first."""
    query = (
        select(issues.c.recap)
        .where(
            issues.c.newsletter == newsletter,
            issues.c.rhythm == rhythm,
            issues.c.window_end < before,
            issues.c.frozen_at.is_not(None),
            _IS_NO_CORRECTION,
        )
        .order_by(issues.c.window_end.desc(), issues.c.id.desc())
        .limit(limit)
    )
    recaps = [RECAP.validate_python(each) for each in conn.execute(query).scalars() if each]
    return [tuple(theme.label for theme in recap.themes) for recap in recaps]


def last_frozen(conn: Connection, of: IssueId) -> int | None:
    """Return how many readers the newsletter's last frozen issue had; None if there is none."""
    query = (
        select(issues.c.frozen)
        .where(*_beside(of), issues.c.frozen.is_not(None))
        .order_by(issues.c.frozen_at.desc())
        .limit(1)
    )
    return conn.execute(query).scalar_one_or_none()


def frozen_before(conn: Connection, issue: Issue, *, most: int) -> list[Issue]:
    """Return the *most* issues of its newsletter and rhythm sent before it, oldest first."""
    query = (
        RECORD.where(
            issues.c.newsletter == issue.of.newsletter,
            issues.c.rhythm == issue.of.rhythm,
            issues.c.frozen_at.is_not(None),
            issues.c.window_end < issue.window.end,
            _IS_NO_CORRECTION,
        )
        .order_by(issues.c.window_end.desc())
        .limit(most)
    )
    return [of_row(row) for row in conn.execute(query)][::-1]


def sizes(conn: Connection, of: IssueId, *, most: int) -> list[int]:
    """Return how many items each of the newsletter's last *most* sent issues had."""
    query = (
        select(func.count(uses.c.publication_id))
        .select_from(issues.outerjoin(uses, uses.c.issue_id == issues.c.id))
        .where(*_beside(of), issues.c.frozen_at.is_not(None))
        .group_by(issues.c.id, issues.c.window_end)
        .order_by(issues.c.window_end.desc())
        .limit(most)
    )
    return list(conn.execute(query).scalars())


def _beside(of: IssueId) -> tuple[ColumnElement[bool], ...]:
    """Return the conditions of the other issues of its newsletter and rhythm."""
    return (
        issues.c.newsletter == of.newsletter,
        issues.c.rhythm == of.rhythm,
        issues.c.key != of.key,
        _IS_NO_CORRECTION,
    )
