"""The sending, live: the same fragment as in the issue's page, again whenever it changed."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from dataclasses import replace
from time import monotonic

import structlog
from fastapi import APIRouter, Depends, Request
from starlette.exceptions import HTTPException
from starlette.responses import Response, StreamingResponse

from digest.errors import StoreBusy
from digest.web.desk import progress
from digest.web.desk.layout import IssueNumber, known_issue
from digest.web.desk.progress import MOVING, Progress, Speed
from digest.web.desk.session import Visitor, looking
from digest.web.pages import Pages

_log = structlog.get_logger("digest.web")

#: The pause between two looks, in seconds; longer where looking itself takes long, so that
#: at most a twentieth of the time is spent on it.
PAUSE = 1.0
SHARE = 20

#: Between two tries to reach a database that is away, in seconds.
AWAY = 5.0

#: A browser that has waited this long comes again, and shows its session anew, in seconds.
LASTS = 300


def doors(pages: Pages) -> APIRouter:
    """Return the route of the stream."""
    router = APIRouter()

    @router.get("/desk/issues/{issue_id}/progress")
    def follow(
        request: Request,
        issue_id: IssueNumber,
        version: int,
        _who: Visitor = Depends(looking(pages)),
    ) -> Response:
        issue = known_issue(pages, issue_id)
        if issue.frozen_at is None:
            raise HTTPException(404, "Nothing of this issue was sent yet.")
        return StreamingResponse(
            _events(request, pages, issue_id, version=version),
            media_type="text/event-stream",
            headers={"x-accel-buffering": "no"},
        )

    return router


async def _events(
    request: Request, pages: Pages, issue_id: int, *, version: int
) -> AsyncIterator[str]:
    """Yield the progress each time it differs; `changed` when the page itself is out of date."""
    speed, last, until = Speed(), "", monotonic() + LASTS
    while monotonic() < until and not await over(request):
        began = monotonic()
        try:
            seen = await asyncio.to_thread(progress.look, pages.database, issue_id)
        except StoreBusy as e:
            await wait_out(e)
            continue
        if seen.issue.version != version or seen.issue.state not in MOVING:
            yield event("changed", "")
            return
        fragment = shown(pages, replace(seen, per_second=speed.after(pages.now(), seen.settled)))
        if fragment != last:
            last = fragment
            yield event("progress", fragment)
        await asyncio.sleep(max(PAUSE, SHARE * (monotonic() - began)))


async def wait_out(e: StoreBusy) -> None:
    """Let a stream outlast a database that is away: a browser would not come back to it."""
    _log.warning("a stream waits for the database", error=str(e))
    await asyncio.sleep(AWAY)


async def over(request: Request) -> bool:
    return request.app.state.closing.is_set() or await request.is_disconnected()


def event(name: str, data: str) -> str:
    """Return one server-sent event (HTML Living Standard, 9.2.6)."""
    lines = "".join(f"data: {line}\n" for line in data.split("\n"))
    return f"event: {name}\n{lines}\n"


def shown(pages: Pages, seen: Progress) -> str:
    """Return the fragment of the page that tells of the sending."""
    return pages.fragment(
        "desk-progress.html", newsletter=seen.issue.of.newsletter, progress=seen
    ).strip()
