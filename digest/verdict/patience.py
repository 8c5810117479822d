"""How long to wait before a message that was put off is offered again."""

from __future__ import annotations

import zlib
from dataclasses import dataclass
from datetime import timedelta
from typing import Self

from digest.model.settings import Retries


@dataclass(frozen=True, slots=True)
class Patience:
    """A plan of waits; the last one is repeated while all of them fit into *whole*."""

    waits: tuple[timedelta, ...]
    whole: timedelta

    @classmethod
    def of(cls, retries: Retries) -> Self:
        """Return the plan that those settings mean."""
        return cls(retries.after, retries.give_up)

    def wait(self, attempts: int, seed: str) -> timedelta | None:
        """
        Return how long to wait after the *attempts*-th try (1 is the first); None: give up.

        Spread by a fifth to both sides so that those who were put off together do not come
        back together; the same *seed* and count give the same wait.
        """
        tries = max(attempts, 1)
        if self._until(tries) > self.whole:
            return None
        spread = 0.8 + 0.4 * zlib.crc32(f"{seed}:{attempts}".encode()) / 2**32
        return self._after(tries) * spread

    def _until(self, tries: int) -> timedelta:
        listed = self.waits[:tries]
        return sum(listed, timedelta()) + (tries - len(listed)) * self.waits[-1]

    def _after(self, tries: int) -> timedelta:
        return self.waits[min(tries, len(self.waits)) - 1]

    def given_up(self, answer: str) -> str:
        """Return what the ledger says of a message that nobody took in all that time."""
        hours = self.whole / timedelta(hours=1)
        return f"given up after {hours:g} {'hour' if hours == 1 else 'hours'}: {answer}"
