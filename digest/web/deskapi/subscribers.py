"""Readers: found, shown, and ended for who asked."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Any

from fastapi import Depends, FastAPI, Query
from pydantic import Field
from starlette.exceptions import HTTPException

from digest import readership
from digest.identity import address_key, address_parts
from digest.model import SubscriptionState
from digest.staff import Program, Scope
from digest.store import readers, subscribers
from digest.web.api import Out
from digest.web.desk.layout import IssueNumber
from digest.web.deskapi.asking import Asked, by_token, holding, known_newsletter
from digest.web.pages import Pages


class SubscriberOut(Out):
    id: int
    address: str
    name: str
    state: SubscriptionState


class SubscriptionOut(Out):
    newsletter: str
    state: SubscriptionState
    rhythm: str
    #: Empty: all of them.
    topics: list[str]
    lists: list[str]
    source: str
    consented_at: datetime | None
    left_at: datetime | None


class PersonOut(Out):
    """A subscriber, with every subscription."""

    id: int
    address: str
    name: str
    language: str | None
    attributes: dict[str, Any]
    #: Never written to, in any newsletter.
    suppressed: bool
    subscriptions: list[SubscriptionOut]


class Leave(Asked):
    newsletter: str = Field(max_length=64)


class Erasure(Asked):
    #: Theirs, to say that it is meant.
    address: str = Field(max_length=254)


def add(desk: FastAPI, pages: Pages) -> None:
    """Add the readers."""
    reading = [Depends(holding(pages, Scope.SUBSCRIBERS_READ))]

    @desk.get("/subscribers", dependencies=reading)
    def found(
        newsletter: str,
        part: Annotated[str, Query(max_length=254)] = "",
        state: SubscriptionState | None = None,
        after: Annotated[int | None, Query(ge=1, lt=2**63)] = None,
        limit: Annotated[int, Query(ge=1, le=1000)] = 100,
    ) -> list[SubscriberOut]:
        """Readers with that part in their address, by address; `after` is the last id."""
        key = known_newsletter(pages, newsletter)
        with pages.database.read() as conn:
            page = readers.found(
                conn, key, parts=address_parts(part), state=state, after=after, most=limit
            )
        return [_subscriber(each) for each in page]

    @desk.get("/subscribers/{number}", dependencies=reading)
    def one(number: IssueNumber) -> PersonOut:
        """One person, with their subscriptions."""
        return _person(pages, number)

    _ending(desk, pages)


def _ending(desk: FastAPI, pages: Pages) -> None:
    writing = Depends(holding(pages, Scope.SUBSCRIBERS_WRITE))

    @desk.post("/subscribers/{number}/unsubscribe")
    def unsubscribe(number: IssueNumber, asked: Leave, who: Program = writing) -> PersonOut:
        """End one subscription for somebody who asked; their own link brings them back."""
        known = {each.newsletter for each in _person(pages, number).subscriptions}
        if asked.newsletter not in known:
            raise HTTPException(404, f"They have no subscription to {asked.newsletter!r}.")
        by, now = who.account.address, pages.now()
        log = by_token(pages, who, f"unsubscribed reader number {number} from {asked.newsletter}")
        readership.unsubscribe(
            pages.database, pages.loaded, number, asked.newsletter, by=by, now=now, log=log
        )
        return _person(pages, number)

    @desk.post("/subscribers/{number}/suppress")
    def suppress(number: IssueNumber, who: Program = writing) -> PersonOut:
        """Write to that person no more, whoever imports them again."""
        _person(pages, number)
        by, now = who.account.address, pages.now()
        log = by_token(pages, who, f"suppressed reader number {number}")
        readership.suppress(pages.database, pages.loaded, number, by=by, now=now, log=log)
        return _person(pages, number)

    @desk.post("/subscribers/{number}/erase", status_code=204)
    def erase(number: IssueNumber, asked: Erasure, who: Program = writing) -> None:
        """Forget the person for good, if that is their address; a keyed hash stays."""
        person = _person(pages, number)
        if address_key(asked.address) != address_key(person.address):
            raise HTTPException(422, "This is not the address of that person.")
        log = by_token(pages, who, f"erased reader number {number}")
        readership.erase(pages.database, pages.loaded, person.address, now=pages.now(), log=log)


def _subscriber(one: readers.Reader) -> SubscriberOut:
    assert one.subscription is not None  # noqa: S101 - `found` joins them
    return SubscriberOut(
        id=one.subscriber.id,
        address=one.subscriber.address,
        name=one.subscriber.name,
        state=one.subscription.state,
    )


def _person(pages: Pages, number: int) -> PersonOut:
    with pages.database.read() as conn:
        person = subscribers.by_id(conn, number)
    if person is None:
        raise HTTPException(404, f"No subscriber has the number {number}.")
    known = readership.show(pages.database, pages.loaded, person.address)
    return PersonOut(
        id=person.id,
        address=person.address,
        name=person.name,
        language=person.language,
        attributes=person.attributes,
        suppressed=known["suppressed"],
        subscriptions=[
            SubscriptionOut(
                newsletter=one.newsletter,
                state=one.state,
                rhythm=one.rhythm,
                topics=list(one.topics),
                lists=list(one.lists),
                source=one.source,
                consented_at=one.consented_at,
                left_at=one.left_at,
            )
            for one in (each["subscription"] for each in known["subscriptions"])
        ],
    )
