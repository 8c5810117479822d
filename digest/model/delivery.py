"""Sending as a debt: what is owed to whom, and what became of it."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum


class DeliveryState(StrEnum):
    """pending → claimed → attempting → sent | deferred | failed | uncertain | skipped."""

    PENDING = "pending"  #: owed from `due_at`
    CLAIMED = "claimed"  #: a sender holds a lease on it; nothing was said to a server
    ATTEMPTING = "attempting"  #: durable before the message's bytes leave
    SENT = "sent"  #: the server took responsibility (250)
    DEFERRED = "deferred"  #: a passing refusal; owed again from `due_at`
    FAILED = "failed"  #: refused for good, or tried for as long as we try
    UNCERTAIN = "uncertain"  #: attempted, the answer never came; not resent by itself
    SKIPPED = "skipped"  #: not owed any more; `SkipReason` says why


#: States in which a reader is still owed the issue.
OWED = (
    DeliveryState.PENDING,
    DeliveryState.CLAIMED,
    DeliveryState.ATTEMPTING,
    DeliveryState.DEFERRED,
)


class SkipReason(StrEnum):
    """Why a frozen reader gets nothing after all."""

    LEFT = "left"  #: unsubscribed between freeze and sending
    PAUSED = "paused"  #: paused between freeze and sending
    SUPPRESSED = "suppressed"
    ERASED = "erased"
    CANCELLED = "cancelled"  #: the issue was cancelled before their turn


@dataclass(frozen=True, slots=True, kw_only=True)
class Recipient:
    """The reader as a message needs them."""

    subscriber: int
    address: str
    name: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Delivery:
    """One row of the ledger: what is owed to one reader of one issue."""

    issue: int
    recipient: Recipient
    edition: int
    variant: int
    state: DeliveryState
    due_at: datetime
    #: How often bytes may have left for the server.
    attempts: int = 0
    #: The server's last answer ("250 2.0.0 Ok: queued as 4B1"), or our own reason.
    answer: str = ""
    changed_at: datetime | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Tally:
    """An issue's ledger, counted."""

    #: How many rows the freeze wrote.
    frozen: int
    #: Rows by state; states without rows are absent.
    by_state: dict[DeliveryState, int] = field(default_factory=dict)

    def __str__(self) -> str:
        found = sum(self.by_state.values())
        return f"the ledger has {found} readers, the freeze wrote {self.frozen}"

    def count(self, *states: DeliveryState) -> int:
        return sum(self.by_state.get(state, 0) for state in states)

    @property
    def owed(self) -> int:
        return self.count(*OWED)

    @property
    def holds(self) -> bool:
        """The invariant: every frozen reader is in exactly one state, none is lost."""
        return self.frozen == sum(self.by_state.values())

    @property
    def settled(self) -> bool:
        """True once nobody is owed anything: frozen = sent + failed + skipped + uncertain."""
        done = (
            DeliveryState.SENT,
            DeliveryState.FAILED,
            DeliveryState.SKIPPED,
            DeliveryState.UNCERTAIN,
        )
        return self.frozen == self.count(*done)
