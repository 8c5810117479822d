"""What is kept of an old issue's ledger once its rows are put away into a file."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, delete, insert, select

from digest.store.issues import ended
from digest.store.schema import deliveries, issues, ledger_summaries

#: Rows that go in one transaction, so that nobody else waits for long.
SLICE = 5_000


@dataclass(frozen=True, slots=True, kw_only=True)
class Summary:
    """The figures of an issue whose rows are in `file`."""

    issue: int
    at: datetime
    figures: dict[str, Any]
    #: Its name, without folder.
    file: str
    #: Of the file's bytes, in hexadecimal.
    sha256: str


def due(conn: Connection, *, before: datetime) -> list[int]:
    """Return issues that ended before that instant and still have rows, the oldest first."""
    has_rows = select(1).where(deliveries.c.issue_id == issues.c.id).exists()
    query = select(issues.c.id).where(ended(before), has_rows)
    return list(conn.execute(query.order_by(issues.c.frozen_at, issues.c.id)).scalars())


def summary(conn: Connection, issue_id: int) -> Summary | None:
    """Return what was kept of a ledger that was put away; None while its rows are here."""
    row = conn.execute(
        select(ledger_summaries).where(ledger_summaries.c.issue_id == issue_id)
    ).first()
    if row is None:
        return None
    return Summary(
        issue=row.issue_id, at=row.at, figures=row.figures, file=row.file, sha256=row.sha256
    )


def summarise(conn: Connection, kept: Summary) -> None:
    """Write down the figures; from now on they stand for the rows. Once per issue."""
    conn.execute(
        insert(ledger_summaries).values(
            issue_id=kept.issue,
            at=kept.at,
            figures=kept.figures,
            file=kept.file,
            sha256=kept.sha256,
        )
    )


def drop_rows(conn: Connection, issue_id: int) -> int:
    """Drop some rows of an issue that has a summary; return how many, 0 when none is left."""
    some = select(deliveries.c.subscriber_id).where(deliveries.c.issue_id == issue_id).limit(SLICE)
    kept = select(ledger_summaries.c.issue_id).where(ledger_summaries.c.issue_id == issue_id)
    return conn.execute(
        delete(deliveries).where(
            deliveries.c.issue_id == issue_id,
            deliveries.c.subscriber_id.in_(some),
            kept.exists(),
        )
    ).rowcount
