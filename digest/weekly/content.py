"""What an issue says until it is approved: composed from the feed store, under edits."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import date, datetime, timedelta
from functools import partial
from typing import TYPE_CHECKING

from sqlalchemy import Connection

from digest import calendar
from digest.calendar import Slot
from digest.errors import WrongState
from digest.model import (
    EXTRA,
    OPEN,
    Block,
    Candidate,
    Draft,
    Edits,
    Issue,
    IssueId,
    IssueState,
    Publication,
    Rhythm,
)
from digest.model.settings import NewsletterSettings
from digest.store import (
    Database,
    corrections,
    drafts,
    history,
    issues,
    newsletters,
    precedents,
    publications,
    uses,
)
from digest.weekly import correcting, remembered
from digest.weekly.blocks import know_pictures, laid
from digest.weekly.learning import learned
from digest.weekly.planning import planned
from digest.weekly.steps import ENDED, withdraw

if TYPE_CHECKING:
    from digest.config import Loaded
    from digest.themes import Counted

#: Candidates are looked for this long before the close: far enough to tell of those too old.
SEEN_BEFORE = timedelta(days=60)

#: So many issues back we look for themes that readers have just had.
LAST_ISSUES = 4

#: What the audit log says of an issue whose few items went into the next one.
ROLLED_OVER = "rolled over"

_NOT_ENDED = tuple(state for state in IssueState if state not in ENDED)


def slot(
    newsletter: NewsletterSettings,
    closing: date | None,
    *,
    now: datetime,
    rhythm: Rhythm = Rhythm.WEEKLY,
) -> Slot:
    """
    Return the slot that closes on that local day, or the one to work on now.

    Of monthly ones *closing* is any day of the month that it speaks of.
    """
    if closing is None:
        return calendar.current(newsletter, now, rhythm)
    if rhythm is Rhythm.MONTHLY:
        return calendar.slot_of_month(newsletter, closing)
    return calendar.slot_closing(newsletter, closing)


def rules(newsletter: NewsletterSettings, slot: Slot) -> NewsletterSettings:
    """
    Return the settings that an issue of *slot* is made by.

    A month looks back on all of it, an extra issue on its own window, and the issue after a
    holiday on the holiday's window too.
    """
    monthly = newsletter.monthly
    if EXTRA in slot.key:
        return _of_its_own(newsletter, slot)
    if slot.rhythm is not Rhythm.MONTHLY or monthly is None:
        return _reaching_over_holidays(newsletter, slot)
    # In whole days, which the clock's changes do not alter.
    length = timedelta(days=round((slot.window.end - slot.window.start) / timedelta(days=1)))
    return newsletter.model_copy(
        update={
            "title": monthly.title or newsletter.title,
            "items": monthly.items,
            "look_back": length,
            "late": length + newsletter.late,
        }
    )


def _of_its_own(newsletter: NewsletterSettings, slot: Slot) -> NewsletterSettings:
    """Return what an extra issue is made by: who asked for it wants what there is."""
    items = newsletter.items.model_copy(update={"min": 0})
    length = calendar.length(newsletter, slot.window)
    return newsletter.model_copy(update={"items": items, "look_back": length})


def _reaching_over_holidays(newsletter: NewsletterSettings, slot: Slot) -> NewsletterSettings:
    look_back = calendar.look_back(newsletter, slot.window)
    if look_back == newsletter.look_back:
        return newsletter
    late = newsletter.late + calendar.stretched(newsletter, slot.window)
    return newsletter.model_copy(update={"look_back": look_back, "late": late})


def identity(newsletter_key: str, slot: Slot) -> IssueId:
    return IssueId(newsletter_key, slot.rhythm, slot.key)


def open_issue(database: Database, newsletter_key: str) -> Issue | None:
    """Return the issue to look at: the earliest that is not ended, else the last one."""
    with database.read() as conn:
        waiting = issues.listed(conn, newsletter_key, states=_NOT_ENDED)
        if waiting:
            return min(waiting, key=lambda issue: issue.sends_at)
        return next(iter(issues.listed(conn, newsletter_key, most=1)), None)


def prepare(
    database: Database,
    loaded: Loaded,
    newsletter_key: str,
    slot: Slot,
    *,
    now: datetime,
    actor: str = "bell",
) -> Issue:
    """
    Compose the issue of *slot* anew from the feed store, under the editors' edits.

    An issue that is approved or further is returned as it is. Calling twice is safe:
    what has not changed is not written.
    """
    of = identity(newsletter_key, slot)
    with database.write() as conn:
        newsletters.started(conn, newsletter_key, now=now)
        issue = issues.plan(conn, of, slot.window, sends_at=slot.sends_at, now=now)
        edits = drafts.read(conn, issue.id).edits
    if issue.state not in OPEN:
        return issue
    return _compose(database, loaded, issue, edits, now=now, actor=actor, what="prepared")


def edit(
    database: Database,
    loaded: Loaded,
    issue: Issue,
    edits: Edits,
    *,
    now: datetime,
    actor: str,
    what: str = "edited",
) -> Issue:
    """
    Lay *edits* over the issue instead of those it had, and compose it anew.

    An approved issue becomes a draft again: what was approved is what is sent. WrongState
    once its audience is frozen, or if somebody changed it since *issue* was read. *what*
    is the audit log's word for it.
    """
    if issue.state is IssueState.APPROVED:
        issue = withdraw(database, issue, now=now, actor=actor)
    if issue.state not in OPEN:
        raise WrongState(
            f"issue {issue.of.key} is {issue.state}; it cannot be edited any more",
            remedy="A correction is an issue of its own.",
        )
    return _compose(database, loaded, issue, edits, now=now, actor=actor, what=what)


def tried(database: Database, loaded: Loaded, issue: Issue, edits: Edits) -> Draft:
    """Return the draft that *edits* would make of the issue now; nothing is written."""
    key = issue.of.newsletter
    with database.read() as conn:
        settings = planned(conn, key, loaded.settings.newsletters[key])
        newsletter = learned(conn, key, rules(settings, slot_of(issue)))
        shown = laid(conn, loaded, key, newsletter)
        newsletter = shown.newsletter
        material = _gather(conn, issue, newsletter)
        pinned = _with_pins(conn, material, edits)
        told = corrections.of(conn, issue.id)
    made_of = (edits, pinned, newsletter, shown.blocks)
    make = partial(_compared, material, pinned, newsletter, edits, shown.blocks)
    draft = remembered.draft(issue.of, made_of, make)
    if told and draft.recap:
        return replace(draft, recap=correcting.noted(draft.recap, told, newsletter.language))
    return draft


def _compared(
    material: Material,
    pinned: Material,
    newsletter: NewsletterSettings,
    edits: Edits,
    blocks: Sequence[Block],
) -> Draft:
    """Return the draft with what it would be without edits, all of one look at the feed store."""
    draft = compose_draft(pinned, newsletter, edits, blocks=blocks)
    if not edits:
        return draft
    if edits.pins or edits.exclusions or edits.order:
        unedited = compose_draft(material, newsletter, Edits(), blocks=blocks)
    else:  # Words and themes choose nothing else.
        unedited = _composed(material, newsletter, Edits(), draft.candidates, blocks)
    wordless = replace(edits, headline=None, lead=None, labels={})
    if wordless == edits:
        return replace(draft, unedited=unedited.recap)
    unworded = _composed(pinned, newsletter, wordless, draft.candidates, blocks)
    return replace(draft, unedited=unedited.recap, unworded=unworded.recap)


def _compose(
    database: Database,
    loaded: Loaded,
    issue: Issue,
    edits: Edits,
    *,
    now: datetime,
    actor: str,
    what: str,
) -> Issue:
    draft = tried(database, loaded, issue, edits)
    if loaded.settings.newsletters[issue.of.newsletter].look.pictures == "hosted":
        from digest.render import pictures

        assert draft.recap is not None  # noqa: S101 - it was just composed
        know_pictures(database, loaded, issue.of.newsletter, now=now)
        pictures.Shelf(loaded.folder / pictures.PLACE).gather(draft.recap, now=now)
    with database.write() as conn:
        return drafts.write(conn, issue, draft, now=now, actor=actor, what=what)


@dataclass(frozen=True, slots=True, kw_only=True)
class Material:
    """What the feed store knows that an issue is composed of."""

    slot: Slot
    publications: Sequence[Publication]
    history: Sequence[Publication] | Counted
    #: Theme labels of the issues before, the newest first.
    past: Sequence[Sequence[str]]
    #: Publications that another issue used up, with that issue's key.
    used: dict[int, str]
    look_back: timedelta


def _gather(conn: Connection, issue: Issue, newsletter: NewsletterSettings) -> Material:
    key, close = issue.of.newsletter, issue.window.end
    since = close - max(SEEN_BEFORE, newsletter.look_back, newsletter.late)
    slot = _reaching_back(conn, newsletter, key, slot_of(issue))
    known = publications.candidates(conn, key, since=since)
    used = uses.used(conn, key, issue.of.rhythm, but=issue.id)
    if told := corrections.of(conn, issue.id):
        known = correcting.its_own(conn, told, known)
        used = correcting.freed(conn, told, used)
        # Events and blocks are of the day on which the wrong one went out.
        sends_at = issues.by_id(conn, told.corrects).sends_at
        slot = replace(slot, sends_at=sends_at)
    return Material(
        slot=slot,
        publications=known,
        history=remembered.counted(conn, key, before=close),
        past=precedents.labels(conn, key, issue.of.rhythm, before=close, limit=LAST_ISSUES),
        used=used,
        look_back=newsletter.look_back + (issue.window.start - slot.previous_close),
    )


def _with_pins(conn: Connection, material: Material, edits: Edits) -> Material:
    """Return *material* with what an editor pinned, however old it is."""
    known = {publication.id for publication in material.publications}
    pinned = publications.by_ids(conn, [pin for pin in edits.pins if pin not in known])
    return replace(material, publications=[*material.publications, *pinned])


def slot_of(issue: Issue) -> Slot:
    """Return the issue's place in the calendar as it was when the issue was planned."""
    return Slot(
        rhythm=issue.of.rhythm,
        key=issue.of.key,
        window=issue.window,
        previous_close=issue.window.start,
        sends_at=issue.sends_at,
    )


