"""Lists of readers: taking in a whole one, and giving one out."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING, Any

from sqlalchemy import Connection

from digest import consent, tokens
from digest.consent import Act
from digest.errors import ReaderError
from digest.model import Rhythm, SubscriptionState
from digest.readership.people import plain_name, token_key
from digest.readership.rows import Row, rows
from digest.store import Database, readers

if TYPE_CHECKING:
    from digest.config import Loaded

#: Rows written in one transaction; what was written stays if the import is stopped.
BATCH = 1000


@dataclass(slots=True)
class ImportReport:
    """What became of a list's rows."""

    added: int = 0
    changed: int = 0
    unchanged: int = 0
    #: Who left or is suppressed here: an import does not bring them back.
    barred: int = 0
    #: Of whom the list itself says that they left, or that mail to them bounced: kept so.
    gone: int = 0
    #: (line, reason) of each row that was not taken, by line.
    invalid: list[tuple[int, str]] = field(default_factory=list)

    @property
    def rows(self) -> int:
        taken = self.added + self.changed + self.unchanged + self.barred + self.gone
        return taken + len(self.invalid)


# --- coming in ----------------------------------------------------------------------------


def import_csv(
    database: Database,
    loaded: Loaded,
    newsletter: str,
    path: Path,
    *,
    source: str,
    list_name: str | None = None,
    now: datetime,
    progress: Callable[[int], None] | None = None,
) -> ImportReport:
    """
    Import the readers of a CSV file whose consent *source* tells of; return what came of it.

    Good rows are taken, bad ones listed with line and reason. Encoding, delimiter and the
    names of columns are found out. Who left or bounced by the list's own word is kept from
    getting mail. Calling twice is safe, and takes up where a stopped import left off.
    ReaderError if the file cannot be read or has no column of addresses.
    """
    source = plain_name(source)
    if not source:
        raise ReaderError(
            "an import needs to say where the consent came from",
            remedy='Say it: --source "sign-up sheet of the annual meeting, May 2023"',
        )
    desk = _Import(
        newsletter=newsletter,
        key=token_key(loaded),
        file=path.name,
        lists=[listed] if (listed := plain_name(list_name or "")) else [],
        now=now,
    )
    people = rows(path, source, desk.report.invalid)
    while batch := list(islice(people, BATCH)):
        with database.write() as conn:
            counted = desk.bring(conn, batch)
        desk.count(counted)
        if progress:
            progress(len(batch))
    return desk.report


