"""Who may come to the desk, with which role, and where they are signed in."""

from __future__ import annotations

from collections.abc import Callable

from fastapi import APIRouter, Depends, Form, Request
from starlette.exceptions import HTTPException
from starlette.responses import HTMLResponse, Response

from digest import staff
from digest.errors import DigestError
from digest.store import history
from digest.web.desk import moving
from digest.web.desk.layout import IssueNumber, chosen, desk_page, go
from digest.web.desk.session import Visitor, acting, logged, looking
from digest.web.pages import Pages

#: What each role may do, as the page says it.
ROLES = {
    "viewer": "sees issues, publications and feeds, changes nothing",
    "editor": "changes the draft, holds it, sends tests",
    "publisher": "approves, releases, pauses, cancels; sees subscribers",
    "admin": "all that, people, settings and erasing subscribers",
}


def doors(pages: Pages) -> APIRouter:
    """Return the routes of the people's page; every change takes an admin."""
    router = APIRouter()
    admin = Depends(acting(pages, "admin"))

    @router.get("/desk/people")
    def people(who: Visitor = Depends(looking(pages)), newsletter: str = "") -> HTMLResponse:
        return _page(pages, who, newsletter)

    @router.post("/desk/people")
    def add(
        address: str = Form(max_length=254), role: staff.Role = Form(), who: Visitor = admin
    ) -> Response:
        if any(each.address.lower() == address.strip().lower() for each in _accounts(pages)):
            return _page(pages, who, refusal=f"{address} is there already", status=409)
        try:
            wanted = staff.mailbox(address.strip())
            log = _log(pages, who, "added", wanted, after=role)
            account = staff.add(pages.database, wanted, role, now=pages.now(), log=log)
        except DigestError as e:
            return _page(pages, who, refusal=str(e), status=422)
        # Who added somebody has let them in: that the way in was made says nothing more.
        return _let_in(pages, who, account, history.unlogged)

    @router.post("/desk/people/{account_id}/link")
    def link(account_id: IssueNumber, who: Visitor = admin) -> Response:
        account = _known(pages, account_id)
        return _let_in(pages, who, account, _log(pages, who, "made a way in", account.address))

    @router.post("/desk/people/{account_id}/role")
    def role(account_id: IssueNumber, role: staff.Role = Form(), who: Visitor = admin) -> Response:
        account = _known(pages, account_id)
        if _is_last_admin(pages, account) and role is not staff.Role.ADMIN:
            return _page(pages, who, refusal=_LAST_ADMIN, status=409)
        log = _log(pages, who, "gave a role", account.address, before=account.role, after=role)
        staff.change_role(pages.database, account.address, role, now=pages.now(), log=log)
        return go(pages, "/desk/people")

    _address(router, pages, admin)

    def end(account: staff.Account, log: history.Log) -> None:
        staff.sign_out_everywhere(pages.database, account.address, log=log)

    def remove(account: staff.Account, log: history.Log) -> None:
        staff.remove(pages.database, account.address, now=pages.now(), log=log)

    _door(router, pages, admin, "end", "signed out", end)
    _door(router, pages, admin, "remove", "closed an account", remove)
    return router


_LAST_ADMIN = "Somebody has to be an admin: make another one first"


def _door(
    router: APIRouter,
    pages: Pages,
    admin: Visitor,
    action: str,
    what: str,
    step: Callable[[staff.Account, history.Log], None],
) -> None:
    @router.post(f"/desk/people/{{account_id}}/{action}")
    def act(account_id: IssueNumber, who: Visitor = admin) -> Response:
        account = _known(pages, account_id)
        if action == "remove" and _is_last_admin(pages, account):
            return _page(pages, who, refusal=_LAST_ADMIN, status=409)
        step(account, _log(pages, who, what, account.address))
        return go(pages, "/desk/people")


def _address(router: APIRouter, pages: Pages, admin: Visitor) -> None:
    @router.post("/desk/people/{account_id}/address")
    def address(
        request: Request,
        account_id: IssueNumber,
        address: str = Form(max_length=254),
        who: Visitor = admin,
    ) -> Response:
        account = _known(pages, account_id)
        try:
            wanted = staff.mailbox(address.strip())
        except DigestError as e:
            return _page(pages, who, refusal=str(e), status=422)
        if staff.is_taken(pages.database, wanted):
            # An admin sees who is there anyway, but for accounts that were closed.
            refusal = f"{wanted} is an account's already, be it a closed one's"
            return _page(pages, who, refusal=refusal, status=409)
        with pages.database.write() as conn:
            _log(pages, who, "asked for another address", account.address)(conn)
        answer = _page(pages, who, sent_to=wanted)
        answer.background = moving.afterwards(pages, request, account, wanted)
        return answer


def _let_in(pages: Pages, who: Visitor, account: staff.Account, log: history.Log) -> Response:
    secret = staff.link(pages.database, account.address, now=pages.now(), log=log)
    link = f"{staff.desk_url(pages.loaded)}/sign-in/{secret}"
    return _page(pages, who, link=link, link_for=account.address)


def _page(
    pages: Pages,
    who: Visitor,
    newsletter: str = "",
    *,
    sent_to: str = "",
    link: str = "",
    link_for: str = "",
    refusal: str = "",
    status: int = 200,
) -> HTMLResponse:
    accounts = _accounts(pages)
    return desk_page(
        pages,
        who,
        "desk-people.html",
        chosen(pages, newsletter),
        here="people",
        status=status,
        accounts=accounts,
        sessions=staff.browsers(pages.database, now=pages.now()),
        roles=ROLES,
        link=link,
        link_hours=int(staff.LINK_LASTS.total_seconds() // 3600),
        link_for=link_for,
        sent_to=sent_to,
        link_minutes=int(staff.NEW_ADDRESS_LASTS.total_seconds() // 60),
        refusal=refusal,
    )


def _accounts(pages: Pages) -> list[staff.Account]:
    return staff.listed(pages.database)


def _known(pages: Pages, account_id: int) -> staff.Account:
    for account in _accounts(pages):
        if account.id == account_id:
            return account
    raise HTTPException(404)


def _is_last_admin(pages: Pages, account: staff.Account) -> bool:
    admins = [each for each in _accounts(pages) if each.role == staff.Role.ADMIN]
    return admins == [account]


def _log(
    pages: Pages, who: Visitor, what: str, address: str, *, before: str = "", after: str = ""
) -> history.Log:
    return logged(
        pages,
        who,
        what,
        before={"role": before} if before else {},
        after={"whose": address} | ({"role": str(after)} if after else {}),
    )
