"""
The desk's API: what its pages show and its buttons do, for programs with a token.

A program of its own under ``/api/v1/desk``, described by ``/api/v1/desk/openapi.json``. It
calls what the pages call. A token's scopes and its owner's role both count; no cookie does,
so that another site's page has nothing to borrow. Errors are problem details (RFC 9457).
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime
from typing import Annotated, Any, Literal

from fastapi import Depends, FastAPI, Query, Request, Security
from fastapi.security import HTTPAuthorizationCredentials, HTTPBearer
from pydantic import BaseModel, ConfigDict, Field
from starlette.exceptions import HTTPException
from starlette.responses import HTMLResponse, PlainTextResponse, Response

from digest import __version__, delivery, intake, readership, staff, weekly
from digest.errors import DigestError, Held, NoSuchIssue, WrongState
from digest.identity import address_key, address_parts
from digest.model import DeliveryState, Issue, IssueState, SubscriptionState
from digest.model.settings import FeedSettings
from digest.render.plain import plain
from digest.staff import Program, Scope
from digest.store import feeds, issues, ledger, publications, readers
from digest.web import api
from digest.web.api import Out, Problem
from digest.web.desk import deciding, editing, wishes
from digest.web.desk.feeds import web_feed
from digest.web.desk.layout import IssueNumber, known_issue
from digest.web.desk.publications import entry
from digest.web.pages import Pages
from digest.web.words import without_secret

#: Where it is mounted.
PATH = f"{api.PATH}/desk"

_bearer = HTTPBearer(auto_error=False, description="A token made at the desk: API tokens.")


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


class PublicationOut(Out):
    id: int
    title: str
    summary: str
    kind: str
    link: str | None
    published_at: datetime | None
    first_seen_at: datetime
    hidden: bool


class FeedOut(Out):
    id: int
    url: str
    title: str
    enabled: bool
    fetched_at: datetime | None
    succeeded_at: datetime | None
    #: In a row; 0 after a success.
    failures: int
    error: str


class SubscriberOut(Out):
    id: int
    address: str
    name: str
    state: SubscriptionState


class SubscriptionOut(Out):
    newsletter: str
    state: SubscriptionState
    rhythm: str
    #: Empty: all of them.
    topics: list[str]
    lists: list[str]
    source: str
    consented_at: datetime | None
    left_at: datetime | None


class PersonOut(Out):
    """A subscriber, with every subscription."""

    id: int
    address: str
    name: str
    language: str | None
    attributes: dict[str, Any]
    #: Never written to, in any newsletter.
    suppressed: bool
    subscriptions: list[SubscriptionOut]


class Person(Out):
    address: str
    role: str
    since: datetime
    second_factor: bool


class Me(Out):
    """Who the token speaks for, and what it may do now."""

    address: str
    role: str
    token: str
    scopes: list[str]


class Asked(BaseModel):
    model_config = ConfigDict(extra="forbid")


class Decision(Asked):
    #: The version of the issue that was looked at; another one is answered with 409.
    version: int = Field(ge=0, lt=2**31)


class Hold(Decision):
    reason: str = Field(default="", max_length=500)


class Resend(Decision):
    whom: Literal["uncertain", "failed"]


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
    publication: int | None = Field(default=None, ge=1, lt=2**63)
    #: The place (from 1) that it moves to, or the publication whose theme it joins.
    to: int | None = Field(default=None, ge=1, lt=2**63)
    words: Words = Words()


class Test(Asked):
    #: Yourself, or the newsletter's editors: nobody else is mailed by an API.
    to: Literal["me", "editors"]


class NewPublication(Asked):
    newsletter: str = Field(max_length=64)
    title: str = Field(max_length=300)
    link: str = Field(default="", max_length=2000)
    summary: str = Field(default="", max_length=2000)
    kind: str = Field(default="", max_length=60)
    #: ``2026-05-01``; empty is today, in the newsletter's zone.
    on: str = Field(default="", max_length=10)


class PublicationChange(Asked):
    title: str | None = Field(default=None, max_length=300)
    summary: str | None = Field(default=None, max_length=2000)
    hidden: bool | None = None


class NewFeed(Asked):
    newsletter: str = Field(max_length=64)
    url: str = Field(max_length=2000)


class FeedChange(Asked):
    enabled: bool


class Leave(Asked):
    newsletter: str = Field(max_length=64)


class Erasure(Asked):
    #: Theirs, to say that it is meant.
    address: str = Field(max_length=254)


def application(pages: Pages) -> FastAPI:
    """Return the API, to be mounted at `PATH` before the public one."""
    desk = FastAPI(
        title="Weekly Recap: the desk",
        version=__version__,
        summary="Issues, publications, feeds, subscribers and people, for programs with a token.",
        docs_url=None,
        redoc_url=None,
        redirect_slashes=False,
        responses={"4XX": {"model": Problem, "description": "What did not happen."}},
    )
    _me(desk, pages)
    _issues(desk, pages)
    _deciding(desk, pages)
    _editing(desk, pages)
    _publications(desk, pages)
    _feeds(desk, pages)
    _subscribers(desk, pages)
    api.explain(desk)
    _explain(desk)
    desk.add_middleware(api.Limit, now=pages.now)
    return desk


# --- who asks -----------------------------------------------------------------------------


def holding(pages: Pages, scope: Scope | None = None) -> Callable[..., Program]:
    """Return the dependency of a route that takes a token with *scope*, or with any."""

    def allowed(
        shown: Annotated[HTTPAuthorizationCredentials | None, Security(_bearer)],
    ) -> Program:
        found = staff.program(pages.database, shown.credentials, now=pages.now()) if shown else None
        if found is None:
            raise HTTPException(
                401,
                "Show a token: Authorization: Bearer recap_…",
                {"www-authenticate": "Bearer"},
            )
        if scope and not found.may(scope):
            raise HTTPException(
                403,
                f"This takes a token with the scope {scope}, and the "
                f"role {scope.role} of whoever made it.",
            )
        return found

    return allowed


def _me(desk: FastAPI, pages: Pages) -> None:
    any_token = Depends(holding(pages))

    @desk.get("/me")
    def me(who: Program = any_token) -> Me:
        """Who the token speaks for, and what it may do now."""
        return Me(
            address=who.account.address,
            role=who.account.role,
            token=who.token.name,
            scopes=[scope for scope in Scope if who.may(scope)],
        )

    @desk.get("/people", dependencies=[Depends(holding(pages, Scope.ADMIN))])
    def people() -> list[Person]:
        """Who has an account at the desk."""
        return [
            Person(
                address=each.address,
                role=each.role,
                since=each.created_at,
                second_factor=each.totp_since is not None,
            )
            for each in staff.listed(pages.database)
        ]


# --- issues -------------------------------------------------------------------------------


def _issues(desk: FastAPI, pages: Pages) -> None:
    reading = [Depends(holding(pages, Scope.ISSUES_READ))]

    @desk.get("/newsletters/{newsletter}/this-week", dependencies=reading)
    def this_week(newsletter: str) -> Content:
        """The issue that is open now."""
        issue = weekly.open_issue(pages.database, _known(pages, newsletter))
        if issue is None:
            raise HTTPException(404, f"No issue of {newsletter} is open.")
        return _content(pages, issue)

    @desk.get("/newsletters/{newsletter}/issues", dependencies=reading)
    def listed(newsletter: str, state: IssueState | None = None) -> list[IssueOut]:
        """The issues, the newest window first."""
        states = (state,) if state else ()
        with pages.database.read() as conn:
            found = issues.listed(conn, _known(pages, newsletter), states=states)
        return [_record(each) for each in found]

    @desk.get("/issues/{issue_id}", dependencies=reading)
    def one(issue_id: IssueNumber) -> Content:
        """One issue: its words, items, themes, and why each candidate is in or out."""
        return _content(pages, known_issue(pages, issue_id))

    @desk.get("/issues/{issue_id}/checks", dependencies=reading)
    def checks(issue_id: IssueNumber) -> list[FindingOut]:
        """What the checks say of the mail as it is, errors first."""
        found = weekly.findings(pages.database, pages.loaded, known_issue(pages, issue_id))
        return [
            FindingOut(level=each.level, code=each.code, sentence=each.sentence, remedy=each.remedy)
            for each in found
        ]

    @desk.get("/issues/{issue_id}/mail", dependencies=reading, response_class=HTMLResponse)
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


def _known(pages: Pages, newsletter: str) -> str:
    if pages.newsletter(newsletter) is None:
        raise HTTPException(404, f"No newsletter is called {newsletter!r}.")
    return newsletter


def _record(issue: Issue) -> IssueOut:
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


def _content(pages: Pages, issue: Issue) -> Content:
    with pages.database.read() as conn:
        draft = issues.draft(conn, issue.id)
        tally = ledger.tally(conn, issue.id) if issue.frozen_at else None
    recap = draft.recap
    return Content(
        issue=_record(issue),
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


# --- decisions and edits ------------------------------------------------------------------


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
            return delivery.resend(pages.database, issue.id, state, now=now, actor=by)

        return _taken(pages, who, issue_id, asked.version, "resend", step)


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
    _log(pages, who, what, issue.id)
    return _record(known_issue(pages, issue_id))


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
        _log(pages, who, f"edit: {asked.act}", issue.id)
        return _content(pages, known_issue(pages, issue_id))

    @desk.post("/issues/{issue_id}/refresh")
    def refresh(issue_id: IssueNumber, asked: Decision, who: Program = writing) -> Content:
        """Take in what the feeds brought since; edits stay."""
        _taken(pages, who, issue_id, asked.version, "refresh", editing.refreshing(pages))
        return _content(pages, known_issue(pages, issue_id))

    @desk.post("/issues/{issue_id}/test", status_code=202)
    def test(issue_id: IssueNumber, asked: Test, who: Program = writing) -> Test:
        """Mail the issue, marked as a test, to yourself or the editors; no ledger is touched."""
        issue, me = known_issue(pages, issue_id), who.account.address
        editors = pages.loaded.settings.newsletters[issue.of.newsletter].editors
        addresses = list(editors) if asked.to == "editors" else [me]
        weekly.post_test(pages.database, pages.loaded, issue, addresses, now=pages.now())
        _log(pages, who, "test", issue.id)
        return asked


# --- publications and feeds ---------------------------------------------------------------


def _publications(desk: FastAPI, pages: Pages) -> None:
    writing = Depends(holding(pages, Scope.ISSUES_WRITE))

    @desk.get("/publications", dependencies=[Depends(holding(pages, Scope.ISSUES_READ))])
    def found(
        newsletter: str,
        words: Annotated[str, Query(max_length=200)] = "",
        after: Annotated[int | None, Query(ge=1, lt=2**63)] = None,
        limit: Annotated[int, Query(ge=1, le=100)] = 40,
    ) -> list[PublicationOut]:
        """Publications with all words in title or summary, newest first; `after` is the last id."""
        key = _known(pages, newsletter)
        with pages.database.read() as conn:
            rows = publications.search(conn, key, words, after=after, most=limit)
        return [_publication(each) for each in rows]

    @desk.post("/publications", status_code=201)
    def add(asked: NewPublication, who: Program = writing) -> NewPublication:
        """Add a publication by hand."""
        key = _known(pages, asked.newsletter)
        try:
            made = entry(pages, key, asked.title, asked.link, asked.summary, asked.kind, asked.on)
        except ValueError as e:
            raise HTTPException(422, str(e)) from None
        read = intake.write_in(pages.database, key, [made], now=pages.now())
        if read.refused:
            raise HTTPException(422, read.refused[0].why)
        _log(pages, who, f"wrote in: {made.title}")
        return asked

    @desk.patch("/publications/{number}")
    def change(
        number: IssueNumber, asked: PublicationChange, who: Program = writing
    ) -> PublicationOut:
        """Rewrite, hide or show a publication, in every issue from now on."""
        told = {"title": asked.title, "summary": asked.summary}
        changed = {name: plain(text) for name, text in told.items() if text is not None}
        if changed.get("title") == "":
            raise HTTPException(422, "A publication needs a title.")
        with pages.database.write() as conn:
            if not publications.by_ids(conn, [number]):
                raise HTTPException(404, f"There is no publication {number}.")
            if changed:
                publications.edit(conn, number, **changed)
            if asked.hidden is not None:
                publications.hide(conn, number, hidden=asked.hidden)
            (now,) = publications.by_ids(conn, [number])
        _log(pages, who, f"changed publication {number}")
        return _publication(now)


def _publication(one: Any) -> PublicationOut:
    return PublicationOut(
        id=one.id,
        title=one.title,
        summary=one.summary,
        kind=one.kind,
        link=one.link,
        published_at=one.published_at,
        first_seen_at=one.first_seen_at,
        hidden=one.hidden,
    )


def _feeds(desk: FastAPI, pages: Pages) -> None:
    admin = Depends(holding(pages, Scope.ADMIN))

    @desk.get("/feeds", dependencies=[Depends(holding(pages, Scope.ISSUES_READ))])
    def listed(newsletter: str) -> list[FeedOut]:
        """A newsletter's feeds, and how they do."""
        with pages.database.read() as conn:
            return [_feed(each) for each in feeds.listed(conn, _known(pages, newsletter))]

    @desk.post("/feeds", status_code=201)
    def add(asked: NewFeed, who: Program = admin) -> FeedOut:
        """Add a feed, after a look at whether it is one."""
        key = _known(pages, asked.newsletter)
        settings: FeedSettings = web_feed(asked.url)
        intake.look(pages.loaded, key, settings, now=pages.now())
        intake.add_feed(pages.database, pages.loaded, key, settings, now=pages.now())
        _log(pages, who, f"added a feed: {without_secret(settings.url)}")
        with pages.database.read() as conn:
            found = feeds.find(conn, settings.url)
        assert found is not None  # noqa: S101 - added above
        return _feed(found)

    @desk.patch("/feeds/{number}")
    def switch(number: IssueNumber, asked: FeedChange, who: Program = admin) -> FeedOut:
        """Switch a feed on or off."""
        with pages.database.write() as conn:
            if not any(each.id == number for each in feeds.listed(conn)):
                raise HTTPException(404, f"There is no feed {number}.")
            feeds.switch(conn, number, enabled=asked.enabled, now=pages.now())
            (now,) = (each for each in feeds.listed(conn) if each.id == number)
        _log(pages, who, f"switched a feed {'on' if asked.enabled else 'off'}: {now.url}")
        return _feed(now)


