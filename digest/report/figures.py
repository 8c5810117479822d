"""Counting an issue's ledger: by state, domain and hour, in pages, with pandas."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any

from pydantic import TypeAdapter
from sqlalchemy import Connection

from digest.model import DeliveryState, Issue, Tally
from digest.store import Database, bounces, counting, issues, ledger, tallies
from digest.store.counting import Followed
from digest.store.ledger import Summary
from digest.store.ledger.reporting import Line, pages

if TYPE_CHECKING:
    import pandas as pd

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

    The ledger is read in pages within one transaction: the sums fit one another, and
    memory does not grow with the audience. Of a ledger that was put away these are the
    figures from then, and what came back by mail since.
    """
    with database.read() as conn:
        issue = issues.by_id(conn, issue_id)
        if (kept := ledger.summary(conn, issue_id)) is not None:
            return _from_summary(conn, issue, kept)
        counts = _counted(_frame(page) for page in pages(conn, issue_id))
        return Report(
            issue=issue,
            tally=ledger.tally(conn, issue_id),
            excluded=tallies.counted(conn, issue_id)[1] if issue.frozen_at else {},
            came_back=bounces.counted(conn, issue_id),
            links=tuple(counting.of_issue(conn, issue_id)),
            **_figures(counts, issue.frozen_at),
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


def _frame(page: list[Line]) -> pd.DataFrame:
    import pandas as pd

    frame = pd.DataFrame(page)
    frame["domain"] = frame["address"].str.rpartition("@")[2].str.lower()
    frame["changed_at"] = pd.to_datetime(frame["changed_at"], utc=True)
    return frame


@dataclass(slots=True)
class _Counts:
    """Sums over the pages."""

    domains: pd.DataFrame
    reasons: pd.Series[int]
    minutes: pd.Series[int]


def _counted(frames: Iterator[pd.DataFrame]) -> _Counts:
    import pandas as pd

    parts = [(_by_domain(frame), _by_reason(frame), _by_minute(frame)) for frame in frames]
    if not parts:
        return _Counts(pd.DataFrame(), pd.Series(dtype=int), pd.Series(dtype=int))
    domains = pd.concat([each for each, _, _ in parts]).groupby(level=0)
    return _Counts(
        domains=domains.agg(dict.fromkeys(_SUMS, "sum") | {"last": "max"}),
        reasons=pd.concat([each for _, each, _ in parts]).groupby(level=[0, 1]).sum(),
        minutes=pd.concat([each for _, _, each in parts]).groupby(level=0).sum(),
    )


_SUMS = ("readers", "sent", "failed", "uncertain", "skipped", "tries")


def _by_domain(frame: pd.DataFrame) -> pd.DataFrame:
    told = frame.assign(readers=1, tries=frame["attempts"])
    for state in ("sent", "failed", "uncertain", "skipped"):
        told[state] = (frame["state"] == state).astype(int)
    told["last"] = frame["changed_at"].where(frame["state"] == "sent")
    return told.groupby("domain").agg(dict.fromkeys(_SUMS, "sum") | {"last": "max"})


def _by_reason(frame: pd.DataFrame) -> Any:
    told = frame[frame["state"].isin(["failed", "skipped"])]
    return told.groupby(["state", "reason"]).size()


def _by_minute(frame: pd.DataFrame) -> Any:
    sent = frame[frame["state"] == "sent"]["changed_at"].dropna()
    return sent.dt.floor("min").value_counts()


def _figures(counts: _Counts, frozen_at: datetime | None) -> dict[str, Any]:
    by_minute: dict[Any, Any] = counts.minutes.sort_index().to_dict()
    minutes = {at.to_pydatetime(): int(n) for at, n in by_minute.items()}
    by_domain: dict[Any, Any] = counts.domains.to_dict("index")
    domains = [_domain(name, row, frozen_at) for name, row in by_domain.items() if name]
    domains.sort(key=lambda one: (-one.readers, one.domain))
    reached = [one for one in domains if one.took and one.readers >= LEAST_READERS]
    slowest = sorted(reached, key=lambda one: one.took or timedelta(), reverse=True)
    return {
        "skipped": _reasons(counts, "skipped"),
        "refused": _reasons(counts, "failed"),
        "domains": tuple(domains[:MOST_DOMAINS]),
        "other_domains": max(0, len(domains) - MOST_DOMAINS),
        "slowest": tuple(slowest[:MOST_SLOW]),
        "hours": _hours(minutes),
        "minutes": minutes,
    }


def _domain(name: str, row: Any, frozen_at: datetime | None) -> Domain:
    import pandas as pd

    last = None if pd.isna(row["last"]) else row["last"].to_pydatetime()
    settled = row["sent"] + row["failed"] + row["uncertain"] + row["skipped"]
    return Domain(
        domain=name,
        readers=int(row["readers"]),
        sent=int(row["sent"]),
        failed=int(row["failed"]),
        uncertain=int(row["uncertain"]),
        owed=int(row["readers"] - settled),
        tries=round(float(row["tries"] / row["readers"]), 2),
        took=max(last - frozen_at, timedelta()) if last and frozen_at else None,
    )


def _reasons(counts: _Counts, state: str) -> dict[str, int]:
    sums: dict[Any, Any] = counts.reasons.to_dict()
    return {why or "other": int(n) for (of_state, why), n in sums.items() if of_state == state}


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
        for page in pages(conn, issue_id):
            for line in page:
                if line.state in MISSED:
                    found.append(
                        Missed(
                            subscriber=line.subscriber,
                            address=line.address,
                            state=DeliveryState(line.state),
                            reason=line.reason,
                            answer=line.answer,
                        )
                    )
                if most is not None and len(found) >= most:
                    return found
    return found
