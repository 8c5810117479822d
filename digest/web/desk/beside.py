"""Tasks: done by a thread beside the pages, followed by whoever looks."""

from __future__ import annotations

import asyncio
import secrets
import traceback
from collections.abc import AsyncIterator, Callable
from contextlib import suppress
from threading import Thread
from time import monotonic
from typing import Any

import structlog
from fastapi import APIRouter, Depends, Request
from starlette.exceptions import HTTPException
from starlette.responses import Response, StreamingResponse

from digest.errors import DigestError, StoreBusy
from digest.store import tasks
from digest.store.tasks import Task
from digest.web.desk.layout import IssueNumber
from digest.web.desk.sending import PAUSE, event, over, wait_out
from digest.web.desk.session import Visitor, looking
from digest.web.pages import Pages

_log = structlog.get_logger("digest.web")

#: How far something is: what is done, of how much, and what it is at.
Told = Callable[[int, int, str], None]
#: Does the work, tells how far it is, and returns what it found, as JSON has it.
Work = Callable[[Told], Any]

#: Progress is written down no more often than this, in seconds.
_OFTEN = 0.5
#: A browser that has waited this long comes again, in seconds.
_LASTS = 300


def begin(
    pages: Pages,
    who: Visitor,
    newsletter: str,
    kind: str,
    work: Work,
    *,
    asked: dict[str, Any],
    issue: int | None = None,
) -> None:
    """
    Have *work* done beside the pages, unless one of its kind is being done already.

    A thread of this process does it; should the process end, the task falls silent, is told
    as stopped, and can be asked for again.
    """
    now = pages.now()
    with pages.database.write() as conn:
        known = tasks.last(conn, newsletter, kind, issue=issue)
        if known and known.is_running(now):
            return
        by = who.account.address
        number = tasks.begin(conn, newsletter, kind, asked=asked, by=by, now=now, issue=issue)
    Thread(target=_do, args=(pages, number, work), name=f"task-{number}", daemon=True).start()


def _do(pages: Pages, number: int, work: Work) -> None:
    try:
        found = work(_telling(pages, number))
    except DigestError as e:
        why = f"{str(e).rstrip('.')}. {e.remedy}".strip()
        with pages.database.write() as conn:
            tasks.failed(conn, number, why=why, now=pages.now())
    except Exception as e:  # noqa: BLE001 - nobody above hears it
        reference = secrets.token_hex(4)
        trace = "".join(traceback.format_exception(e))
        _log.error("task failed", reference=reference, task=number, trace=trace)
        why = f"Something went wrong on our side ({reference}). Ask again; if it stays, tell us."
        with pages.database.write() as conn:
            tasks.failed(conn, number, why=why, now=pages.now())
    else:
        with pages.database.write() as conn:
            tasks.ended(conn, number, found=found, now=pages.now())


def _telling(pages: Pages, number: int) -> Told:
    written = 0.0

    def tell(done: int, total: int, said: str) -> None:
        nonlocal written
        if monotonic() - written < _OFTEN:
            return
        written = monotonic()
        # How far it is will be told again; the work itself goes on without the database.
        with suppress(StoreBusy), pages.database.write() as conn:
            tasks.going_on(conn, number, done=done, total=total, said=said, now=pages.now())

    return tell


def doors(pages: Pages) -> APIRouter:
    """Return the route of the stream that tells how far a task is."""
    router = APIRouter()

    @router.get("/desk/tasks/{number}/progress")
    def follow(
        request: Request, number: IssueNumber, _who: Visitor = Depends(looking(pages))
    ) -> Response:
        if _known(pages, number) is None:
            raise HTTPException(404)
        return StreamingResponse(
            _events(request, pages, number),
            media_type="text/event-stream",
            headers={"x-accel-buffering": "no"},
        )

    return router


def _known(pages: Pages, number: int) -> Task | None:
    with pages.database.read() as conn:
        return tasks.by_id(conn, number)


async def _events(request: Request, pages: Pages, number: int) -> AsyncIterator[str]:
    """Yield how far the task is each time it differs; `changed` when it is over."""
    last, until = "", monotonic() + _LASTS
    while monotonic() < until and not await over(request):
        try:
            task = await asyncio.to_thread(_known, pages, number)
        except StoreBusy as e:
            await wait_out(e)
            continue
        if task is None or not task.is_running(pages.now()):
            yield event("changed", "")
            return
        fragment = pages.fragment("desk-task.html", task=task).strip()
        if fragment != last:
            last = fragment
            yield event("progress", fragment)
        await asyncio.sleep(PAUSE)
