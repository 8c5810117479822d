"""Old ledgers: their figures stay in the database, their rows go into a file beside it."""

from __future__ import annotations

import gzip
import hashlib
import io
import os
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, TextIO

from digest.errors import StoreError
from digest.model import Issue, Rhythm
from digest.report.figures import Report, figures_of, of
from digest.report.table import write_csv
from digest.store import Database, ledger
from digest.store.ledger import Summary

if TYPE_CHECKING:
    from digest.config import Loaded

#: Beside config.yaml.
FOLDER = Path("var/ledgers")


def put_away(database: Database, loaded: Loaded, *, now: datetime) -> int:
    """
    Put ledgers away that ended longer ago than `retention.ledger`; return how many issues.

    Each one's rows go into ``var/ledgers/NEWSLETTER-KEY.csv.gz`` without any address, and are
    dropped only after the file is on the disk and holds as many lines as the ledger had.
    Calling twice is safe, and so is being killed: what was begun is done again, or goes on.
    StoreError if the file cannot be written; the rows then stay.
    """
    kept = loaded.settings.retention.ledger
    if kept is None:
        return 0
    with database.read() as conn:
        due = ledger.issues_to_put_away(conn, before=now - kept)
    for issue_id in due:
        _put_away(database, loaded.folder / FOLDER, issue_id, now)
    return len(due)


def _put_away(database: Database, folder: Path, issue_id: int, now: datetime) -> None:
    with database.read() as conn:
        begun = ledger.summary(conn, issue_id)
    if begun is None:
        _summarise(database, folder, of(database, issue_id), now)
    more = 1
    while more:
        with database.write() as conn:
            more = ledger.drop_rows(conn, issue_id)


def _summarise(database: Database, folder: Path, found: Report, now: datetime) -> None:
    file = folder / file_name(found.issue)
    try:
        with _compressed(file) as text:
            lines = write_csv(database, found.issue.id, text, named=False)
        digest = hashlib.sha256(file.read_bytes()).hexdigest()
    except OSError as e:
        raise StoreError(
            f"{file}: cannot be written ({e.strerror}); the ledger stays in the database",
            remedy="Make room, or let the program write there; the bell tries again in an hour.",
        ) from e
    if lines != sum(found.tally.by_state.values()) or not found.tally.holds:
        raise StoreError(
            f"{file}: has {lines} readers, but {found.tally}; nothing was dropped",
            remedy="Run: digest doctor",
        )
    with database.write() as conn:
        ledger.summarise(
            conn,
            Summary(
                issue=found.issue.id,
                at=now,
                figures=figures_of(found),
                file=file.name,
                sha256=digest,
            ),
        )


def file_name(issue: Issue) -> str:
    """Return what an issue's file is called."""
    of_issue = issue.of
    rhythm = "" if of_issue.rhythm is Rhythm.WEEKLY else f"{of_issue.rhythm}-"
    return f"{of_issue.newsletter}-{rhythm}{of_issue.key}.csv.gz"


@contextmanager
def _compressed(file: Path) -> Iterator[TextIO]:
    """Give a text to write into; afterwards all of it is on the disk under that name."""
    file.parent.mkdir(parents=True, exist_ok=True)
    unfinished = file.with_name(f".{file.name}.{os.getpid()}")
    try:
        with unfinished.open("wb") as raw:
            # The same rows make the same bytes: no name and no time in the header.
            packed = gzip.GzipFile(filename="", fileobj=raw, mode="wb", mtime=0)
            with packed, io.TextIOWrapper(packed, encoding="utf-8", newline="") as text:
                yield text
            raw.flush()
            os.fsync(raw.fileno())
        unfinished.replace(file)
        _sync(file.parent)
    finally:
        unfinished.unlink(missing_ok=True)


def _sync(folder: Path) -> None:
    at = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(at)
    finally:
        os.close(at)
