"""Many small writes in one transaction (group commit): durable each, and still quick."""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Callable, Sequence
from concurrent.futures import Future
from threading import Condition, Thread
from typing import Generic, TypeVar

from sqlalchemy import Connection

from digest.errors import StoreError
from digest.store.database import Database

#: While wishes come faster than commits, each waits so long for company.
COMPANY_SECONDS = 0.01
#: Settled in one transaction.
MOST = 500
#: The thread ends when nobody wished anything for so long; the next one begins another.
IDLE_SECONDS = 2.0

Wish = TypeVar("Wish")
Answer = TypeVar("Answer")


class Gathering(Generic[Wish, Answer]):
    """
    One writer for what many ask for at once: whatever waits is settled in one transaction.

    A thousand transactions a second cost a thousand waits for the disk and for each other;
    gathered, they cost some dozens. A lone wish is settled at once. Safe to share between
    threads; several processes may each have one on the same database.
    """

    def __init__(
        self,
        database: Database,
        settle: Callable[[Connection, Sequence[Wish]], Sequence[Answer]],
    ) -> None:
        """*settle* returns the wishes' answers in order; it may see a wish again that failed."""
        self._database = database
        self._settle = settle
        self._waiting: deque[tuple[Wish, Future[Answer]]] = deque()
        self._changed = Condition()
        self._writer: Thread | None = None

    def ask(self, wish: Wish) -> Future[Answer]:
        """
        Return what will hold the answer once it is durable, or why it could not be.

        It cannot be cancelled: a wish is granted also if nobody waits for it any more.
        """
        future: Future[Answer] = Future()
        future.set_running_or_notify_cancel()
        with self._changed:
            self._waiting.append((wish, future))
            if self._writer is None:
                self._writer = Thread(target=self._write, name="gathering", daemon=True)
                self._writer.start()
            self._changed.notify()
        return future

    def _write(self) -> None:
        in_company = False
        while batch := self._next(in_company):
            self._grant(batch)
            in_company = len(batch) > 1

    def _next(self, in_company: bool) -> list[tuple[Wish, Future[Answer]]]:
        """Return what waits, once something does; nothing when this thread is to end."""
        if in_company:
            time.sleep(COMPANY_SECONDS)
        with self._changed:
            if not self._changed.wait_for(lambda: self._waiting, timeout=IDLE_SECONDS):
                self._writer = None
            return [self._waiting.popleft() for _ in range(min(MOST, len(self._waiting)))]

    def _grant(self, batch: Sequence[tuple[Wish, Future[Answer]]]) -> None:
        wishes = [wish for wish, _ in batch]
        try:
            with self._database.write() as conn:
                answers = self._settle(conn, wishes)
        except Exception as e:  # noqa: BLE001 - handed to who asked
            self._refuse(batch, e)
            return
        for (_, future), answer in zip(batch, answers, strict=True):
            future.set_result(answer)

    def _refuse(self, batch: Sequence[tuple[Wish, Future[Answer]]], e: Exception) -> None:
        if len(batch) == 1 or isinstance(e, StoreError):
            for _, future in batch:
                future.set_exception(e)
            return
        # One that cannot be settled must not take the others along.
        for one in batch:
            self._grant([one])