def _feed(one: feeds.Feed) -> FeedOut:
    return FeedOut(
        id=one.id,
        url=without_secret(one.url),
        title=one.title,
        enabled=one.enabled,
        fetched_at=one.fetched_at,
        succeeded_at=one.succeeded_at,
        failures=one.failures,
        error=without_secret(one.error),
    )


# --- subscribers --------------------------------------------------------------------------


def _subscribers(desk: FastAPI, pages: Pages) -> None:
    reading = [Depends(holding(pages, Scope.SUBSCRIBERS_READ))]

    @desk.get("/subscribers", dependencies=reading)
    def found(
        newsletter: str,
        part: Annotated[str, Query(max_length=254)] = "",
        state: SubscriptionState | None = None,
        after: Annotated[int | None, Query(ge=1, lt=2**63)] = None,
        limit: Annotated[int, Query(ge=1, le=1000)] = 100,
    ) -> list[SubscriberOut]:
        """Readers with that part in their address, by address; `after` is the last id."""
        key = _known(pages, newsletter)
        with pages.database.read() as conn:
            page = readers.found(
                conn, key, parts=address_parts(part), state=state, after=after, most=limit
            )
        return [_subscriber(each) for each in page]

    @desk.get("/subscribers/{number}", dependencies=reading)
    def one(number: IssueNumber) -> PersonOut:
        """One person, with their subscriptions."""
        return _person(pages, number)

    _ending(desk, pages)


