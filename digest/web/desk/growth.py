"""How a newsletter's list has grown: a line, and the table that says the same."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, datetime, time, timedelta

from fastapi import APIRouter, Depends
from starlette.responses import HTMLResponse

from digest.store import census, turnover
from digest.store.turnover import Turnover
from digest.web.desk.chart import HEIGHT, WIDTH
from digest.web.desk.layout import chosen, desk_page
from digest.web.desk.session import Visitor, looking
from digest.web.pages import Pages

WEEKS = 52


@dataclass(frozen=True, slots=True, kw_only=True)
class Week:
    """A week that begins on a Monday, and how many readers there were at its end."""

    begins: date
    joined: int
    left: int
    readers: int


def doors(pages: Pages) -> APIRouter:
    """Return the route of the page."""
    router = APIRouter()

    @router.get("/desk/subscribers/growth")
    def growth(who: Visitor = Depends(looking(pages)), newsletter: str = "") -> HTMLResponse:
        key = chosen(pages, newsletter)
        zone = pages.loaded.settings.newsletters[key].zone
        today = pages.now().astimezone(zone).date()
        first = today - timedelta(days=today.weekday(), weeks=WEEKS - 1)
        with pages.database.read() as conn:
            now = census.reading(conn, key)
            since = datetime.combine(first, time(), zone)
            days = turnover.by_day(conn, key, since=since)
        weeks = by_week(days, first=first, readers=now)
        return desk_page(
            pages,
            who,
            "desk-growth.html",
            key,
            here="subscribers",
            weeks=weeks,
            readers=now,
            line=line([week.readers for week in weeks]),
            most=max((week.readers for week in weeks), default=0),
            width=WIDTH,
            height=HEIGHT,
        )

    return router


def by_week(days: list[Turnover], *, first: date, readers: int) -> list[Week]:
    """
    Return `WEEKS` weeks from *first* on; *readers* are those at the end of the last one.

    Those of earlier weeks are told backwards by who came and went, so that whoever is
    forgotten by now is not in any of them.
    """
    weeks: list[Week] = []
    for number in reversed(range(WEEKS)):
        begins = first + timedelta(weeks=number)
        of_week = [d for d in days if begins <= d.day < begins + timedelta(weeks=1)]
        joined, left = sum(d.joined for d in of_week), sum(d.left for d in of_week)
        weeks.append(Week(begins=begins, joined=joined, left=left, readers=readers))
        readers = max(readers - joined + left, 0)
    return weeks[::-1]


def line(values: list[int]) -> str:
    """Return the points of an SVG polyline through *values*, from nothing at the bottom."""
    most = max(values, default=0) or 1
    step = WIDTH / max(len(values) - 1, 1)
    return " ".join(
        f"{place * step:.1f},{HEIGHT - value * HEIGHT / most:.1f}"
        for place, value in enumerate(values)
    )
