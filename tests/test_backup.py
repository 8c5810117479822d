"""A backup puts everything back, and what it cannot know is never sent a second time."""

from __future__ import annotations

import io
import json
import os
import tarfile
import threading
from collections import Counter
from datetime import UTC, datetime, timedelta
from pathlib import Path
from uuid import uuid4

import pytest
from sqlalchemy import select
from typer.testing import CliRunner

from digest import backup, delivery, weekly
from digest.cli import app
from digest.config import load
from digest.errors import StoreError, StoreOutdated
from digest.model import DeliveryState, IssueState
from digest.store import Database, issues, ledger, newsletters, restorations, snapshot
from digest.store.schema import metadata, subscribers
from tests import cluster, released
from tests.audience import addresses, an_issue, frozen, readers
from tests.friday import BEFORE, SEND_HOUR, TITLES, a_loaded, prepared, publish, subscribe
from tests.mailserver import MailServer, running

NOW = datetime(2023, 9, 22, 14, tzinfo=UTC)
KEY = "k" * 64
READERS = 300
CONFIG = """\
public_url: https://recap.example.org
smtp: {{host: 127.0.0.1, port: {port}, tls: none}}
newsletters:
  weekly-recap:
    title: RAND Weekly Recap
    from: RAND Weekly Recap <Recap@Example.org>
    postal_address: 1 Sample Street, Springfield
    look: {{logo: logo.png}}
"""


@pytest.fixture(autouse=True)
def _programs_of_postgresql(monkeypatch):
    """PostgreSQL's own programs are found, of the version that the tests' server has."""
    try:
        path = f"{cluster.programs()}:{os.environ['PATH']}"
    except cluster.NoCluster:
        return
    monkeypatch.setenv("PATH", path)


@pytest.fixture
def empty_twin(database, tmp_path, needs):
    """A second database of the same kind, with nothing in it."""
    yield from _empty(database.is_sqlite, tmp_path / "twin" / "recap.db", needs)


@pytest.fixture
def empty_other(database, tmp_path, needs):
    """A database of the other kind, with nothing in it."""
    yield from _empty(not database.is_sqlite, tmp_path / "other.db", needs)


def _empty(is_sqlite, file, needs):
    if is_sqlite:
        file.parent.mkdir(exist_ok=True)
        opened = Database(f"sqlite:///{file}")
        yield opened
        opened.close()
        return
    name = f"twin_{uuid4().hex}"
    try:
        cluster.administer(f"CREATE DATABASE {name}")
    except cluster.NoCluster as e:
        needs("postgres", str(e))
    opened = Database(cluster.url(name))
    yield opened
    opened.close()
    cluster.administer(f"DROP DATABASE {name} WITH (FORCE)")


@pytest.fixture
def folder(tmp_path) -> Path:
    """An installation's folder: configuration, secrets, a template, a picture, a list."""
    home = tmp_path / "recap"
    (home / "templates" / "mail").mkdir(parents=True)
    (home / "subscribers").mkdir()
    (home / "config.yaml").write_text(CONFIG.format(port=25))
    (home / ".env").write_text(f"TOKEN_KEY={KEY}\n")
    (home / ".env").chmod(0o600)
    (home / "templates" / "mail" / "own.txt").write_text("ours")
    (home / "subscribers" / "readers.csv").write_text("email\nana@example.org\n")
    (home / "logo.png").write_bytes(b"\x89PNG")
    (home / "var" / "pictures").mkdir(parents=True)
    (home / "var" / "pictures" / "shown.jpg").write_bytes(b"\xff\xd8")
    return home


def rows(database):
    with database.read() as conn:
        return {
            table.name: Counter(map(repr, conn.execute(select(table))))
            for table in metadata.tables.values()
        }


def saved(database, folder, tmp_path, *, now=NOW):
    archive = tmp_path / "backup.tar.gz"
    backup.save(database, load(folder / "config.yaml", {}), archive, now=now)
    return archive


def restored(archive, target, folder, **told):
    environ = {"DATABASE_URL": target.url}
    return backup.restore(archive, folder, environ=environ, **{"now": NOW, **told})


