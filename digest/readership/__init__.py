"""A subscriber's life: joining by a list, leaving, coming back, being forgotten."""

from digest.readership.lists import ImportReport, exported, import_csv
from digest.readership.people import add, erase, mailbox, show
from digest.readership.seats import PURPOSE, Seat, leave, seat, undo

__all__ = [
    "PURPOSE",
    "ImportReport",
    "Seat",
    "add",
    "erase",
    "exported",
    "import_csv",
    "leave",
    "mailbox",
    "seat",
    "show",
    "undo",
]
