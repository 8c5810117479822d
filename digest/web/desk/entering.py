"""Coming to the desk and leaving it: by password, second factor, or a link that opens once."""

from __future__ import annotations

from collections.abc import Callable
from typing import Annotated
from urllib.parse import quote

from fastapi import APIRouter, Depends, Form, Query, Request
from starlette.background import BackgroundTask
from starlette.responses import HTMLResponse, Response

from digest import staff
from digest.errors import BadToken, DigestError, TooManyGuesses
from digest.web.desk import elsewhere
from digest.web.desk.device import device
from digest.web.desk.layout import go
from digest.web.desk.session import (
    COOKIE,
    Visitor,
    acting,
    asked_from,
    forget,
    half_way,
    onward,
    refuse_foreign,
    remember,
    wait_of,
)
from digest.web.pages import Pages

#: Where to go after signing in, as the form carries it.
Onward = Annotated[str, Query(alias="next", max_length=500)]
OnwardField = Annotated[str, Form(alias="next", max_length=500)]

_HIDDEN = {"x-robots-tag": "noindex"}


def doors(pages: Pages) -> APIRouter:
    """Return the routes of signing in and out, and of a forgotten password."""
    router = APIRouter()
    _by_password(router, pages)
    _second_step(router, pages)
    _forgotten(router, pages)
    _mailed(router, pages)
    elsewhere.add(router, pages, entered)
    _by_link(router, pages)

    @router.post("/sign-out")
    def sign_out(request: Request, _who: Visitor = Depends(acting(pages, "viewer"))) -> Response:
        staff.sign_out(pages.database, request.cookies[COOKIE])
        response = go(pages, "/sign-in")
        forget(pages, response)
        return response

    return router


def entered(pages: Pages, request: Request, secret: str, path: str) -> Response:
    """Lead on with a new session; the one that the browser came with ends."""
    before = request.cookies.get(COOKIE, "")
    if before:
        staff.sign_out(pages.database, before)
    response = go(pages, onward(path))
    remember(pages, response, secret, seconds=staff.SESSION_SECONDS)
    return response


# --- a password, then perhaps a code ------------------------------------------------------


def _by_password(router: APIRouter, pages: Pages) -> None:
    @router.get("/sign-in")
    def form(path: Onward = "/") -> HTMLResponse:
        return _form(pages, path)

    @router.post("/sign-in")
    def sign_in(
        request: Request,
        address: str = Form(max_length=254),
        password: str = Form(max_length=1000),
        path: OnwardField = "/",
    ) -> Response:
        refuse_foreign(request)
        try:
            secret = staff.enter(
                pages.database,
                pages.loaded,
                address.strip(),
                password,
                prefix=asked_from(request),
                device=device(request.headers.get("user-agent", "")),
                now=pages.now(),
            )
        except TooManyGuesses as e:
            return _form(pages, path, address, refusal=wait_of(e), status=429, wait=e.seconds)
        except BadToken as e:
            return _form(pages, path, address, refusal=str(e), status=403)
        return entered(pages, request, secret, path)


def _form(
    pages: Pages,
    path: str,
    address: str = "",
    *,
    refusal: str = "",
    status: int = 200,
    wait: int = 0,
) -> HTMLResponse:
    headers = _HIDDEN | ({"retry-after": str(wait)} if wait else {})
    return pages.page(
        "sign-in-form.html",
        status=status,
        headers=headers,
        next=onward(path),
        address=address,
        refusal=refusal,
        provider=pages.loaded.settings.oidc,
    )


def _second_step(router: APIRouter, pages: Pages) -> None:
    @router.get("/sign-in/code")
    def ask(request: Request, path: Onward = "/") -> Response:
        half = half_way(pages, request)
        return _code(pages, half, path) if half else go(pages, "/sign-in")

    @router.post("/sign-in/code")
    def enter(
        request: Request,
        code: str = Form(max_length=40),
        csrf: str = Form(""),
        path: OnwardField = "/",
    ) -> Response:
        refuse_foreign(request)
        half = half_way(pages, request, csrf=csrf)
        if half is None:
            return go(pages, "/sign-in")
        agent, before = device(request.headers.get("user-agent", "")), request.cookies[COOKIE]
        try:
            secret = staff.second_step(
                pages.database, pages.loaded, before, code, now=pages.now(), device=agent
            )
        except TooManyGuesses as e:
            return _code(pages, half, path, refusal=wait_of(e), status=429)
        except BadToken as e:
            return _code(pages, half, path, refusal=str(e), status=403)
        return entered(pages, request, secret, path)


