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
from digest.store import Database
from digest.store.ledger import Result

#: So many messages at most may be on their way: `attempting` durable, the result not yet.
#: It is also the largest number of readers that a crash can leave uncertain.
IN_FLIGHT = 64

#: How many readers one claim takes: what is sent in a second, and no more than one commit
#: can take along without those in flight waiting for it.
LEAST_CLAIM, MOST_CLAIM = 50, 250

#: At full speed so many are permitted at a time, or more: each commit has its price.
WORTHWHILE = 32

#: So far ahead readers are permitted: what is sent in these seconds. Each that is ready
#: without a line is one more that a crash leaves uncertain, and each commit costs.
AHEAD_SECONDS = 0.02

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
    #: Holds what says that this run lives, whatever became of the database meanwhile.
    keep: Callable[[], object]
    #: So many readers at most; None: all who are due.
    most: int | None = None


@dataclass(eq=False, slots=True)
class Flight:
    """A message that may leave."""

    row: Delivery
    #: The reader's domain, in small letters.
    domain: str
    #: Until when the permission holds, by the loop's clock.
    fresh_until: float = 0.0
    #: On how many connections it was offered.
    offers: int = 0


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
    Keeps as many flights ready as leave while one commit is under way.

    The next ones are asked for when none is ready and a line has room. All that have been
    answered meanwhile are written in the same commit, so their places are free for it.
    """

    def __init__(
        self,
        job: Job,
        recorder: Recorder,
        pace: Pace,
        *,
        halted: asyncio.Event,
        halt: Callable[[BaseException | None], None],
        serve: Callable[[], None],
    ) -> None:
        """
        For one event loop; `fill` is to run beside the lines.

        *halt* ends the run; *serve* gives the lines what is ready, or tells that it is over.
        """
        self._job = job
        self._recorder = recorder
        self._pace = pace
        self._halted = halted
        self._halt = halt
        self._serve = serve
        self._loop = asyncio.get_running_loop()
        self._claimed: deque[Delivery] = deque()
        #: Claimed ones whose domain rests for a moment.
        self._aside: deque[Delivery] = deque()
        self._ready: deque[Flight] = deque()
        #: Those whose permission has to be asked for again.
        self._stale: list[Flight] = []
        self._hungry: deque[asyncio.Future[None]] = deque()
        self._wanted = asyncio.Event()
        #: Nobody is due any more.
        self._dry = False
        self._ahead = job.smtp.connections
        self._permitted_at = 0.0
        self._claiming: asyncio.Task[None] | None = None
        self._claim_size = LEAST_CLAIM
        self._claimed_at = 0.0
        #: How many this run may still claim.
        self._left = job.most

    @property
    def is_empty(self) -> bool:
        """True if nobody is left over of those who are due."""
        waiting = self._ready or self._stale or self._claimed or self._aside
        return self._dry and not waiting

    @property
    def is_over(self) -> bool:
        """True if nobody is left over and nobody's answer is awaited."""
        return self.is_empty and not self._recorder.flying

    # --- for the lines ---

    async def arrives(self) -> bool:
        """Return True once a flight is ready; False if none comes any more."""
        while not self._ready and not self._halted.is_set():
            if self.is_over:
                return False
            self._wanted.set()
            hungry = self._loop.create_future()
            self._hungry.append(hungry)
            await hungry
        return not self._halted.is_set()

    def take(self) -> tuple[Flight, Letter] | None:
        """
        Return a flight that may leave at once, and its message, written now; None: there is none.

        With the last one the next are asked for, while the lines still have something to do:
        a line that has run dry says its next command in a packet of its own, which servers
        may answer 40 ms later (RFC 896 and RFC 1122 §4.2.3.2 together).
        """
        while self._ready:
            flight = self._ready.popleft()
            if rest := self._pace.held(flight.domain):
                self._pace.answered(flight.domain, None)
                self._keep(flight.row, rest)
            elif self._loop.time() >= flight.fresh_until:
                self._stale.append(flight)
            elif letter := self._written(flight.row):
                self._ask()
                return flight, letter
            else:
                self._pace.answered(flight.domain, None)
        self._ask()
        return None

    def _ask(self) -> None:
        if self._stale or self._room():
            self._wanted.set()

    def _written(self, row: Delivery) -> Letter | None:
        """Return the reader's message; None, and a result, if none can be made."""
        try:
            return self._job.write(row)
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
            return None

    def pass_on(self) -> None:
        """Let another line go on with what this one was called for."""
        self._wake()

    def give_back(self, flight: Flight) -> None:
        """Offer *flight*, of which the server took nothing, on another connection."""
        self._ready.appendleft(flight)
        self._wake()
        self._loop.call_soon(self._serve)

    def landed(self) -> None:
        """Take notice that results are durable."""
        self._wanted.set()
        if self.is_over:
            self.wake_all()
            self._serve()

    def wake_all(self) -> None:
        """Let everybody who waits look again."""
        self._wanted.set()
        while self._hungry:
            self._wake_one()

    def _wake(self) -> None:
        for _ in range(len(self._ready)):
            self._wake_one()

    def _wake_one(self) -> None:
        while self._hungry:
            hungry = self._hungry.popleft()
            if not hungry.done():
                hungry.set_result(None)
                return

    def ground(self) -> None:
        """Give back what is ready and did not leave; no attempt is counted."""
        now = self._job.clock()
        for flight in (*self._ready, *self._stale):
            self._recorder.tell(untried(flight.row, now=now))
            self._claimed.appendleft(flight.row)
        self._ready.clear()
        self._stale.clear()

    # --- bringing them ---

    async def fill(self) -> None:
        """Bring flights until nobody is due any more, or the run is halted."""
        try:
            while not self._halted.is_set() and not self.is_over:
                self._wanted.clear()
                if self._stale:
                    again, self._stale = self._stale, []
                    await self._permit(again)
                elif flights := await self._next(self._room()):
                    await self._permit(flights)
                elif not self.is_over:
                    await self._wanted.wait()
        finally:
            if self._claiming is not None:
                # Where it failed the recorder has, and that ends the run.
                await asyncio.gather(self._claiming, return_exceptions=True)
            self.wake_all()
            self._serve()

    def _room(self) -> int:
        """
        Return how many are to be permitted now; nobody, where soon it would be many more.

        At full speed they are asked for while the last ones still leave.
        """
        if self._dry:
            return 0
        room = min(self._ahead, IN_FLIGHT - len(self._recorder.flying))
        if self._ready:
            return room if room >= WORTHWHILE else 0
        hurried = self._loop.time() - self._permitted_at < AHEAD_SECONDS / 2
        return 0 if hurried and room < min(self._ahead, WORTHWHILE) else room

    async def _next(self, room: int) -> list[Flight]:
        """Return whose turn it is, at most *room*; nobody if nobody is due any more."""
        while room > 0 and not self._halted.is_set():
            await self._refill()
            if not self._claimed and not self._aside:
                self._dry = True
                break
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
            whose = domain(row)
            rest = self._pace.rest(whose)
            if not rest:
                self._pace.went(whose)
                flights.append(Flight(row, whose))
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

    async def _permit(self, flights: Sequence[Flight]) -> None:
        """Make the flights durably `attempting`, and those ready that may leave."""
        self._look_ahead()
        leave = await self._recorder.permission([flight.row for flight in flights])
        self._permitted_at = self._loop.time()
        fresh_until = self._permitted_at + FRESH_SECONDS
        for flight in flights:
            if flight.row.recipient.subscriber in leave.go:
                flight.fresh_until = fresh_until
                self._ready.append(flight)
            else:
                self._pace.answered(flight.domain, None)
        self._job.progress(len(leave.skipped))
        if leave.taken_over:
            self._halt(AlreadySending("another process took over the sending of this issue"))
        elif not leave.sending:
            self._halt(None)
        self._wake()
        self._serve()

    def _look_ahead(self) -> None:
        """Ask for more at a time where the last ones left quickly, for fewer where slowly."""
        if self._loop.time() - self._permitted_at < AHEAD_SECONDS:
            self._ahead = min(self._ahead * 2, IN_FLIGHT)
        else:
            self._ahead = max(self._ahead // 2, 1)

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
        size = self._claim_size
        if self._left is not None:
            size = min(size, self._left)
        rows = await self._recorder.claimed(size)
        self._claimed += rows
        if self._left is not None:
            self._left -= len(rows)

    async def _sleep(self, seconds: float) -> None:
        """Sleep, but no longer than until the run is halted."""
        halted = self._loop.create_task(self._halted.wait())
        await asyncio.wait({halted}, timeout=seconds)
        halted.cancel()
