"""The metrics: what an operator's alarms are made of."""

from __future__ import annotations

import re
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import pytest
from prometheus_client.parser import text_string_to_metric_families

from digest.model import IssueState
from digest.store import Database, ledger, schema, suppressions, ticks
from tests.audience import NOW as FROZEN
from tests.audience import addresses, an_issue, frozen
from tests.audience import readers as subscribed
from tests.website import NOW, Site, served

TOKEN = "m" * 32


@pytest.fixture
def site(database: Database, tmp_path: Path) -> Iterator[Site]:
    with served(database, tmp_path) as site:
        site.settings(metrics_token=TOKEN)
        yield site


def scraped(site: Site) -> dict[tuple[str, ...], float]:
    """What a scrape brings: by name and the labels' values."""
    answer = site.browser().get("/metrics", headers={"authorization": f"Bearer {TOKEN}"})
    assert answer.status_code == 200
    return {
        (sample.name, *sample.labels.values()): sample.value
        for family in text_string_to_metric_families(answer.text)
        for sample in family.samples
    }


@pytest.mark.parametrize("told", [{}, {"authorization": "Bearer wrong"}, {"authorization": TOKEN}])
def test_strangers_find_no_such_page(site: Site, told: dict[str, str]) -> None:
    """Who does not send the token cannot tell that there are metrics."""
    answer = site.browser().get("/metrics", headers=told)
    assert answer.status_code == 404
    assert "recap_" not in answer.text


def test_without_a_token_there_are_no_metrics(database: Database, tmp_path: Path) -> None:
    """METRICS_TOKEN opens them; where nobody set one, an empty one opens nothing."""
    with served(database, tmp_path) as site:
        for told in ("Bearer", "Bearer x", ""):
            answer = site.browser().get("/metrics", headers={"authorization": told})
            assert answer.status_code == 404


def test_the_ledger_is_counted(site: Site) -> None:
    """An issue that is going out tells its readers by state, and that none of them is lost."""
    issue = an_issue(site.database)
    subscribed(site.database, addresses(5))
    frozen(site.database, issue)
    with site.database.write() as conn:
        ledger.enter(conn, issue, "one", now=FROZEN)
        ledger.whole(ledger.claim(conn, issue, "one", FROZEN, 2))
    found = scraped(site)
    named = "weekly-recap/weekly/2023-09-22"
    assert found["recap_deliveries", named, "pending"] == 3
    assert found["recap_deliveries", named, "claimed"] == 2
    assert found["recap_ledger_holds", named] == 1
    with site.database.write() as conn:
        conn.execute(schema.deliveries.delete().where(schema.deliveries.c.subscriber_id == 1))
    assert scraped(site)["recap_ledger_holds", named] == 0


def test_an_uncertain_reader_is_told_of_after_the_end(site: Site) -> None:
    """A finished issue with readers of whom nobody knows still shows them."""
    issue = an_issue(site.database)
    subscribed(site.database, addresses(2))
    frozen(site.database, issue)
    with site.database.write() as conn:
        ledger.doubt(conn, issue, "broken line", now=NOW)
        conn.execute(schema.issues.update().values(state=IssueState.FINISHED))
    assert scraped(site)["recap_uncertain", "weekly-recap/weekly/2023-09-22"] == 2


def test_what_is_late_is_told_in_seconds(site: Site) -> None:
    """An issue past its hour, a feed that is silent, a bell that stopped, a mail that waits."""
    an_issue(site.database, state=IssueState.HELD)
    with site.database.write() as conn:
        conn.execute(schema.issues.update().values(frozen_at=None, sends_at=NOW - HOUR))
        conn.execute(
            schema.feeds.insert().values(
                url="https://user:secret@example.org/feed.xml?key=secret",
                settings={"url": "https://example.org/feed.xml"},
                enabled=True,
                origin="config",
                failures=9,
                succeeded_at=NOW - 9 * HOUR,
            )
        )
        ticks.record(conn, "week", at=NOW - HOUR, error="no")
    found = scraped(site)
    assert found["recap_issue_overdue_seconds", "weekly-recap/weekly/2023-09-22"] == 3600
    assert found["recap_feed_age_seconds", "1", "example.org"] == 9 * 3600
    assert found["recap_bell_lag_seconds", "week"] == 3600
    assert found["recap_bell_failing", "week"] == 1


def test_pages_are_timed_by_route(site: Site) -> None:
    """A page's latency is kept under its route, so that no token becomes a label."""
    site.restart()  # begins to count at nought
    browser = site.browser()
    browser.get("/unsubscribe/some-secret-token")
    browser.get("/healthz")
    browser.request("TEAPOT", "/healthz")
    found = scraped(site)
    assert found["recap_page_seconds_count", "other", "/healthz", "4xx"] == 1
    assert found["recap_page_seconds_count", "GET", "/healthz", "2xx"] == 1
    assert any("/unsubscribe/{token}" in labels for labels in found)
    assert not any("secret" in label for labels in found for label in labels)


def test_no_address_is_in_them(site: Site) -> None:
    """Nothing that tells who reads us, and no feed's password."""
    subscribed(site.database, addresses(3))
    with site.database.write() as conn:
        suppressions.add(conn, "0" * 64, reason="complaint", at=NOW)
    said = site.browser().get("/metrics", headers={"authorization": f"Bearer {TOKEN}"}).text
    assert not re.search(r"\S+@\S+", said)
    assert 'recap_subscriptions{newsletter="weekly-recap",state="active"} 3.0' in said
    assert 'recap_suppressions{reason="complaint"} 1.0' in said


HOUR = timedelta(hours=1)
