"""
Accounts of the desk: who may come, by which link, for how long.

Signing in is by a one-time link that an operator prints, or by a password. Guesses are
slowed by argon2id (RFC 9106) alone so far: a door that takes passwords has to limit them.
"""

from __future__ import annotations

import hashlib
import secrets
import unicodedata
from datetime import datetime, timedelta
from enum import StrEnum
from functools import cache
from typing import TYPE_CHECKING

from sqlalchemy import Connection

from digest.errors import BadToken, DigestError
from digest.identity import address_key
from digest.store import Database
from digest.store import staff as store
from digest.store.staff import Account

if TYPE_CHECKING:
    from argon2 import PasswordHasher

    from digest.config import Loaded

__all__ = [
    "SESSION_SECONDS",
    "Account",
    "Role",
    "add",
    "browsers",
    "change_role",
    "desk_url",
    "link",
    "listed",
    "one_time_link",
    "remove",
    "session",
    "set_password",
    "sign_in",
    "sign_in_by_password",
    "sign_out",
    "sign_out_everywhere",
]

#: How long a one-time link waits for its click.
LINK_LASTS = timedelta(hours=24)
SESSION_SECONDS = 14 * 24 * 3600
#: NIST SP 800-63B section 3.1.1.2 asks for 15 where a password is all there is; the most
#: only bounds what a stranger can make us hash.
PASSWORD_LETTERS = range(15, 257)


class Role(StrEnum):
    """What an account may do; each includes those before it."""

    VIEWER = "viewer"  #: look
    EDITOR = "editor"  #: change the draft
    PUBLISHER = "publisher"  #: approve, hold, stop
    ADMIN = "admin"  #: accounts and settings

    def includes(self, other: Role) -> bool:
        order = list(Role)
        return order.index(self) >= order.index(other)


def add(database: Database, address: str, role: Role, *, now: datetime) -> Account:
    """Add an account, or change the role of the one there. DigestError for no address."""
    from email_validator import EmailNotValidError, validate_email

    try:
        valid = validate_email(address, check_deliverability=False, test_environment=True)
    except EmailNotValidError as e:
        raise DigestError(f"{address!r} is no address: {e}") from None
    with database.write() as conn:
        return store.put(conn, valid.normalized, address_key(valid.normalized), role, now=now)


def change_role(database: Database, address: str, role: Role, *, now: datetime) -> Account:
    """Give an account another role, from its next click on. DigestError if there is none."""
    key = address_key(address)
    with database.write() as conn:
        account = _known(store.find(conn, key), address)
        return store.put(conn, account.address, key, role, now=now)


def listed(database: Database) -> list[Account]:
    """Return the accounts by address."""
    with database.read() as conn:
        return store.listed(conn)


def remove(database: Database, address: str, *, now: datetime) -> None:
    """Close the account of that address; its sessions end at once."""
    with database.write() as conn:
        store.disable(conn, _known(store.find(conn, address_key(address)), address).id, now=now)


def browsers(database: Database, *, now: datetime) -> dict[int, int]:
    """Return in how many browsers each account is signed in."""
    with database.read() as conn:
        return store.browsers(conn, now=now)


def sign_out_everywhere(database: Database, address: str) -> None:
    """End all sessions and one-time links of that account. Calling twice is safe."""
    with database.write() as conn:
        store.end_all(conn, _known(store.find(conn, address_key(address)), address).id)


def link(database: Database, address: str, *, now: datetime) -> str:
    """Return a secret that signs the account of *address* in, once, within a day."""
    secret = secrets.token_urlsafe(32)
    with database.write() as conn:
        store.forget_expired(conn, now=now)
        account = _known(store.find(conn, address_key(address)), address)
        store.admit(
            conn, account.id, _hash(secret), kind="link", now=now, expires_at=now + LINK_LASTS
        )
    return secret


