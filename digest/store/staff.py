"""Accounts of the desk, their one-time links and sessions; secrets are kept as hashes only."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import Connection, delete, func, select, update

from digest.store.schema import accounts, sessions


@dataclass(frozen=True, slots=True, kw_only=True)
class Account:
    """Somebody who may come to the desk."""

    id: int
    address: str
    #: ``viewer``, ``editor``, ``publisher`` or ``admin``.
    role: str
    created_at: datetime


_COLUMNS = (accounts.c.id, accounts.c.address, accounts.c.role, accounts.c.created_at)


def find(conn: Connection, address_key: str) -> Account | None:
    """Return the account of that address, unless it is disabled."""
    row = conn.execute(
        select(*_COLUMNS).where(
            accounts.c.address_key == address_key, accounts.c.disabled_at.is_(None)
        )
    ).one_or_none()
    return Account(**row._asdict()) if row else None


def listed(conn: Connection) -> list[Account]:
    """Return the accounts by address; the disabled are out."""
    query = select(*_COLUMNS).where(accounts.c.disabled_at.is_(None)).order_by(accounts.c.address)
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


def password(conn: Connection, address_key: str) -> tuple[Account, str] | None:
    """Return the account of that address and its password's hash; None without a password."""
    query = select(*_COLUMNS, accounts.c.password).where(
        accounts.c.address_key == address_key,
        accounts.c.disabled_at.is_(None),
        accounts.c.password.is_not(None),
    )
    row = conn.execute(query).one_or_none()
    if row is None:
        return None
    told = row._asdict()
    hashed = told.pop("password")
    return Account(**told), hashed


def keep_password(conn: Connection, account: int, hashed: str) -> None:
    """Keep the hash of an account's password."""
    conn.execute(update(accounts).where(accounts.c.id == account).values(password=hashed))


def end_all(conn: Connection, account: int) -> None:
    """End all sessions and links of that account. Calling twice is safe."""
    conn.execute(delete(sessions).where(sessions.c.account_id == account))


def browsers(conn: Connection, *, now: datetime) -> dict[int, int]:
    """Return in how many browsers each account is signed in; 0 for one that is nowhere."""
    live = (sessions.c.kind == "session") & (sessions.c.expires_at > now)
    query = (
        select(accounts.c.id, func.count(sessions.c.secret_hash))
        .outerjoin(sessions, (sessions.c.account_id == accounts.c.id) & live)
        .group_by(accounts.c.id)
    )
    return {row[0]: row[1] for row in conn.execute(query)}


def disable(conn: Connection, account: int, *, now: datetime) -> None:
    """Close an account and forget its password; its sessions end, its links open nothing."""
    conn.execute(
        update(accounts).where(accounts.c.id == account).values(disabled_at=now, password=None)
    )
    end_all(conn, account)


def admit(
    conn: Connection,
    account: int,
    secret_hash: str,
    *,
    kind: str,
    now: datetime,
    expires_at: datetime,
) -> None:
    """Keep a ``link`` or a ``session`` of that account."""
    conn.execute(
        sessions.insert().values(
            secret_hash=secret_hash,
            kind=kind,
            account_id=account,
            created_at=now,
            expires_at=expires_at,
        )
    )


def use_up(conn: Connection, secret_hash: str, *, now: datetime) -> Account | None:
    """Return whose one-time link this is, and use it up; None if it opens nothing any more."""
    used = conn.execute(
        update(sessions)
        .where(
            sessions.c.secret_hash == secret_hash,
            sessions.c.kind == "link",
            sessions.c.used_at.is_(None),
            sessions.c.expires_at > now,
        )
        .values(used_at=now)
    )
    return _owner(conn, secret_hash) if used.rowcount == 1 else None


def session(conn: Connection, secret_hash: str, *, now: datetime) -> Account | None:
    """Return whose session this is; None if it expired, was ended, or never was."""
    there = conn.execute(
        select(sessions.c.account_id).where(
            sessions.c.secret_hash == secret_hash,
            sessions.c.kind == "session",
            sessions.c.expires_at > now,
        )
    ).one_or_none()
    return _owner(conn, secret_hash) if there else None


def end(conn: Connection, secret_hash: str) -> None:
    """End a session. Calling twice is safe."""
    conn.execute(delete(sessions).where(sessions.c.secret_hash == secret_hash))


def forget_expired(conn: Connection, *, now: datetime) -> None:
    """Remove links and sessions whose time is over."""
    conn.execute(delete(sessions).where(sessions.c.expires_at <= now))


def _owner(conn: Connection, secret_hash: str) -> Account | None:
    row = conn.execute(
        select(*_COLUMNS)
        .join(sessions, sessions.c.account_id == accounts.c.id)
        .where(sessions.c.secret_hash == secret_hash, accounts.c.disabled_at.is_(None))
    ).one_or_none()
    return Account(**row._asdict()) if row else None
