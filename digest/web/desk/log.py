"""The audit log: who did what, when, and what it was before."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Any

from fastapi import APIRouter, Depends, Query
from starlette.responses import HTMLResponse

from digest.store import history
from digest.web.desk.layout import chosen, desk_page
from digest.web.desk.session import Visitor, looking
from digest.web.pages import Pages

#: Entries on a page.
PAGE = 50

#: Longer values are cut here; the database keeps them whole.
MOST_LETTERS = 300


@dataclass(frozen=True, slots=True, kw_only=True)
class Entry:
    """One line of the log."""

    id: int
    at: datetime
    actor: str
    what: str
    issue_id: int | None
    #: The issue's closing day; "" where it is about none.
    key: str
    #: Name, before and after of what differs.
    changes: tuple[tuple[str, str, str], ...]


def doors(pages: Pages) -> APIRouter:
    """Return the route of the log; every account may read it."""
    router = APIRouter()

    @router.get("/desk/log")
    def log(
        who: Visitor = Depends(looking(pages)),
        newsletter: str = "",
        actor: str = Query("", max_length=254),
        before: int | None = Query(None, ge=1, lt=2**63),
    ) -> HTMLResponse:
        key, asked = chosen(pages, newsletter), actor.strip()
        with pages.database.read() as conn:
            found = history.page(conn, newsletter=key, actor=asked, before=before, most=PAGE + 1)
        return desk_page(
            pages,
            who,
            "desk-log.html",
            key,
            here="log",
            rows=[_entry(each) for each in found[:PAGE]],
            more=len(found) > PAGE,
            actor=asked,
        )

    return router


def _entry(event: history.Event) -> Entry:
    detail = event.detail
    if "after" in detail:
        changes = differences(detail.get("before") or {}, detail["after"] or {})
    else:
        changes = differences({}, {name: each for name, each in detail.items() if each})
    return Entry(
        id=event.id,
        at=event.at,
        actor=event.actor,
        what=event.what,
        issue_id=event.issue_id,
        key=event.key,
        changes=changes,
    )


def differences(before: dict[str, Any], after: dict[str, Any]) -> tuple[tuple[str, str, str], ...]:
    """Return (name, before, after) of each value that is not the same, as text."""
    names = [*before, *(name for name in after if name not in before)]
    return tuple(
        (name.replace("_", " "), _text(before.get(name)), _text(after.get(name)))
        for name in names
        if before.get(name) != after.get(name)
    )


def _text(value: Any) -> str:
    match value:
        case None | "" | [] | {}:
            return ""
        case dict():
            said = "; ".join(f"{name}: {_text(each)}" for name, each in value.items())
        case list() | tuple():
            said = ", ".join(_text(each) for each in value)
        case _:
            said = str(value)
    return said if len(said) <= MOST_LETTERS else f"{said[:MOST_LETTERS]}…"