def one_time_link(database: Database, loaded: Loaded, address: str, *, now: datetime) -> str:
    """
    Return an address that signs *address* in, once; an unknown one becomes an account.

    The first account of an installation is an admin, every further one a viewer.
    """
    with database.read() as conn:
        known = store.find(conn, address_key(address))
        first = not store.listed(conn)
    if known is None:
        add(database, address, Role.ADMIN if first else Role.VIEWER, now=now)
    return f"{desk_url(loaded)}/sign-in/{link(database, address, now=now)}"


def desk_url(loaded: Loaded) -> str:
    """Return where the desk is reached, without a slash at the end."""
    return loaded.settings.public_url.rstrip("/")


def sign_in(database: Database, secret: str, *, now: datetime) -> str:
    """
    Use a one-time link up and return the secret of a new session.

    BadToken if it was used before, has expired, or never was.
    """
    with database.write() as conn:
        account = store.use_up(conn, _hash(secret), now=now)
        if account is None:
            raise BadToken(
                "this sign-in link was used before or has expired",
                remedy="Ask for a fresh one: digest people link ADDRESS",
            )
        return _begun(conn, account, now)


def set_password(database: Database, address: str, password: str) -> None:
    """
    Give an account a password; its sessions and links end. DigestError for a short one.
    """
    if len(password) not in PASSWORD_LETTERS:
        raise DigestError(
            f"the password has {len(password)} letters",
            remedy=f"Take {PASSWORD_LETTERS[0]} to {PASSWORD_LETTERS[-1]}: a few words will do.",
        )
    hashed = _hasher().hash(_plain(password))
    with database.write() as conn:
        account = _known(store.find(conn, address_key(address)), address)
        store.keep_password(conn, account.id, hashed)
        store.end_all(conn, account.id)


def sign_in_by_password(database: Database, address: str, password: str, *, now: datetime) -> str:
    """
    Return the secret of a new session.

    BadToken for a wrong password as for an unknown address, after as long a time. A hash of
    older strength is renewed.
    """
    from argon2.exceptions import VerificationError

    with database.read() as conn:
        found = store.password(conn, address_key(address))
    account, hashed = found or (None, _nobodys())
    try:
        _hasher().verify(hashed, _plain(password[: PASSWORD_LETTERS.stop]))
    except VerificationError:
        account = None
    if account is None:
        raise BadToken("address or password is wrong", remedy="Ask for a sign-in link instead.")
    weak = _hasher().check_needs_rehash(hashed)
    fresh = _hasher().hash(_plain(password)) if weak else hashed
    with database.write() as conn:
        if weak:
            store.keep_password(conn, account.id, fresh)
        return _begun(conn, account, now)


def _begun(conn: Connection, account: Account, now: datetime) -> str:
    secret = secrets.token_urlsafe(32)
    expires_at = now + timedelta(seconds=SESSION_SECONDS)
    store.admit(conn, account.id, _hash(secret), kind="session", now=now, expires_at=expires_at)
    return secret


@cache
def _hasher() -> PasswordHasher:
    from argon2 import PasswordHasher

    return PasswordHasher()


@cache
def _nobodys() -> str:
    """Return a hash that no password fits, so that an unknown address takes as long."""
    return _hasher().hash(secrets.token_urlsafe(32))


def _plain(password: str) -> str:
    # One password, however the keyboard composes its letters.
    return unicodedata.normalize("NFKC", password)


def session(database: Database, secret: str, *, now: datetime) -> Account | None:
    """Return who is signed in by that secret; None if nobody is."""
    with database.read() as conn:
        return store.session(conn, _hash(secret), now=now)


def sign_out(database: Database, secret: str) -> None:
    """End the session of that secret. Calling twice is safe."""
    with database.write() as conn:
        store.end(conn, _hash(secret))


def _known(account: Account | None, address: str) -> Account:
    if account is None:
        raise DigestError(
            f"nobody at the desk has the address {address}",
            remedy=f"Run: digest people add {address} --role editor",
        )
    return account


def _hash(secret: str) -> str:
    # A secret of 256 random bits needs no slow hash: it cannot be guessed.
    return hashlib.sha256(secret.encode()).hexdigest()
