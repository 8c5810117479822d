"""Writing the ledger while an issue is sent: many facts, one commit."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from datetime import datetime
from typing import Any, TypeVar

from sqlalchemy import Connection

from digest.errors import DigestError, StoreError
from digest.model import Delivery
from digest.store import Database, ledger
from digest.store.dialects import CHUNK
from digest.store.ledger import Leave, Result, Steps

T = TypeVar("T")

#: So long a result waits at most for a commit that is made anyway.
GATHER_SECONDS = 0.02

#: How long a failed commit is tried again, in seconds: a full disk may be mended meanwhile,
#: and a database that is started anew is back. Nothing leaves while it lasts, so it is
#: looked for every second.
PAUSES = (0.2, 0.5, *(1.0,) * 30)

#: So much work a mail server has of each connection, in seconds, for either wait of a commit:
#: for its turn to write and for the disk. Waits that are longer than the work of all other
#: connections leave the server idle (measured: decision 8).
WORK_OF_ONE = 0.0002
#: So many rows a step then takes: about as long as the server needs for a message.
STEP = 12
#: One wait of so many is in the loop all the same, and tells whether it is short again.
PROBED = 32
#: What the last one counts in the mean of the waits.
_WEIGHT = 0.1


class Recorder:
    """
    Writes for one run: results, claims, and permissions that are durable when given.

    Each commit takes along every result that has come in since the last one. They run one
    after the other over one connection, in the event loop, which does not wait for a database
    server. Where the disk is slow for the connections that there are, mails leave between the
    statements, and a thread waits for the disk; where it is quick that costs more than it
    gains, since two threads hold each other up.

    After a commit has failed for good (`failure`), nobody is permitted to send, so that
    nothing leaves that cannot be written down; results are kept and tried again at `close`.
    """

    def __init__(
        self,
        database: Database,
        issue_id: int,
        holder: str,
        *,
        connections: int,
        clock: Callable[[], datetime],
        on_written: Callable[[Sequence[Result]], None],
    ) -> None:
        """
        For one event loop; *on_written* is called in it after each commit with results.

        *connections*: over so many mails leave.
        """
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
        #: How often SQLite was waited for, how long lately, and how long is too long (seconds).
        self._waits, self._wait = 0, 0.0
        self._most_wait = (connections - 1) * WORK_OF_ONE
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

    async def claimed(self, size: int) -> list[Delivery]:
        """Return at most *size* readers who are owed the issue, and are this run's by now."""

        def claiming(conn: Connection) -> Steps[list[Delivery]]:
            now, step = self._clock(), self._step
            return ledger.claim(conn, self._issue, self._holder, now, size, at_once=step)

        return await self._done(claiming)

    async def do(self, work: Callable[[Connection], T]) -> T:
        """Run *work* in a commit, behind the results that were told; return what it returns."""

        def at_once(conn: Connection) -> Steps[T]:
            yield None
            return work(conn)

        return await self._done(at_once)

    async def _done(self, work: Callable[[Connection], Steps[T]]) -> T:
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
        self, rows: Sequence[Delivery] = (), work: Callable[[Connection], Steps[Any]] | None = None
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
        self, rows: Sequence[Delivery] = (), work: Callable[[Connection], Steps[Any]] | None = None
    ) -> tuple[Leave, Any]:
        for pause in () if self.failure else PAUSES:
            try:
                return await self._write(rows, work)
            except StoreError:
                await asyncio.sleep(pause)
        return await self._write(rows, work)

    async def _write(
        self, rows: Sequence[Delivery], work: Callable[[Connection], Steps[Any]] | None
    ) -> tuple[Leave, Any]:
        told, self._told = self._told, []
        self._let_timer_go()
        try:
            with self._writer.transaction():
                conn = await self._waited(self._writer.begin)
                leave, done = await self._run(self._steps(conn, told, rows, work))
                await self._make_durable(conn)
        except BaseException:
            # What came in meanwhile is the newer.
            self._told = told + self._told
            raise
        if told:
            self._on_written(told)
        return leave, done

    def _steps(
        self,
        conn: Connection,
        told: Sequence[Result],
        rows: Sequence[Delivery],
        work: Callable[[Connection], Steps[Any]] | None,
    ) -> Steps[tuple[Leave, Any]]:
        leave, now, step = Leave(), self._clock(), self._step
        if told or rows:
            leave = yield from ledger.record(
                conn, self._issue, self._holder, results=told, rows=rows, now=now, at_once=step
            )
        # Work comes last: it may count the results, and a claim may find room by them.
        done = (yield from work(conn)) if work else None
        return leave, done

    @property
    def _is_slow(self) -> bool:
        return self._wait > self._most_wait

    @property
    def _step(self) -> int:
        return STEP if self._is_slow else CHUNK

    async def _run(self, steps: Steps[T]) -> T:
        """Run *steps*; where they wait for a server, or the disk is slow, mails leave between."""
        # Left to the collector, steps that are given up would end in the middle of the next ones.
        with closing(steps):
            while True:
                try:
                    awaited = next(steps)
                except StopIteration as end:
                    done: T = end.value
                    return done
                if awaited is not None:
                    await self._readable(awaited)
                elif self._is_slow:
                    await asyncio.sleep(0)

    async def _readable(self, socket: int) -> None:
        heard = asyncio.Event()
        self._loop.add_reader(socket, heard.set)
        try:
            await heard.wait()
        finally:
            self._loop.remove_reader(socket)

    async def _make_durable(self, conn: Connection) -> None:
        if conn.dialect.name == "sqlite":
            await self._waited(conn.commit)
        else:
            await self._run(ledger.committed(conn))

    async def _waited(self, call: Callable[[], T]) -> T:
        """Make a call that waits for the disk: in a thread where that takes long."""
        self._waits += 1
        if self._is_slow and self._waits % PROBED:
            return await _to_its_end(self._loop.run_in_executor(self._thread, call))
        began, worked = time.monotonic(), time.thread_time()
        done = call()
        waited = time.monotonic() - began - (time.thread_time() - worked)
        self._wait += (waited - self._wait) * _WEIGHT
        # uvloop's clock stood still meanwhile.
        await asyncio.sleep(0)
        return done


async def _to_its_end(at_work: asyncio.Future[T]) -> T:
    """Return what it returns; a cancelled wait lasts as long: nobody else may use what it uses."""
    try:
        return await asyncio.shield(at_work)
    except asyncio.CancelledError:
        await asyncio.wait({at_work})
        raise
