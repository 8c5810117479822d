"""What can be done with an issue now, and exactly what follows from it."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from datetime import datetime

from digest.delivery import IN_FLIGHT
from digest.model import DeliveryState, Issue, IssueState, Tally
from digest.model.settings import NewsletterSettings
from digest.web.words import count, moment


@dataclass(frozen=True, slots=True, kw_only=True)
class Act:
    """One button. The first of an issue's acts is its primary one."""

    #: Where the form goes: ``approve``, ``pause``, …
    action: str
    label: str
    #: Whom or what it touches, with the number; shown beside the button.
    consequence: str
    #: The least role that it takes.
    role: str
    #: A second button confirms it, under the consequence.
    asks: bool = False
    #: Who does it is asked why.
    why: bool = False
    #: It cannot be undone.
    grave: bool = False
    #: It leads to a page of its own.
    page: bool = False
    #: Whose debt a resend is about: ``uncertain`` or ``failed``.
    whom: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Facts:
    """What the consequences depend on."""

    issue: Issue
    newsletter: NewsletterSettings
    now: datetime
    #: How many items the mail has.
    items: int
    #: How many readers would get it; None once it is frozen.
    audience: int | None
    #: None until the audience is frozen.
    tally: Tally | None
    #: Nothing that the checks found forbids an approval.
    sound: bool = True

    @property
    def hour(self) -> str:
        """When it goes out: ``Friday 09:00 New York``, or ``at once`` where that has passed."""
        at = self.issue.sends_at
        return "at once" if self.now >= at else moment(at, self.newsletter.zone, self.now)

    def readers(self, *states: DeliveryState) -> str:
        return count(self.tally.count(*states) if self.tally else 0, "reader")

    @property
    def owed(self) -> str:
        return count(self.tally.owed if self.tally else 0, "reader")


def acts(facts: Facts) -> tuple[Act, ...]:
    """Return what can be done, the one that most people come for first."""
    return tuple(_acts(facts))


def _acts(facts: Facts) -> Iterable[Act]:
    for make in _BY_STATE.get(facts.issue.state, ()):
        act = make(facts)
        if act is not None:
            yield act


def _approve(facts: Facts) -> Act | None:
    if not facts.sound or not facts.items:
        return None
    readers = count(facts.audience or 0, "reader")
    return Act(
        action="approve",
        label="Approve",
        consequence=f"Freezes these words; {count(facts.items, 'item')} will go to {readers} "
        f"{facts.hour}.",
        role="publisher",
    )


def _hold(_facts: Facts) -> Act:
    return Act(
        action="hold",
        label="Hold",
        consequence="Nothing goes out until a publisher releases or approves it.",
        role="editor",
        asks=True,
        why=True,
    )


def _release(facts: Facts) -> Act:
    then = "Its send hour has passed: it waits for an approval."
    if facts.now < facts.issue.sends_at:
        then = f"It goes out {facts.hour} as the newsletter’s policy says."
    return Act(
        action="release",
        label="Release",
        consequence=f"Makes it a draft again. {then}",
        role="publisher",
    )


def _cancel(facts: Facts) -> Act:
    if facts.tally is None:
        free = f"Its {count(facts.items, 'item')} are free for the next issue."
        consequence = f"No reader gets this issue. {free if facts.items else ''}".strip()
        final = "Cancel this issue"
    else:
        have = facts.readers(DeliveryState.SENT)
        consequence = f"{facts.owed} will never get this issue. {have} got it already."
        final = f"Cancel for {facts.owed}"
    return Act(
        action="cancel",
        label=final,
        consequence=consequence,
        role="publisher",
        asks=True,
        grave=True,
    )


def _pause(facts: Facts) -> Act:
    return Act(
        action="pause",
        label="Pause",
        consequence=f"Stops after what is on its way, at most {IN_FLIGHT} mails. "
        f"{facts.owed} will wait; nobody is lost.",
        role="publisher",
    )


def _resume(facts: Facts) -> Act:
    have = facts.readers(DeliveryState.SENT)
    return Act(
        action="resume",
        label=f"Go on with {facts.owed}",
        consequence=f"Sends to those who are still owed it, and nothing to the {have} who got it.",
        role="publisher",
    )


def _correct(facts: Facts) -> Act | None:
    if facts.issue.of.is_correction:
        return None
    have = facts.readers(DeliveryState.SENT)
    consequence = f"A page says what happens to {have} who got it and {facts.owed} who wait."
    if facts.tally is None:
        consequence = "Takes the approval back: it is edited and approved again."
    return Act(
        action="correct",
        label="Correct",
        consequence=consequence,
        role="publisher",
        page=True,
    )


def _resend_uncertain(facts: Facts) -> Act | None:
    if not facts.tally or not facts.tally.count(DeliveryState.UNCERTAIN):
        return None
    whom = facts.readers(DeliveryState.UNCERTAIN)
    return Act(
        action="resend",
        label=f"Send again to {whom}",
        consequence=f"Nobody can know whether {whom} got it. Some may get it twice.",
        role="publisher",
        asks=True,
        whom="uncertain",
    )


def _resend_failed(facts: Facts) -> Act | None:
    if not facts.tally or not facts.tally.count(DeliveryState.FAILED):
        return None
    whom = facts.readers(DeliveryState.FAILED)
    return Act(
        action="resend",
        label=f"Send to {whom} who did not get it",
        consequence=f"The server refused {whom}. They are tried once more; nobody else gets "
        "anything.",
        role="publisher",
        asks=True,
        whom="failed",
    )


#: A person who opens the page in that state mostly comes for the first of these.
_BY_STATE: dict[IssueState, tuple[Callable[[Facts], Act | None], ...]] = {
    IssueState.PLANNED: (_hold, _cancel),
    IssueState.DRAFT: (_approve, _hold, _cancel),
    IssueState.HELD: (_approve, _release, _cancel),
    IssueState.APPROVED: (_hold, _correct, _cancel),
    IssueState.SENDING: (_pause, _correct),
    IssueState.STOPPED: (_resume, _correct, _cancel),
    IssueState.FINISHED: (_resend_uncertain, _resend_failed, _correct),
}
