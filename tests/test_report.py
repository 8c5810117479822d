"""The proof of an issue: figures that fit its ledger, and who has not got it."""

from __future__ import annotations

import csv
import gzip
import io
import xml.etree.ElementTree as ET
from collections import Counter
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from hashlib import sha256
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from digest import report
from digest.errors import StoreError
from digest.model import DeliveryState
from digest.store import Database, bounces, ledger
from digest.store.bounces import Fact
from digest.store.ledger import reporting
from digest.store.schema import deliveries
from digest.store.schema import issues as issues_table
from tests.audience import NOW, an_issue, frozen, readers
from tests.test_delivery import loaded

SVG = "{http://www.w3.org/2000/svg}"
MINUTE = timedelta(minutes=1)


@pytest.fixture
def issue(database: Database) -> int:
    """An issue to nine readers at three domains, six of whom got it."""
    people = readers(
        database,
        [f"r{n}@big.test" for n in range(5)]
        + [f"s{n}@Slow.test" for n in range(3)]
        + ["x@one.test"],
    )
    number = an_issue(database)
    frozen(database, number)
    told = [
        *({"state": "sent", "changed_at": NOW + n * MINUTE, "answer": "250 ok"} for n in range(4)),
        {"state": "failed", "reason": "full", "answer": "552 5.2.2 full", "changed_at": NOW},
        {"state": "sent", "changed_at": NOW + timedelta(hours=3), "attempts": 4},
        {"state": "sent", "changed_at": NOW + timedelta(hours=3, minutes=5), "attempts": 4},
        {"state": "uncertain", "answer": "=the connection broke", "changed_at": NOW},
        {"state": "skipped", "reason": "left", "attempts": 0, "changed_at": NOW},
    ]
    with database.write() as conn:
        for reader, one in zip(people, told, strict=True):
            conn.execute(
                deliveries.update()
                .where(deliveries.c.subscriber_id == reader)
                .values(**({"attempts": 1} | one))
            )
    return number


def test_the_figures_are_the_ledgers(database, issue, monkeypatch):
    """By state, domain, hour and reason; the same however many pages it takes."""
    monkeypatch.setattr(reporting, "PAGE", 2)
    found = report.of(database, issue)
    assert (found.tally.frozen, found.tally.count(DeliveryState.SENT)) == (9, 6)
    assert {
        d.domain: (d.readers, d.sent, d.failed, d.uncertain, d.owed) for d in found.domains
    } == {
        "big.test": (5, 4, 1, 0, 0),
        "slow.test": (3, 2, 0, 1, 0),
        "one.test": (1, 0, 0, 0, 0),
    }
    assert [(h.at, h.sent) for h in found.hours] == [(NOW, 4), (NOW + timedelta(hours=3), 2)]
    assert (found.refused, found.skipped) == ({"full": 1}, {"left": 1})
    assert sum(found.minutes.values()) == 6


def test_the_slowest_domains_are_named(database, issue):
    """Where the last reader got theirs latest comes first; one reader alone says nothing."""
    slow, quick = report.of(database, issue).slowest
    assert (slow.domain, slow.took) == ("slow.test", timedelta(hours=3, minutes=5))
    assert (slow.tries, quick.domain) == (3.0, "big.test")


def test_who_has_not_got_it_is_listed_with_the_servers_words(database, issue):
    """Failed and uncertain readers, exactly those, and as many as are counted."""
    missed = report.who_missed(database, issue)
    assert [(m.address, m.state, m.answer) for m in missed] == [
        ("r4@big.test", DeliveryState.FAILED, "552 5.2.2 full"),
        ("s2@Slow.test", DeliveryState.UNCERTAIN, "=the connection broke"),
    ]
    assert report.of(database, issue).missed == 2
    assert len(report.who_missed(database, issue, most=1)) == 1


def test_what_came_back_is_counted_beside(database, issue):
    """Bounces by mail and complaints stand beside the ledger, whose sums they do not change."""
    with database.write() as conn:
        for place, (kind, verdict) in enumerate(
            [("bounce", "dead"), ("bounce", "dead"), ("complaint", "abuse")]
        ):
            fact = Fact(key="k", place=place, at=NOW, kind=kind, issue=issue, outcome="noted")
            bounces.keep(
                conn, Fact(**{f: getattr(fact, f) for f in fact.__slots__} | {"verdict": verdict})
            )
    assert report.of(database, issue).came_back == {"dead": 2, "complaint": 1}


def test_the_csv_has_every_reader_and_no_formula(database, issue):
    """One line a reader; what a spreadsheet would run is put into words."""
    file = io.StringIO()
    assert report.write_csv(database, issue, file) == 9
    rows = list(csv.DictReader(io.StringIO(file.getvalue())))
    assert Counter(row["state"] for row in rows) == {
        "sent": 6,
        "failed": 1,
        "uncertain": 1,
        "skipped": 1,
    }
    assert "'=the connection broke" in [row["answer"] for row in rows]


