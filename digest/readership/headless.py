"""Lists without a line of column names: addresses, and perhaps a name beside each."""

from __future__ import annotations

from collections.abc import Sequence

from digest.errors import ReaderError
from digest.readership.archives import Source
from digest.readership.people import mailbox
from digest.readership.records import delimiter, opened, records
from digest.readership.written import named_address


def column_names(cells: Sequence[str]) -> list[str]:
    """
    Return names for the columns of a list whose first row is *cells*; [] if it names them.

    A first row with one address, and at most one other cell, is a person: that cell is the
    name. What a third column means nobody says, and it may be that the person has left.
    """
    addresses = [index for index, cell in enumerate(cells) if _is_address(cell)]
    told = [index for index, cell in enumerate(cells) if cell.strip()]
    if len(addresses) != 1 or len(told) > 2:
        return []
    names = ["name" if len(cells) <= 2 or index in told else "" for index in range(len(cells))]
    names[addresses[0]] = "email"
    return names if len(names) > 1 else [*names, "name"]


def is_headless(source: Source, encoding: str | None) -> bool:
    """Tell whether the list in *source* begins with a person; ReaderError if it cannot be read."""
    with opened(source, encoding) as stream:
        first = next(records(stream, delimiter(stream), lambda _line, _reason: None), None)
    return bool(first and column_names(first.cells))


def _is_address(cell: str) -> bool:
    try:
        return bool(mailbox(named_address(cell)[0]))
    except ReaderError:
        return False
