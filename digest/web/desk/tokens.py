"""Tokens for programs of one's own: made, shown once, and revoked."""

from __future__ import annotations

from datetime import timedelta
from typing import Annotated

from fastapi import APIRouter, Depends, Form
from starlette.exceptions import HTTPException
from starlette.responses import HTMLResponse, Response

from digest import staff
from digest.errors import DigestError
from digest.web.desk.layout import IssueNumber, chosen, desk_page, go
from digest.web.desk.session import Visitor, acting, logged, looking
from digest.web.pages import Pages

#: What each scope opens, as the page says it.
SCOPES = {
    staff.Scope.ISSUES_READ: "read issues, publications and feeds",
    staff.Scope.ISSUES_WRITE: "edit and hold drafts, send tests, change publications",
    staff.Scope.SEND: "approve, release, pause, resume, cancel, correct, send again, the calendar",
    staff.Scope.SUBSCRIBERS_READ: "read subscribers and what is known of them",
    staff.Scope.SUBSCRIBERS_WRITE: "unsubscribe, suppress and erase subscribers",
    staff.Scope.ADMIN: "add feeds, read who has an account",
}
#: How long a token may last, in days; 0 is until it is revoked.
DAYS = {30: "30 days", 90: "90 days", 365: "a year", 0: "until it is revoked"}


def doors(pages: Pages) -> APIRouter:
    """Return the routes of the tokens: one's own, and for an admin everybody's."""
    router = APIRouter()
    own = Depends(acting(pages, "viewer"))

    @router.get("/desk/tokens")
    def tokens(who: Visitor = Depends(looking(pages)), newsletter: str = "") -> HTMLResponse:
        return _page(pages, who, newsletter)

    @router.post("/desk/tokens")
    def make(
        name: str = Form(max_length=200),
        scope: Annotated[tuple[str, ...], Form()] = (),
        days: int = Form(90),
        who: Visitor = own,
    ) -> Response:
        if days not in DAYS:
            raise HTTPException(422)
        try:
            told = {"token": name, "scopes": list(scope)}
            secret = staff.make_token(
                pages.database,
                pages.loaded,
                who.account,
                name=name,
                scopes=scope,
                lasts=timedelta(days=days) if days else None,
                now=pages.now(),
                log=logged(pages, who, "made an API token", after=told),
            )
        except DigestError as e:
            return _page(pages, who, refusal=f"{e}. {e.remedy}".strip(), status=422)
        return _page(pages, who, secret=secret, secret_name=name)

    @router.post("/desk/tokens/{number}/revoke")
    def revoke(number: IssueNumber, who: Visitor = own) -> Response:
        anybodys = who.may(staff.Role.ADMIN)
        found = [each for each in _tokens(pages, who) if each.id == number]
        if not found:
            raise HTTPException(404)
        account, now = None if anybodys else who.account.id, pages.now()
        told = {"token": found[0].name, "whose": found[0].whose}
        log = logged(pages, who, "revoked an API token", after=told)
        if not staff.revoke_token(pages.database, number, account=account, now=now, log=log):
            raise HTTPException(404)
        return go(pages, "/desk/tokens")

    return router


def _tokens(pages: Pages, who: Visitor) -> list[staff.ApiToken]:
    everybodys = who.may(staff.Role.ADMIN)
    return staff.api_tokens(pages.database, None if everybodys else who.account.id)


def _page(
    pages: Pages,
    who: Visitor,
    newsletter: str = "",
    *,
    secret: str = "",
    secret_name: str = "",
    refusal: str = "",
    status: int = 200,
) -> HTMLResponse:
    return desk_page(
        pages,
        who,
        "desk-tokens.html",
        chosen(pages, newsletter),
        here="account",
        status=status,
        tokens=_tokens(pages, who),
        scopes={scope: may for scope, may in SCOPES.items() if who.may(scope.role)},
        days=DAYS,
        secret=secret,
        secret_name=secret_name,
        refusal=refusal,
    )
