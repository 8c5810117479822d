"""What editors are told by mail: draft ready, last call, going out, held, stopped, sent."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any

import structlog
from sqlalchemy import Connection

from digest import notices, screenshot
from digest.errors import DigestError
from digest.model import DeliveryState, Issue, IssueState, Recap
from digest.model.settings import NewsletterSettings
from digest.store import Database, bounces, drafts, history, issues, ledger, outbox, past
from digest.verdict import Verdict
from digest.weekly.editions import self_contained
from digest.weekly.stopping import stop_link

if TYPE_CHECKING:
    from digest.config import Loaded

#: The last call comes this long before the send hour.
REMIND_BEFORE = timedelta(hours=1)

#: How long after the last mail the second report comes.
LATER = timedelta(hours=24)

#: Mails that come back for a fault of ours are told from so many on, and one in a hundred.
LEAST_OURS = 5

#: How many servers' sentences, and how much of a summary, such a mail has.
SAYINGS, TEASER = 3, 160

#: What editors are told before an issue goes out shows the mail as it looks.
PICTURED = ("draft-ready", "reminder")

#: Issues older than this are not announced any more (a database that was put back).
STALE_AFTER = timedelta(days=7)

_log = structlog.get_logger(__name__)


def announce(database: Database, loaded: Loaded, newsletter_key: str, *, now: datetime) -> int:
    """
    Put into the outbox what editors have not been told yet; return how many mails.

    Each mail has a key of its own, so calling twice, or in two processes, is safe. The picture
    of a draft is drawn once for all of its editors, which takes a second or two, and
    twenty at most; where it cannot be drawn the mail has words alone, and the log says why.
    """
    newsletter = loaded.settings.newsletters[newsletter_key]
    if not newsletter.editors:
        return 0
    with database.read() as conn:
        recent = [
            (issue, news)
            for issue in issues.listed(conn, newsletter_key, sends_after=now - STALE_AFTER)
            for news in (_news(conn, newsletter, issue, now), _refusals(conn, issue))
            if news
        ]
    told = 0
    for issue, (kind, occasion) in recent:
        told += _tell(database, loaded, issue, kind, occasion, now=now)
    return told


def _news(
    conn: Connection, newsletter: NewsletterSettings, issue: Issue, now: datetime
) -> tuple[str, str] | None:
    """Return the notice's name and what makes this occasion this occasion."""
    if issue.state is IssueState.DRAFT and issue.window.end <= now < issue.sends_at:
        last_call = now >= issue.sends_at - REMIND_BEFORE
        return ("reminder" if last_call else "draft-ready", "1")
    others_at = _others_at(newsletter, issue)
    if issue.state is IssueState.SENDING and others_at and now < others_at:
        return ("going-out", "1")
    if issue.state in (IssueState.HELD, IssueState.STOPPED):
        return (issue.state, str(history.last_event(conn, issue.id, issue.state)))
    if issue.state is IssueState.FINISHED and issue.frozen_at:
        # By then what came back has come back; whoever was not told of the end is told both.
        later = issue.finished_at and now >= issue.finished_at + LATER
        return ("day-after" if later else "sent-report", "1")
    return None


def _refusals(conn: Connection, issue: Issue) -> tuple[str, str] | None:
    """Tell where so much came back for a fault of ours that somebody has to look at once."""
    if issue.frozen_at is None:
        return None
    ours = bounces.counted_as(conn, issue.id, Verdict.OURS)
    if ours < LEAST_OURS or ours * 100 < ledger.tally(conn, issue.id).count(DeliveryState.SENT):
        return None
    return ("refused", "1")


def _others_at(newsletter: NewsletterSettings, issue: Issue) -> datetime | None:
    """Return when all others are owed an issue that some got first; None if nobody did."""
    first_to = newsletter.first_to
    return issue.frozen_at + first_to.wait if first_to and issue.frozen_at else None


