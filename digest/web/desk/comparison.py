"""An issue beside those before it: whom each reached, what came back, how long it took."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import timedelta

from sqlalchemy import Connection

from digest.model import DeliveryState, Issue, Tally
from digest.store import ledger, past, precedents, tallies
from digest.store.past import Aftermath
from digest.web.desk.chart import Bar, bars

#: So many issues stand beside one another.
MOST = 12


@dataclass(frozen=True, slots=True, kw_only=True)
class Past:
    """One issue, how it ended, and what came back after it."""

    issue: Issue
    tally: Tally
    aftermath: Aftermath

    @property
    def sent(self) -> int:
        return self.tally.count(DeliveryState.SENT)

    @property
    def missed(self) -> int:
        """How many readers of its audience did not get it."""
        return self.tally.frozen - self.sent

    @property
    def took(self) -> timedelta | None:
        """From the freeze to the last reader; None if it has not ended."""
        began, ended = self.issue.frozen_at, self.issue.finished_at
        return ended - began if began and ended else None


@dataclass(frozen=True, slots=True, kw_only=True)
class Chart:
    """One figure of all issues; *parts* are the kinds of its bars' parts with their names."""

    title: str
    bars: tuple[Bar, ...]
    parts: tuple[tuple[str, str], ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Comparison:
    """Issues in the order of their weeks, the present one last, as rows and as charts."""

    rows: tuple[Past, ...]
    #: Whom each reached.
    reached: Chart
    #: What came back, one figure each; those without a single one are left out.
    others: tuple[Chart, ...]


def compare(conn: Connection, issue: Issue) -> Comparison | None:
    """Return *issue* beside the issues sent before it; None if there are none."""
    those = [*precedents.frozen_before(conn, issue, most=MOST - 1), issue]
    if len(those) < 2:
        return None
    known, came_back = outcomes(conn, those), past.aftermath(conn, those)
    rows = tuple(
        Past(issue=each, tally=known[each.id], aftermath=came_back[each.id]) for each in those
    )
    figures = (_chart(title, kind, rows, of) for title, kind, of in _FIGURES)
    return Comparison(
        rows=rows,
        reached=Chart(
            title="Readers",
            bars=bars([(_name(row), {"sent": row.sent, "missed": row.missed}) for row in rows]),
            parts=(("sent", "got it"), ("missed", "did not")),
        ),
        others=tuple(each for each in figures if any(bar.total for bar in each.bars)),
    )


_FIGURES: tuple[tuple[str, str, Callable[[Past], int]], ...] = (
    ("Bounces", "missed", lambda row: row.aftermath.bounces),
    ("Complaints", "missed", lambda row: row.aftermath.complaints),
    ("Unsubscribed within a week", "skipped", lambda row: row.aftermath.left),
    ("Minutes to the last reader", "sent", lambda row: _minutes(row.took)),
)


def _chart(title: str, kind: str, rows: tuple[Past, ...], of: Callable[[Past], int]) -> Chart:
    return Chart(title=title, bars=bars([(_name(row), {kind: of(row)}) for row in rows]))


def _name(row: Past) -> str:
    return f"{row.issue.number or ''}"


def _minutes(took: timedelta | None) -> int:
    """Return whole minutes, what began counted whole."""
    return -(-took // timedelta(minutes=1)) if took else 0


def outcomes(conn: Connection, those: list[Issue]) -> dict[int, Tally]:
    """Return the ledgers' counts by issue; counted anew only where no count was kept."""
    kept = tallies.outcomes(conn, [issue.id for issue in those])
    return {
        issue.id: kept.get(issue.id) or ledger.tally(conn, issue.id)
        for issue in those
        if issue.frozen_at is not None
    }
