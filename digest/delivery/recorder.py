"""The one thread that writes the ledger while an issue is sent: many facts, one commit."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import datetime
from queue import Empty, SimpleQueue
from threading import Thread
from typing import Any, TypeVar

from sqlalchemy import Connection

from digest.errors import DigestError, StoreError
from digest.model import Delivery
from digest.store import Database, ledger
from digest.store.ledger import Leave, Result

T = TypeVar("T")

#: At most so many facts go into one commit.
GROUP = 500

#: So long a commit waits for company: a few more facts in each, far fewer commits.
GATHER_SECONDS = 0.002

#: How long a failed commit is tried again, in seconds: a full disk may be mended meanwhile,
#: and a database that is started anew is back. Nothing leaves while it lasts.
PAUSES = (0.2, 0.5, 1.0, 2.0, 4.0, 8.0, 15.0)


@dataclass(slots=True)
class _Group:
    """What came in while the last commit was at work."""

    asked: list[tuple[Sequence[Delivery], asyncio.Future[Leave]]] = field(default_factory=list)
    told: list[Result] = field(default_factory=list)
    works: list[tuple[Callable[[Connection], Any], asyncio.Future[Any]]] = field(
        default_factory=list
    )

    @property
    def futures(self) -> list[asyncio.Future[Any]]:
        return [future for _, future in self.asked] + [future for _, future in self.works]

    @property
    def rows(self) -> list[Delivery]:
        return [row for rows, _ in self.asked for row in rows]


class Recorder:
    """
    Writes for one run: results, claims, and permissions that are durable when given.

    The disk's time for one commit is shared by all who wait for it. After a commit has
    failed for good (`failure`), nobody is permitted to send, so that nothing leaves that
    cannot be written down; results are kept and tried again at `close`.
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
        """Start the thread; *on_written* is called in this event loop after each commit."""
        self.failure: DigestError | None = None
        self._database = database
        self._issue = issue_id
        self._holder = holder
        self._clock = clock
        self._on_written = on_written
        self._loop = asyncio.get_running_loop()
        self._queue: SimpleQueue[Any] = SimpleQueue()
        self._unwritten: list[Result] = []
        self._thread = Thread(target=self._record, name="recorder", daemon=True)
        self._thread.start()

    async def permission(self, rows: Sequence[Delivery]) -> Leave:
        """Return whose messages of *rows* may leave; those are durably `attempting`."""
        future: asyncio.Future[Leave] = self._loop.create_future()
        self._queue.put((rows, future))
        return await future

    def tell(self, result: Result) -> None:
        """Take down what became of an attempt; `on_written` says when it is durable."""
        self._queue.put(result)

    async def do(self, work: Callable[[Connection], T]) -> T:
        """Run *work* in the next commit and return what it returns."""
        future: asyncio.Future[T] = self._loop.create_future()
        self._queue.put((work, future))
        return await future

    async def close(self) -> int:
        """Write what is left and end; return how many results could not be written."""
        self._queue.put(None)
        await asyncio.to_thread(self._thread.join)
        return len(self._unwritten)

    # --- in the thread ---

    def _record(self) -> None:
        going = True
        while going:
            group, going = self._collected()
            self._commit(group)

    def _collected(self) -> tuple[_Group, bool]:
        """Wait for a fact, then take what else is there; False with the last group."""
        group = _Group()
        item = self._queue.get()
        time.sleep(GATHER_SECONDS)
        with suppress(Empty):
            for _ in range(GROUP):
                if item is None:
                    return group, False
                if isinstance(item, Result):
                    group.told.append(item)
                elif callable(item[0]):
                    group.works.append(item)
                else:
                    group.asked.append(item)
                item = self._queue.get_nowait()
            self._queue.put(item)
        return group, True

    def _commit(self, group: _Group) -> None:
        group.told[:0] = self._unwritten
        try:
            if self.failure is not None and group.futures:
                raise self.failure
            answers = self._written(group)
        except Exception as e:  # noqa: BLE001 - whoever waits must hear of it
            if isinstance(e, DigestError):
                self.failure = self.failure or e
            else:
                self.failure = self.failure or StoreError(f"{type(e).__name__}: {e}")
            self._unwritten = group.told
            self._later(_refuse, group.futures, e)
        else:
            self._unwritten = []
            self._later(self._answer, group, answers)

    def _written(self, group: _Group) -> list[Any]:
        """Commit the group and return an answer for each of its futures, in their order."""
        for pause in () if self.failure else PAUSES:
            try:
                return self._write(group)
            except StoreError:
                time.sleep(pause)
        return self._write(group)

    def _write(self, group: _Group) -> list[Any]:
        leave = Leave()
        with self._database.write() as conn:
            if group.told or group.asked:
                leave = ledger.record(
                    conn,
                    self._issue,
                    self._holder,
                    results=group.told,
                    rows=group.rows,
                    now=self._clock(),
                )
            # Works come last: one may count the results, and a claim may find room by them.
            done = [work(conn) for work, _ in group.works]
        return [*(leave for _ in group.asked), *done]

    def _answer(self, group: _Group, answers: list[Any]) -> None:
        for future, answer in zip(group.futures, answers, strict=True):
            if not future.done():
                future.set_result(answer)
        if group.told:
            self._on_written(group.told)

    def _later(self, call: Callable[..., None], *args: Any) -> None:
        # A loop that ended before us (a second Ctrl-C) has nobody left to tell.
        with suppress(RuntimeError):
            self._loop.call_soon_threadsafe(call, *args)


def _refuse(futures: Sequence[asyncio.Future[Any]], e: Exception) -> None:
    for future in futures:
        if not future.done():
            future.set_exception(e)
