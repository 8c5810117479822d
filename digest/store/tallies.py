"""What an issue's freeze counted and how it ended, kept with its record."""

from __future__ import annotations

from collections.abc import Collection, Mapping

from sqlalchemy import Connection, select, update

from digest.model import DeliveryState, Tally
from digest.store.schema import issues


def counted(conn: Connection, issue_id: int) -> tuple[int, dict[str, int]]:
    """Return how many rows the freeze wrote, and whom it left out: {reason: count}."""
    row = conn.execute(
        select(issues.c.frozen, issues.c.excluded).where(issues.c.id == issue_id)
    ).one()
    return row.frozen or 0, row.excluded or {}


def count(conn: Connection, issue_id: int, *, frozen: int, excluded: Mapping[str, int]) -> None:
    """Keep how many rows the freeze wrote, and whom it left out."""
    conn.execute(
        update(issues).where(issues.c.id == issue_id).values(frozen=frozen, excluded=dict(excluded))
    )


def keep_outcome(conn: Connection, issue_id: int, tally: Tally) -> None:
    """Keep the ledger's count of an ended issue, so that lists need not count again."""
    counts = {str(state): count for state, count in tally.by_state.items()}
    conn.execute(update(issues).where(issues.c.id == issue_id).values(outcome=counts))


def outcomes(conn: Connection, issue_ids: Collection[int]) -> dict[int, Tally]:
    """Return how those issues ended, by issue; an issue whose count was not kept is absent."""
    query = select(issues.c.id, issues.c.frozen, issues.c.outcome).where(
        issues.c.id.in_(list(issue_ids)), issues.c.frozen.is_not(None)
    )
    return {
        row.id: Tally(
            frozen=row.frozen,
            by_state={DeliveryState(state): count for state, count in row.outcome.items()},
        )
        for row in conn.execute(query)
        if row.outcome is not None
    }
