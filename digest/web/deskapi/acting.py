"""What is done to an issue: edits, and the decisions that the desk's buttons take."""

from __future__ import annotations

from datetime import datetime
from typing import Literal

from fastapi import Depends, FastAPI
from pydantic import Field, StrictBool

from digest import delivery, weekly
from digest.errors import WrongState
from digest.model import DeliveryState, Issue
from digest.staff import Program, Scope
from digest.web.api import Out
from digest.web.desk import deciding, editing, wishes
from digest.web.desk.layout import IssueNumber, known_issue
from digest.web.deskapi.asking import Asked, by_token, holding, log
from digest.web.deskapi.issues import Content, IssueOut, content, record
from digest.web.pages import Pages


class Decision(Asked):
    #: The version of the issue that was looked at; another one is answered with 409.
    version: int = Field(ge=0, lt=2**31)


class Hold(Decision):
    reason: str = Field(default="", max_length=500)


class Resend(Decision):
    whom: Literal["uncertain", "failed"]
    #: One of them alone.
    reader: int | None = Field(default=None, ge=1, le=2**63 - 1)


class Vouch(Decision):
    #: One of the uncertain alone.
    reader: int | None = Field(default=None, ge=1, le=2**63 - 1)


class Correction(Decision):
    #: What was wrong, as readers see it; needed once the issue has begun to go out.
    note: str = Field(default="", max_length=1000)
    #: Those who have the wrong edition get the new one by mail.
    mails: StrictBool = False


class ReachOut(Out):
    """How far an issue has come, before it is corrected."""

    #: Readers who got an edition that is not the newest one.
    wrong: int
    #: And of whom nobody knows whether they did.
    unsure: int
    #: Readers who wait for the issue.
    waiting: int


class Words(Asked):
    """Words to lay over the issue's own, or over those of the publication that is named."""

    title: str | None = None
    summary: str | None = None
    label: str | None = None
    headline: str | None = None
    lead: str | None = None
    intro: str | None = None


class Edit(Decision):
    """What an editor's button does; the acts are those of the issue board."""

    act: Literal[tuple(wishes.ACTS)]  # type: ignore[valid-type]
    publication: int | None = Field(default=None, ge=1, le=2**63 - 1)
    #: The place (from 1) that it moves to, or the publication whose theme it joins.
    to: int | None = Field(default=None, ge=1, le=2**63 - 1)
    words: Words = Words()


class Test(Asked):
    #: Yourself, or the newsletter's editors: nobody else is mailed by an API.
    to: Literal["me", "editors"]


def add(desk: FastAPI, pages: Pages) -> None:
    """Add edits and decisions."""
    _deciding(desk, pages)
    _correcting(desk, pages)
    _editing(desk, pages)


def _deciding(desk: FastAPI, pages: Pages) -> None:
    for action, step in deciding.steps(pages).items():
        _door(desk, pages, action, step)
    sending = Depends(holding(pages, Scope.SEND))
    writing = Depends(holding(pages, Scope.ISSUES_WRITE))

    @desk.post("/issues/{issue_id}/hold")
    def hold(issue_id: IssueNumber, asked: Hold, who: Program = writing) -> IssueOut:
        """Let nothing go out until somebody releases it."""
        step = deciding.holding(pages, asked.reason)
        return _taken(pages, who, issue_id, asked.version, "hold", step)

    @desk.post("/issues/{issue_id}/resend")
    def resend(issue_id: IssueNumber, asked: Resend, who: Program = sending) -> IssueOut:
        """Send once more to those whose mail failed, or may not have been taken."""

        def step(issue: Issue, by: str, now: datetime) -> object:
            state = DeliveryState(asked.whom)
            return delivery.resend(
                pages.database, issue.id, state, now=now, actor=by, reader=asked.reader
            )

        return _taken(pages, who, issue_id, asked.version, "resend", step)

    @desk.post("/issues/{issue_id}/vouch")
    def vouch(issue_id: IssueNumber, asked: Vouch, who: Program = sending) -> IssueOut:
        """Count uncertain readers as having got the mail, on your word; nothing is sent."""

        def step(issue: Issue, by: str, now: datetime) -> object:
            return delivery.vouch(pages.database, issue.id, asked.reader, now=now, actor=by)

        return _taken(pages, who, issue_id, asked.version, "vouch", step)


