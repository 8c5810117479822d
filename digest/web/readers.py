"""The readers' pages: leaving and coming back, joining, the archive. No account, no cookie."""

from __future__ import annotations

from asyncio import wrap_future
from collections.abc import Callable
from typing import Annotated, Any

from fastapi import APIRouter, Form, Request
from starlette.responses import HTMLResponse, Response

from digest import readership
from digest.store.gathering import Gathering
from digest.web import archive, choosing, joining
from digest.web.doors import together
from digest.web.pages import Pages

_TOKEN_PAGE = {"x-robots-tag": "noindex"}


def doors(pages: Pages) -> APIRouter:
    """Return the routes that a mail's links lead to."""
    router = APIRouter()
    # First, as a mail provider's thousand are the most that ever come at once.
    _leaving(router, pages)
    router.routes += together(pages, joining, choosing, archive).routes
    return router


# --- leaving ------------------------------------------------------------------------------


def _leaving(router: APIRouter, pages: Pages) -> None:
    """RFC 8058: a POST leaves at once, whatever its body; opening the page does nothing."""

    def ask(token: str) -> HTMLResponse:
        seat = readership.seat(pages.database, pages.loaded, token)
        if seat.left:
            return _left(pages, seat, token)
        action = f"{pages.prefix}/unsubscribe/{token}"
        return _page(pages, "unsubscribe.html", seat, action=action)

    writer: Gathering[readership.Leaving, readership.Seat] = Gathering(
        pages.database, lambda conn, wishes: readership.leave_all(conn, pages.loaded, wishes)
    )

    async def leave(request: Request) -> Response:
        # No thread of its own: mail providers send thousands within a minute of an issue.
        token = request.path_params["token"]
        wish = readership.leaving(pages.loaded, token, now=pages.now())
        return _left(pages, await wrap_future(writer.ask(wish)), token)

    def undo(token: str) -> HTMLResponse:
        seat = readership.undo(pages.database, pages.loaded, token, now=pages.now())
        return _page(pages, "subscribed.html", seat)

    def why(token: str, reason: Annotated[str, Form()] = "") -> HTMLResponse:
        seat = readership.say_why(pages.database, pages.loaded, token, reason, now=pages.now())
        return _page(pages, "thanked.html", seat)

    router.add_api_route("/unsubscribe/{token}/reason", why, methods=["POST"])
    # With and without a slash at the end: a redirect would lose the POST.
    for slash in ("", "/"):
        router.add_api_route(f"/unsubscribe/{{token}}{slash}", ask, methods=["GET", "HEAD"])
        router.add_route(f"/unsubscribe/{{token}}{slash}", leave, methods=["POST"])
        router.add_api_route(f"/unsubscribe/{{token}}/undo{slash}", undo, methods=["POST"])


def _left(pages: Pages, seat: readership.Seat, token: str) -> HTMLResponse:
    undo = f"{pages.prefix}/unsubscribe/{token}/undo" if seat.can_return else ""
    why = f"{pages.prefix}/unsubscribe/{token}/reason" if seat.can_return else ""
    return _page(
        pages,
        "unsubscribed.html",
        seat,
        undo=undo,
        why=why,
        reasons=_reasons(pages.spoken(seat.newsletter, seat.language).gettext),
    )


def _reasons(_: Callable[[str], str]) -> dict[str, str]:
    """Return `readership.REASONS` in the reader's words."""
    return {
        "too-often": _("It comes too often"),
        "not-relevant": _("It is not about what I need"),
        "never-asked": _("I never asked for it"),
        "other": _("Another reason"),
    }


def _page(pages: Pages, template: str, seat: readership.Seat, **values: Any) -> HTMLResponse:
    return pages.page(
        template,
        newsletter=seat.newsletter,
        language=seat.language,
        headers=_TOKEN_PAGE,
        **values,
    )
