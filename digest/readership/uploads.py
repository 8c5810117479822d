"""
Lists that editors give the desk: kept beside the database, compared, taken in on their word.

Both take minutes for a long list, so the bell does them. Where it was killed the next one
goes on: a comparison from the start, an import where it stopped.
"""

from __future__ import annotations

import csv
import shutil
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from functools import lru_cache
from pathlib import Path
from threading import Event
from typing import TYPE_CHECKING, Any
from uuid import uuid4

from digest.errors import ReaderError
from digest.readership import archives
from digest.readership.exports import harmless
from digest.readership.lists import (
    ImportReport,
    List,
    Outcome,
    Refused,
    Step,
    import_list,
    rehearse_import,
)
from digest.readership.people import plain_name
from digest.store import Database, history, leases, uploads
from digest.store.uploads import AT_WORK, OVER, Upload, UploadState

if TYPE_CHECKING:
    from digest.config import Loaded

#: Where the files lie, beside config.yaml: nobody else's to read, and gone when they are done.
PLACE = Path("var", "uploads")
#: A file that is no larger is taken: a million readers with their names are 60 MB.
MOST_OCTETS = 200_000_000
#: So many rows of each sort are shown.
SHOWN = 20
#: A list that nobody confirms goes, and so do the rows that were not taken.
KEPT = timedelta(days=7)

#: In what the comparison found: when somebody said to take the list in.
CONFIRMED = "confirmed_at"

#: So many octets are looked at together for where their lines end.
_PIECE = 1 << 20

#: Who does not say for so long that it is at work is taken for dead.
_LEASE = timedelta(seconds=60)
#: How often it says so.
_BEAT = timedelta(seconds=1)


class _Stopped(Exception):
    """The process ends; the next one goes on."""


def keep(
    database: Database,
    loaded: Loaded,
    newsletter: str,
    file: Path,
    *,
    name: str,
    source: str,
    list_name: str = "",
    attributes: tuple[str, ...] = (),
    by: str,
    now: datetime,
) -> int:
    """
    Keep a list that somebody uploaded, to be compared; return its number.

    *file* is copied, *name* only shown. ReaderError without a source of the consent, for a
    file that is too large, and for an archive that is none or unpacks to too much.
    """
    told = List(files=(file,), source=source, name=list_name, attributes=attributes)
    if file.stat().st_size > MOST_OCTETS:
        raise too_large()
    archives.sources(file, name)
    with database.write() as conn:
        number = uploads.add(
            conn,
            newsletter,
            by=by,
            name=plain_name(Path(name).name) or "list.csv",
            source=plain_name(told.source),
            list_name=plain_name(list_name),
            attributes=attributes,
            now=now,
        )
        # Before the commit: a row without its file could never be compared.
        _put(file, _place(loaded, number))
        detail = {"after": {"file": plain_name(name), "source": plain_name(source)}}
        history.record(conn, None, "uploaded a list", actor=by, at=now, detail=detail)
    return number


def too_large() -> ReaderError:
    return ReaderError(
        f"the file is larger than {MOST_OCTETS // 1_000_000} MB",
        remedy="Pack it into a zip archive, or use: digest subscribers import FILE",
    )


def confirm(database: Database, number: int, *, by: str, now: datetime) -> bool:
    """Have a compared list taken in; False if it is not waiting for that. Calling twice is safe."""
    with database.write() as conn:
        one = uploads.by_id(conn, number)
        compared = {**((one and one.compared) or {}), CONFIRMED: now.isoformat()}
        values = {"state": UploadState.IMPORTING, "rows": 0, "compared": compared}
        if not uploads.change(conn, number, UploadState.COMPARED, now=now, **values):
            return False
        detail = {"after": {"upload": number}}
        history.record(conn, None, "imported a list", actor=by, at=now, detail=detail)
    return True


def drop(database: Database, loaded: Loaded, number: int, *, now: datetime) -> bool:
    """Let go of a compared list; False if it is not waiting. Calling twice is safe."""
    with database.write() as conn:
        values = {"state": UploadState.DROPPED, "compared": None}
        dropped = uploads.change(conn, number, UploadState.COMPARED, now=now, **values)
    if dropped:
        forget(loaded, number)
    return dropped


