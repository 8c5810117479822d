"""`digest subscribers` and `digest people`, as typed."""

from __future__ import annotations

import csv
import errno
import io
import json
import os
import re
import subprocess
import sys
from datetime import UTC, datetime
from pathlib import Path

import pytest
from typer.testing import Result

from digest import readership, staff, tokens
from digest.cli import context
from digest.cli.context import open_installation
from digest.cli.subscribers import _into
from digest.store import history, readers
from tests.readership import CONFIG, KEY, NEWSLETTER, Typed, typing_in

ROOT = Path(__file__).parents[1]
SAMPLE = ROOT / "subscribers" / "sample.csv"


@pytest.fixture
def typed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Typed:
    """Type a command in the folder of a fresh installation."""
    call = typing_in(tmp_path, monkeypatch)
    open_installation(create=True)
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
    assert "and 30 more; --json lists them" in brought(typed, file).output
    told = typed("subscribers", "import", str(file), "--source", "x", "--json")
    assert len(json.loads(told.stdout)["invalid"]) == 50


def test_a_dry_run_shows_the_difference(typed: Typed, tmp_path: Path) -> None:
    """Who would come, change and stay away, with a mark each; and nobody has come."""
    typed("subscribers", "add", "ana@example.org", "--source", "by phone")
    file = tmp_path / "list.csv"
    file.write_text(
        "email,name,country,state\nana@example.org,Ana,DE,\nben@example.org,,,\n"
        "eli@example.org,,,unsubscribed\nbad,,,\n"
    )
    told = typed(
        *("subscribers", "import", str(file), "--source", "x", "--dry-run"),
        *("--attribute", "Country", "--refused", str(tmp_path / "refused.csv")),
    )
    assert told.exit_code == 0
    assert re.search(r"^Would be added +1$", told.output, re.M)
    assert re.search(r"^Would be changed +1$", told.output, re.M)
    assert "~ ana@example.org  name, country" in told.output
    assert "+ ben@example.org" in told.output
    assert "- eli@example.org  left by the list's own word" in told.output
    assert "Nothing was changed." in told.output
    rows = list(csv.reader((tmp_path / "refused.csv").read_text().splitlines()))
    assert [row[:2] for row in rows] == [["file", "line"], [str(file), "5"]]
    assert "ben@example.org" not in typed("subscribers", "list").output


def test_a_file_for_refused_rows_is_blamed_for_its_own_faults(typed: Typed, tmp_path: Path) -> None:
    """Where it cannot be written it is named; what breaks beside it is told as it is."""
    file = tmp_path / "list.csv"
    file.write_text("email\nbad\n")
    words = ("subscribers", "import", str(file), "--source", "x", "--dry-run", "--refused")
    told = typed(*words, "/dev/full")
    assert told.exit_code == 1
    assert "/dev/full: cannot be written (No space left on device)" in told.output
    with pytest.raises(OSError, match="elsewhere"), _into(tmp_path / "refused.csv"):
        raise OSError(errno.EIO, "elsewhere")


def test_readers_can_be_chosen_by_a_condition(typed: Typed, tmp_path: Path) -> None:
    """List and export take --where; a slip in it is shown with a caret, and ends with 1."""
    file = tmp_path / "list.csv"
    file.write_text("email,country\nana@example.org,DE\nben@example.org,FR\n")
    typed("subscribers", "import", str(file), "--source", "x", "--attribute", "country")
    told = typed("subscribers", "list", "--where", 'country = "DE"')
    assert "ana@example.org" in told.output
    assert "ben@example.org" not in told.output
    assert "Nobody meets" in typed("subscribers", "list", "--where", 'country = "AT"').output
    exported = typed("subscribers", "export", "--where", 'country != "DE"').stdout
    assert [row[0] for row in csv.reader(io.StringIO(exported))] == ["email", "ben@example.org"]
    slip = typed("subscribers", "list", "--where", "country = DE")
    assert slip.exit_code == 1
    assert 'column 11: write "DE" in quotes' in slip.output
    assert "  country = DE\n            ^\n" in slip.output


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
    assert re.search(r"^weekly-recap +active, weekly, html$", shown.output, re.M)
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
    assert "https://recap.example.org/join/weekly-recap" in told.output

    readership.undo(here.database, here.loaded, link, now=datetime.now(UTC))
    assert "was a reader before" in typed(*add).output


def test_erasing_names_the_lists_and_clears_them(typed: Typed, tmp_path: Path) -> None:
    """Rows of one's own lists are told with file and line, and go with --files."""
    file = tmp_path / "subscribers" / "board.csv"
    file.parent.mkdir()
    file.write_text("email\nana@example.org\nben@example.org\n")
    typed("subscribers", "add", "ana@example.org", "--source", "by phone")
    told = typed("subscribers", "erase", "ana@example.org", "--yes")
    assert f"{file}:2: stands there still" in told.output
    assert told.output.endswith("Next  digest subscribers erase ana@example.org --files\n")
    done = typed("subscribers", "erase", "ana@example.org", "--files", "--yes", "--json")
    assert json.loads(done.stdout)["mentions"][0][1] == 2
    assert file.read_text() == "email\nben@example.org\n"


