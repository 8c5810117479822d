"""Publications that may be one: looked at side by side, merged, and taken apart again."""

from __future__ import annotations

from datetime import timedelta
from typing import Any, Literal

from fastapi import APIRouter, Depends, Form
from sqlalchemy import Connection
from starlette.exceptions import HTTPException
from starlette.responses import HTMLResponse, Response

from digest.errors import IssueError
from digest.identity import Alike, alike
from digest.store import distinctions, history, merges, publications
from digest.web.desk.layout import IssueNumber, chosen, desk_page, go
from digest.web.desk.session import Visitor, acting, looking
from digest.web.pages import Pages

#: Looked for among the publications of so long.
SINCE = timedelta(days=60)
#: So many pairs, and so many merges, are shown.
MOST = 40


#: Where a form came from and leads back to: the list, or the page of the one that stays.
Onto = Literal["duplicates", "publication"]


def doors(pages: Pages) -> APIRouter:
    """Return the routes of the duplicates; merging, telling apart and undoing take an editor."""
    router = APIRouter()
    editor = Depends(acting(pages, "editor"))

    @router.get("/desk/publications/duplicates")
    def duplicates(who: Visitor = Depends(looking(pages)), newsletter: str = "") -> HTMLResponse:
        return _page(pages, who, chosen(pages, newsletter))

    @router.post("/desk/publications/{number}/merged")
    def merge(
        number: IssueNumber,
        newsletter: str = Form(max_length=64),
        into: int = Form(ge=1, lt=2**63),
        onto: Onto = Form("duplicates"),
        who: Visitor = editor,
    ) -> Response:
        key = chosen(pages, newsletter)
        try:
            merge_into(pages, number, into, by=who.account.address)
        except IssueError as e:
            return _page(pages, who, key, refusal=f"{e}. {e.remedy}", status=409)
        return _back(pages, key, onto, into)

    @router.post("/desk/publications/{number}/apart")
    def apart(
        number: IssueNumber,
        newsletter: str = Form(max_length=64),
        onto: Onto = Form("duplicates"),
        who: Visitor = editor,
    ) -> Response:
        key = chosen(pages, newsletter)
        take_apart(pages, number, by=who.account.address)
        return _back(pages, key, onto, number)

    @router.post("/desk/publications/{number}/distinct")
    def distinct(
        number: IssueNumber,
        newsletter: str = Form(max_length=64),
        other: int = Form(ge=1, lt=2**63),
        distinct: bool = Form(),
        onto: Onto = Form("duplicates"),
        who: Visitor = editor,
    ) -> Response:
        key = chosen(pages, newsletter)
        say_distinct(pages, number, other, distinct=distinct, by=who.account.address)
        return _back(pages, key, onto, number)

    return router


def merge_into(pages: Pages, number: int, into: int, *, by: str) -> None:
    """Let publication *into* stand for *number*, on record; IssueError where it cannot, or 404."""
    with pages.database.write() as conn:
        gone, kept = _titles(conn, number, into)
        merges.merge(conn, number, into=into, now=pages.now(), by=by)
        distinctions.forget(conn, number, into)
        told = {"before": {"publication": gone}, "after": {"merged_into": kept}}
        _record(conn, pages, "merged two publications", told, by=by)


def take_apart(pages: Pages, number: int, *, by: str) -> None:
    """Let a merged publication stand for itself again, on record. Calling twice is safe."""
    with pages.database.write() as conn:
        known = publications.by_ids(conn, [number])
        if known and merges.undo(conn, number):
            told = {"after": {"publication": known[0].title}}
            _record(conn, pages, "undid a merge", told, by=by)


def say_distinct(pages: Pages, number: int, other: int, *, distinct: bool, by: str) -> None:
    """Say that two are two, or take that back, on record; 404. Calling twice is safe."""
    with pages.database.write() as conn:
        told = {"after": {"publications": _titles(conn, number, other)}}
        if distinct and distinctions.tell_apart(conn, number, other, now=pages.now(), by=by):
            _record(conn, pages, "told publications apart", told, by=by)
        elif not distinct and distinctions.forget(conn, number, other):
            _record(conn, pages, "undid telling apart", told, by=by)


def _record(conn: Connection, pages: Pages, what: str, detail: dict[str, Any], *, by: str) -> None:
    history.record(conn, None, what, actor=by, at=pages.now(), detail=detail)


def _titles(conn: Connection, *numbers: int) -> list[str]:
    """Return the titles of these publications; 404 unless each of them is there."""
    found = {each.id: each.title for each in publications.by_ids(conn, numbers)}
    if found.keys() != set(numbers):
        raise HTTPException(404)
    return [found[number] for number in numbers]


def _back(pages: Pages, newsletter: str, onto: Onto, number: int) -> Response:
    place = "duplicates" if onto == "duplicates" else str(number)
    return go(pages, f"/desk/publications/{place}?newsletter={newsletter}")


def _page(
    pages: Pages, who: Visitor, newsletter: str, *, refusal: str = "", status: int = 200
) -> HTMLResponse:
    with pages.database.read() as conn:
        recent = publications.candidates(conn, newsletter, since=pages.now() - SINCE)
        merged = merges.latest(conn, newsletter, most=MOST)
        distinct = distinctions.latest(conn, newsletter, most=MOST)
        pairs = _proposed(conn, alike(each for each in recent if not each.hidden))
    return desk_page(
        pages,
        who,
        "desk-duplicates.html",
        newsletter,
        here="publications",
        status=status,
        pairs=pairs[:MOST],
        merged=merged,
        distinct=distinct,
        days=SINCE.days,
        refusal=refusal,
    )


def _proposed(conn: Connection, pairs: list[Alike]) -> list[Alike]:
    """Return the pairs that no editor has told apart."""
    numbers = [
        (min(pair.first.id, pair.second.id), max(pair.first.id, pair.second.id)) for pair in pairs
    ]
    apart = distinctions.among(conn, numbers)
    return [pair for pair, told in zip(pairs, numbers, strict=True) if told not in apart]
