"""Keeping to the limits that a mail server sets: so many messages in so much time."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterable, Mapping, Sequence
from time import monotonic

from digest.model.settings import DomainLimits
from digest.pacing import Lane, Rate, rates
from digest.verdict import Verdict

__all__ = ["Pace", "Rate", "rates"]

#: Into so many slots a rate's time is cut; what is in one slot runs out together.
SLOTS = 48

#: What is said of every domain that is not named.
OTHERS = "*"


class Pace:
    """
    Says when the next message may go: the run asks before each, and tells what became of it.

    A rate holds over any stretch of its length, not only by the calendar's day or hour. A
    domain that throttles rests, twice as long each time, until it takes a message again,
    and then gets few at a time until it has recovered. Seconds are those of *clock*, which
    never jumps. For one event loop; memory grows with the domains that are limited or rest,
    not with the messages.
    """

    def __init__(
        self,
        rates: Iterable[Rate],
        *,
        domains: Mapping[str, DomainLimits] | None = None,
        clock: Callable[[], float] = monotonic,
    ) -> None:
        """*domains* are limits of recipient domains, by name; ``*`` is each other one."""
        self._clock = clock
        self._windows = [_Window(rate) for rate in rates]
        self._limits = dict(domains or {})
        self._lanes: dict[str, Lane] = {}
        self._senders = 1
        self._domain_windows: dict[str, list[_Window]] = {}

    @property
    def rates(self) -> Sequence[Rate]:
        return [window.rate for window in self._windows]

    def share(self, senders: int) -> None:
        """Keep to one part of each rate, of as many as there are *senders* at work, us included."""
        self._senders = max(senders, 1)

    def remember(self, count: int, seconds_ago: float) -> None:
        """Count messages that went before: by an earlier run, or another process."""
        for window in self._windows:
            if seconds_ago < window.rate.seconds:
                window.add(count, self._clock() - seconds_ago)
                window.before += count

    def room(self) -> float:
        """Return the seconds until a message may go to anybody; 0: now."""
        now = self._clock()
        return max(
            (window.seconds_to_wait(now, self._senders) for window in self._windows), default=0.0
        )

    def rest(self, domain: str) -> float:
        """Return the seconds until *domain* may get its next message; 0: now."""
        if not self._lanes and not self._limits:
            return 0.0
        now = self._clock()
        lane = self._lanes.get(domain)
        waits = [window.seconds_to_wait(now, self._senders) for window in self._windows_of(domain)]
        return max([lane.wait(now) if lane else 0.0, *waits])

    def held(self, domain: str) -> float:
        """Return the seconds that *domain* still rests, for a message that was counted already."""
        lane = self._lanes.get(domain) if self._lanes else None
        return max(lane.rests_until - self._clock(), 0.0) if lane else 0.0

    def went(self, domain: str) -> None:
        """Count a message that goes to *domain* now; `answered` follows, once."""
        now = self._clock()
        for window in self._windows:
            window.add(1, now)
        if not self._lanes and not self._limits:
            return
        for window in self._windows_of(domain):
            window.add(1, now)
        limit = self._limit(domain)
        if domain in self._lanes or (limit and limit.at_once):
            self._lane(domain).flying += 1

    def answered(self, domain: str, found: Verdict | None) -> None:
        """Take in what became of a message that went; None: no answer came."""
        if found is Verdict.THROTTLED:
            lane = self._lane(domain)
            lane.throttled(self._clock())
        elif not self._lanes or (known := self._lanes.get(domain)) is None:
            return
        else:
            lane = known
            if found is Verdict.ACCEPTED:
                lane.took()
        # What went before anything was held against the domain was not counted.
        lane.flying = max(lane.flying - 1, 0)
        if lane.is_usual:
            del self._lanes[domain]

    def _limit(self, domain: str) -> DomainLimits | None:
        return self._limits.get(domain) or self._limits.get(OTHERS)

    def _lane(self, domain: str) -> Lane:
        if domain not in self._lanes:
            limit = self._limit(domain)
            self._lanes[domain] = Lane(most=limit.at_once if limit else None)
        return self._lanes[domain]

    def _windows_of(self, domain: str) -> list[_Window]:
        limit = self._limit(domain)
        if limit is None or limit.limit is None:
            return []
        if domain not in self._domain_windows:
            windows = [_Window(rate) for rate in rates(limit.limit)]
            self._domain_windows[domain] = windows
        return self._domain_windows[domain]


class _Window:
    """How many messages the last *rate.seconds* have seen, in slots."""

    def __init__(self, rate: Rate) -> None:
        self.rate = rate
        #: What went before this run: of that, nothing is ours to share.
        self.before = 0
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

    def seconds_to_wait(self, now: float, senders: int = 1) -> float:
        """Return when one of *senders* has room for one more; 0: now."""
        while self._slots and now - self._slots[0][1] >= self.rate.seconds:
            self._used -= self._slots.popleft()[2]
        ours = max((self.rate.count - self.before) // senders, 1)
        if self._used < min(self.before + ours, self.rate.count):
            return 0.0
        return max(self._slots[0][1] + self.rate.seconds - now, 0.001)