def test_everything_comes_back(database, empty_twin, folder, tmp_path):
    """Every row of every table, and every file, is there again; the archive is private."""
    released.fill(database)
    archive = saved(database, folder, tmp_path)
    assert archive.stat().st_mode & 0o077 == 0

    home = tmp_path / "again"
    told = restored(archive, empty_twin, home)

    before, after = rows(database), rows(empty_twin)
    marked = after.pop("installation") - before.pop("installation")
    assert after == before
    assert len(marked) == 1
    for name in told.manifest.files:
        if name != backup.DATABASE:
            assert (home / name).read_bytes() == (folder / name).read_bytes(), name
    assert set(told.manifest.files) == {
        "database",
        "config.yaml",
        ".env",
        "logo.png",
        "templates/mail/own.txt",
        "subscribers/readers.csv",
        "var/pictures/shown.jpg",
    }
    assert (home / ".env").stat().st_mode & 0o077 == 0
    assert not told.foreign_key


def test_a_backup_is_of_one_instant(database, empty_twin, folder, tmp_path):
    """Readers who come in pairs, while the copy is made, are both in it or both not."""
    stop = threading.Event()

    def come() -> None:
        number = 0
        while not stop.is_set():
            number += 1
            readers(database, [f"a{number}@example.org", f"b{number}@example.org"])

    coming = threading.Thread(target=come)
    coming.start()
    try:
        while not rows(database)["subscribers"]:
            pass
        archive = saved(database, folder, tmp_path)
    finally:
        stop.set()
        coming.join()
    restored(archive, empty_twin, tmp_path / "again")
    with empty_twin.read() as conn:
        found = sorted(conn.execute(select(subscribers.c.address)).scalars())
    assert found
    assert [each[1:] for each in found if each[0] == "a"] == [
        each[1:] for each in found if each[0] == "b"
    ]


def test_what_is_there_is_never_overwritten(database, empty_twin, folder, tmp_path):
    """A database with something in it, another config.yaml, an archive: each is refused."""
    archive = saved(database, folder, tmp_path)
    with pytest.raises(StoreError, match="is there already"):
        saved(database, folder, tmp_path)
    with pytest.raises(StoreError, match="is not empty"):
        restored(archive, database, tmp_path / "again")

    (folder / "config.yaml").write_text(CONFIG.format(port=26))
    with pytest.raises(StoreError, match=r"has its own config\.yaml"):
        restored(archive, empty_twin, folder)
    (folder / ".env").write_text(f"TOKEN_KEY={'n' * 64}\n")
    told = restored(archive, empty_twin, folder, database_only=True)
    assert "port: 26" in (folder / "config.yaml").read_text()
    assert told.foreign_key


@pytest.mark.parametrize("database", ["sqlite"], indirect=True)
def test_the_same_files_are_no_hindrance(database, empty_twin, folder, tmp_path):
    """Where only the database was lost, restoring into the folder is all that is needed."""
    archive = saved(database, folder, tmp_path)
    restored(archive, empty_twin, folder)
    assert not list(folder.glob(".restore-*"))


