"""
Putting an issue right: before it goes out, while it does, and after.

A correction of what has begun to go out is an issue of its own, which editors edit and
approve like any other. Its approval puts a new edition in place of the wrong one, for all
who still wait for it and for the archive; who has the wrong one may get it by mail.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime
from typing import TYPE_CHECKING

from sqlalchemy import Connection

from digest.errors import IssueError, WrongState
from digest.model import (
    CORRECTION,
    OPEN,
    Block,
    Edition,
    Issue,
    IssueId,
    IssueState,
    Publication,
    Recap,
    Section,
    Variant,
)
from digest.store import Database, corrections, drafts, editions, history, issues, ledger
from digest.store.corrections import Correction
from digest.store.ledger import Reach
from digest.weekly.steps import withdraw

if TYPE_CHECKING:
    from digest.config import Loaded

#: What the audit log says.
OPENED = "opened a correction"
CORRECTED = "corrected"
#: Why an issue is stopped that is being corrected; it goes on by itself after that.
PAUSED = "Paused for a correction"

_KEY = "block-correction"


def reach(database: Database, issue: Issue) -> Reach:
    """Return how many readers have the issue as it is now, and how many wait for it."""
    with database.read() as conn:
        return ledger.reach(conn, issue.id)


def correct(
    database: Database,
    loaded: Loaded,
    issue: Issue,
    *,
    note: str,
    mails: bool,
    by: str,
    now: datetime,
) -> Issue:
    """
    Return the draft in which *issue* is put right, for an approval of its own.

    Before the freeze that is the issue itself, its approval taken back. Once it has begun to
    go out it is an issue of its own, and the sending stops until that is approved or
    cancelled; *note* tells readers what was wrong, and with *mails* those who have the
    wrong edition get it. WrongState if it is a draft still, a correction itself, or being
    corrected already; IssueError without a note.
    """
    if issue.state is IssueState.APPROVED:
        return withdraw(database, issue, now=now, actor=by)
    from digest.render.plain import plain

    _refuse_uncorrectable(issue)
    said = plain(note)
    if not said:
        raise IssueError(
            "a correction needs a sentence that says what was wrong",
            remedy="Readers see it, in the archive and in the mail.",
        )
    with database.write() as conn:
        return _opened(conn, loaded, issue, note=said, mails=mails, by=by, now=now)


def _refuse_uncorrectable(issue: Issue) -> None:
    if issue.of.is_correction:
        raise WrongState(
            f"issue {issue.of.key} is a correction itself",
            remedy="Correct the issue that it corrects, once more.",
        )
    if issue.state in OPEN:
        raise WrongState(
            f"issue {issue.of.key} is {issue.state}, and nobody has it",
            remedy="Edit it as it is.",
        )
    if issue.frozen_at is None:
        raise WrongState(f"issue {issue.of.key} is {issue.state}, and never went out")


def _opened(
    conn: Connection,
    loaded: Loaded,
    issue: Issue,
    *,
    note: str,
    mails: bool,
    by: str,
    now: datetime,
) -> Issue:
    known = corrections.under_way(conn, issue.id)
    if known is not None:
        key = issues.by_id(conn, known.issue).of.key
        raise WrongState(
            f"issue {issue.of.key} is being corrected already",
            remedy=f"See: digest issue show --closing {key}",
        )
    if issue.state is IssueState.SENDING:
        states = ((IssueState.SENDING,), IssueState.STOPPED)
        reason = f"{PAUSED} by {by}."
        issues.set_state(conn, issue.id, *states, now=now, actor=by, reasons=(reason,))
    made = _planned(conn, issue, now=now)
    told = Correction(
        issue=made.id, corrects=issue.id, note=note, mails=mails, opened_by=by, opened_at=now
    )
    corrections.keep(conn, told)
    draft = drafts.read(conn, issue.id)
    language = loaded.settings.newsletters[issue.of.newsletter].language
    draft = replace(draft, recap=noted(draft.recap, told, language) if draft.recap else None)
    for each in (made, issue):
        detail = {"note": note, "mails": mails}
        history.record(conn, each.id, OPENED, actor=by, at=now, detail=detail)
    return drafts.write(conn, made, draft, now=now, actor=by, what="prepared")


def _planned(conn: Connection, issue: Issue, *, now: datetime) -> Issue:
    known = {each.of.key for each in issues.listed(conn, issue.of.newsletter)}
    number = next(n for n in range(1, 1000) if f"{issue.of.key}{CORRECTION}{n}" not in known)
    of = IssueId(issue.of.newsletter, issue.of.rhythm, f"{issue.of.key}{CORRECTION}{number}")
    return issues.plan(conn, of, issue.window, sends_at=now, now=now)


# --- what it says ---------------------------------------------------------------------------


def noted(recap: Recap, told: Correction, language: str) -> Recap:
    """Return the corrected issue as those get it who have the wrong one: with the note first."""
    from digest.render.languages import words

    if not told.mails:
        return recap
    said = words(language)
    block = Block(key="correction", markdown=told.note, title=said.gettext("Correction"))
    subject = said.gettext("Correction: %(subject)s", subject=recap.subject)
    section = Section(key=_KEY, block=block)
    return replace(recap, subject=subject, sections=(section, *recap.sections))


def unnoted(recap: Recap, language: str) -> Recap:
    """Return what `noted` was given: the issue as those get it who never had the wrong one."""
    from digest.render.languages import words

    said = words(language).gettext("Correction: %(subject)s", subject="\n")
    before, _, after = said.partition("\n")
    sections = tuple(each for each in recap.sections if each.key != _KEY)
    if len(sections) == len(recap.sections):
        return recap
    subject = recap.subject.removeprefix(before).removesuffix(after)
    return replace(recap, subject=subject, sections=sections)


def its_own(conn: Connection, told: Correction, known: Sequence[Publication]) -> list[Publication]:
    """Return those of *known* that the corrected issue considered: nothing new comes in."""
    before = drafts.read(conn, told.corrects).candidates
    considered = {candidate.publication for candidate in before}
    return [publication for publication in known if publication.id in considered]


def freed(conn: Connection, told: Correction, used: dict[int, str]) -> dict[int, str]:
    """Return what other issues used up: what the corrected one did is the correction's too."""
    key = issues.by_id(conn, told.corrects).of.key
    return {one: by for one, by in used.items() if by != key}