def _reaching_back(
    conn: Connection, newsletter: NewsletterSettings, newsletter_key: str, slot: Slot
) -> Slot:
    """Return the slot with the close before the weeks that rolled over into it as previous."""
    earlier = calendar.preceding(newsletter, slot)
    while issue := issues.known(conn, identity(newsletter_key, earlier)):
        if not history.happened(conn, issue.id, ROLLED_OVER):
            break
        slot = replace(slot, previous_close=issue.window.start)
        earlier = calendar.preceding(newsletter, earlier)
    return slot


def compose_draft(
    material: Material,
    newsletter: NewsletterSettings,
    edits: Edits,
    *,
    blocks: Sequence[Block] = (),
) -> Draft:
    """Return the draft that *material* makes under *edits*. Pure: same input, same draft."""
    return _composed(material, newsletter, edits, _selected(material, newsletter, edits), blocks)


def _selected(
    material: Material, newsletter: NewsletterSettings, edits: Edits
) -> tuple[Candidate, ...]:
    from digest.selection import select

    return select(
        material.publications,
        slot=material.slot,
        newsletter=newsletter.model_copy(update={"look_back": material.look_back}),
        used=material.used,
        edits=edits,
    )


def _composed(
    material: Material,
    newsletter: NewsletterSettings,
    edits: Edits,
    candidates: tuple[Candidate, ...],
    blocks: Sequence[Block],
) -> Draft:
    from digest.compose import compose
    from digest.render.languages import words

    recap = compose(
        candidates,
        material.publications,
        slot=material.slot,
        newsletter=newsletter,
        edits=edits,
        history=material.history,
        blocks=blocks,
        past=material.past,
        words=words(newsletter.language),
    )
    return Draft(recap=recap, candidates=candidates, edits=edits)
