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
_HOURS |= {"WET": 0, "WEST": 1, "MEZ": 1, "MESZ": 2, "SAST": 2, "GST": 4, "PKT": 5}
_HOURS |= {"ICT": 7, "HKT": 8, "SGT": 8, "JST": 9, "KST": 9, "AEST": 10, "AEDT": 11}
_HOURS |= {"NZST": 12, "NZDT": 13, "AST": -4, "ADT": -3, "AKST": -9, "AKDT": -8, "HST": -10}
_HAS_TIME = re.compile(r"\d\s*[T ]?\s*\d{1,2}:\d{2}|\dT\d{2}|\d\s*[ap]\.?m\b", re.IGNORECASE)
_TWO_DEFAULTS = (datetime(2000, 1, 1), datetime(2001, 2, 2))  # noqa: DTZ001  (compared, not kept)

#: How months begin in the languages of feeds, where English does not begin so; the CLDR's.
_MONTHS = {
    1: "jän gen ene sty янв січ led leden ιαν oca ιανουαρ stycz tammi",
    2: "fév fev févr fevr feb lut лют фев úno unor φεβ şub лютого helmi",
    3: "mär mrz maa mrt már marz març mart мар бер bře brez μαρ marec maalis",
    4: "avr abr kwi апр кві dub duben απρ nis huhti ápr",
    5: "mai mag maj mei мая май тра kvě kvet μαΐ μαϊ máj touko",
    6: "jui juin giu cze июн чер čvn červen cerven ιουν haz kesä jún",
    7: "juil lug lip июл лип čvc červenec cervenec ιουλ tem heinä júl",
    8: "aoû aou ago sie авг сер srp srpen αυγ ağu elo",
    9: "set wrz сен вер zář zari σεπ eyl syys szept",
    10: "okt out ott paź paz окт жов říj rijen οκτ eki loka",
    11: "lis ноя лист nov νοε kas marras",
    12: "dic dez déc gru дек груд pro dek prosinec δεκ ara joulu",
}
_ENGLISH = ["Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"]
_MONTH_OF = {word: _ENGLISH[n - 1] for n, told in _MONTHS.items() for word in told.split()}
_WORD = re.compile(r"[^\W\d_]+")
_EAST_ASIAN = re.compile(r"(\d{4}) ?[年년] ?(\d{1,2}) ?[月월] ?(\d{1,2}) ?[日일]")
_IN_NUMBERS = re.compile(r"\d{1,4}([./-])\d{1,2}\1\d{1,4}")
#: A zone's name before its distance, as JavaScript writes it; dateutil turns its sign round.
_NAMED_DISTANCE = re.compile(r"\b(?:GMT|UTC|UT)(?= ?[+-]\d)", re.IGNORECASE)
#: .NET's unset date, which dateutil takes for 2001. A zone of +0000 is not one.
_UNSET = re.compile(r"\b0001\b|(?<![+-])\b0000\b")
#: A week by number ("2023-W38-2"), which the feed parser takes for a day of its own choice.
_WEEK = re.compile(r"W\d")
_EPOCH = re.compile(r"(\d{10})(\d{3})?")

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
    if isinstance(raw, datetime):
        return Told(_utc(raw, zone))
    if isinstance(raw, date):
        return _day(raw, zone)
    text = " ".join(str(raw)[:80].split())
    for written in (text, _in_english(text)):
        try:
            return _parsed(written, zone)
        except (ValueError, OverflowError, TypeError, AttributeError, RecursionError):
            continue
    # The feed parser reads more forms; of half a date, though, it guesses the other half.
    if struct is None or sum(map(str.isdigit, text)) < len("2023001") or _WEEK.search(text):
        raise DateError(f"{_said(raw)} is no date")
    return Told(_from(struct))


def _in_english(text: str) -> str:
    """Return *text* with the months of other languages in English, and without other words."""
    text = _EAST_ASIAN.sub(r"\1-\2-\3 ", text)
    words = [(found[0], _english(found[0])) for found in _WORD.finditer(text)]
    months = [found for _, found in words if found in _ENGLISH]
    if not months and not _IN_NUMBERS.search(text):
        return text
    for word, found in words:
        # French and Spanish Tuesdays begin like March; the month comes after them.
        is_day = found in _ENGLISH and len(months) > 1 and months.pop(0)
        text = re.sub(
            rf"(?<![^\W\d_]){word}(?![^\W\d_])\.?", "" if is_day else found, text, count=1
        )
    return text.lstrip(" ,")


def _english(word: str) -> str:
    """Return the English month that *word* begins like; "" for none; zones are kept."""
    if word.upper() in _HOURS or word.upper() in ("T", "AM", "PM"):
        return word
    small = word.lower()
    return next((_MONTH_OF[small[:n]] for n in range(8, 2, -1) if small[:n] in _MONTH_OF), "") or (
        word[:3].title() if word[:3].title() in _ENGLISH else ""
    )


def _parsed(text: str, zone: ZoneInfo) -> Told:
    if epoch := _EPOCH.fullmatch(text):
        return Told(datetime.fromtimestamp(int(epoch[1]), UTC))
    if _UNSET.search(text):
        raise DateError(f"the date {_said(text)} stands for “unknown”")
    text = _NAMED_DISTANCE.sub("", text)
    first, second = (parser.parse(text, default=d, tzinfos=_named) for d in _TWO_DEFAULTS)
    # What is not told comes from the default; a year, month or day that differs was not told.
    if (first.year, first.month, first.day) != (second.year, second.month, second.day):
        raise ValueError("incomplete")
    return Told(_utc(first, zone)) if _HAS_TIME.search(text) else _day(first.date(), zone)


def _named(name: str | None, offset: int | None) -> tzinfo | int | None:
    if name is None or offset is not None:
        return offset
    # Of a word that is no zone ("10:00 Uhr") the time is local.
    hours = _HOURS.get(name.upper())
    return None if hours is None else round(hours * 3600)


def _day(day: date, zone: ZoneInfo) -> Told:
    return Told(datetime.combine(day, time(), zone).astimezone(UTC), day_only=True)


def _utc(moment: datetime, zone: ZoneInfo) -> datetime:
    return (moment if moment.tzinfo else moment.replace(tzinfo=zone)).astimezone(UTC)


def _from(struct: struct_time) -> datetime:
    try:
        return datetime(*struct[:6], tzinfo=UTC)
    except (ValueError, TypeError) as e:
        raise DateError("no date") from e
