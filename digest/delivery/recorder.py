"""Writing the ledger while an issue is sent: many facts, one commit."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime
from functools import partial
from typing import Any, TypeVar

from sqlalchemy import Connection

from digest.errors import DigestError, StoreError
from digest.model import Delivery
from digest.store import Database, ledger
from digest.store.ledger import Leave, Result

T = TypeVar("T")

#: So long a result waits at most for a commit that is made anyway.
GATHER_SECONDS = 0.02

#: How long a failed commit is tried again, in seconds: a full disk may be mended meanwhile,
#: and a database that is started anew is back. Nothing leaves while it lasts, so it is
#: looked for every second.
PAUSES = (0.2, 0.5, *(1.0,) * 30)

#: A commit that waits longer, in seconds, is worth a thread: the server has half of those in
#: flight to work on meanwhile, about five milliseconds (measured: decision 8).
LONG_WAIT = 0.004
#: One of so many is done in the loop all the same, and tells whether the disk is quick again.
PROBED = 32
#: What the last commit counts in the mean of the waits.
_WEIGHT = 0.1


class Recorder:
    """
    Writes for one run: results, claims, and permissions that are durable when given.

    Each commit takes along every result that has come in since the last one. They run one
    after the other over one connection: in the event loop where the disk is quick, since two
    threads hold each other up; else in a thread, while the loop goes on with those who may
    leave already. After a commit has failed for good (`failure`), nobody is permitted to
    send, so that nothing leaves that cannot be written down; results are kept and tried
    again at `close`.
    """

    def __init__(
        self,
        database: Database,
        issue_id: int,
        holder: str,
        *,
        clock: Callable[[], datetime],
        on_written: Callable[[Sequence[Result]], None],
    ) -> None:
        """For one event loop; *on_written* is called in it after each commit with results."""
        self.failure: DigestError | None = None
        #: Whose messages may leave, or left, and have no result yet.
        self.flying: set[int] = set()
        self._writer = database.writer()
        self._issue = issue_id
        self._holder = holder
        self._clock = clock
        self._on_written = on_written
        self._loop = asyncio.get_running_loop()
        self._thread = ThreadPoolExecutor(1, thread_name_prefix="ledger")
        self._told: list[Result] = []
        self._timer: asyncio.TimerHandle | None = None
        self._late: set[asyncio.Task[None]] = set()
        #: Commits so far, and how long one lately waited for the disk or the server (seconds).
        self._commits, self._wait = 0, 0.0
        #: One commit after the other, also where one has to be tried again.
        self._turn = asyncio.Lock()

    async def permission(self, rows: Sequence[Delivery]) -> Leave:
        """Return whose messages of *rows* may leave; those are durably `attempting`."""
        asked = {row.recipient.subscriber for row in rows}
        self.flying |= asked
        leave, _ = await self._commit(rows)
        self.flying -= asked - leave.go
        return leave

    def tell(self, result: Result) -> None:
        """Take down what became of an attempt; `on_written` says when it is durable."""
        self._told.append(result)
        self.flying.discard(result.subscriber)
        if self._timer is None:
            self._timer = self._loop.call_later(GATHER_SECONDS, self._no_longer)

    async def do(self, work: Callable[[Connection], T]) -> T:
        """Run *work* in a commit, behind the results that were told; return what it returns."""
        _, done = await self._commit(work=work)
        returned: T = done
        return returned

    async def close(self) -> int:
        """Write what is left; return how many results could not be written."""
        self._let_timer_go()
        async with self._turn:
            try:
                await self._written()
            except Exception as e:  # noqa: BLE001 - the run's end says it
                self._fail(e)
        self._thread.shutdown()
        self._writer.close()
        return len(self._told)

    # --- one commit ---

    def _no_longer(self) -> None:
        """Write results for which no other commit came."""
        self._timer = None
        if self._told and self._turn.locked():
            # They came too late for the one at work; the next may take them along.
            self._timer = self._loop.call_later(GATHER_SECONDS, self._no_longer)
        elif self._told:
            task = self._loop.create_task(self._settled())
            self._late.add(task)
            task.add_done_callback(self._late.discard)

    def _let_timer_go(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None

    async def _settled(self) -> None:
        try:
            await self._commit()
        except Exception as e:  # noqa: BLE001 - the run looks for a failure
            self._fail(e)

    async def _commit(
        self, rows: Sequence[Delivery] = (), work: Callable[[Connection], Any] | None = None
    ) -> tuple[Leave, Any]:
        async with self._turn:
            if self.failure is not None:
                raise self.failure
            try:
                return await self._written(rows, work)
            except Exception as e:
                self._fail(e)
                raise

    def _fail(self, e: Exception) -> None:
        wrapped = e if isinstance(e, DigestError) else StoreError(f"{type(e).__name__}: {e}")
        self.failure = self.failure or wrapped

    async def _written(
        self, rows: Sequence[Delivery] = (), work: Callable[[Connection], Any] | None = None
    ) -> tuple[Leave, Any]:
        for pause in () if self.failure else PAUSES:
            try:
                return await self._write(rows, work)
            except StoreError:
                await asyncio.sleep(pause)
        return await self._write(rows, work)

    async def _write(
        self, rows: Sequence[Delivery], work: Callable[[Connection], Any] | None
    ) -> tuple[Leave, Any]:
        told, self._told = self._told, []
        self._let_timer_go()
        try:
            transaction = partial(self._transact, told, rows, work)
            leave, done = await self._carried_out(transaction)
        except BaseException:
            # What came in meanwhile is the newer.
            self._told = told + self._told
            raise
        if told:
            self._on_written(told)
        return leave, done

    async def _carried_out(self, transaction: Callable[[], T]) -> T:
        """Do it where it costs least: a thread gains where a commit is mostly waiting."""
        self._commits += 1
        if self._wait > LONG_WAIT and self._commits % PROBED:
            return await self._loop.run_in_executor(self._thread, transaction)
        began, worked = time.monotonic(), time.thread_time()
        done = transaction()
        waited = time.monotonic() - began - (time.thread_time() - worked)
        self._wait += (waited - self._wait) * _WEIGHT
        # uvloop's clock stood still meanwhile.
        await asyncio.sleep(0)
        return done

    def _transact(
        self,
        told: Sequence[Result],
        rows: Sequence[Delivery],
        work: Callable[[Connection], Any] | None,
    ) -> tuple[Leave, Any]:
        leave = Leave()
        with self._writer.write() as conn:
            if told or rows:
                leave = ledger.record(
                    conn, self._issue, self._holder, results=told, rows=rows, now=self._clock()
                )
            # Work comes last: it may count the results, and a claim may find room by them.
            done = work(conn) if work else None
        return leave, done
