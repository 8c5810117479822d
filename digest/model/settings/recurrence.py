"""On which days something recurs, and at which hour: what `closes` and `sends` say."""

from __future__ import annotations

import re
from abc import ABC, abstractmethod
from calendar import monthrange
from datetime import date, datetime, time, timedelta
from difflib import get_close_matches
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict

DAYS = ("monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday")
ORDINALS = ("first", "second", "third", "fourth", "last")
#: What one speaks of when one says "this": "this week".
Pace = Literal["daily", "weekly", "monthly", ""]
#: A range of days off longer than this is a slip.
_LONGEST_BREAK = timedelta(days=366)


class Recurrence(BaseModel, ABC):
    """Days of the calendar, at most one strike on each, at one time of the wall clock."""

    model_config = ConfigDict(frozen=True)

    at: time

    @property
    def pace(self) -> Pace:
        return ""

    @property
    @abstractmethod
    def said(self) -> str:
        """When it recurs, as it ends a sentence: ``on Fridays``."""

    @abstractmethod
    def falls_on(self, day: date) -> bool:
        """Tell whether it recurs on *day*, a date in its newsletter's zone."""


class Weekly(Recurrence):
    """``friday 06:00``"""

    #: 0 is Monday.
    weekday: int

    @property
    def pace(self) -> Pace:
        return "weekly"

    @property
    def said(self) -> str:
        return f"on {DAYS[self.weekday].title()}s"

    def falls_on(self, day: date) -> bool:
        return day.weekday() == self.weekday

    def __str__(self) -> str:
        return f"{DAYS[self.weekday]} {self.at:%H:%M}"


class Daily(Recurrence):
    """``daily 06:00``"""

    @property
    def pace(self) -> Pace:
        return "daily"

    @property
    def said(self) -> str:
        return "every day"

    def falls_on(self, day: date) -> bool:  # noqa: ARG002 - on every one
        return True

    def __str__(self) -> str:
        return f"daily {self.at:%H:%M}"


class Weekdays(Recurrence):
    """``weekdays 06:00``: Monday to Friday."""

    @property
    def pace(self) -> Pace:
        return "daily"

    @property
    def said(self) -> str:
        return "on weekdays"

    def falls_on(self, day: date) -> bool:
        return day.weekday() < 5

    def __str__(self) -> str:
        return f"weekdays {self.at:%H:%M}"


class Fortnightly(Recurrence):
    """``fortnightly from 2026-01-09 06:00``: that day and every second week before and after."""

    anchor: date

    @property
    def said(self) -> str:
        return f"every second {DAYS[self.anchor.weekday()].title()}"

    def falls_on(self, day: date) -> bool:
        return (day - self.anchor).days % 14 == 0

    def __str__(self) -> str:
        return f"fortnightly from {self.anchor} {self.at:%H:%M}"


class OnDayOfMonth(Recurrence):
    """``monthly 15 06:00``, ``monthly last 06:00``; a shorter month has it on its last day."""

    #: 31 is the last day of any month.
    day: int

    @property
    def pace(self) -> Pace:
        return "monthly"

    @property
    def said(self) -> str:
        return "on the last day of the month" if self.day == 31 else f"on day {self.day} of a month"

    def falls_on(self, day: date) -> bool:
        return day.day == min(self.day, monthrange(day.year, day.month)[1])

    def __str__(self) -> str:
        return f"monthly {'last' if self.day == 31 else self.day} {self.at:%H:%M}"


class NthWeekday(Recurrence):
    """``first thursday 06:00``, ``last friday 06:00``."""

    #: One of `ORDINALS`.
    nth: str
    #: 0 is Monday.
    weekday: int

    @property
    def pace(self) -> Pace:
        return "monthly"

    @property
    def said(self) -> str:
        return f"on the {self.nth} {DAYS[self.weekday].title()} of the month"

    def falls_on(self, day: date) -> bool:
        if day.weekday() != self.weekday:
            return False
        if self.nth == "last":
            return day.day + 7 > monthrange(day.year, day.month)[1]
        return (day.day - 1) // 7 == ORDINALS.index(self.nth)

    def __str__(self) -> str:
        return f"{self.nth} {DAYS[self.weekday]} {self.at:%H:%M}"


#: Every way to recur comes round in so many days, and meets every other.
_ROUND = 400


def first_from(rule: Recurrence, moment: datetime) -> datetime:
    """Return the first strike at *moment*, a wall time without a zone, or after it."""
    day = moment.date() + timedelta(days=rule.at < moment.time())
    while not rule.falls_on(day):
        day += timedelta(days=1)
    return datetime.combine(day, rule.at)


def late_sending(closes: Recurrence, sends: Recurrence) -> date | None:
    """Return a day whose close is sent only at or after the next one; None if there is none."""
    if isinstance(sends, Daily) or (isinstance(closes, Weekly) and isinstance(sends, Weekly)):
        return None
    began = datetime.combine(date(2026, 1, 1), time())
    close = first_from(closes, began)
    while close < began + timedelta(days=_ROUND):
        after = first_from(closes, close + timedelta(minutes=1))
        if first_from(sends, close) >= after:
            return close.date()
        close = after
    return None


