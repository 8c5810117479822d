"""Passwords: hashed by argon2id, set at the desk, at the command line, or by a mailed link."""

from __future__ import annotations

import secrets
import unicodedata
from datetime import datetime, timedelta
from functools import cache
from typing import TYPE_CHECKING

from sqlalchemy import Connection

from digest import notices
from digest.errors import BadToken, DigestError, TooManyGuesses
from digest.identity import address_key
from digest.staff import guesses
from digest.staff.accounts import known
from digest.staff.sessions import admitted, hashed
from digest.store import Database, sessions
from digest.store import staff as store
from digest.store.staff import Account

if TYPE_CHECKING:
    from argon2 import PasswordHasher

    from digest.config import Loaded

#: NIST SP 800-63B section 3.1.1.2 asks for 15 where a password is all there is; the most
#: only bounds what a stranger can make us hash.
PASSWORD_LETTERS = range(15, 257)

#: How long a mailed link for a new password waits for its click.
RESET_LASTS = timedelta(hours=1)


def set_password(database: Database, address: str, password: str) -> None:
    """
    Give an account a password; its sessions and links end. DigestError for a short one.
    """
    fresh = hash_of(password)
    with database.write() as conn:
        _keep(conn, known(conn, address), fresh)


def change_password(
    database: Database,
    loaded: Loaded,
    account: Account,
    *,
    old: str,
    new: str,
    session: str,
    now: datetime,
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
        _keep(conn, account, fresh, session)


def _keep(conn: Connection, account: Account, fresh: str, session: str = "") -> None:
    store.keep_password(conn, account.id, fresh)
    sessions.end_all(conn, account.id, but=session)


def has_password(database: Database, account: int) -> bool:
    """Tell whether that account can sign in by a password."""
    with database.read() as conn:
        return store.has_password(conn, account)


# --- by mail ------------------------------------------------------------------------------


def mail_reset(
    database: Database, loaded: Loaded, address: str, *, prefix: str, now: datetime
) -> None:
    """
    Mail a link for a new password, if somebody has that address; else nothing happens.

    Nor does it where mails to that address, or from that network, were asked for too often.
    The link opens once, within `RESET_LASTS`, and for that alone. To be called after the
    answer is given: what it does takes longer where there is an account.
    """
    key = address_key(address)
    limits = guesses.mails_to(key), guesses.from_network(prefix)
    try:
        guesses.count(database, loaded, *limits, now=now)
    except TooManyGuesses:
        return
    with database.write() as conn:
        account = store.find(conn, key)
        if account is not None:
            _post(conn, loaded, account, now)


def _post(conn: Connection, loaded: Loaded, account: Account, now: datetime) -> None:
    secret = admitted(conn, account, "reset", now=now, lasts=RESET_LASTS)
    notices.post(
        conn,
        loaded,
        newsletter_key=next(iter(loaded.settings.newsletters)),
        kind="password",
        address=account.address,
        idempotency_key=f"password:{hashed(secret)}",
        values={
            "url": f"{loaded.settings.public_url.rstrip('/')}/password/{secret}",
            "minutes": int(RESET_LASTS.total_seconds() // 60),
        },
        now=now,
    )


def reset_waits(database: Database, secret: str, *, now: datetime) -> bool:
    """Tell whether a mailed link still opens; asking does not use it up."""
    with database.read() as conn:
        return sessions.waits(conn, hashed(secret), kind="reset", now=now)


def reset(database: Database, secret: str, password: str, *, now: datetime) -> Account:
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
        _keep(conn, account, fresh)
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
