"""Builders of a Friday: a newsletter, its publications, its readers, an issue before."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any

from sqlalchemy import select, update

from digest import weekly
from digest.config import Loaded
from digest.model import Issue, IssueState
from digest.model.settings import Settings
from digest.store import Database, drafts, issues
from digest.store.schema import (
    feeds,
    newsletter_feeds,
    publication_feeds,
    publications,
    subscribers,
    subscriptions,
)

CLOSING = date(2023, 9, 22)
#: A minute before the send hour of that Friday, 09:00 in New York.
BEFORE = datetime(2023, 9, 22, 12, 59, tzinfo=UTC)
SEND_HOUR = datetime(2023, 9, 22, 13, 0, tzinfo=UTC)
MONDAY = datetime(2023, 9, 18, 12, tzinfo=UTC)

TITLES = (
    "Why Improve Ukraine's Deep-Strike Capability?",
    "North Korea, Russia and China: The Developing Trilateral Imperialist Partnership",
    "The Strawman Defense Is Torching Taiwan's Military",
    "Planning for Disaster Recovery in Puerto Rico",
)


def a_loaded(folder: Path, **told: Any) -> Loaded:
    newsletter = {
        "title": "Sample Weekly Recap",
        "from": "Sample Weekly Recap <recap@example.org>",
        "postal_address": "1 Sample Street, Springfield",
        "timezone": "America/New_York",
        "closes": "friday 06:00",
        "sends": "friday 09:00",
        "editors": ["editor@example.org"],
        "items": {"min": 3, "max": 12},
    }
    settings = Settings.model_validate(
        {
            "public_url": "https://recap.example.org",
            "token_key": "0" * 64,
            # Nothing is asked of the world while tests run.
            "checks": {"links": False},
            "chromium": "none",
            "newsletters": {"recap": newsletter | told},
        }
    )
    return Loaded(settings, folder, folder / "config.yaml")


def publish(
    database: Database,
    *titles: str,
    on: datetime = MONDAY,
    first_seen: datetime | None = None,
    topics: Sequence[str] = (),
) -> list[int]:
    with database.write() as conn:
        feed = conn.execute(select(feeds.c.id)).scalar()
        if feed is None:
            feed = conn.execute(
                feeds.insert()
                .values(
                    url="https://example.org/feed",
                    settings={"url": "https://example.org/feed"},
                    enabled=True,
                    origin="config",
                    baseline_at=on,
                    fetched_at=SEND_HOUR,
                    succeeded_at=SEND_HOUR,
                )
                .returning(feeds.c.id)
            ).scalar_one()
            conn.execute(newsletter_feeds.insert().values(newsletter="recap", feed_id=feed))
        made = []
        for title in titles:
            made.append(
                conn.execute(
                    publications.insert()
                    .values(
                        link_key=f"example.org/{title}",
                        title_key=title.casefold(),
                        title=title,
                        summary=f"{title.rstrip('?')}, in a few words.",
                        kind="Commentary",
                        topics=list(topics),
                        authors=[],
                        link=f"https://example.org/{abs(hash(title))}",
                        published_at=on,
                        day_only=False,
                        first_seen_at=first_seen or on,
                        edited=[],
                    )
                    .returning(publications.c.id)
                ).scalar_one()
            )
            conn.execute(
                publication_feeds.insert().values(feed_id=feed, guid=title, publication_id=made[-1])
            )
    return made


def subscribe(database: Database, count: int, **told: Any) -> list[int]:
    """So many active weekly readers, unless told otherwise; their row numbers."""
    made = []
    with database.write() as conn:
        for _ in range(count):
            number = conn.execute(
                subscribers.insert()
                .values(attributes={}, created_at=MONDAY)
                .returning(subscribers.c.id)
            ).scalar_one()
            made.append(number)
            address = f"reader{number}@example.org"
            conn.execute(
                update(subscribers)
                .where(subscribers.c.id == number)
                .values(address=address, address_key=address)
            )
            conn.execute(
                subscriptions.insert().values(
                    subscriber_id=number,
                    newsletter="recap",
                    state=told.get("state", "active"),
                    rhythm=told.get("rhythm", "weekly"),
                    topics=told.get("topics", []),
                    format=told.get("format", "html"),
                    lists=[],
                    source="test",
                    changed_at=MONDAY,
                )
            )
    return made


def prepared(
    database: Database, loaded: Loaded, closing: date = CLOSING, now: datetime = BEFORE
) -> Issue:
    newsletter = loaded.settings.newsletters["recap"]
    slot = weekly.slot(newsletter, closing, now=now)
    return weekly.prepare(database, loaded, "recap", slot, now=now)


def draft_of(database: Database, issue: Issue) -> Any:
    with database.read() as conn:
        return drafts.read(conn, issue.id)


def sent_before(database: Database, loaded: Loaded) -> Issue:
    """An issue of the week before that went out, so that history rules have something."""
    publish(database, "A", "B", "C", on=MONDAY - timedelta(days=7))
    then = BEFORE - timedelta(days=7)
    issue = prepared(database, loaded, CLOSING - timedelta(days=7), now=then)
    issue = weekly.approve(database, loaded, issue, by="editor", now=then)
    issue = weekly.freeze(database, loaded, issue, now=then)
    with database.write() as conn:
        return issues.set_state(
            conn,
            issue.id,
            (IssueState.SENDING,),
            IssueState.FINISHED,
            now=then,
            actor="test",
            also={"finished_at": then},
        )
