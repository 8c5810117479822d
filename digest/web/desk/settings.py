"""The settings in force: each value, where it comes from, and how to change it."""

from __future__ import annotations

from fastapi import APIRouter, Depends, Query
from starlette.responses import HTMLResponse

from digest.config import Origin, Setting
from digest.web.desk.layout import chosen, desk_page
from digest.web.desk.session import Visitor, looking
from digest.web.pages import Pages


def doors(pages: Pages) -> APIRouter:
    """Return the route of the settings; looking at them takes an admin."""
    router = APIRouter()

    @router.get("/desk/settings")
    def settings(
        who: Visitor = Depends(looking(pages, "admin")),
        newsletter: str = "",
        everything: bool = Query(False, alias="all"),
    ) -> HTMLResponse:
        loaded = pages.loaded
        shown = [each for each in loaded.origins() if everything or each.origin != Origin.DEFAULT]
        return desk_page(
            pages,
            who,
            "desk-settings.html",
            chosen(pages, newsletter),
            here="settings",
            parts=_parts(shown),
            all=everything,
            path=loaded.path,
            warnings=loaded.warnings,
        )

    return router


def _parts(shown: list[Setting]) -> dict[str, list[Setting]]:
    parts: dict[str, list[Setting]] = {}
    for each in shown:
        parts.setdefault(_part(each), []).append(each)
    return parts


def _part(setting: Setting) -> str:
    """Return the heading that a setting stands under: its newsletter, or its first word."""
    first, _, rest = setting.key.partition(".")
    if first == "newsletters":
        return f"{first}.{rest.partition('.')[0]}"
    return first.partition("[")[0] if rest or "[" in first else ""
