"""
The address that a counted link leads over: on to where it says, and one more counted.

It knows no reader: the address names the edition and the link, no cookie is set, and nothing
of the request is kept. What says that it is a program is not counted.
"""

from __future__ import annotations

import re
from concurrent.futures import Future
from typing import Annotated

import structlog
from fastapi import APIRouter, Path, Request
from starlette.responses import RedirectResponse, Response

from digest.errors import NoSuchIssue
from digest.store import counting
from digest.store.gathering import Gathering
from digest.web.pages import Pages

#: What scanners of mail, robots and previews call themselves.
_PROGRAMS = re.compile(
    r"bot\b|bot/|crawl|spider|scan|preview|fetch|monitor|headless|proofpoint|mimecast|barracuda"
    r"|safelinks|curl|wget|python|httpx|java/|go-http|okhttp|axios|libwww|perl",
    re.IGNORECASE,
)
_log = structlog.get_logger("digest.web")

#: As both databases can hold them.
Number = Annotated[int, Path(ge=1, lt=2**31)]


def doors(pages: Pages) -> APIRouter:
    """Return the route that counted links lead over."""
    router = APIRouter()
    writer: Gathering[tuple[int, int], None] = Gathering(pages.database, counting.follow)

    @router.api_route("/to/{edition}/{place}", methods=["GET", "HEAD"])
    def follow(request: Request, edition: Number, place: Number) -> Response:
        with pages.database.read() as conn:
            url = counting.target(conn, edition, place)
        if url is None:
            raise NoSuchIssue(f"edition {edition} has no link {place} that is counted")
        if is_a_persons(request):
            # The reader does not wait for it.
            writer.ask((edition, place)).add_done_callback(_told)
        headers = {"cache-control": "no-store", "x-robots-tag": "noindex"}
        return RedirectResponse(url, status_code=302, headers=headers)

    return router


def is_a_persons(request: Request) -> bool:
    """Tell whether a person seems to follow the link, as far as a request tells that."""
    agent = request.headers.get("user-agent", "")
    ahead = request.headers.get("sec-purpose", "") + request.headers.get("purpose", "")
    return (
        request.method == "GET"
        and bool(agent)
        and not _PROGRAMS.search(agent)
        and "prefetch" not in ahead.lower()
    )


def _told(counted: Future[None]) -> None:
    if e := counted.exception():
        _log.warning("a link was followed and not counted", error=str(e))
