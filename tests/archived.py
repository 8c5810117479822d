"""Builders of what the public archive holds: publications of a feed, and issues sent."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from typing import Any

from sqlalchemy import select

from digest.config import Loaded
from digest.model import (
    Draft,
    Entry,
    Issue,
    IssueId,
    IssueState,
    Item,
    Recap,
    Rhythm,
    Section,
    Variant,
    Window,
)
from digest.store import Database, bringing, drafts, editions, issues
from digest.store.schema import feeds, newsletter_feeds
from tests.website import an_edition

#: When the builders' publications came out, unless a test says otherwise.
DAY = datetime(2023, 9, 19, 4, tzinfo=UTC)


def a_feed(database: Database, url: str, newsletter: str) -> int:
    """The row number of that feed of *newsletter*, made if there was none."""
    with database.write() as conn:
        known = conn.execute(select(feeds.c.id).where(feeds.c.url == url)).scalar()
        if known is not None:
            return int(known)
        told = {"url": url, "settings": {"url": url}, "enabled": True, "origin": "config"}
        row = conn.execute(feeds.insert().values(told).returning(feeds.c.id)).scalar_one()
        conn.execute(newsletter_feeds.insert().values(newsletter=newsletter, feed_id=row))
        return int(row)


def published(
    database: Database, *told: dict[str, Any], newsletter: str = "recap", at: datetime = DAY
) -> list[int]:
    """Bring publications as a feed of *newsletter* does; their row numbers, in order."""
    feed = a_feed(database, f"https://{newsletter}.example.org/feed", newsletter)
    usual = {"kind": "Commentary", "published_at": at}
    entries = [
        Entry(**(usual | {"guid": one["title"], "link": _link(one["title"])} | one)) for one in told
    ]
    with database.write() as conn:
        brought = bringing.bring(conn, feed, entries, now=at, baseline=True)
    return brought.new + brought.changed + brought.same


def _link(title: str) -> str:
    return "https://example.org/" + "-".join(title.lower().split())


def an_issue(
    database: Database,
    loaded: Loaded,
    key: str = "2023-09-22",
    *,
    headline: str = "Deep Strikes, Recovery Costs",
    titles: tuple[str, ...] = ("Why Deep Strikes?", "What Recovery Costs"),
    topics: tuple[str, ...] = ("Security Cooperation",),
    state: IssueState = IssueState.FINISHED,
    number: int = 1,
    newsletter: str = "recap",
    at: datetime | None = None,
    rhythm: Rhythm = Rhythm.WEEKLY,
) -> Issue:
    """An issue that closed on the day of *key*, in that state; frozen *at*, three hours later."""
    closes = datetime.combine(date.fromisoformat(key[:10]), DAY.timetz()) + timedelta(hours=6)
    at = at or closes + timedelta(hours=3)
    recap = a_recap(Window(closes - timedelta(days=7), closes), headline, titles, topics)
    of = IssueId(newsletter, rhythm, key)
    with database.write() as conn:
        issue = issues.plan(conn, of, recap.window, sends_at=at, now=closes)
        draft = Draft(recap=recap)
        issue = drafts.write(conn, issue, draft, now=closes, actor="bell", what="prepared")
        if state is not IssueState.DRAFT:
            edition = an_edition(recap, issue, loaded, number)
            editions.add(conn, issue.id, edition, [full(recap, edition.digest)], now=closes)
            frozen = state not in (IssueState.APPROVED, IssueState.HELD)
            also: dict[str, Any] = {"approved_at": closes, "number": number}
            also |= {"frozen_at": at, "frozen": 0, "excluded": {}} if frozen else {}
            before = (issue.state,)
            issue = issues.set_state(conn, issue.id, before, state, now=at, actor="a", also=also)
    return issue


def corrected(
    database: Database, loaded: Loaded, issue: Issue, *, headline: str, at: datetime
) -> None:
    """Give the issue a second edition with another headline, made *at*."""
    with database.write() as conn:
        recap = drafts.read(conn, issue.id).recap
        assert recap is not None
        again = a_recap(recap.window, headline, tuple(item.title for item in recap.items), ())
        edition = an_edition(again, issue, loaded, issue.number or 1)
        editions.add(conn, issue.id, edition, [full(again, edition.digest)], now=at)


def a_recap(
    window: Window, headline: str, titles: tuple[str, ...], topics: tuple[str, ...]
) -> Recap:
    numbers = range(1, len(titles) + 1)
    return Recap(
        title="Sample Weekly Recap",
        window=window,
        headline=headline,
        lead="This weekly recap focuses on deep strikes, what recovery costs, and more.",
        subject=f"{headline}: Sample Weekly Recap",
        preheader="Deep strikes, what recovery costs, and more.",
        items=tuple(
            Item(
                publication=number,
                title=title,
                summary=f"What {title} says.",
                kind="Commentary",
                topics=topics,
                authors=("Ana Example",),
                link=f"https://example.org/{number}",
                published_on=date(2023, 9, 19),
            )
            for number, title in zip(numbers, titles, strict=True)
        ),
        sections=(Section(key="more", title="More this week", items=tuple(numbers)),),
    )


def full(recap: Recap, digest: str) -> Variant:
    return Variant(
        subject=recap.subject,
        headline=recap.headline,
        lead=recap.lead,
        preheader=recap.preheader,
        items=tuple(item.publication for item in recap.items),
        digest=digest,
    )
