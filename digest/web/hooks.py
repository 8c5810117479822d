"""Doors for programs: what a mail provider reports of mail that came back."""

from __future__ import annotations

from fastapi import APIRouter, Request
from starlette.concurrency import run_in_threadpool
from starlette.responses import PlainTextResponse, Response

from digest import readership
from digest.web.pages import Pages


def doors(pages: Pages) -> APIRouter:
    """Return the routes of webhooks; a forged call finds no such page."""
    router = APIRouter()

    @router.post("/hooks/ses")
    async def ses(request: Request) -> Response:
        body = await request.body()
        await run_in_threadpool(
            readership.take_sns, pages.database, pages.loaded, body, now=pages.now()
        )
        return PlainTextResponse("taken\n")

    return router
