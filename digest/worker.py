"""
A worker of the fleet: takes up what is announced, and settles its share of the debt.

It decides nothing: a job says which issue has something to do, and the ledger who is owed.
"""

from __future__ import annotations

import asyncio
import signal
from collections.abc import Callable
from contextlib import suppress
from datetime import datetime
from threading import Event
from typing import TYPE_CHECKING

import structlog

from digest import delivery
from digest.errors import DigestError, WrongState
from digest.store import Database, jobs

if TYPE_CHECKING:
    from procrastinate import App

    from digest.config import Loaded

#: How often it looks what fell due or was left by a dead one; one worker at a time does.
SWEEP_SECONDS = 5.0
#: How long it rests after a share that failed, so that an absent mail server is not hammered.
REST_SECONDS = 10.0

log = structlog.get_logger("worker")


class Worker:
    """One process that sends, among any number of them."""

    def __init__(
        self, database: Database, current: Callable[[], Loaded], *, clock: Callable[[], datetime]
    ) -> None:
        """*current* returns the configuration in force, which may change between shares."""
        self._database = database
        self._current = current
        self._clock = clock
        self._stop = Event()
        self.shares = 0

    def run(self) -> None:
        """
        Work until SIGTERM or Ctrl-C, which let what is in flight end first.

        StoreError if the database has no tables for a fleet.
        """
        jobs.require(self._database)
        asyncio.run(self._run())

    async def _run(self) -> None:
        app = jobs.application(self._database, self._settle)
        asked = asyncio.Event()
        loop = asyncio.get_running_loop()
        for number in (signal.SIGINT, signal.SIGTERM):
            loop.add_signal_handler(number, asked.set)
        async with app.open_async():
            taking = asyncio.create_task(jobs.take(app))
            sweeping = asyncio.create_task(self._sweep(app))
            ending = asyncio.create_task(asked.wait())
            await asyncio.wait({taking, ending}, return_when=asyncio.FIRST_COMPLETED)
            self._stop.set()
            sweeping.cancel()
            # Procrastinate takes nothing new from here on, and waits for the share at work.
            taking.cancel()
            await asyncio.gather(taking, sweeping, ending, return_exceptions=not taking.done())

    def _settle(self, issue_id: int) -> None:
        """Settle one share; in a thread of Procrastinate's."""
        if self._stop.is_set():
            return
        loaded = self._current()
        try:
            delivery.settle(
                self._database,
                loaded,
                issue_id,
                clock=self._clock,
                stop=self._stop,
                most=jobs.SHARE,
            )
            self.shares += 1
        except WrongState:
            pass  # paused, cancelled or finished since it was announced
        except DigestError as e:
            log.warning("share failed", issue=issue_id, error=str(e), remedy=e.remedy)
            self._stop.wait(REST_SECONDS)

    async def _sweep(self, app: App) -> None:
        while True:
            try:
                with suppress(WrongState):  # paused or cancelled meanwhile
                    await asyncio.to_thread(self._swept)
                await jobs.forget_stalled(app)
            except DigestError as e:
                log.warning("sweep failed", error=str(e), remedy=e.remedy)
            await asyncio.sleep(SWEEP_SECONDS)

    def _swept(self) -> None:
        delivery.sweep(self._database, self._current(), clock=self._clock, stop=self._stop)
