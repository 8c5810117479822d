"""Issues that put another one right after it had begun to go out."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, Row, Select, select, update

from digest.model import OPEN
from digest.store.schema import corrections, issues


@dataclass(frozen=True, slots=True, kw_only=True)
class Correction:
    """What one of them is about."""

    #: The issue that it is, and the one that it corrects.
    issue: int
    corrects: int
    #: What was wrong, for readers.
    note: str
    #: Whether those who have the wrong edition get a mail.
    mails: bool
    opened_by: str
    opened_at: datetime
    #: The edition that its approval put in place of the wrong one; None until then.
    edition: int | None = None


def keep(conn: Connection, one: Correction) -> None:
    """Write the correction down; once for each issue."""
    conn.execute(
        corrections.insert().values(
            issue_id=one.issue,
            corrects=one.corrects,
            note=one.note,
            mails=one.mails,
            opened_by=one.opened_by,
            opened_at=one.opened_at,
            edition_id=one.edition,
        )
    )


def of(conn: Connection, issue_id: int) -> Correction | None:
    """Return what the issue corrects; None if it is no correction."""
    return _one(conn, select(corrections).where(corrections.c.issue_id == issue_id))


def under_way(conn: Connection, issue_id: int) -> Correction | None:
    """Return the correction of that issue which is being written; None if none is."""
    return _one(
        conn,
        select(corrections)
        .join(issues, issues.c.id == corrections.c.issue_id)
        .where(corrections.c.corrects == issue_id, issues.c.state.in_(OPEN)),
    )


def placed(conn: Connection, issue_id: int) -> list[Correction]:
    """Return the corrections of that issue that were approved, the oldest first."""
    query = (
        select(corrections)
        .where(corrections.c.corrects == issue_id, corrections.c.edition_id.is_not(None))
        .order_by(corrections.c.edition_id)
    )
    return [_correction(row) for row in conn.execute(query)]


def place(conn: Connection, issue_id: int, edition_id: int) -> None:
    """Say which edition of the corrected issue the correction put in its place."""
    conn.execute(
        update(corrections).where(corrections.c.issue_id == issue_id).values(edition_id=edition_id)
    )


def _one(conn: Connection, query: Select[Any]) -> Correction | None:
    row = conn.execute(query.limit(1)).first()
    return _correction(row) if row else None


def _correction(row: Row[Any]) -> Correction:
    return Correction(
        issue=row.issue_id,
        corrects=row.corrects,
        note=row.note,
        mails=row.mails,
        opened_by=row.opened_by,
        opened_at=row.opened_at,
        edition=row.edition_id,
    )
