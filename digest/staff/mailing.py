"""Links that anybody may ask for and only a mailbox gets: to sign in, or for a new password."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Literal
from urllib.parse import urlencode

from digest import notices
from digest.errors import TooManyGuesses
from digest.identity import address_key
from digest.staff import guesses
from digest.staff.sessions import admitted, hashed
from digest.store import Database
from digest.store import staff as store
from digest.store.staff import Account

if TYPE_CHECKING:
    from digest.config import Loaded

#: How long a mailed link for a new password waits for its click.
RESET_LASTS = timedelta(hours=1)
#: How long a mailed link that signs in does: it is asked for when it is needed.
MAILED_LINK_LASTS = timedelta(minutes=15)


def mail_reset(
    database: Database, loaded: Loaded, address: str, *, prefix: str, now: datetime
) -> None:
    """
    Mail a link for a new password, if somebody has that address; else nothing happens.

    Nor does it where mails to that address, or from that network, were asked for too often.
    The link opens once, within `RESET_LASTS`, and for that alone. To be called after the
    answer is given: what it does takes longer where there is an account.
    """
    account = _account(database, loaded, address, prefix, now)
    if account is not None:
        _post(database, loaded, account, "reset", "password", RESET_LASTS, now)


def mail_link(
    database: Database, loaded: Loaded, address: str, *, prefix: str, now: datetime, path: str = "/"
) -> None:
    """
    Mail a link that signs in and leads to *path*, under the same conditions as `mail_reset`.

    It opens once, within `MAILED_LINK_LASTS`; a second factor is asked for all the same.
    """
    account = _account(database, loaded, address, prefix, now)
    if account is not None:
        _post(database, loaded, account, "link", "sign-in", MAILED_LINK_LASTS, now, path)


def _account(
    database: Database, loaded: Loaded, address: str, prefix: str, now: datetime
) -> Account | None:
    """Return whose address it is; None also where mails were asked for too often."""
    key = address_key(address)
    limits = guesses.mails_to(key), guesses.from_network(prefix)
    try:
        guesses.count(database, loaded, *limits, now=now)
    except TooManyGuesses:
        return None
    with database.read() as conn:
        return store.find(conn, key)


def _post(
    database: Database,
    loaded: Loaded,
    account: Account,
    kind: Literal["reset", "link"],
    room: Literal["password", "sign-in"],
    lasts: timedelta,
    now: datetime,
    path: str = "/",
) -> None:
    onward = "" if path == "/" else f"?{urlencode({'next': path})}"
    with database.write() as conn:
        secret = admitted(conn, account, kind, now=now, lasts=lasts)
        notices.post(
            conn,
            loaded,
            newsletter_key=next(iter(loaded.settings.newsletters)),
            kind=room,
            address=account.address,
            idempotency_key=f"{room}:{hashed(secret)}",
            values={
                "url": f"{loaded.settings.public_url.rstrip('/')}/{room}/{secret}{onward}",
                "minutes": int(lasts.total_seconds() // 60),
            },
            now=now,
        )
