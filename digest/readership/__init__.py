"""A subscriber's life: joining, by a list or by asking; leaving, coming back, being forgotten."""

from digest.readership import uploads
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
    choose_timezone,
    choose_topics,
    mail_link,
    mail_link_to,
    move,
    moving,
    pause,
    resume,
)
from digest.readership.ending import suppress, unsubscribe
from digest.readership.erasure import Erasure, erase, erase_again
from digest.readership.exports import exported, harmless
from digest.readership.hooks import take_sns
from digest.readership.joining import Invitation, ask, confirm, invitation, invite
from digest.readership.knocking import Answer, knock, prefix_of
from digest.readership.lists import ImportReport, List, Refused, Step, import_list, rehearse_import
from digest.readership.mailboxes import read_mailboxes, read_maildir, read_mails
from digest.readership.outcome import Outcome
from digest.readership.people import add, mailbox, show
from digest.readership.replies import settle_task
from digest.readership.retention import Rule, keep_schedule, schedule
from digest.readership.returned import take, take_refusals
from digest.readership.seats import (
    PURPOSE,
    REASONS,
    Leaving,
    Seat,
    can_return,
    leave,
    leave_all,
    leaving,
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
    "Erasure",
    "ImportReport",
    "Invitation",
    "Leaving",
    "List",
    "Move",
    "Outcome",
    "Refused",
    "Rule",
    "Seat",
    "Step",
    "add",
    "ask",
    "ask_to_move",
    "can_return",
    "choices",
    "choose_format",
    "choose_language",
    "choose_rhythm",
    "choose_timezone",
    "choose_topics",
    "confirm",
    "erase",
    "erase_again",
    "exported",
    "harmless",
    "import_list",
    "invitation",
    "invite",
    "keep_schedule",
    "knock",
    "leave",
    "leave_all",
    "leaving",
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
    "rehearse_import",
    "resume",
    "say_why",
    "schedule",
    "seat",
    "settle_task",
    "show",
    "suppress",
    "take",
    "take_refusals",
    "take_sns",
    "undo",
    "unsubscribe",
    "uploads",
]
