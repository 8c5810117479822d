"""A subscriber's life: joining, by a list or by asking; leaving, coming back, being forgotten."""

from digest.readership.joining import ask, confirm
from digest.readership.lists import ImportReport, exported, import_csv
from digest.readership.people import add, erase, mailbox, show
from digest.readership.seats import PURPOSE, Seat, can_return, leave, seat, undo

__all__ = [
    "PURPOSE",
    "ImportReport",
    "Seat",
    "add",
    "ask",
    "can_return",
    "confirm",
    "erase",
    "exported",
    "import_csv",
    "leave",
    "mailbox",
    "seat",
    "show",
    "undo",
]
