"""Counting an issue's ledger: by state, domain and hour, all of it by the database."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

from pydantic import TypeAdapter
from sqlalchemy import Connection

from digest.model import DeliveryState, Issue, Tally
from digest.store import Database, bounces, counting, issues, ledger, tallies
from digest.store.counting import Followed
from digest.store.ledger import Summary, reporting
from digest.store.ledger.reporting import Share

#: Those to whom the issue went and who, as far as anybody knows, have not got it.
MISSED = (DeliveryState.FAILED, DeliveryState.UNCERTAIN)
#: So many domains are shown, and so many slow ones.
MOST_DOMAINS = 20
MOST_SLOW = 5
#: A domain with fewer readers says little of its speed.
LEAST_READERS = 3


@dataclass(frozen=True, slots=True, kw_only=True)
class Domain:
    """What became of the readers at one domain."""

    domain: str
    readers: int
    sent: int
    failed: int
    uncertain: int
    owed: int
    #: How often a mail was offered to its server, on average.
    tries: float
    #: From the freeze to the last reader there who got theirs; None if nobody did.
    took: timedelta | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Hour:
    """What left within an hour that begins at `at` (UTC)."""

    at: datetime
    sent: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Missed:
    """A reader who has not got the issue, with the server's words."""

    subscriber: int
    address: str
    state: DeliveryState
    reason: str
    answer: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Report:
    """An issue's figures, all from its ledger at one moment."""

    issue: Issue
    tally: Tally
    #: Whom the freeze left out, by reason.
    excluded: dict[str, int]
    #: Whom it skipped since, by reason.
    skipped: dict[str, int]
    #: Why mail was refused for good, by verdict.
    refused: dict[str, int]
    #: What came back by mail, by verdict; complaints by that word.
    came_back: dict[str, int]
    #: Those with the most readers, most first; the rest is `other_domains`.
    domains: tuple[Domain, ...]
    other_domains: int
    #: Those that took longest, longest first.
    slowest: tuple[Domain, ...]
    hours: tuple[Hour, ...]
    #: Sent by minute (UTC), for the chart.
    minutes: dict[datetime, int] = field(repr=False)
    #: How often each link was followed, most often first; none unless the newsletter counts them.
    links: tuple[Followed, ...] = ()
    #: Where the rows are, once the ledger was put away; "" while they are in the database.
    file: str = ""

    @property
    def missed(self) -> int:
        """How many have not got it, as far as anybody knows."""
        return self.tally.count(*MISSED)


def of(database: Database, issue_id: int) -> Report:
    """
    Return the figures of an issue; NoSuchIssue if there is none.

    The database counts within one transaction: the sums fit one another, and memory does
    not grow with the audience. Of a ledger that was put away these are the figures from
    then, and what came back by mail since.
    """
    with database.read() as conn:
        issue = issues.by_id(conn, issue_id)
        if (kept := ledger.summary(conn, issue_id)) is not None:
            return _from_summary(conn, issue, kept)
        minutes = reporting.by_minute(conn, issue_id)
        return Report(
            issue=issue,
            tally=ledger.tally(conn, issue_id),
            excluded=tallies.counted(conn, issue_id)[1] if issue.frozen_at else {},
            came_back=bounces.counted(conn, issue_id),
            links=tuple(counting.of_issue(conn, issue_id)),
            skipped=_reasons(conn, issue_id, DeliveryState.SKIPPED),
            refused=_reasons(conn, issue_id, DeliveryState.FAILED),
            hours=_hours(minutes),
            minutes=minutes,
            **_by_domain(reporting.by_domain(conn, issue_id), issue.frozen_at),
        )


def figures_of(found: Report) -> dict[str, Any]:
    """Return what a summary keeps of a report, as plain values."""
    kept: dict[str, Any] = _KEPT.dump_python(
        _Kept(
            frozen=found.tally.frozen,
            by_state=found.tally.by_state,
            skipped=found.skipped,
            refused=found.refused,
            domains=found.domains,
            other_domains=found.other_domains,
            slowest=found.slowest,
            minutes=found.minutes,
        ),
        mode="json",
    )
    return kept


