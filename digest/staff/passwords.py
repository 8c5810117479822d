"""Passwords: hashed by argon2id, set at the desk, at the command line, or by a mailed link."""

from __future__ import annotations

import secrets
import unicodedata
from datetime import datetime
from functools import cache
from typing import TYPE_CHECKING

from sqlalchemy import Connection

from digest.errors import BadToken, DigestError
from digest.identity import address_key
from digest.staff import guesses
from digest.staff.accounts import known
from digest.staff.sessions import hashed
from digest.staff.telling import Change, tell
from digest.store import Database, sessions
from digest.store import staff as store
from digest.store.history import Log, unlogged
from digest.store.staff import Account

if TYPE_CHECKING:
    from argon2 import PasswordHasher

    from digest.config import Loaded

#: NIST SP 800-63B section 3.1.1.2 asks for 15 where a password is all there is; the most
#: only bounds what a stranger can make us hash.
PASSWORD_LETTERS = range(15, 257)


def set_password(
    database: Database,
    loaded: Loaded,
    address: str,
    password: str,
    *,
    now: datetime,
    log: Log = unlogged,
) -> None:
    """
    Give an account a password; its sessions and links end, and its address is told.

    DigestError for a short one.
    """
    fresh = hash_of(password)
    with database.write() as conn:
        _keep(conn, loaded, known(conn, address), fresh, now)
        log(conn)


def change_password(
    database: Database,
    loaded: Loaded,
    account: Account,
    *,
    old: str,
    new: str,
    session: str,
    now: datetime,
    log: Log = unlogged,
) -> None:
    """
    Give somebody who is signed in another password; all but the named *session* end.

    BadToken where the account has a password and *old* is not it, TooManyGuesses after
    too many of those; DigestError for a short *new* one.
    """
    fresh = hash_of(new)
    if has_password(database, account.id):
        with guesses.counted(
            database, loaded, guesses.about(address_key(account.address)), now=now
        ):
            verified(database, account.address, old)
    with database.write() as conn:
        _keep(conn, loaded, account, fresh, now, session)
        log(conn)


def _keep(
    conn: Connection,
    loaded: Loaded,
    account: Account,
    fresh: str,
    now: datetime,
    session: str = "",
) -> None:
    store.keep_password(conn, account.id, fresh)
    sessions.end_all(conn, account.id, but=session)
    tell(conn, loaded, account, Change.PASSWORD, now=now)


def has_password(database: Database, account: int) -> bool:
    """Tell whether that account can sign in by a password."""
    with database.read() as conn:
        return store.has_password(conn, account)


# --- by a mailed link ----------------------------------------------------------------------


def reset_waits(database: Database, secret: str, *, now: datetime) -> bool:
    """Tell whether a mailed link still opens; asking does not use it up."""
    with database.read() as conn:
        return sessions.waits(conn, hashed(secret), kind="reset", now=now)


def reset(
    database: Database, loaded: Loaded, secret: str, password: str, *, now: datetime
) -> Account:
    """
    Use a mailed link up for a new password and return whose it is; all their sessions end.

    BadToken if it was used before, has expired, or never was; DigestError, and the link
    stays good, for a short password.
    """
    fresh = hash_of(password)
    with database.write() as conn:
        account = sessions.use_up(conn, hashed(secret), kind="reset", now=now)
        if account is None:
            raise BadToken("this link was used before or has expired")
        _keep(conn, loaded, account, fresh, now)
    return account


# --- hashing ------------------------------------------------------------------------------


def hash_of(password: str) -> str:
    """Return the hash to keep of a new password. DigestError for a short or a huge one."""
    if len(password) not in PASSWORD_LETTERS:
        raise DigestError(
            f"the password has {len(password)} letters",
            remedy=f"Take {PASSWORD_LETTERS[0]} to {PASSWORD_LETTERS[-1]}: a few words will do.",
        )
    return hasher().hash(_plain(password))


def verified(database: Database, address: str, password: str) -> Account:
    """
    Return whose password that is.

    BadToken for a wrong password as for an unknown address, after as long a time. A hash of
    older strength is renewed.
    """
    from argon2.exceptions import VerificationError

    with database.read() as conn:
        found = store.password(conn, address_key(address))
    account, kept = found or (None, nobodys())
    try:
        hasher().verify(kept, _plain(password[: PASSWORD_LETTERS.stop]))
    except VerificationError:
        account = None
    if account is None:
        raise BadToken("address or password is wrong", remedy="Ask for a sign-in link instead.")
    if hasher().check_needs_rehash(kept):
        fresh = hasher().hash(_plain(password))
        with database.write() as conn:
            store.keep_password(conn, account.id, fresh)
    return account


@cache
def hasher() -> PasswordHasher:
    """Return what hashes: argon2id with the second recommendation of RFC 9106."""
    from argon2 import PasswordHasher

    return PasswordHasher()


@cache
def nobodys() -> str:
    """Return a hash that no password fits, so that an unknown address takes as long."""
    return hasher().hash(secrets.token_urlsafe(32))


def _plain(password: str) -> str:
    # One password, however the keyboard composes its letters.
    return unicodedata.normalize("NFKC", password)
