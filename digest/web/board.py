"""What the desk shows of one issue, gathered in one reading."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from itertools import groupby
from typing import TYPE_CHECKING

from sqlalchemy import Connection

from digest import weekly
from digest.config import Loaded
from digest.errors import DigestError
from digest.model import Candidate, Draft, Issue, IssueState, Publication, Tally
from digest.model.settings import NewsletterSettings
from digest.render.plain import link as safe_link
from digest.store import Database, issues, ledger, publications
from digest.web import words

if TYPE_CHECKING:
    from digest.render.preflight import Finding

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

_APPROVABLE = (IssueState.DRAFT, IssueState.HELD)
_HOLDABLE = (IssueState.PLANNED, IssueState.DRAFT, IssueState.APPROVED)


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
    def score(self) -> float | None:
        return sum(self.candidate.score.values()) if self.candidate.score else None


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
    findings: tuple[Finding, ...]
    #: Why there is no preview, "" if there is one.
    trouble: str
    #: True if an error keeps it from being approved.
    blocked: bool
    #: How many readers would get it; None once it is frozen.
    audience: int | None
    #: None until the audience is frozen.
    tally: Tally | None
    #: Whom the freeze left out: {reason: count}.
    excluded: dict[str, int]

    @property
    def approvable(self) -> bool:
        return self.issue.state in _APPROVABLE and not self.blocked

    @property
    def holdable(self) -> bool:
        return self.issue.state in _HOLDABLE

    @property
    def releasable(self) -> bool:
        return self.issue.state is IssueState.HELD

    @property
    def previewable(self) -> bool:
        return not self.trouble


def gather(database: Database, loaded: Loaded, issue: Issue, *, now: datetime) -> Board:
    """Return the board of *issue*; its newsletter must be in the configuration."""
    newsletter = loaded.settings.newsletters[issue.of.newsletter]
    findings, trouble = _checked(database, loaded, issue)
    blocked = bool(trouble) or any(finding.level == "error" for finding in findings)
    with database.read() as conn:
        draft = issues.draft(conn, issue.id)
        rows = _rows(conn, draft.candidates)
        tally = ledger.tally(conn, issue.id) if issue.frozen_at else None
        audience = None if tally else ledger.audience(conn, issue.of.newsletter, issue.of.rhythm)
        first = issues.last_frozen(conn, issue.of) is None
        _frozen, excluded = issues.counted(conn, issue.id)
    standing = words.standing(
        issue,
        newsletter,
        now=now,
        tally=tally,
        needs_approval=first or newsletter.approval == "required",
        blocked=blocked,
    )
    included = (row for row in rows if row.candidate.included)
    return Board(
        issue=issue,
        newsletter=newsletter,
        standing=standing,
        draft=draft,
        included=tuple(sorted(included, key=lambda row: row.candidate.rank or 0)),
        left_out=_grouped([row for row in rows if not row.candidate.included]),
        findings=findings,
        trouble=trouble,
        blocked=blocked,
        audience=audience,
        tally=tally,
        excluded=excluded,
    )


def _checked(database: Database, loaded: Loaded, issue: Issue) -> tuple[tuple[Finding, ...], str]:
    """Return the preflight's findings, or none and why the mail cannot be rendered."""
    try:
        return weekly.findings(database, loaded, issue), ""
    except DigestError as e:
        return (), f"{words.sentence(str(e))} {e.remedy}".strip()


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
