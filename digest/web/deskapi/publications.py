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
from digest.web.desk.layout import IssueNumber
from digest.web.desk.publications import entry
from digest.web.deskapi.asking import Asked, holding, known_newsletter, log
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


def add(desk: FastAPI, pages: Pages) -> None:
    """Add the publications."""
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
        read = intake.write_in(pages.database, key, [made], now=pages.now())
        if read.refused:
            raise HTTPException(422, read.refused[0].why)
        log(pages, who, f"wrote in: {made.title}")
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
        log(pages, who, f"changed publication {number}")
        return _publication(now)


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
