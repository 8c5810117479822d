"""Builders of an issue with readers, written straight into the tables."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import UTC, datetime, timedelta
from typing import Any

from digest.model import IssueState, Rhythm, SubscriptionState
from digest.store import Database, editions, issues, ledger, tallies
from digest.store.schema import editions as edition_rows
from digest.store.schema import issues as issues_table
from digest.store.schema import subscribers, subscriptions, variants

NOW = datetime(2023, 9, 22, 13, tzinfo=UTC)
NEWSLETTER = "weekly-recap"


def an_issue(
    database: Database, *, state: IssueState = IssueState.SENDING, key: str = "2023-09-22"
) -> int:
    """An issue, of the sample week unless told, with one edition; its row number."""
    with database.write() as conn:
        issue = conn.execute(
            issues_table.insert()
            .values(
                newsletter=NEWSLETTER,
                rhythm=Rhythm.WEEKLY,
                key=key,
                number=1,
                window_start=NOW - timedelta(days=7),
                window_end=NOW,
                sends_at=NOW,
                state=state,
                version=1,
                reasons=[],
                edits={},
                created_at=NOW,
                approved_at=NOW,
                frozen_at=NOW,
            )
            .returning(issues_table.c.id)
        ).scalar_one()
        edition = conn.execute(
            edition_rows.insert()
            .values(
                issue_id=issue,
                number=1,
                subject="Three Themes: RAND Weekly Recap",
                html="<!doctype html><html><body><p>Hello.</p></body></html>",
                text="Hello.\n",
                digest="0" * 64,
                notes=[],
                created_at=NOW,
            )
            .returning(edition_rows.c.id)
        ).scalar_one()
        conn.execute(
            variants.insert().values(
                edition_id=edition,
                topics="",
                subject="Three Themes: RAND Weekly Recap",
                headline="",
                lead="",
                preheader="",
                items=[],
                digest="0" * 64,
            )
        )
    return int(issue)


def readers(database: Database, addresses: Iterable[str], **told: Any) -> list[int]:
    """Subscribers with a subscription each, active unless told; their row numbers."""
    facts: dict[str, Any] = {
        "newsletter": NEWSLETTER,
        "state": SubscriptionState.ACTIVE,
        "rhythm": Rhythm.WEEKLY,
        "topics": [],
        "lists": [],
        "source": "import",
        "changed_at": NOW,
    }
    ids = []
    with database.write() as conn:
        for address in addresses:
            person = {"address": address, "address_key": address, "name": ""}
            ids.append(
                conn.execute(
                    subscribers.insert()
                    .values(**person, attributes={}, created_at=NOW)
                    .returning(subscribers.c.id)
                ).scalar_one()
            )
        rows = [{**facts, **told, "subscriber_id": reader} for reader in ids]
        if rows:
            conn.execute(subscriptions.insert(), rows)
    return ids


def frozen(database: Database, issue: int, **told: Any) -> tuple[int, dict[str, int]]:
    """Write the audience into the ledger, as `digest.weekly.freeze` does."""
    with database.write() as conn:
        record = issues.by_id(conn, issue)
        assert record.edition_id is not None
        facts: dict[str, Any] = {
            "newsletter": NEWSLETTER,
            "rhythm": Rhythm.WEEKLY,
            "edition_id": record.edition_id,
            "variants": editions.variants_of(conn, record.edition_id),
            "due_at": NOW,
        }
        count, excluded = ledger.freeze(conn, issue, **(facts | told))
        tallies.count(conn, issue, frozen=count, excluded=excluded)
    return count, excluded


def addresses(count: int) -> list[str]:
    return [f"reader{n}@example.org" for n in range(1, count + 1)]


def subscription(database: Database, reader: int, **changed: Any) -> None:
    """Change a reader's subscription."""
    with database.write() as conn:
        conn.execute(
            subscriptions.update()
            .where(subscriptions.c.subscriber_id == reader)
            .values(**({"changed_at": NOW} | changed))
        )
