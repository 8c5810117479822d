"""Who may come to the desk, and what each may do there."""

from __future__ import annotations

from datetime import datetime
from enum import StrEnum

from sqlalchemy import Connection

from digest.errors import DigestError
from digest.identity import address_key
from digest.store import Database, sessions
from digest.store import staff as store
from digest.store.history import Log, unlogged
from digest.store.staff import Account


class Role(StrEnum):
    """What an account may do; each includes those before it."""

    VIEWER = "viewer"  #: look
    EDITOR = "editor"  #: change the draft
    PUBLISHER = "publisher"  #: approve, hold, stop
    ADMIN = "admin"  #: accounts and settings

    def includes(self, other: Role) -> bool:
        order = list(Role)
        return order.index(self) >= order.index(other)


def add(
    database: Database, address: str, role: Role, *, now: datetime, log: Log = unlogged
) -> Account:
    """Add an account, or change the role of the one there. DigestError for no address."""
    valid = mailbox(address)
    with database.write() as conn:
        log(conn)
        return _given(conn, valid, role, now)


def mailbox(address: str) -> str:
    """Return *address* as it is kept; DigestError if it is none."""
    from email_validator import EmailNotValidError, validate_email

    try:
        valid = validate_email(address, check_deliverability=False, test_environment=True)
    except EmailNotValidError as e:
        raise DigestError(f"{address!r} is no address: {e}") from None
    return valid.normalized


def change_role(
    database: Database, address: str, role: Role, *, now: datetime, log: Log = unlogged
) -> Account:
    """Give an account another role, from its next click on. DigestError if there is none."""
    with database.write() as conn:
        log(conn)
        return _given(conn, known(conn, address).address, role, now)


def _given(conn: Connection, address: str, role: Role, now: datetime) -> Account:
    key = address_key(address)
    had = store.find(conn, key)
    account = store.put(conn, address, key, role, now=now)
    if had and not Role(had.role).includes(role):
        # Who may do more gets new secrets: one that was planted before opens less than that.
        sessions.to_renew(conn, account.id)
    return account


def account(database: Database, address: str) -> Account:
    """Return the account of that address; DigestError, with what to do, if there is none."""
    with database.read() as conn:
        return known(conn, address)


def listed(database: Database) -> list[Account]:
    """Return the accounts by address."""
    with database.read() as conn:
        return store.listed(conn)


def remove(database: Database, address: str, *, now: datetime, log: Log = unlogged) -> None:
    """Close the account of that address; its sessions and API tokens end at once."""
    with database.write() as conn:
        store.disable(conn, known(conn, address).id, now=now)
        log(conn)


def known(conn: Connection, address: str) -> Account:
    """Return the account of that address; DigestError, with what to do, if there is none."""
    account = store.find(conn, address_key(address))
    if account is None:
        raise DigestError(
            f"nobody at the desk has the address {address}",
            remedy=f"Run: digest people add {address} --role editor",
        )
    return account
