"""What the desk shows of one issue, gathered in one reading."""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import datetime
from itertools import groupby
from typing import TYPE_CHECKING

from sqlalchemy import Connection

from digest import weekly
from digest.config import Loaded
from digest.errors import DigestError
from digest.model import Candidate, Draft, Issue, IssueState, Item, Publication, Recap
from digest.model.settings import NewsletterSettings
from digest.render.plain import link as safe_link
from digest.store import (
    Database,
    blocks,
    corrections,
    drafts,
    ledger,
    precedents,
    publications,
    tasks,
)
from digest.store.tasks import Task
from digest.web import words
from digest.web.desk.acts import Act, Facts, acts
from digest.web.desk.changes import Change, changes
from digest.web.desk.comparison import Comparison, compare
from digest.web.desk.progress import Progress, look

if TYPE_CHECKING:
    from digest.render.finding import Finding

#: What the reasons for being out are called, by the candidate's code.
_LEFT_OUT = {
    "old": "older than the look-back",
    "after-close": "published after the close",
    "used": "in an earlier issue",
    "kind": "of an excluded kind",
    "topic": "of an excluded topic",
    "word": "with an excluded word",
    "duplicate": "the same as another one",
    "limit": "over a limit",
    "excluded": "taken out by an editor",
    "hidden": "hidden by an editor",
    "feed": "of a feed that is switched off",
}

_WEIGHTS = ("Blocks", "Holds", "Look at")
#: The states in which editors change an issue; from then on there are only corrections.
EDITABLE = (IssueState.DRAFT, IssueState.HELD, IssueState.APPROVED)


@dataclass(frozen=True, slots=True, kw_only=True)
class Row:
    """A candidate with the publication behind it."""

    candidate: Candidate
    #: None if it was deleted since.
    publication: Publication | None

    @property
    def link(self) -> str | None:
        """Where the title leads; None where that is no http(s) address."""
        return safe_link(self.publication.link) if self.publication else None

    @property
    def movable(self) -> bool:
        return self.candidate.included and self.candidate.code != "event"

    @property
    def score(self) -> float | None:
        return sum(self.candidate.score.values()) if self.candidate.score else None


@dataclass(frozen=True, slots=True, kw_only=True)
class Check:
    """What the preflight found, and what follows from it."""

    #: ``Blocks`` (no approval passes over it), ``Holds`` (unless a person approves), ``Look at``.
    weight: str
    sentence: str
    remedy: str = ""
    #: The board's row that it is about; "" where it is about no single one.
    place: str = ""

    @property
    def blocks(self) -> bool:
        return self.weight == "Blocks"


@dataclass(frozen=True, slots=True, kw_only=True)
class Board:
    """An issue as the desk shows it."""

    issue: Issue
    newsletter: NewsletterSettings
    standing: words.Standing
    draft: Draft
    included: tuple[Row, ...]
    #: What is out, by the kind of reason, the largest group first.
    left_out: tuple[tuple[str, tuple[Row, ...]], ...]
    checks: tuple[Check, ...]
    #: False where the mail cannot be rendered; a check says why.
    previewable: bool
    #: How many readers would get it; None once it is frozen.
    audience: int | None
    #: What can be done with it, the primary act first.
    acts: tuple[Act, ...]
    #: None until the audience is frozen.
    progress: Progress | None
    #: Beside the issues before it; None before it ended, or if it is the first.
    comparison: Comparison | None
    retrace: weekly.Retrace
    #: What people changed against what the rules alone said when they did.
    changes: tuple[Change, ...]
    #: What the edited words of the issue would be: ``headline``, ``lead``, and a theme's label
    #: by the publication that leads it.
    originals: dict[str | int, str]
    #: The last time that somebody had the web asked about the mail; None if nobody did.
    asked: Task | None
    #: Blocks to put into an intro: key, heading and Markdown.
    snippets: tuple[tuple[str, str, str], ...]

    @property
    def editable(self) -> bool:
        return self.draft.recap is not None and self.issue.state in EDITABLE

    def item(self, publication: int) -> Item | None:
        """Return the item as the mail shows it; None if it is not in the mail."""
        items = self.draft.recap.items if self.draft.recap else ()
        return next((each for each in items if each.publication == publication), None)


