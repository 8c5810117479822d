"""
The public API: issues and topics to read, a way to ask for them, and whether one reads.

A program of its own under ``/api/v1``, described by ``/api/v1/openapi.json``. It tells no
more than the readers' pages do, needs no account, and sets no cookie. Errors are problem
details (RFC 9457).
"""

from __future__ import annotations

import hmac
from collections.abc import Callable
from datetime import datetime
from http import HTTPStatus
from typing import Annotated, Any, Literal

import structlog
from fastapi import FastAPI, Header, Query, Request
from fastapi.exceptions import RequestValidationError
from pydantic import BaseModel, ConfigDict, Field
from sqlalchemy import Connection
from starlette.background import BackgroundTask
from starlette.exceptions import HTTPException
from starlette.middleware.cors import CORSMiddleware
from starlette.responses import JSONResponse, Response
from starlette.routing import Match, Route
from starlette.types import ASGIApp, Receive, Scope, Send

from digest import __version__, readership
from digest.errors import BadToken, StoreError
from digest.identity import topic_key
from digest.model import Format, Rhythm
from digest.model.settings import NewsletterSettings
from digest.store import archive
from digest.web.joining import LANGUAGES, asker
from digest.web.pages import Pages

_log = structlog.get_logger("digest.web")

#: Where it is mounted.
PATH = "/api/v1"
#: Requests a minute from one household or office.
A_MINUTE = 300
#: How soon to come back where the database does not answer.
RETRY_SECONDS = "60"
#: So many of them are told apart at a time; those after that are not held back.
_MOST_PREFIXES = 50_000
#: What is read may be kept by others for that long.
_KEPT = "public, max-age=300"


class Out(BaseModel):
    """An answer, whose fields are its promise."""

    model_config = ConfigDict(frozen=True)


class Newsletter(Out):
    key: str
    title: str
    language: str
    archive_url: str
    #: A page to join on, for browsers without scripts.
    join_url: str


class Issue(Out):
    key: str
    #: ``monthly`` for a month's own issue.
    rhythm: Rhythm
    number: int | None
    subject: str
    headline: str
    lead: str
    window_start: datetime
    window_end: datetime
    sent_at: datetime
    #: When it was corrected after it had begun to go out.
    corrected_at: datetime | None
    url: str


class Issues(Out):
    issues: list[Issue]
    #: The `before` that gives the next page; null on the last one.
    next: datetime | None


class Topic(Out):
    key: str
    name: str
    #: How many issues wrote about it.
    issues: int


class Asked(Out):
    """The same whoever is asked for: a mail with a link decides."""

    status: Literal["accepted"] = "accepted"


class Status(Out):
    newsletter: str
    reads: bool
    #: Leaving can be undone by the same link.
    can_return: bool


class Wish(BaseModel):
    model_config = ConfigDict(extra="forbid")

    address: str = Field(min_length=3, max_length=320)
    name: str = Field(default="", max_length=200)
    #: What they want to read about, of what the newsletter offers; none: everything.
    topics: list[str] = Field(default=[], max_length=100)
    #: In which language the small mails are written; none: in the newsletter's.
    language: Literal[tuple(LANGUAGES)] | None = None  # type: ignore[valid-type]
    #: ``text`` for mail without HTML.
    format: Format = Format.HTML
    #: The words that the person agreed to; kept as proof of their consent.
    consent: str = Field(min_length=10, max_length=1000)


class Problem(Out):
    """What did not happen (RFC 9457)."""

    type: str = "about:blank"
    title: str
    status: int
    detail: str


#: How a description tells of refusals.
REFUSALS: dict[int | str, dict[str, Any]] = {
    status: {
        "description": description,
        "content": {"application/problem+json": {"schema": Problem.model_json_schema()}},
    }
    for status, description in {
        "4XX": "What did not happen.",
        "5XX": "What failed here; nothing was changed.",
    }.items()
}


def application(pages: Pages) -> FastAPI:
    """Return the API, to be mounted at `PATH`; the origins of config.yaml are read now."""
    api = FastAPI(
        title="Weekly Recap",
        version=__version__,
        summary="Issues, topics and subscriptions of the newsletters that are sent here.",
        docs_url=None,
        redoc_url=None,
        redirect_slashes=False,
        responses=REFUSALS,
    )
    _reading(api, pages)
    _asking(api, pages)
    explain(api)
    api.add_middleware(Limit, now=pages.now)
    origins = pages.loaded.settings.web.origins
    if origins:
        api.add_middleware(
            CORSMiddleware,
            allow_origins=origins,
            allow_methods=["GET", "HEAD", "POST"],
            allow_headers=["authorization", "content-type"],
            max_age=600,
        )
    return api


# --- reading ------------------------------------------------------------------------------


