"""`digest subscribers` and `digest people`, as typed."""

from __future__ import annotations

import csv
import io
import json
import re
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path

import pytest
from typer.testing import CliRunner, Result

from digest import readership, staff, tokens
from digest.cli import app
from digest.cli.context import open_installation
from digest.store import readers
from tests.readership import CONFIG, KEY, NEWSLETTER

SAMPLE = Path(__file__).parents[1] / "subscribers" / "sample.csv"
Typed = Callable[..., Result]


@pytest.fixture
def typed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Typed:
    """Type a command in the folder of a fresh installation."""
    (tmp_path / "config.yaml").write_text(CONFIG)
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("TOKEN_KEY", KEY)
    monkeypatch.delenv("DATABASE_URL", raising=False)
    monkeypatch.delenv("DIGEST_CONFIG", raising=False)
    open_installation(create=True)

    def call(*words: str, answers: str = "") -> Result:
        return CliRunner().invoke(app, list(words), input=answers)

    return call


def brought(typed: Typed, path: Path = SAMPLE) -> Result:
    return typed("subscribers", "import", str(path), "--source", "the sample list")


def test_the_sample_comes_in(typed: Typed) -> None:
    """Every row of the sample is good, and a second import changes nothing."""
    first = brought(typed)
    assert first.exit_code == 0
    assert re.search(r"^Added +5$", first.output, re.M)
    assert re.search(r"^Not taken +0$", first.output, re.M)
    again = brought(typed)
    assert re.search(r"^There before +5$", again.output, re.M)


def test_the_sample_names_nobody_real() -> None:
    """Only reserved domains are committed (RFC 2606), of varied people."""
    with SAMPLE.open(encoding="utf-8", newline="") as file:
        rows = list(csv.DictReader(file))
    assert 5 <= len(rows) <= 7
    assert all(re.search(r"@(.+\.)?(example\.org|\w+\.test)$", row["email"]) for row in rows)
    assert any(not row["name"].isascii() for row in rows)
    assert any("+" in row["email"] for row in rows)
    assert any("xn--" in row["email"] for row in rows)


def test_bad_rows_are_listed_by_line(typed: Typed, tmp_path: Path) -> None:
    """Good rows come in and the command succeeds; bad ones are shown with file and line."""
    file = tmp_path / "list.csv"
    file.write_text("email\nana@example.org\nnobody\n\x1b[31m@example.org\n")
    told = brought(typed, file)
    assert told.exit_code == 0
    assert f"{file}:3: nobody: " in told.output
    assert f"{file}:4: " in told.output
    assert "\x1b" not in told.output


def test_many_bad_rows_are_counted_not_poured_out(typed: Typed, tmp_path: Path) -> None:
    """Twenty are shown, the rest are counted; --json has all."""
    file = tmp_path / "list.csv"
    file.write_text("email\nana@example.org\n" + "x\n" * 50)
    assert "and 30 more; --json lists them all" in brought(typed, file).output
    told = typed("subscribers", "import", str(file), "--source", "x", "--json")
    assert len(json.loads(told.stdout)["invalid"]) == 50


@pytest.mark.parametrize("content", ["email\nnobody\n", "name\nAna\n", ""])
def test_nobody_taken_is_no_success(typed: Typed, tmp_path: Path, content: str) -> None:
    """A list of which nothing could be used ends with code 1."""
    file = tmp_path / "list.csv"
    file.write_text(content)
    assert brought(typed, file).exit_code == 1


def test_one_reader_from_joining_to_forgetting(typed: Typed) -> None:
    """Added, listed, shown, exported and erased; each step says what it did."""
    add = ("subscribers", "add", "ana@example.org", "--name", "Ana", "--source", "by phone")
    assert "ana@example.org is a reader now." in typed(*add).output
    assert "was a reader before" in typed(*add, "--list", "staff").output

    listed = typed("subscribers", "list")
    assert re.search(r"^ana@example.org +Ana +active +weekly +by phone$", listed.output, re.M)
    assert (
        json.loads(typed("subscribers", "list", "--json").stdout)[0]["subscriber"]["name"] == "Ana"
    )

    shown = typed("subscribers", "show", "ana@example.org")
    assert re.search(r"^weekly-recap +active, weekly$", shown.output, re.M)
    assert re.search(r"^Lists +staff$", shown.output, re.M)
    assert re.search(r"imported +by phone$", shown.output, re.M)
    known = json.loads(typed("subscribers", "show", "ana@example.org", "--json").stdout)
    assert known["subscriptions"][0]["consent"][0]["what"] == "imported"

    exported = list(csv.reader(io.StringIO(typed("subscribers", "export").stdout)))
    assert [row[:2] for row in exported] == [["email", "name"], ["ana@example.org", "Ana"]]

    kept = typed("subscribers", "erase", "ana@example.org", answers="n\n")
    assert kept.exit_code == 1
    assert "ana@example.org" in typed("subscribers", "list").output
    erased = typed("subscribers", "erase", "ana@example.org", "--yes")
    assert erased.output == "ana@example.org is forgotten.\n"
    assert "No readers yet" in typed("subscribers", "list").output
    barred = typed(*add)
    assert barred.exit_code == 1
    assert "must not be written to" in barred.output
    assert typed("subscribers", "show", "ana@example.org").exit_code == 1


