"""The Stop link: while only colleagues have an issue, an editor can keep it from all others."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import TYPE_CHECKING

from digest import tokens
from digest.model import Issue, IssueState
from digest.store import Database, issues
from digest.weekly.steps import pause

if TYPE_CHECKING:
    from digest.config import Loaded

PURPOSE = "stop"
#: Stopping helps as long as anybody is owed it; a link that is older opens nothing.
LASTS = timedelta(days=3)


def stop_link(loaded: Loaded, issue: Issue, *, now: datetime) -> str:
    """Return the address that stops *issue* for who opens it and says yes."""
    token = tokens.make_until(loaded.settings.token_key, PURPOSE, now + LASTS, issue.id)
    return f"{loaded.settings.public_url}/stop/{token}"


def stoppable(database: Database, loaded: Loaded, token: str, *, now: datetime) -> Issue:
    """Return the issue that *token* stops, changing nothing; BadToken if it opens none."""
    [number] = tokens.opened_by(loaded.settings.token_key, PURPOSE, token, now=now)
    with database.read() as conn:
        return issues.by_id(conn, int(number))


def stop(database: Database, loaded: Loaded, token: str, *, now: datetime) -> Issue:
    """Stop the issue that *token* names, if it is being sent; calling twice is safe."""
    issue = stoppable(database, loaded, token, now=now)
    if issue.state is not IssueState.SENDING:
        return issue
    reason = "Stopped by the link in the mail to editors."
    return pause(database, issue, by="stop link", now=now, reason=reason)