def _reading(api: FastAPI, pages: Pages) -> None:
    @api.get("/newsletters")
    def newsletters(response: Response) -> list[Newsletter]:
        """The newsletters that can be joined here."""
        response.headers["cache-control"] = _KEPT
        return [_newsletter(pages, *one) for one in pages.loaded.settings.newsletters.items()]

    @api.get("/newsletters/{newsletter}/issues")
    def issues(
        response: Response,
        newsletter: str,
        before: datetime | None = None,
        limit: Annotated[int, Query(ge=1, le=100)] = 20,
    ) -> Issues:
        """
        Issues that went out, the newest window first; `before` gives older ones.

        Those of one window, as an issue and its correction, stand on one page, which may
        have more than `limit` for it.
        """
        _known(pages, newsletter)
        if before is not None and before.tzinfo is None:
            raise HTTPException(422, "before: write an instant with its zone, such as …Z")
        with pages.database.read() as conn:
            found, following = _page(conn, newsletter, before, limit)
        response.headers["cache-control"] = _KEPT
        return Issues(
            issues=[_issue(pages, one) for one in found],
            next=following,
        )

    @api.get("/newsletters/{newsletter}/issues/{issue}")
    def issue(response: Response, newsletter: str, issue: str) -> Issue:
        """One issue that went out."""
        _known(pages, newsletter)
        with pages.database.read() as conn:
            found = archive.sent_issue(conn, newsletter, issue)
        if found is None:
            raise HTTPException(404, f"No issue {issue!r} of {newsletter} went out.")
        response.headers["cache-control"] = _KEPT
        return _issue(pages, found)

    @api.get("/newsletters/{newsletter}/topics")
    def topics(response: Response, newsletter: str) -> list[Topic]:
        """What issues wrote about, the most frequent first."""
        left_out = [topic_key(topic) for topic in _known(pages, newsletter).exclude.topics]
        with pages.database.read() as conn:
            found = archive.topics(conn, newsletter, without=left_out, limit=500)
        response.headers["cache-control"] = _KEPT
        return [Topic(key=one.key, name=one.name, issues=one.issues) for one in found]


def _page(
    conn: Connection, newsletter: str, before: datetime | None, limit: int
) -> tuple[list[archive.Sent], datetime | None]:
    """Return a page of whole windows, and the `before` of the next one; None on the last."""
    found = archive.sent(conn, newsletter, closed_before=before, limit=limit)
    if len(found) < limit:
        return found, None
    closed = found[-1].window.end
    whole = archive.sent(conn, newsletter, closed_since=closed, closed_before=before)
    older = archive.sent(conn, newsletter, closed_before=closed, limit=1)
    return whole, closed if older else None


def _known(pages: Pages, newsletter: str) -> NewsletterSettings:
    settings = pages.newsletter(newsletter)
    if settings is None:
        raise HTTPException(404, f"No newsletter is called {newsletter!r}.")
    return settings


def _newsletter(pages: Pages, key: str, settings: NewsletterSettings) -> Newsletter:
    root = pages.loaded.settings.public_url
    return Newsletter(
        key=key,
        title=settings.title,
        language=settings.language,
        archive_url=f"{root}/issues/{key}",
        join_url=f"{root}/join/{key}",
    )


def _issue(pages: Pages, one: archive.Sent) -> Issue:
    return Issue(
        key=one.key,
        rhythm=one.rhythm,
        number=one.number,
        subject=one.subject,
        headline=one.headline,
        lead=one.lead,
        window_start=one.window.start,
        window_end=one.window.end,
        sent_at=one.frozen_at,
        corrected_at=one.corrected_at,
        url=f"{pages.loaded.settings.public_url}/issues/{one.newsletter}/{one.key}",
    )


# --- asking -------------------------------------------------------------------------------


def _asking(api: FastAPI, pages: Pages) -> None:
    @api.post("/newsletters/{newsletter}/subscriptions", status_code=202, response_model=Asked)
    def ask(
        request: Request,
        newsletter: str,
        wish: Wish,
        authorization: Annotated[str, Header()] = "",
    ) -> Response:
        """
        Ask that somebody be sent a mail whose link makes them a reader.

        The answer is the same for everybody. Few askings an hour are taken from one place;
        with `Authorization: Bearer API_TOKEN` a program may ask for all who use it.
        """
        _known(pages, newsletter)
        trusted = _is_trusted(pages, authorization)
        prefix = "" if trusted else readership.prefix_of(asker(request))
        origin = request.headers.get("origin", "")[:200]
        return _asked(pages, newsletter, wish, prefix, origin)

    @api.get("/subscriptions/{token}")
    def status(token: str) -> Status:
        """Whether who holds that token reads; it stands in their unsubscribe link."""
        seat = readership.seat(pages.database, pages.loaded, token)
        return Status(newsletter=seat.newsletter, reads=not seat.left, can_return=seat.can_return)