def gather(database: Database, loaded: Loaded, issue: Issue, *, now: datetime) -> Board:
    """Return the board of *issue*; its newsletter must be in the configuration."""
    newsletter = loaded.settings.newsletters[issue.of.newsletter]
    checks, previewable = _checked(database, loaded, issue, newsletter)
    with database.read() as conn:
        draft = drafts.read(conn, issue.id)
        rows = _rows(conn, draft.candidates)
        audience = None if issue.frozen_at else _audience(conn, issue, newsletter)
        first = precedents.last_frozen(conn, issue.of) is None
        retrace = weekly.retrace(drafts.edited(conn, issue.id))
        asked = tasks.last(conn, issue.of.newsletter, "check", issue=issue.id)
        snippets = _snippets(conn, issue.of.newsletter)
        compared = compare(conn, issue) if issue.state in weekly.ENDED else None
    progress = _sent(database, issue, now=now) if issue.frozen_at else None
    tally = progress.tally if progress else None
    editable = issue.state in EDITABLE
    weights = {check.weight for check in checks}
    standing = words.standing(
        issue,
        newsletter,
        now=now,
        tally=tally,
        needs_approval=first or newsletter.approval == "required" or "Holds" in weights,
        blocked="Blocks" in weights,
        thin=weekly.thin(draft, weekly.rules(newsletter, weekly.slot_of(issue))),
    )
    included = (row for row in rows if row.candidate.included)
    return Board(
        issue=issue,
        newsletter=newsletter,
        standing=standing,
        draft=draft,
        included=tuple(sorted(included, key=lambda row: row.candidate.rank or 0)),
        left_out=_grouped([row for row in rows if not row.candidate.included]),
        checks=checks,
        previewable=previewable,
        audience=audience,
        acts=acts(
            Facts(
                issue=issue,
                newsletter=newsletter,
                now=now,
                items=len(draft.recap.items) if draft.recap else 0,
                audience=audience,
                tally=tally,
                sound="Blocks" not in weights,
            )
        ),
        progress=progress,
        comparison=compared,
        retrace=retrace,
        changes=changes(draft) if editable else (),
        originals=_originals(draft.unworded) if draft.unworded and editable else {},
        asked=asked,
        snippets=snippets,
    )


def _snippets(conn: Connection, newsletter: str) -> tuple[tuple[str, str, str], ...]:
    return tuple(
        (key, each.said["title"] or key, each.said["words"])
        for key, each in blocks.newest(conn, newsletter).items()
        if each.said and each.said["place"] == "snippet"
    )


def _sent(database: Database, issue: Issue, *, now: datetime) -> Progress:
    """Return the progress with its speed since the freeze: of one look, no better is known."""
    seen = look(database, issue.id)
    since = now - (issue.frozen_at or now)
    if seen.issue.state is not IssueState.SENDING or not seen.settled or not since:
        return seen
    return replace(seen, per_second=seen.settled / since.total_seconds())


def _audience(conn: Connection, issue: Issue, newsletter: NewsletterSettings) -> int:
    told = corrections.of(conn, issue.id)
    if told is not None:
        had = ledger.reach(conn, told.corrects, but=told.edition)
        return had.wrong + had.unsure if told.mails else 0
    meant = weekly.audience_of(newsletter)
    return ledger.audience(conn, issue.of.newsletter, issue.of.rhythm, where=meant)


def _originals(recap: Recap) -> dict[str | int, str]:
    """Return what the words that people wrote would be without them, all other edits kept."""
    labels: dict[str | int, str] = {each.publications[0]: each.label for each in recap.themes}
    return labels | {"headline": recap.headline, "lead": recap.lead}


def _checked(
    database: Database, loaded: Loaded, issue: Issue, newsletter: NewsletterSettings
) -> tuple[tuple[Check, ...], bool]:
    """Return what the preflight says, the heaviest first, and whether there is a mail to show."""
    try:
        found = weekly.findings(database, loaded, issue)
    except DigestError as e:
        return (Check(weight="Blocks", sentence=str(e), remedy=e.remedy),), False
    checks = (
        Check(
            weight=_weight(each, newsletter),
            sentence=each.sentence,
            remedy=each.remedy,
            place=each.place if each.place.startswith("item-") else "",
        )
        for each in found
    )
    return tuple(sorted(checks, key=lambda check: _WEIGHTS.index(check.weight))), True


def _weight(finding: Finding, newsletter: NewsletterSettings) -> str:
    if finding.code in weekly.BARRING:
        return "Blocks"
    strict = newsletter.approval == "auto_if_clean"
    return "Holds" if strict and finding.level == "error" else "Look at"


def _rows(conn: Connection, candidates: tuple[Candidate, ...]) -> list[Row]:
    ids = [candidate.publication for candidate in candidates]
    known = {found.id: found for found in publications.by_ids(conn, ids)}
    return [Row(candidate=each, publication=known.get(each.publication)) for each in candidates]


def _grouped(rows: list[Row]) -> tuple[tuple[str, tuple[Row, ...]], ...]:
    rows.sort(key=lambda row: row.candidate.code)
    groups = [
        (_LEFT_OUT.get(code, code), tuple(group))
        for code, group in groupby(rows, key=lambda row: row.candidate.code)
    ]
    return tuple(sorted(groups, key=lambda group: -len(group[1])))
