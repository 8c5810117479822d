"""
Where a message's time goes: ``python -m bench.sending.anatomy [MESSAGES]``.

Sends one issue to `smtp-sink` over ten connections, with the ledger in SQLite, and prints the
microseconds of each part, without those of the parts that it calls. Where the disk is slow
those of the commit are a thread's, in which mails go on meanwhile.
"""

from __future__ import annotations

import sys
import tempfile
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from sqlalchemy.engine.default import DefaultDialect

from bench.sending import world
from digest import delivery
from digest.delivery.judge import Judge
from digest.delivery.recorder import Recorder
from digest.delivery.run import Run
from digest.delivery.supply import Supply
from digest.smtp.pipeline import Pipeline
from digest.smtp.session import Session
from digest.store import Database
from digest.store.database import Writer

PARTS = {
    "the ledger: its turn to write": [(Writer, "begin")],
    "the ledger: commit, with the disk": [(DefaultDialect, "do_commit")],
    "the message composed": [(Supply, "_written")],
    "commands said, replies understood": [(Session, "offer"), (Pipeline, "data_received")],
    "bytes to the kernel": [(Pipeline, "_flush")],
    "whose turn it is": [(Run, "_serve"), (Run, "_decided"), (Supply, "_let_go")],
    "what the answer means": [(Judge, "answered")],
}


#: What works step by step.
STEPS = {"the ledger: statements": (Recorder, "_steps")}


class Clock:
    """Counts the seconds of each part while no part that it calls is at work."""

    def __init__(self) -> None:
        self.seconds: Counter[str] = Counter()
        #: The ledger's thread has calls of its own.
        self._at_work = threading.local()

    def watch(self, part: str, owner: type, name: str) -> None:
        """Count the method's time as *part*'s from now on."""
        setattr(owner, name, self._watched(part, getattr(owner, name)))

    def watch_steps(self, part: str, owner: type, name: str) -> None:
        """Count the time of each step that the method's generator takes as *part*'s."""
        begin = getattr(owner, name)

        def watched(*args: Any, **told: Any) -> Iterator[Any]:
            return Watched(self._watched(part, begin(*args, **told).__next__))

        setattr(owner, name, watched)

    def _watched(self, part: str, call: Callable[..., Any]) -> Callable[..., Any]:
        def watched(*args: Any, **told: Any) -> Any:
            within = self._at_work.__dict__.setdefault("within", [])
            within.append(0.0)
            began = time.perf_counter()
            try:
                return call(*args, **told)
            finally:
                took = time.perf_counter() - began
                self.seconds[part] += took - within.pop()
                if within:
                    within[-1] += took

        return watched


class Watched:
    """A generator whose steps are counted."""

    def __init__(self, step: Callable[[], Any]) -> None:
        self._step = step

    def __iter__(self) -> Iterator[Any]:
        return self

    def __next__(self) -> Any:
        return self._step()


def main() -> None:
    messages = int(sys.argv[1]) if len(sys.argv) > 1 else 20_000
    clock = Clock()
    for part, methods in PARTS.items():
        for owner, name in methods:
            clock.watch(part, owner, name)
    for part, (owner, name) in STEPS.items():
        clock.watch_steps(part, owner, name)
    with tempfile.TemporaryDirectory() as folder, world.smtp_sink() as port:
        database = Database(world.Ledgers(Path(folder), messages).fresh("sqlite"))
        clock.seconds.clear()
        began, worked = time.monotonic(), time.process_time()
        told = world.loaded(port, connections=10, messages_per_connection=messages)
        delivery.settle(database, told, 1, clock=lambda: datetime.now(UTC))
        took, worked = time.monotonic() - began, time.process_time() - worked
        database.close()
    print(f"{messages / took:,.0f} a second, {worked / messages * 1e6:.0f} µs of CPU a message")
    for part, seconds in clock.seconds.most_common():
        print(f"{seconds / messages * 1e6:6.0f} µs  {part}")


if __name__ == "__main__":
    main()
