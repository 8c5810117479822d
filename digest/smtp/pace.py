"""Keeping to the limits that a mail server sets: so many messages in so much time."""

from __future__ import annotations

import asyncio
import re
from collections import deque
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from time import monotonic

_SECONDS = {"s": 1, "m": 60, "h": 3600, "d": 86400}

#: Into so many slots a rate's time is cut; what is in one slot runs out together.
SLOTS = 48


@dataclass(frozen=True, slots=True)
class Rate:
    """At most *count* messages in any *seconds*."""

    count: int
    seconds: int


def rates(limit: str | None) -> tuple[Rate, ...]:
    """Return the rates of ``14/s, 50000/day``; none for None. ValueError for other words."""
    if limit is None:
        return ()
    found = []
    for part in limit.split(","):
        match = re.fullmatch(r"\s*(\d+)\s*/\s*([smhd])[a-z]*\s*", part)
        if not match or int(match[1]) < 1:
            raise ValueError(f'write rates like "14/s, 50000/day", not {limit!r}')
        found.append(Rate(int(match[1]), _SECONDS[match[2]]))
    return tuple(found)


class Pace:
    """
    Waits before each message until every rate has room for it.

    A rate holds over any stretch of its length, not only by the calendar's day or hour.
    For one event loop. Memory does not grow with the messages.
    """

    def __init__(self, rates: Iterable[Rate], *, clock: Callable[[], float] = monotonic) -> None:
        self._clock = clock
        self._windows = [_Window(rate) for rate in rates]
        self._turn = asyncio.Lock()

    @property
    def rates(self) -> Sequence[Rate]:
        return [window.rate for window in self._windows]

    def remember(self, count: int, seconds_ago: float) -> None:
        """Count messages that went before: by an earlier run, or another process."""
        for window in self._windows:
            window.add(count, self._clock() - seconds_ago)

    async def turn(self) -> None:
        """Return when the next message may go; turns are given in the order of asking."""
        async with self._turn:
            await self._room()
            for window in self._windows:
                window.add(1, self._clock())

    async def _room(self) -> None:
        for window in self._windows:
            if (wait := window.seconds_to_wait(self._clock())) > 0:
                await asyncio.sleep(wait)
                return await self._room()
        return None


class _Window:
    """How many messages the last *rate.seconds* have seen, in slots."""

    def __init__(self, rate: Rate) -> None:
        self.rate = rate
        self._used = 0
        #: [began, last, count], oldest first.
        self._slots: deque[tuple[float, float, int]] = deque()

    def add(self, count: int, at: float) -> None:
        self._used += count
        if self._slots and at - self._slots[-1][0] < self.rate.seconds / SLOTS:
            began, _last, before = self._slots.pop()
            self._slots.append((began, max(at, _last), before + count))
        else:
            self._slots.append((at, at, count))

    def seconds_to_wait(self, now: float) -> float:
        while self._slots and now - self._slots[0][1] >= self.rate.seconds:
            self._used -= self._slots.popleft()[2]
        if self._used < self.rate.count:
            return 0
        return max(self._slots[0][1] + self.rate.seconds - now, 0.001)
