"""The lists beside config.yaml, `subscribers/*.csv`: who stands in them, and taking them out."""

from __future__ import annotations

import codecs
import os
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

from digest.errors import ReaderError
from digest.identity import address_key
from digest.readership.records import (
    LINE_LETTERS,
    Record,
    delimiter,
    found_encoding,
    opened,
    records,
)
from digest.readership.written import named_address

FOLDER = "subscribers"


class Mention(NamedTuple):
    """A row of a list that has somebody's address."""

    file: Path
    line: int


def mentions(folder: Path, key: str) -> list[Mention]:
    """Return where the address of that key stands in the lists of *folder*, by file and line."""
    return [Mention(path, record.line) for path in _lists(folder) for record in _rows(path, key)]


def remove(folder: Path, key: str) -> list[Mention]:
    """
    Take the rows of that address out of the lists of *folder*; return which they were.

    All other lines stay as they are, to the last octet, and each file is replaced whole.
    Calling twice is safe. ReaderError if a file cannot be written.
    """
    gone = []
    for path in _lists(folder):
        found = _rows(path, key)
        if found:
            _rewrite(path, found)
        gone += [Mention(path, record.line) for record in found]
    return gone


def _lists(folder: Path) -> list[Path]:
    return sorted(path for path in (folder / FOLDER).glob("*.csv") if path.is_file())


def _rows(path: Path, key: str) -> list[Record]:
    """Return the records with a cell that is the address."""
    with opened(path) as stream:
        found = records(stream, delimiter(stream), lambda _line, _reason: None)
        return [record for record in found if any(_writes(cell, key) for cell in record.cells)]


def _writes(cell: str, key: str) -> bool:
    """Tell whether *cell* writes the address of that key, as an import would read it."""
    if "@" not in cell:
        return False
    try:
        return address_key(named_address(cell.strip())[0]) == key
    except ReaderError:
        return False


def _rewrite(path: Path, gone: list[Record]) -> None:
    numbers = {n for record in gone for n in range(record.line, record.line + record.lines)}
    encoding = _exact(path)
    try:
        descriptor, name = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}-")
        with os.fdopen(descriptor, "wb") as written:
            for number, line in enumerate(_lines(path, encoding), start=1):
                if number not in numbers:
                    written.write(line.encode(encoding, "surrogateescape"))
            written.flush()
            os.fsync(descriptor)
        Path(name).chmod(path.stat().st_mode & 0o777)
        Path(name).replace(path)
    except OSError as e:
        raise ReaderError(
            f"{path}: cannot be written ({e.strerror}); the person stands in it still",
            remedy="Take the row out by hand.",
        ) from e


def _lines(path: Path, encoding: str) -> Iterator[str]:
    """Yield the lines as `records` counts them."""
    with path.open(encoding=encoding, errors="surrogateescape", newline="") as stream:
        yield from iter(lambda: stream.readline(LINE_LETTERS), "")


def _exact(path: Path) -> str:
    """Return the encoding under which a mark at the file's start is a letter like others."""
    encoding = found_encoding(path)
    if encoding == "utf-16":
        with path.open("rb") as file:
            return "utf-16-le" if file.read(2) == codecs.BOM_UTF16_LE else "utf-16-be"
    # Windows-1252 lacks five octets that a file may have all the same.
    return {"utf-8-sig": "utf-8", "cp1252": "latin-1"}.get(encoding, encoding)
