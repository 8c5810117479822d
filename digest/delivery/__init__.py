"""
Settling the debt: an issue's readers get it, each one once, or are listed with the reason.

One sender per issue, or a fleet of them; several connections; `attempting` durable before
a message's bytes leave; results written by one thread in groups. Killing it at any moment
loses nobody and sends to nobody twice: who was in flight (at most `IN_FLIGHT`) is listed
as uncertain.
"""

from __future__ import annotations

import asyncio
import signal
import threading
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from datetime import datetime
from typing import TYPE_CHECKING
from uuid import uuid4

from sqlalchemy import Connection

from digest.delivery import fleet
from digest.delivery.author import author
from digest.delivery.line import Letter
from digest.delivery.lock import only_sender
from digest.delivery.outlook import foretold
from digest.delivery.reconciling import Reconciled, reconcile, vouch
from digest.delivery.run import Run
from digest.delivery.supply import IN_FLIGHT, Job
from digest.errors import SenderFault, StoreError, WrongState
from digest.model import Delivery, DeliveryState, Issue, IssueState, Tally
from digest.store import Database, editions, history, issues, ledger, tallies

if TYPE_CHECKING:
    from digest.config import Loaded

__all__ = [
    "IN_FLIGHT",
    "Letter",
    "Reconciled",
    "ask_to_stop",
    "foretold",
    "reconcile",
    "resend",
    "settle",
    "sweep",
    "vouch",
]

ACTOR = "sender"

#: What each run that is at work in this process looks at.
_stops: set[threading.Event] = set()


def settle(
    database: Database,
    loaded: Loaded,
    issue_id: int,
    *,
    clock: Callable[[], datetime],
    progress: Callable[[int], None] | None = None,
    stop: threading.Event | None = None,
    write: Callable[[Delivery], Letter] | None = None,
    most: int | None = None,
) -> Tally:
    """
    Send the issue to everybody who is owed it by now; return the ledger as it stands then.

    Calling again at any time is safe: it takes up what is left, also after a SIGKILL. The
    issue becomes `finished` once nobody is owed it; while somebody is put off it stays
    `sending`, and `ledger.next_due` tells when to call again. A finished issue returns its
    tally and sends nothing.

    *progress* is called with how many more readers are settled. Setting *stop*, SIGTERM or
    Ctrl-C (KeyboardInterrupt once all is written down) ends it after what is in flight.
    *write* makes the messages; default: from the frozen edition. *most* ends it after so
    many readers.

    With `fleet` in the configuration any number of processes may call it at a time, and
    each sends to others. AlreadySending if another process is at it without a fleet;
    WrongState if the issue is not `sending`; Unreachable if the mail server is away
    (nothing lost, call again); SenderFault if it will not have our mail (the issue is
    `stopped` with the reason); StoreError if results cannot be written (nothing leaves
    after that).
    """
    stop = stop or threading.Event()
    holder = uuid4().hex
    with _at_work(database, loaded, issue_id, holder) as keep:
        issue = _opened(database, loaded, issue_id, holder, now=clock())
        if issue.state is IssueState.FINISHED:
            with database.read() as conn:
                return ledger.tally(conn, issue_id)
        job = Job(
            database=database,
            issue=issue_id,
            holder=holder,
            smtp=loaded.settings.smtp,
            folder=loaded.folder,
            write=write or author(database, loaded, issue, clock=clock),
            clock=clock,
            progress=progress or (lambda _: None),
            stop=stop,
            keep=keep,
            most=most,
        )
        try:
            with _stopping_on_signals(stop) as caught:
                _run(job)
        except SenderFault as e:
            _stop_issue(database, issue_id, str(e), now=clock())
            raise
        tally = _concluded(database, issue_id, now=clock())
    if caught:
        raise KeyboardInterrupt
    return tally


def _at_work(
    database: Database, loaded: Loaded, issue_id: int, holder: str
) -> AbstractContextManager[Callable[[], object]]:
    if loaded.settings.fleet:
        return fleet.living(database, holder)
    return only_sender(database, issue_id)


def sweep(
    database: Database, loaded: Loaded, *, clock: Callable[[], datetime], stop: threading.Event
) -> int:
    """
    Look after a fleet's issues: announce what is due, put dead senders right, finish.

    Return how many shares were announced. Any number of processes may call it, at any time.
    """

    def conclude(issue_id: int) -> None:
        settle(database, loaded, issue_id, clock=clock, stop=stop, most=0)

    return fleet.sweep(database, conclude, clock=clock)


def ask_to_stop() -> None:
    """Ask every run in this process to end after what is in flight; returns at once."""
    for stop in list(_stops):
        stop.set()


