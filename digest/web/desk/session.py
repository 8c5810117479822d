"""Who is at the desk: the cookie, the roles, and proof that a form is ours."""

from __future__ import annotations

import hashlib
import hmac
from collections.abc import Callable
from dataclasses import dataclass

from fastapi import Form, Request
from starlette.exceptions import HTTPException
from starlette.responses import Response

from digest import staff
from digest.web.pages import Pages

COOKIE = "recap_desk"


class SignInNeeded(Exception):
    """The page is for people who are signed in."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Visitor:
    """Somebody signed in, and the token that their forms carry."""

    account: staff.Account
    csrf: str

    def may(self, role: str) -> bool:
        return staff.Role(self.account.role).includes(staff.Role(role))


def visitor(pages: Pages, request: Request) -> Visitor:
    """Return who sent the request; SignInNeeded if nobody we know."""
    secret = request.cookies.get(COOKIE, "")
    account = staff.session(pages.database, secret, now=pages.now()) if secret else None
    if account is None:
        raise SignInNeeded
    return Visitor(account=account, csrf=csrf_token(secret))


def csrf_token(secret: str) -> str:
    """Return what the forms of that session carry; another site cannot know it."""
    return hmac.new(secret.encode(), b"desk form", hashlib.sha256).hexdigest()


def looking(pages: Pages) -> Callable[[Request], Visitor]:
    """Return the dependency of a page that every account may see."""

    def signed_in(request: Request) -> Visitor:
        return visitor(pages, request)

    return signed_in


def acting(pages: Pages, role: str) -> Callable[..., Visitor]:
    """Return the dependency of a form that takes at least *role*, and came from our own page."""

    def allowed(request: Request, csrf: str = Form("")) -> Visitor:
        refuse_foreign(request)
        who = visitor(pages, request)
        if not hmac.compare_digest(csrf.encode(), who.csrf.encode()):
            raise HTTPException(403, "This form is not from your session. Reload the page.")
        if not who.may(role):
            raise HTTPException(403, f"Your account is a {who.account.role}'s; this takes a {role}")
        return who

    return allowed


def refuse_foreign(request: Request) -> None:
    """Raise 403 for a form that the browser says another site sent."""
    # Not Origin: with our no-referrer policy it is "null" on our own forms too.
    if request.headers.get("sec-fetch-site") in ("cross-site", "same-site"):
        raise HTTPException(403, "This form was sent from another site")


def remember(pages: Pages, response: Response, secret: str, *, seconds: int) -> None:
    """Put the session into a cookie that no script can read."""
    response.set_cookie(
        COOKIE,
        secret,
        max_age=seconds,
        path=pages.prefix or "/",
        secure=pages.loaded.settings.public_url.startswith("https:"),
        httponly=True,
        samesite="lax",
    )


def forget(pages: Pages, response: Response) -> None:
    response.delete_cookie(COOKIE, path=pages.prefix or "/")
