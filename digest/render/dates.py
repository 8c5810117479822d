"""Days and hours as a reader reads them: in the newsletter's zone, in its language."""

from __future__ import annotations

import re
from datetime import date, datetime, tzinfo
from zoneinfo import ZoneInfo

from digest.model import Window
from digest.render.languages import locale

# Babel's names, not strftime's: those follow the machine's locale, and the same recap must
# give the same bytes on every machine.


def month(day: date, language: str = "en") -> str:
    """``Sep``"""
    from babel.dates import get_month_names

    return str(get_month_names("abbreviated", "stand-alone", locale(language))[day.month])


def short(day: date, language: str = "en") -> str:
    """``Sep 19``"""
    from babel.dates import format_skeleton

    return format_skeleton("MMMd", day, locale=locale(language))


def moment(at: datetime, zone: tzinfo | None = None, language: str = "en") -> str:
    """
    ``Thu, Sep 28, 14:00 New York``; midnight is a day without an hour.

    Without *zone*, in the instant's own.
    """
    from babel.dates import format_skeleton

    zone = zone or at.tzinfo
    local = at.astimezone(zone)
    day = format_skeleton("MMMEd", local.date(), locale=locale(language))
    if (local.hour, local.minute) == (0, 0):
        return day
    comma = "، " if language.split("-")[0] in ("ar", "fa", "ur") else ", "
    return f"{day}{comma}{local:%H:%M} {place(zone, language)}"


def span(window: Window, zone: ZoneInfo, language: str = "en") -> str:
    """``September 15–22, 2023``, naming month and year once where they are the same."""
    from babel.dates import format_date

    first = window.start.astimezone(zone).date()
    last = window.end.astimezone(zone).date()
    at = locale(language)
    if first == last:
        return format_date(first, "long", at)
    apart = "y" if first.year != last.year else "M" if first.month != last.month else "d"
    # For most languages CLDR has the patterns of intervals with short months only.
    patterns = at.interval_formats.get("yMMMMd") or at.interval_formats["yMMMd"]
    said = "".join(
        format_date(day, re.sub("(?<!M)MMM(?!M)", "MMMM", pattern), at)
        for day, pattern in zip((first, last), patterns[apart], strict=True)
    )
    # Thin spaces are missing in many fonts, and between two days none are needed.
    said = said.replace("\u2009", " ")
    return said.replace(" – ", "–") if apart == "d" else said


def place(zone: tzinfo | None, language: str = "en") -> str:
    """``New York``, as people call the zone of America/New_York."""
    from babel.dates import get_timezone_location

    if "/" not in str(zone):
        return str(zone)
    return get_timezone_location(zone, locale=locale(language), return_city=True)