class Holiday(BaseModel):
    """Days on which no issue goes out."""

    model_config = ConfigDict(frozen=True)

    first: date
    last: date
    #: Why, in words; "" where nobody said.
    name: str = ""

    def __contains__(self, day: date) -> bool:
        return self.first <= day <= self.last


# --- reading them ---------------------------------------------------------------------------

_WAYS = (
    *DAYS,
    "daily",
    "weekdays",
    "fortnightly from 2026-01-09",
    "monthly 15",
    "monthly last",
    *(f"{nth} {day}" for nth in ORDINALS for day in DAYS),
)
_HOW = (
    'write a weekday and a time, like "friday 06:00", or "daily", "weekdays", "monthly 15",'
    ' "monthly last", "first thursday", "fortnightly from 2026-01-09" and a time'
)


def recurrence(value: Any) -> Any:
    """Return what a text like ``last friday 06:00`` says; others come back as they are."""
    if not isinstance(value, str):
        return value
    words = value.lower().replace(",", " ").split()
    times = [word for word in words if ":" in word]
    at = clock(times[0]) if len(times) == 1 else None
    words = [word for word in words if ":" not in word]
    if at is None or not words:
        raise ValueError(f"{_HOW}, not {value!r}")
    return _recurring(words, at)


def sending(value: Any) -> Any:
    """Like `recurrence`, and a time alone is the next one that the clock shows."""
    if isinstance(value, str) and (at := clock(value.strip())) is not None:
        return Daily(at=at)
    return recurrence(value)


def clock(text: str) -> time | None:
    """Return the time of day that *text* is, ``9:00`` or ``23:59``; None if it is none."""
    match = re.fullmatch(r"(\d{1,2}):(\d{2})", text)
    if not match or int(match[1]) > 23 or int(match[2]) > 59:
        return None
    return time(int(match[1]), int(match[2]))


def _recurring(words: list[str], at: time) -> Recurrence:
    match words:
        case [day] if day in DAYS:
            return Weekly(weekday=DAYS.index(day), at=at)
        case ["daily"] | ["every", "day"]:
            return Daily(at=at)
        case ["weekdays"]:
            return Weekdays(at=at)
        case ["fortnightly", *rest]:
            return Fortnightly(anchor=_anchor(rest), at=at)
        case ["monthly", *rest]:
            return OnDayOfMonth(day=_day_of_month(rest), at=at)
        case ["last", "day"]:
            return OnDayOfMonth(day=31, at=at)
        case [nth, day] if nth in ORDINALS and day in DAYS:
            return NthWeekday(nth=nth, weekday=DAYS.index(day), at=at)
        case ["fifth", day] if day in DAYS:
            raise ValueError(f"not every month has a fifth {day}; write `last {day}`")
    raise ValueError(_unknown(" ".join(words)))


def _anchor(words: list[str]) -> date:
    if len(words) == 2 and words[0] == "from" and (day := _date(words[1])):
        return day
    raise ValueError(
        "say from which day on the fortnights count, like `fortnightly from 2026-01-09 06:00`"
    )


def _day_of_month(words: list[str]) -> int:
    if words == ["last"]:
        return 31
    if len(words) == 1 and re.fullmatch("[0-9]{1,2}", words[0]) and 1 <= int(words[0]) <= 31:
        return int(words[0])
    raise ValueError(
        "say on which day of the month, 1 to 31 or last, like `monthly 15 06:00`;"
        " a shorter month has it on its last day"
    )


def _unknown(said: str) -> str:
    near = get_close_matches(said, _WAYS, n=1)
    if not near:
        return f"{said!r} is no weekday; {_HOW}"
    return f"{said!r} is no weekday; did you mean `{near[0]}`?"


def holiday(value: Any) -> Any:
    """Return what ``2026-12-24 to 2027-01-03 Winter break`` says, as a `Holiday`."""
    if isinstance(value, date):
        value = value.isoformat()
    if not isinstance(value, str):
        return value
    match = re.fullmatch(r"\s*([\d-]+)(?:\s+to\s+([\d-]+))?(?:\s+(.*?))?\s*", value)
    days = [_date(part) for part in match.groups()[:2] if part] if match else []
    first, last = (days[0], days[-1]) if days else (None, None)
    if match is None or first is None or last is None:
        raise ValueError(
            'write a day like "2026-12-25", or two like "2026-12-24 to 2027-01-03", and then'
            f" its name, not {value!r}"
        )
    if not timedelta(0) <= last - first <= _LONGEST_BREAK:
        raise ValueError(f"{first} to {last} is no stretch of at most a year")
    return Holiday(first=first, last=last, name=match[3] or "")


def _date(text: str) -> date | None:
    try:
        return date.fromisoformat(text)
    except ValueError:
        return None
