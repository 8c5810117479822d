"""One run of the sender: from the rows that are due to rows that are settled."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Coroutine, Sequence
from contextlib import suppress
from datetime import UTC, timedelta
from functools import partial
from typing import Any

from digest.delivery.judge import Judge
from digest.delivery.line import Letter, Line
from digest.delivery.recorder import Recorder
from digest.delivery.supply import Flight, Job, Supply
from digest.errors import DigestError, SendError, StoreBusy, StoreError, Unreachable
from digest.model import DeliveryState, IssueState
from digest.pacing import DAY, Rate, allowance, rates
from digest.smtp import Dropped, Envelope, Outcome, Pace, Reply, Session, Stale
from digest.store import issues, ledger
from digest.store.ledger import Result
from digest.verdict import Phase

#: On so many connections one message is offered before its row is given back.
OFFERS = 3

#: How often a run looks whether it shall stop, and how often at most that its ledger adds
#: up: counting takes a hundredth of the time.
LOOK_SECONDS = 0.2
COUNT_SECONDS = 10.0
COUNT_SHARE = 0.01
#: How often it says that it lives, well within `ledger.LEASE`.
BEAT_SECONDS = 20.0


class Run:
    """Sends until nobody is due, somebody says stop, or the mail server will not have it."""

    def __init__(self, job: Job) -> None:
        """For one event loop, once."""
        self._job = job
        self._halted = asyncio.Event()
        self._fault: BaseException | None = None
        self._unreachable: list[Unreachable] = []
        self._judging: set[asyncio.Task[None]] = set()
        #: Those whose connection is open.
        self._lines: list[Line] = []

    async def settle(self) -> None:
        """
        Settle what is due; return when nothing is, or the run was told to stop.

        What is in flight is finished and what was only claimed given back before this
        returns or raises. Raises SenderFault, Unreachable, StoreError.
        """
        job = self._job
        pace = self._pace = await self._paced()
        self._recorder = Recorder(
            job.database,
            job.issue,
            job.holder,
            connections=job.smtp.connections,
            clock=job.clock,
            on_written=self._written,
        )
        self._supply = Supply(
            job, self._recorder, pace, halted=self._halted, halt=self._halt, serve=self._serve
        )
        self._judge = Judge(job, self._recorder, pace)
        watch = asyncio.create_task(self._watch())
        try:
            filling = asyncio.create_task(self._guarded(self._supply.fill()))
            await asyncio.gather(*(self._work() for _ in range(job.smtp.connections)))
            self._halt()
            await filling
            while self._judging:
                await asyncio.gather(*self._judging)
        finally:
            watch.cancel()
            unwritten = await self._ended()
        self._raise(unwritten)

    def _raise(self, unwritten: int) -> None:
        fault = self._fault or self._recorder.failure
        if fault is None and self._unreachable and not self._supply.is_empty:
            fault = self._unreachable[0]
        if fault is None:
            return
        if unwritten and isinstance(fault, DigestError):
            fault.remedy = (
                f"{fault.remedy} {unwritten} answers of the mail server could not be "
                "written down; the next run lists those readers as uncertain."
            ).strip()
        raise fault

    # --- beginning and end ---

    async def _paced(self) -> Pace:
        """Return the pace, with what went out before this run counted."""
        smtp = self._job.smtp
        pace = Pace([*rates(smtp.limit), *self._warm_up()], domains=smtp.domains)
        longest = max((rate.seconds for rate in pace.rates), default=0)
        if longest > 60:
            now = self._job.clock()
            moments = [now - timedelta(seconds=longest * part / 24) for part in range(24, -1, -1)]

            def counted() -> list[int]:
                with self._job.database.read() as conn:
                    return ledger.attempted_between(conn, moments)

            for end, count in zip(moments[1:], await asyncio.to_thread(counted), strict=True):
                pace.remember(count, (now - end).total_seconds())
        pace.share(await asyncio.to_thread(self._senders))
        return pace

    def _senders(self) -> int:
        with self._job.database.read() as conn:
            return ledger.senders_at_work(conn)

    def _warm_up(self) -> list[Rate]:
        """Return what today's place in the plan of a cold domain allows."""
        plan = self._job.smtp.warm_up
        today = self._job.clock().astimezone(UTC).date()
        allowed = allowance(plan.days, plan.since, today) if plan else None
        return [Rate(allowed, DAY)] if allowed else []

    async def _watch(self) -> None:
        """Halt the run when it is told to, cannot write, or must not send any more."""
        count_at = time.monotonic() + COUNT_SECONDS
        beat_at = time.monotonic() + BEAT_SECONDS
        try:
            while not self._halted.is_set():
                if self._job.stop.is_set() or self._recorder.failure is not None:
                    self._halt()
                # A database that is away decides nothing: nothing leaves while it is, and
                # the recorder says when that has lasted too long.
                with suppress(StoreBusy):
                    if not await asyncio.to_thread(self._is_sending):
                        self._halt()
                    if time.monotonic() >= count_at:
                        took = await asyncio.to_thread(self._count)
                        count_at = time.monotonic() + max(COUNT_SECONDS, took / COUNT_SHARE)
                if time.monotonic() >= beat_at:
                    await self._beat()
                    beat_at = time.monotonic() + BEAT_SECONDS
                await asyncio.sleep(LOOK_SECONDS)
        except Exception as e:  # noqa: BLE001 - unwatched, it would hear of no stop
            self._halt(e)

    async def _beat(self) -> None:
        job = self._job
        await self._recorder.do(lambda conn: ledger.beat(conn, job.holder, now=job.clock()))

    def _is_sending(self) -> bool:
        self._job.keep()
        self._job.database.require_room()
        with self._job.database.read() as conn:
            # The relay counts what comes from all of us, whichever issue it is.
            self._pace.share(ledger.senders_at_work(conn))
            return issues.by_id(conn, self._job.issue).state is IssueState.SENDING

    def _count(self) -> float:
        """Raise StoreError unless the ledger adds up; return the seconds that it took."""
        began = time.monotonic()
        with self._job.database.read() as conn:
            tally = ledger.tally(conn, self._job.issue)
        if not tally.holds:
            raise StoreError(str(tally), remedy="Nothing more is sent. Run: digest doctor")
        return time.monotonic() - began

    async def _ended(self) -> int:
        """Give back what did not leave; return how many results could not be written."""
        job = self._job
        self._supply.ground()
        if self._recorder.failure is None:
            try:
                await self._recorder.do(
                    lambda conn: ledger.retire(conn, job.issue, job.holder, now=job.clock())
                )
            except DigestError as e:
                self._halt(e)
        return await self._recorder.close()

    async def _guarded(self, work: Coroutine[Any, Any, None]) -> None:
        try:
            await work
        except Exception as e:  # noqa: BLE001 - whatever it is ends the run in order
            self._halt(e)

    def _halt(self, fault: BaseException | None = None) -> None:
        self._fault = self._fault or fault
        self._halted.set()
        self._supply.wake_all()
        self._serve()

    def _written(self, results: Sequence[Result]) -> None:
        self._supply.landed()
        failed = DeliveryState.FAILED
        self._job.progress(sum(each.tried or each.state is failed for each in results))

    # --- one line's work ---

    async def _work(self) -> None:
        """Keep a connection open for as long as there is something to send."""
        line = Line(self._job.smtp, folder=self._job.folder)
        try:
            while line.fault is None and await self._supply.arrives():
                await line.open()
                self._lines.append(line)
                self._serve()
                await line.in_use()
                self._lines.remove(line)
        except Unreachable as e:
            # Some servers allow fewer connections than we open: the others may go on.
            self._unreachable.append(e)
        except Exception as e:  # noqa: BLE001 - whatever it is ends the run in order
            self._halt(e)
        finally:
            self._unreachable += [line.fault] if line.fault else []
            self._supply.pass_on()
            await line.close()

    def _serve(self) -> None:
        """Give the lines what is ready; let them go where nothing will come any more."""
        if self._halted.is_set() or self._supply.is_over:
            for line in self._lines:
                line.leave()
            return
        for line in sorted(self._lines, key=_load):
            self._feed(line)

    def _feed(self, line: Line) -> None:
        """Offer *line* what is ready, as far as it has room."""
        if line.feeding:
            return
        line.feeding = True
        try:
            while (
                not self._halted.is_set()
                and (session := line.session)
                and (taken := self._supply.take())
            ):
                self._offer(line, session, *taken)
        except Exception as e:  # noqa: BLE001 - whatever it is ends the run in order
            self._halt(e)
        finally:
            line.feeding = False

    def _offer(self, line: Line, session: Session, flight: Flight, letter: Letter) -> None:
        """Send what may be sent; whatever happens, the row gets a result."""
        row = flight.row
        envelope = Envelope(
            letter.envelope_from, letter.recipient, f"{row.issue}.{row.recipient.subscriber}"
        )
        flight.offers += 1
        try:
            decided = partial(self._decided, line, flight)
            session.offer(envelope, letter.segments, decided, begin_by=flight.fresh_until)
        except Dropped as e:
            self._decided(line, flight, e)
        except Exception as e:
            self._judge.not_offered(flight, e)
            raise

    def _decided(self, line: Line, flight: Flight, outcome: Outcome) -> None:
        line.decided()
        if isinstance(outcome, Reply):
            if outcome.code == 421 and outcome.phase is Phase.MAIL:
                said = f"the mail server ends every connection: {outcome}"
                self._undecided(line, flight, Dropped(said, after_content=False))
            else:
                self._judged(flight, outcome)
        else:
            self._undecided(line, flight, outcome)
        if line.fault:
            line.leave()
        else:
            self._feed(line)

    def _undecided(self, line: Line, flight: Flight, outcome: Dropped) -> None:
        flight.offers -= isinstance(outcome, Stale)
        if outcome.after_content or flight.offers >= OFFERS:
            self._judge.broke(flight, outcome)
            line.fault = line.fault or (None if outcome.after_content else outcome)
        else:
            self._supply.give_back(flight)

    def _judged(self, flight: Flight, reply: Reply) -> None:
        try:
            doubt = self._judge.answered(flight, reply)
        except SendError as e:
            self._halt(e)
            return
        if doubt is not None:
            task = asyncio.create_task(self._guarded(doubt))
            self._judging.add(task)
            task.add_done_callback(self._judging.discard)


def _load(line: Line) -> int:
    return line.load
