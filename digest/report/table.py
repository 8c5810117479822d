"""Every reader of an issue with what became of theirs, as CSV."""

from __future__ import annotations

import csv
from typing import TextIO

from digest.store import Database
from digest.store.ledger.reporting import pages

_HEADERS = ("reader", "address", "state", "reason", "tries", "at", "answer")
#: What a spreadsheet would take for a formula (OWASP, CSV injection).
_FORMULA = ("=", "+", "-", "@", "\t", "\r")


def write_csv(database: Database, issue_id: int, file: TextIO) -> int:
    """
    Write a line for each reader of the issue into *file*; return how many.

    Instants are UTC. What a spreadsheet would take for a formula gets an apostrophe in front.
    """
    writer = csv.writer(file)
    writer.writerow(_HEADERS)
    count = 0
    with database.read() as conn:
        for page in pages(conn, issue_id):
            for line in page:
                at = line.changed_at.isoformat() if line.changed_at else ""
                row = (line.subscriber, line.address, line.state, line.reason, line.attempts, at)
                writer.writerow([_safe(str(cell)) for cell in (*row, line.answer)])
            count += len(page)
    return count


def _safe(cell: str) -> str:
    return f"'{cell}" if cell.startswith(_FORMULA) else cell