def _is_trusted(pages: Pages, authorization: str) -> bool:
    """Tell whether the request shows the API token; HTTPException if it shows another one."""
    if not authorization:
        return False
    token = pages.loaded.settings.api_token
    if token and hmac.compare_digest(authorization.encode(), f"Bearer {token}".encode()):
        return True
    raise HTTPException(401, "This token is not the one of this installation.")


def _asked(pages: Pages, newsletter: str, wish: Wish, prefix: str, origin: str) -> Response:
    now = pages.now()
    answer = readership.knock(
        pages.database, pages.loaded, newsletter, wish.address, prefix=prefix, now=now
    )
    if answer is readership.Answer.BUSY:
        raise HTTPException(429, "Too many people want to join just now.", {"retry-after": "3600"})
    sent = JSONResponse(Asked().model_dump(), status_code=202)
    if answer is readership.Answer.INVITED:
        # After the answer, so that the time it takes tells nothing about the address.
        sent.background = BackgroundTask(
            readership.invite,
            pages.database,
            pages.loaded,
            newsletter,
            wish.address,
            name=wish.name,
            source="API",
            proof=_proof(wish, prefix, origin),
            now=now,
        )
    return sent


def _proof(wish: Wish, prefix: str, origin: str) -> dict[str, Any]:
    """Return what is kept of the asking; what it chooses holds once it is confirmed."""
    told = {"form": "api", "text": wish.consent, "prefix": prefix, "origin": origin}
    chosen: dict[str, Any] = {"topics": wish.topics, "language": wish.language}
    chosen["format"] = wish.format if wish.format is Format.TEXT else ""
    return told | {name: choice for name, choice in chosen.items() if choice}


# --- refusing -----------------------------------------------------------------------------


def explain(api: FastAPI) -> None:
    """Give every refusal of *api* the form of problem details."""

    def refused(request: Request, e: HTTPException) -> Response:
        answer = problem(e.status_code, e.detail)
        answer.headers.update(e.headers or {})
        if e.status_code == HTTPStatus.METHOD_NOT_ALLOWED:
            # The first route of that path knows its own method only.
            answer.headers["allow"] = ", ".join(_allowed(api, request))
        return answer

    def misread(_request: Request, e: RequestValidationError) -> Response:
        first = e.errors()[0]
        place = ".".join(str(part) for part in first["loc"][1:])
        return problem(422, f"{place}: {first['msg']}" if place else str(first["msg"]))

    def absent(_request: Request, _e: Exception) -> Response:
        # The same words for a token that is forged, cut, or made for another purpose.
        return problem(404, "This token opens nothing.")

    def away(request: Request, e: Exception) -> Response:
        _log.warning("page without database", method=request.method, error=str(e))
        answer = problem(503, "The database does not answer just now. Nothing was changed.")
        answer.headers["retry-after"] = RETRY_SECONDS
        return answer

    def failed(_request: Request, _e: Exception) -> Response:
        # Raised again after this, and logged as every page's mishap.
        return problem(500, "Something went wrong on our side. Nothing was lost.")

    handlers: dict[type[Exception], Any] = {
        Exception: failed,
        HTTPException: refused,
        RequestValidationError: misread,
        BadToken: absent,
        StoreError: away,
    }
    for kind, handler in handlers.items():
        api.add_exception_handler(kind, handler)


def _allowed(api: FastAPI, request: Request) -> list[str]:
    """Return every method that the path of *request* takes, in order (RFC 9110, 10.2.1)."""
    there = (
        route
        for route in api.routes
        if isinstance(route, Route) and route.matches(request.scope)[0] is not Match.NONE
    )
    return sorted({method for route in there for method in route.methods or ()})


def problem(status: int, detail: str) -> JSONResponse:
    """Return what did not happen, as RFC 9457 has it."""
    told = Problem(title=HTTPStatus(status).phrase, status=status, detail=detail)
    return JSONResponse(told.model_dump(), status, media_type="application/problem+json")


class Limit:
    """Answers 429 to a household or office that asks more than `A_MINUTE` times a minute."""

    def __init__(self, app: ASGIApp, now: Callable[[], datetime]) -> None:
        self.app, self._now = app, now
        self._minute = ""
        self._asked: dict[str, int] = {}

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "http" and self._is_too_much(Request(scope)):
            answer = problem(429, f"More than {A_MINUTE} requests a minute. Nothing was done.")
            answer.headers["retry-after"] = "60"
            await answer(scope, receive, send)
            return
        await self.app(scope, receive, send)

    def _is_too_much(self, request: Request) -> bool:
        minute = f"{self._now():%d%H%M}"
        if minute != self._minute:
            self._minute, self._asked = minute, {}
        prefix = readership.prefix_of(asker(request))
        if not prefix or (prefix not in self._asked and len(self._asked) >= _MOST_PREFIXES):
            return False
        self._asked[prefix] = self._asked.get(prefix, 0) + 1
        return self._asked[prefix] > A_MINUTE
