"""What an operator's machine does to a command: it ends with one line, and what to do."""

from __future__ import annotations

import os
import shutil
import socket
import subprocess
import sys
from pathlib import Path

import pytest

from digest.cli.init import Answers, write_folder

#: As any other user: root may read and write whatever its mode says.
HUMBLE = ("setpriv", "--bounding-set=-dac_override,-dac_read_search") if os.geteuid() == 0 else ()


@pytest.fixture
def folder(tmp_path: Path, _sqlite_template: Path) -> Path:
    """A newsletter folder with its database."""
    told = Answers(
        title="Weekly",
        from_="weekly@example.org",
        postal_address="12 Harbour Road, Springfield",
        feed="https://example.org/feed.xml",
        timezone="UTC",
    )
    write_folder(tmp_path, told)
    (tmp_path / "var").mkdir()
    shutil.copyfile(_sqlite_template, tmp_path / "var" / "recap.db")
    return tmp_path


def digest(
    folder: Path, *words: str, before: tuple[str, ...] = ()
) -> subprocess.CompletedProcess[str]:
    command = [*before, *HUMBLE, sys.executable, "-m", "digest", *words]
    env = {"PATH": os.environ["PATH"], "LANG": "C", "TERM": "dumb"}
    # Under a limit of sizes Python would leave half a file for the next one to trip over.
    env["PYTHONDONTWRITEBYTECODE"] = "1"
    return subprocess.run(
        command, cwd=folder, env=env, capture_output=True, text=True, timeout=120, check=False
    )


def refused(done: subprocess.CompletedProcess[str], what: str, remedy: str) -> None:
    """It ends with 1 and one line: what, where, what to do; nothing before it."""
    assert (done.returncode, done.stdout) == (1, "")
    (line,) = done.stderr.splitlines()
    assert what in line
    assert remedy in line


def test_what_may_not_be_read_or_written_is_told_with_its_remedy(folder: Path) -> None:
    """Secrets, configuration and the folder of the database, each with the wrong mode."""
    (folder / "var").chmod(0o555)
    done = digest(folder, "feeds", "add", "https://example.org/other.xml")
    (folder / "var").chmod(0o755)
    refused(done, "recap.db: may not be written", "Give this user the right")

    (folder / ".env").chmod(0o000)
    refused(digest(folder, "issue", "list"), ".env: cannot be read (Permission denied)", "chown")
    (folder / ".env").chmod(0o600)

    (folder / "config.yaml").chmod(0o000)
    done = digest(folder, "issue", "list")
    refused(done, "config.yaml: cannot be read (Permission denied)", "the right to read it")


def test_a_doctor_who_cannot_write_says_so(folder: Path) -> None:
    """Room alone proves nothing: a quota stops writing while the disk has plenty of it."""
    assert "a transaction was written and synced" in digest(folder, "doctor").stdout

    done = digest(folder, "doctor", before=("prlimit", "--fsize=65536"))
    assert done.returncode == 1
    told = done.stdout.splitlines()
    at = next(n for n, line in enumerate(told) if line.startswith("broken   database"))
    assert "var: 1 MB could not be written (File too large)" in told[at]
    assert "a larger quota" in told[at + 1]
    assert "Traceback" not in done.stderr
    assert sorted(path.name for path in (folder / "var").iterdir()) == ["recap.db"]


def test_a_folder_whose_database_could_not_be_made_is_finished_by_hand(tmp_path: Path) -> None:
    """To repeat `digest init` would be refused, as the folder is there; so it says what is left."""
    words = ("--title", "T", "--from", "a@example.org", "--postal-address", "12 Harbour Road, X")
    feed = ("--feed", "https://example.org/f.xml", "--timezone", "UTC")
    done = digest(tmp_path, "init", "a", "--yes", *words, *feed, before=("prlimit", "--fsize=8192"))
    refused(done, "a/var/recap.db", "cd a && digest db upgrade")
    assert digest(tmp_path / "a", "db", "upgrade").returncode == 0
    assert digest(tmp_path / "a", "issue", "list").returncode == 0


def test_a_folder_that_may_not_be_written_is_told_by_who_needs_it(folder: Path) -> None:
    """Putting a backup back, and keeping mails that were tried."""
    folder.chmod(0o555)
    (folder / "var").chmod(0o555)
    done = digest(folder, "restore", "backup.tar.gz"), digest(folder, "inbox", "--smtp-port", "0")
    (folder / "var").chmod(0o755)
    folder.chmod(0o755)
    refused(done[0], "cannot be written (Permission denied); nothing was restored", "right to")
    refused(done[1], "var/inbox: cannot be made (Permission denied)", "--keep")


def test_a_name_that_no_disk_takes_is_told_as_such(folder: Path) -> None:
    """Whichever command is given it: nobody foresaw each place where a file may be refused."""
    refused(digest(folder, "backup", "x" * 300), "File name too long", "Name another place")


def test_a_place_that_is_taken_is_told_before_anything_begins(folder: Path) -> None:
    """No bell rings and nothing is promised where `digest serve` cannot listen."""
    with socket.create_server(("127.0.0.1", 0)) as other:
        port = str(other.getsockname()[1])
        done = digest(folder, "serve", "--port", port)
    refused(done, f"cannot listen on 127.0.0.1:{port}: Address already in use", "--port")


def test_the_demo_leaves_newsletters_of_ones_own_alone(folder: Path) -> None:
    """In a folder that has others it says where to run it."""
    refused(digest(folder, "demo"), "has newsletters of your own", "mkdir trial")