def _correcting(desk: FastAPI, pages: Pages) -> None:
    @desk.get("/issues/{issue_id}/reach", dependencies=[Depends(holding(pages, Scope.ISSUES_READ))])
    def reach(issue_id: IssueNumber) -> ReachOut:
        """Whom a correction would touch: who has the issue as it is, and who waits for it."""
        found = weekly.reach(pages.database, known_issue(pages, issue_id))
        return ReachOut(wrong=found.wrong, unsure=found.unsure, waiting=found.waiting)

    @desk.post("/issues/{issue_id}/correct")
    def correct(
        issue_id: IssueNumber,
        asked: Correction,
        who: Program = Depends(holding(pages, Scope.SEND)),
    ) -> IssueOut:
        """Open the draft in which the issue is put right; edit and approve that one."""
        issue = _seen(pages, issue_id, asked.version)
        opened = weekly.correct(
            pages.database,
            pages.loaded,
            issue,
            note=asked.note,
            mails=asked.mails,
            by=who.account.address,
            now=pages.now(),
        )
        log(pages, who, "correct", issue.id)
        return record(opened)


def _door(desk: FastAPI, pages: Pages, action: str, step: deciding.Step) -> None:
    who_may = Depends(holding(pages, Scope.SEND))

    @desk.post(f"/issues/{{issue_id}}/{action}", operation_id=action, summary=action.capitalize())
    def decide(issue_id: IssueNumber, asked: Decision, who: Program = who_may) -> IssueOut:
        """Do what the desk's button of that name does."""
        return _taken(pages, who, issue_id, asked.version, action, step)


def _taken(
    pages: Pages, who: Program, issue_id: int, version: int, what: str, step: deciding.Step
) -> IssueOut:
    """Take *step* if the issue is still the one that was looked at; else 409."""
    issue = _seen(pages, issue_id, version)
    step(issue, who.account.address, pages.now())
    log(pages, who, what, issue.id)
    return record(known_issue(pages, issue_id))


def _seen(pages: Pages, issue_id: int, version: int) -> Issue:
    issue = known_issue(pages, issue_id)
    if issue.version != version:
        raise WrongState(
            f"the issue is at version {issue.version}, not {version}; nothing was done",
            remedy="Read it again, then decide.",
        )
    return issue


def _editing(desk: FastAPI, pages: Pages) -> None:
    writing = Depends(holding(pages, Scope.ISSUES_WRITE))

    @desk.post("/issues/{issue_id}/edit")
    def edit(issue_id: IssueNumber, asked: Edit, who: Program = writing) -> Content:
        """Do what the board's button of that name does; edits are laid over the draft."""
        issue = _seen(pages, issue_id, asked.version)
        words = {name: text for name, text in asked.words.model_dump().items() if text is not None}
        wish = wishes.asked(asked.act, asked.publication, to=asked.to, words=words)
        editing.grant(pages, who.account.address, issue, wish)
        log(pages, who, f"edit: {asked.act}", issue.id)
        return content(pages, known_issue(pages, issue_id))

    @desk.post("/issues/{issue_id}/refresh")
    def refresh(issue_id: IssueNumber, asked: Decision, who: Program = writing) -> Content:
        """Take in what the feeds brought since; edits stay."""
        _taken(pages, who, issue_id, asked.version, "refresh", editing.refreshing(pages))
        return content(pages, known_issue(pages, issue_id))

    @desk.post("/issues/{issue_id}/test", status_code=202)
    def test(issue_id: IssueNumber, asked: Test, who: Program = writing) -> Test:
        """Mail the issue, marked as a test, to yourself or the editors; no ledger is touched."""
        issue, me = known_issue(pages, issue_id), who.account.address
        editors = pages.loaded.settings.newsletters[issue.of.newsletter].editors
        addresses = list(editors) if asked.to == "editors" else [me]
        told = by_token(pages, who, "test", issue.id)
        weekly.post_test(pages.database, pages.loaded, issue, addresses, now=pages.now(), log=told)
        return asked
