"""Issues to read: their words, their reasons, their checks and their mail."""

from __future__ import annotations

from datetime import datetime
from typing import Literal

from fastapi import Depends, FastAPI
from starlette.exceptions import HTTPException
from starlette.responses import HTMLResponse, PlainTextResponse, Response

from digest import weekly
from digest.model import DeliveryState, Issue, IssueState
from digest.staff import Scope
from digest.store import drafts, issues, ledger
from digest.web.api import Out
from digest.web.desk.layout import IssueNumber, known_issue
from digest.web.deskapi.asking import holding, known_newsletter
from digest.web.pages import Pages


class Sum(Out):
    """The ledger of an issue: frozen = sent + failed + skipped + uncertain + what is owed."""

    frozen: int
    owed: int
    sent: int
    failed: int
    skipped: int
    uncertain: int


class IssueOut(Out):
    """An issue's record."""

    id: int
    newsletter: str
    rhythm: str
    key: str
    state: IssueState
    #: A decision names the version that it was taken on.
    version: int
    number: int | None
    window_start: datetime
    window_end: datetime
    sends_at: datetime
    #: Why it is held, stopped, cancelled or missed.
    reasons: list[str]
    approved_at: datetime | None
    approved_by: str | None
    frozen_at: datetime | None
    finished_at: datetime | None


class Candidate(Out):
    """A publication that was considered, and why it is in or out."""

    publication: int
    title: str
    included: bool
    rank: int | None
    code: str
    reason: str


class Item(Out):
    publication: int
    title: str
    summary: str
    link: str | None
    kind: str
    #: Which of its words a person wrote.
    edited: list[str]


class Theme(Out):
    label: str
    publications: list[int]
    human: bool


class Content(Out):
    """An issue with its draft; the words are empty before there is one."""

    issue: IssueOut
    subject: str
    preheader: str
    headline: str
    lead: str
    #: Which of headline and lead a person wrote.
    human: list[str]
    themes: list[Theme]
    items: list[Item]
    candidates: list[Candidate]
    #: None until the audience is frozen.
    ledger: Sum | None


class FindingOut(Out):
    level: Literal["error", "warning"]
    code: str
    sentence: str
    remedy: str


def add(desk: FastAPI, pages: Pages) -> None:
    """Add what can be read of issues."""
    reading = [Depends(holding(pages, Scope.ISSUES_READ))]

    @desk.get("/newsletters/{newsletter}/this-week", dependencies=reading)
    def this_week(newsletter: str) -> Content:
        """The issue that is open now."""
        issue = weekly.open_issue(pages.database, known_newsletter(pages, newsletter))
        if issue is None:
            raise HTTPException(404, f"No issue of {newsletter} is open.")
        return content(pages, issue)

    @desk.get("/newsletters/{newsletter}/issues", dependencies=reading)
    def listed(newsletter: str, state: IssueState | None = None) -> list[IssueOut]:
        """The issues, the newest window first."""
        states = (state,) if state else ()
        with pages.database.read() as conn:
            found = issues.listed(conn, known_newsletter(pages, newsletter), states=states)
        return [record(each) for each in found]

    @desk.get("/issues/{issue_id}", dependencies=reading)
    def one(issue_id: IssueNumber) -> Content:
        """One issue: its words, items, themes, and why each candidate is in or out."""
        return content(pages, known_issue(pages, issue_id))

    @desk.get("/issues/{issue_id}/checks", dependencies=reading)
    def checks(issue_id: IssueNumber) -> list[FindingOut]:
        """What the checks say of the mail as it is, errors first."""
        found = weekly.findings(pages.database, pages.loaded, known_issue(pages, issue_id))
        return [
            FindingOut(level=each.level, code=each.code, sentence=each.sentence, remedy=each.remedy)
            for each in found
        ]

    @desk.get(
        "/issues/{issue_id}/mail",
        dependencies=reading,
        response_class=HTMLResponse,
        responses={200: {"content": {"text/plain": {}}}},
    )
    def mail(issue_id: IssueNumber, part: Literal["html", "text"] = "html") -> Response:
        """The mail itself, with an example's links: frozen if approved, else of the draft."""
        from digest.render import sample

        edition = weekly.preview(pages.database, pages.loaded, known_issue(pages, issue_id))
        html, text = sample(edition)
        if part == "text":
            return PlainTextResponse(text)
        # As a document of its own it may do nothing: it is for programs.
        policy = {"content-security-policy": "sandbox; default-src 'none'"}
        return HTMLResponse(html, headers=policy)


def record(issue: Issue) -> IssueOut:
    """Return an issue's record as the API tells it."""
    return IssueOut(
        id=issue.id,
        newsletter=issue.of.newsletter,
        rhythm=issue.of.rhythm,
        key=issue.of.key,
        state=issue.state,
        version=issue.version,
        number=issue.number,
        window_start=issue.window.start,
        window_end=issue.window.end,
        sends_at=issue.sends_at,
        reasons=list(issue.reasons),
        approved_at=issue.approved_at,
        approved_by=issue.approved_by,
        frozen_at=issue.frozen_at,
        finished_at=issue.finished_at,
    )


def content(pages: Pages, issue: Issue) -> Content:
    """Return an issue with its draft, and its ledger once there is one."""
    with pages.database.read() as conn:
        draft = drafts.read(conn, issue.id)
        tally = ledger.tally(conn, issue.id) if issue.frozen_at else None
    recap = draft.recap
    return Content(
        issue=record(issue),
        subject=recap.subject if recap else "",
        preheader=recap.preheader if recap else "",
        headline=recap.headline if recap else "",
        lead=recap.lead if recap else "",
        human=list(recap.human) if recap else [],
        themes=[
            Theme(label=each.label, publications=list(each.publications), human=each.human)
            for each in (recap.themes if recap else ())
        ],
        items=[
            Item(
                publication=each.publication,
                title=each.title,
                summary=each.summary,
                link=each.link,
                kind=each.kind,
                edited=list(each.edited),
            )
            for each in (recap.items if recap else ())
        ],
        candidates=[
            Candidate(
                publication=each.publication,
                title=each.title,
                included=each.included,
                rank=each.rank,
                code=each.code,
                reason=each.reason,
            )
            for each in draft.candidates
        ],
        ledger=Sum(
            frozen=tally.frozen,
            owed=tally.owed,
            sent=tally.count(DeliveryState.SENT),
            failed=tally.count(DeliveryState.FAILED),
            skipped=tally.count(DeliveryState.SKIPPED),
            uncertain=tally.count(DeliveryState.UNCERTAIN),
        )
        if tally
        else None,
    )
