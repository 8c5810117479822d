"""Another address for an account: the link that reached it, and the button that takes it."""

from __future__ import annotations

from fastapi import APIRouter, Request
from starlette.background import BackgroundTask
from starlette.responses import HTMLResponse

from digest import staff
from digest.web.desk.session import COOKIE, asked_from, refuse_foreign
from digest.web.pages import Pages

_HIDDEN = {"x-robots-tag": "noindex"}


def doors(pages: Pages) -> APIRouter:
    """Return the routes of a mailed link to a new address; whoever reads that mailbox has it."""
    router = APIRouter()

    @router.api_route("/new-address/{token}", methods=["GET", "HEAD"])
    def ask(token: str) -> HTMLResponse:
        # Mail scanners open links: only the button's POST uses this one up.
        address = staff.new_address(pages.database, token, now=pages.now())
        return pages.page("new-address.html", headers=_HIDDEN, address=address, moved=False)

    @router.post("/new-address/{token}")
    def move(request: Request, token: str) -> HTMLResponse:
        refuse_foreign(request)
        cookie = request.cookies.get(COOKIE, "")
        here = staff.signed(pages.database, cookie, now=pages.now()) if cookie else None
        account = staff.move(
            pages.database,
            pages.loaded,
            token,
            session=here.session.name if here else "",
            now=pages.now(),
        )
        return pages.page(
            "new-address.html",
            headers=_HIDDEN,
            address=account.address,
            moved=True,
            is_in=here is not None and here.account.id == account.id,
        )

    return router


def afterwards(
    pages: Pages, request: Request, account: staff.Account, address: str
) -> BackgroundTask:
    """Return what mails the link after the answer, so that its time tells nothing of *address*."""
    return BackgroundTask(
        staff.mail_new_address,
        pages.database,
        pages.loaded,
        account,
        address,
        prefix=asked_from(request),
        now=pages.now(),
    )