# --- putting it in place --------------------------------------------------------------------


def put_in_place(
    conn: Connection,
    issue: Issue,
    told: Correction,
    recap: Recap,
    edition: Edition,
    made: Sequence[Variant],
    *,
    by: str,
    now: datetime,
) -> int:
    """
    Give the corrected issue its new edition: all who wait get it, and the archive shows it.

    A sender that is still at it is taken for dead: it sends no more, and what it has on its
    way is uncertain until its answer comes. The issue goes on if it stopped for this. Returns the
    new edition's row number.
    """
    original = issues.by_id(conn, told.corrects)
    ledger.recover(conn, original.id, now=now, alone=True)
    old = {
        one: variant
        for each in editions.of_issue(conn, original.id)
        for one, variant in editions.variants_of(conn, each).items()
    }
    drafts.put_right(conn, original.id, recap)
    new = editions.add(conn, original.id, edition, made, now=now)
    waiting = ledger.hand_out(conn, original.id, new, old, editions.variants_of(conn, new))
    corrections.place(conn, issue.id, new)
    detail = {"note": told.note, "by": issue.of.key, "waiting": waiting}
    history.record(conn, original.id, CORRECTED, actor=by, at=now, detail=detail)
    if original.state is IssueState.STOPPED and " ".join(original.reasons).startswith(PAUSED):
        states = ((IssueState.STOPPED,), IssueState.SENDING)
        issues.set_state(conn, original.id, *states, now=now, actor=by)
    return new