class _Import:
    """One list on its way in: what is the same for all of its batches."""

    def __init__(
        self, *, newsletter: str, key: str, file: str, lists: list[str], now: datetime
    ) -> None:
        self.newsletter, self.key, self.file = newsletter, key, file
        self.lists, self.now = lists, now
        self.report = ImportReport()

    def count(self, written: ImportReport) -> None:
        """Add what a batch came to, once it is written."""
        for name in ("added", "changed", "unchanged", "barred", "gone"):
            setattr(self.report, name, getattr(self.report, name) + getattr(written, name))

    def bring(self, conn: Connection, batch: Sequence[Row]) -> ImportReport:
        """Write one batch; those who are gone last, so that a row before cannot undo it."""
        counted = ImportReport()
        self._take(conn, [row for row in batch if not row.is_gone], counted)
        self._see_off(conn, [row for row in batch if row.is_gone], counted)
        return counted

    def _take(self, conn: Connection, batch: Sequence[Row], counted: ImportReport) -> None:
        known = readers.known(conn, self.newsletter, [row.key for row in batch])
        barred = self._suppressed(conn, batch)
        fresh = []
        for row in batch:
            had = known.get(row.key)
            if row.key in barred:
                counted.barred += 1
            elif had is None or had.subscription is None:
                fresh.append(row)
            else:
                self._update(conn, row, had, counted)
        self._add(conn, fresh)
        counted.added += len(fresh)

    def _suppressed(self, conn: Connection, batch: Sequence[Row]) -> set[str]:
        """Return the address keys in *batch* that must not be written to."""
        hashes = {self._hash(row): row.key for row in batch}
        return {hashes[h] for h in readers.suppressed(conn, hashes)}

    def _hash(self, row: Row) -> str:
        return tokens.address_hash(self.key, row.key)

    def _add(self, conn: Connection, fresh: Sequence[Row]) -> None:
        people = [
            {
                "address": row.address,
                "address_key": row.key,
                "name": row.name,
                "language": row.language,
                "created_at": self.now,
            }
            for row in fresh
        ]
        readers.add(conn, people)
        numbers = readers.numbers(conn, [row.key for row in fresh])
        readers.subscribe(conn, [self._subscription(row, numbers[row.key]) for row in fresh])
        acts = [self._act(row, numbers[row.key], Act.IMPORTED) for row in fresh]
        readers.prove(conn, self.newsletter, acts)

    def _subscription(self, row: Row, subscriber: int) -> dict[str, Any]:
        state = consent.after(None, Act.IMPORTED)
        if row.state is SubscriptionState.PAUSED:
            state = consent.after(state, Act.PAUSED)
        return {
            "subscriber_id": subscriber,
            "newsletter": self.newsletter,
            "state": state,
            "rhythm": row.rhythm or Rhythm.WEEKLY,
            "topics": list(row.topics),
            "lists": self.lists,
            "source": row.source,
            "consented_at": min(row.consented_at or self.now, self.now),
            "changed_at": self.now,
        }

    def _act(self, row: Row, subscriber: int, what: Act) -> dict[str, Any]:
        proof = {"file": self.file, "line": row.line}
        return {
            "subscriber": subscriber,
            "at": self.now,
            "what": what,
            "source": row.source,
            "proof": proof,
        }

    def _update(
        self, conn: Connection, row: Row, had: readers.Reader, counted: ImportReport
    ) -> None:
        """Take a known reader's new name or list; all else stays as the reader chose it."""
        one = had.subscription
        assert one is not None  # noqa: S101 - the caller looked
        if one.state in (SubscriptionState.LEFT, SubscriptionState.SUPPRESSED):
            counted.barred += 1
            return
        renamed = bool(row.name) and row.name != had.subscriber.name
        if renamed:
            readers.rename(conn, had.subscriber.id, row.name)
        enlisted = not set(self.lists) <= set(one.lists)
        if enlisted:
            lists = sorted({*one.lists, *self.lists})
            readers.change(conn, had.subscriber.id, self.newsletter, at=self.now, lists=lists)
        if renamed or enlisted:
            counted.changed += 1
        else:
            counted.unchanged += 1

    def _see_off(self, conn: Connection, gone: Sequence[Row], counted: ImportReport) -> None:
        if not gone:
            return
        known = readers.known(conn, self.newsletter, [row.key for row in gone])
        for row in gone:
            had = known.get(row.key)
            if row.state is SubscriptionState.SUPPRESSED:
                self._suppress(conn, row, had)
            else:
                self._leave(conn, row, had)
        counted.gone += len(gone)

    def _suppress(self, conn: Connection, row: Row, had: readers.Reader | None) -> None:
        # Of somebody who is not known here the hash is enough.
        readers.suppress(conn, self._hash(row), reason="imported", at=self.now, detail=row.source)
        if had and had.subscription:
            readers.bar(conn, had.subscriber.id, at=self.now)
            act = self._act(row, had.subscriber.id, Act.SUPPRESSED)
            readers.prove(conn, self.newsletter, [act])

    def _leave(self, conn: Connection, row: Row, had: readers.Reader | None) -> None:
        if had is None or had.subscription is None:
            self._add(conn, [row])
            subscriber = readers.numbers(conn, [row.key])[row.key]
            state = consent.after(None, Act.IMPORTED)
        else:
            subscriber, state = had.subscriber.id, had.subscription.state
        if (left := consent.after(state, Act.LEFT)) is not state:
            readers.change(
                conn, subscriber, self.newsletter, at=self.now, state=left, left_at=self.now
            )
            readers.prove(conn, self.newsletter, [self._act(row, subscriber, Act.LEFT)])


# --- going out ----------------------------------------------------------------------------

EXPORTED = (
    *("email", "name", "language", "state", "rhythm", "topics"),
    *("lists", "source", "consented_at"),
)


def exported(database: Database, newsletter: str) -> Iterator[Sequence[str]]:
    """
    Yield the header, then a row for each reader, safe for spreadsheets that run formulas.

    `import_csv` takes it back: who left in it has left there.
    """
    yield EXPORTED
    after = 0
    while True:
        with database.read() as conn:
            page = readers.listed(conn, newsletter, after=after)
        for reader in page:
            yield [_harmless(cell) for cell in _told(reader)]
        if not page:
            return
        after = page[-1].subscriber.id


def _told(reader: readers.Reader) -> tuple[str, ...]:
    one = reader.subscription
    assert one is not None  # noqa: S101 - listed joins it
    return (
        reader.subscriber.address,
        reader.subscriber.name,
        reader.subscriber.language or "",
        one.state,
        one.rhythm,
        ";".join(one.topics),
        ";".join(one.lists),
        one.source,
        one.consented_at.isoformat() if one.consented_at else "",
    )


def _harmless(cell: str) -> str:
    # Spreadsheets run a cell that begins so as a formula (OWASP, CSV injection).
    return f"'{cell}" if cell[:1] in ("=", "+", "-", "@", "\t", "\r") else cell
