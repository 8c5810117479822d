"""Accounts of the desk, their passwords and second factors; secrets are kept as hashes only."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, Row, delete, func, or_, select, update

from digest.store.schema import accounts, api_tokens, recovery_codes, sessions


@dataclass(frozen=True, slots=True, kw_only=True)
class Account:
    """Somebody who may come to the desk."""

    id: int
    address: str
    #: ``viewer``, ``editor``, ``publisher`` or ``admin``.
    role: str
    created_at: datetime
    #: Since when signing in takes a second factor; None without one.
    totp_since: datetime | None = None


COLUMNS = (
    accounts.c.id,
    accounts.c.address,
    accounts.c.role,
    accounts.c.created_at,
    accounts.c.totp_since,
)
_OPEN = accounts.c.disabled_at.is_(None)


def find(conn: Connection, address_key: str) -> Account | None:
    """Return the account of that address, unless it is disabled."""
    query = select(*COLUMNS).where(accounts.c.address_key == address_key, _OPEN)
    return told(conn.execute(query).one_or_none())


def by_id(conn: Connection, account: int) -> Account | None:
    """Return the account of that number, unless it is disabled."""
    query = select(*COLUMNS).where(accounts.c.id == account, _OPEN)
    return told(conn.execute(query).one_or_none())


def told(row: Row[*tuple[Any, ...]] | None) -> Account | None:
    """Return what a row of `COLUMNS` says."""
    return Account(**row._asdict()) if row else None


def listed(conn: Connection) -> list[Account]:
    """Return the accounts by address; the disabled are out."""
    query = select(*COLUMNS).where(_OPEN).order_by(accounts.c.address)
    return [Account(**row._asdict()) for row in conn.execute(query)]


def put(conn: Connection, address: str, address_key: str, role: str, *, now: datetime) -> Account:
    """Add an account, or give the one of that address another role; a disabled one is back."""
    changed = conn.execute(
        update(accounts)
        .where(accounts.c.address_key == address_key)
        .values(role=role, disabled_at=None)
    )
    if not changed.rowcount:
        conn.execute(
            accounts.insert().values(
                address=address, address_key=address_key, role=role, created_at=now
            )
        )
    account = find(conn, address_key)
    assert account is not None  # noqa: S101 - written above
    return account


def is_taken(conn: Connection, address_key: str) -> bool:
    """Tell whether an account has that address, be it disabled."""
    query = select(accounts.c.id).where(accounts.c.address_key == address_key)
    return conn.execute(query).first() is not None


def move(conn: Connection, account: int, address: str, address_key: str) -> None:
    """Give an account another address, which no account may have."""
    values = {"address": address, "address_key": address_key}
    conn.execute(update(accounts).where(accounts.c.id == account).values(values))


def disable(conn: Connection, account: int, *, now: datetime) -> None:
    """Close an account; its sessions, links, tokens, password and second factor open nothing."""
    conn.execute(
        update(accounts).where(accounts.c.id == account).values(disabled_at=now, password=None)
    )
    conn.execute(delete(sessions).where(sessions.c.account_id == account))
    conn.execute(
        update(api_tokens)
        .where(api_tokens.c.account_id == account, api_tokens.c.revoked_at.is_(None))
        .values(revoked_at=now)
    )
    drop_factor(conn, account)


# --- passwords ----------------------------------------------------------------------------


def password(conn: Connection, address_key: str) -> tuple[Account, str] | None:
    """Return the account of that address and its password's hash; None without a password."""
    query = select(*COLUMNS, accounts.c.password).where(
        accounts.c.address_key == address_key, _OPEN, accounts.c.password.is_not(None)
    )
    row = conn.execute(query).one_or_none()
    if row is None:
        return None
    named = row._asdict()
    hashed = named.pop("password")
    return Account(**named), hashed


def has_password(conn: Connection, account: int) -> bool:
    """Tell whether that account can sign in by a password."""
    query = select(accounts.c.password.is_not(None)).where(accounts.c.id == account)
    return bool(conn.execute(query).scalar())


def keep_password(conn: Connection, account: int, hashed: str) -> None:
    """Keep the hash of an account's password."""
    conn.execute(update(accounts).where(accounts.c.id == account).values(password=hashed))


# --- second factors -----------------------------------------------------------------------


def factor(conn: Connection, account: int) -> str | None:
    """Return the salt of the account's second factor, set up or being set up; None without one."""
    query = select(accounts.c.totp_salt).where(accounts.c.id == account)
    return conn.execute(query).scalar()


def offer_factor(conn: Connection, account: int, salt: str) -> None:
    """Keep the salt of a second factor that is being set up; one that counts stays."""
    conn.execute(
        update(accounts)
        .where(accounts.c.id == account, accounts.c.totp_since.is_(None))
        .values(totp_salt=salt, totp_step=None)
    )


def confirm_factor(conn: Connection, account: int, *, now: datetime) -> None:
    """Let the second factor that was set up count from *now* on."""
    conn.execute(update(accounts).where(accounts.c.id == account).values(totp_since=now))


def use_step(conn: Connection, account: int, step: int) -> bool:
    """Use the code of that step up; False if it, or a later one, was used before."""
    used = conn.execute(
        update(accounts)
        .where(
            accounts.c.id == account,
            or_(accounts.c.totp_step.is_(None), accounts.c.totp_step < step),
        )
        .values(totp_step=step)
    )
    return used.rowcount == 1


def drop_factor(conn: Connection, account: int) -> None:
    """Take the second factor and its recovery codes away. Calling twice is safe."""
    conn.execute(
        update(accounts)
        .where(accounts.c.id == account)
        .values(totp_salt=None, totp_since=None, totp_step=None)
    )
    keep_codes(conn, account, ())


def keep_codes(conn: Connection, account: int, hashes: Iterable[str]) -> None:
    """Keep the hashes of new recovery codes; those from before open nothing any more."""
    conn.execute(delete(recovery_codes).where(recovery_codes.c.account_id == account))
    rows = [{"account_id": account, "code_hash": each} for each in hashes]
    if rows:
        conn.execute(recovery_codes.insert(), rows)


def use_code(conn: Connection, account: int, code_hash: str) -> bool:
    """Use a recovery code up; False if it is none of the account's."""
    mine = (recovery_codes.c.account_id == account) & (recovery_codes.c.code_hash == code_hash)
    return conn.execute(delete(recovery_codes).where(mine)).rowcount == 1


def codes_left(conn: Connection, account: int) -> int:
    """Return how many recovery codes the account has left."""
    query = select(func.count()).where(recovery_codes.c.account_id == account)
    return int(conn.execute(query).scalar_one())
