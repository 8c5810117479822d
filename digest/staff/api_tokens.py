"""Tokens of the API: what a program may, within what its owner may."""

from __future__ import annotations

import secrets
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from typing import TYPE_CHECKING

from digest.errors import DigestError
from digest.staff.accounts import Role
from digest.staff.sessions import hashed
from digest.staff.telling import Change, tell
from digest.store import Database
from digest.store import api_tokens as store
from digest.store.api_tokens import ApiToken
from digest.store.history import Log, unlogged
from digest.store.staff import Account

if TYPE_CHECKING:
    from digest.config import Loaded

#: What every token begins with, so that programs that look for lost secrets know it.
PREFIX = "recap_"
#: When a token was used is written down no oftener than that.
USED_EVERY = timedelta(minutes=1)
#: Names longer than this are nobody's.
LONGEST_NAME = 80


class Scope(StrEnum):
    """What a token may do."""

    ISSUES_READ = "issues:read"  #: issues, publications and feeds
    ISSUES_WRITE = "issues:write"  #: edit and hold drafts, send tests, change publications
    SEND = "send"  #: approve, pause, cancel, correct, send again, change the calendar
    SUBSCRIBERS_READ = "subscribers:read"  #: subscribers and what is known of them
    SUBSCRIBERS_WRITE = "subscribers:write"  #: unsubscribe, suppress and erase them
    ADMIN = "admin"  #: feeds, and who has an account

    @property
    def role(self) -> Role:
        """The least role that an owner needs for it."""
        return _LEAST[self]


_LEAST = {
    Scope.ISSUES_READ: Role.VIEWER,
    Scope.ISSUES_WRITE: Role.EDITOR,
    Scope.SEND: Role.PUBLISHER,
    Scope.SUBSCRIBERS_READ: Role.PUBLISHER,
    Scope.SUBSCRIBERS_WRITE: Role.ADMIN,
    Scope.ADMIN: Role.ADMIN,
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Program:
    """A program that showed a token."""

    account: Account
    token: ApiToken

    def may(self, scope: Scope) -> bool:
        """Tell whether the token has the scope, and its owner, as of now, the role for it."""
        return scope in self.token.scopes and Role(self.account.role).includes(scope.role)


def make_token(
    database: Database,
    loaded: Loaded,
    account: Account,
    *,
    name: str,
    scopes: Iterable[str],
    lasts: timedelta | None,
    now: datetime,
    log: Log = unlogged,
) -> str:
    """
    Return a new token of that account; it is told this once, and kept as a hash.

    DigestError for no name, no scope, one that there is not, or one beyond the account's role.
    """
    name = " ".join(name.split())
    if not name or len(name) > LONGEST_NAME:
        raise DigestError(
            f"a token needs a name of at most {LONGEST_NAME} letters",
            remedy="Say which program has it.",
        )
    asked = _scopes(scopes, account)
    secret = PREFIX + secrets.token_urlsafe(32)
    expires_at = now + lasts if lasts else None
    with database.write() as conn:
        store.put(
            conn,
            account.id,
            hashed(secret),
            name=name,
            scopes=asked,
            now=now,
            expires_at=expires_at,
        )
        tell(conn, loaded, account, Change.TOKEN, now=now, name=name)
        log(conn)
    return secret


def _scopes(written: Iterable[str], account: Account) -> set[Scope]:
    try:
        asked = {Scope(each) for each in written}
    except ValueError as e:
        raise DigestError(f"{e}; there are: {', '.join(Scope)}") from None
    if not asked:
        raise DigestError("a token without a scope opens nothing", remedy="Choose at least one.")
    for scope in sorted(asked):
        if not Role(account.role).includes(scope.role):
            raise DigestError(
                f"{account.address} is {account.role}; {scope} takes the role {scope.role}",
                remedy="Leave it out, or have an admin change the role.",
            )
    return asked


def program(database: Database, secret: str, *, now: datetime) -> Program | None:
    """Return which program shows that token, and write down that it did; None for none."""
    with database.read() as conn:
        found = store.opened(conn, hashed(secret), now=now)
    if found is None:
        return None
    account, token = found
    if token.used_at is None or now - token.used_at >= USED_EVERY:
        with database.write() as conn:
            store.use(conn, token.id, now=now)
    return Program(account=account, token=token)


def api_tokens(database: Database, account: int | None = None) -> list[ApiToken]:
    """Return the tokens of an account, or of all, that are not revoked."""
    with database.read() as conn:
        return store.listed(conn, account)


def revoke_token(
    database: Database,
    token: int,
    *,
    account: int | None = None,
    now: datetime,
    log: Log = unlogged,
) -> bool:
    """End a token, of that account or of anybody; False if there is none that still opens."""
    with database.write() as conn:
        revoked = store.revoke(conn, token, account=account, now=now)
        if revoked:
            log(conn)
    return revoked