def _from_summary(conn: Connection, issue: Issue, kept: Summary) -> Report:
    figures = _KEPT.validate_python(kept.figures)
    return Report(
        issue=issue,
        tally=Tally(frozen=figures.frozen, by_state=figures.by_state),
        excluded=tallies.counted(conn, issue.id)[1],
        skipped=figures.skipped,
        refused=figures.refused,
        came_back=bounces.counted(conn, issue.id),
        links=tuple(counting.of_issue(conn, issue.id)),
        domains=figures.domains,
        other_domains=figures.other_domains,
        slowest=figures.slowest,
        hours=_hours(figures.minutes),
        minutes=figures.minutes,
        file=kept.file,
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class _Kept:
    """The part of a report that only the ledger's rows could tell."""

    frozen: int
    by_state: dict[DeliveryState, int]
    skipped: dict[str, int]
    refused: dict[str, int]
    domains: tuple[Domain, ...]
    other_domains: int
    slowest: tuple[Domain, ...]
    minutes: dict[datetime, int]


_KEPT = TypeAdapter(_Kept)


def facts(found: Report) -> dict[str, object]:
    """Return the figures for programs, without anybody's name or address."""
    return {
        "issue": found.issue,
        "frozen": found.tally.frozen,
        "by_state": found.tally.by_state,
        "holds": found.tally.holds,
        "missed": found.missed,
        "excluded": found.excluded,
        "skipped": found.skipped,
        "refused": found.refused,
        "came_back": found.came_back,
        "domains": found.domains,
        "other_domains": found.other_domains,
        "slowest": found.slowest,
        "hours": found.hours,
        "file": found.file or None,
    }


def _reasons(conn: Connection, issue_id: int, state: DeliveryState) -> dict[str, int]:
    counts = reporting.by_reason(conn, issue_id, state)
    return {why or "other": count for why, count in counts.items()}


def _by_domain(shares: Iterable[Share], frozen_at: datetime | None) -> dict[str, Any]:
    of: dict[str, list[Share]] = {}
    for share in shares:
        of.setdefault(share.domain, []).append(share)
    domains = [_domain(name, those, frozen_at) for name, those in of.items()]
    domains.sort(key=lambda one: (-one.readers, one.domain))
    reached = [one for one in domains if one.took and one.readers >= LEAST_READERS]
    slowest = sorted(reached, key=lambda one: one.took or timedelta(), reverse=True)
    return {
        "domains": tuple(domains[:MOST_DOMAINS]),
        "other_domains": max(0, len(domains) - MOST_DOMAINS),
        "slowest": tuple(slowest[:MOST_SLOW]),
    }


def _domain(name: str, shares: list[Share], frozen_at: datetime | None) -> Domain:
    counts = {share.state: share.readers for share in shares}
    readers = sum(counts.values())
    settled = {str(state): counts.get(state, 0) for state in _SETTLED}
    last = next((share.last for share in shares if share.state == DeliveryState.SENT), None)
    return Domain(
        domain=name,
        readers=readers,
        **settled,
        owed=readers - sum(settled.values()) - counts.get(DeliveryState.SKIPPED, 0),
        tries=round(sum(share.attempts for share in shares) / readers, 2),
        took=max(last - frozen_at, timedelta()) if last and frozen_at else None,
    )


_SETTLED = (DeliveryState.SENT, DeliveryState.FAILED, DeliveryState.UNCERTAIN)


def _hours(minutes: dict[datetime, int]) -> tuple[Hour, ...]:
    sums: dict[datetime, int] = {}
    for at, count in minutes.items():
        hour = at.replace(minute=0)
        sums[hour] = sums.get(hour, 0) + count
    return tuple(Hour(at=at, sent=count) for at, count in sorted(sums.items()))


def who_missed(database: Database, issue_id: int, *, most: int | None = None) -> list[Missed]:
    """Return the readers who have not got the issue, as far as anybody knows, by number."""
    found: list[Missed] = []
    with database.read() as conn:
        for page in reporting.pages(conn, issue_id, states=MISSED):
            found += (
                Missed(
                    subscriber=line.subscriber,
                    address=line.address,
                    state=DeliveryState(line.state),
                    reason=line.reason,
                    answer=line.answer,
                )
                for line in page
            )
            if most is not None and len(found) >= most:
                break
    return found[:most]
