"""A file of rows in any usual shape: its encoding, its delimiter, its records."""

from __future__ import annotations

import codecs
import csv
import io
from collections import deque
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import NamedTuple

from digest.errors import ReaderError
from digest.octets import WESTERN
from digest.readership.archives import Source, octets

#: A line is read in pieces of this size, so that one without end costs no memory.
LINE_LETTERS = 1 << 20
#: A cell in quotes may go on over this many lines; a quote that nobody closes does not.
CELL_LINES = 50
#: So much of a file shows whether every other octet is a zero.
_HEAD_OCTETS = 4096

#: Hears of each row that cannot be taken: its line, and why.
Refuse = Callable[[int, str], None]


class Record(NamedTuple):
    """One row of the file, over one line or several."""

    line: int
    cells: list[str]
    #: How many lines it takes.
    lines: int = 1


@contextmanager
def opened(source: Source, encoding: str | None = None) -> Iterator[io.TextIOBase]:
    """
    Give the file as text; its encoding is found out unless *encoding* names it.

    ReaderError if it cannot be read, or for an encoding that nobody knows.
    """
    try:
        # What an encoding lacks becomes a mark that no address may hold: the row is listed.
        named, otherwise = _named(encoding) or found_encoding(source), "replace"
        if named == "cp1252" and not encoding:
            # Not all of it need be so: one letter of Windows in a list of UTF-8 stays one.
            named, otherwise = "utf-8-sig", WESTERN
        with (
            octets(source) as raw,
            io.TextIOWrapper(raw, encoding=named, errors=otherwise, newline="") as stream,
        ):
            yield stream
    except OSError as e:
        raise ReaderError(
            f"{source}: cannot be read ({e.strerror})", remedy="Name a CSV file that is there."
        ) from e


def _named(encoding: str | None) -> str | None:
    if not encoding:
        return None
    try:
        return codecs.lookup(encoding).name
    except LookupError:
        raise ReaderError(
            f"no encoding is called {encoding!r}",
            remedy="Name one such as utf-8, windows-1251 or iso-8859-2, or leave it out.",
        ) from None


def found_encoding(source: Source) -> str:
    """
    Return the file's encoding: by its mark or its zeros, else UTF-8 if all of it is.

    What is neither is taken for Windows-1252, which most spreadsheets of the West write;
    `opened` reads so only what is no UTF-8.
    """
    with octets(source) as file:
        head = file.read(_HEAD_OCTETS)
    if head[:2] in (codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE):
        return "utf-16"
    for half, encoding in ((head[1::2], "utf-16-le"), (head[0::2], "utf-16-be")):
        if half and half.count(0) > len(half) / 2:
            return encoding
    try:
        with octets(source) as file, io.TextIOWrapper(file, encoding="utf-8-sig") as text:
            for _ in iter(lambda: text.read(LINE_LETTERS), ""):
                pass
    except UnicodeDecodeError:
        return "cp1252"
    return "utf-8-sig"


def delimiter(stream: io.TextIOBase) -> str:
    """Return what separates the columns: the candidate that the first line has most of."""
    first = stream.readline(100_000)
    stream.seek(0)
    counts = {mark: first.count(mark) for mark in (",", ";", "\t", "|")}
    best = max(counts, key=lambda mark: counts[mark])
    return best if counts[best] else ","


def records(stream: io.TextIOBase, delimiter: str, refuse: Refuse) -> Iterator[Record]:
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
            refuse(number, f"not CSV: {e}")
        else:
            # Excel's own first line tells the delimiter; it is none of the list's.
            tells = number == 1 and cells[:1] == ["sep="]
            if any(cell.strip() for cell in cells) and not tells:
                width = width or len(cells)
                yield Record(number, cells, len(taken))
        number += len(taken)


def _line(stream: io.TextIOBase, ahead: deque[str]) -> str:
    """Return the next line; "" at the end."""
    # No reader's name holds a NUL.
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
