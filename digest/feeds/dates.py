"""Reading the dates of feeds: what is told, in which zone, and what is not believed."""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta, tzinfo
from time import struct_time
from zoneinfo import ZoneInfo

from dateutil import parser

#: Publications may be announced this far ahead; a date beyond it is a mistake.
FARTHEST_AHEAD_DAYS = 366
#: Events may be.
FARTHEST_EVENT_DAYS = 5 * 366
#: 1970 and before is what programs say when they know nothing.
_FIRST_YEAR = 1971

#: Hours east of UTC of the zone names that feeds use; RFC 5322 (4.3) has the first ones.
_HOURS: dict[str, float] = {"UT": 0, "UTC": 0, "GMT": 0, "Z": 0, "EST": -5, "EDT": -4}
_HOURS |= {"CST": -6, "CDT": -5, "MST": -7, "MDT": -6, "PST": -8, "PDT": -7}
_HOURS |= {"BST": 1, "CET": 1, "CEST": 2, "EET": 2, "EEST": 3, "MSK": 3, "IST": 5.5}
_HOURS |= {"JST": 9, "KST": 9, "AEST": 10, "AEDT": 11}
_HAS_TIME = re.compile(r"\d\s*[T ]?\s*\d{1,2}:\d{2}|\dT\d{2}|\d\s*[ap]\.?m\b", re.IGNORECASE)
_TWO_DEFAULTS = (datetime(2000, 1, 1), datetime(2001, 2, 2))  # noqa: DTZ001  (compared, not kept)

Raw = str | date | datetime | None


class DateError(ValueError):
    """A date that is not believed or not understood; the text says why."""


@dataclass(frozen=True, slots=True)
class Told:
    """An instant in UTC; with *day_only* the local midnight that begins the day told."""

    at: datetime
    day_only: bool = False


def told(
    raw: Raw,
    *,
    zone: ZoneInfo,
    now: datetime,
    ahead_days: int = FARTHEST_AHEAD_DAYS,
    struct: struct_time | None = None,
) -> Told | None:
    """
    Return the instant that *raw* tells, None where it tells none.

    A date without a time is local midnight in *zone*, a time without a zone is local.
    *struct* is what a feed parser made of it (UTC), for forms that we do not read.
    Day before month where a word does not say which: the American way, as RFC 822 had
    no such form. Raises DateError for what is no date, for 1970 and before, and for
    more than *ahead_days* after *now*; a date ahead within that is kept, and selection
    waits for it.
    """
    if raw is None or (isinstance(raw, str) and not raw.strip()):
        return None
    found = _read(raw, zone, struct)
    if found.at.year < _FIRST_YEAR:
        raise DateError(f"the date {_said(raw)} stands for “unknown”")
    if found.at > now + timedelta(days=ahead_days):
        raise DateError(f"the date {_said(raw)} lies too far ahead")
    return found


def _said(raw: Raw) -> str:
    return repr(str(raw)[:40])


def _read(raw: Raw, zone: ZoneInfo, struct: struct_time | None) -> Told:
    try:
        if isinstance(raw, datetime):
            return Told(_utc(raw, zone))
        if isinstance(raw, date):
            return _day(raw, zone)
        return _parsed(str(raw), zone)
    except (ValueError, OverflowError, TypeError, AttributeError, RecursionError) as e:
        if struct is None:
            raise DateError(f"{_said(raw)} is no date") from e
        return Told(_from(struct))


def _parsed(text: str, zone: ZoneInfo) -> Told:
    text = " ".join(text[:80].split())
    first, second = (parser.parse(text, default=d, tzinfos=_named) for d in _TWO_DEFAULTS)
    # What is not told comes from the default; a year, month or day that differs was not told.
    if (first.year, first.month, first.day) != (second.year, second.month, second.day):
        raise ValueError("incomplete")
    return Told(_utc(first, zone)) if _HAS_TIME.search(text) else _day(first.date(), zone)


def _named(name: str | None, offset: int | None) -> tzinfo | int | None:
    if name is None or offset is not None:
        return offset
    return round(_HOURS.get(name.upper(), 0) * 3600)


def _day(day: date, zone: ZoneInfo) -> Told:
    return Told(datetime.combine(day, time(), zone).astimezone(UTC), day_only=True)


def _utc(moment: datetime, zone: ZoneInfo) -> datetime:
    return (moment if moment.tzinfo else moment.replace(tzinfo=zone)).astimezone(UTC)


def _from(struct: struct_time) -> datetime:
    try:
        return datetime(*struct[:6], tzinfo=UTC)
    except (ValueError, TypeError) as e:
        raise DateError("no date") from e