def _ending(desk: FastAPI, pages: Pages) -> None:
    writing = Depends(holding(pages, Scope.SUBSCRIBERS_WRITE))

    @desk.post("/subscribers/{number}/unsubscribe")
    def unsubscribe(number: IssueNumber, asked: Leave, who: Program = writing) -> PersonOut:
        """End one subscription for somebody who asked; their own link brings them back."""
        known = {each.newsletter for each in _person(pages, number).subscriptions}
        if asked.newsletter not in known:
            raise HTTPException(404, f"They have no subscription to {asked.newsletter!r}.")
        by, now = who.account.address, pages.now()
        readership.unsubscribe(
            pages.database, pages.loaded, number, asked.newsletter, by=by, now=now
        )
        _log(pages, who, f"unsubscribed reader number {number} from {asked.newsletter}")
        return _person(pages, number)

    @desk.post("/subscribers/{number}/suppress")
    def suppress(number: IssueNumber, who: Program = writing) -> PersonOut:
        """Write to that person no more, whoever imports them again."""
        _person(pages, number)
        by, now = who.account.address, pages.now()
        readership.suppress(pages.database, pages.loaded, number, by=by, now=now)
        _log(pages, who, f"suppressed reader number {number}")
        return _person(pages, number)

    @desk.post("/subscribers/{number}/erase", status_code=204)
    def erase(number: IssueNumber, asked: Erasure, who: Program = writing) -> None:
        """Forget the person for good, if that is their address; a keyed hash stays."""
        person = _person(pages, number)
        if address_key(asked.address) != address_key(person.address):
            raise HTTPException(422, "This is not the address of that person.")
        readership.erase(pages.database, pages.loaded, person.address, now=pages.now())
        _log(pages, who, f"erased reader number {number}")


