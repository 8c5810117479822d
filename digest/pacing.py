"""How fast mail may leave: rates, a cold domain's first days, and when an issue will be out."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta

_SECONDS = {"s": 1, "m": 60, "h": 3600, "d": 86400}
DAY = 86400

#: A domain that throttles rests so many seconds, twice as long each time, up to an hour.
REST = 60.0
LONGEST_REST = 3600.0
#: After its rest a domain gets one mail at a time, and one more with so many that it takes.
TAKEN_FOR_ONE_MORE = 4
#: At so many at a time it has recovered, where nobody set fewer.
RECOVERED = 16


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


# --- a cold domain ------------------------------------------------------------------------


def allowance(plan: Sequence[int], since: date, today: date) -> int | None:
    """
    Return how many may leave *today* by a plan whose first day is *since*; None: no limit.

    Before that day nothing was planned yet, so the first day's number holds.
    """
    day = max(0, (today - since).days)
    return plan[day] if day < len(plan) else None


# --- when it will be out ------------------------------------------------------------------


def forecast(
    count: int,
    limits: Iterable[Rate],
    *,
    start: datetime,
    spread: timedelta = timedelta(),
    plan: Sequence[int] = (),
    since: date | None = None,
) -> datetime:
    """
    Return when the last of *count* messages may leave, if the first does at *start*.

    Counts the limits alone, as if nothing had gone before: the mail server may be slower.
    With *plan* from the day *since* on (UTC), no day takes more than its number.
    """
    left, at = count, start
    while since is not None and left > 0:
        today = allowance(plan, since, at.date())
        if today is None:
            break
        if left <= today:
            return max(at + _span(left, limits), start + spread)
        left -= today
        at = datetime.combine(at.date() + timedelta(days=1), at.time(), at.tzinfo)
    return max(at + _span(left, limits), start + spread)


def _span(count: int, limits: Iterable[Rate]) -> timedelta:
    """Fill the longest rate's stretches first: what they leave goes at the shorter one's pace."""
    seconds, left = 0, max(count, 1)
    for rate in reversed(_binding(limits)):
        whole = (left - 1) // rate.count
        seconds += whole * rate.seconds
        left -= whole * rate.count
    return timedelta(seconds=seconds)


def _binding(limits: Iterable[Rate]) -> list[Rate]:
    """Return the rates that can hold mail up, shortest first: slower than every shorter one."""
    kept: list[Rate] = []
    for rate in sorted(limits, key=lambda rate: (rate.seconds, rate.count)):
        if not kept or rate.count * kept[-1].seconds < kept[-1].count * rate.seconds:
            kept.append(rate)
    return kept


def turns(start: datetime, spread: timedelta) -> list[datetime]:
    """Return the moments over which readers are spread: *start* alone, or one each few minutes."""
    count = max(1, min(TURNS, int(spread / timedelta(minutes=1))))
    return [start + spread * turn / count for turn in range(count)]


#: Into at most so many turns a spread is cut; two hours have one every two and a half minutes.
TURNS = 48


# --- one domain's lane --------------------------------------------------------------------


@dataclass(slots=True)
class Lane:
    """
    How one recipient domain is treated now: a value to ask and to tell, with the time given.

    It rests after each throttling, twice as long each time in a row; after the rest it
    gets one message at a time, more as it takes them, until it has recovered.
    """

    #: At most so many on their way to it; None: no limit.
    most: int | None = None
    flying: int = 0
    #: While it recovers: how many at a time; None: as many as `most`.
    width: float | None = None
    rests_until: float = 0.0
    rested: float = 0.0

    def wait(self, now: float) -> float:
        """Return the seconds until it may get a message; 0: now. `SOON` for one to land."""
        if self.rests_until > now:
            return self.rests_until - now
        width = self.width if self.width is not None else self.most
        return SOON if width is not None and self.flying >= int(width) else 0.0

    def took(self) -> None:
        """A message was accepted."""
        self.rested = 0.0
        if self.width is not None:
            self.width += 1 / TAKEN_FOR_ONE_MORE
            if self.width >= (self.most or RECOVERED):
                self.width = None

    def throttled(self, now: float) -> None:
        """It said that this is too fast."""
        self.rested = min(self.rested * 2, LONGEST_REST) if self.rested else REST
        self.rests_until = now + self.rested
        self.width = 1.0

    @property
    def is_usual(self) -> bool:
        """Nothing is on its way, and nothing is held against it."""
        return not self.flying and self.width is None and not self.rested


#: Until a message that is on its way has its answer, in seconds: asked again after these.
SOON = 0.05
