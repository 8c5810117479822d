"""Browsers that are signed in: each with a secret of its own, and ended one by one or all."""

from __future__ import annotations

import hashlib
import secrets
from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlalchemy import Connection

from digest.staff.accounts import known
from digest.store import Database
from digest.store import sessions as store
from digest.store.history import Log, unlogged
from digest.store.sessions import Session
from digest.store.staff import Account

SESSION_SECONDS = 14 * 24 * 3600
#: So long somebody who gave the password may look for their second factor.
HALF_LASTS = timedelta(minutes=10)
#: When a session was seen is written down no oftener than that.
SEEN_EVERY = timedelta(minutes=5)


@dataclass(frozen=True, slots=True, kw_only=True)
class Signed:
    """Somebody who is signed in, and the browser they are signed in with."""

    account: Account
    session: Session


def begin(
    conn: Connection, account: Account, *, now: datetime, device: str = "", whole: bool = False
) -> str:
    """
    Return the secret of a new session.

    Of an account with a second factor it is half of one, which opens nothing before that,
    unless it is said to be *whole*.
    """
    half = account.totp_since is not None and not whole
    lasts = HALF_LASTS if half else timedelta(seconds=SESSION_SECONDS)
    return admitted(
        conn, account, "half" if half else "session", now=now, lasts=lasts, device=device
    )


def admitted(
    conn: Connection,
    account: Account,
    kind: str,
    *,
    now: datetime,
    lasts: timedelta,
    device: str = "",
) -> str:
    """Return a new secret of that kind; see `digest.store.sessions.admit`."""
    secret = secrets.token_urlsafe(32)
    store.forget_expired(conn, now=now)
    store.admit(
        conn,
        account.id,
        hashed(secret),
        kind=kind,
        now=now,
        expires_at=now + lasts,
        device=device,
    )
    return secret


def hashed(secret: str) -> str:
    """Return what is kept of a secret of 256 random bits: it needs no slow hash."""
    return hashlib.sha256(secret.encode()).hexdigest()


def signed(database: Database, secret: str, *, now: datetime) -> Signed | None:
    """Return who is signed in by that secret, and write down that they were seen; or None."""
    with database.read() as conn:
        found = store.opened(conn, hashed(secret), kind="session", now=now)
    if found is None:
        return None
    account, one = found
    if one.seen_at is None or now - one.seen_at >= SEEN_EVERY:
        with database.write() as conn:
            store.see(conn, one.name, now=now)
    return Signed(account=account, session=one)


def session(database: Database, secret: str, *, now: datetime) -> Account | None:
    """Return who is signed in by that secret; None if nobody is."""
    found = signed(database, secret, now=now)
    return found.account if found else None


def half_signed(database: Database, secret: str, *, now: datetime) -> Account | None:
    """Return who gave the right password and owes the second factor; None if nobody does."""
    with database.read() as conn:
        found = store.opened(conn, hashed(secret), kind="half", now=now)
    return found[0] if found else None


def renewed(database: Database, secret: str) -> str | None:
    """Return another secret for the session of that one, which ends; None if there is none."""
    fresh = secrets.token_urlsafe(32)
    with database.write() as conn:
        return fresh if store.renew(conn, hashed(secret), hashed(fresh)) else None


def open_sessions(database: Database, account: int, *, now: datetime) -> list[Session]:
    """Return the browsers in which that account is signed in, the one seen last first."""
    with database.read() as conn:
        return store.of_account(conn, account, now=now)


def browsers(database: Database, *, now: datetime) -> dict[int, int]:
    """Return in how many browsers each account is signed in."""
    with database.read() as conn:
        return store.browsers(conn, now=now)


def sign_out(database: Database, secret: str) -> None:
    """End the session of that secret. Calling twice is safe."""
    with database.write() as conn:
        store.end(conn, hashed(secret))


def end_session(database: Database, account: int, name: str, *, log: Log = unlogged) -> bool:
    """End one of the account's own sessions; False if it has none of that name."""
    with database.write() as conn:
        ended = store.end_one(conn, account, name)
        if ended:
            log(conn)
    return ended


def end_others(database: Database, account: int, name: str, *, log: Log = unlogged) -> None:
    """End all sessions and links of the account but that one. Calling twice is safe."""
    with database.write() as conn:
        store.end_all(conn, account, but=name)
        log(conn)


def sign_out_everywhere(database: Database, address: str, *, log: Log = unlogged) -> None:
    """End all sessions and one-time links of that account. Calling twice is safe."""
    with database.write() as conn:
        store.end_all(conn, known(conn, address).id)
        log(conn)
