"""
The bell: a ticker that asks, again and again, what is owed by now.

It decides nothing. Every tick calls a function that looks at the database and does what
is missing, so a tick that comes twice, late, or in two processes does no harm.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterable
from contextlib import suppress
from datetime import datetime
from threading import Event, Thread
from typing import TYPE_CHECKING, Any, TypeVar

import structlog

from digest import delivery, intake, notices, readership, report, webhooks, weekly
from digest.errors import AlreadySending, DigestError, WrongState
from digest.model import Issue, IssueState
from digest.store import Database, issues, ticks

if TYPE_CHECKING:
    from digest.config import Loaded

#: How often each tick comes, in seconds.
EVERY_SECONDS = {
    "fetch": 60,
    "week": 30,
    "announce": 15,
    "send": 5,
    "outbox": 5,
    "bounces": 60,
    "hooks": 15,
    "lists": 3,
    "retention": 3600,
}

log = structlog.get_logger("bell")

T = TypeVar("T")

#: How often the dead man's switch is looked at, in seconds.
WATCH_SECONDS = 60


class Watch:
    """
    Looks, in a thread of its own, whether an issue that was due has begun; mails editors if not.

    It shares nothing with the bell: that the bell or the sender is dead is what it is for.
    """

    def __init__(
        self, database: Database, current: Callable[[], Loaded], *, clock: Callable[[], datetime]
    ) -> None:
        self._database = database
        self._current = current
        self._clock = clock
        self._stop = Event()
        self._thread = Thread(target=self._watch, name="watch", daemon=True)

    def start(self) -> None:
        self._thread.start()

    def stop(self) -> None:
        """Look no more; returns at once, a mail that is being sent is finished."""
        self._stop.set()

    def _watch(self) -> None:
        while not self._stop.wait(WATCH_SECONDS):
            try:
                self.look()
            except Exception:  # a fault of one look must not end the watch
                log.exception("watch broke")

    def look(self) -> list[weekly.Overdue]:
        """Look once: mail the editors of what is overdue, and return it."""
        loaded = self._current()
        found: list[weekly.Overdue] = []

        def ask(newsletter_key: str) -> None:
            found.extend(weekly.alarm(self._database, loaded, newsletter_key, now=self._clock()))

        try:
            _each(loaded.settings.newsletters, ask)
        finally:
            for each in found:
                log.error("overdue", newsletter=each.newsletter, issue=each.key, why=each.sentence)
            if found:
                notices.deliver_outbox(self._database, loaded, clock=self._clock)
        return found


def _each(things: Iterable[T], do: Callable[[T], None]) -> None:
    """Call *do* with each of *things*: one that fails holds up no other. Raises the first fault."""
    faults: list[Exception] = []
    for thing in things:
        try:
            do(thing)
        except Exception as e:  # noqa: BLE001 - raised once the others have had their turn
            faults.append(e)
    for fault in faults[1:]:
        log.error("another fault", error=f"{type(fault).__name__}: {fault}")
    if faults:
        raise faults[0]


class Bell:
    """Rings the ticks in threads of its own, until `stop`."""

    def __init__(
        self, database: Database, current: Callable[[], Loaded], *, clock: Callable[[], datetime]
    ) -> None:
        """*current* returns the configuration in force, which may change between ticks."""
        self._database = database
        self._current = current
        self._clock = clock
        self._scheduler: Any = None
        self._stop = Event()
        #: When the mailbox of what comes back was read last.
        self._read_at: datetime | None = None

    def start(self) -> None:
        """Begin to ring; the first round comes at once."""
        from apscheduler.executors.pool import ThreadPoolExecutor
        from apscheduler.schedulers.background import BackgroundScheduler

        # It warns of each swallowed tick, as if that were amiss: hundreds while an issue goes out.
        logging.getLogger("apscheduler").setLevel(logging.ERROR)
        self._scheduler = BackgroundScheduler(
            timezone="UTC",
            executors={"default": ThreadPoolExecutor(len(EVERY_SECONDS))},
            # A tick that is still at work when the next is due swallows it.
            job_defaults={"coalesce": True, "max_instances": 1, "misfire_grace_time": None},
        )
        for name, seconds in EVERY_SECONDS.items():
            self._scheduler.add_job(
                self.ring, "interval", (name,), seconds=seconds, next_run_time=self._clock()
            )
        self._scheduler.start()

    def stop(self) -> None:
        """Ring no more; returns when the ticks at work have ended."""
        self._stop.set()
        if self._scheduler is not None:
            self._scheduler.shutdown(wait=True)

    def ring(self, name: str) -> None:
        """Do one tick by its name; an error is logged and kept for the health page."""
        tick = {
            "fetch": self._fetch,
            "week": self._week,
            "announce": self._announce,
            "send": self._send,
            "outbox": self._outbox,
            "bounces": self._bounces,
            "hooks": self._hooks,
            "lists": self._lists,
            "retention": self._retention,
        }[name]
        said = ""
        try:
            tick()
        except DigestError as e:
            said = str(e)
            log.warning("tick failed", tick=name, error=said, remedy=e.remedy)
        except Exception as e:  # a bug in one tick must not silence the bell
            said = f"{type(e).__name__}: {e}"
            log.exception("tick broke", tick=name)
        # A database that cannot take this either has been logged already.
        with suppress(DigestError), self._database.write() as conn:
            ticks.record(conn, name, at=self._clock(), error=said)

    def _fetch(self) -> None:
        intake.fetch_due(self._database, self._current(), now=self._clock())

    def _week(self) -> None:
        loaded = self._current()

        def advance(newsletter_key: str) -> None:
            for step in weekly.advance(self._database, loaded, newsletter_key, now=self._clock()):
                log.info(step.what, issue=str(step.issue.of), reasons=step.issue.reasons)

        _each(loaded.settings.newsletters, advance)

    def _announce(self) -> None:
        # A tick of its own: no decision waits while a browser draws the picture of a mail.
        loaded = self._current()

        def announce(newsletter_key: str) -> None:
            weekly.announce(self._database, loaded, newsletter_key, now=self._clock())

        _each(loaded.settings.newsletters, announce)

    def _send(self) -> None:
        loaded = self._current()
        if loaded.settings.fleet:  # its workers send
            delivery.sweep(self._database, loaded, clock=self._clock, stop=self._stop)
            return
        with self._database.read() as conn:
            owed = issues.listed(conn, states=(IssueState.SENDING,))

        def settle(issue: Issue) -> None:
            if issue.of.newsletter in loaded.settings.newsletters and not self._stop.is_set():
                # Somebody else sends it, by hand or by another process's bell; or has paused it.
                with suppress(AlreadySending, WrongState):
                    delivery.settle(
                        self._database, loaded, issue.id, clock=self._clock, stop=self._stop
                    )

        _each(owed, settle)

    def _outbox(self) -> None:
        notices.deliver_outbox(self._database, self._current(), clock=self._clock)

    def _bounces(self) -> None:
        loaded, now = self._current(), self._clock()
        settings = loaded.settings.bounces
        if settings is None or (self._read_at and now - self._read_at < settings.every):
            return
        self._read_at = now
        followed = readership.read_mailboxes(self._database, loaded, now=now)
        if followed:
            log.info("mail came back", **{str(each): count for each, count in followed.items()})

    def _hooks(self) -> None:
        webhooks.deliver(self._database, self._current(), clock=self._clock)

    def _lists(self) -> None:
        loaded = self._current()
        readership.uploads.work(self._database, loaded, clock=self._clock, stop=self._stop)

    def _retention(self) -> None:
        gone = readership.keep_schedule(self._database, self._current(), now=self._clock())
        away = report.put_away(self._database, self._current(), now=self._clock())
        if away:
            gone["ledgers"] = away
        if gone:
            log.info("retention", **gone)
