"""Reading the mailboxes of what comes back, and doing what follows."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Sequence
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING

from sqlalchemy import Connection

from digest.bounces import places, read
from digest.errors import ConfigError
from digest.model.settings import BounceSettings
from digest.readership.outcome import Outcome
from digest.readership.returned import take, take_refusals
from digest.store import Database, bounces

if TYPE_CHECKING:
    from digest.config import Loaded


def read_mails(
    database: Database, loaded: Loaded, mails: Sequence[bytes], *, now: datetime
) -> Counter[Outcome]:
    """Read *mails* and do what follows, a few in one transaction; what followed is counted."""
    followed: Counter[Outcome] = Counter()
    for start in range(0, len(mails), places.GROUP):
        some = [read(mail) for mail in mails[start : start + places.GROUP]]
        followed += take(database, loaded, some, now=now)
    return followed


def read_maildir(
    database: Database, loaded: Loaded, folder: Path, *, now: datetime
) -> Counter[Outcome]:
    """Do the same for the unread mails of a maildir; each is marked once it is kept."""
    followed: Counter[Outcome] = Counter()
    for mail, mark in places.in_maildir(folder):
        followed += take(database, loaded, [read(mail)], now=now)
        mark()
    return followed


def read_mailboxes(
    database: Database,
    loaded: Loaded,
    *,
    now: datetime,
    progress: Callable[[int], None] = lambda _: None,
) -> Counter[Outcome]:
    """
    Read what config.yaml names, and the refusals in the ledger; what followed is counted.

    A mail is marked as seen only after what it says is committed. ConfigError where
    nothing is configured; Unreachable and SenderFault of the IMAP server.
    """
    settings = loaded.settings.bounces
    if settings is None:
        raise ConfigError(
            "no mailbox for what comes back is configured",
            file=str(loaded.path),
            key="bounces",
            remedy="See docs/how-to/bounces.md, or name files: digest bounces read FILE",
        )
    followed = take_refusals(database, loaded, now=now)
    if settings.maildir:
        folder = loaded.folder / settings.maildir
        followed += read_maildir(database, loaded, folder, now=now)
    if settings.imap:
        followed += _read_imap(database, loaded, settings, now, progress)
    return followed


def _read_imap(
    database: Database,
    loaded: Loaded,
    settings: BounceSettings,
    now: datetime,
    progress: Callable[[int], None],
) -> Counter[Outcome]:
    if settings.user is None:
        raise ConfigError(
            "bounces.imap needs BOUNCES_USER and BOUNCES_PASSWORD",
            file=str(loaded.folder / ".env"),
            remedy="Put them there, one a line: BOUNCES_USER=…",
        )
    place = f"imap://{settings.user}@{settings.imap}:{settings.port}/{settings.folder}"
    followed: Counter[Outcome] = Counter()
    with places.folder(settings, beside=loaded.folder) as folder:
        with database.read() as conn:
            last = bounces.read_up_to(conn, place, folder.validity)
        for group in folder.after(last):
            newest = group.numbers[-1]

            def note(conn: Connection, newest: int = newest) -> None:
                bounces.note_read(conn, place, folder.validity, newest, at=now)

            mails = [read(mail) for mail in group.mails]
            followed += take(database, loaded, mails, now=now, noting=note)
            folder.mark(group.numbers)
            progress(len(mails))
    return followed
