"""Who may be sent a confirmation, and when it gets too much: against subscription bombing."""

from __future__ import annotations

import hashlib
from datetime import datetime, timedelta
from enum import StrEnum
from ipaddress import ip_address, ip_network
from typing import TYPE_CHECKING

from sqlalchemy import Connection

from digest import notices
from digest.errors import ReaderError
from digest.identity import address_key
from digest.readership.people import address_hash, mailbox
from digest.store import Database, knocks, locks, outbox

if TYPE_CHECKING:
    from digest.config import Loaded

#: Confirmations to one address: one in that time, and so many while none is answered.
ADDRESS_REST = timedelta(hours=24)
ADDRESS_UNANSWERED = 3

#: What counts for the limits below happened that short ago.
STRETCH = timedelta(hours=1)
#: Askings from one prefix of IP addresses, whatever came of them.
FROM_PREFIX = 10
#: Confirmations to one domain.
TO_DOMAIN = 100
#: Confirmations in all; at this number the breaker trips, and editors are told.
IN_ALL = 300

#: So long it is known which prefix somebody asked from.
KEPT = timedelta(days=1)


class Answer(StrEnum):
    """What an asking leads to."""

    INVITED = "invited"  #: a confirmation may be sent
    SILENT = "silent"  #: nothing is sent, and nothing tells so
    BUSY = "busy"  #: a limit holds that says nothing about the address


def knock(
    database: Database, loaded: Loaded, newsletter: str, address: str, *, prefix: str, now: datetime
) -> Answer:
    """
    Count that somebody asks to join with *address*, from *prefix*; return what follows.

    ``busy`` depends on the prefix, the domain and all askings, never on whose address it
    is. Known, unknown, suppressed and invalid addresses cost the same write.
    """
    key = _key(address)
    domain = (key or address).rpartition("@")[2].casefold()[:255]
    hashed = address_hash(loaded, key or address)
    with database.write() as conn:
        locks.take_turn(conn, locks.Turn.KNOCKS)
        knocks.forget(conn, before=now - KEPT)
        seen = knocks.counts(conn, since=now - STRETCH, domain=domain, prefix=prefix)
        if seen.mailed >= IN_ALL:
            _alert(conn, loaded, newsletter, now)
            return Answer.BUSY
        if seen.to_domain >= TO_DOMAIN or (prefix and seen.from_prefix >= FROM_PREFIX):
            return Answer.BUSY
        mailed = _may_be_mailed(conn, hashed, now) and key is not None
        knocks.add(conn, at=now, address_hash=hashed, domain=domain, prefix=prefix, mailed=mailed)
    return Answer.INVITED if mailed else Answer.SILENT


def prefix_of(ip: str) -> str:
    """Return the network of *ip* that one household or office has; "" for what is no address."""
    try:
        found = ip_address(ip.strip())
    except ValueError:
        return ""
    mapped = getattr(found, "ipv4_mapped", None) or found
    return str(ip_network(f"{mapped}/{24 if mapped.version == 4 else 64}", strict=False))


def _key(address: str) -> str | None:
    """Return the key of *address*; None if it is none."""
    try:
        return address_key(mailbox(address))
    except ReaderError:
        return None


def _may_be_mailed(conn: Connection, hashed: str, now: datetime) -> bool:
    rested = not knocks.mailed(conn, hashed, since=now - ADDRESS_REST)
    return rested and knocks.mailed(conn, hashed, unanswered=True) < ADDRESS_UNANSWERED


def _alert(conn: Connection, loaded: Loaded, newsletter: str, now: datetime) -> None:
    """Tell the editors that joining is closed for the moment, not twice within an hour."""

    def occasion(editor: str, hour: datetime) -> str:
        told = hashlib.sha256(editor.encode()).hexdigest()[:16]
        return f"surge:{newsletter}:{hour:%Y-%m-%dT%H}:{told}"

    for editor in loaded.settings.newsletters[newsletter].editors:
        # A flood does not end with the clock's hour.
        if outbox.holds(conn, occasion(editor, now - STRETCH)):
            continue
        notices.post(
            conn,
            loaded,
            newsletter_key=newsletter,
            kind="surge",
            address=editor,
            idempotency_key=occasion(editor, now),
            values={"asked": IN_ALL},
            now=now,
        )
