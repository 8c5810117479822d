"""Taking in a list of readers: what it would change, and changing it."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING

from sqlalchemy import Connection

from digest import consent, tokens
from digest.consent import Act
from digest.errors import ReaderError
from digest.model import Format, Rhythm, SubscriptionState
from digest.readership import archives
from digest.readership.headless import is_headless
from digest.readership.people import plain_name, token_key
from digest.readership.rows import Reading, Row, Seen, rows
from digest.store import (
    Database,
    consents,
    imports,
    newcomers,
    readers,
    subscribers,
    subscriptions,
    suppressions,
)
from digest.store.newcomers import Newcomer

if TYPE_CHECKING:
    from digest.config import Loaded

#: Rows written in one transaction; what was written stays if the import is stopped.
BATCH = 2000
#: Refused rows that a report keeps; `on_refused` hears of all.
KEPT = 10_000


class Outcome(StrEnum):
    """What becomes of a row of a list."""

    ADDED = "added"
    CHANGED = "changed"
    UNCHANGED = "unchanged"
    BARRED = "barred"  #: left or suppressed here: an import does not bring them back
    GONE = "gone"  #: left or bounced by the list's own word: kept so


@dataclass(frozen=True, slots=True)
class Step:
    """What one row comes to, and how."""

    row: Row
    outcome: Outcome
    had: readers.Reader | None = None
    #: What changes of somebody who is there: ``name``, ``list``, an attribute's name.
    changes: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Refused:
    """A row that was not taken."""

    file: str
    line: int
    reason: str


#: Hears of each row that is not taken.
OnRefused = Callable[[Refused], None]


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
    #: Rows that were not taken.
    refused: int = 0
    #: The first `KEPT` of them, in order.
    invalid: list[Refused] = field(default_factory=list)
    #: Files without a line of column names: their first line is a person.
    headless: tuple[str, ...] = ()
    #: True if a stopped import of the same list was taken up.
    resumed: bool = False

    @property
    def rows(self) -> int:
        return self.added + self.changed + self.unchanged + self.barred + self.gone + self.refused


@dataclass(frozen=True, slots=True, kw_only=True)
class List:
    """A list to be taken in, and how."""

    files: tuple[Path, ...]
    #: Where the consent of its people came from; kept with each of them.
    source: str
    #: A list of ours that its people are put on.
    name: str = ""
    #: Columns kept as attributes.
    attributes: tuple[str, ...] = ()
    #: None: it is found out.
    encoding: str | None = None
    #: How the one file is called, if it lies under another name.
    called: str = ""

    def __post_init__(self) -> None:
        if not plain_name(self.source):
            raise ReaderError(
                "an import needs to say where the consent came from",
                remedy='Say it: --source "sign-up sheet of the annual meeting, May 2023"',
            )

    @property
    def lists(self) -> list[str]:
        return [name] if (name := plain_name(self.name)) else []

    def rows(self, rhythms: tuple[Rhythm, ...], refuse: OnRefused) -> Iterator[Row]:
        """Yield its people, file after file; *refuse* hears of the others, and why."""
        seen = Seen()
        reading = Reading(
            source=plain_name(self.source),
            attributes=self.attributes,
            encoding=self.encoding,
            rhythms=rhythms,
        )
        for source in self._sources():

            def told(line: int, reason: str, file: str = str(source)) -> None:
                refuse(Refused(file, line, reason))

            yield from rows(source, reading, seen, told)

    def headless(self) -> tuple[str, ...]:
        """Return which of its files have no line of column names, by name."""
        return tuple(
            str(source) for source in self._sources() if is_headless(source, self.encoding)
        )

    def _sources(self) -> Iterator[archives.Source]:
        for path in self.files:
            yield from archives.sources(path, self.called)

    def fingerprint(self) -> str:
        """Return a hash of the files and of all that decides what becomes of them."""
        said = (self.source, self.name, self.attributes, self.encoding, self.called)
        hashed = hashlib.sha256(repr(said).encode("utf-8", "surrogatepass"))
        for path in self.files:
            try:
                with path.open("rb") as file:
                    hashed.update(hashlib.file_digest(file, "sha256").digest())
            except OSError as e:
                raise ReaderError(
                    f"{path}: cannot be read ({e.strerror})",
                    remedy="Name a CSV file that is there.",
                ) from e
        return hashed.hexdigest()


def import_list(
    database: Database,
    loaded: Loaded,
    newsletter: str,
    told: List,
    *,
    now: datetime,
    progress: Callable[[int], None] | None = None,
    on_refused: OnRefused | None = None,
) -> ImportReport:
    """
    Import the readers of a list; return what came of it.

    Good rows are taken, bad ones listed with line and reason; *on_refused* hears of each.
    Encoding, delimiter and the names of columns are found out. Who left or bounced by the
    list's own word is kept from getting mail. Calling twice is safe: a list that was
    stopped half-way is taken up where it stopped, under its first instant, and comes to
    the same as if it had not been. ReaderError if a file cannot be read or has no column
    of addresses.
    """
    taking = _Taking(loaded, newsletter, told, now)
    fingerprint = told.fingerprint()
    with database.write() as conn:
        standing = imports.unfinished(conn, newsletter, fingerprint)
        resumed = standing is not None
        if standing is None:
            files = [plain_name(told.called or path.name) for path in told.files]
            source = plain_name(told.source)
            standing = imports.begin(
                conn, newsletter, fingerprint, files=files, source=source, now=now
            )
    taking.now = standing.started_at
    report = ImportReport(headless=told.headless(), resumed=resumed)
    people = told.rows(_rhythms(loaded, newsletter), _refusing(report, on_refused))
    done = sum(1 for _ in islice(people, standing.done))
    counts: dict[str, int] = {outcome: standing.counts.get(outcome, 0) for outcome in Outcome}
    for batch in _batches(people):
        done += len(batch)
        with database.write() as conn:
            for step in taking.bring(conn, batch):
                counts[step.outcome] += 1
            standing = imports.advance(conn, standing, done=done, counts=counts)
        if progress:
            progress(len(batch))
    with database.write() as conn:
        imports.finish(conn, standing, now=max(now, standing.started_at))
    return _counted(report, counts)


def rehearse_import(
    database: Database,
    loaded: Loaded,
    newsletter: str,
    told: List,
    *,
    now: datetime,
    each: Callable[[Step], None] | None = None,
    progress: Callable[[int], None] | None = None,
    on_refused: OnRefused | None = None,
) -> ImportReport:
    """
    Return what `import_list` would come to, changing nothing; *each* hears of every row.

    Raises what `import_list` raises.
    """
    taking = _Taking(loaded, newsletter, told, now)
    report = ImportReport(headless=told.headless())
    counts: dict[str, int] = dict.fromkeys(Outcome, 0)
    for batch in _batches(told.rows(_rhythms(loaded, newsletter), _refusing(report, on_refused))):
        with database.read() as conn:
            steps = taking.planned(conn, batch)
        for step in steps:
            counts[step.outcome] += 1
            if each:
                each(step)
        if progress:
            progress(len(batch))
    return _counted(report, counts)


def _batches(people: Iterator[Row]) -> Iterator[list[Row]]:
    while batch := list(islice(people, BATCH)):
        yield batch


def _refusing(report: ImportReport, on_refused: OnRefused | None) -> OnRefused:
    def refuse(row: Refused) -> None:
        report.refused += 1
        if len(report.invalid) < KEPT:
            report.invalid.append(row)
        if on_refused:
            on_refused(row)

    return refuse


def _counted(report: ImportReport, counts: Mapping[str, int]) -> ImportReport:
    for outcome, count in counts.items():
        setattr(report, outcome, count)
    return report


def _rhythms(loaded: Loaded, newsletter: str) -> tuple[Rhythm, ...]:
    return loaded.settings.newsletters[newsletter].rhythms


class _Taking:
    """One list on its way in: what is the same for all of its batches."""

    def __init__(self, loaded: Loaded, newsletter: str, told: List, now: datetime) -> None:
        self.newsletter, self.now = newsletter, now
        self.key, self.lists = token_key(loaded), told.lists

    def planned(self, conn: Connection, batch: Sequence[Row]) -> list[Step]:
        """Return what becomes of each row, in the batch's order; nothing is written."""
        known = readers.known(conn, self.newsletter, [row.key for row in batch])
        barred = self._suppressed(conn, batch)
        return [self._step(row, known.get(row.key), row.key in barred) for row in batch]

    def bring(self, conn: Connection, batch: Sequence[Row]) -> list[Step]:
        """Write one batch; those who are gone last, so that a row before cannot undo it."""
        staying = self.planned(conn, [row for row in batch if not row.is_gone])
        self._add(conn, staying)
        for step in staying:
            if step.outcome is Outcome.CHANGED:
                self._change(conn, step)
        leaving = self.planned(conn, [row for row in batch if row.is_gone])
        self._see_off(conn, leaving)
        return staying + leaving

    def _suppressed(self, conn: Connection, batch: Iterable[Row]) -> set[str]:
        """Return the address keys in *batch* that must not be written to."""
        if not suppressions.exist(conn):
            return set()
        hashes = {self._hash(row): row.key for row in batch}
        return {hashes[h] for h in suppressions.among(conn, hashes)}

    def _hash(self, row: Row) -> str:
        return tokens.address_hash(self.key, row.key)

    def _step(self, row: Row, had: readers.Reader | None, barred: bool) -> Step:
        if row.is_gone:
            return Step(row, Outcome.GONE, had)
        if barred:
            return Step(row, Outcome.BARRED, had)
        if had is None or had.subscription is None:
            return Step(row, Outcome.ADDED, had)
        if had.subscription.state in (SubscriptionState.LEFT, SubscriptionState.SUPPRESSED):
            return Step(row, Outcome.BARRED, had)
        changes = self._changes(row, had)
        return Step(row, Outcome.CHANGED if changes else Outcome.UNCHANGED, had, changes)

    def _changes(self, row: Row, had: readers.Reader) -> tuple[str, ...]:
        """Return what a list may change: all else stays as the reader chose it."""
        one, person = had.subscription, had.subscriber
        changes = ["name"] if row.name and row.name != person.name else []
        if one and not set(self.lists) <= set(one.lists):
            changes.append("list")
        changes += [
            name for name, value in row.attributes.items() if person.attributes.get(name) != value
        ]
        return tuple(changes)

    def _add(self, conn: Connection, steps: Iterable[Step]) -> None:
        fresh = [step for step in steps if step.outcome is Outcome.ADDED]
        people = [self._newcomer(step.row) for step in fresh]
        newcomers.take_in(conn, self.newsletter, people, acts=(Act.IMPORTED,), now=self.now)
        # A person known from another newsletter takes the list's attributes all the same.
        for step in fresh:
            if step.had and step.row.attributes:
                self._change(conn, step)

    def _newcomer(self, row: Row) -> Newcomer:
        state = consent.after(None, Act.IMPORTED)
        if row.state is SubscriptionState.PAUSED:
            state = consent.after(state, Act.PAUSED)
        elif row.state is SubscriptionState.LEFT:
            state = consent.after(state, Act.LEFT)
        return Newcomer(
            address=row.address,
            address_key=row.key,
            name=row.name,
            language=row.language,
            attributes=row.attributes,
            state=state,
            rhythm=row.rhythm or Rhythm.WEEKLY,
            topics=row.topics,
            format=row.format or Format.HTML,
            lists=self.lists,
            source=row.source,
            consented_at=min(row.consented_at or self.now, self.now),
            left_at=self.now if state is SubscriptionState.LEFT else None,
            proof={"file": row.file, "line": row.line},
        )

    def _change(self, conn: Connection, step: Step) -> None:
        """Take a known reader's new name, list and attributes."""
        row, had = step.row, step.had
        assert had is not None  # noqa: S101 - the plan found them
        person = had.subscriber
        if "name" in step.changes:
            subscribers.rename(conn, person.id, row.name)
        if row.attributes:
            subscribers.describe(conn, person.id, {**person.attributes, **row.attributes})
        if "list" in step.changes and had.subscription:
            lists = sorted({*had.subscription.lists, *self.lists})
            subscriptions.change(conn, person.id, self.newsletter, at=self.now, lists=lists)

    def _see_off(self, conn: Connection, steps: Sequence[Step]) -> None:
        """Keep from mail whom the list itself calls gone."""
        strangers = [
            self._newcomer(step.row)
            for step in steps
            if step.row.state is SubscriptionState.LEFT and not (step.had and step.had.subscription)
        ]
        acts = (Act.IMPORTED, Act.LEFT)
        newcomers.take_in(conn, self.newsletter, _once(strangers), acts=acts, now=self.now)
        for step in steps:
            if step.row.state is SubscriptionState.SUPPRESSED:
                self._suppress(conn, step)
            elif step.had and step.had.subscription:
                self._leave(conn, step)

    def _suppress(self, conn: Connection, step: Step) -> None:
        row = step.row
        # Of somebody who is not known here the hash is enough.
        suppressions.add(conn, self._hash(row), reason="imported", at=self.now, detail=row.source)
        had = readers.known(conn, self.newsletter, [row.key]).get(row.key)
        if had and had.subscription:
            suppressions.bar(conn, had.subscriber.id, at=self.now)
            self._prove(conn, row, had.subscriber.id, Act.SUPPRESSED)

    def _leave(self, conn: Connection, step: Step) -> None:
        had = step.had
        assert had is not None  # noqa: S101 - the caller looked
        assert had.subscription is not None  # noqa: S101
        state = had.subscription.state
        if (left := consent.after(state, Act.LEFT)) is not state:
            whose = had.subscriber.id
            subscriptions.change(
                conn, whose, self.newsletter, at=self.now, state=left, left_at=self.now
            )
            self._prove(conn, step.row, whose, Act.LEFT)

    def _prove(self, conn: Connection, row: Row, subscriber: int, what: Act) -> None:
        act = {
            "subscriber": subscriber,
            "at": self.now,
            "what": what,
            "source": row.source,
            "proof": {"file": row.file, "line": row.line},
        }
        consents.prove(conn, self.newsletter, [act])


def _once(people: Iterable[Newcomer]) -> list[Newcomer]:
    """Return each person once: a list may say twice that somebody has left."""
    return list({person.address_key: person for person in people}.values())
