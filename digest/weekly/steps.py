"""The steps of an issue that somebody decides: withdraw, hold, release, cancel, pause, resume."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

from digest.errors import WrongState
from digest.model import OPEN, Issue, IssueState, SkipReason
from digest.store import Database, corrections, issues, ledger, tallies, uses

#: States that end an issue's life.
ENDED = (IssueState.FINISHED, IssueState.CANCELLED, IssueState.MISSED)


def withdraw(database: Database, issue: Issue, *, now: datetime, actor: str) -> Issue:
    """Take an approval back: the issue is a draft again, its publications are free."""
    return _reopen(database, issue, IssueState.DRAFT, now=now, actor=actor, reasons=())


def hold(
    database: Database, issue: Issue, *, by: str, reasons: Sequence[str], now: datetime
) -> Issue:
    """Say no for now; an approved issue loses its approval with it."""
    return _reopen(database, issue, IssueState.HELD, now=now, actor=by, reasons=reasons)


def release(database: Database, issue: Issue, *, by: str, now: datetime) -> Issue:
    """Make a held issue a draft again."""
    with database.write() as conn:
        return issues.set_state(
            conn, issue.id, (IssueState.HELD,), IssueState.DRAFT, now=now, actor=by
        )


def _reopen(
    database: Database,
    issue: Issue,
    to_state: IssueState,
    *,
    now: datetime,
    actor: str,
    reasons: Sequence[str],
) -> Issue:
    before = (*OPEN, IssueState.APPROVED)
    with database.write() as conn:
        uses.release(conn, issue.id)
        return issues.set_state(
            conn,
            issue.id,
            [state for state in before if state is not to_state],
            to_state,
            now=now,
            actor=actor,
            reasons=reasons,
            also={"approved_at": None, "approved_by": None},
        )


def cancel(database: Database, issue: Issue, *, by: str, now: datetime, reason: str = "") -> Issue:
    """
    End the issue for the *reason* given; readers who are still owed it are skipped.

    Its publications are free again only if no server was ever offered a message of it.
    """
    living = [state for state in IssueState if state not in ENDED]
    with database.write() as conn:
        cancelled = issues.set_state(
            conn,
            issue.id,
            living,
            IssueState.CANCELLED,
            now=now,
            actor=by,
            reasons=(reason,) if reason else (),
            also={"finished_at": now},
        )
        if cancelled.frozen_at is not None:
            ledger.skip_rest(conn, issue.id, SkipReason.CANCELLED, now=now)
            tallies.keep_outcome(conn, issue.id, ledger.tally(conn, issue.id))
        if not ledger.attempted(conn, issue.id):
            uses.release(conn, issue.id)
        return cancelled


def pause(
    database: Database, issue: Issue, *, by: str, now: datetime, reason: str = "paused"
) -> Issue:
    """Stop sending after what is in flight; readers who are owed the issue stay owed."""
    with database.write() as conn:
        return issues.set_state(
            conn,
            issue.id,
            (IssueState.SENDING,),
            IssueState.STOPPED,
            now=now,
            actor=by,
            reasons=(reason,),
        )


def resume(database: Database, issue: Issue, *, by: str, now: datetime) -> Issue:
    """Go on with a stopped issue; WrongState while it is being corrected."""
    with database.write() as conn:
        told = corrections.under_way(conn, issue.id)
        if told is not None:
            key = issues.by_id(conn, told.issue).of.key
            raise WrongState(
                f"issue {issue.of.key} is being corrected: readers would get the wrong edition",
                remedy=f"Approve or cancel the correction: digest issue show --closing {key}",
            )
        return issues.set_state(
            conn, issue.id, (IssueState.STOPPED,), IssueState.SENDING, now=now, actor=by
        )
