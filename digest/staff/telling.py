"""Telling people by mail that what opens the desk for them has changed."""

from __future__ import annotations

from datetime import datetime
from enum import StrEnum
from typing import TYPE_CHECKING
from uuid import uuid4

from sqlalchemy import Connection

from digest import notices
from digest.store.staff import Account

if TYPE_CHECKING:
    from digest.config import Loaded


class Change(StrEnum):
    """What can open an account, and what became of it."""

    PASSWORD = "password"  # noqa: S105 - a name
    FACTOR = "factor"
    NO_FACTOR = "no-factor"
    CODES = "codes"
    ADDRESS = "address"
    TOKEN = "token"  # noqa: S105 - a name


def tell(
    conn: Connection,
    loaded: Loaded,
    account: Account,
    change: Change,
    *,
    now: datetime,
    name: str = "",
) -> None:
    """
    Mail the account's own address what changed, when, and what to do if it was not them.

    In the transaction of the change: the mail leaves if, and only if, that holds. *name* is
    a token's. NIST SP 800-63B, 4.6, asks for such a notice.
    """
    desk = loaded.settings.public_url.rstrip("/")
    notices.post(
        conn,
        loaded,
        newsletter_key=next(iter(loaded.settings.newsletters)),
        kind="account-changed",
        address=account.address,
        idempotency_key=f"account-changed:{uuid4().hex}",
        values={
            "change": str(change),
            "name": name,
            "at": now,
            "url": f"{desk}/desk/tokens" if change is Change.TOKEN else f"{desk}/sign-in/forgotten",
        },
        now=now,
    )
