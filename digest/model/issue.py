"""An issue: one mailing of a newsletter, and the stretch of time it speaks of."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum


@dataclass(frozen=True, slots=True)
class Window:
    """A half-open stretch of time: ``start`` is in it, ``end`` is not. Both UTC."""

    start: datetime
    end: datetime

    def __post_init__(self) -> None:
        if self.start.tzinfo is None or self.end.tzinfo is None:
            raise ValueError("a window needs aware instants")
        if self.end <= self.start:
            raise ValueError("a window ends after it starts")

    def __contains__(self, moment: datetime) -> bool:
        return self.start <= moment < self.end


#: In the keys of issues beside the calendar's, before their number.
EXTRA = "+extra-"
CORRECTION = "+correction-"


class Rhythm(StrEnum):
    """How often a subscription is served."""

    WEEKLY = "weekly"
    MONTHLY = "monthly"


class IssueState(StrEnum):
    """Where an issue stands; the arrows are in `digest.weekly`."""

    PLANNED = "planned"  #: its window is known, nothing is composed
    DRAFT = "draft"  #: a recap exists; feeds and editors may still change it
    APPROVED = "approved"  #: edition frozen and hashed, publications used up
    SENDING = "sending"  #: audience frozen into the ledger, the debt is being settled
    STOPPED = "stopped"  #: paused by a person or a fault; owed readers stay owed
    FINISHED = "finished"  #: frozen = sent + failed + skipped + uncertain
    HELD = "held"  #: a safety rule or a person said no; reasons are kept
    CANCELLED = "cancelled"  #: will not be sent (further)
    MISSED = "missed"  #: its hour passed while nothing ran; never sent late


#: States in which an issue's content may still change.
OPEN = (IssueState.PLANNED, IssueState.DRAFT, IssueState.HELD)


@dataclass(frozen=True, slots=True)
class IssueId:
    """What makes an issue unique: the store holds one per newsletter, rhythm and key."""

    newsletter: str
    rhythm: Rhythm
    #: The closing day in the newsletter's zone (``2023-09-22``), or the month that a monthly
    #: one speaks of (``2023-09``); extra and correction
    #: issues carry a suffix (``2023-09-22+correction-1``).
    key: str

    def __str__(self) -> str:
        return f"{self.newsletter}/{self.rhythm}/{self.key}"

    @property
    def is_extra(self) -> bool:
        """True for one that was asked for beside the calendar's."""
        return EXTRA in self.key

    @property
    def is_correction(self) -> bool:
        """True for one that puts another one right."""
        return CORRECTION in self.key


@dataclass(frozen=True, slots=True, kw_only=True)
class Issue:
    """The record of one mailing, without its content."""

    #: The row's number; the identity that means something is *of*.
    id: int
    of: IssueId
    #: Counts the newsletter's issues of this rhythm from 1, in the order of approval.
    number: int | None
    window: Window
    sends_at: datetime
    state: IssueState
    #: Grows with every change of recap, edits or state; a writer must name the one it read.
    version: int
    #: Why it is held, stopped, cancelled or missed: sentences for an editor.
    reasons: tuple[str, ...] = ()
    approved_at: datetime | None = None
    approved_by: str | None = None
    #: When the audience was written into the ledger.
    frozen_at: datetime | None = None
    #: When it ended: everybody was settled, or somebody cancelled it.
    finished_at: datetime | None = None
    #: The edition that approval froze (the newest, where corrected).
    edition_id: int | None = None
