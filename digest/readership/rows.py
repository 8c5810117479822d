"""A list of readers as a file, in any usual shape: its rows, one person each."""

from __future__ import annotations

import csv
import io
import re
from collections import deque
from collections.abc import Iterator, Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import NamedTuple

from digest.errors import ReaderError
from digest.identity import address_key
from digest.model import Rhythm, SubscriptionState
from digest.readership.people import mailbox, plain_name

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
    "consented": ("consentedat", "confirmtime", "optintime", "subscribedat"),
    "state": ("state", "status", "subscriberstatus"),
    "left": ("leftat", "unsubtime", "unsubscribedat"),
    "bounced": ("cleantime", "bouncedat"),
}

#: What programs call the states of a subscription; compared as the columns are.
STATES = {
    SubscriptionState.ACTIVE: ("active", "subscribed", "confirmed", "enabled", "optedin"),
    SubscriptionState.PENDING: ("pending", "unconfirmed"),
    SubscriptionState.PAUSED: ("paused",),
    SubscriptionState.LEFT: ("left", "unsubscribed", "optedout", "optout", "disabled"),
    SubscriptionState.SUPPRESSED: (
        *("suppressed", "cleaned", "bounced", "hardbounced", "complained", "spam"),
        *("blocklisted", "blacklisted"),
    ),
}
_STATE_CALLED = {word: state for state, words in STATES.items() for word in words}

#: Whoever these say is a reader gets issues, now or after a pause.
READING = (SubscriptionState.ACTIVE, SubscriptionState.PAUSED)
#: The rhythms that issues are made in: who waits for another would never get one.
OFFERED = (Rhythm.WEEKLY,)

#: A line is read in pieces of this size, so that one without end costs no memory.
LINE_LETTERS = 1 << 20
#: A cell in quotes may go on over this many lines; a quote that nobody closes does not.
CELL_LINES = 50


class Row(NamedTuple):
    """One person as a list has them."""

    line: int
    address: str
    key: str
    name: str
    topics: tuple[str, ...]
    language: str | None
    rhythm: Rhythm | None
    source: str
    #: When the list says that they consented; None where it does not, or not legibly.
    consented_at: datetime | None
    #: What the list says of them: active, paused, left or suppressed.
    state: SubscriptionState

    @property
    def is_gone(self) -> bool:
        return self.state in (SubscriptionState.LEFT, SubscriptionState.SUPPRESSED)


def rows(path: Path, source: str, invalid: list[tuple[int, str]]) -> Iterator[Row]:
    """
    Yield the people of a CSV file, in its order; *source* is theirs where a row names none.

    Rows that cannot be taken are added to *invalid* with line and reason. The second row of
    an address is one of those, unless it says that the person is gone. ReaderError if the
    file cannot be read or has no column of addresses.
    """
    with _opened(path) as stream:
        records = _records(stream, _delimiter(stream), invalid)
        _, header = next(records, (1, []))
        columns = _columns(header, str(path))
        seen: set[str] = set()
        for line, cells in records:
            try:
                row = _row(cells, columns, line, source)
            except ReaderError as e:
                invalid.append((line, str(e)))
                continue
            if row.key in seen and not row.is_gone:
                invalid.append((line, f"{row.address}: stands in this list twice"))
                continue
            seen.add(row.key)
            yield row


# --- the file -----------------------------------------------------------------------------


def _opened(path: Path) -> io.TextIOBase:
    try:
        encoding = _encoding(path)
        # What an encoding lacks becomes a mark that no address may hold: the row is listed.
        return path.open(encoding=encoding, errors="replace", newline="")
    except OSError as e:
        raise ReaderError(
            f"{path}: cannot be read ({e.strerror})", remedy="Name a CSV file that is there."
        ) from e


def _encoding(path: Path) -> str:
    """Return the file's encoding: by its mark, else UTF-8 if all of it is, else Windows-1252."""
    with path.open("rb") as file:
        head = file.read(4)
    if head[:2] in (b"\xff\xfe", b"\xfe\xff"):
        return "utf-16"
    try:
        with path.open(encoding="utf-8-sig") as text:
            for _ in iter(lambda: text.read(LINE_LETTERS), ""):
                pass
    except UnicodeDecodeError:
        return "cp1252"
    return "utf-8-sig"


def _delimiter(stream: io.TextIOBase) -> str:
    """Return what separates the columns: the candidate that the first line has most of."""
    first = stream.readline(100_000)
    stream.seek(0)
    counts = {mark: first.count(mark) for mark in (",", ";", "\t", "|")}
    best = max(counts, key=lambda mark: counts[mark])
    return best if counts[best] else ","


def _records(
    stream: io.TextIOBase, delimiter: str, invalid: list[tuple[int, str]]
) -> Iterator[tuple[int, list[str]]]:
    """
    Yield each record that holds anything, with the number of its first line.

    A quote that is opened and not closed costs its own line only. The csv module would
    take all that follows, up to the next quote, for one cell.
    """
    ahead: deque[str] = deque()
    number, width = 1, 0
    while line := _line(stream, ahead):
        taken = [line]
        try:
            cells = _parsed(line, delimiter)
            if cells is None:
                cells = _over_lines(taken, stream, ahead, delimiter, width)
        except csv.Error as e:
            invalid.append((number, f"not CSV: {e}"))
        else:
            if any(cell.strip() for cell in cells):
                width = width or len(cells)
                yield number, cells
        number += len(taken)


