"""Who is written to next: claimed, let go by the pace, written, and durably permitted."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from math import ceil
from pathlib import Path
from threading import Event

from digest.delivery.line import Letter
from digest.delivery.recorder import Recorder
from digest.errors import AlreadySending, ReaderError
from digest.model import Delivery, DeliveryState
from digest.model.settings import SmtpSettings
from digest.smtp import Pace
from digest.store import Database, ledger
from digest.store.ledger import Result

#: So many messages at most may be on their way: `attempting` durable, the result not yet.
#: It is also the largest number of readers that a crash can leave uncertain.
IN_FLIGHT = 64

#: How many readers one claim takes: what is sent in a second, and no more than one commit
#: can take along without those in flight waiting for it.
LEAST_CLAIM, MOST_CLAIM = 50, 250

#: A permission holds for so many seconds; after that it is asked for again, because the
#: reader may have left meanwhile.
FRESH_SECONDS = 0.5

#: A domain that rests no longer is waited for; its readers keep their place.
SHORT_REST = 5.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Job:
    """What a run needs to know."""

    database: Database
    issue: int
    #: This run's own name in the ledger.
    holder: str
    smtp: SmtpSettings
    #: Where a relative `ca_file` starts.
    folder: Path
    write: Callable[[Delivery], Letter]
    clock: Callable[[], datetime]
    progress: Callable[[int], None]
    stop: Event
    #: So many readers at most; None: all who are due.
    most: int | None = None


@dataclass(eq=False, slots=True)
class Flight:
    """A message that may leave."""

    row: Delivery
    letter: Letter
    #: Until when the permission holds, by the loop's clock.
    fresh_until: float = 0.0
    #: On how many connections it was offered.
    offers: int = 0

    @property
    def domain(self) -> str:
        return domain(self.row)


def domain(row: Delivery) -> str:
    return row.recipient.address.rpartition("@")[2].lower()


def untried(row: Delivery, *, now: datetime, due_at: datetime | None = None) -> Result:
    """Return the result of a row that was not offered to a server: it waits as before."""
    state = DeliveryState.DEFERRED if row.attempts else DeliveryState.PENDING
    return Result(
        subscriber=row.recipient.subscriber, state=state, due_at=due_at, tried=False, at=now
    )


class Supply:
    """
    Keeps just as many flights ready as the lines need while one commit is under way.

    Each that is ready without a line is one more that a crash leaves uncertain. So the
    look-ahead grows where a line had to wait for the ledger, and shrinks where none did.
    """

    def __init__(
        self,
        job: Job,
        recorder: Recorder,
        pace: Pace,
        *,
        halted: asyncio.Event,
        halt: Callable[[BaseException | None], None],
    ) -> None:
        """For one event loop; `fill` is to run beside the lines. *halt* ends the run."""
        self._job = job
        self._recorder = recorder
        self._pace = pace
        self._halted = halted
        self._halt = halt
        self._loop = asyncio.get_running_loop()
        self._claimed: deque[Delivery] = deque()
        #: Claimed ones whose domain rests for a moment.
        self._aside: deque[Delivery] = deque()
        self._ready: deque[Flight] = deque()
        #: Asked for, and no durable result yet.
        self._flying: set[int] = set()
        self._hungry: deque[asyncio.Future[None]] = deque()
        self._wanted = asyncio.Event()
        self._asking_again: set[asyncio.Task[None]] = set()
        #: Nobody is due any more.
        self._dry = False
        self._ahead = job.smtp.connections
        self._fewest = 0
        self._claiming: asyncio.Task[None] | None = None
        self._claim_size = LEAST_CLAIM
        self._claimed_at = 0.0
        #: How many this run may still claim.
        self._left = job.most

    @property
    def is_empty(self) -> bool:
        """True if nobody is left over of those who are due."""
        return self._dry and not self._ready and not self._claimed and not self._aside

    # --- for the lines ---

    async def arrives(self) -> bool:
        """Return True once a flight is ready; False if none comes any more."""
        while not self._ready and not self._halted.is_set():
            if self._dry and not self._flying:
                return False
            self._ahead = min(self._ahead + 1, IN_FLIGHT)
            self._wanted.set()
            hungry = self._loop.create_future()
            self._hungry.append(hungry)
            await hungry
        return not self._halted.is_set()

    def take(self) -> Flight | None:
        """Return a flight that may leave at once; None if another line was quicker."""
        while self._ready:
            flight = self._ready.popleft()
            self._fewest = min(self._fewest, len(self._ready))
            self._wanted.set()
            if rest := self._pace.held(flight.domain):
                self._pace.answered(flight.domain, None)
                self._keep(flight.row, rest)
                continue
            if self._loop.time() < flight.fresh_until:
                return flight
            again = self._loop.create_task(self._permit([flight]))
            self._asking_again.add(again)
            again.add_done_callback(self._asked_again)
        return None

    def _asked_again(self, task: asyncio.Task[None]) -> None:
        self._asking_again.discard(task)
        if not task.cancelled() and (fault := task.exception()):
            self._halt(fault)

    def pass_on(self) -> None:
        """Let another line go on with what this one was called for."""
        self._wake()

    def give_back(self, flight: Flight) -> None:
        """Offer *flight*, of which the server took nothing, on another connection."""
        self._ready.appendleft(flight)
        self._wake()

    def landed(self, results: Sequence[Result]) -> None:
        """Take notice that *results* are durable."""
        self._flying.difference_update(result.subscriber for result in results)
        self._wanted.set()
        if self._dry and not self._flying:
            self.wake_all()

    def wake_all(self) -> None:
        while self._hungry:
            self._wake(always=True)
        self._wanted.set()

    def _wake(self, *, always: bool = False) -> None:
        while self._hungry and (always or self._ready):
            hungry = self._hungry.popleft()
            if not hungry.done():
                hungry.set_result(None)
                return

    def ground(self) -> None:
        """Give back what is ready and did not leave; no attempt is counted."""
        now = self._job.clock()
        for flight in self._ready:
            self._recorder.tell(untried(flight.row, now=now))
        self._claimed.extendleft(flight.row for flight in self._ready)
        self._ready.clear()

    # --- bringing them ---

    async def fill(self) -> None:
        """Bring flights until nobody is due any more, or the run is halted."""
        try:
            while not self._halted.is_set():
                if (room := self._room()) <= 0:
                    self._wanted.clear()
                    await self._wanted.wait()
                elif flights := await self._next(room):
                    await self._permit(flights)
                elif not self._halted.is_set():
                    self._dry = True
                    return
        finally:
            if self._claiming is not None:
                await asyncio.wait({self._claiming})
            self.wake_all()

    def _room(self) -> int:
        return min(self._ahead - len(self._ready), IN_FLIGHT - len(self._flying))

    async def _next(self, room: int) -> list[Flight]:
        """Return whose turn it is, at most *room*; nobody if nobody is due any more."""
        while not self._halted.is_set():
            await self._refill()
            if not self._claimed and not self._aside:
                return []
            wait = self._pace.room()
            if not wait:
                if flights := self._let_go(room):
                    return flights
                wait = min((self._pace.rest(domain(row)) for row in self._aside), default=0.0)
            await self._sleep(wait)
        return []

    def _let_go(self, room: int) -> list[Flight]:
        flights: list[Flight] = []
        resting: deque[Delivery] = deque()
        while (self._aside or self._claimed) and len(flights) < room and not self._pace.room():
            row = (self._aside or self._claimed).popleft()
            rest = self._pace.rest(domain(row))
            if not rest:
                flights += self._written(row)
            elif rest <= SHORT_REST and len(resting) < MOST_CLAIM:
                resting.append(row)
            else:
                self._keep(row, rest)
        self._aside = resting + self._aside
        return flights

    def _keep(self, row: Delivery, seconds: float) -> None:
        """Owe it to the reader again after so many seconds; nothing was offered."""
        now = self._job.clock()
        due_at = now + timedelta(seconds=ceil(seconds))
        self._recorder.tell(untried(row, now=now, due_at=due_at))

    def _written(self, row: Delivery) -> list[Flight]:
        """Return the row with its message; nothing, and a result, if none can be made."""
        try:
            flight = Flight(row, self._job.write(row))
        except ReaderError as e:
            self._recorder.tell(
                Result(
                    subscriber=row.recipient.subscriber,
                    state=DeliveryState.FAILED,
                    answer=str(e),
                    tried=False,
                    at=self._job.clock(),
                )
            )
            return []
        self._pace.went(flight.domain)
        return [flight]

    async def _permit(self, flights: Sequence[Flight]) -> None:
        """Make the flights durably `attempting`, and those ready that may leave."""
        self._flying.update(flight.row.recipient.subscriber for flight in flights)
        leave = await self._recorder.permission([flight.row for flight in flights])
        fresh_until = self._loop.time() + FRESH_SECONDS
        for flight in flights:
            whose = flight.row.recipient.subscriber
            if whose in leave.go:
                flight.fresh_until = fresh_until
                self._ready.append(flight)
                self._wake()
            else:
                self._flying.discard(whose)
                self._pace.answered(flight.domain, None)
        self._job.progress(len(leave.skipped))
        if leave.taken_over:
            self._halt(AlreadySending("another process took over the sending of this issue"))
        elif not leave.sending:
            self._halt(None)
        if self._fewest > 1:
            self._ahead = max(self._ahead - 1, 1)
        self._fewest = len(self._ready)

    async def _refill(self) -> None:
        """Have somebody claimed, if anybody is due; claim the next ones before these are gone."""
        if self._claiming is None and len(self._claimed) <= self._claim_size // 2:
            self._claiming = self._loop.create_task(self._claim())
        if self._claiming is not None and (self._claiming.done() or not self._claimed):
            await self._claiming
            self._claiming = None

    async def _claim(self) -> None:
        now = self._loop.time()
        if now - self._claimed_at < 1:
            self._claim_size = min(self._claim_size * 2, MOST_CLAIM)
        else:
            self._claim_size = max(self._claim_size // 2, LEAST_CLAIM)
        self._claimed_at = now
        job, size = self._job, self._claim_size
        if self._left is not None:
            size = min(size, self._left)
        rows = await self._recorder.do(
            lambda conn: ledger.claim(conn, job.issue, job.holder, job.clock(), size)
        )
        self._claimed += rows
        if self._left is not None:
            self._left -= len(rows)

    async def _sleep(self, seconds: float) -> None:
        """Sleep, but no longer than until the run is halted."""
        halted = self._loop.create_task(self._halted.wait())
        await asyncio.wait({halted}, timeout=seconds)
        halted.cancel()
