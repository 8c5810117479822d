"""Who asks: the token, its scopes, and what is written down of it."""

from __future__ import annotations

from collections.abc import Callable
from typing import Annotated

from fastapi import Security
from fastapi.security import HTTPAuthorizationCredentials, HTTPBearer
from pydantic import BaseModel, ConfigDict
from starlette.exceptions import HTTPException

from digest import staff
from digest.staff import Program, Scope
from digest.store import history
from digest.web.desk.session import logged
from digest.web.pages import Pages

_bearer = HTTPBearer(auto_error=False, description="A token made at the desk: API tokens.")


class Asked(BaseModel):
    model_config = ConfigDict(extra="forbid")


def holding(pages: Pages, scope: Scope | None = None) -> Callable[..., Program]:
    """Return the dependency of a route that takes a token with *scope*, or with any."""

    def allowed(
        shown: Annotated[HTTPAuthorizationCredentials | None, Security(_bearer)],
    ) -> Program:
        found = staff.program(pages.database, shown.credentials, now=pages.now()) if shown else None
        if found is None:
            raise HTTPException(
                401,
                "Show a token: Authorization: Bearer recap_…",
                {"www-authenticate": "Bearer"},
            )
        if scope and not found.may(scope):
            raise HTTPException(
                403,
                f"This takes a token with the scope {scope}, and the "
                f"role {scope.role} of whoever made it.",
            )
        return found

    return allowed


def known_newsletter(pages: Pages, newsletter: str) -> str:
    """Return the newsletter's key; 404 if the configuration has none of it."""
    if pages.newsletter(newsletter) is None:
        raise HTTPException(404, f"No newsletter is called {newsletter!r}.")
    return newsletter


def by_token(pages: Pages, who: Program, what: str, issue_id: int | None = None) -> history.Log:
    """Return what writes into the audit log which program did it, for the step that does."""
    after = {"token": who.token.name, "did": what}
    return logged(pages, who, "by API token", after=after, issue_id=issue_id)


def log(pages: Pages, who: Program, what: str, issue_id: int | None = None) -> None:
    """Say in the audit log which program did what has its own entry, under the token's owner."""
    with pages.database.write() as conn:
        by_token(pages, who, what, issue_id)(conn)
