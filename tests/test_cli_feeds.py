"""What `digest feeds …` prints, and its exit codes."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from typer.testing import CliRunner, Result

from digest.cli import context
from digest.cli.feeds import app
from digest.errors import DigestError
from digest.store.upgrade import upgrade

SAMPLE = Path(__file__).resolve().parents[1] / "digest" / "sample" / "security-cooperation.json"
CONFIG = """
public_url: https://recap.example.org
database: sqlite:///recap.db
newsletters:
  weekly:
    title: Weekly
    from: recap@example.org
    postal_address: 1 Sample Street, Springfield
    feeds: [feed.json]
"""


@pytest.fixture
def folder(tmp_path, monkeypatch):
    """A newsletter folder of one feed, as the current directory."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("DIGEST_CONFIG", raising=False)
    (tmp_path / "config.yaml").write_text(CONFIG, "utf-8")
    (tmp_path / "feed.json").write_bytes(SAMPLE.read_bytes())
    from digest.config import load

    upgrade(context.open_database(load(None, {})))
    yield tmp_path
    context.close_all()


def run(*words: str) -> Result:
    return CliRunner().invoke(app, list(words))


def test_fetch_tells_what_came_in_and_when_the_next_is_due(folder):
    """One line a feed, then what to do next; nothing due says until when."""
    first, second = run("fetch"), run("fetch")

    assert first.exit_code == 0
    assert "feed.json  22: 22 new, 0 changed, 0 as before" in first.output
    assert first.output.endswith("Next    digest issue prepare\n")
    assert second.output.startswith("No feed is due. The next one is due ")


def test_a_failing_fetch_fails_with_the_reason(folder):
    """Exit code 1, one line why."""
    (folder / "feed.json").unlink()
    result = run("fetch")
    assert isinstance(result.exception, DigestError)
    assert "feed.json: No such file" in str(result.exception)
    assert result.output.endswith("Next    digest feeds health\n")


def test_list_and_health_print_json_for_programs(folder):
    """The same facts as the table."""
    run("fetch")
    for command in ("list", "health"):
        (feed,) = json.loads(run(command, "--json").output)
        assert (feed["url"], feed["state"], feed["publications"]) == ("feed.json", "well", 22)


def test_health_counts_one_publication_as_one(folder):
    """One publication, 22 publications, nothing yet."""
    (folder / "one.csv").write_text("title,link\nA Report,https://example.org/r\n", "utf-8")
    assert "Brought  nothing yet\n" in run("health").output
    run("fetch")
    run("import", "one.csv")
    told = run("health").output
    assert "Brought    22 publications\n" in told
    assert "Brought    1 publication\n" in told


def test_list_shows_configured_feeds_before_they_were_read(folder):
    """A new feed is listed as new."""
    assert "feed.json  new" in run("list").output


def test_import_takes_a_file_in_a_feeds_name(folder):
    """The same entries are known; the count says so."""
    run("fetch")
    result = run("import", str(SAMPLE), "--feed", "feed.json")
    assert "Listed  22: 0 new, 0 changed, 22 as before" in result.output


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("import", "http://"), "names no host"),
        (("import", "\a"), "is not allowed"),
        (("import", "feed.json", "--feed", "ftp://example.org/f"), "is not read"),
        (("add", ""), "must not be empty"),
    ],
)
def test_a_place_that_can_be_none_is_a_mistake_in_the_words(folder, words, said):
    """Exit code 2 and a sentence, whichever command is given it; nothing is read."""
    result = run(*words)
    assert result.exit_code == 2
    assert said in " ".join(result.output.split())


def test_add_refuses_what_cannot_be_read(folder):
    """A feed is read before it is added."""
    (folder / "more.json").write_bytes(SAMPLE.read_bytes())
    (folder / "bad.json").write_text("<html>", "utf-8")

    assert "22: 22 new" in run("add", "more.json", "--topic", "Asia").output
    assert isinstance(run("add", "bad.json").exception, DigestError)
    assert "bad.json" not in run("list").output
    nonsense = run("add", "x.json", "--kind", "nonsense")
    assert nonsense.exit_code == 2
    assert "must be one of auto, rss" in " ".join(nonsense.output.split())
    listing = run("add", "x.json", "--kind", "listing")
    assert listing.exit_code == 2
    assert "write it under `feeds` in config.yaml" in " ".join(
        listing.output.replace("│", " ").split()
    )


@pytest.mark.parametrize("command", ["add", "list", "fetch", "import", "health"])
def test_every_command_has_an_example(command):
    """Help that cannot be tried is half a help."""
    assert "Example: digest feeds" in run(command, "--help").output
