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
from digest.store import Database, history, ledger, tallies

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
    states = (IssueState.SENDING, IssueState.STOPPED, IssueState.FINISHED)
    if issue.state not in states:
        raise WrongState(
            f"issue {issue.of.key} is {issue.state}; it has no uncertain readers",
            remedy=f"Run: digest issue status --closing {issue.of.key}",
        )
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


def _message_ids(lines: Iterable[str], domain: str) -> frozenset[str]:
    shape = re.compile(rf"<[a-z2-7]{{8,64}}@{re.escape(domain)}>", re.IGNORECASE)
    return frozenset(
        found.lower() for line in lines if "@" in line for found in shape.findall(line)
    )
