"""
Who was erased, in a file beside the database: a backup that is put back knows less than it.

One line for each act, in order: when, what, and the keyed hash of the address. Lines are
only ever added, each on the disk before the database forgets the person.
"""

from __future__ import annotations

import os
import re
from datetime import datetime
from pathlib import Path

from digest.errors import StoreError
from digest.store.database import Database

NAME = "erasures.log"
ERASED, RETURNED = "erased", "returned"
_LINE = re.compile(rf"(\S+) ({ERASED}|{RETURNED}) ([0-9a-f]{{64}})")


def journal(database: Database, folder: Path) -> Path:
    """Return the journal's file: beside an SQLite database, else in ``var`` of *folder*."""
    return (database.file.parent if database.file else folder / "var") / NAME


def write(path: Path, what: str, address_hash: str, *, at: datetime) -> None:
    """Add a line, readable by its owner only, on the disk when this returns; else StoreError."""
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        descriptor = os.open(path, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o600)
        try:
            # A line before it may have been cut by a crash.
            os.write(descriptor, f"\n{at.isoformat()} {what} {address_hash}\n".encode())
            os.fsync(descriptor)
        finally:
            os.close(descriptor)
    except OSError as e:
        raise StoreError(
            f"{path}: cannot be written ({e.strerror}), and without it a restored backup would "
            "bring erased people back",
            remedy="See that its folder can be written and has room; nobody was erased.",
        ) from e


def standing(path: Path) -> dict[str, datetime]:
    """
    Return the hashes of those who were erased and did not return since, and when they were.

    No file is nobody. A cut line is passed over. StoreError if it cannot be read.
    """
    found: dict[str, datetime] = {}
    try:
        with path.open(encoding="ascii", errors="replace") as lines:
            for line in lines:
                if told := _LINE.fullmatch(line.strip()):
                    at, what, address_hash = told.groups()
                    found.pop(address_hash, None)
                    if what == ERASED:
                        found[address_hash] = datetime.fromisoformat(at)
    except FileNotFoundError:
        return {}
    except (OSError, ValueError) as e:
        raise StoreError(f"{path}: cannot be read ({e})", remedy="See who may read it.") from e
    return found
