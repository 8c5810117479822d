"""Forgetting people: in all newsletters, for good, and again after a backup is put back."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING

from sqlalchemy import Connection

from digest.errors import ReaderError
from digest.identity import address_key
from digest.readership import files
from digest.readership.files import Mention
from digest.readership.people import address_hash, shown
from digest.store import Database, erasing, erasures, knocks, subscribers, suppressions
from digest.store.history import Log, unlogged

if TYPE_CHECKING:
    from digest.config import Loaded


@dataclass(frozen=True, slots=True, kw_only=True)
class Erasure:
    """What was known of a person who is forgotten."""

    #: They were in the database.
    was_known: bool
    #: Where the lists beside config.yaml still have them, or had them until now.
    mentions: tuple[Mention, ...]


def erase(
    database: Database,
    loaded: Loaded,
    address: str,
    *,
    in_files: bool = False,
    now: datetime,
    log: Log = unlogged,
) -> Erasure:
    """
    Forget the person at *address* in all newsletters; only a keyed hash of it is kept.

    The hash keeps an import from bringing the person back (GDPR 17(3), 21), and stands in
    the journal of erasures too. With *in_files* their rows are taken out of the lists in
    ``subscribers/``; else those are named. Calling twice is safe. ReaderError if neither
    the database nor a list has the address.
    """
    key = address_key(address)
    mentions = files.mentions(loaded.folder, key)
    hashed = address_hash(loaded, key)
    with database.write() as conn:
        person = subscribers.by_address(conn, key)
        if person is None and not mentions:
            raise ReaderError(f"{shown(address)}: nobody here has this address")
        # First: what is in the journal and not in the database is done again at the next start.
        journal = erasures.journal(database, loaded.folder)
        erasures.write(journal, erasures.ERASED, hashed, at=now)
        _forget(conn, person.id if person else None, hashed, now)
        log(conn)
    if in_files:
        files.remove(loaded.folder, key)
    return Erasure(was_known=person is not None, mentions=tuple(mentions))


def confirmed(
    conn: Connection, database: Database, loaded: Loaded, hashed: str, *, now: datetime
) -> None:
    """
    Let the address of that hash be written to again, as who reads its mailbox has asked for.

    Where a person was erased under it, the journal has that they are back. Calling twice is
    safe.
    """
    if suppressions.lift(conn, hashed):
        _note_return(database, loaded, hashed, now)
    knocks.answer(conn, hashed)


def _note_return(database: Database, loaded: Loaded, hashed: str, now: datetime) -> None:
    journal = erasures.journal(database, loaded.folder)
    if hashed in erasures.standing(journal):
        erasures.write(journal, erasures.RETURNED, hashed, at=now)


def erase_again(database: Database, loaded: Loaded, *, now: datetime) -> int:
    """
    Forget whom the journal says was erased and the database knows; return how many.

    To be called when anything begins: a backup that was put back does not know of later
    erasures. Costs a query where there is nothing to do, and nothing without a journal.
    """
    standing = erasures.standing(erasures.journal(database, loaded.folder))
    if not standing:
        return 0
    with database.read() as conn:
        missing = standing.keys() - suppressions.among(conn, standing.keys())
    return _erase_again(database, loaded, {hashed: standing[hashed] for hashed in missing}, now)


def _erase_again(
    database: Database, loaded: Loaded, missing: dict[str, datetime], now: datetime
) -> int:
    """Look through everybody: of an address that was erased only its hash is known."""
    count, after = 0, 0
    while missing:
        with database.write() as conn:
            page = subscribers.page(conn, after=after)
            for person in page:
                hashed = address_hash(loaded, address_key(person.address))
                if hashed in missing:
                    _forget(conn, person.id, hashed, now)
                    count += 1
            if not page:
                for hashed, at in missing.items():
                    suppressions.add(conn, hashed, reason="erased", at=at)
                break
            after = page[-1].id
    return count


def _forget(conn: Connection, subscriber: int | None, hashed: str, now: datetime) -> None:
    suppressions.add(conn, hashed, reason="erased", at=now)
    if subscriber is not None:
        erasing.erase(conn, subscriber, at=now)
