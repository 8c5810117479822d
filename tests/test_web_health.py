"""The health pages: is it up, and can it do its work."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import pytest
from sqlalchemy import inspect, text

from digest.store import Database, schema, ticks, upgrade
from tests.website import NOW, Site, served


@pytest.fixture
def site(database: Database, tmp_path: Path) -> Iterator[Site]:
    """The application on a database that `digest db upgrade` made, and that says so."""
    take_the_tables(database)
    upgrade.upgrade(database)
    with served(database, tmp_path) as site:
        yield site


def ring(site: Site, *, error: str = "", ago: timedelta = timedelta(seconds=5)) -> None:
    with site.database.write() as conn:
        ticks.record(conn, "week", at=NOW - ago, error=error)


def a_feed(site: Site, *, failures: int) -> None:
    with site.database.write() as conn:
        conn.execute(
            schema.feeds.insert().values(
                url=f"https://user:secret@example.org/{failures}.xml",
                settings={"url": "https://example.org/feed.xml"},
                enabled=True,
                origin="config",
                failures=failures,
                error="example.org did not answer" if failures else "",
            )
        )


def test_the_process_answers_without_its_database(site: Site) -> None:
    """/healthz says that the process is up, whatever the database does."""
    take_the_tables(site.database)
    answer = site.browser().get("/healthz")
    assert (answer.status_code, answer.json()) == (200, {"status": "up"})


@pytest.mark.parametrize("path", ["/health", "/readyz"])
def test_all_well_is_ready(site: Site, path: str) -> None:
    """A bell that rang and feeds that were read make it ready; each tick says when it was."""
    ring(site)
    a_feed(site, failures=0)
    answer = site.browser().get(path)
    said = answer.json()
    assert answer.status_code == 200
    assert said["status"] == "ready"
    assert said["bell"]["ticks"]["week"]["seconds_ago"] == 5
    assert said["feeds"] == {"enabled": 1, "failing": 0}


def test_a_failing_feed_is_degraded(site: Site) -> None:
    """A feed in trouble is told, and takes nobody off the load balancer."""
    ring(site)
    a_feed(site, failures=2)
    answer = site.browser().get("/readyz")
    assert (answer.status_code, answer.json()["status"]) == (200, "degraded")


@pytest.mark.parametrize(
    ("error", "ago", "said"),
    [
        ("", timedelta(hours=1), "silent"),
        ("no space left", timedelta(seconds=5), "failing"),
    ],
)
def test_a_bell_in_trouble_is_told(site: Site, error: str, ago: timedelta, said: str) -> None:
    """A bell that fell silent, or whose tick failed, is what an alarm looks for."""
    ring(site, error=error, ago=ago)
    facts = site.browser().get("/readyz").json()
    assert (facts["status"], facts["bell"]["status"]) == ("degraded", said)


def test_no_database_is_down(site: Site) -> None:
    """Without its database nothing can be done: 503."""
    take_the_tables(site.database)
    answer = site.browser().get("/readyz")
    assert (answer.status_code, answer.json()["status"]) == (503, "down")


def test_health_tells_no_secret(site: Site) -> None:
    """No address and no error text leaves the house this way."""
    ring(site, error="cannot reach smtp.internal.example.org")
    a_feed(site, failures=1)
    answer = site.browser().get("/readyz")
    for secret in ("secret", "example.org", "did not answer"):
        assert secret not in answer.text + str(answer.headers)


def take_the_tables(database: Database) -> None:
    """Leave the database as empty as a wrong one."""
    with database.write() as conn:
        for name in inspect(conn).get_table_names():
            if database.is_sqlite:
                conn.execute(text("PRAGMA defer_foreign_keys = ON"))
            # Some go with others: the full text's own tables with its index.
            how = "" if database.is_sqlite else " CASCADE"
            conn.execute(text(f'DROP TABLE IF EXISTS "{name}"{how}'))