def test_one_reader_is_exported_whole(typed: Typed) -> None:
    """With an address, export gives all that is known as JSON; without one, a CSV of all."""
    typed("subscribers", "add", "ana@example.org", "--source", "by phone")
    known = json.loads(typed("subscribers", "export", "ana@example.org").stdout)
    assert known["subscriber"]["address"] == "ana@example.org"
    assert set(known) == {
        *("subscriber", "subscriptions", "issues", "mails", "invitations", "suppressed"),
        *("wants_to_move_to", "came_back"),
    }


def test_a_restored_backup_forgets_again(typed: Typed, tmp_path: Path) -> None:
    """The next command after a restoration erases again who had been, and so does the doctor."""
    typed("subscribers", "add", "ana@example.org", "--source", "by phone")
    context.close_all()
    database = open_installation().database.file
    assert database is not None
    context.close_all()
    saved = database.read_bytes()
    typed("subscribers", "erase", "ana@example.org", "--yes")
    database.write_bytes(saved)
    assert "No readers yet" in typed("subscribers", "list").output
    database.write_bytes(saved)
    assert "1 of 1 erased people were here again" in typed("doctor").output
    assert "1 erased, by " in typed("doctor").output


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


def test_a_password_needs_a_terminal(tmp_path: Path) -> None:
    """From a pipe nothing is read and no warning is shown: a sentence says what to do instead."""
    (tmp_path / "config.yaml").write_text(CONFIG)
    known = {"PATH": os.environ["PATH"], "TOKEN_KEY": KEY}

    def call(*words: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [sys.executable, "-m", "digest", *words],
            cwd=tmp_path, env=known | {"PYTHONPATH": str(ROOT)}, stdin=subprocess.DEVNULL,
            capture_output=True, text=True, timeout=60, start_new_session=True,
        )  # fmt: skip

    call("db", "upgrade")
    call("people", "add", "ana@example.org")
    told = call("people", "password", "ana@example.org")
    assert told.returncode == 1
    assert "GetPassWarning" not in told.stderr
    assert "typed at a terminal" in told.stderr
    assert "digest people link ADDRESS" in told.stderr


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


def test_sessions_and_second_factors_end_from_the_command_line(typed: Typed) -> None:
    """For a lost browser, and for a lost app: both sign out, and a new link opens."""
    typed("people", "add", "ana@example.org")
    installation, now = open_installation(), datetime.now(UTC)
    database = installation.database
    for words in ("sign-out", "reset-totp"):
        secret = staff.link(database, "ana@example.org", now=now)
        session = staff.sign_in(database, secret, now=now)
        assert "signed out everywhere" in typed("people", words, "ana@example.org").output
        assert staff.session(database, session, now=now) is None
        assert typed("people", words, "ben@example.org").exit_code == 1


def test_the_audit_log_has_what_is_done_to_people_here_too(typed: Typed) -> None:
    """Who may come to the desk is changed at the command line as at the desk: on record."""
    typed("people", "add", "ana@example.org")
    for words in ("role", "link", "sign-out", "reset-totp", "remove"):
        typed("people", words, "ana@example.org", *(["admin"] if words == "role" else []))
    with open_installation().database.read() as conn:
        found = history.page(conn, newsletter=NEWSLETTER, most=10)
    assert {each.actor for each in found} == {"command line"}
    assert [each.what for each in reversed(found)] == [
        "added",
        "gave a role",
        "made a way in",
        "signed out",
        "took a second factor off",
        "closed an account",
    ]
    assert found[-2].detail["before"] == {"role": "editor"}
    assert found[-2].detail["after"] == {"whose": "ana@example.org", "role": "admin"}


def test_a_token_is_made_listed_and_revoked(typed: Typed) -> None:
    """Printed once and never again; its number ends it; what the role has not is refused."""
    assert "No program has one" in typed("people", "tokens").output
    typed("people", "add", "ana@example.org")
    words = ("people", "token", "ana@example.org", "--name", "a script", "--scope")
    secret = typed(*words, "issues:read", "--scope", "issues:write").stdout.strip()
    database, now = open_installation().database, datetime.now(UTC)
    found = staff.program(database, secret, now=now)
    assert found is not None
    assert found.token.scopes == ("issues:read", "issues:write")
    listed = typed("people", "tokens")
    assert "a script" in listed.output
    assert secret not in listed.output
    (told,) = json.loads(typed("people", "tokens", "--json").stdout)
    assert typed("people", "revoke", str(told["id"])).exit_code == 0
    assert staff.program(database, secret, now=now) is None
    assert typed("people", "revoke", str(told["id"])).exit_code == 1
    assert typed(*words, "issues:read", "--days", "99999999999").exit_code == 2
    refused = typed(*words, "send")
    assert refused.exit_code == 1
    assert "takes the role publisher" in refused.output
