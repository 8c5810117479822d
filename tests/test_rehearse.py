"""`digest themes` and `digest rehearse`: any feed, no database, no newsletter."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner, Result

from digest.cli import app

FRIDAY = datetime(2024, 5, 17, 6, tzinfo=UTC)


def an_item(n: int, title: str, on: datetime, summary: str = "") -> dict[str, Any]:
    return {
        "id": f"item-{n}",
        "url": f"https://example.org/{n}",
        "title": title,
        "content_text": summary,
        "date_published": on.isoformat(),
    }


@pytest.fixture
def feed(tmp_path: Path) -> Path:
    """A feed of five publications, the oldest three weeks before the newest."""
    items = [
        an_item(
            1, "Wolves in the Alps", FRIDAY - timedelta(days=1), "Wolves are back in the Alps."
        ),
        an_item(2, "How farmers feel about robots", FRIDAY - timedelta(days=2)),
        an_item(3, "Ferry Safety: Who Pays?", FRIDAY - timedelta(days=8)),
        an_item(4, "School Meals Get Better", FRIDAY - timedelta(days=9)),
        an_item(5, "Solar Roofs for Old Houses", FRIDAY - timedelta(days=22)),
    ]
    file = tmp_path / "feed.json"
    told = {"version": "https://jsonfeed.org/version/1.1", "title": "Acme", "items": items}
    file.write_text(json.dumps(told))
    return file


def digest(*words: str | Path) -> Result:
    return CliRunner().invoke(app, [str(word) for word in words])


def told(*words: str | Path) -> Any:
    done = digest(*words, "--json")
    assert done.exit_code == 0, done.output
    return json.loads(done.stdout)


def test_themes_of_a_file(feed):
    """Headline, lead and themes name the file's own ids; every item has a label."""
    facts = told("themes", feed)

    assert facts["headline"].startswith("Wolves in the Alps, ")
    assert facts["lead"].startswith("This weekly recap focuses on wolves in the Alps, ")
    assert facts["themes"][0]["publications"] == ["item-1"]
    assert set(facts["labels"]) == {f"item-{n}" for n in range(1, 6)}
    assert facts["labels"]["item-2"] == "Robots"


def test_themes_for_a_person(feed):
    """Without --json the same stands in a table."""
    said = digest("themes", feed, "--history", feed).stdout

    assert "Headline" in said
    assert "Wolves in the Alps" in said


def test_past_weeks_earliest_first_and_nothing_twice(feed):
    """Each week is composed as it would have been; what one has shown the next has not."""
    weeks = told("rehearse", feed, "--weeks", "3")["weeks"]
    shown = [{each["title"] for each in week["candidates"] if each["included"]} for week in weeks]

    assert [week["closing"] for week in weeks] == ["2024-05-03", "2024-05-10", "2024-05-17"]
    assert shown == [
        {"Solar Roofs for Old Houses"},
        {"School Meals Get Better", "Ferry Safety: Who Pays?"},
        {"Wolves in the Alps", "How farmers feel about robots"},
    ]


def test_the_feeds_memory_is_told(feed):
    """Weeks that reach back beyond the oldest entry are marked, and its date is named."""
    facts = told("rehearse", feed, "--weeks", "4")

    assert facts["oldest"].startswith("2024-04-25T06:00:00")
    assert [week["remembered"] for week in facts["weeks"]] == [False, False, True, True]
    assert "5 entries, back to Apr 25, 2024" in digest("rehearse", feed).stdout


def test_a_month_is_rehearsed_whole(feed):
    """A newsletter that closes once a month looks back on all of it, and calls nothing late."""
    weeks = told("rehearse", feed, "--weeks", "1", "--closes", "monthly 17 06:00")["weeks"]
    codes = [each["code"] for each in weeks[0]["candidates"] if each["included"]]
    assert codes == ["lead", *["chosen"] * 4]


def test_an_empty_feed_is_an_answer(tmp_path):
    """A feed without entries gives no week and no exception."""
    file = tmp_path / "empty.json"
    file.write_text('{"version": "https://jsonfeed.org/version/1.1", "title": "x", "items": []}')

    assert told("rehearse", file) == {"title": "x", "oldest": None, "weeks": []}
    assert told("themes", file)["labels"] == {}


@pytest.mark.parametrize(
    ("words", "code", "said"),
    [
        (("--closes", "fryday 06:00"), 2, "--closes"),
        (("--timezone", "Mars/Base"), 2, "--timezone"),
        (("--weeks", "0"), 2, "--weeks"),
    ],
)
def test_wrong_words_are_named(feed, words, code, said):
    """What cannot be meant is the caller's, with the option's name."""
    done = digest("rehearse", feed, *words)

    assert (done.exit_code, said in done.output) == (code, True)


def test_a_feed_that_is_not_there(tmp_path):
    """A missing file is exit code 1 and a line that names it."""
    done = digest("rehearse", tmp_path / "gone.xml")

    assert done.exit_code == 1
    assert "gone.xml" in done.output
