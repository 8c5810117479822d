"""What came back, and of whom nobody can know whether they got an issue."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Literal
from urllib.parse import urlencode

from fastapi import APIRouter, Depends, Form, Query
from sqlalchemy import Connection
from starlette.exceptions import HTTPException
from starlette.responses import HTMLResponse, Response

from digest import delivery
from digest.errors import WrongState
from digest.model import Delivery, DeliveryState, Issue, Tally
from digest.model.settings import NewsletterSettings
from digest.store import issues, ledger, returned
from digest.verdict import Verdict
from digest.web.desk.acts import Act, Facts, acts
from digest.web.desk.layout import IssueNumber, chosen, desk_page, go, known_issue
from digest.web.desk.session import Visitor, acting, looking
from digest.web.pages import Pages

#: What came back, on a page.
PAGE = 50
#: Issues with uncertain readers on a page, and readers of each of them.
ISSUES = 10
READERS = 20
#: So long back what came is summed up.
LATELY = timedelta(days=30)

#: What each verdict means, for who reads the page; the gravest first.
VERDICTS: dict[str, str] = {
    returned.COMPLAINT: "the reader’s provider passed on “this is spam”",
    Verdict.DEAD: "the address does not exist",
    Verdict.REFUSED: "the reader’s server said no, for a reason that may pass",
    Verdict.FULL: "the mailbox is full",
    Verdict.OURS: "our fault: policy, signature, content or reputation",
    Verdict.THROTTLED: "too fast for that domain",
    Verdict.LATER: "a refusal that passes, or a queue that gave up",
    Verdict.ACCEPTED: "a report that the mail arrived",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Doubt:
    """An issue and those of its readers who are uncertain."""

    issue: Issue
    readers: int
    #: Those of this page, by number.
    rows: tuple[Delivery, ...]
    #: The last of them, if more follow.
    more_after: int | None
    #: What sends it to all of them again; None while the issue is going out.
    act: Act | None


def doors(pages: Pages) -> APIRouter:
    """Return the routes of the page; addresses and servers' words on it are for publishers."""
    router = APIRouter()

    @router.get("/desk/bounces")
    def came_back(
        who: Visitor = Depends(looking(pages)),
        newsletter: str = "",
        verdict: str = Query("", max_length=16),
        before: int | None = Query(None, ge=1, lt=2**63),
        issue: int | None = Query(None, ge=1, lt=2**63),
        after: int | None = Query(None, ge=1, lt=2**63),
        below: int | None = Query(None, ge=1, lt=2**63),
    ) -> HTMLResponse:
        key, now = chosen(pages, newsletter), pages.now()
        only = verdict if verdict in VERDICTS else ""
        settings = pages.loaded.settings
        home = settings.newsletters[key]
        with pages.database.read() as conn:
            doubtful = ledger.doubtful(conn, key, below=below, limit=ISSUES + 1)
            doubts = [
                _doubt(conn, home, number, count, now, after=after if number == issue else None)
                for number, count in list(doubtful.items())[:ISSUES]
            ]
            rows = returned.page(conn, key, verdict=only, before=before, most=PAGE + 1)
            sums = returned.sums(conn, key, since=now - LATELY)
        mine = {"newsletter": key}
        return desk_page(
            pages,
            who,
            "desk-bounces.html",
            key,
            here="bounces",
            doubts=doubts,
            older_doubts=urlencode(mine | {"below": doubts[-1].issue.id})
            if len(doubtful) > ISSUES
            else "",
            rows=rows[:PAGE],
            older=urlencode(mine | {"verdict": only, "before": rows[PAGE - 1].id})
            if len(rows) > PAGE
            else "",
            sums=sums,
            verdict=only,
            below=below,
            before=before,
            verdicts=VERDICTS,
            lately=LATELY.days,
            is_read=settings.bounces is not None,
        )

    _settling(router, pages)
    return router


def _settling(router: APIRouter, pages: Pages) -> None:
    @router.post("/desk/issues/{issue_id}/uncertain")
    def uncertain(
        issue_id: IssueNumber,
        answer: Literal["got", "again"] = Form(),
        reader: int | None = Form(None, ge=1, lt=2**63),
        who: Visitor = Depends(acting(pages, "publisher")),
    ) -> Response:
        issue, by, now = known_issue(pages, issue_id), who.account.address, pages.now()
        try:
            if answer == "got":
                settled = delivery.vouch(pages.database, issue.id, reader, now=now, actor=by)
            else:
                settled = delivery.resend(
                    pages.database,
                    issue.id,
                    DeliveryState.UNCERTAIN,
                    now=now,
                    actor=by,
                    reader=reader,
                )
        except WrongState as e:
            raise HTTPException(409, f"{e}.") from None
        if not settled:
            raise HTTPException(409, "Somebody was quicker: nobody of these is uncertain any more.")
        return go(pages, f"/desk/bounces?newsletter={issue.of.newsletter}")


def _doubt(
    conn: Connection,
    newsletter: NewsletterSettings,
    number: int,
    readers: int,
    now: datetime,
    *,
    after: int | None,
) -> Doubt:
    issue, uncertain = issues.by_id(conn, number), DeliveryState.UNCERTAIN
    rows = ledger.listed(conn, number, uncertain, after=after, limit=READERS + 1)
    tally = Tally(frozen=readers, by_state={uncertain: readers})
    facts = Facts(issue=issue, newsletter=newsletter, now=now, items=0, audience=None, tally=tally)
    return Doubt(
        issue=issue,
        readers=readers,
        rows=tuple(rows[:READERS]),
        more_after=rows[READERS - 1].recipient.subscriber if len(rows) > READERS else None,
        act=next((each for each in acts(facts) if each.whom == uncertain), None),
    )
