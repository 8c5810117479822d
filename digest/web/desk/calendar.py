"""The calendar: the next send times, days left out, and extra issues."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import date, datetime, timedelta

from fastapi import APIRouter, Depends, Form
from starlette.responses import HTMLResponse, Response

from digest import weekly
from digest.calendar import Place
from digest.errors import IssueError, WrongState
from digest.model import Issue, IssueState, Window
from digest.model.settings import NewsletterSettings
from digest.store import issues, skips
from digest.web.desk.layout import IssueNumber, chosen, desk_page, go, known_issue
from digest.web.desk.session import Visitor, acting, looking
from digest.web.pages import Pages

#: Send times that are shown.
SHOWN = 5


@dataclass(frozen=True, slots=True, kw_only=True)
class Row:
    """A time at which an issue goes out, or would if its day were not left out."""

    sends_at: datetime
    place: Place | None = None
    #: The day that is left out by editors, not by config.yaml.
    skip: skips.Skip | None = None
    extra: Issue | None = None
    #: Where it waits already.
    issue: Issue | None = None
    #: When its publications go out if this day is left out; None if that is not known.
    instead: datetime | None = None


def doors(pages: Pages) -> APIRouter:
    """Return the routes of the calendar; every change takes a publisher."""
    router = APIRouter()
    publisher = Depends(acting(pages, "publisher"))

    @router.get("/desk/calendar")
    def shown(who: Visitor = Depends(looking(pages)), newsletter: str = "") -> HTMLResponse:
        return _page(pages, who, chosen(pages, newsletter))

    @router.post("/desk/calendar/skip")
    def skip(
        newsletter: str = Form(max_length=64),
        day: date = Form(),
        reason: str = Form("", max_length=200),
        who: Visitor = publisher,
    ) -> Response:
        def step(key: str, by: str, now: datetime) -> object:
            return weekly.skip(
                pages.database, pages.loaded, key, day, reason=reason, by=by, now=now
            )

        return _done(pages, who, newsletter, step)

    @router.post("/desk/calendar/unskip")
    def unskip(
        newsletter: str = Form(max_length=64),
        day: date = Form(),
        who: Visitor = publisher,
    ) -> Response:
        def step(key: str, by: str, now: datetime) -> None:
            weekly.unskip(pages.database, pages.loaded, key, day, by=by, now=now)

        return _done(pages, who, newsletter, step)

    _extra_doors(router, pages)
    return router


def _extra_doors(router: APIRouter, pages: Pages) -> None:
    publisher = Depends(acting(pages, "publisher"))

    @router.post("/desk/calendar/extra")
    def plan(
        newsletter: str = Form(max_length=64),
        since: str = Form(max_length=40),
        until: str = Form(max_length=40),
        sends: str = Form(max_length=40),
        who: Visitor = publisher,
    ) -> Response:
        def step(key: str, by: str, now: datetime) -> object:
            window, sends_at = _read(pages, key, since, until, sends)
            return weekly.plan_extra(
                pages.database, pages.loaded, key, window, sends_at, by=by, now=now
            )

        return _done(pages, who, newsletter, step)

    @router.post("/desk/calendar/extra/{issue_id}")
    def move(
        issue_id: IssueNumber,
        version: int = Form(),
        since: str = Form(max_length=40),
        until: str = Form(max_length=40),
        sends: str = Form(max_length=40),
        who: Visitor = publisher,
    ) -> Response:
        issue = known_issue(pages, issue_id)

        def step(key: str, by: str, now: datetime) -> object:
            if issue.version != version:
                raise WrongState("The issue changed after you opened the page; nothing was done")
            window, sends_at = _read(pages, key, since, until, sends)
            return weekly.move_extra(
                pages.database, pages.loaded, issue, window, sends_at, by=by, now=now
            )

        return _done(pages, who, issue.of.newsletter, step)


def _read(pages: Pages, key: str, since: str, until: str, sends: str) -> tuple[Window, datetime]:
    zone = pages.loaded.settings.newsletters[key].zone
    start, end, sends_at = (weekly.wall(zone, each) for each in (since, until, sends))
    return weekly.window_of(start, end), sends_at


def _done(
    pages: Pages, who: Visitor, newsletter: str, step: Callable[[str, str, datetime], object]
) -> Response:
    key = chosen(pages, newsletter)
    try:
        step(key, who.account.address, pages.now())
    except IssueError as e:
        return _page(pages, who, key, refusal=e, status=409)
    return go(pages, f"/desk/calendar?newsletter={key}")


# --- the page -------------------------------------------------------------------------------


def _page(
    pages: Pages,
    who: Visitor,
    key: str,
    *,
    refusal: IssueError | None = None,
    status: int = 200,
) -> HTMLResponse:
    settings = pages.loaded.settings.newsletters[key]
    now = pages.now()
    rows = _rows(pages, key, settings, now)
    today = now.astimezone(settings.zone).date()
    return desk_page(
        pages,
        who,
        "desk-calendar.html",
        key,
        here="calendar",
        status=status,
        rows=rows,
        settings=settings,
        holidays=[each for each in settings.holidays if each.last >= today],
        proposed=_proposed(settings, now),
        open=weekly.OPEN,
        refusal=refusal,
    )


def _rows(pages: Pages, key: str, settings: NewsletterSettings, now: datetime) -> list[Row]:
    places, extras = weekly.coming(pages.database, pages.loaded, key, SHOWN, now=now)
    with pages.database.read() as conn:
        left_out = {each.day: each for each in skips.listed(conn, key)}
        known = issues.listed(conn, key, states=(*weekly.OPEN, IssueState.APPROVED))
    waiting = {issue.of.key: issue for issue in known}
    rows = [
        Row(
            sends_at=place.sends_at,
            place=place,
            skip=left_out.get(place.sends_at.astimezone(settings.zone).date()),
            issue=waiting.get(place.closing.isoformat()),
            instead=next((each.sends_at for each in places[n + 1 :] if not each.holiday), None),
        )
        for n, place in enumerate(places)
    ]
    rows += [Row(sends_at=issue.sends_at, extra=issue) for issue in extras]
    return sorted(rows, key=lambda row: row.sends_at)


def _proposed(settings: NewsletterSettings, now: datetime) -> dict[str, datetime]:
    """Return what the form for an extra issue says at first: the week up to tomorrow's hour."""
    hour = now.astimezone(settings.zone).replace(minute=0, second=0, microsecond=0)
    sends = hour + timedelta(hours=25)
    return {"since": sends - timedelta(days=7), "until": sends, "sends": sends}
