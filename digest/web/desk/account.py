"""One's own account: password, second factor, and the browsers one is signed in with."""

from __future__ import annotations

import io
from typing import Any

from fastapi import APIRouter, Depends, Form, Path, Request
from markupsafe import Markup
from starlette.exceptions import HTTPException
from starlette.responses import HTMLResponse, Response

from digest import staff
from digest.errors import BadToken, DigestError, TooManyGuesses
from digest.store.history import Log
from digest.web.desk import moving
from digest.web.desk.layout import chosen, desk_page, go
from digest.web.desk.session import (
    COOKIE,
    Visitor,
    acting,
    logged,
    looking,
    remember,
    wait_of,
)
from digest.web.pages import Pages

HERE = "/desk/account"


def doors(pages: Pages) -> APIRouter:
    """Return the routes of one's own account; every role has them."""
    router = APIRouter()
    _looking(router, pages)
    _password(router, pages)
    _address(router, pages)
    _sessions(router, pages)
    _factor(router, pages)
    return router


def _looking(router: APIRouter, pages: Pages) -> None:
    @router.get(HERE)
    def account(who: Visitor = Depends(looking(pages)), newsletter: str = "") -> HTMLResponse:
        return _page(pages, who, newsletter)

    @router.get(f"{HERE}/second-factor")
    def factor(who: Visitor = Depends(looking(pages)), newsletter: str = "") -> Response:
        if who.account.totp_since is not None:
            return go(pages, HERE)
        return _offer(pages, who, newsletter)


def _password(router: APIRouter, pages: Pages) -> None:
    @router.post(f"{HERE}/password")
    def password(
        request: Request,
        old: str = Form("", max_length=1000),
        new: str = Form(max_length=1000),
        who: Visitor = Depends(acting(pages, "viewer")),
    ) -> Response:
        try:
            staff.change_password(
                pages.database,
                pages.loaded,
                who.account,
                old=old,
                new=new,
                session=who.session,
                now=pages.now(),
                log=_log(pages, who, "set a password"),
            )
        except DigestError as e:
            status, refusal = _refused(e, "This is not your password")
            return _page(pages, who, refusal=refusal, status=status)
        return _renewed(pages, request, go(pages, HERE))


def _address(router: APIRouter, pages: Pages) -> None:
    @router.post(f"{HERE}/address")
    def address(
        request: Request,
        address: str = Form(max_length=254),
        given: str = Form("", max_length=1000),
        who: Visitor = Depends(acting(pages, "viewer")),
    ) -> Response:
        now = pages.now()
        sessions = staff.open_sessions(pages.database, who.account.id, now=now)
        began = next(each.created_at for each in sessions if each.name == who.session)
        try:
            wanted = staff.mailbox(address.strip())
            staff.prove(
                pages.database, pages.loaded, who.account, given=given, signed_in_at=began, now=now
            )
        except DigestError as e:
            status, refusal = _refused(e)
            return _page(pages, who, refusal=refusal, status=status)
        with pages.database.write() as conn:
            _log(pages, who, "asked for another address")(conn)
        answer = _page(pages, who, sent_to=wanted)
        answer.background = moving.afterwards(pages, request, who.account, wanted)
        return answer


def _sessions(router: APIRouter, pages: Pages) -> None:
    own = Depends(acting(pages, "viewer"))

    @router.post(f"{HERE}/sessions/{{name}}/end")
    def end(name: str = Path(max_length=64), who: Visitor = own) -> Response:
        log = _log(pages, who, "ended a session")
        if not staff.end_session(pages.database, who.account.id, name, log=log):
            raise HTTPException(404)
        return go(pages, HERE)

    @router.post(f"{HERE}/sessions/end-others")
    def end_others(who: Visitor = own) -> Response:
        log = _log(pages, who, "ended other sessions")
        staff.end_others(pages.database, who.account.id, who.session, log=log)
        return go(pages, HERE)


