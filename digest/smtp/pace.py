"""Keeping to the limits that a mail server sets: so many messages in so much time."""

from __future__ import annotations

import re
from collections import deque
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from time import monotonic

from digest.verdict import Verdict

_SECONDS = {"s": 1, "m": 60, "h": 3600, "d": 86400}

#: Into so many slots a rate's time is cut; what is in one slot runs out together.
SLOTS = 48

#: A domain that throttles rests so many seconds, twice as long each time, up to an hour.
REST = 60.0
LONGEST_REST = 3600.0


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
    Says when the next message may go: the run asks before each, and tells what became of it.

    A rate holds over any stretch of its length, not only by the calendar's day or hour. A
    domain that throttles rests, twice as long each time, until it takes a message again.
    Seconds are those of *clock*, which never jumps. For one event loop; memory grows with
    the domains that rest, not with the messages.
    """

    def __init__(self, rates: Iterable[Rate], *, clock: Callable[[], float] = monotonic) -> None:
        self._clock = clock
        self._windows = [_Window(rate) for rate in rates]
        self._resting: dict[str, _Rest] = {}

    @property
    def rates(self) -> Sequence[Rate]:
        return [window.rate for window in self._windows]

    def remember(self, count: int, seconds_ago: float) -> None:
        """Count messages that went before: by an earlier run, or another process."""
        for window in self._windows:
            window.add(count, self._clock() - seconds_ago)

    def room(self) -> float:
        """Return the seconds until a message may go to anybody; 0: now."""
        now = self._clock()
        return max((window.seconds_to_wait(now) for window in self._windows), default=0.0)

    def rest(self, domain: str) -> float:
        """Return the seconds until *domain* may get its next message; 0: now."""
        rest = self._resting.get(domain) if self._resting else None
        return max(rest.until - self._clock(), 0.0) if rest else 0.0

    def went(self, domain: str) -> None:  # noqa: ARG002 - for rates of a domain's own
        """Count a message that goes to *domain* now; `answered` follows, once."""
        now = self._clock()
        for window in self._windows:
            window.add(1, now)

    def answered(self, domain: str, found: Verdict | None) -> None:
        """Take in what became of a message that went; None: no answer came."""
        if found is Verdict.ACCEPTED:
            if self._resting:
                self._resting.pop(domain, None)
        elif found is Verdict.THROTTLED:
            before = self._resting.get(domain)
            length = min(before.length * 2, LONGEST_REST) if before else REST
            self._resting[domain] = _Rest(self._clock() + length, length)


@dataclass(frozen=True, slots=True)
class _Rest:
    until: float
    length: float


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
        """Return when there is room for one more; 0: now."""
        while self._slots and now - self._slots[0][1] >= self.rate.seconds:
            self._used -= self._slots.popleft()[2]
        if self._used < self.rate.count:
            return 0.0
        return max(self._slots[0][1] + self.rate.seconds - now, 0.001)