def forget(loaded: Loaded, number: int) -> None:
    """Delete the files of an upload; calling twice is safe."""
    for file in (_place(loaded, number), refused_rows(loaded, number)):
        file.unlink(missing_ok=True)


def refused_rows(loaded: Loaded, number: int) -> Path:
    """Return where the rows that were not taken stand as CSV; there may be no such file."""
    return loaded.folder / PLACE / f"{number}-refused.csv"


def tidy(database: Database, loaded: Loaded, *, now: datetime) -> int:
    """Let go of lists that nobody confirmed, and of what is left of others; return how many."""
    before = now - KEPT
    with database.read() as conn:
        waiting = uploads.in_states(conn, (UploadState.COMPARED,), changed_before=before)
        over = uploads.in_states(conn, OVER, changed_before=before)
    for one in waiting:
        drop(database, loaded, one.id, now=now)
    left = [one for one in over if refused_rows(loaded, one.id).exists()]
    for one in left:
        forget(loaded, one.id)
    return len(waiting) + len(left)


# --- how far it is --------------------------------------------------------------------------


@dataclass(frozen=True, slots=True, kw_only=True)
class Progress:
    """How far a list is that is compared or taken in."""

    #: Rows so far, of how many; a list that is compared has as many as it has lines, 0 where
    #: its file is on another machine.
    done: int
    total: int
    #: None before that can be told.
    remaining: timedelta | None


def progress(loaded: Loaded, one: Upload, *, now: datetime) -> Progress:
    """Return how far *one*, which is at work, is by *now*, and how long it will take."""
    if one.state is UploadState.IMPORTING:
        found = one.compared or {}
        begun = datetime.fromisoformat(found[CONFIRMED]) if CONFIRMED in found else None
        counts = found.get("counts", {})
        total = sum(counts.values()) - counts.get("refused", 0)
    else:
        begun, total = one.at, _lines(_place(loaded, one.id), one.name)
    done, remaining = min(one.rows, total), None
    if begun and done > 0:
        remaining = (one.changed_at - begun) * ((total - done) / done) - (now - one.changed_at)
    return Progress(
        done=done if total else one.rows,
        total=total,
        remaining=max(remaining, timedelta(0)) if remaining is not None else None,
    )


@lru_cache(maxsize=16)
def _lines(place: Path, name: str) -> int:
    """Return how many lines the list at *place* has, about as many as rows; 0 without a file."""
    if not place.exists():
        return 0
    lines = 0
    try:
        for source in archives.sources(place, name):
            with archives.octets(source) as stream:
                while piece := stream.read(_PIECE):
                    lines += piece.count(b"\n")
    except (ReaderError, OSError):
        return 0  # whoever compares it says what is wrong with it
    return lines


# --- the work -------------------------------------------------------------------------------


def work(
    database: Database,
    loaded: Loaded,
    *,
    clock: Callable[[], datetime],
    stop: Event | None = None,
) -> int:
    """
    Compare and take in what waits for that; return how many lists came to an end.

    Two processes may do it at once, each list is one's. With *stop* set it ends soon, and
    the next call goes on.
    """
    with database.read() as conn:
        waiting = uploads.in_states(conn, AT_WORK)
    done = 0
    for one in waiting:
        # Of another machine, whose bell has the file.
        if _place(loaded, one.id).exists():
            with suppress(_Stopped):
                done += _Work(database, loaded, one, clock, stop or Event()).do()
    return done


