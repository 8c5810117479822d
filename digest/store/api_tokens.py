"""What programs show instead of a session: tokens of the API, kept as hashes only."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, Select, or_, select, update

from digest.store.schema import accounts, api_tokens
from digest.store.staff import COLUMNS, Account, told


@dataclass(frozen=True, slots=True, kw_only=True)
class ApiToken:
    """A token of the API, without its secret."""

    id: int
    account_id: int
    #: The account's address.
    whose: str
    name: str
    scopes: tuple[str, ...]
    created_at: datetime
    #: None: until it is revoked.
    expires_at: datetime | None
    used_at: datetime | None


_COLUMNS = (
    api_tokens.c.id,
    api_tokens.c.account_id,
    accounts.c.address.label("whose"),
    api_tokens.c.name,
    api_tokens.c.scopes,
    api_tokens.c.created_at,
    api_tokens.c.expires_at,
    api_tokens.c.used_at,
)
_OPEN = api_tokens.c.revoked_at.is_(None) & accounts.c.disabled_at.is_(None)


def put(
    conn: Connection,
    account: int,
    secret_hash: str,
    *,
    name: str,
    scopes: Iterable[str],
    now: datetime,
    expires_at: datetime | None,
) -> int:
    """Keep a token of that account; return its number."""
    statement = api_tokens.insert().values(
        account_id=account,
        name=name,
        secret_hash=secret_hash,
        scopes=sorted(scopes),
        created_at=now,
        expires_at=expires_at,
    )
    return int(conn.execute(statement.returning(api_tokens.c.id)).scalar_one())


def opened(conn: Connection, secret_hash: str, *, now: datetime) -> tuple[Account, ApiToken] | None:
    """Return whose token that is, and what it may; None if it opens nothing any more."""
    query = _joined().where(
        api_tokens.c.secret_hash == secret_hash,
        or_(api_tokens.c.expires_at.is_(None), api_tokens.c.expires_at > now),
    )
    row = conn.execute(query).one_or_none()
    if row is None:
        return None
    token = _token(row._asdict())
    query = select(*COLUMNS).where(accounts.c.id == token.account_id)
    account = told(conn.execute(query).one_or_none())
    return (account, token) if account else None


def listed(conn: Connection, account: int | None = None) -> list[ApiToken]:
    """Return the tokens that are not revoked, expired ones too; of one account, or of all."""
    query = _joined().order_by(accounts.c.address, api_tokens.c.id)
    if account is not None:
        query = query.where(api_tokens.c.account_id == account)
    return [_token(row._asdict()) for row in conn.execute(query)]


def use(conn: Connection, token: int, *, now: datetime) -> None:
    """Write down that a token was used."""
    conn.execute(update(api_tokens).where(api_tokens.c.id == token).values(used_at=now))


def revoke(conn: Connection, token: int, *, account: int | None = None, now: datetime) -> bool:
    """End a token, of that account or of anybody; False if there is none that still opens."""
    query = update(api_tokens).where(api_tokens.c.id == token, api_tokens.c.revoked_at.is_(None))
    if account is not None:
        query = query.where(api_tokens.c.account_id == account)
    return conn.execute(query.values(revoked_at=now)).rowcount == 1


def _joined() -> Select[Any]:
    return select(*_COLUMNS).join(accounts, accounts.c.id == api_tokens.c.account_id).where(_OPEN)


def _token(row: dict[str, Any]) -> ApiToken:
    return ApiToken(**row | {"scopes": tuple(row["scopes"])})
