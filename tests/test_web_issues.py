"""The list of issues, its calendar, an issue beside others, and the report to take away."""

from __future__ import annotations

import csv
import io
import re
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import insert, select, update

from digest.model import Issue, IssueState
from digest.store import Database, editions, history, issues, ledger, tallies
from digest.store.schema import bounces, consents, deliveries, subscriptions
from digest.store.schema import issues as records
from digest.web.desk import listing
from tests.website import NOW, Site, a_draft, a_reader, put_into, served


@pytest.fixture
def site(database: Database, tmp_path: Path) -> Iterator[Site]:
    with served(database, tmp_path) as site:
        yield site


def sent(site: Site, key: str, number: int, *, readers: int = 2, headline: str = "Floods") -> Issue:
    """A finished issue, whose readers all got it but the last one."""
    issue = a_draft(site.database, key=key, headline=headline)
    issue = put_into(site.database, issue, IssueState.SENDING, loaded=site.loaded, number=number)
    people = [a_reader(site.database, f"r{number}-{n}@example.org") for n in range(readers)]
    with site.database.write() as conn:
        frozen = issue.window.end + timedelta(hours=3)
        [variant] = editions.variants_of(conn, issue.edition_id or 0)
        conn.execute(
            insert(deliveries),
            [
                {
                    "issue_id": issue.id,
                    "subscriber_id": person,
                    "edition_id": issue.edition_id,
                    "variant_id": variant,
                    "address": f"r{number}-{n}@example.org",
                    "state": "sent" if n + 1 < readers else "failed",
                    "due_at": frozen,
                    "changed_at": frozen,
                }
                for n, person in enumerate(people)
            ],
        )
        done = {
            "state": IssueState.FINISHED,
            "frozen": readers,
            "excluded": {},
            "frozen_at": frozen,
            "finished_at": frozen + timedelta(minutes=7),
        }
        conn.execute(update(records).where(records.c.id == issue.id).values(done))
        tallies.keep_outcome(conn, issue.id, ledger.tally(conn, issue.id))
        return issues.by_id(conn, issue.id)


def subjects(page: str) -> list[str]:
    """The headlines of the issues that a list shows, in its order."""
    return re.findall(r'/desk/issues/\d+">([^:<]+)', page)


# --- the list -----------------------------------------------------------------------------


def test_issues_are_found_by_words_state_and_year(site: Site) -> None:
    """Each part of the filter narrows the list, and all of them together."""
    a_draft(site.database, key="2023-09-22", headline="Ferries and Wolves")
    sent(site, "2023-09-15", 2, headline="Ferries in Fog")
    sent(site, "2022-12-30", 1, headline="Milking Robots")
    viewer = site.browser("viewer")

    def shown(**asked: str) -> list[str]:
        return subjects(viewer.get("/desk/issues", params=asked).text)

    assert shown() == ["Ferries and Wolves", "Ferries in Fog", "Milking Robots"]
    assert shown(words="ferries") == ["Ferries and Wolves", "Ferries in Fog"]
    assert shown(words="fog FERRIES") == ["Ferries in Fog"]
    assert shown(state="open") == ["Ferries and Wolves"]
    assert shown(year="2022") == ["Milking Robots"]
    assert shown(words="ferries", state="finished", year="2023") == ["Ferries in Fog"]
    assert shown(words="100%") == []
    assert "No issue is like that" in viewer.get("/desk/issues?words=zebras").text


def test_a_new_year_begins_at_the_newsletters_midnight(site: Site) -> None:
    """A window that ends on the first of January in New York is of the new year there."""
    issue = a_draft(site.database, key="2023-01-06", headline="Ferries")
    with site.database.write() as conn:
        at = issue.window.end.replace(day=1, hour=4, minute=30)  # 23:30 of the old year there
        conn.execute(update(records).where(records.c.id == issue.id).values(window_end=at))
    viewer = site.browser("viewer")
    assert subjects(viewer.get("/desk/issues?year=2022").text) == ["Ferries"]
    assert subjects(viewer.get("/desk/issues?year=2023").text) == []


def test_pages_of_the_list_follow_one_another(site: Site, monkeypatch: Any) -> None:
    """Each page goes on where the one before ended, nothing twice and nothing left out."""
    monkeypatch.setattr(listing, "PAGE", 2)
    for n, day in enumerate((1, 8, 15, 22, 29)):
        week = f"2023-09-{day:02}"
        a_draft(site.database, key=week, headline=f"Week {n}")
    viewer, path, seen = site.browser("viewer"), "/desk/issues", []
    while path:
        page = viewer.get(path).text
        seen += subjects(page)
        older = re.search(r'href="(\?[^"]+after=\d+)">Older', page)
        path = f"/desk/issues{older[1].replace('&amp;', '&')}" if older else ""
    assert seen == ["Week 4", "Week 3", "Week 2", "Week 1", "Week 0"]


