"""Giving out the list of readers, as a file that comes in again."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING

from digest.store import Database, readers

if TYPE_CHECKING:
    from digest.conditions import Condition

EXPORTED = (
    *("email", "name", "language", "state", "rhythm", "topics"),
    *("format", "lists", "source", "consented_at", "left_at", "attributes"),
)


def exported(
    database: Database, newsletter: str, *, where: Condition | None = None
) -> Iterator[Sequence[str]]:
    """
    Yield the header, then a row for each reader, safe for spreadsheets that run formulas.

    With *where*, for each who meets it. `import_list` takes it back: who left in it has left
    there. Page after page, so that no list is too long.
    """
    yield EXPORTED
    after = 0
    while True:
        with database.read() as conn:
            page = readers.listed(conn, newsletter, where=where, after=after)
        for reader in page:
            yield [harmless(cell) for cell in _told(reader)]
        if not page:
            return
        after = page[-1].subscriber.id


def _told(reader: readers.Reader) -> tuple[str, ...]:
    one, person = reader.subscription, reader.subscriber
    assert one is not None  # noqa: S101 - listed joins it
    attributes = person.attributes
    return (
        person.address,
        person.name,
        person.language or "",
        one.state,
        one.rhythm,
        ";".join(one.topics),
        one.format,
        ";".join(one.lists),
        one.source,
        one.consented_at.isoformat() if one.consented_at else "",
        one.left_at.isoformat() if one.left_at else "",
        json.dumps(attributes, ensure_ascii=False, sort_keys=True) if attributes else "",
    )


def harmless(cell: str) -> str:
    """Return *cell* so that no spreadsheet takes it for a formula."""
    # Spreadsheets run a cell that begins so as a formula (OWASP, CSV injection).
    return f"'{cell}" if cell[:1] in ("=", "+", "-", "@", "\t", "\r") else cell
