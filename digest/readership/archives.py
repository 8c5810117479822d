"""
The files that a list is made of: one, or those in a zip archive, as Mailchimp exports them.

An archive's names are read and shown, and never used as paths: its files are read where they
lie, piece by piece, and nothing is unpacked.
"""

from __future__ import annotations

import zipfile
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import IO

from digest.errors import ReaderError
from digest.readership.people import plain_name

#: More files than any export has.
MOST_FILES = 20
#: So much may come out of an archive in all, and so many times its packed size out of a file;
#: lists of addresses shrink to a fifth or a tenth.
MOST_OCTETS = 1 << 31
MOST_TIMES = 100
#: A small file may shrink more: it can do no harm.
_HARMLESS_OCTETS = 1 << 20
_ENDINGS = (".csv", ".txt", ".tsv")
_ENCRYPTED = 0x1


@dataclass(frozen=True, slots=True)
class Part:
    """A file of a list that is called otherwise than where it lies."""

    path: Path
    #: Its own name, without folders; it may say who is in it.
    name: str
    #: As messages name it.
    label: str
    #: Which file of the archive at *path*; None: *path* itself.
    place: int | None = None

    @property
    def stem(self) -> str:
        return PurePosixPath(self.name).stem

    def __str__(self) -> str:
        return self.label


#: What rows are read from.
Source = Path | Part


def sources(path: Path, called: str = "") -> list[Source]:
    """
    Return the files of the list at *path*: itself, or those in it if it is a zip archive.

    *called* is its name for people, if it lies under another. ReaderError for an archive
    without lists, or one that would unpack to too much.
    """
    try:
        if not zipfile.is_zipfile(path):
            return [Part(path, _own_name(called), _own_name(called)) if called else path]
        with zipfile.ZipFile(path) as archive:
            return [*_members(path, archive, _own_name(called) or path.name)]
    except (zipfile.BadZipFile, OSError, ValueError) as e:
        raise _unreadable(called or str(path)) from e


def _members(path: Path, archive: zipfile.ZipFile, called: str) -> Iterator[Part]:
    infos = archive.infolist()
    if "xl/workbook.xml" in archive.namelist():
        raise ReaderError(
            f"{called} is a spreadsheet's own file, not a list",
            remedy="Save it as CSV in the spreadsheet, and take that.",
        )
    lists = [(place, info) for place, info in enumerate(infos) if _is_list(info.filename)]
    if not lists:
        raise ReaderError(
            f"no file in {called} is a list", remedy="A list's name ends in .csv or .txt."
        )
    _refuse_excess(called, [info for _, info in lists])
    for place, info in lists:
        name = _own_name(info.filename)
        yield Part(path, name, f"{called}/{name}", place)


def _is_list(name: str) -> bool:
    own = _own_name(name)
    # What macOS adds to an archive begins with a dot.
    return own.lower().endswith(_ENDINGS) and not own.startswith(".")


def _own_name(name: str) -> str:
    return plain_name(PurePosixPath(name.replace("\\", "/")).name)


def _refuse_excess(called: str, infos: list[zipfile.ZipInfo]) -> None:
    """Raise ReaderError for what an archive says of its files; no more than that is read."""
    if any(info.flag_bits & _ENCRYPTED for info in infos):
        raise ReaderError(
            f"{called} is locked with a password", remedy="Unpack it, and take the files."
        )
    if len(infos) > MOST_FILES:
        raise ReaderError(f"{called} holds {len(infos)} lists; at most {MOST_FILES} are taken")
    total = sum(info.file_size for info in infos)
    swollen = any(
        info.file_size > max(info.compress_size * MOST_TIMES, _HARMLESS_OCTETS) for info in infos
    )
    if swollen or total > MOST_OCTETS:
        raise ReaderError(
            f"{called} would unpack to {total / 1e6:,.0f} MB, more than a list can be",
            remedy="If it is a list all the same, unpack it, and take the files.",
        )


@contextmanager
def octets(source: Source) -> Iterator[IO[bytes]]:
    """
    Give the content of *source*, which can be read again from its start.

    ReaderError if it cannot be read, also half-way.
    """
    try:
        if isinstance(source, Path) or source.place is None:
            path = source if isinstance(source, Path) else source.path
            with path.open("rb") as file:
                yield file
            return
        # No more comes out than the archive said before: zipfile stops there.
        with zipfile.ZipFile(source.path) as archive:
            info = archive.infolist()[source.place]
            with archive.open(info) as file:
                yield file
    except (zipfile.BadZipFile, zlib.error, EOFError, NotImplementedError) as e:
        raise _unreadable(str(source)) from e


def _unreadable(called: str) -> ReaderError:
    return ReaderError(
        f"{called}: cannot be read as a zip archive, or is damaged",
        remedy="Export it anew, or unpack it and take the files.",
    )