def _tell(
    database: Database, loaded: Loaded, issue: Issue, kind: str, occasion: str, *, now: datetime
) -> int:
    editors = loaded.settings.newsletters[issue.of.newsletter].editors
    keys = {f"{kind}:{issue.id}:{occasion}:{editor}": editor for editor in editors}
    with database.read() as conn:
        # Counting a whole ledger, and the writers' turn, are for news alone: this is asked often.
        fresh = {key: editor for key, editor in keys.items() if not outbox.holds(conn, key)}
        values = _values(conn, loaded, issue, now) if fresh else {}
    if not fresh:
        return 0
    picture = _picture(database, loaded, issue) if kind in PICTURED else None
    told = 0
    for key, editor in fresh.items():
        with database.write() as conn:
            told += notices.post(
                conn,
                loaded,
                newsletter_key=issue.of.newsletter,
                kind=kind,
                address=editor,
                idempotency_key=key,
                values=values | {"pictured": picture is not None},
                now=now,
                picture=picture,
            )
    return told


def _picture(database: Database, loaded: Loaded, issue: Issue) -> bytes | None:
    """Return the mail as a phone shows it; None, and the log says why, where there is none."""
    try:
        program = screenshot.program(loaded.settings.chromium)
        if program is None:
            return None
        return _drawn(database, loaded, issue, program)
    except DigestError as e:
        _log.warning("no picture of the mail", issue=str(issue.of), why=str(e), remedy=e.remedy)
        return None


def _drawn(database: Database, loaded: Loaded, issue: Issue, program: str) -> bytes:
    mail = self_contained(database, loaded, issue)
    try:
        return screenshot.drawn(mail, program=program)
    except screenshot.TooLarge:
        bare = self_contained(database, loaded, issue, pictures=False)
        if bare == mail:
            raise
        return screenshot.drawn(bare, program=program)


def _values(conn: Connection, loaded: Loaded, issue: Issue, now: datetime) -> dict[str, Any]:
    newsletter = loaded.settings.newsletters[issue.of.newsletter]
    recap = drafts.read(conn, issue.id).recap
    tally = ledger.tally(conn, issue.id)
    after = past.aftermath(conn, [issue])[issue.id]
    return {
        "issue": issue,
        "headline": recap.headline if recap else "",
        "lead": recap.lead if recap else "",
        "themes": [theme.label for theme in recap.themes] if recap else [],
        "item_count": len(recap.items) if recap else 0,
        "reasons": list(issue.reasons),
        "sends_at": issue.sends_at.astimezone(newsletter.zone),
        "others_at": _others_at(newsletter, issue),
        "stop_url": stop_link(loaded, issue, now=now) if issue.state is IssueState.SENDING else "",
        **_links(loaded, issue),
        "stories": _stories(recap) if recap else [],
        "bounces": after.bounces,
        "complaints": after.complaints,
        "left": after.left,
        "ours": bounces.counted_as(conn, issue.id, Verdict.OURS),
        "said": bounces.sayings(conn, issue.id, Verdict.OURS, most=SAYINGS),
        "sent": tally.count(DeliveryState.SENT),
        "failed": tally.count(DeliveryState.FAILED),
        "skipped": tally.count(DeliveryState.SKIPPED),
        "uncertain": tally.count(DeliveryState.UNCERTAIN),
        "frozen": tally.frozen,
    }


def _links(loaded: Loaded, issue: Issue) -> dict[str, str]:
    """Return where the mail's buttons lead; a decision is taken there by who is signed in."""
    its = f"{loaded.settings.public_url.rstrip('/')}/desk/issues/{issue.id}"
    return {
        "desk_url": its,
        "approve_url": f"{its}/decide/approve",
        "hold_url": f"{its}/decide/hold",
    }


def _stories(recap: Recap) -> list[list[str]]:
    """Return the top of the mail: each theme's label, its leading title and what it says."""
    from digest.render.plain import plain, shortened

    return [
        [theme.label, lead.title, shortened(plain(lead.summary), TEASER)]
        for theme in recap.themes
        for lead in (recap.item(theme.publications[0]),)
    ]