def test_a_year_stands_month_by_month(site: Site) -> None:
    """The calendar has all twelve months; each issue stands in that of its close."""
    sent(site, "2023-03-31", 1, headline="Ferries")
    a_draft(site.database, key="2023-09-22", headline="Wolves")
    page = site.browser("viewer").get("/desk/issues?view=year&year=2023").text
    months = re.split(r"<h3>(\w+)</h3>", page)[1:]
    told = dict(zip(months[::2], months[1::2], strict=True))
    assert len(told) == 12
    assert subjects(told["March"]) == ["Ferries"]
    assert subjects(told["September"]) == ["Wolves"]
    assert "None" in told["April"]


@pytest.mark.parametrize(
    "query", ["year=x", "year=99999", "after=0", "view=moon", f"words={'a' * 300}"]
)
def test_a_filter_that_none_of_our_forms_sends_is_refused(site: Site, query: str) -> None:
    """What cannot be meant is a page that says so, never a failure of ours."""
    assert site.browser("viewer").get(f"/desk/issues?{query}").status_code == 422


# --- beside the others --------------------------------------------------------------------


def test_what_came_back_stands_beside_the_issues_before(site: Site) -> None:
    """Bounces, complaints, who left within a week, and the time it took, issue by issue."""
    sent(site, "2023-09-15", 1)
    last = sent(site, "2023-09-22", 2)
    with site.database.write() as conn:
        fact = {"at": NOW, "issue_id": last.id, "verdict": "mailbox", "said": "", "outcome": "x"}
        for place, kind in enumerate(("bounce", "bounce", "complaint")):
            row = fact | {"key": "mail", "place": place, "kind": kind}
            conn.execute(insert(bounces).values(row))
        refused = fact | {"key": f"ledger:{last.id}", "place": 1, "kind": "bounce"}
        conn.execute(insert(bounces).values(refused))
        whose = conn.scalars(select(subscriptions.c.id).order_by(subscriptions.c.id)).first()
        for days in (1, 6, 8):
            at = (last.frozen_at or NOW) + timedelta(days=days)
            act = {"subscription_id": whose, "at": at, "what": "left", "source": "x", "proof": {}}
            conn.execute(insert(consents).values(act))
    page = site.browser("viewer").get(f"/desk/issues/{last.id}").text
    row = re.search(rf'issues/{last.id}">2023-09-22</a></th>(.*?)</tr>', page, re.DOTALL)
    assert row
    assert re.findall(r">([^<]+)</td>", row[1]) == ["2", "1", "1", "2", "1", "2", "7 min"]
    for title in ("Readers", "Bounces", "Complaints", "Unsubscribed within a week"):
        assert f"<strong>{title}</strong>" in page


# --- the report ---------------------------------------------------------------------------


def test_the_report_is_taken_away(site: Site) -> None:
    """Sums are for everybody; a line for each reader is for publishers, and in the log."""
    issue = sent(site, "2023-09-15", 1)
    path = f"/desk/issues/{issue.id}/report"
    told = site.browser("viewer").get(f"{path}.json")
    assert told.json()["by_state"] == {"sent": 1, "failed": 1}
    assert "r1-0@example.org" not in told.text
    answer = site.browser("publisher").get(f"{path}.csv")
    assert 'filename="recap-2023-09-15.csv"' in answer.headers["content-disposition"]
    lines = list(csv.DictReader(io.StringIO(answer.text)))
    assert [(line["address"], line["state"]) for line in lines] == [
        ("r1-0@example.org", "sent"),
        ("r1-1@example.org", "failed"),
    ]
    with site.database.read() as conn:
        [last, *_] = history.page(conn, newsletter="recap", actor="", before=None, most=1)
    assert (last.what, last.actor) == ("took the report", "publisher@example.org")


@pytest.mark.parametrize(
    ("role", "ending", "status"),
    [("", "csv", 303), ("", "json", 303), ("viewer", "csv", 403), ("editor", "csv", 403)],
)
def test_addresses_are_not_for_everybody(site: Site, role: str, ending: str, status: int) -> None:
    """Strangers get nothing, and a line for each reader takes a publisher."""
    issue = sent(site, "2023-09-15", 1)
    answer = site.browser(role).get(f"/desk/issues/{issue.id}/report.{ending}")
    assert answer.status_code == status
    assert "r1-0@example.org" not in answer.text


def test_what_was_not_sent_has_no_report(site: Site) -> None:
    """A draft's report is not there, and says so."""
    issue = a_draft(site.database)
    answer = site.browser("publisher").get(f"/desk/issues/{issue.id}/report.csv")
    assert answer.status_code == 404
    assert "Nothing of this issue was sent yet" in answer.text
