"""A subscriber's life: joining, by a list or by asking; leaving, coming back, being forgotten."""

from digest.readership.joining import Invitation, ask, confirm, invitation, invite
from digest.readership.knocking import Answer, knock, prefix_of
from digest.readership.lists import ImportReport, exported, import_csv
from digest.readership.mailboxes import read_mailboxes, read_maildir, read_mails
from digest.readership.outcome import Outcome
from digest.readership.people import add, erase, mailbox, show
from digest.readership.replies import settle_task
from digest.readership.returned import take, take_refusals
from digest.readership.seats import PURPOSE, Seat, can_return, leave, seat, undo

__all__ = [
    "PURPOSE",
    "Answer",
    "ImportReport",
    "Invitation",
    "Outcome",
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
    "read_mailboxes",
    "read_maildir",
    "read_mails",
    "seat",
    "settle_task",
    "show",
    "take",
    "take_refusals",
    "undo",
]