def _code(
    pages: Pages, half: Visitor, path: str, *, refusal: str = "", status: int = 200
) -> HTMLResponse:
    return pages.page(
        "sign-in-code.html",
        status=status,
        headers=_HIDDEN,
        who=half,
        next=onward(path),
        refusal=refusal,
    )


# --- a forgotten password -----------------------------------------------------------------


def _forgotten(router: APIRouter, pages: Pages) -> None:
    @router.get("/sign-in/forgotten")
    def ask() -> HTMLResponse:
        return pages.page("forgotten.html", headers=_HIDDEN, sent=False)

    @router.post("/sign-in/forgotten")
    def mail(request: Request, address: str = Form(max_length=254)) -> Response:
        refuse_foreign(request)
        minutes = int(staff.RESET_LASTS.total_seconds() // 60)
        answer = pages.page("forgotten.html", headers=_HIDDEN, sent=True, minutes=minutes)
        answer.background = _afterwards(pages, request, staff.mail_reset, address)
        return answer

    @router.api_route("/password/{token}", methods=["GET", "HEAD"])
    def choose(token: str) -> HTMLResponse:
        if not staff.reset_waits(pages.database, token, now=pages.now()):
            raise BadToken("this link was used before or has expired")
        return _choose(pages, token)

    @router.post("/password/{token}")
    def chosen(request: Request, token: str, password: str = Form(max_length=1000)) -> Response:
        refuse_foreign(request)
        try:
            account = staff.reset(pages.database, pages.loaded, token, password, now=pages.now())
        except BadToken:
            raise
        except DigestError as e:
            return _choose(pages, token, refusal=f"{e}. {e.remedy}", status=422)
        return pages.page("new-password-kept.html", headers=_HIDDEN, address=account.address)


def _choose(pages: Pages, token: str, *, refusal: str = "", status: int = 200) -> HTMLResponse:
    return pages.page(
        "new-password.html",
        status=status,
        headers=_HIDDEN,
        action=f"{pages.prefix}/password/{quote(token, safe='')}",
        least=staff.PASSWORD_LETTERS[0],
        refusal=refusal,
    )


def _afterwards(
    pages: Pages, request: Request, mail: Callable[..., None], address: str, **told: str
) -> BackgroundTask:
    """Return what mails after the answer, so that its time tells nothing about the address."""
    return BackgroundTask(
        mail,
        pages.database,
        pages.loaded,
        address.strip(),
        prefix=asked_from(request),
        now=pages.now(),
        **told,
    )


# --- a link that opens once ---------------------------------------------------------------


def _mailed(router: APIRouter, pages: Pages) -> None:
    @router.get("/sign-in/by-mail")
    def ask(path: Onward = "/") -> HTMLResponse:
        return pages.page("sign-in-mail.html", headers=_HIDDEN, sent=False, next=onward(path))

    @router.post("/sign-in/by-mail")
    def mail(
        request: Request, address: str = Form(max_length=254), path: OnwardField = "/"
    ) -> Response:
        refuse_foreign(request)
        minutes = int(staff.MAILED_LINK_LASTS.total_seconds() // 60)
        answer = pages.page("sign-in-mail.html", headers=_HIDDEN, sent=True, minutes=minutes)
        answer.background = _afterwards(pages, request, staff.mail_link, address, path=onward(path))
        return answer


def _by_link(router: APIRouter, pages: Pages) -> None:
    @router.api_route("/sign-in/{token}", methods=["GET", "HEAD"])
    def ask(token: str, path: Onward = "/") -> HTMLResponse:
        # Mail scanners open links: only the button's POST uses this one up.
        action = f"{pages.prefix}/sign-in/{quote(token, safe='')}"
        return pages.page("sign-in.html", headers=_HIDDEN, action=action, next=onward(path))

    @router.post("/sign-in/{token}")
    def sign_in(request: Request, token: str, path: OnwardField = "/") -> Response:
        refuse_foreign(request)
        agent = device(request.headers.get("user-agent", ""))
        secret = staff.sign_in(pages.database, token, now=pages.now(), device=agent)
        return entered(pages, request, secret, path)