def test_who_left_is_told_the_way_back_that_there_is(typed: Typed) -> None:
    """Adding somebody who left names their own link, where a button undoes it."""
    add = ("subscribers", "add", "ana@example.org", "--source", "by phone")
    typed(*add)
    here = open_installation()
    with here.database.read() as conn:
        (reader,) = readers.listed(conn, NEWSLETTER)
    link = tokens.make(KEY, readership.PURPOSE, reader.subscriber.id, NEWSLETTER)
    readership.leave(here.database, here.loaded, link, now=datetime.now(UTC))

    told = typed(*add)
    assert told.exit_code == 1
    assert "has left, and only they can undo that. The unsubscribe link" in told.output

    readership.undo(here.database, here.loaded, link, now=datetime.now(UTC))
    assert "was a reader before" in typed(*add).output


def test_accounts_by_command(typed: Typed) -> None:
    """Added with a link that opens, given another role, listed, and removed."""
    assert "Nobody yet" in typed("people", "list").output
    added = typed("people", "add", "ana@example.org", "--role", "admin")
    assert re.search(r"^Account +ana@example.org, admin$", added.output, re.M)
    found = re.search(r"^Sign in +https://recap.example.org/sign-in/(\S+)$", added.output, re.M)
    assert found
    assert_opens(found[1], "ana@example.org")

    printed = typed("people", "link", "ana@example.org").output.strip()
    assert_opens(printed.rpartition("/")[2], "ana@example.org")

    assert "is an editor now." in typed("people", "role", "ana@example.org", "editor").output
    assert json.loads(typed("people", "list", "--json").stdout)[0]["role"] == "editor"
    assert typed("people", "remove", "ana@example.org").exit_code == 0
    assert "Nobody yet" in typed("people", "list").output


def assert_opens(secret: str, address: str) -> None:
    database, now = open_installation().database, datetime.now(UTC)
    account = staff.session(database, staff.sign_in(database, secret, now=now), now=now)
    assert account is not None
    assert account.address == address


def test_a_password_is_asked_for_unseen(typed: Typed) -> None:
    """It is typed twice, never shown, and signs in afterwards; two different ones do not do."""
    typed("people", "add", "ana@example.org")
    words = "correct horse battery staple"
    told = typed("people", "password", "ana@example.org", answers=f"{words}\n{words}\n")
    assert told.exit_code == 0
    assert words not in told.output
    database = open_installation().database
    assert staff.sign_in_by_password(database, "ana@example.org", words, now=datetime.now(UTC))
    other = typed("people", "password", "ana@example.org", answers=f"{words}\nother\n")
    assert other.exit_code == 1


@pytest.mark.parametrize(
    ("words", "code", "said"),
    [
        (("people", "add", "ana@example.org", "--role", "boss"), 2, "viewer, editor"),
        (("people", "role", "ana@example.org", "boss"), 2, "viewer, editor"),
        (("people", "add", "ana"), 1, "is no address"),
        (("people", "link", "ana@example.org"), 1, "digest people add ana@example.org"),
        (("people", "role", "ana@example.org", "editor"), 1, "nobody at the desk"),
        (("people", "remove", "ana@example.org"), 1, "nobody at the desk"),
        (("subscribers", "add", "ana", "--source", "x"), 1, "ana:"),
        (("subscribers", "add", "ana@example.org"), 2, "--source"),
        (("subscribers", "erase", "ana@example.org", "--yes"), 1, "nobody here"),
        (("subscribers", "import", "none.csv", "--source", "x"), 1, "cannot be read"),
        (("subscribers", "list", "--newsletter", "other"), 1, "no newsletter"),
    ],
)
def test_what_cannot_be_done_is_said(
    typed: Typed, words: tuple[str, ...], code: int, said: str
) -> None:
    """Wrong words end with 2, what did not happen with 1; each says why in plain words."""
    told = typed(*words)
    assert told.exit_code == code
    assert said in " ".join(told.output.split())
    assert "Traceback" not in told.output