def test_an_issue_that_nobody_was_sent_has_a_report(database):
    """No rows, no figures, no error."""
    found = report.of(database, an_issue(database))
    assert (found.domains, found.hours, found.missed) == ((), (), 0)
    drawn = report.chart(found.minutes, zone=ZoneInfo("UTC"), title="x")
    assert "Nothing was sent yet" in drawn


@given(
    st.dictionaries(
        st.datetimes(datetime(2023, 1, 1), datetime(2023, 2, 1)).map(
            lambda at: at.replace(second=0, microsecond=0, tzinfo=UTC)
        ),
        st.integers(1, 100_000),
        min_size=1,
        max_size=40,
    )
)
def test_the_chart_shows_every_mail(minutes):
    """Its bars sum up to what was sent, are at most sixty or so, and stay in the picture."""
    drawn = report.chart(minutes, zone=ZoneInfo("America/New_York"), title="A & <B>")
    svg = ET.fromstring(drawn)
    bars = svg.findall(f"{SVG}rect")
    counts = [int((bar[0].text or "").partition(": ")[2].replace(",", "")) for bar in bars]
    assert sum(counts) == sum(minutes.values())
    assert 1 <= len(bars) <= 62
    for bar in bars:
        assert float(bar.attrib["y"]) >= 0
        assert float(bar.attrib["y"]) + float(bar.attrib["height"]) <= 240
    assert svg[0].text == "A & <B>"


# --- putting old ledgers away -------------------------------------------------------------


@pytest.fixture
def ended(database, issue, tmp_path):
    """The same issue, finished at NOW, and the installation it belongs to."""
    with database.write() as conn:
        conn.execute(deliveries.update().values(address=None))
        row = deliveries.c.state == "failed"
        conn.execute(deliveries.update().where(row).values(answer="552 5.2.2 <r4@big.test> full"))
        conn.execute(issues_table.update().values(state="finished", finished_at=NOW))
    return replace(loaded(25), folder=tmp_path)


def test_an_old_ledger_goes_into_a_file_and_its_figures_stay(database, issue, ended):
    """After `retention.ledger` the report says what it said, from a summary; the rows are gone."""
    before = report.of(database, issue)
    assert report.put_away(database, ended, now=NOW + timedelta(days=400)) == 0
    assert report.put_away(database, ended, now=NOW + timedelta(days=401)) == 1
    with database.read() as conn:
        assert conn.execute(deliveries.select()).all() == []
        assert ledger.tally(conn, issue) == before.tally
        kept = ledger.summary(conn, issue)
    file = ended.folder / "var/ledgers" / kept.file
    assert replace(report.of(database, issue), file="") == before
    assert sha256(file.read_bytes()).hexdigest() == kept.sha256
    rows = list(csv.DictReader(io.StringIO(gzip.decompress(file.read_bytes()).decode())))
    assert Counter(row["state"] for row in rows) == before.tally.by_state
    assert {row["answer"] for row in rows} >= {"250 ok", "552 5.2.2"}
    assert "@" not in "".join(row["answer"] + row["address"] for row in rows)


def test_putting_away_goes_on_after_a_kill(database, issue, ended, monkeypatch):
    """Killed between two slices of rows, the next call drops the rest and changes nothing else."""
    monkeypatch.setattr(ledger.summaries, "SLICE", 4)
    dropped = ledger.drop_rows

    def killed(conn, issue_id):
        dropped(conn, issue_id)
        raise KeyboardInterrupt

    before = report.of(database, issue)
    with monkeypatch.context() as patch:
        patch.setattr(ledger, "drop_rows", killed)
        with pytest.raises(KeyboardInterrupt):
            report.put_away(database, ended, now=NOW + timedelta(days=401))
    with database.write() as conn:
        dropped(conn, issue)
    assert report.put_away(database, ended, now=NOW + timedelta(days=402)) == 1
    assert report.put_away(database, ended, now=NOW + timedelta(days=403)) == 0
    assert replace(report.of(database, issue), file="") == before


def test_a_ledger_that_cannot_be_written_stays(database, issue, ended):
    """Where the folder cannot be made the error names it, and no row is dropped."""
    (ended.folder / "var").write_text("a file in the way")
    with pytest.raises(StoreError, match=r"ledgers.*stays in the database"):
        report.put_away(database, ended, now=NOW + timedelta(days=401))
    assert report.of(database, issue).tally.holds


def test_a_ledger_is_kept_for_good_where_the_operator_says_so(database, issue, ended):
    """With `retention.ledger` of none no ledger is put away."""
    settings = ended.settings
    kept = settings.retention.model_copy(update={"ledger": None})
    forever = replace(ended, settings=settings.model_copy(update={"retention": kept}))
    assert report.put_away(database, forever, now=NOW + timedelta(days=4000)) == 0
