"""How far the sending is: the ledger counted, its speed, and where it does not get through."""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from digest.model import DeliveryState, Issue, IssueState, Tally
from digest.store import Database, counting, issues, ledger, tallies
from digest.store.counting import Followed
from digest.store.ledger import Trouble

#: The speed is that of the last minute.
WINDOW = timedelta(minutes=1)

#: In these states the numbers may change while somebody looks.
MOVING = (IssueState.SENDING, IssueState.STOPPED)


@dataclass(frozen=True, slots=True, kw_only=True)
class Progress:
    """The sending at one instant."""

    issue: Issue
    tally: Tally
    #: Whom the freeze left out: {reason: count}.
    excluded: dict[str, int]
    troubles: tuple[Trouble, ...]
    #: How often each link was followed, most often first; none unless they are counted.
    links: tuple[Followed, ...] = ()
    #: Readers settled in a second; None while it is not known, or nothing moves.
    per_second: float | None = None

    @property
    def settled(self) -> int:
        return self.tally.frozen - self.tally.owed

    @property
    def remaining(self) -> timedelta | None:
        """How long the rest takes at this speed; None where that cannot be said."""
        if not self.per_second or not self.tally.owed:
            return None
        return timedelta(seconds=self.tally.owed / self.per_second)

    @property
    def shares(self) -> tuple[tuple[DeliveryState, int, float], ...]:
        """Each state with readers, their number and their part of 100."""
        total = max(self.tally.frozen, 1)
        counted = ((state, self.tally.count(state)) for state in _ORDER)
        return tuple((state, number, 100 * number / total) for state, number in counted if number)


#: From what is done to what is still owed.
_ORDER = (
    DeliveryState.SENT,
    DeliveryState.FAILED,
    DeliveryState.SKIPPED,
    DeliveryState.UNCERTAIN,
    DeliveryState.ATTEMPTING,
    DeliveryState.CLAIMED,
    DeliveryState.DEFERRED,
    DeliveryState.PENDING,
)


def look(database: Database, issue_id: int) -> Progress:
    """Return how the ledger of a frozen issue stands; its speed is not known from one look."""
    with database.read() as conn:
        issue = issues.by_id(conn, issue_id)
        _frozen, excluded = tallies.counted(conn, issue_id)
        return Progress(
            issue=issue,
            tally=ledger.tally(conn, issue_id),
            excluded=excluded,
            troubles=tuple(ledger.troubles(conn, issue_id)),
            links=tuple(counting.of_issue(conn, issue_id)),
        )


@dataclass(slots=True)
class Speed:
    """Measures the speed of the last minute from what is seen of it, look by look."""

    _seen: deque[tuple[datetime, int]] = field(default_factory=deque)

    def after(self, at: datetime, settled: int) -> float | None:
        """Return the readers settled in a second, now that *settled* are; None if unknown."""
        self._seen.append((at, settled))
        while len(self._seen) > 2 and self._seen[1][0] <= at - WINDOW:
            self._seen.popleft()
        since, before = self._seen[0]
        seconds = (at - since).total_seconds()
        gone = settled - before
        return gone / seconds if seconds > 0 and gone > 0 else None