def resend(
    database: Database,
    issue_id: int,
    whom: DeliveryState,
    *,
    now: datetime,
    actor: str,
    reader: int | None = None,
) -> int:
    """
    Owe the issue again to readers who are *uncertain* or *failed*; return how many.

    With *reader* only to that one, if they are that.

    An uncertain one may get it twice, under one Message-ID. A finished issue is `sending`
    again by it, as a new attempt on record. WrongState for one that was not sent yet, or
    was cancelled.
    """
    states = (IssueState.FINISHED, IssueState.SENDING, IssueState.STOPPED)
    with database.write() as conn:
        issue = issues.by_id(conn, issue_id)
        if issue.state not in states:
            raise WrongState(
                f"issue {issue.of.key} is {issue.state}; it has no {whom} readers to resend to",
                remedy=f"Run: digest issue status --closing {issue.of.key}",
            )
        count = ledger.owe_again(conn, issue_id, whom, now=now, reader=reader)
        if not count:
            return 0
        _hand_out_newest(conn, issue_id)
        if issue.state is IssueState.FINISHED:
            issues.set_state(
                conn, issue_id, (IssueState.FINISHED,), IssueState.SENDING, now=now, actor=actor
            )
        detail = {"readers": count, "whom": str(whom)} | ({"reader": reader} if reader else {})
        history.record(conn, issue_id, "resent", actor=actor, at=now, detail=detail)
    return count


def _hand_out_newest(conn: Connection, issue_id: int) -> None:
    """Let who waits get the corrected edition, where there is one."""
    *before, newest = editions.of_issue(conn, issue_id)
    if before:
        old = {
            one: each
            for edition in before
            for one, each in editions.variants_of(conn, edition).items()
        }
        ledger.hand_out(conn, issue_id, newest, old, editions.variants_of(conn, newest))


def _opened(
    database: Database, loaded: Loaded, issue_id: int, holder: str, *, now: datetime
) -> Issue:
    """Return the issue, what a dead sender left behind put right. We hold the lock."""
    resend = loaded.settings.smtp.uncertain == "resend"
    with database.write() as conn:
        issue = issues.by_id(conn, issue_id)
        shared = loaded.settings.fleet
        dead = fleet.dead(database, conn, issue_id, now=now) if shared else ()
        found = ledger.recover(conn, issue_id, now=now, alone=not shared, resend=resend, dead=dead)
        if found.uncertain:
            detail = {"uncertain": list(found.uncertain), "resent": resend}
            history.record(conn, issue_id, "recovered", actor=ACTOR, at=now, detail=detail)
        if issue.state is IssueState.SENDING:
            ledger.enter(conn, issue_id, holder, now=now)
    if issue.state is IssueState.STOPPED:
        raise WrongState(
            f"issue {issue.of.key} is stopped: {' '.join(issue.reasons)}",
            remedy="Run: digest issue resume",
        )
    if issue.state not in (IssueState.SENDING, IssueState.FINISHED):
        raise WrongState(
            f"issue {issue.of.key} is {issue.state}; nobody is owed it",
            remedy=f"Run: digest issue show --closing {issue.of.key}",
        )
    return issue


def _run(job: Job) -> None:
    async def run() -> None:
        await Run(job).settle()

    _stops.add(job.stop)
    try:
        with asyncio.Runner(loop_factory=_loop_factory()) as runner:
            runner.run(run())
    finally:
        _stops.discard(job.stop)


def _loop_factory() -> Callable[[], asyncio.AbstractEventLoop] | None:
    """Return uvloop's event loop where it is installed: less work per message; else asyncio's."""
    try:
        import uvloop
    except ImportError:
        return None
    factory: Callable[[], asyncio.AbstractEventLoop] = uvloop.new_event_loop
    return factory


@contextmanager
def _stopping_on_signals(stop: threading.Event) -> Iterator[list[int]]:
    """
    Let the first SIGTERM or Ctrl-C set *stop*; the list holds what came.

    The second one takes its usual course. Only the main thread may watch signals; in
    another one whoever owns the process calls `ask_to_stop`.
    """
    caught: list[int] = []
    if threading.current_thread() is not threading.main_thread():
        yield caught
        return
    watched = (signal.SIGTERM, signal.SIGINT)
    before = {number: signal.getsignal(number) for number in watched}

    def catch(number: int, _frame: object) -> None:
        caught.append(number)
        stop.set()
        for each in watched:
            signal.signal(each, before[each])

    for number in watched:
        signal.signal(number, catch)
    try:
        yield caught
    finally:
        for number in watched:
            signal.signal(number, before[number])


def _stop_issue(database: Database, issue_id: int, reason: str, *, now: datetime) -> None:
    with database.write() as conn:
        if issues.by_id(conn, issue_id).state is IssueState.SENDING:
            _move(conn, issue_id, IssueState.STOPPED, now=now, reasons=(reason,))


def _concluded(database: Database, issue_id: int, *, now: datetime) -> Tally:
    """Finish the issue if the debt is settled and the sum is right; return the tally."""
    with database.write() as conn:
        tally = ledger.tally(conn, issue_id)
        tallies.keep_outcome(conn, issue_id, tally)
        if issues.by_id(conn, issue_id).state is not IssueState.SENDING:
            return tally
        if tally.settled:
            _move(conn, issue_id, IssueState.FINISHED, now=now, also={"finished_at": now})
        elif not tally.owed:
            _move(conn, issue_id, IssueState.STOPPED, now=now, reasons=(str(tally),))
    if not tally.holds:
        raise StoreError(str(tally), remedy="Nobody is owed it any more. Run: digest doctor")
    return tally


def _move(
    conn: Connection,
    issue_id: int,
    to_state: IssueState,
    *,
    now: datetime,
    reasons: tuple[str, ...] = (),
    also: dict[str, datetime] | None = None,
) -> None:
    issues.set_state(
        conn,
        issue_id,
        (IssueState.SENDING,),
        to_state,
        now=now,
        actor=ACTOR,
        reasons=reasons,
        also=also,
    )
