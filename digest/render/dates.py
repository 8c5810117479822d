"""Days and hours as a reader reads them, in the newsletter's zone."""

from __future__ import annotations

from datetime import date, datetime, tzinfo
from zoneinfo import ZoneInfo

from digest.model import Window

# Not strftime's: its names follow the machine's locale, and the same recap must give the
# same bytes on every machine.
MONTHS = (
    *("January", "February", "March", "April", "May", "June"),
    *("July", "August", "September", "October", "November", "December"),
)
WEEKDAYS = ("Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun")


def month(day: date) -> str:
    """``Sep``"""
    return MONTHS[day.month - 1][:3]


def short(day: date) -> str:
    """``Sep 19``"""
    return f"{month(day)} {day.day}"


def moment(at: datetime, zone: tzinfo | None = None) -> str:
    """
    ``Thu, Sep 28, 14:00 New York``; midnight is a day without an hour.

    Without *zone*, in the instant's own.
    """
    zone = zone or at.tzinfo
    local = at.astimezone(zone)
    hour = "" if (local.hour, local.minute) == (0, 0) else f", {local:%H:%M} {place(zone)}"
    return f"{WEEKDAYS[local.weekday()]}, {short(local)}{hour}"


def span(window: Window, zone: ZoneInfo) -> str:
    """``September 15–22, 2023``, naming month and year once where they are the same."""
    first, last = window.start.astimezone(zone), window.end.astimezone(zone)
    first_month, last_month = MONTHS[first.month - 1], MONTHS[last.month - 1]
    if first.year != last.year:
        return f"{first_month} {first.day}, {first.year} – {last_month} {last.day}, {last.year}"
    if first.month != last.month:
        return f"{first_month} {first.day} – {last_month} {last.day}, {last.year}"
    return f"{first_month} {first.day}–{last.day}, {last.year}"


def place(zone: tzinfo | None) -> str:
    """``New York``, as people call the zone of America/New_York."""
    return str(zone).rpartition("/")[2].replace("_", " ")
