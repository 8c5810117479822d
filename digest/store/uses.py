"""Which publications are used up, and by which issue."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime

from sqlalchemy import Connection, select
from sqlalchemy.exc import IntegrityError

from digest.errors import WrongState
from digest.model import Issue, Rhythm
from digest.store.schema import issues, merges, uses


def used(conn: Connection, newsletter: str, rhythm: Rhythm, *, but: int) -> dict[int, str]:
    """Return which publications are used up, and by the issue of which key; not by *but*."""
    query = (
        select(uses.c.publication_id, issues.c.key)
        .join(issues, issues.c.id == uses.c.issue_id)
        .where(uses.c.newsletter == newsletter, uses.c.rhythm == rhythm, uses.c.issue_id != but)
    )
    return _with_merged(conn, {row.publication_id: row.key for row in conn.execute(query)})


def used_before(
    conn: Connection, newsletter: str, rhythm: Rhythm, *, close: datetime
) -> dict[int, str]:
    """Return which publications issues of windows that end before *close* had used up."""
    query = (
        select(uses.c.publication_id, issues.c.key)
        .join(issues, issues.c.id == uses.c.issue_id)
        .where(
            uses.c.newsletter == newsletter, uses.c.rhythm == rhythm, issues.c.window_end < close
        )
    )
    return _with_merged(conn, {row.publication_id: row.key for row in conn.execute(query)})


def _with_merged(conn: Connection, used: dict[int, str]) -> dict[int, str]:
    """Return *used* with those that stand for one of them: it is the same thing."""
    rows = conn.execute(select(merges.c.publication_id, merges.c.into_id))
    return {
        row.into_id: used[row.publication_id] for row in rows if row.publication_id in used
    } | used


def use_up(conn: Connection, issue: Issue, publications: Iterable[int]) -> None:
    """Mark *publications* as used by *issue*; WrongState if another issue was quicker."""
    rows = [
        {
            "newsletter": issue.of.newsletter,
            "rhythm": issue.of.rhythm,
            "publication_id": publication,
            "issue_id": issue.id,
        }
        for publication in publications
    ]
    if not rows:
        return
    try:
        with conn.begin_nested():
            conn.execute(uses.insert(), rows)
    except IntegrityError as e:
        raise WrongState(
            f"a publication of issue {issue.of.key} was used by another issue meanwhile",
            remedy=f"Run: digest issue prepare --closing {issue.of.key}",
        ) from e


def release(conn: Connection, issue_id: int) -> int:
    """Make the issue's publications available again; return how many."""
    return conn.execute(uses.delete().where(uses.c.issue_id == issue_id)).rowcount


def issues_of(conn: Connection, newsletter: str, number: int) -> dict[int, str]:
    """Return the newsletter's issues that had the publication, newest first, with their keys."""
    columns = issues.c
    query = (
        select(columns.id, columns.key)
        .join(uses, uses.c.issue_id == columns.id)
        .where(uses.c.newsletter == newsletter, uses.c.publication_id == number)
        .order_by(columns.id.desc())
    )
    return {row.id: row.key for row in conn.execute(query)}
