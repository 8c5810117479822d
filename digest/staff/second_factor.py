"""The second factor: codes of an app (RFC 6238), and recovery codes for when it is lost."""

from __future__ import annotations

import base64
import secrets
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING

from sqlalchemy import Connection

from digest import tokens, totp
from digest.errors import BadToken
from digest.staff import guesses
from digest.staff.accounts import known
from digest.staff.sessions import begin, hashed
from digest.staff.telling import Change, tell
from digest.store import Database, sessions
from digest.store import staff as store
from digest.store.history import Log, unlogged
from digest.store.staff import Account

if TYPE_CHECKING:
    from digest.config import Loaded

#: Recovery codes that are handed out together.
CODES = 10


@dataclass(frozen=True, slots=True, kw_only=True)
class Offer:
    """A second factor that waits for its first code."""

    #: The secret, as a person types it.
    spelled: str
    #: The ``otpauth:`` address, for a QR code.
    address: str


def offer_factor(database: Database, loaded: Loaded, account: Account) -> Offer:
    """
    Return the second factor that is being set up, the same one until it is.

    It counts for nothing before `confirm_factor`. BadToken where one counts already.
    """
    if account.totp_since is not None:
        raise BadToken("there is a second factor already")
    with database.write() as conn:
        salt = store.factor(conn, account.id)
        if salt is None:
            salt = secrets.token_hex(16)
            store.offer_factor(conn, account.id, salt)
    secret = tokens.second_factor(guesses.token_key(loaded), salt)
    issuer = next(iter(loaded.settings.newsletters.values())).title
    return Offer(
        spelled=totp.spelled(secret),
        address=totp.address(secret, issuer=issuer, account=account.address),
    )


def confirm_factor(
    database: Database,
    loaded: Loaded,
    account: Account,
    code: str,
    *,
    session: str,
    now: datetime,
    log: Log = unlogged,
) -> list[str]:
    """
    Let the offered second factor count, once *code* shows that the app has it.

    Returns recovery codes, which are told this once; all sessions but the named one end.
    BadToken for a wrong code, TooManyGuesses after many.
    """
    with (
        guesses.counted(database, loaded, guesses.at_factor(account.id), now=now),
        database.write() as conn,
    ):
        _used(conn, loaded, account, code, now)
        store.confirm_factor(conn, account.id, now=now)
        sessions.end_all(conn, account.id, but=session)
        tell(conn, loaded, account, Change.FACTOR, now=now)
        log(conn)
        return _new_codes(conn, account)


def second_step(
    database: Database, loaded: Loaded, secret: str, code: str, *, now: datetime, device: str = ""
) -> str:
    """
    Return the secret of a whole session for the half one of *secret*, which ends.

    *code* is the app's, not used before, or a recovery code, which is used up. BadToken
    for a wrong one or a half session that ended; TooManyGuesses after many.
    """
    with database.read() as conn:
        found = sessions.opened(conn, hashed(secret), kind="half", now=now)
    if found is None:
        raise BadToken("this sign-in took too long", remedy="Begin it again.")
    account = found[0]
    with (
        guesses.counted(database, loaded, guesses.at_factor(account.id), now=now),
        database.write() as conn,
    ):
        _used_any(conn, loaded, account, code, now)
        sessions.end(conn, hashed(secret))
        return begin(conn, account, now=now, device=device, whole=True)


def check_factor(
    database: Database, loaded: Loaded, account: Account, code: str, *, now: datetime
) -> None:
    """Use *code* up, the app's or a recovery code; BadToken for a wrong one."""
    with (
        guesses.counted(database, loaded, guesses.at_factor(account.id), now=now),
        database.write() as conn,
    ):
        _used_any(conn, loaded, account, code, now)


def new_codes(
    database: Database,
    loaded: Loaded,
    account: Account,
    code: str,
    *,
    now: datetime,
    log: Log = unlogged,
) -> list[str]:
    """Return fresh recovery codes, the old ones being void; BadToken for a wrong *code*."""
    with (
        guesses.counted(database, loaded, guesses.at_factor(account.id), now=now),
        database.write() as conn,
    ):
        _used_any(conn, loaded, account, code, now)
        tell(conn, loaded, account, Change.CODES, now=now)
        log(conn)
        return _new_codes(conn, account)


def take_factor_off(
    database: Database,
    loaded: Loaded,
    account: Account,
    code: str,
    *,
    now: datetime,
    log: Log = unlogged,
) -> None:
    """Let signing in take no second factor any more; BadToken for a wrong *code*."""
    with (
        guesses.counted(database, loaded, guesses.at_factor(account.id), now=now),
        database.write() as conn,
    ):
        _used_any(conn, loaded, account, code, now)
        store.drop_factor(conn, account.id)
        tell(conn, loaded, account, Change.NO_FACTOR, now=now)
        log(conn)


def drop_factor(
    database: Database, loaded: Loaded, address: str, *, now: datetime, log: Log = unlogged
) -> None:
    """
    Take an account's second factor away without a code, and end its sessions.

    For whoever lost both app and recovery codes; their address is told. Calling twice is safe.
    """
    with database.write() as conn:
        account = known(conn, address)
        store.drop_factor(conn, account.id)
        sessions.end_all(conn, account.id)
        tell(conn, loaded, account, Change.NO_FACTOR, now=now)
        log(conn)


def codes_left(database: Database, account: int) -> int:
    """Return how many recovery codes that account has left."""
    with database.read() as conn:
        return store.codes_left(conn, account)


def _used_any(conn: Connection, loaded: Loaded, account: Account, code: str, now: datetime) -> None:
    plain = "".join(code.split()).replace("-", "").lower()
    if plain.isdecimal() or not store.use_code(conn, account.id, hashed(plain)):
        _used(conn, loaded, account, code, now)


def _used(conn: Connection, loaded: Loaded, account: Account, code: str, now: datetime) -> None:
    salt = store.factor(conn, account.id)
    secret = tokens.second_factor(guesses.token_key(loaded), salt or "")
    step = totp.step_of(secret, code, now=now)
    if salt is None or step is None or not store.use_step(conn, account.id, step):
        raise BadToken("this code is wrong, or was used before", remedy="Wait for the next one.")


def _new_codes(conn: Connection, account: Account) -> list[str]:
    made = [base64.b32encode(secrets.token_bytes(10)).decode().lower() for _ in range(CODES)]
    store.keep_codes(conn, account.id, [hashed(each) for each in made])
    return ["-".join(each[at : at + 4] for at in range(0, 16, 4)) for each in made]
