"""One run of the sender: from the rows that are due to rows that are settled."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Callable, Coroutine, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from math import ceil
from pathlib import Path
from threading import Event
from typing import Any
from uuid import uuid4

from sqlalchemy import Connection

from digest.delivery.line import Letter, Line
from digest.delivery.recorder import Permission, Recorder
from digest.errors import DigestError, ReaderError, SenderFault, SendError, Unreachable
from digest.model import Delivery, DeliveryState, IssueState
from digest.model.settings import SmtpSettings
from digest.smtp import Dropped, Pace, Reply, rates
from digest.store import Database, issues, ledger
from digest.store.ledger import Result
from digest.verdict import Phase, Verdict, is_final, patience, verdict

#: So many messages at most may be on their way: `attempting` durable, the result not yet.
#: It is also the largest number of readers that a crash can leave uncertain.
IN_FLIGHT = 64

#: A claim's lease, and how many readers one claim takes.
LEASE = timedelta(minutes=30)
BATCH = 200

#: So many refusals in a row that are about the sender, none accepted: the run ends.
STRIKES = 20

#: How often a run looks whether it shall stop, in seconds.
LOOK_SECONDS = 0.2

#: After an attempt that broke before the server can have taken the message.
SOON = timedelta(minutes=1)


@dataclass(frozen=True, slots=True, kw_only=True)
class Job:
    """What a run needs to know."""

    database: Database
    issue: int
    smtp: SmtpSettings
    #: Where a relative `ca_file` starts.
    folder: Path
    write: Callable[[Delivery], Letter]
    clock: Callable[[], datetime]
    progress: Callable[[int], None]
    stop: Event


class Run:
    """Sends until nobody is due, somebody says stop, or the mail server will not have it."""

    def __init__(self, job: Job) -> None:
        """For one event loop, once."""
        self._job = job
        self._holder = uuid4().hex
        self._claimed: deque[Delivery] = deque()
        self._claiming = asyncio.Lock()
        self._taking_turns = asyncio.Lock()
        self._flying = asyncio.Semaphore(IN_FLIGHT)
        self._halted = asyncio.Event()
        self._fault: BaseException | None = None
        self._unreachable: list[Unreachable] = []
        self._strikes = 0

    async def settle(self) -> None:
        """
        Settle what is due; return when nothing is, or the run was told to stop.

        What is in flight is finished and what was only claimed given back before this
        returns or raises. Raises SenderFault, Unreachable, StoreError.
        """
        job = self._job
        self._recorder = Recorder(
            job.database, job.issue, self._holder, clock=job.clock, on_written=self._written
        )
        self._pace = await self._paced()
        watch = asyncio.create_task(self._watch())
        try:
            lines = [self._work() for _ in range(job.smtp.connections)]
            await asyncio.gather(*lines)
        finally:
            watch.cancel()
            unwritten = await self._ended()
        self._raise(unwritten)

    def _raise(self, unwritten: int) -> None:
        fault = self._fault or self._recorder.failure
        if fault is None and self._claimed and self._unreachable:
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
        pace = Pace(rates(self._job.smtp.limit))
        longest = max((rate.seconds for rate in pace.rates), default=0)
        if longest > 60:
            now = self._job.clock()
            moments = [now - timedelta(seconds=longest * part / 24) for part in range(24, -1, -1)]

            def counted() -> list[int]:
                with self._job.database.read() as conn:
                    return ledger.attempted_between(conn, moments)

            for end, count in zip(moments[1:], await asyncio.to_thread(counted), strict=True):
                pace.remember(count, (now - end).total_seconds())
        return pace

    async def _watch(self) -> None:
        """Halt the run when it is told to, cannot write, or the issue is not sent any more."""

        def sending() -> bool:
            with self._job.database.read() as conn:
                return issues.by_id(conn, self._job.issue).state is IssueState.SENDING

        try:
            while not self._halted.is_set():
                stopped = self._job.stop.is_set() or self._recorder.failure is not None
                if stopped or not await asyncio.to_thread(sending):
                    self._halted.set()
                await asyncio.sleep(LOOK_SECONDS)
        except DigestError as e:
            self._halt(e)

    async def _ended(self) -> int:
        """Give the claims back; return how many results could not be written."""
        issue, holder = self._job.issue, self._holder
        if self._recorder.failure is None:
            try:
                await self._recorder.do(lambda conn: ledger.release(conn, issue, holder))
            except DigestError as e:
                self._halt(e)
        return await self._recorder.close()

    def _halt(self, fault: BaseException) -> None:
        self._fault = self._fault or fault
        self._halted.set()

    def _written(self, results: Sequence[Result]) -> None:
        for _ in results:
            self._flying.release()
        self._job.progress(len(results))

    # --- one line's work ---

    async def _work(self) -> None:
        line = Line(self._job.smtp, folder=self._job.folder)
        try:
            while not self._halted.is_set() and (row := await self._next()):
                await self._send(line, row)
        except Unreachable as e:
            # Some servers allow fewer connections than we open: the others may go on.
            self._unreachable.append(e)
        except Exception as e:  # noqa: BLE001 - whatever it is ends the run in order
            self._halt(e)
        finally:
            await line.close()

    async def _next(self) -> Delivery | None:
        """Return a claimed row whose domain does not rest; None if nobody is due."""
        async with self._claiming:
            while True:
                if not self._claimed:
                    self._claimed.extend(await self._recorder.do(self._claim))
                if not self._claimed:
                    return None
                row = self._claimed.popleft()
                rest = self._pace.rest(_domain(row))
                if not rest:
                    return row
                waiting = DeliveryState.DEFERRED if row.attempts else DeliveryState.PENDING
                until = self._job.clock() + timedelta(seconds=ceil(rest))
                await self._put_aside(row, waiting, due_at=until)

    def _claim(self, conn: Connection) -> list[Delivery]:
        return ledger.claim(conn, self._job.issue, self._holder, self._job.clock(), LEASE, BATCH)

    async def _put_aside(
        self,
        row: Delivery,
        state: DeliveryState,
        *,
        answer: str | None = None,
        due_at: datetime | None = None,
    ) -> None:
        """Settle a row that was claimed and is not going to be attempted now."""
        now, whose = self._job.clock(), row.recipient.subscriber
        result = Result(subscriber=whose, state=state, answer=answer, due_at=due_at, at=now)
        await self._recorder.do(
            lambda conn: ledger.settle(conn, self._job.issue, self._holder, [result])
        )

    async def _send(self, line: Line, row: Delivery) -> None:
        try:
            letter = self._job.write(row)
        except ReaderError as e:
            await self._put_aside(row, DeliveryState.FAILED, answer=str(e))
            self._job.progress(1)
            return
        try:
            await line.ready()
        except SendError:
            self._claimed.appendleft(row)
            raise
        if self._pace.rates and not await self._unless_halted(self._turn(row)):
            return
        if not self._flying.locked():
            await self._flying.acquire()
        elif not await self._unless_halted(self._flying.acquire()):
            return
        permission = await self._permitted(row)
        if permission is Permission.GO:
            await self._offer(line, row, letter)
        elif permission is Permission.HALT:
            self._halted.set()
        else:
            self._job.progress(1)

    async def _turn(self, row: Delivery) -> None:
        async with self._taking_turns:
            while wait := self._pace.room():  # noqa: ASYNC110 - time alone makes room
                await asyncio.sleep(wait)
            self._pace.went(_domain(row))

    async def _permitted(self, row: Delivery) -> Permission:
        permission = Permission.HALT
        try:
            if not self._halted.is_set():
                permission = await self._recorder.permission(row)
        finally:
            if permission is not Permission.GO:
                self._flying.release()
        return permission

    async def _unless_halted(self, waiting: Coroutine[Any, Any, Any]) -> bool:
        """Wait, but no longer than until the run is halted; False if it was."""
        turn, halt = asyncio.create_task(waiting), asyncio.create_task(self._halted.wait())
        await asyncio.wait({turn, halt}, return_when=asyncio.FIRST_COMPLETED)
        for task in (turn, halt):
            task.cancel()
        return turn.done() and not turn.cancelled()

    async def _offer(self, line: Line, row: Delivery, letter: Letter) -> None:
        """Send what may be sent; whatever happens, the row gets a result."""
        try:
            reply = await line.send(letter)
        except Dropped as e:
            self._tell(row, *self._after_break(row, e))
            if not e.after_content:
                raise
        except Exception as e:
            # Nothing was taken: `Dropped` is the only error that leaves this open.
            self._tell(row, DeliveryState.DEFERRED, str(e), wait=SOON)
            raise
        except BaseException:
            self._tell(row, DeliveryState.UNCERTAIN, ledger.NO_ANSWER)
            raise
        else:
            await self._judge(row, reply)

    def _after_break(self, row: Delivery, e: Dropped) -> tuple[Any, ...]:
        if not e.after_content:
            return DeliveryState.DEFERRED, str(e), None, SOON
        if self._job.smtp.uncertain == "resend":
            wait = patience(row.attempts + 1, _seed(row))
            if wait is not None:
                return DeliveryState.DEFERRED, str(e), None, wait
        return (DeliveryState.UNCERTAIN, str(e))

    # --- what an answer means ---

    async def _judge(self, row: Delivery, reply: Reply) -> None:
        found = verdict(reply.phase, reply.code, reply.enhanced, reply.text)
        self._pace.answered(_domain(row), found)
        if found is Verdict.ACCEPTED:
            self._strikes = 0
            self._tell(row, DeliveryState.SENT, str(reply))
        elif found is Verdict.OURS:
            await self._blame_us(row, reply)
        elif is_final(found, reply.code, reply.enhanced):
            self._tell(row, DeliveryState.FAILED, str(reply), found)
        else:
            self._defer(row, reply, found)

    def _defer(self, row: Delivery, reply: Reply, found: Verdict) -> None:
        wait = patience(row.attempts + 1, _seed(row))
        if wait is None:
            self._tell(row, DeliveryState.FAILED, f"given up after 48 hours: {reply}", found)
        else:
            self._tell(row, DeliveryState.DEFERRED, str(reply), found, wait)
        if found is Verdict.THROTTLED or reply.phase is Phase.MAIL:
            self._strike(reply)

    def _strike(self, reply: Reply) -> None:
        self._strikes += 1
        if self._strikes >= STRIKES:
            raise Unreachable(
                f"the mail server put off {STRIKES} messages in a row; it said last: {reply}",
                remedy="Nothing was lost. Run the command again later, or ask its operator.",
            )

    async def _blame_us(self, row: Delivery, reply: Reply) -> None:
        """
        Stop for a person, the reader still owed; nobody is to blame but us.

        Unless it was said of this reader before, a person resumed, and others were taken
        since: then it is this reader's, and does not stop everybody again and again.
        """
        if reply.phase is not Phase.MAIL and await self._others_were_taken_since(row):
            self._tell(row, DeliveryState.FAILED, str(reply), Verdict.REFUSED)
            return
        wait = patience(row.attempts + 1, _seed(row))
        if wait is None:
            self._tell(row, DeliveryState.FAILED, str(reply), Verdict.OURS)
        else:
            self._tell(row, DeliveryState.DEFERRED, str(reply), Verdict.OURS, wait)
        raise SenderFault(
            f"the mail server refused the mail itself ({reply.phase}): {reply}",
            remedy="Mend the cause, then run: digest issue resume",
        )

    async def _others_were_taken_since(self, row: Delivery) -> bool:
        before = row.changed_at
        if not row.attempts or before is None:
            return False
        return await self._recorder.do(
            lambda conn: ledger.accepted_since(conn, self._job.issue, before)
        )

    def _tell(
        self,
        row: Delivery,
        state: DeliveryState,
        answer: str,
        found: Verdict | None = None,
        wait: timedelta | None = None,
    ) -> None:
        now = self._job.clock()
        self._recorder.tell(
            Result(
                subscriber=row.recipient.subscriber,
                state=state,
                reason=str(found) if found else None,
                answer=answer,
                due_at=now + wait if wait else None,
                at=now,
            )
        )


def _domain(row: Delivery) -> str:
    return row.recipient.address.rpartition("@")[2].lower()


def _seed(row: Delivery) -> str:
    return f"{row.issue}:{row.recipient.subscriber}"