def _subscriber(one: readers.Reader) -> SubscriberOut:
    assert one.subscription is not None  # noqa: S101 - `found` joins them
    return SubscriberOut(
        id=one.subscriber.id,
        address=one.subscriber.address,
        name=one.subscriber.name,
        state=one.subscription.state,
    )


def _person(pages: Pages, number: int) -> PersonOut:
    with pages.database.read() as conn:
        person = readers.by_id(conn, number)
    if person is None:
        raise HTTPException(404, f"No subscriber has the number {number}.")
    known = readership.show(pages.database, pages.loaded, person.address)
    return PersonOut(
        id=person.id,
        address=person.address,
        name=person.name,
        language=person.language,
        attributes=person.attributes,
        suppressed=known["suppressed"],
        subscriptions=[
            SubscriptionOut(
                newsletter=one.newsletter,
                state=one.state,
                rhythm=one.rhythm,
                topics=list(one.topics),
                lists=list(one.lists),
                source=one.source,
                consented_at=one.consented_at,
                left_at=one.left_at,
            )
            for one in (each["subscription"] for each in known["subscriptions"])
        ],
    )


# --- writing down, refusing ---------------------------------------------------------------


def _log(pages: Pages, who: Program, what: str, issue_id: int | None = None) -> None:
    """Keep in the audit log which program did it: the step itself names the token's owner."""
    detail = {"after": {"token": who.token.name, "did": what}}
    with pages.database.write() as conn:
        issues.record(
            conn, issue_id, "by API token", actor=who.account.address, at=pages.now(), detail=detail
        )


def _explain(desk: FastAPI) -> None:
    def refused(_request: Request, e: DigestError) -> Response:
        said = f"{e}. {e.remedy}".removesuffix(". ")
        if isinstance(e, Held):
            said = " ".join((said, *e.reasons))
        match e:
            case NoSuchIssue():
                return api.problem(404, str(e))
            case WrongState() | Held():
                return api.problem(409, said)
        return api.problem(422, said)

    desk.add_exception_handler(DigestError, refused)  # type: ignore[arg-type]
