"""A newsletter folder as an operator has it, and an issue that is owed to many."""

from __future__ import annotations

import os
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import yaml
from sqlalchemy import text

from digest import config, weekly
from digest.config import Loaded
from digest.model import Issue
from digest.store import Database, jobs, upgrade
from tests import friday

ENVIRONMENT = {"TOKEN_KEY": "0" * 64}

#: 1 and on, as both databases can say it.
_NUMBERS = (
    "WITH RECURSIVE numbers(n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM numbers WHERE n < :readers)"
)
_READERS = text(
    f"{_NUMBERS} INSERT INTO subscribers (id, address, address_key, name, attributes, created_at)"
    " SELECT n, 'reader' || n || '@example.org', 'reader' || n || '@example.org',"
    " 'Reader ' || n, '{}', :now FROM numbers"
)
_SUBSCRIPTIONS = text(
    f"{_NUMBERS} INSERT INTO subscriptions (subscriber_id, newsletter, state, rhythm, topics,"
    " format, lists, source, changed_at) SELECT n, 'recap', 'active', 'weekly', '[]', 'html', '[]',"
    " 'import', :now FROM numbers"
)


def make(folder: Path, url: str, smtp: Mapping[str, Any]) -> Loaded:
    """
    Write config.yaml and `.env` into *folder*; return them as the program reads them.

    On PostgreSQL a fleet sends.
    """
    told = {
        "public_url": "https://recap.example.org",
        "fleet": url.startswith("postgresql"),
        "checks": {"links": False},
        "smtp": dict(smtp),
        "newsletters": {
            "recap": {
                "title": "Sample Weekly Recap",
                "from": "Sample Weekly Recap <recap@example.org>",
                "postal_address": "1 Sample Street, Springfield",
                "closes": "friday 06:00",
                "sends": "friday 09:00",
                "items": {"min": 3, "max": 12},
                # Of tests.friday; nothing answers there.
                "feeds": ["https://example.org/feed"],
            }
        },
    }
    (folder / "config.yaml").write_text(yaml.safe_dump(told))
    dotenv = folder / ".env"
    dotenv.write_text("".join(f"{key}={value}\n" for key, value in ENVIRONMENT.items()))
    with dotenv.open("a") as more:
        more.write(f"DATABASE_URL={url}\n")
    dotenv.chmod(0o600)
    return config.load(folder / "config.yaml", {})


def populate(database: Database, *, readers: int) -> None:
    """Make the tables, and so many readers: reader1@example.org and on."""
    upgrade.upgrade(database)
    if not database.is_sqlite:
        jobs.prepare(database)
    told = {"readers": readers, "now": datetime.now(UTC)}
    with database.write() as conn:
        conn.execute(_READERS, told)
        conn.execute(_SUBSCRIPTIONS, told)
        for name in ("subscribers", "subscriptions"):
            conn.execute(text(f"ANALYZE {name}"))


def approved(database: Database, loaded: Loaded, *, weeks_ago: int = 0) -> Issue:
    """Return an issue of a past Friday, of which there is one a week, that waits to be frozen."""
    now = datetime.now(UTC)
    today = now.date()
    closing = today - timedelta(days=(today.weekday() - 4) % 7 or 7, weeks=weeks_ago)
    titles = [f"{title} Week {closing.isocalendar().week}" for title in friday.TITLES]
    friday.publish(
        database,
        *titles,
        on=datetime(closing.year, closing.month, closing.day, tzinfo=UTC) - timedelta(days=2),
    )
    issue = friday.prepared(database, loaded, closing, now=now)
    return weekly.approve(database, loaded, issue, by="operator", now=now)


def environment(**more: str) -> dict[str, str]:
    """Return what a process of the fleet finds in its environment."""
    known = {key: os.environ[key] for key in ("PATH", "HOME", "LANG") if key in os.environ}
    return known | {"PYTHONUNBUFFERED": "1"} | more
