"""When an issue will be out, as far as limits decide it."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import TYPE_CHECKING

from sqlalchemy import Connection

from digest.calendar import own_hours
from digest.conditions import Condition
from digest.model import Issue
from digest.model.settings import NewsletterSettings
from digest.pacing import forecast, rates
from digest.store import Database, ledger

if TYPE_CHECKING:
    from digest.config import Loaded


def foretold(
    database: Database,
    loaded: Loaded,
    issue: Issue,
    *,
    where: Condition | None = None,
    now: datetime,
) -> datetime | None:
    """
    Return when the last reader of *issue* is written to, by the limits that are configured.

    *where* is what the readers of one that is not frozen must meet, as the newsletter's `only`.
    None where no limit, plan, spread or own clock is, or nobody is owed it: then it takes as
    long as the mail server takes. What went out today already is not counted.
    """
    smtp = loaded.settings.smtp
    newsletter = loaded.settings.newsletters.get(issue.of.newsletter)
    if newsletter is None or not (
        smtp.limit or smtp.warm_up or newsletter.spread or newsletter.own_clock
    ):
        return None
    with database.read() as conn:
        if issue.frozen_at is None:
            of, at = issue.of, issue.sends_at
            owed = ledger.audience(conn, of.newsletter, of.rhythm, at=at, where=where)
            last = _last_hour(conn, newsletter, issue)
        else:
            owed = ledger.tally(conn, issue.id).owed
            last = ledger.last_due(conn, issue.id)
    if not owed:
        return None
    first_to = newsletter.first_to
    begun = issue.frozen_at or max(now, issue.sends_at)
    begun += first_to.wait if first_to else timedelta()
    plan = smtp.warm_up
    limited = forecast(
        owed,
        rates(smtp.limit),
        start=max(now, begun),
        spread=max(begun + newsletter.spread - max(now, begun), timedelta()),
        plan=plan.days if plan else (),
        since=plan.since if plan else None,
    )
    return max(limited, last or limited)


def _last_hour(conn: Connection, newsletter: NewsletterSettings, issue: Issue) -> datetime | None:
    """Return when the send hour strikes last on a reader's own clock; None where none counts."""
    zones = ledger.timezones(conn, issue.of.newsletter, issue.of.rhythm)
    hours = own_hours(newsletter, issue.sends_at, zones).values()
    return max((hour + newsletter.spread for hour in hours), default=None)
