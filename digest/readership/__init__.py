"""A subscriber's life: joining, by a list or by asking; leaving, coming back, being forgotten."""

from digest.readership.choosing import (
    LASTS,
    LONGEST_PAUSE,
    Choices,
    Move,
    ask_to_move,
    choices,
    choose_format,
    choose_language,
    choose_rhythm,
    choose_topics,
    mail_link,
    mail_link_to,
    move,
    moving,
    pause,
    resume,
)
from digest.readership.hooks import take_sns
from digest.readership.joining import Invitation, ask, confirm, invitation, invite
from digest.readership.knocking import Answer, knock, prefix_of
from digest.readership.lists import ImportReport, exported, import_csv
from digest.readership.mailboxes import read_mailboxes, read_maildir, read_mails
from digest.readership.outcome import Outcome
from digest.readership.people import add, erase, mailbox, show
from digest.readership.replies import settle_task
from digest.readership.returned import take, take_refusals
from digest.readership.seats import (
    PURPOSE,
    REASONS,
    Seat,
    can_return,
    leave,
    say_why,
    seat,
    undo,
)

__all__ = [
    "LASTS",
    "LONGEST_PAUSE",
    "PURPOSE",
    "REASONS",
    "Answer",
    "Choices",
    "ImportReport",
    "Invitation",
    "Move",
    "Outcome",
    "Seat",
    "add",
    "ask",
    "ask_to_move",
    "can_return",
    "choices",
    "choose_format",
    "choose_language",
    "choose_rhythm",
    "choose_topics",
    "confirm",
    "erase",
    "exported",
    "import_csv",
    "invitation",
    "invite",
    "knock",
    "leave",
    "mail_link",
    "mail_link_to",
    "mailbox",
    "move",
    "moving",
    "pause",
    "prefix_of",
    "read_mailboxes",
    "read_maildir",
    "read_mails",
    "resume",
    "say_why",
    "seat",
    "settle_task",
    "show",
    "take",
    "take_refusals",
    "take_sns",
    "undo",
]
