"""All issues: found by words, state and year, in a list or month by month."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Literal
from zoneinfo import ZoneInfo

from fastapi import APIRouter, Depends, Query
from starlette.responses import HTMLResponse

from digest.model import IssueState, Tally
from digest.store import past
from digest.store.past import Listed, Wanted
from digest.web.desk.comparison import outcomes
from digest.web.desk.layout import chosen, desk_page
from digest.web.desk.session import Visitor, looking
from digest.web.pages import Pages

#: Issues on a page.
PAGE = 40

#: What the filter offers, by its key: its name, and the states that it means.
FILTERS: dict[str, tuple[str, tuple[IssueState, ...]]] = {
    "open": (
        "Not sent yet",
        (IssueState.PLANNED, IssueState.DRAFT, IssueState.HELD, IssueState.APPROVED),
    ),
    "sending": ("Going out", (IssueState.SENDING, IssueState.STOPPED)),
    "finished": ("Finished", (IssueState.FINISHED,)),
    "held": ("Held", (IssueState.HELD,)),
    "unsent": ("Never sent", (IssueState.CANCELLED, IssueState.MISSED)),
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Row:
    """An issue of the list, and how it ended where it was sent."""

    listed: Listed
    tally: Tally | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Month:
    """One month of the calendar with the issues that close in it, the earliest first."""

    name: str
    rows: tuple[Row, ...]


def doors(pages: Pages) -> APIRouter:
    """Return the route of the list; every account may see it."""
    router = APIRouter()

    @router.get("/desk/issues")
    def all_issues(
        who: Visitor = Depends(looking(pages)),
        newsletter: str = "",
        words: str = Query("", max_length=200),
        state: str = Query("", max_length=20),
        year: str = Query("", pattern=r"^([12]\d{3})?$"),
        view: Literal["list", "year"] = "list",
        after: int | None = Query(None, ge=1, lt=2**63),
    ) -> HTMLResponse:
        key, words = chosen(pages, newsletter), " ".join(words.split())
        zone = pages.loaded.settings.newsletters[key].zone
        with pages.database.read() as conn:
            span = past.span(conn, key)
            years = _years(span, zone)
            of_year = int(year) if year else None
            if view == "year" and years:
                of_year = of_year or years[0]
            wanted = _wanted(words, state, of_year, zone)
            most = None if view == "year" else PAGE + 1
            found = past.found(conn, key, wanted, after=after, most=most)
            sent = outcomes(conn, [each.issue for each in found])
        rows = [Row(listed=each, tally=sent.get(each.issue.id)) for each in found]
        return desk_page(
            pages,
            who,
            "desk-issues.html",
            key,
            here="issues",
            rows=rows[:PAGE],
            more=most is not None and len(rows) > PAGE,
            months=_months(rows, zone) if view == "year" else (),
            words=words,
            state=state if state in FILTERS else "",
            filters={name: title for name, (title, _) in FILTERS.items()},
            year=of_year,
            years=years,
            view=view,
            narrowed=bool(words or state or year),
        )

    return router


def _wanted(words: str, state: str, year: int | None, zone: ZoneInfo) -> Wanted:
    _, states = FILTERS.get(state, ("", ()))
    if year is None:
        return Wanted(words=words, states=states)
    return Wanted(
        words=words,
        states=states,
        since=datetime(year, 1, 1, tzinfo=zone).astimezone(UTC),
        until=datetime(year + 1, 1, 1, tzinfo=zone).astimezone(UTC),
    )


def _years(span: tuple[datetime, datetime] | None, zone: ZoneInfo) -> list[int]:
    """Return the years with an issue between the first and the last, the latest first."""
    if span is None:
        return []
    first, last = (at.astimezone(zone).year for at in span)
    return list(range(last, first - 1, -1))


def _months(rows: list[Row], zone: ZoneInfo) -> tuple[Month, ...]:
    """Return the twelve months of the year that *rows* are of."""
    by_month: dict[int, list[Row]] = {}
    for row in reversed(rows):
        closes = row.listed.issue.window.end.astimezone(zone)
        by_month.setdefault(closes.month, []).append(row)
    return tuple(
        Month(
            name=f"{datetime(2000, month, 1, tzinfo=UTC):%B}", rows=tuple(by_month.get(month, ()))
        )
        for month in range(1, 13)
    )
