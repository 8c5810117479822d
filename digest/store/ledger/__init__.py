"""
The ledger: one row per issue and reader, what is owed and what became of it.

A sender enters, claims a batch, makes `attempting` durable before a message's bytes leave,
and writes the result after the server's answer. What a dead sender left behind is put
right by `recover`. Every function is one step of a caller's transaction.
"""

from digest.store.ledger.audience import audience, freeze, timezones, topic_sets
from digest.store.ledger.doubt import doubt, doubtful, uncertain, vouch
from digest.store.ledger.editions import Reach, by_edition, hand_out, has_wrong, reach
from digest.store.ledger.hot import Steps, committed, whole
from digest.store.ledger.reading import (
    WAITING,
    Trouble,
    accepted_since,
    attempted,
    attempted_between,
    due,
    in_flight,
    last_due,
    listed,
    next_due,
    tally,
    troubles,
)
from digest.store.ledger.results import Result
from digest.store.ledger.steps import (
    LEASE,
    NO_ANSWER,
    Leave,
    Recovered,
    beat,
    claim,
    enter,
    owe_again,
    record,
    recover,
    retire,
    senders_at_work,
    senders_of,
    skip_rest,
)
from digest.store.ledger.summaries import Summary, drop_rows, summarise, summary
from digest.store.ledger.summaries import due as issues_to_put_away

__all__ = [
    "LEASE",
    "NO_ANSWER",
    "WAITING",
    "Leave",
    "Reach",
    "Recovered",
    "Result",
    "Steps",
    "Summary",
    "Trouble",
    "accepted_since",
    "attempted",
    "attempted_between",
    "audience",
    "beat",
    "by_edition",
    "claim",
    "committed",
    "doubt",
    "doubtful",
    "drop_rows",
    "due",
    "enter",
    "freeze",
    "hand_out",
    "has_wrong",
    "in_flight",
    "issues_to_put_away",
    "last_due",
    "listed",
    "next_due",
    "owe_again",
    "reach",
    "record",
    "recover",
    "retire",
    "senders_at_work",
    "senders_of",
    "skip_rest",
    "summarise",
    "summary",
    "tally",
    "timezones",
    "topic_sets",
    "troubles",
    "uncertain",
    "vouch",
    "whole",
]
