"""`digest db`: what an operator types before and after a new release."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from typer.testing import CliRunner, Result

from digest.cli import app
from digest.store import Database, upgrade

CONFIG = """\
public_url: https://recap.example.org
database: {url}
newsletters:
  weekly:
    title: Weekly
    from: weekly@example.org
    postal_address: 12 Harbour Road, Springfield
"""


@pytest.fixture
def folder(tmp_path: Path, empty_database: Database) -> Path:
    """The folder of a newsletter whose database has no tables yet."""
    (tmp_path / "config.yaml").write_text(CONFIG.format(url=empty_database.url))
    return tmp_path


def digest_db(folder: Path, *words: str) -> Result:
    return CliRunner().invoke(app, ["--config", str(folder / "config.yaml"), "db", *words])


def test_check_says_what_to_type(folder):
    """A database without tables: exit code 1, and the command that mends it."""
    result = digest_db(folder, "check")
    assert result.exit_code == 1
    assert "Run: digest db upgrade" in result.stderr


def test_upgrade_then_check(folder):
    """After `db upgrade` the check passes, and a second upgrade says that it was there."""
    first = digest_db(folder, "upgrade")
    assert (first.exit_code, "is now at schema" in first.stdout) == (0, True)
    assert digest_db(folder, "check").exit_code == 0
    second = digest_db(folder, "upgrade")
    assert (second.exit_code, "was already at schema" in second.stdout) == (0, True)


def test_dry_run_changes_nothing(folder, empty_database):
    """`--dry-run` lists every step, and the database is as it was."""
    result = digest_db(folder, "upgrade", "--dry-run")
    assert "0001" in result.stdout
    assert upgrade.pending(empty_database)[0].number == "0001"


def test_json_is_for_programs(folder):
    """`--json` prints the steps that were taken, and nothing else."""
    said = json.loads(digest_db(folder, "upgrade", "--json").stdout)
    assert (said["schema"], said["taken"]) == (upgrade.newest(), True)
    assert said["steps"][0]["number"] == "0001"
    again = json.loads(digest_db(folder, "upgrade", "--json").stdout)
    assert again["steps"] == []


def test_password_is_never_printed(tmp_path):
    """A server that does not answer is named without the password of its URL."""
    url = "postgresql://recap:open-sesame@127.0.0.1:1/recap"
    (tmp_path / "config.yaml").write_text(CONFIG.format(url=url))
    result = digest_db(tmp_path, "check")
    assert result.exit_code == 1
    assert "127.0.0.1" in result.output
    assert "open-sesame" not in result.output
