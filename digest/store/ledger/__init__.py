"""
The ledger: one row per issue and reader, what is owed and what became of it.

A sender enters, claims a batch, makes `attempting` durable before a message's bytes leave,
and writes the result after the server's answer. What a dead sender left behind is put
right by `recover`. Every function is one step of a caller's transaction.
"""

from digest.store.ledger.audience import audience, freeze, topic_sets
from digest.store.ledger.doubt import doubt, uncertain, vouch
from digest.store.ledger.reading import (
    WAITING,
    Trouble,
    accepted_since,
    attempted,
    attempted_between,
    due,
    in_flight,
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

__all__ = [
    "LEASE",
    "NO_ANSWER",
    "WAITING",
    "Leave",
    "Recovered",
    "Result",
    "Trouble",
    "accepted_since",
    "attempted",
    "attempted_between",
    "audience",
    "beat",
    "claim",
    "doubt",
    "due",
    "enter",
    "freeze",
    "in_flight",
    "listed",
    "next_due",
    "owe_again",
    "record",
    "recover",
    "retire",
    "senders_at_work",
    "senders_of",
    "skip_rest",
    "tally",
    "topic_sets",
    "troubles",
    "uncertain",
    "vouch",
]
