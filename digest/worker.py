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
from digest.errors import AlreadySending, DigestError, StoreAway, StoreBusy, WrongState
from digest.store import Database, jobs

if TYPE_CHECKING:
    from procrastinate import App

    from digest.config import Loaded

#: How often it looks what fell due or was left by a dead one; one worker at a time does.
SWEEP_SECONDS = 5.0
#: How long it rests after a share that failed, so that an absent mail server is not hammered.
REST_SECONDS = 10.0
#: How often it looks whether a database that went away is back.
AWAY_SECONDS = 0.5

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

        A database that goes away is waited for. StoreError if it has no tables for a fleet.
        """
        jobs.require(self._database)
        asyncio.run(self._run())

    async def _run(self) -> None:
        asked = asyncio.Event()
        loop = asyncio.get_running_loop()
        for number in (signal.SIGINT, signal.SIGTERM):
            loop.add_signal_handler(number, asked.set)
        ending = asyncio.create_task(asked.wait())
        is_away = False
        while not ending.done():
            try:
                await asyncio.to_thread(jobs.require, self._database)
                is_away = False
                await self._work(ending)
            except StoreBusy as e:
                if not is_away:
                    log.warning("the database is away", error=str(e), remedy=e.remedy)
                is_away = True
            await asyncio.wait({ending}, timeout=AWAY_SECONDS)

    async def _work(self, ending: asyncio.Task[bool]) -> None:
        """Take up shares until *ending* is done, or the database is away: StoreAway, or no word."""
        async with jobs.opened(self._database, self._settle) as app:
            taking = asyncio.create_task(jobs.take(self._database, app))
            sweeping = asyncio.create_task(self._sweep(app))
            await asyncio.wait({taking, ending}, return_when=asyncio.FIRST_COMPLETED)
            if ending.done():
                self._stop.set()
            sweeping.cancel()
            # Procrastinate takes nothing new from here on, and waits for the share at work.
            taking.cancel()
            await asyncio.wait({taking, sweeping})
            if not taking.cancelled() and not ending.done():
                taking.result()

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
        except (StoreAway, AlreadySending) as e:
            # The database went away, or we were taken for dead: others look for work as well.
            log.warning("share broke off", issue=issue_id, error=str(e), remedy=e.remedy)
            self._stop.wait(AWAY_SECONDS)
        except DigestError as e:
            log.warning("share failed", issue=issue_id, error=str(e), remedy=e.remedy)
            self._stop.wait(REST_SECONDS)

    async def _sweep(self, app: App) -> None:
        while True:
            try:
                with suppress(WrongState):  # paused or cancelled meanwhile
                    await asyncio.to_thread(self._swept)
                await jobs.forget_stalled(self._database, app)
            except DigestError as e:
                log.warning("sweep failed", error=str(e), remedy=e.remedy)
            await asyncio.sleep(SWEEP_SECONDS)

    def _swept(self) -> None:
        delivery.sweep(self._database, self._current(), clock=self._clock, stop=self._stop)
