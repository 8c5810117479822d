"""A subscriber's life: joining, by a list or by asking; leaving, coming back, being forgotten."""

from digest.readership.joining import Invitation, ask, confirm, invitation, invite
from digest.readership.knocking import Answer, knock, prefix_of
from digest.readership.lists import ImportReport, exported, import_csv
from digest.readership.people import add, erase, mailbox, show
from digest.readership.seats import PURPOSE, Seat, can_return, leave, seat, undo

__all__ = [
    "PURPOSE",
    "Answer",
    "ImportReport",
    "Invitation",
    "Seat",
    "add",
    "ask",
    "can_return",
    "confirm",
    "erase",
    "exported",
    "import_csv",
    "invitation",
    "invite",
    "knock",
    "leave",
    "mailbox",
    "prefix_of",
    "seat",
    "show",
    "undo",
]
