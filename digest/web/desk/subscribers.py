"""The readers: found by a part of their address, and each with what is known and why."""

from __future__ import annotations

from urllib.parse import urlencode

from fastapi import APIRouter, Depends, Form, Query
from sqlalchemy import Connection
from starlette.exceptions import HTTPException
from starlette.responses import HTMLResponse, Response

from digest import readership
from digest.identity import address_key, address_parts
from digest.model import Subscriber, SubscriptionState
from digest.store import census, readers, subscribers, subscriptions
from digest.store.history import Log
from digest.web.desk.layout import IssueNumber, chosen, desk_page, go
from digest.web.desk.session import Visitor, acting, logged, looking
from digest.web.pages import Pages

#: Readers on a page.
PAGE = 50
#: Issues and mails of one person that are shown, the newest first.
LAST = 50

#: What each state means, for who reads the page.
STATES = {
    SubscriptionState.ACTIVE: "gets issues",
    SubscriptionState.PENDING: "has not confirmed yet",
    SubscriptionState.PAUSED: "gets none for a while",
    SubscriptionState.LEFT: "has unsubscribed",
    SubscriptionState.SUPPRESSED: "is never written to",
}


def doors(pages: Pages) -> APIRouter:
    """Return the routes of the readers: their addresses are for publishers and admins."""
    router = APIRouter()
    _finding(router, pages)
    _ending(router, pages)
    return router


def _finding(router: APIRouter, pages: Pages) -> None:
    seen = Depends(looking(pages, "publisher"))

    @router.get("/desk/subscribers")
    def found(
        who: Visitor = seen,
        newsletter: str = "",
        part: str = Query("", max_length=254),
        state: str = Query("", max_length=16),
        after: int | None = Query(None, ge=1, lt=2**63),
    ) -> HTMLResponse:
        key, asked = chosen(pages, newsletter), address_parts(part)
        only = SubscriptionState(state) if state in STATES else None
        with pages.database.read() as conn:
            rows = readers.found(conn, key, parts=asked, state=only, after=after, most=PAGE + 1)
            # Of all, not of those found: beside a search they would mislead, and cost as much.
            counts = {} if asked else census.readers_by_state(conn, key)
        more = {"newsletter": key, "part": part, "state": only or ""}
        return desk_page(
            pages,
            who,
            "desk-subscribers.html",
            key,
            here="subscribers",
            rows=rows[:PAGE],
            older=urlencode(more | {"after": rows[PAGE - 1].subscriber.id})
            if len(rows) > PAGE
            else "",
            part=part,
            state=only,
            states=STATES,
            counts=counts,
        )

    @router.get("/desk/subscribers/{number}")
    def one(number: IssueNumber, who: Visitor = seen, newsletter: str = "") -> HTMLResponse:
        return _page(pages, who, number, newsletter)


def _ending(router: APIRouter, pages: Pages) -> None:
    @router.post("/desk/subscribers/{number}/unsubscribe")
    def unsubscribe(
        number: IssueNumber,
        newsletter: str = Form(max_length=64),
        who: Visitor = Depends(acting(pages, "publisher")),
    ) -> Response:
        before = _before(pages, number)
        if newsletter not in before:
            raise HTTPException(404)
        # Pressed twice, it has been done and told of.
        if before[newsletter] != SubscriptionState.LEFT:
            by, now = who.account.address, pages.now()
            log = _log(pages, who, "unsubscribed a reader", number, before)
            readership.unsubscribe(
                pages.database, pages.loaded, number, newsletter, by=by, now=now, log=log
            )
        return go(pages, f"/desk/subscribers/{number}")

    @router.post("/desk/subscribers/{number}/suppress")
    def suppress(
        number: IssueNumber,
        sure: bool = Form(False),
        who: Visitor = Depends(acting(pages, "admin")),
    ) -> Response:
        if not sure:
            return _page(pages, who, number, refusal="Tick the box, then press again", status=422)
        by, now = who.account.address, pages.now()
        log = _log(pages, who, "suppressed a reader", number, _before(pages, number))
        readership.suppress(pages.database, pages.loaded, number, by=by, now=now, log=log)
        return go(pages, f"/desk/subscribers/{number}")

    @router.post("/desk/subscribers/{number}/erase")
    def erase(
        number: IssueNumber,
        address: str = Form("", max_length=254),
        who: Visitor = Depends(acting(pages, "admin")),
    ) -> Response:
        person = _known(pages, number)
        if address_key(address) != address_key(person.address):
            refusal = "Type the address of the person to erase, as it stands above"
            return _page(pages, who, number, refusal=refusal, status=422)
        # Who it was must not stay in the log: that is what erasing means.
        log = logged(pages, who, "erased a reader", after=_named(number))
        erased = readership.erase(
            pages.database, pages.loaded, person.address, now=pages.now(), log=log
        )
        return desk_page(
            pages,
            who,
            "desk-subscriber-erased.html",
            chosen(pages, ""),
            here="subscribers",
            files=sorted({str(each.file) for each in erased.mentions}),
        )


def _page(
    pages: Pages,
    who: Visitor,
    number: int,
    newsletter: str = "",
    *,
    refusal: str = "",
    status: int = 200,
) -> HTMLResponse:
    person = _known(pages, number)
    known = readership.show(pages.database, pages.loaded, person.address)
    return desk_page(
        pages,
        who,
        "desk-subscriber.html",
        chosen(pages, newsletter),
        here="subscribers",
        status=status,
        person=person,
        known=known,
        received=known["issues"][: -LAST - 1 : -1],
        mails=known["mails"][: -LAST - 1 : -1],
        states=STATES,
        refusal=refusal,
    )


def _known(pages: Pages, number: int) -> Subscriber:
    with pages.database.read() as conn:
        person = subscribers.by_id(conn, number)
    if person is None:
        raise HTTPException(404)
    return person


def _before(pages: Pages, number: int) -> dict[str, str]:
    _known(pages, number)
    with pages.database.read() as conn:
        return _states(conn, number)


def _states(conn: Connection, number: int) -> dict[str, str]:
    """Return the state of each subscription, by newsletter."""
    return {each.newsletter: each.state for each in subscriptions.of_subscriber(conn, number)}


def _log(pages: Pages, who: Visitor, what: str, number: int, before: dict[str, str]) -> Log:
    """Return what tells of the states after the step, as they are in its transaction."""

    def log(conn: Connection) -> None:
        after = _named(number) | _states(conn, number)
        logged(pages, who, what, before=before, after=after)(conn)

    return log


def _named(number: int) -> dict[str, str]:
    """Return who it was by number: an erasure could not take an address out of the log again."""
    return {"reader": f"number {number}"}
