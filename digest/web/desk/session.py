"""Who is at the desk: the cookie, the roles, and proof that a form is ours."""

from __future__ import annotations

import hashlib
import hmac
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from math import ceil
from typing import Any

from fastapi import Form, Request
from starlette.exceptions import HTTPException
from starlette.responses import Response

from digest import readership, staff
from digest.errors import TooManyGuesses
from digest.store import history
from digest.web.joining import asker
from digest.web.pages import Pages
from digest.web.words import count

COOKIE = "recap_desk"


class SignInNeeded(Exception):
    """The page is for people who are signed in."""


class SessionRenews(Exception):
    """The session takes another secret before it shows the page."""

    def __init__(self, secret: str) -> None:
        super().__init__()
        self.secret = secret


@dataclass(frozen=True, slots=True, kw_only=True)
class Visitor:
    """Somebody signed in, and the token that their forms carry."""

    account: staff.Account
    csrf: str
    #: Which of the account's sessions this browser has; "" before the second factor.
    session: str = ""

    def may(self, role: str) -> bool:
        return staff.Role(self.account.role).includes(staff.Role(role))


def visitor(pages: Pages, request: Request) -> Visitor:
    """
    Return who sent the request; SignInNeeded if nobody we know.

    SessionRenews at the first page after the account was given a greater role.
    """
    secret = request.cookies.get(COOKIE, "")
    found = staff.signed(pages.database, secret, now=pages.now()) if secret else None
    if found is None:
        raise SignInNeeded
    if found.session.renews and request.method == "GET":
        raise SessionRenews(secret)
    return Visitor(account=found.account, csrf=csrf_token(secret), session=found.session.name)


def half_way(pages: Pages, request: Request, *, csrf: str | None = None) -> Visitor | None:
    """Return who owes the second factor; None for nobody, 403 for a form that is not theirs."""
    secret = request.cookies.get(COOKIE, "")
    account = staff.half_signed(pages.database, secret, now=pages.now()) if secret else None
    if account is None:
        return None
    who = Visitor(account=account, csrf=csrf_token(secret))
    if csrf is not None:
        refuse_forged(who, csrf)
    return who


def csrf_token(secret: str) -> str:
    """Return what the forms of that session carry; another site cannot know it."""
    return hmac.new(secret.encode(), b"desk form", hashlib.sha256).hexdigest()


def looking(pages: Pages, role: str = "viewer") -> Callable[[Request], Visitor]:
    """Return the dependency of a page that takes at least *role*; every account has the least."""

    def signed_in(request: Request) -> Visitor:
        who = visitor(pages, request)
        refuse_lesser(who, role)
        return who

    return signed_in


def acting(pages: Pages, role: str) -> Callable[..., Visitor]:
    """Return the dependency of a form that takes at least *role*, and came from our own page."""

    def allowed(request: Request, csrf: str = Form("")) -> Visitor:
        refuse_foreign(request)
        who = visitor(pages, request)
        refuse_forged(who, csrf)
        refuse_lesser(who, role)
        return who

    return allowed


def logged(
    pages: Pages,
    who: Visitor | staff.Program,
    what: str,
    *,
    before: Mapping[str, Any] | None = None,
    after: Mapping[str, Any],
    issue_id: int | None = None,
) -> history.Log:
    """Return what writes into the audit log that *who* did it, for the step that does."""
    detail = {"before": before or {}, "after": after}
    by, now = who.account.address, pages.now()
    return history.entry(what, actor=by, at=now, detail=detail, issue_id=issue_id)


def refuse_lesser(who: Visitor, role: str) -> None:
    """Raise 403 for somebody whose role does not include *role*."""
    if not who.may(role):
        raise HTTPException(403, f"Your account is a {who.account.role}'s; this takes a {role}")


def refuse_forged(who: Visitor, csrf: str) -> None:
    """Raise 403 for a form that does not carry the session's token."""
    if not hmac.compare_digest(csrf.encode(), who.csrf.encode()):
        raise HTTPException(403, "This form is not from your session. Reload the page.")


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


#: A path of ours in plain ASCII. Browsers read two slashes, or a backslash, as another host.
_PATH = re.compile(r"/(?![/\\])[!-\[\]-~]*")


def onward(path: str) -> str:
    """Return *path* if it is a place on our own site, else the desk's first page."""
    return path if _PATH.fullmatch(path) else "/"


def asked_from(request: Request) -> str:
    """Return the network that the request comes from; "" where it is not known."""
    return readership.prefix_of(asker(request))


def wait_of(refused: TooManyGuesses) -> str:
    """Return what to tell somebody who guessed too often."""
    seconds = refused.seconds
    wait = count(ceil(seconds / 60), "minute") if seconds > 60 else count(seconds, "second")
    return f"Too many wrong guesses. Wait {wait}, then try again"
