"""Another address for an account: confirmed by who reads the new one, told to the old."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import TYPE_CHECKING

from digest import notices
from digest.errors import BadToken, DigestError, TooManyGuesses
from digest.identity import address_key
from digest.staff import guesses
from digest.staff.accounts import mailbox
from digest.staff.mailing import MAILED_LINK_LASTS
from digest.staff.passwords import has_password, verified
from digest.staff.second_factor import check_factor
from digest.staff.sessions import admitted, hashed
from digest.staff.telling import Change, tell
from digest.store import Database, history, outbox, sessions
from digest.store import staff as store
from digest.store.staff import Account

if TYPE_CHECKING:
    from digest.config import Loaded

#: How long the link to a new address waits for its click.
NEW_ADDRESS_LASTS = timedelta(hours=1)


def prove(
    database: Database,
    loaded: Loaded,
    account: Account,
    *,
    given: str,
    signed_in_at: datetime,
    now: datetime,
) -> None:
    """
    See that it is the person, and not only their browser: by a code, a password, or a fresh link.

    *given* is a code of the second factor where there is one, else the password; of an account
    with neither the session has begun within `MAILED_LINK_LASTS`. BadToken if not,
    TooManyGuesses after too many.
    """
    if account.totp_since is not None:
        check_factor(database, loaded, account, given, now=now)
    elif has_password(database, account.id):
        about = guesses.about(address_key(account.address))
        with guesses.counted(database, loaded, about, now=now):
            verified(database, account.address, given)
    elif now - signed_in_at > MAILED_LINK_LASTS:
        raise BadToken(
            "you have been signed in for a while",
            remedy="Sign out, sign in by a mailed link, and change the address right after that.",
        )


def is_taken(database: Database, address: str) -> bool:
    """Tell whether that address is an account's, be it a closed one's."""
    with database.read() as conn:
        return store.is_taken(conn, address_key(mailbox(address)))


def mail_new_address(
    database: Database,
    loaded: Loaded,
    account: Account,
    address: str,
    *,
    prefix: str,
    now: datetime,
) -> None:
    """
    Mail a link to *address* that makes it the account's; until it is used nothing changes.

    It opens once, within `NEW_ADDRESS_LASTS`. Nothing happens where somebody has that address,
    or where mails to it, or from that network, were asked for too often: to be called after
    the answer is given, which is the same. DigestError for an address that is none.
    """
    address = mailbox(address)
    key = address_key(address)
    try:
        guesses.count(
            database, loaded, guesses.mails_to(key), guesses.from_network(prefix), now=now
        )
    except TooManyGuesses:
        return
    with database.write() as conn:
        if store.is_taken(conn, key):
            return
        secret = admitted(conn, account, "move", now=now, lasts=NEW_ADDRESS_LASTS)
        notices.post(
            conn,
            loaded,
            newsletter_key=next(iter(loaded.settings.newsletters)),
            kind="new-address",
            address=address,
            # The mail is what knows where the link was sent: no link has an address in it.
            idempotency_key=_key(secret),
            values={
                "url": f"{loaded.settings.public_url.rstrip('/')}/new-address/{secret}",
                "minutes": int(NEW_ADDRESS_LASTS.total_seconds() // 60),
            },
            now=now,
        )


def new_address(database: Database, secret: str, *, now: datetime) -> str:
    """Return the address that a mailed link leads to, using nothing up; BadToken if it is over."""
    with database.read() as conn:
        address = outbox.addressee(conn, _key(secret))
        if not address or not sessions.waits(conn, hashed(secret), kind="move", now=now):
            raise _over()
    return address


def move(
    database: Database, loaded: Loaded, secret: str, *, session: str = "", now: datetime
) -> Account:
    """
    Use a mailed link up: the account is found by the new address from now on; return it.

    All its sessions and links but the named *session* end, its API tokens stay, the old
    address is told, and the audit log has both. BadToken if the link was used before, has
    expired, never was, or somebody else has the address by now.
    """
    with database.write() as conn:
        address = outbox.addressee(conn, _key(secret))
        account = sessions.use_up(conn, hashed(secret), kind="move", now=now)
        if account is None or not address or store.is_taken(conn, address_key(address)):
            raise _over()
        tell(conn, loaded, account, Change.ADDRESS, now=now)
        store.move(conn, account.id, address, address_key(address))
        sessions.end_all(conn, account.id, but=session)
        detail = {"before": {"address": account.address}, "after": {"address": address}}
        history.record(conn, None, history.MOVED, actor=account.address, at=now, detail=detail)
        moved = store.by_id(conn, account.id)
    if moved is None:
        raise DigestError(f"the account of {account.address} was closed")
    return moved


def _key(secret: str) -> str:
    return f"new-address:{hashed(secret)}"


def _over() -> BadToken:
    return BadToken(
        "this link was used before or has expired", remedy="Ask for another one at the desk."
    )
