"""The web application: every door, and what is the same behind all of them."""

from __future__ import annotations

import secrets
import traceback
from collections.abc import Callable
from datetime import UTC, datetime
from http import HTTPStatus
from threading import Event
from typing import Any

import structlog
from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from starlette.exceptions import HTTPException
from starlette.responses import Response

from digest.config import Loaded
from digest.errors import BadToken, NoSuchIssue, StoreError
from digest.store import Database
from digest.web import (
    api,
    desk,
    deskapi,
    files,
    following,
    guard,
    health,
    hooks,
    metrics,
    readers,
    stopping,
)
from digest.web.doors import together
from digest.web.pages import Pages, told

_log = structlog.get_logger("digest.web")

#: Title and text of the pages for what a request can do wrong.
_REFUSALS = {
    400: ("This request cannot be read", "Something in it is not as our forms send it."),
    403: ("You may not do that", "Your account or this form does not allow it."),
    404: ("There is no such page", "The link may be cut, or what it led to is gone."),
    405: ("This page does not do that", "It can be opened, but nothing can be sent to it."),
    413: ("That is too long", "A form of ours never needs more than 64 KB."),
    422: ("This form is incomplete", "Go back, fill in what is missing, and send it again."),
}


def application(
    database: Database,
    loaded: Callable[[], Loaded],
    *,
    clock: Callable[[], datetime] = lambda: datetime.now(UTC),
) -> FastAPI:
    """
    Return the whole web application, ready for uvicorn.

    *loaded* is called for each page and returns the configuration in force; *clock*
    tells the time. What must outlive a request is in the database, so several processes may
    serve one; each counts for itself how often the API is asked, and how long pages take.
    Setting ``app.state.closing`` ends what streams to a browser, which would keep the
    server from stopping.
    """
    pages = Pages(database, loaded, clock)
    # A redirect to or from a trailing slash would break a one-click POST (RFC 8058, 3.1).
    app = FastAPI(openapi_url=None, docs_url=None, redoc_url=None, redirect_slashes=False)
    app.state.closing = Event()
    app.mount(deskapi.PATH, deskapi.application(pages))
    app.mount(api.PATH, api.application(pages))
    rooms = (health, readers, hooks, following, stopping, desk, files)
    app.router.routes += together(pages, *rooms).routes
    measured = metrics.registry(database, clock)
    app.router.routes += metrics.doors(pages, measured).routes
    desk.explain(app, pages)
    _explain(app, pages)
    # The last one added is the outermost. The innermost sees which route was taken.
    app.add_middleware(metrics.Timed, registry=measured)
    app.add_middleware(
        guard.BodyLimit,
        refuse=lambda _request: _refused(pages, 413),
        streamed=frozenset({desk.LISTS}),
    )
    app.add_middleware(guard.Prefix, public_url=lambda: loaded().settings.public_url)
    app.add_middleware(guard.Mishaps, answer=lambda request, e: _failed(pages, request, e))
    app.add_middleware(guard.Headers)
    return app


def _explain(app: FastAPI, pages: Pages) -> None:
    """Give every refusal a page of its own."""

    def refused(request: Request, e: HTTPException) -> Response:
        # What is mounted is not found for a path with a line break (Starlette).
        if request.scope["path"].startswith(f"{api.PATH}/"):
            return api.problem(e.status_code, e.detail)
        # Starlette fills in the standard's phrase where nobody said more.
        own = "" if e.detail == HTTPStatus(e.status_code).phrase else e.detail
        answer = _refused(pages, e.status_code, own, home=_home(pages, request))
        answer.headers.update(e.headers or {})
        return answer

    def misread(request: Request, e: RequestValidationError) -> Response:
        in_path = any(error["loc"][0] == "path" for error in e.errors())
        return _refused(pages, 404 if in_path else 422, home=_home(pages, request))

    def absent(request: Request, _e: Exception) -> Response:
        # The same words for a token that is forged, cut, or made for another purpose: nobody
        # knows whose it is, so they are in the newsletter's language.
        newsletter, language = _addressed(pages, request)
        _ = pages.spoken(newsletter, language).gettext
        return told(
            pages,
            404,
            newsletter=newsletter,
            language=language,
            title=_("There is no such page"),
            text=_("The link may be cut, or what it led to is gone."),
            home=_home(pages, request),
        )

    def away(request: Request, e: Exception) -> Response:
        """Say that the database does not answer; the page needs none for it."""
        _log.warning("page without database", method=request.method, error=str(e))
        newsletter, language = _addressed(pages, request)
        _ = pages.spoken(newsletter, language).gettext
        answer = told(
            pages,
            503,
            newsletter=newsletter,
            language=language,
            title=_("Please try again in a minute"),
            text=_("Our database does not answer just now. Nothing was changed."),
        )
        answer.headers["retry-after"] = api.RETRY_SECONDS
        return answer

    handlers: dict[type[Exception], Any] = {
        HTTPException: refused,
        RequestValidationError: misread,
        BadToken: absent,
        NoSuchIssue: absent,
        StoreError: away,
    }
    for kind, handler in handlers.items():
        app.add_exception_handler(kind, handler)


def _addressed(pages: Pages, request: Request) -> tuple[str, str | None]:
    """Return whose newsletter's words a page has, the first one's if it names none; the desk's."""
    known = pages.loaded.settings.newsletters
    named = [step for step in request.url.path.split("/") if step in known]
    path = request.scope["path"]
    of_the_desk = path in ("/", "/sign-in") or path.startswith(("/desk/", "/sign-in/"))
    language = "en" if of_the_desk else None
    return next(iter([*named, *known]), ""), language


def _home(pages: Pages, request: Request) -> str:
    """Return the way back for who went astray at the desk; "" for everybody else."""
    return f"{pages.prefix}/" if request.scope["path"].startswith("/desk/") else ""


def _refused(pages: Pages, status: int, text: str = "", *, home: str = "") -> Response:
    title, usual = _REFUSALS.get(status, ("That did not work", "Nothing was changed."))
    return told(pages, status, title=title, text=text or usual, home=home)


def _failed(pages: Pages, request: Request, e: Exception) -> Response:
    reference = secrets.token_hex(4)
    # Neither the path nor the frames' variables: readers' tokens and cookies are in them.
    trace = "".join(traceback.format_exception(e))
    _log.error("page failed", reference=reference, method=request.method, trace=trace)
    return told(
        pages,
        500,
        title="Something went wrong on our side",
        text="Nothing was lost. Try again; if it stays, tell whoever runs this newsletter.",
        reference=reference,
    )