def _factor(router: APIRouter, pages: Pages) -> None:
    own = Depends(acting(pages, "viewer"))

    @router.post(f"{HERE}/second-factor")
    def confirm(request: Request, code: str = Form(max_length=40), who: Visitor = own) -> Response:
        try:
            codes = staff.confirm_factor(
                pages.database,
                pages.loaded,
                who.account,
                code,
                session=who.session,
                now=pages.now(),
                log=_log(pages, who, "set a second factor up"),
            )
        except DigestError as e:
            status, refusal = _refused(e)
            return _offer(pages, who, refusal=refusal, status=status)
        return _renewed(pages, request, _page(pages, who, codes=codes))

    @router.post(f"{HERE}/second-factor/codes")
    def codes(code: str = Form(max_length=40), who: Visitor = own) -> Response:
        log, now = _log(pages, who, "made recovery codes"), pages.now()
        try:
            fresh = staff.new_codes(
                pages.database, pages.loaded, who.account, code, now=now, log=log
            )
        except DigestError as e:
            status, refusal = _refused(e)
            return _page(pages, who, refusal=refusal, status=status)
        return _page(pages, who, codes=fresh)

    @router.post(f"{HERE}/second-factor/off")
    def off(request: Request, code: str = Form(max_length=40), who: Visitor = own) -> Response:
        log, now = _log(pages, who, "took a second factor off"), pages.now()
        try:
            staff.take_factor_off(pages.database, pages.loaded, who.account, code, now=now, log=log)
        except DigestError as e:
            status, refusal = _refused(e)
            return _page(pages, who, refusal=refusal, status=status)
        return _renewed(pages, request, go(pages, HERE))


def _refused(e: DigestError, wrong: str = "") -> tuple[int, str]:
    match e:
        case TooManyGuesses():
            return 429, wait_of(e)
        case BadToken():
            return 422, wrong or f"{e}. {e.remedy}".strip()
    return 422, f"{e}. {e.remedy}".strip()


def _renewed(pages: Pages, request: Request, response: Response) -> Response:
    """Give the browser another secret: what proves who somebody is has changed."""
    fresh = staff.renewed(pages.database, request.cookies[COOKIE])
    if fresh:
        remember(pages, response, fresh, seconds=staff.SESSION_SECONDS)
    return response


def _page(
    pages: Pages, who: Visitor, newsletter: str = "", *, status: int = 200, **said: Any
) -> HTMLResponse:
    facts: dict[str, Any] = {"refusal": "", "codes": [], "sent_to": ""}
    return desk_page(
        pages,
        who,
        "desk-account.html",
        chosen(pages, newsletter),
        here="account",
        status=status,
        sessions=staff.open_sessions(pages.database, who.account.id, now=pages.now()),
        has_password=staff.has_password(pages.database, who.account.id),
        codes_left=staff.codes_left(pages.database, who.account.id),
        least=staff.PASSWORD_LETTERS[0],
        fresh_minutes=int(staff.MAILED_LINK_LASTS.total_seconds() // 60),
        link_minutes=int(staff.NEW_ADDRESS_LASTS.total_seconds() // 60),
        **(facts | said),
    )


def _offer(
    pages: Pages, who: Visitor, newsletter: str = "", *, refusal: str = "", status: int = 200
) -> HTMLResponse:
    offer = staff.offer_factor(pages.database, pages.loaded, who.account)
    return desk_page(
        pages,
        who,
        "desk-second-factor.html",
        chosen(pages, newsletter),
        here="account",
        status=status,
        spelled=offer.spelled,
        picture=_qr(offer.address),
        refusal=refusal,
    )


def _qr(text: str) -> Markup:
    """Return *text* as a QR code (ISO/IEC 18004), in SVG that stands in the page itself."""
    import segno

    drawn = io.BytesIO()
    code = segno.make(text, error="m", micro=False)
    code.save(
        drawn, kind="svg", scale=4, border=4, light="#fff", xmldecl=False, svgns=False,
        svgclass="qr", lineclass=None, title="QR code for an authenticator app",
    )  # fmt: skip
    return Markup(drawn.getvalue().decode())  # noqa: S704 - drawn of squares, by us


def _log(pages: Pages, who: Visitor, what: str) -> Log:
    return logged(pages, who, what, after={"whose": who.account.address})
