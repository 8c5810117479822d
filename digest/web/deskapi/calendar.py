"""The calendar: when issues go out, days left out, and extra issues."""

from __future__ import annotations

from datetime import UTC, date, datetime
from typing import Annotated

from fastapi import Depends, FastAPI, Query
from pydantic import AfterValidator, AwareDatetime, Field

from digest import weekly
from digest.calendar import Place
from digest.errors import WrongState
from digest.model import Window
from digest.staff import Program, Scope
from digest.store import skips
from digest.web.api import Out
from digest.web.desk.layout import IssueNumber, known_issue
from digest.web.deskapi.asking import Asked, holding, known_newsletter, log
from digest.web.deskapi.issues import IssueOut, record
from digest.web.pages import Pages

#: Years that a calendar of ours is asked about.
_YEARS = range(2000, 2200)


def _in_time(told: date) -> date:
    if told.year not in _YEARS:
        raise ValueError(f"the year is between {_YEARS[0]} and {_YEARS[-1]}")
    return told


Day = Annotated[date, AfterValidator(_in_time)]
#: With its offset from UTC: ``2026-12-03T15:00:00-05:00``.
Moment = Annotated[AwareDatetime, AfterValidator(_in_time)]


class PlaceOut(Out):
    """A time at which an issue goes out, or would if its day were not left out."""

    #: The issue's key: the day it closes, in the newsletter's zone.
    closing: date
    closes_at: datetime
    sends_at: datetime
    left_out: bool
    #: Why it is left out, where somebody said so.
    why: str
    #: An editor left it out, not config.yaml: it can be put back.
    by_editors: bool


class Calendar(Out):
    newsletter: str
    timezone: str
    #: As config.yaml has them: ``friday 06:00``.
    closes: str
    sends: str
    #: The same in words: ``on Fridays``.
    recurs: str
    places: list[PlaceOut]
    #: Extra issues that are to come.
    extra: list[IssueOut]


class Skip(Asked):
    #: On which an issue would go out, in the newsletter's zone.
    day: Day
    reason: str = Field(default="", max_length=200)


class Extra(Asked):
    #: What is published from here,
    since: Moment
    #: and before this, goes in.
    until: Moment
    sends: Moment


class ExtraMove(Extra):
    #: The version of the issue that was looked at; another one is answered with 409.
    version: int = Field(ge=0, lt=2**31)


def add(desk: FastAPI, pages: Pages) -> None:
    """Add the calendar; changing it takes what sending takes."""
    _days(desk, pages)
    _extras(desk, pages)


def _days(desk: FastAPI, pages: Pages) -> None:
    sending = Depends(holding(pages, Scope.SEND))
    root = "/newsletters/{newsletter}/calendar"

    @desk.get(root, dependencies=[Depends(holding(pages, Scope.ISSUES_READ))])
    def calendar(newsletter: str, count: Annotated[int, Query(ge=1, le=100)] = 5) -> Calendar:
        """The next times at which issues go out, days left out between them, extra issues."""
        return _calendar(pages, known_newsletter(pages, newsletter), count)

    @desk.post(f"{root}/skips", status_code=201)
    def skip(newsletter: str, asked: Skip, who: Program = sending) -> Calendar:
        """Let no issue go out on a day; the next one has its publications."""
        key, by = known_newsletter(pages, newsletter), who.account.address
        weekly.skip(
            pages.database,
            pages.loaded,
            key,
            asked.day,
            reason=asked.reason,
            by=by,
            now=pages.now(),
        )
        log(pages, who, f"skip {asked.day}")
        return _calendar(pages, key)

    @desk.delete(f"{root}/skips/{{day}}")
    def unskip(newsletter: str, day: Day, who: Program = sending) -> Calendar:
        """Put a day back that an editor left out; its draft is there again."""
        key, by = known_newsletter(pages, newsletter), who.account.address
        weekly.unskip(pages.database, pages.loaded, key, day, by=by, now=pages.now())
        log(pages, who, f"unskip {day}")
        return _calendar(pages, key)


def _extras(desk: FastAPI, pages: Pages) -> None:
    sending = Depends(holding(pages, Scope.SEND))

    @desk.post("/newsletters/{newsletter}/calendar/extra", status_code=201)
    def plan(newsletter: str, asked: Extra, who: Program = sending) -> IssueOut:
        """Plan an issue beside the usual ones; asking twice makes two."""
        key, by = known_newsletter(pages, newsletter), who.account.address
        made = weekly.plan_extra(
            pages.database, pages.loaded, key, *_stretch(asked), by=by, now=pages.now()
        )
        log(pages, who, "plan extra", made.id)
        return record(made)

    @desk.post("/issues/{issue_id}/move")
    def move(issue_id: IssueNumber, asked: ExtraMove, who: Program = sending) -> IssueOut:
        """Give an extra issue that nobody has approved another window and hour."""
        issue, by = known_issue(pages, issue_id), who.account.address
        if issue.version != asked.version:
            raise WrongState(f"the issue is at version {issue.version}, not {asked.version}")
        moved = weekly.move_extra(
            pages.database, pages.loaded, issue, *_stretch(asked), by=by, now=pages.now()
        )
        log(pages, who, "move extra", issue.id)
        return record(moved)


def _stretch(asked: Extra) -> tuple[Window, datetime]:
    since, until, sends = (each.astimezone(UTC) for each in (asked.since, asked.until, asked.sends))
    return weekly.window_of(since, until), sends


def _calendar(pages: Pages, key: str, count: int = 5) -> Calendar:
    settings = pages.loaded.settings.newsletters[key]
    places, extras = weekly.coming(pages.database, pages.loaded, key, count, now=pages.now())
    with pages.database.read() as conn:
        by_editors = {each.day for each in skips.listed(conn, key)}
    return Calendar(
        newsletter=key,
        timezone=str(settings.zone),
        closes=str(settings.closes),
        sends=str(settings.sends),
        recurs=settings.closes.said,
        places=[
            _place(each, each.sends_at.astimezone(settings.zone).date() in by_editors)
            for each in places
        ],
        extra=[record(each) for each in extras],
    )


def _place(place: Place, by_editors: bool) -> PlaceOut:
    return PlaceOut(
        closing=place.closing,
        closes_at=place.close,
        sends_at=place.sends_at,
        left_out=place.holiday is not None,
        why=place.holiday.name if place.holiday else "",
        by_editors=by_editors,
    )