@dataclass
class _Work:
    """One list in hand."""

    database: Database
    loaded: Loaded
    upload: Upload
    clock: Callable[[], datetime]
    stop: Event
    holder: str = field(default_factory=lambda: uuid4().hex)
    rows: int = field(init=False)
    _said_at: datetime | None = None

    def __post_init__(self) -> None:
        # A comparison that was stopped begins anew, an import where it was.
        self.rows = self.upload.rows if self.upload.state is UploadState.IMPORTING else 0

    def do(self) -> bool:
        """Return whether it came to an end; False if somebody else has it in hand."""
        if not self._claimed():
            return False
        try:
            self._done()
        except ReaderError as e:
            self._end(UploadState.REFUSED, error=f"{e}. {e.remedy}".strip())
            forget(self.loaded, self.upload.id)
        finally:
            with self.database.write() as conn:
                leases.release(conn, self._lease, holder=self.holder)
        return True

    def _done(self) -> None:
        told = List(
            files=(_place(self.loaded, self.upload.id),),
            source=self.upload.source,
            name=self.upload.list,
            attributes=self.upload.attributes,
            called=self.upload.name,
        )
        if self.upload.state is UploadState.COMPARING:
            self._compare(told)
        else:
            self._take_in(told)

    def _compare(self, told: List) -> None:
        glance: dict[str, list[dict[str, Any]]] = {each: [] for each in Outcome}

        def keep(step: Step) -> None:
            if len(glance[step.outcome]) < SHOWN:
                glance[step.outcome].append(_glance(step))

        report = rehearse_import(*self._of(told), now=self.clock(), each=keep, progress=self._beat)
        first = [_refusal(row) for row in report.invalid[:SHOWN]]
        found = {
            "counts": _counts(report),
            "headless": bool(report.headless),
            "first": glance,
            "refused": first,
        }
        self._end(UploadState.COMPARED, compared=found)

    def _take_in(self, told: List) -> None:
        file = _private(refused_rows(self.loaded, self.upload.id))
        with file.open("w", encoding="utf-8", newline="") as stream:
            written = csv.writer(stream)
            written.writerow(("file", "line", "reason"))

            def refuse(row: Refused) -> None:
                written.writerow((row.file, row.line, harmless(row.reason)))

            report = import_list(
                *self._of(told), now=self.clock(), progress=self._beat, on_refused=refuse
            )
        counts = {"counts": _counts(report), "resumed": report.resumed}
        # Whose rows were shown is known well enough by now.
        compared = {"counts": (self.upload.compared or {}).get("counts", {})}
        self._end(UploadState.IMPORTED, imported=counts, compared=compared)
        _place(self.loaded, self.upload.id).unlink(missing_ok=True)

    def _of(self, told: List) -> tuple[Database, Loaded, str, List]:
        return self.database, self.loaded, self.upload.newsletter, told

    def _end(self, state: UploadState, **values: Any) -> None:
        values = {"state": state, "rows": self.rows} | values
        with self.database.write() as conn:
            uploads.change(conn, self.upload.id, self.upload.state, now=self.clock(), **values)

    # --- that it is at work ---

    @property
    def _lease(self) -> str:
        return f"upload {self.upload.id}"

    def _claimed(self) -> bool:
        now = self.clock()
        with self.database.write() as conn:
            until = now + _LEASE
            return leases.claim(conn, self._lease, holder=self.holder, at=now, until=until)

    def _beat(self, rows: int) -> None:
        """Say how far it is, once a second; _Stopped if it is to end, or another has it."""
        self.rows += rows
        now = self.clock()
        if self.stop.is_set():
            raise _Stopped
        if self._said_at and now - self._said_at < _BEAT:
            return
        self._said_at = now
        if not self._claimed():
            raise _Stopped
        with self.database.write() as conn:
            uploads.change(conn, self.upload.id, self.upload.state, now=now, rows=self.rows)


def _counts(report: ImportReport) -> dict[str, int]:
    counted = {outcome.value: int(getattr(report, outcome)) for outcome in Outcome}
    return counted | {"refused": report.refused}


def _glance(step: Step) -> dict[str, Any]:
    row = step.row
    told = {"line": row.line, "address": row.address, "name": row.name, "state": str(row.state)}
    return told | {"changes": list(step.changes)}


def _refusal(row: Refused) -> dict[str, Any]:
    return {"file": row.file.rpartition("/")[2], "line": row.line, "reason": row.reason}


def _place(loaded: Loaded, number: int) -> Path:
    return loaded.folder / PLACE / f"{number}.list"


def _put(file: Path, place: Path) -> None:
    """Copy *file* to *place*, which only this account can read."""
    _private(place)
    with file.open("rb") as given, place.open("wb") as kept:
        shutil.copyfileobj(given, kept, 1 << 20)


def _private(file: Path) -> Path:
    """Make *file*, empty if it was not there, for this account alone; return it."""
    file.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    file.touch(mode=0o600)
    return file
