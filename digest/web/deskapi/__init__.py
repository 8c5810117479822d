"""
The desk's API: what its pages show and its buttons do, for programs with a token.

A program of its own under ``/api/v1/desk``, described by ``/api/v1/desk/openapi.json``. It
calls what the pages call. A token's scopes and its owner's role both count; no cookie does,
so that another site's page has nothing to borrow. Errors are problem details (RFC 9457).
"""

from __future__ import annotations

from fastapi import FastAPI, Request
from starlette.responses import Response

from digest import __version__
from digest.errors import DigestError, Held, NoSuchIssue, WrongState
from digest.web import api
from digest.web.deskapi import (
    accounts,
    acting,
    calendar,
    feeds,
    issues,
    publications,
    subscribers,
)
from digest.web.pages import Pages

#: Where it is mounted.
PATH = f"{api.PATH}/desk"


def application(pages: Pages) -> FastAPI:
    """Return the API, to be mounted at `PATH` before the public one."""
    desk = FastAPI(
        title="Weekly Recap: the desk",
        version=__version__,
        summary="Issues, publications, feeds, subscribers and people, for programs with a token.",
        docs_url=None,
        redoc_url=None,
        redirect_slashes=False,
        responses=api.REFUSALS,
    )
    for room in (accounts, issues, acting, calendar, publications, feeds, subscribers):
        room.add(desk, pages)
    api.explain(desk)
    _explain(desk)
    desk.add_middleware(api.Limit, now=pages.now)
    return desk


def _explain(desk: FastAPI) -> None:
    def refused(_request: Request, e: DigestError) -> Response:
        said = f"{e}. {e.remedy}".removesuffix(". ")
        if isinstance(e, Held):
            said = " ".join((said, *e.reasons))
        match e:
            case NoSuchIssue():
                return api.problem(404, str(e))
            case WrongState() | Held():
                return api.problem(409, said)
        return api.problem(422, said)

    desk.add_exception_handler(DigestError, refused)  # type: ignore[arg-type]
