"""Settling uncertain readers by the mail server's own log: a Message-ID in it was taken."""

from __future__ import annotations

import re
from collections.abc import Iterable
from datetime import datetime
from email.utils import parseaddr
from typing import TYPE_CHECKING, NamedTuple

from digest import tokens
from digest.errors import WrongState
from digest.model import DeliveryState, Issue, IssueState
from digest.store import Database, history, issues, ledger, tallies

if TYPE_CHECKING:
    from digest.config import Loaded

#: Readers looked at in one transaction.
_AT_ONCE = 5_000


class Reconciled(NamedTuple):
    """How many uncertain readers the log vouches for, and how many stay uncertain."""

    sent: int
    uncertain: int


def reconcile(
    database: Database,
    loaded: Loaded,
    issue: Issue,
    lines: Iterable[str],
    *,
    source: str,
    now: datetime,
    actor: str,
) -> Reconciled:
    """
    Make sent the uncertain readers whose Message-ID stands in *lines*; return how many.

    A Message-ID is a keyed function of issue and reader, so it names one delivery and
    cannot be guessed. *source* is kept as the proof. Calling twice is safe. WrongState for
    an issue that has not been sent.
    """
    _refuse_unsent(issue)
    newsletter = loaded.settings.newsletters[issue.of.newsletter]
    domain = parseaddr(newsletter.from_)[1].rpartition("@")[2]
    told = _message_ids(lines, domain)
    key, found, after = loaded.settings.token_key, 0, 0
    while told:
        with database.write() as conn:
            readers = ledger.uncertain(conn, issue.id, after=after, limit=_AT_ONCE)
            vouched = [
                one
                for one in readers
                if tokens.message_id(key, issue.id, one, domain).lower() in told
            ]
            found += ledger.vouch(conn, issue.id, vouched, f"in {source}", now=now)
        if len(readers) < _AT_ONCE:
            break
        after = readers[-1]
    with database.write() as conn:
        detail = {"sent": found, "source": source}
        history.record(conn, issue.id, "reconciled", actor=actor, at=now, detail=detail)
        tally = ledger.tally(conn, issue.id)
        tallies.keep_outcome(conn, issue.id, tally)
    return Reconciled(sent=found, uncertain=tally.count(DeliveryState.UNCERTAIN))


def vouch(
    database: Database, issue_id: int, reader: int | None, *, now: datetime, actor: str
) -> int:
    """
    Make an uncertain *reader* sent, or all of them, on a person's word; return how many.

    For who was asked, or whose server's log was read by eye. Who is not uncertain any more
    is left as they are: calling twice is safe. WrongState for an issue that was not sent.
    """
    with database.write() as conn:
        issue = issues.by_id(conn, issue_id)
        _refuse_unsent(issue)
        whom = None if reader is None else [reader]
        # Not by whom: the ledger keeps no addresses for long, the log does.
        found = ledger.vouch(conn, issue_id, whom, "vouched for at the desk", now=now)
        if found:
            detail = {"readers": found} if reader is None else {"reader": reader}
            history.record(conn, issue_id, "vouched for", actor=actor, at=now, detail=detail)
            tallies.keep_outcome(conn, issue_id, ledger.tally(conn, issue_id))
    return found


def _refuse_unsent(issue: Issue) -> None:
    if issue.state not in (IssueState.SENDING, IssueState.STOPPED, IssueState.FINISHED):
        raise WrongState(
            f"issue {issue.of.key} is {issue.state}; it has no uncertain readers",
            remedy=f"Run: digest issue status --closing {issue.of.key}",
        )


def _message_ids(lines: Iterable[str], domain: str) -> frozenset[str]:
    shape = re.compile(rf"<[a-z2-7]{{8,64}}@{re.escape(domain)}>", re.IGNORECASE)
    return frozenset(
        found.lower() for line in lines if "@" in line for found in shape.findall(line)
    )
