"""
Many senders on one issue: each holds a lock that says it lives, and takes shares of the debt.

What a dead one left behind is put right by whoever comes next, at once after a kill (its
session ended, and the lock with it), after `ledger.LEASE` where it was only cut off. Where
the database server itself ended, each takes its lock again, and nobody is found dead. One
process at a time sweeps: it looks what fell due or was left, and announces it anew.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import datetime

from sqlalchemy import Connection

from digest.model import IssueState
from digest.store import Database, issues, jobs, ledger, locks

_SWEEP = 0


@contextmanager
def living(database: Database, holder: str) -> Iterator[Callable[[], object]]:
    """
    Hold the lock that says *holder* lives, for as long as it does.

    What it gives is to be called now and then: it takes the lock again that a restarted
    server has lost.
    """
    with locks.advisory(database, _number(holder), space=locks.Space.SENDERS) as lock:
        yield lock.keep


def dead(database: Database, conn: Connection, issue_id: int, *, now: datetime) -> list[str]:
    """Return the issue's senders that have ended without a word, or lost touch."""
    known = ledger.senders_of(conn, issue_id)
    telling = bool(known) and locks.are_settled(conn)
    return [
        holder
        for holder, until in known
        if until < now
        or (telling and not locks.is_held(database, _number(holder), space=locks.Space.SENDERS))
    ]


def _number(holder: str) -> int:
    """Return what stands for a holder, a random name in hexadecimal, among 31-bit locks."""
    return int(holder[:8], 16) & 0x7FFFFFFF


def sweep(
    database: Database, settle: Callable[[int], object], *, clock: Callable[[], datetime]
) -> int:
    """
    Announce what is due and not announced yet; return how many shares.

    Dead senders are put right, and an issue that nobody is owed any more is finished, by
    *settle*, which is called for each issue where one of the two is due. Of processes that
    sweep at the same time one does; the others return 0.
    """
    with locks.advisory(database, _SWEEP, space=locks.Space.SWEEP) as lock:
        if not lock.is_held:
            return 0
        with database.read() as conn:
            under_way = issues.listed(conn, states=(IssueState.SENDING,))
        return sum(_swept(database, issue.id, settle, now=clock()) for issue in under_way)


def _swept(
    database: Database, issue_id: int, settle: Callable[[int], object], *, now: datetime
) -> int:
    with database.write() as conn:
        if not dead(database, conn, issue_id, now=now):
            readers = ledger.due(conn, issue_id, now=now, most=jobs.SHARE * jobs.MOST_JOBS)
            if readers or ledger.senders_of(conn, issue_id):
                return jobs.announce(conn, issue_id, readers)
    settle(issue_id)
    return 0