@pytest.mark.parametrize("database", ["sqlite"], indirect=True)
def test_a_damaged_archive_changes_nothing(database, empty_twin, folder, tmp_path):
    """Wherever a byte of it was turned or lost, restoring says so and leaves nothing behind."""
    whole = saved(database, folder, tmp_path).read_bytes()
    damaged = tmp_path / "damaged.tar.gz"
    home = tmp_path / "again"
    # The first bytes hold a name and a time, which nothing depends on.
    for place in range(40, len(whole), max(1, len(whole) // 25)):
        for spoiled in (
            whole[:place],
            whole[:place] + bytes([whole[place] ^ 0x55]) + whole[place + 1 :],
        ):
            damaged.write_bytes(spoiled)
            with pytest.raises(StoreError, match="is no backup of ours, or is damaged"):
                restored(damaged, empty_twin, home)
            assert not list(home.iterdir())
            assert not empty_twin.file.exists()


def remade(archive: Path, to: Path, **changed: object) -> Path:
    """An archive with another manifest, as somebody might make it by hand."""
    with tarfile.open(archive) as packed:
        members = {each.name: packed.extractfile(each).read() for each in packed}
    manifest = json.loads(members[backup.MANIFEST]) | changed
    members[backup.MANIFEST] = json.dumps(manifest).encode()
    with tarfile.open(to, "w:gz") as packed:
        for name, content in members.items():
            told = tarfile.TarInfo(name)
            told.size = len(content)
            packed.addfile(told, io.BytesIO(content))
    return to


@pytest.mark.parametrize("database", ["sqlite"], indirect=True)
def test_a_newer_schema_is_refused(database, empty_twin, folder, tmp_path):
    """An older program does not touch what it cannot understand, and names the version for it."""
    archive = remade(
        saved(database, folder, tmp_path), tmp_path / "newer", schema="9999", program="9.9"
    )
    with pytest.raises(StoreOutdated, match="schema 9999") as refused:
        restored(archive, empty_twin, tmp_path / "again")
    assert "version 9.9" in refused.value.remedy


@pytest.mark.parametrize("database", ["sqlite"], indirect=True)
def test_an_archive_cannot_write_outside(database, empty_twin, folder, tmp_path):
    """What leads out of the folder is refused: a path, a link, a manifest's name."""
    archive = saved(database, folder, tmp_path)
    bad = tmp_path / "bad.tar.gz"
    with tarfile.open(bad, "w:gz") as packed:
        told = tarfile.TarInfo("../stray")
        told.size = 1
        packed.addfile(told, io.BytesIO(b"x"))
    with tarfile.open(archive) as packed:
        sums = json.loads(packed.extractfile(backup.MANIFEST).read())["files"]
    sums["../recap/config.yaml"] = sums["config.yaml"]
    linked = tmp_path / "linked.tar.gz"
    with tarfile.open(linked, "w:gz") as packed:
        told = tarfile.TarInfo("config.yaml")
        told.type, told.linkname = tarfile.SYMTYPE, "/etc/passwd"
        packed.addfile(told)
    for hostile in (bad, linked, remade(archive, tmp_path / "worse.tar.gz", files=sums)):
        with pytest.raises(StoreError, match="is no backup of ours"):
            restored(hostile, empty_twin, tmp_path / "again")
        assert list(tmp_path.rglob("stray")) == []


# --- what may have been sent since --------------------------------------------------------


def settled(database, loaded, issue, *, most=None):
    """Send until *most* readers are settled, or to the end."""
    stop, seen = threading.Event(), Counter()

    def progress(more: int) -> None:
        seen["all"] += more
        if most is not None and seen["all"] >= most:
            stop.set()

    return delivery.settle(
        database, loaded, issue, clock=lambda: datetime.now(UTC), progress=progress, stop=stop
    )


def test_an_issue_restored_half_way_reaches_everybody_once(database, empty_twin, folder, tmp_path):
    """
    Sent in part, backed up, sent to the end, lost, restored: the log settles who got it.

    The rest is sent by the operator's word; nobody is lost, and nobody gets it twice.
    """
    issue = an_issue(database)
    readers(database, addresses(READERS))
    frozen(database, issue)
    with running(MailServer(delay=0.01)) as server:
        (folder / "config.yaml").write_text(CONFIG.format(port=server.port))
        loaded = load(folder / "config.yaml", {})
        settled(database, loaded, issue, most=30)
        archive = saved(database, folder, tmp_path, now=datetime.now(UTC))
        settled(database, loaded, issue, most=40)
        between = len(server.mails)
        assert between < READERS

        told = restored(archive, empty_twin, tmp_path / "again", now=datetime.now(UTC))
        assert [each.state for each in told.doubted] == [IssueState.STOPPED]
        with empty_twin.read() as conn:
            doubted = ledger.tally(conn, issue)
        assert doubted.owed == 0
        assert doubted.count(DeliveryState.UNCERTAIN) == READERS - doubted.count(DeliveryState.SENT)

        log = [line.decode() for mail in server.mails for line in mail.content.splitlines()]
        facts = {"source": "mail.log", "now": datetime.now(UTC), "actor": "ana"}
        with empty_twin.read() as conn:
            stopped = issues.by_id(conn, issue)
        found = delivery.reconcile(empty_twin, loaded, stopped, log, **facts)
        assert found.sent == between - doubted.count(DeliveryState.SENT)
        assert delivery.reconcile(empty_twin, loaded, stopped, log, **facts).sent == 0

        delivery.resend(
            empty_twin, issue, DeliveryState.UNCERTAIN, now=datetime.now(UTC), actor="ana"
        )
        weekly.resume(empty_twin, stopped, by="ana", now=datetime.now(UTC))
        tally = settled(empty_twin, loaded, issue)
        assert tally.count(DeliveryState.SENT) == READERS
        assert Counter(server.recipients) == Counter(addresses(READERS))


def test_a_log_of_others_vouches_for_nobody(database, folder):
    """Message-IDs that are not ours, cut or of another domain, settle no reader."""
    issue = an_issue(database)
    readers(database, addresses(3))
    frozen(database, issue)
    with database.write() as conn:
        ledger.doubt(conn, issue, "restored", now=NOW)
        stopped = issues.by_id(conn, issue)
    lines = [f"message-id=<{'a' * 26}@example.org>", "<@example.org>", "\x00<" * 9, "x" * 10**6]
    found = delivery.reconcile(
        database, load(folder / "config.yaml", {}), stopped, lines, source="log", now=NOW, actor="a"
    )
    assert found == (0, 3)


@pytest.mark.parametrize("approved", [True, False], ids=["approved", "a draft"])
def test_what_was_due_since_is_held(database, empty_twin, tmp_path, approved):
    """An issue whose hour fell between backup and restoration waits for a person."""
    loaded = a_loaded(tmp_path)
    publish(database, *TITLES)
    subscribe(database, 3)
    issue = prepared(database, loaded)
    if approved:
        weekly.approve(database, loaded, issue, by="editor", now=BEFORE)
    marked(database, BEFORE, SEND_HOUR + timedelta(hours=1))

    with database.read() as conn:
        held = issues.by_id(conn, issue.id)
    assert held.state is IssueState.HELD
    assert "may have gone out" in held.reasons[0]


def test_a_draft_made_after_restoration_is_held_too(database, tmp_path):
    """The bell composes the lost draft anew, and does not send it by itself."""
    loaded = a_loaded(tmp_path, approval="auto")
    publish(database, *TITLES)
    subscribe(database, 3)
    marked(database, BEFORE - timedelta(days=1), SEND_HOUR + timedelta(hours=1))
    with database.write() as conn:
        newsletters.started(conn, "recap", now=BEFORE - timedelta(days=30))
    steps = weekly.advance(database, loaded, "recap", now=SEND_HOUR + timedelta(hours=2))
    assert [step.what for step in steps] == ["held"]
    assert any("may have gone out" in reason for reason in steps[0].issue.reasons)


def marked(database, saved_at, at):
    with database.write() as conn:
        return restorations.mark(conn, restorations.Restoration(saved_at, at))


# --- from one kind of database into the other ---------------------------------------------


def test_a_move_carries_every_row(database, empty_other):
    """Every row arrives, ids count on behind them, and the source stays as it was."""
    released.fill(database)
    before = rows(database)
    moved = snapshot.move(database, empty_other)
    assert {each.table: each.rows for each in moved} == {
        name: found.total() for name, found in before.items()
    }
    assert rows(empty_other) == before == rows(database)
    (new,) = readers(empty_other, ["next@example.org"])
    assert new == 2
    with pytest.raises(StoreError, match="is not empty"):
        snapshot.move(database, empty_other)


# --- as typed -----------------------------------------------------------------------------


def test_as_typed(folder, tmp_path, monkeypatch):
    """`digest backup`, a lost database, `digest restore`: the two commands are all it takes."""
    monkeypatch.chdir(folder)
    monkeypatch.delenv("DATABASE_URL", raising=False)
    typed = CliRunner()
    assert typed.invoke(app, ["db", "upgrade"]).exit_code == 0
    told = typed.invoke(app, ["backup", str(tmp_path / "b.tar.gz")])
    assert told.exit_code == 0, told.output
    assert f"digest restore {tmp_path / 'b.tar.gz'} FOLDER" in told.output
    again = typed.invoke(app, ["restore", str(tmp_path / "b.tar.gz")])
    assert again.exit_code == 1
    assert "is not empty" in again.output
    for file in (folder / "var").glob("*.db*"):
        file.unlink()
    again = typed.invoke(app, ["restore", str(tmp_path / "b.tar.gz"), "--json"])
    assert again.exit_code == 0, again.output
    assert json.loads(again.output)["doubted"] == []
    assert typed.invoke(app, ["db", "check"]).exit_code == 0
    lost = typed.invoke(app, ["restore", "nowhere.tar.gz"])
    assert lost.exit_code == 1
    assert "nowhere.tar.gz is not there" in lost.output
