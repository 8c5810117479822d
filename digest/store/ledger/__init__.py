"""
The ledger: one row per issue and reader, what is owed and what became of it.

A sender claims a batch (a lease), makes `attempting` durable before a message's bytes
leave, and writes the result after the server's answer. Rows that a dead sender left
behind are put right by `recover`. Every function is one step of a caller's transaction.
"""

from digest.store.ledger.audience import audience, freeze
from digest.store.ledger.doubt import doubt, uncertain, vouch
from digest.store.ledger.reading import (
    WAITING,
    Trouble,
    accepted_since,
    attempted,
    attempted_between,
    listed,
    next_due,
    tally,
    troubles,
)
from digest.store.ledger.steps import (
    NO_ANSWER,
    Leave,
    Recovered,
    Result,
    attempt,
    claim,
    owe_again,
    recover,
    release,
    settle,
    skip_rest,
)

__all__ = [
    "NO_ANSWER",
    "WAITING",
    "Leave",
    "Recovered",
    "Result",
    "Trouble",
    "accepted_since",
    "attempt",
    "attempted",
    "attempted_between",
    "audience",
    "claim",
    "doubt",
    "freeze",
    "listed",
    "next_due",
    "owe_again",
    "recover",
    "release",
    "settle",
    "skip_rest",
    "tally",
    "troubles",
    "uncertain",
    "vouch",
]
