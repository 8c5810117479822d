"""Coming to the desk and leaving it."""

from __future__ import annotations

from urllib.parse import quote

from fastapi import APIRouter, Depends, Request
from starlette.responses import HTMLResponse, Response

from digest import staff
from digest.web.desk.layout import go
from digest.web.desk.session import COOKIE, Visitor, acting, forget, refuse_foreign, remember
from digest.web.pages import Pages


def doors(pages: Pages) -> APIRouter:
    """Return the routes of signing in, by a link that works once, and out."""
    router = APIRouter()
    hidden = {"x-robots-tag": "noindex"}

    @router.get("/sign-in")
    def how() -> HTMLResponse:
        return pages.page("sign-in-how.html", headers=hidden)

    @router.api_route("/sign-in/{token}", methods=["GET", "HEAD"])
    def ask(token: str) -> HTMLResponse:
        # Mail scanners open links: only the button's POST uses this one up.
        action = f"{pages.prefix}/sign-in/{quote(token, safe='')}"
        return pages.page("sign-in.html", headers=hidden, action=action)

    @router.post("/sign-in/{token}")
    def sign_in(request: Request, token: str) -> Response:
        refuse_foreign(request)
        secret = staff.sign_in(pages.database, token, now=pages.now())
        response = go(pages, "/")
        remember(pages, response, secret, seconds=staff.SESSION_SECONDS)
        return response

    @router.post("/sign-out")
    def sign_out(request: Request, _who: Visitor = Depends(acting(pages, "viewer"))) -> Response:
        staff.sign_out(pages.database, request.cookies[COOKIE])
        response = go(pages, "/sign-in")
        forget(pages, response)
        return response

    return router
