"""Publications: found, written in, rewritten and hidden."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated

from fastapi import Depends, FastAPI, Query
from pydantic import Field, StrictBool
from starlette.exceptions import HTTPException

from digest import intake
from digest.model import Publication
from digest.render.plain import plain
from digest.staff import Program, Scope
from digest.store import publications
from digest.web.api import Out
from digest.web.desk import duplicates
from digest.web.desk.layout import IssueNumber
from digest.web.desk.publications import entry
from digest.web.deskapi.asking import Asked, by_token, holding, known_newsletter, log
from digest.web.pages import Pages


class PublicationOut(Out):
    id: int
    title: str
    summary: str
    kind: str
    link: str | None
    published_at: datetime | None
    first_seen_at: datetime
    hidden: bool


class NewPublication(Asked):
    newsletter: str = Field(max_length=64)
    title: str = Field(min_length=1, max_length=300)
    link: str = Field(default="", max_length=2000)
    summary: str = Field(default="", max_length=2000)
    kind: str = Field(default="", max_length=60)
    #: ``2026-05-01``; empty is today, in the newsletter's zone.
    on: str = Field(default="", max_length=10)


class PublicationChange(Asked):
    title: str | None = Field(default=None, min_length=1, max_length=300)
    summary: str | None = Field(default=None, max_length=2000)
    hidden: StrictBool | None = None


class Merge(Asked):
    #: The one that stays, and stands for the other.
    into: int = Field(ge=1, le=2**63 - 1)


class Distinction(Asked):
    other: int = Field(ge=1, le=2**63 - 1)
    #: False takes back that they are two.
    distinct: StrictBool = True


def add(desk: FastAPI, pages: Pages) -> None:
    """Add the publications."""
    _merging(desk, pages)
    writing = Depends(holding(pages, Scope.ISSUES_WRITE))

    @desk.get("/publications", dependencies=[Depends(holding(pages, Scope.ISSUES_READ))])
    def found(
        newsletter: str,
        words: Annotated[str, Query(max_length=200)] = "",
        after: Annotated[int | None, Query(ge=1, lt=2**63)] = None,
        limit: Annotated[int, Query(ge=1, le=100)] = 40,
    ) -> list[PublicationOut]:
        """Publications with all words in title or summary, newest first; `after` is the last id."""
        key = known_newsletter(pages, newsletter)
        with pages.database.read() as conn:
            rows = publications.search(conn, key, words, after=after, most=limit)
        return [_publication(each) for each in rows]

    @desk.post("/publications", status_code=201)
    def add(asked: NewPublication, who: Program = writing) -> NewPublication:
        """Add a publication by hand."""
        key = known_newsletter(pages, asked.newsletter)
        try:
            made = entry(pages, key, asked.title, asked.link, asked.summary, asked.kind, asked.on)
        except ValueError as e:
            raise HTTPException(422, str(e)) from None
        told = by_token(pages, who, f"wrote in: {made.title}")
        read = intake.write_in(pages.database, key, [made], now=pages.now(), log=told)
        if read.refused:
            raise HTTPException(422, read.refused[0].why)
        return asked

    @desk.patch("/publications/{number}")
    def change(
        number: IssueNumber, asked: PublicationChange, who: Program = writing
    ) -> PublicationOut:
        """Rewrite, hide or show a publication, in every issue from now on."""
        told = {"title": asked.title, "summary": asked.summary}
        changed = {name: plain(text) for name, text in told.items() if text is not None}
        if changed.get("title") == "":
            raise HTTPException(422, "A publication needs a title.")
        with pages.database.write() as conn:
            if not publications.by_ids(conn, [number]):
                raise HTTPException(404, f"There is no publication {number}.")
            if changed:
                publications.edit(conn, number, **changed)
            if asked.hidden is not None:
                publications.hide(conn, number, hidden=asked.hidden)
            (now,) = publications.by_ids(conn, [number])
            by_token(pages, who, f"changed publication {number}")(conn)
        return _publication(now)


def _merging(desk: FastAPI, pages: Pages) -> None:
    writing = Depends(holding(pages, Scope.ISSUES_WRITE))

    def now(number: int) -> PublicationOut:
        with pages.database.read() as conn:
            found = publications.by_ids(conn, [number])
        if not found:
            raise HTTPException(404, f"There is no publication {number}.")
        return _publication(found[0])

    @desk.post("/publications/{number}/merge")
    def merge(number: IssueNumber, asked: Merge, who: Program = writing) -> PublicationOut:
        """Let another publication stand for this one, which is hidden; the other is returned."""
        duplicates.merge_into(pages, number, asked.into, by=who.account.address)
        log(pages, who, f"merge {number} into {asked.into}")
        return now(asked.into)

    @desk.post("/publications/{number}/apart")
    def apart(number: IssueNumber, who: Program = writing) -> PublicationOut:
        """Let a merged publication stand for itself again."""
        found = now(number)
        duplicates.take_apart(pages, number, by=who.account.address)
        log(pages, who, f"take apart: {found.title}")
        return now(number)

    @desk.post("/publications/{number}/distinct")
    def distinct(number: IssueNumber, asked: Distinction, who: Program = writing) -> PublicationOut:
        """Say that two which look alike are two: they are not proposed again."""
        by = who.account.address
        duplicates.say_distinct(pages, number, asked.other, distinct=asked.distinct, by=by)
        log(pages, who, f"{number} and {asked.other} are {'two' if asked.distinct else 'alike'}")
        return now(number)


def _publication(one: Publication) -> PublicationOut:
    return PublicationOut(
        id=one.id,
        title=one.title,
        summary=one.summary,
        kind=one.kind,
        link=one.link,
        published_at=one.published_at,
        first_seen_at=one.first_seen_at,
        hidden=one.hidden,
    )
