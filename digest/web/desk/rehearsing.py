"""Past weeks rehearsed: what today's rules would have made of them, beside what was sent."""

from __future__ import annotations

from fastapi import APIRouter, Depends, Form
from starlette.responses import HTMLResponse, Response

from digest import weekly
from digest.store import tasks
from digest.web.desk import beside
from digest.web.desk.layout import chosen, desk_page, go
from digest.web.desk.session import Visitor, acting, looking
from digest.web.pages import Pages

KIND = "rehearsal"
#: How many weeks can be asked for.
WEEKS = (4, 8, 13, 26)


def doors(pages: Pages) -> APIRouter:
    """Return the routes of the rehearsal; asking for one takes an editor."""
    router = APIRouter()

    @router.get("/desk/rehearsal")
    def rehearsal(who: Visitor = Depends(looking(pages)), newsletter: str = "") -> HTMLResponse:
        key = chosen(pages, newsletter)
        with pages.database.read() as conn:
            task = tasks.last(conn, key, KIND)
        return desk_page(
            pages, who, "desk-rehearsal.html", key, here="rules", task=task, choices=WEEKS
        )

    @router.post("/desk/rehearsal")
    def ask(
        newsletter: str = Form(max_length=64),
        weeks: int = Form(ge=1, le=max(WEEKS)),
        who: Visitor = Depends(acting(pages, "editor")),
    ) -> Response:
        key, now, loaded = chosen(pages, newsletter), pages.now(), pages.loaded

        def work(told: beside.Told) -> object:
            return weekly.rehearse(pages.database, loaded, key, weeks=weeks, now=now, told=told)

        beside.begin(pages, who, key, KIND, work, asked={"weeks": weeks})
        return go(pages, f"/desk/rehearsal?newsletter={key}")

    return router
