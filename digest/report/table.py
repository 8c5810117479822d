"""Every reader of an issue with what became of theirs, as CSV."""

from __future__ import annotations

import csv
import re
from typing import TextIO

from digest.store import Database
from digest.store.ledger.reporting import pages

_HEADERS = ("reader", "address", "state", "reason", "tries", "at", "answer")
#: What a spreadsheet would take for a formula (OWASP, CSV injection).
_FORMULA = ("=", "+", "-", "@", "\t", "\r")


def write_csv(database: Database, issue_id: int, file: TextIO, *, named: bool = True) -> int:
    """
    Write a line for each reader of the issue into *file*; return how many.

    Unless *named*, no line has an address, and of an answer that holds one only the codes.
    Instants are UTC. What a spreadsheet would take for a formula gets an apostrophe in front.
    """
    writer = csv.writer(file)
    writer.writerow(_HEADERS)
    count = 0
    with database.read() as conn:
        for page in pages(conn, issue_id):
            for line in page:
                at = line.changed_at.isoformat() if line.changed_at else ""
                address = line.address if named else ""
                answer = line.answer if named else unnamed(line.answer)
                row = (line.subscriber, address, line.state, line.reason, line.attempts, at)
                writer.writerow([_safe(str(cell)) for cell in (*row, answer)])
            count += len(page)
    return count


def unnamed(answer: str) -> str:
    """Return a server's answer, or only its codes where it may name somebody."""
    if "@" not in answer:
        return answer
    codes = _CODES.match(answer)
    return codes[0].strip() if codes else ""


#: A reply's code and enhanced code (RFC 5321 §4.2, RFC 3463).
_CODES = re.compile(r"\d{3}( \d\.\d{1,3}\.\d{1,3})?\b")


def _safe(cell: str) -> str:
    return f"'{cell}" if cell.startswith(_FORMULA) else cell