def _line(stream: io.TextIOBase, ahead: deque[str]) -> str:
    """Return the next line; "" at the end."""
    # No reader's name holds a NUL; in UTF-16 without a mark, every other octet is one.
    return ahead.popleft() if ahead else stream.readline(LINE_LETTERS).replace("\0", "")


def _over_lines(
    taken: list[str], stream: io.TextIOBase, ahead: deque[str], delimiter: str, width: int
) -> list[str]:
    """
    Return the record that begins with *taken* and goes on over further lines, added to it.

    csv.Error, with the further lines put back, if it does not end soon in a whole record.
    """
    while len(taken) < CELL_LINES and (line := _line(stream, ahead)):
        taken.append(line)
        cells = _parsed("".join(taken), delimiter)
        if cells is not None and len(cells) == width:
            return cells
        if cells is not None:
            break
    ahead.extendleft(reversed(taken[1:]))
    del taken[1:]
    raise csv.Error("a quote is opened and not closed")


def _parsed(text: str, delimiter: str) -> list[str] | None:
    """Return the cells of one record; None if it ends within quotes."""
    lines = text.splitlines(keepends=True) if text.count("\n") > 1 else [text]
    try:
        return next(csv.reader(lines, delimiter=delimiter, strict=True), [])
    except csv.Error as e:
        if "unexpected end" in str(e):
            return None
    # Letters after a closing quote: a slip that does no harm.
    return next(csv.reader(lines, delimiter=delimiter), [])


# --- its columns --------------------------------------------------------------------------


def _columns(header: Sequence[str], file: str) -> dict[str, int]:
    """Return which column holds what; ReaderError without one of addresses."""
    plain = [_word(name) for name in header]
    found = {
        ours: plain.index(theirs)
        for ours, names in COLUMNS.items()
        for theirs in reversed(names)
        if theirs in plain
    }
    if "address" in found:
        return found
    if any("@" in name for name in header):
        raise ReaderError(
            f"{file}:1: the first line holds an address, not the names of columns",
            remedy='Write a line of names above it, such as "email,name".',
        )
    shown = ", ".join(plain_name(name) for name in header[:20])
    raise ReaderError(
        f"{file}:1: no column of addresses among: {shown or 'nothing'}",
        remedy='Call it "email".',
    )


def _word(text: str) -> str:
    return re.sub(r"[\W_]+", "", text.casefold())


def _row(cells: Sequence[str], columns: Mapping[str, int], line: int, source: str) -> Row:
    def told(name: str) -> str:
        index = columns.get(name)
        return _unguarded(cells[index].strip()) if index is not None and index < len(cells) else ""

    address = mailbox(told("address"))
    state = _state(told("state"), left=told("left"), bounced=told("bounced"))
    rhythm = _rhythm(told("rhythm"))
    if state in READING and rhythm not in (None, *OFFERED):
        raise ReaderError(
            f"asks for a {rhythm} issue, and there are {' and '.join(OFFERED)} ones only; "
            "write a rhythm that there is, or take the row in later"
        )
    return Row(
        line=line,
        address=address,
        key=address_key(address),
        name=plain_name(told("name") or f"{told('first')} {told('last')}"),
        topics=tuple(
            topic for part in re.split(r"[;|]", told("topics")) if (topic := plain_name(part))
        ),
        language=_language(told("language")),
        rhythm=rhythm,
        source=plain_name(told("source")) or source,
        consented_at=_instant(told("consented")),
        state=state,
    )


def _unguarded(cell: str) -> str:
    # An export keeps spreadsheets from running a cell by a quote before it.
    return cell[1:] if cell[:2] in ("'=", "'+", "'-", "'@") else cell


def _language(tag: str) -> str | None:
    tag = tag.replace("_", "-")
    return tag if re.fullmatch(r"[A-Za-z]{2,3}(-[A-Za-z0-9]{2,8}){0,3}", tag) else None


def _rhythm(word: str) -> Rhythm | None:
    if not word:
        return None
    try:
        return Rhythm(word.casefold())
    except ValueError:
        allowed = ", ".join(Rhythm)
        raise ReaderError(f"the rhythm {plain_name(word)!r} is none of: {allowed}") from None


def _instant(text: str) -> datetime | None:
    """Return an instant of ISO 8601; without a zone, of UTC."""
    try:
        told = datetime.fromisoformat(text)
        return told.replace(tzinfo=UTC) if told.tzinfo is None else told.astimezone(UTC)
    except (ValueError, OverflowError):
        return None


def _state(word: str, *, left: str, bounced: str) -> SubscriptionState:
    """
    Return what the list says of the person; ReaderError for a word that we do not know.

    To take an unknown one for a reader would write to somebody who may have left.
    """
    if bounced:
        return SubscriptionState.SUPPRESSED
    if left:
        return SubscriptionState.LEFT
    state = _STATE_CALLED.get(_word(word)) if word else SubscriptionState.ACTIVE
    if state is None:
        raise ReaderError(f"the state {plain_name(word)!r} is not known: is this a reader?")
    if state is SubscriptionState.PENDING:
        raise ReaderError("has not confirmed, and an import cannot do that for them")
    return state
