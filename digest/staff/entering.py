"""Signing in: by a link that opens once, or by a password."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import TYPE_CHECKING

from digest.errors import BadToken
from digest.identity import address_key
from digest.staff import guesses
from digest.staff.accounts import Role, add, known
from digest.staff.passwords import verified
from digest.staff.sessions import admitted, begin, hashed
from digest.store import Database, sessions
from digest.store import staff as store
from digest.store.history import Log, unlogged

if TYPE_CHECKING:
    from digest.config import Loaded

#: How long a one-time link waits for its click.
LINK_LASTS = timedelta(hours=24)


def link(database: Database, address: str, *, now: datetime, log: Log = unlogged) -> str:
    """Return a secret that signs the account of *address* in, once, within a day."""
    with database.write() as conn:
        log(conn)
        return admitted(conn, known(conn, address), "link", now=now, lasts=LINK_LASTS)


def one_time_link(database: Database, loaded: Loaded, address: str, *, now: datetime) -> str:
    """
    Return an address that signs *address* in, once; an unknown one becomes an account.

    The first account of an installation is an admin, every further one a viewer.
    """
    with database.read() as conn:
        found = store.find(conn, address_key(address))
        first = not store.listed(conn)
    if found is None:
        add(database, address, Role.ADMIN if first else Role.VIEWER, now=now)
    return f"{desk_url(loaded)}/sign-in/{link(database, address, now=now)}"


def desk_url(loaded: Loaded) -> str:
    """Return where the desk is reached, without a slash at the end."""
    return loaded.settings.public_url.rstrip("/")


def sign_in(database: Database, secret: str, *, now: datetime, device: str = "") -> str:
    """
    Use a one-time link up and return the secret of a new session.

    BadToken if it was used before, has expired, or never was.
    """
    with database.write() as conn:
        account = sessions.use_up(conn, hashed(secret), kind="link", now=now)
        if account is None:
            raise BadToken(
                "this sign-in link was used before or has expired",
                remedy="Ask for a fresh one: digest people link ADDRESS",
            )
        return begin(conn, account, now=now, device=device)


def sign_in_by_password(
    database: Database, address: str, password: str, *, now: datetime, device: str = ""
) -> str:
    """
    Return the secret of a new session; as often as it is asked.

    BadToken for a wrong password as for an unknown address, after as long a time.
    """
    account = verified(database, address, password)
    with database.write() as conn:
        return begin(conn, account, now=now, device=device)


def enter(
    database: Database,
    loaded: Loaded,
    address: str,
    password: str,
    *,
    prefix: str,
    device: str = "",
    now: datetime,
) -> str:
    """
    Return the secret of a new session to somebody at the network *prefix*.

    BadToken as `sign_in_by_password` has it. TooManyGuesses after too many of those at that
    address, known or not, or from that network; what they would have said is not looked at.
    """
    limits = guesses.about(address_key(address)), guesses.from_network(prefix)
    with guesses.counted(database, loaded, *limits, now=now):
        return sign_in_by_password(database, address, password, now=now, device=device)


def welcome(database: Database, address: str, *, now: datetime, device: str = "") -> str:
    """
    Return the secret of a new session for who proved elsewhere that the address is theirs.

    BadToken if nobody at the desk has it: nobody becomes an account by that.
    """
    with database.write() as conn:
        account = store.find(conn, address_key(address))
        if account is None:
            raise BadToken("nobody at the desk has this address")
        return begin(conn, account, now=now, device=device)
