"""Lists of readers as CSV: coming in, in any usual shape, and going out."""

from __future__ import annotations

import csv
import io
import re
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

from sqlalchemy import Connection

from digest import consent, tokens
from digest.consent import Act
from digest.errors import ReaderError
from digest.identity import address_key
from digest.model import Rhythm, SubscriptionState
from digest.readership.people import mailbox, plain_name
from digest.store import Database, readers

if TYPE_CHECKING:
    from digest.config import Loaded

#: Rows written in one transaction; what was written stays if the import is stopped.
BATCH = 1000

#: How the columns that we use are called elsewhere; compared without case and punctuation.
COLUMNS = {
    "address": ("email", "emailaddress", "mail", "address", "subscriberemail", "adresse"),
    "name": ("name", "fullname", "displayname", "subscribername"),
    "first": ("firstname", "fname", "givenname", "vorname", "prenom"),
    "last": ("lastname", "lname", "surname", "familyname", "nachname", "nom"),
    "topics": ("topics", "interests", "tags"),
    "language": ("language", "lang", "locale"),
    "rhythm": ("rhythm", "frequency"),
    "source": ("source", "optinsource", "consentsource"),
}


@dataclass(slots=True)
class ImportReport:
    """What became of a list's rows."""

    added: int = 0
    changed: int = 0
    unchanged: int = 0
    #: Who left or is suppressed: an import does not bring them back.
    barred: int = 0
    #: (line, reason) of each row that was not taken.
    invalid: list[tuple[int, str]] = field(default_factory=list)

    @property
    def rows(self) -> int:
        return self.added + self.changed + self.unchanged + self.barred + len(self.invalid)


class _Row(NamedTuple):
    line: int
    address: str
    key: str
    name: str
    topics: tuple[str, ...]
    language: str | None
    rhythm: Rhythm | None
    source: str


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
    names of columns are found out. Calling twice is safe, and takes up where a stopped
    import left off. ReaderError if the file cannot be read or has no column of addresses.
    """
    if not source.strip():
        raise ReaderError(
            "an import needs to say where the consent came from",
            remedy='Say it: --source "sign-up sheet of the annual meeting, May 2023"',
        )
    report = ImportReport()
    with _opened(path) as stream:
        batch: list[_Row] = []
        for row in _rows(stream, str(path), source, report):
            batch.append(row)
            if len(batch) == BATCH:
                _bring(database, loaded, newsletter, batch, list_name, now, report)
                _advance(progress, len(batch))
                batch = []
        _bring(database, loaded, newsletter, batch, list_name, now, report)
        _advance(progress, len(batch))
    return report


def _advance(progress: Callable[[int], None] | None, count: int) -> None:
    if progress:
        progress(count)


def _opened(path: Path) -> io.TextIOBase:
    try:
        encoding = _encoding(path)
        # What an encoding lacks becomes a mark that no address may hold: the row is listed.
        return path.open(encoding=encoding, errors="replace", newline="")
    except OSError as e:
        raise ReaderError(f"{path}: cannot be read ({e.strerror})") from e


def _encoding(path: Path) -> str:
    """Return the file's encoding: by its mark, else UTF-8 if all of it is, else Windows-1252."""
    with path.open("rb") as file:
        head = file.read(4)
    if head[:2] in (b"\xff\xfe", b"\xfe\xff"):
        return "utf-16"
    try:
        with path.open(encoding="utf-8-sig") as text:
            for _ in iter(lambda: text.read(1 << 20), ""):
                pass
    except UnicodeDecodeError:
        return "cp1252"
    return "utf-8-sig"


def _rows(stream: io.TextIOBase, file: str, source: str, report: ImportReport) -> Iterator[_Row]:
    """Yield the rows with a good address, once each; the others go into the report."""
    lines = csv.reader(_visible(stream), delimiter=_delimiter(stream))
    columns = _columns(_next(lines, 1, report) or [], file)
    seen: set[str] = set()
    while True:
        line = lines.line_num + 1
        try:
            cells = next(lines)
        except StopIteration:
            return
        except csv.Error as e:
            report.invalid.append((line, f"not CSV: {e}"))
            continue
        if not any(cell.strip() for cell in cells):
            continue
        try:
            row = _row(cells, columns, line, source)
        except ReaderError as e:
            report.invalid.append((line, str(e)))
            continue
        if row.key in seen:
            report.invalid.append((line, f"{row.address}: stands in this list twice"))
            continue
        seen.add(row.key)
        yield row


def _next(lines: Iterator[list[str]], line: int, report: ImportReport) -> list[str] | None:
    try:
        return next(lines, None)
    except csv.Error as e:
        report.invalid.append((line, f"not CSV: {e}"))
        return None


def _visible(stream: Iterable[str]) -> Iterator[str]:
    # The csv module stops for good at a NUL; no reader's name holds one.
    return (line.replace("\0", "") for line in stream)


def _delimiter(stream: io.TextIOBase) -> str:
    """Return what separates the columns: the candidate that the first line has most of."""
    first = stream.readline(100_000)
    stream.seek(0)
    counts = {mark: first.count(mark) for mark in (",", ";", "\t", "|")}
    best = max(counts, key=lambda mark: counts[mark])
    return best if counts[best] else ","


def _columns(header: Sequence[str], file: str) -> dict[str, int]:
    """Return which column holds what; ReaderError without one of addresses."""
    plain = [re.sub(r"[\W_]+", "", name.casefold()) for name in header]
    found = {
        ours: plain.index(theirs)
        for ours, names in COLUMNS.items()
        for theirs in reversed(names)
        if theirs in plain
    }
    if "address" in found:
        return found
    if len(header) == 1 and "@" in header[0]:
        raise ReaderError(
            f"{file}:1: the first line is an address, not the names of columns",
            remedy='Write "email" into a line above it.',
        )
    raise ReaderError(
        f"{file}:1: no column of addresses among: {', '.join(header) or 'nothing'}",
        remedy='Call it "email".',
    )


