"""When an issue will be out, as far as limits decide it."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import TYPE_CHECKING

from digest.model import Issue
from digest.pacing import forecast, rates
from digest.store import Database, ledger

if TYPE_CHECKING:
    from digest.config import Loaded


def foretold(database: Database, loaded: Loaded, issue: Issue, *, now: datetime) -> datetime | None:
    """
    Return when the last reader of *issue* is written to, by the limits that are configured.

    None where no limit, plan or spread is, or nobody is owed it: then it takes as long as
    the mail server takes. What went out today already is not counted.
    """
    smtp = loaded.settings.smtp
    newsletter = loaded.settings.newsletters.get(issue.of.newsletter)
    if newsletter is None or not (smtp.limit or smtp.warm_up or newsletter.spread):
        return None
    with database.read() as conn:
        if issue.frozen_at is None:
            owed = ledger.audience(conn, issue.of.newsletter, issue.of.rhythm, at=issue.sends_at)
        else:
            owed = ledger.tally(conn, issue.id).owed
    if not owed:
        return None
    first_to = newsletter.first_to
    begun = issue.frozen_at or max(now, issue.sends_at)
    begun += first_to.wait if first_to else timedelta()
    plan = smtp.warm_up
    return forecast(
        owed,
        rates(smtp.limit),
        start=max(now, begun),
        spread=max(begun + newsletter.spread - max(now, begun), timedelta()),
        plan=plan.days if plan else (),
        since=plan.since if plan else None,
    )
