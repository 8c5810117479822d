"""Who the token speaks for, and who has an account."""

from __future__ import annotations

from datetime import datetime

from fastapi import Depends, FastAPI

from digest import staff
from digest.staff import Program, Scope
from digest.web.api import Out
from digest.web.deskapi.asking import holding
from digest.web.pages import Pages


class Person(Out):
    address: str
    role: str
    since: datetime
    second_factor: bool


class Me(Out):
    """Who the token speaks for, and what it may do now."""

    address: str
    role: str
    token: str
    scopes: list[str]


def add(desk: FastAPI, pages: Pages) -> None:
    """Add who the token speaks for, and the people of the desk."""
    any_token = Depends(holding(pages))

    @desk.get("/me")
    def me(who: Program = any_token) -> Me:
        """Who the token speaks for, and what it may do now."""
        return Me(
            address=who.account.address,
            role=who.account.role,
            token=who.token.name,
            scopes=[scope for scope in Scope if who.may(scope)],
        )

    @desk.get("/people", dependencies=[Depends(holding(pages, Scope.ADMIN))])
    def people() -> list[Person]:
        """Who has an account at the desk."""
        return [
            Person(
                address=each.address,
                role=each.role,
                since=each.created_at,
                second_factor=each.totp_since is not None,
            )
            for each in staff.listed(pages.database)
        ]
