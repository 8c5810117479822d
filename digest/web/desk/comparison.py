"""An issue beside those before it: how many readers each had, and how many it reached."""

from __future__ import annotations

from dataclasses import dataclass

from sqlalchemy import Connection

from digest.model import DeliveryState, Issue, Tally
from digest.store import issues, ledger
from digest.web.desk.chart import Bar, bars

#: So many issues stand beside one another.
MOST = 12


@dataclass(frozen=True, slots=True, kw_only=True)
class Past:
    """One issue and how it ended."""

    issue: Issue
    tally: Tally

    @property
    def missed(self) -> int:
        """How many readers of its audience did not get it."""
        return self.tally.frozen - self.tally.count(DeliveryState.SENT)


@dataclass(frozen=True, slots=True, kw_only=True)
class Comparison:
    """Issues in the order of their weeks, the present one last, as rows and as bars."""

    rows: tuple[Past, ...]
    bars: tuple[Bar, ...]


def compare(conn: Connection, issue: Issue) -> Comparison | None:
    """Return *issue* beside the issues sent before it; None if there are none."""
    before = issues.frozen_before(conn, issue, most=MOST - 1)
    known = outcomes(conn, [*before, issue])
    rows = tuple(Past(issue=each, tally=known[each.id]) for each in [*before, issue])
    if len(rows) < 2:
        return None
    drawn = bars(
        [
            (
                f"{each.issue.number or ''}",
                {"sent": each.tally.count(DeliveryState.SENT), "missed": each.missed},
            )
            for each in rows
        ]
    )
    return Comparison(rows=rows, bars=drawn)


def outcomes(conn: Connection, those: list[Issue]) -> dict[int, Tally]:
    """Return the ledgers' counts by issue; counted anew only where no count was kept."""
    kept = issues.outcomes(conn, [issue.id for issue in those])
    return {
        issue.id: kept.get(issue.id) or ledger.tally(conn, issue.id)
        for issue in those
        if issue.frozen_at is not None
    }
