"""The board's forms: every act of an editor becomes edits, and never overwrites unseen ones."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING

from fastapi import APIRouter, Depends, Form
from starlette.exceptions import HTTPException
from starlette.responses import Response

from digest import weekly
from digest.errors import WrongState
from digest.model import Draft, Issue, Publication
from digest.store import drafts, history, publications
from digest.web.desk import wishes
from digest.web.desk.board import EDITABLE
from digest.web.desk.deciding import Step, decided
from digest.web.desk.layout import IssueNumber, desk_page, go, known_issue
from digest.web.desk.session import Visitor, acting
from digest.web.desk.wishes import Wish
from digest.web.pages import Pages

if TYPE_CHECKING:
    from sqlalchemy import Connection


def doors(pages: Pages) -> APIRouter:
    """Return the routes of the board's forms; all take an editor."""
    router = APIRouter()
    editing = Depends(acting(pages, "editor"))
    wished = Depends(wishes.wish)

    @router.post("/desk/issues/{issue_id}/edit")
    def edit(
        issue_id: IssueNumber, version: int = Form(), wish: Wish = wished, who: Visitor = editing
    ) -> Response:
        issue = known_issue(pages, issue_id)
        if issue.version != version:
            return _merge_page(pages, who, issue, wish)
        try:
            grant(pages, who.account.address, issue, wish)
        except WrongState:
            # Between our look and our writing somebody was quicker.
            return _merge_page(pages, who, known_issue(pages, issue_id), wish)
        return go(pages, f"/desk/issues/{issue_id}#{_place(wish)}")

    @router.post("/desk/issues/{issue_id}/refresh")
    def refresh(issue_id: IssueNumber, version: int = Form(), who: Visitor = editing) -> Response:
        return decided(pages, who, issue_id, version, refreshing(pages))

    return router


def refreshing(pages: Pages) -> Step:
    """Return the step that takes in what the feeds brought since; edits stay."""

    def step(issue: Issue, by: str, now: datetime) -> object:
        slot = weekly.slot_of(issue)
        return weekly.prepare(
            pages.database, pages.loaded, issue.of.newsletter, slot, now=now, actor=by
        )

    return step


def _place(wish: Wish) -> str:
    """Return the fragment of the page where the wish was made."""
    if wish.publication is None:
        return "main"
    about_theme = "label" in wish.words or wish.act in wishes.OF_THEME
    return f"theme-{wish.publication}" if about_theme else f"item-{wish.publication}"


def grant(pages: Pages, by: str, issue: Issue, wish: Wish) -> None:
    """Make the issue's edits what *wish* asks for; WrongState where somebody was quicker."""
    now = pages.now()
    if wish.act == "undo":
        weekly.undo(pages.database, pages.loaded, issue, now=now, actor=by)
        return
    if wish.act == "redo":
        weekly.redo(pages.database, pages.loaded, issue, now=now, actor=by)
        return
    with pages.database.read() as conn:
        draft = drafts.read(conn, issue.id)
        publication = _candidate(conn, draft, wish.publication)
    edits = wishes.granted(wish, draft, publication)
    if edits != draft.edits:
        weekly.edit(pages.database, pages.loaded, issue, edits, now=now, actor=by)


def _candidate(conn: Connection, draft: Draft, number: int | None) -> Publication | None:
    """Return the publication of that number; 422 if it is no candidate of the draft."""
    if number is None:
        return None
    found = publications.by_ids(conn, [number])
    if not found or all(each.publication != number for each in draft.candidates):
        raise HTTPException(422, "That publication is not among the candidates. Reload the page.")
    return found[0]


@dataclass(frozen=True, slots=True, kw_only=True)
class Conflict:
    """Words of which there are two versions now."""

    name: str
    theirs: str
    mine: str
    #: False where only one of the two changed what both had seen.
    clash: bool
    most: int


def _merge_page(pages: Pages, who: Visitor, issue: Issue, wish: Wish) -> Response:
    """
    Show what was asked for beside how the issue stands now; nothing was changed.

    Where it is too late for any change, the typed words are shown to be copied.
    """
    with pages.database.read() as conn:
        draft = drafts.read(conn, issue.id)
        last = history.last_change(conn, issue.id)
    now = wishes.shown(draft, wish.publication)
    titles = {each.publication: each.title for each in draft.candidates}
    conflicts = [
        Conflict(
            name=name,
            theirs=now.get(name, ""),
            mine=mine,
            clash=now.get(name, "") not in (wish.seen.get(name), mine),
            most=wishes.LENGTHS[name],
        )
        for name, mine in wish.typed.items()
    ]
    return desk_page(
        pages,
        who,
        "desk-merge.html",
        issue.of.newsletter,
        here="issues",
        status=409,
        issue=issue,
        wish=wish,
        late=issue.state not in EDITABLE,
        act=wishes.ACTS[wish.act],
        about=titles.get(wish.publication or 0, ""),
        conflicts=conflicts,
        last=last,
    )
