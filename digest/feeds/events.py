"""Events of an iCalendar file (RFC 5545)."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date, datetime
from typing import Any

from digest.errors import NotAFeed
from digest.feeds.entries import Found, Told
from digest.model import Refusal

#: A calendar's event is of this kind, whatever its feed calls it.
KIND = "Event"


def read(body: bytes, *, url: str) -> Found:
    """
    Return a calendar's events; a time without a zone is local, a day begins at midnight.

    Cancelled events are left out. A repeating event is its first instance: no rule is
    unrolled. An event that cannot be read is refused alone. Raises NotAFeed for what is
    no calendar.
    """
    import icalendar

    try:
        calendars = icalendar.Calendar.from_ical(body, multiple=True)
    except (ValueError, IndexError, KeyError, TypeError) as e:
        raise NotAFeed(f"{url}: no iCalendar file ({e})") from e
    if not calendars:
        raise NotAFeed(f"{url}: no iCalendar file: it has no VCALENDAR")
    told, refused = [], []
    for event in (event for calendar in calendars for event in _listed(calendar)):
        if _moment(event, "DTSTART") is None:
            refused.append(
                Refusal(where=_text(event, "SUMMARY"), why="it does not say when it begins")
            )
        else:
            told.append(_told(event))
    return Found(told=told, refused=refused, title=_text(calendars[0], "X-WR-CALNAME"))


def _listed(calendar: Any) -> Iterator[Any]:
    for event in calendar.walk("VEVENT"):
        if str(event.get("STATUS", "")).upper() != "CANCELLED":
            yield event


def _told(event: Any) -> Told:
    place = _text(event, "LOCATION")
    return Told(
        title=_text(event, "SUMMARY"),
        guid=" ".join(filter(None, (_text(event, "UID"), _instance(event)))),
        summary=_text(event, "DESCRIPTION") or place,
        kind=KIND,
        topics=list(_categories(event)),
        link=_text(event, "URL"),
        starts=_moment(event, "DTSTART"),
        # DTSTAMP is when the file was made: it would make old events new every day.
        published=_moment(event, "CREATED"),
        updated=_moment(event, "LAST-MODIFIED"),
        refused=[f"{name}: {why}" for name, why in event.errors[:5]],
    )


def _text(event: Any, name: str) -> str:
    value = event.get(name)
    value = value[0] if isinstance(value, list) and value else value
    return str(value) if isinstance(value, str) else ""


def _instance(event: Any) -> str:
    moment = _moment(event, "RECURRENCE-ID")
    return moment.isoformat() if moment else ""


def _moment(event: Any, name: str) -> date | None:
    try:
        value = getattr(event.get(name), "dt", None)
    except ValueError:  # icalendar keeps what it could not read, and says so when asked
        return None
    return value if isinstance(value, datetime | date) else None


def _categories(event: Any) -> Iterator[str]:
    told = event.get("CATEGORIES")
    for group in told if isinstance(told, list) else filter(None, [told]):
        for category in getattr(group, "cats", [group]):
            yield str(category)