def _row(cells: Sequence[str], columns: Mapping[str, int], line: int, source: str) -> _Row:
    def told(name: str) -> str:
        index = columns.get(name)
        return cells[index].strip() if index is not None and index < len(cells) else ""

    address = mailbox(told("address"))
    return _Row(
        line=line,
        address=address,
        key=address_key(address),
        name=plain_name(told("name") or f"{told('first')} {told('last')}"),
        topics=tuple(
            topic for part in re.split(r"[;|]", told("topics")) if (topic := plain_name(part))
        ),
        language=_language(told("language")),
        rhythm=_rhythm(told("rhythm")),
        source=plain_name(told("source")) or source,
    )


def _language(tag: str) -> str | None:
    tag = tag.replace("_", "-")
    return tag if re.fullmatch(r"[A-Za-z]{2,3}(-[A-Za-z0-9]{2,8})*", tag) else None


def _rhythm(word: str) -> Rhythm | None:
    if not word:
        return None
    try:
        return Rhythm(word.casefold())
    except ValueError:
        allowed = ", ".join(Rhythm)
        raise ReaderError(f"the rhythm {plain_name(word)!r} is none of: {allowed}") from None


def _bring(
    database: Database,
    loaded: Loaded,
    newsletter: str,
    rows: Sequence[_Row],
    list_name: str | None,
    now: datetime,
    report: ImportReport,
) -> None:
    """Write one batch in one transaction; the report counts it only once it is written."""
    if not rows:
        return
    hashes = {tokens.address_hash(loaded.settings.token_key, row.key): row for row in rows}
    counted = ImportReport()
    with database.write() as conn:
        known = readers.known(conn, newsletter, [row.key for row in rows])
        barred = {hashes[h].key for h in readers.suppressed(conn, hashes)}
        fresh = []
        for row in rows:
            had = known.get(row.key)
            if row.key in barred:
                counted.barred += 1
            elif had is None or had.subscription is None:
                fresh.append(row)
            else:
                _update(conn, row, had, list_name, now, counted)
        _add(conn, newsletter, fresh, list_name, now)
        counted.added = len(fresh)
    report.added += counted.added
    report.changed += counted.changed
    report.unchanged += counted.unchanged
    report.barred += counted.barred


def _add(
    conn: Connection,
    newsletter: str,
    rows: Sequence[_Row],
    list_name: str | None,
    now: datetime,
) -> None:
    readers.add(
        conn,
        [
            {
                "address": row.address,
                "address_key": row.key,
                "name": row.name,
                "language": row.language,
                "created_at": now,
            }
            for row in rows
        ],
    )
    known = readers.known(conn, newsletter, [row.key for row in rows])
    numbers = {row.key: known[row.key].subscriber.id for row in rows}
    readers.subscribe(
        conn,
        [
            {
                "subscriber_id": numbers[row.key],
                "newsletter": newsletter,
                "state": consent.after(None, Act.IMPORTED),
                "rhythm": row.rhythm or Rhythm.WEEKLY,
                "topics": list(row.topics),
                "lists": [list_name] if list_name else [],
                "source": row.source,
                "consented_at": now,
                "changed_at": now,
            }
            for row in rows
        ],
    )
    for source in {row.source for row in rows}:
        readers.prove(
            conn,
            newsletter,
            [numbers[row.key] for row in rows if row.source == source],
            at=now,
            what=Act.IMPORTED,
            source=source,
            proof={},
        )


def _update(
    conn: Connection,
    row: _Row,
    had: readers.Reader,
    list_name: str | None,
    now: datetime,
    counted: ImportReport,
) -> None:
    """Take a known reader's new name or list; consent, topics and rhythm stay the reader's own."""
    assert had.subscription is not None  # noqa: S101 - the caller looked
    if had.subscription.state in (SubscriptionState.LEFT, SubscriptionState.SUPPRESSED):
        counted.barred += 1
        return
    changed = False
    if row.name and row.name != had.subscriber.name:
        readers.rename(conn, had.subscriber.id, row.name)
        changed = True
    if list_name and list_name not in had.subscription.lists:
        lists = sorted({*had.subscription.lists, list_name})
        readers.change(conn, had.subscriber.id, had.subscription.newsletter, at=now, lists=lists)
        changed = True
    if changed:
        counted.changed += 1
    else:
        counted.unchanged += 1


# --- going out ----------------------------------------------------------------------------

EXPORTED = ("email", "name", "state", "rhythm", "topics", "lists", "source", "consented_at")


def exported(database: Database, newsletter: str) -> Iterator[Sequence[Any]]:
    """Yield the header, then a row for each reader, safe for spreadsheets that run formulas."""
    yield EXPORTED
    after = 0
    while True:
        with database.read() as conn:
            page = readers.listed(conn, newsletter, after=after)
        for reader in page:
            one = reader.subscription
            assert one is not None  # noqa: S101 - listed joins it
            yield [
                _harmless(str(cell))
                for cell in (
                    reader.subscriber.address,
                    reader.subscriber.name,
                    one.state,
                    one.rhythm,
                    ";".join(one.topics),
                    ";".join(one.lists),
                    one.source,
                    one.consented_at.isoformat() if one.consented_at else "",
                )
            ]
        if not page:
            return
        after = page[-1].subscriber.id


def _harmless(cell: str) -> str:
    # Spreadsheets run a cell that begins so as a formula (OWASP, CSV injection).
    return f"'{cell}" if cell[:1] in ("=", "+", "-", "@", "\t", "\r") else cell
