"""Opening the database, and what its transactions promise on SQLite and PostgreSQL."""

from __future__ import annotations

import os
import socket
import sqlite3
import subprocess
import sys
import threading
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import pytest
from sqlalchemy import Connection, func, insert, make_url, select
from sqlalchemy.exc import DBAPIError

from digest.errors import StoreBusy, StoreError, StoreFull
from digest.store import Database, ledger
from digest.store import database as opening
from digest.store.schema import editions, feeds, metadata, newsletter_feeds, newsletters, ticks

NOON = datetime(2023, 9, 22, 12, tzinfo=UTC)
only_sqlite = pytest.mark.parametrize("database", ["sqlite"], indirect=True)
only_postgresql = pytest.mark.parametrize("database", ["postgresql"], indirect=True)


def tick(connection: Connection, name: str) -> None:
    connection.execute(insert(ticks).values(name=name, at=NOON))


def names(connection: Connection) -> list[str]:
    return list(connection.scalars(select(ticks.c.name).order_by(ticks.c.name)))


def fill(connection: Connection, megabytes: int) -> None:
    for i in range(megabytes):
        connection.execute(insert(ticks).values(name=f"{i}", at=NOON, error="x" * 1_000_000))


def test_written_is_kept(database):
    """What a write transaction wrote is there for the next one."""
    with database.write() as connection:
        tick(connection, "a")
    with database.read() as connection:
        assert names(connection) == ["a"]


def test_error_takes_the_whole_transaction_back(database):
    """An error after a write leaves nothing of that transaction."""
    with pytest.raises(ZeroDivisionError), database.write() as connection:
        tick(connection, "a")
        _ = 1 / 0
    with database.read() as connection:
        assert names(connection) == []


def test_reading_never_writes(database):
    """A write within `read()` is refused, and the connection writes again afterwards."""
    with pytest.raises(DBAPIError), database.read() as connection:
        tick(connection, "a")
    with database.write() as connection:
        tick(connection, "b")
    with database.read() as connection:
        assert names(connection) == ["b"]


def test_reader_sees_one_moment(database):
    """What others commit while a reader reads is not seen by that reader."""
    with database.read() as reader:
        assert names(reader) == []
        with database.write() as writer:
            tick(writer, "a")
        assert names(reader) == []
    with database.read() as reader:
        assert names(reader) == ["a"]


def test_instants_come_back_in_utc(database):
    """An instant is aware and UTC on both databases, whatever the server's zone."""
    with database.write() as connection:
        tick(connection, "a")
    with database.read() as connection:
        at = connection.scalar(select(ticks.c.at))
    assert (at, at.tzinfo) == (NOON, UTC)


def test_references_hold(database):
    """A row cannot refer to one that is not there."""
    with pytest.raises(DBAPIError), database.write() as connection:
        connection.execute(insert(newsletter_feeds).values(newsletter="a", feed_id=7))


def test_threads_do_not_lose_writes(database):
    """Many threads may write at once: each waits for its turn."""

    def count_up() -> None:
        for _ in range(10):
            with database.write() as connection:
                row = connection.execute(select(ticks).with_for_update()).one()
                connection.execute(ticks.update().values(error=str(int(row.error) + 1)))

    with database.write() as connection:
        connection.execute(insert(ticks).values(name="a", at=NOON, error="0"))
    threads = [threading.Thread(target=count_up) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    with database.read() as connection:
        assert connection.scalar(select(ticks.c.error)) == "80"


def test_locked_database_is_said_to_be_busy(database, monkeypatch):
    """Who waits too long for another writer is told so; nothing is written; later it works."""
    monkeypatch.setattr(opening, "BUSY_SECONDS", 0.2 if database.is_sqlite else 1)
    other = Database(database.url)
    with database.write() as connection:
        tick(connection, "a")
        with pytest.raises(StoreBusy, match="locked by another process") as refused:
            with other.write() as second:
                tick(second, "a")
    assert "repeat the command" in refused.value.remedy
    with other.write() as second:
        tick(second, "b")
    other.close()
    with database.read() as connection:
        assert names(connection) == ["a", "b"]


@only_sqlite
def test_reader_does_not_wait_for_the_writer(database):
    """The desk answers while the sender writes."""
    with database.write() as connection:
        tick(connection, "a")
        with database.read() as reader:
            assert names(reader) == []


@only_sqlite
def test_database_that_may_not_grow_is_full(database):
    """SQLite's own limit says the same as a full disk, and what was there stays."""
    with database.write() as connection:
        tick(connection, "kept")
    with pytest.raises(StoreFull, match="no space left"), database.write() as connection:
        connection.exec_driver_sql("PRAGMA max_page_count=200")
        fill(connection, 2)
    with database.read() as connection:
        assert names(connection) == ["kept"]


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """A real file system of three megabytes."""
    disk = tmp_path / "disk"
    disk.mkdir()
    mount = ["mount", "-t", "tmpfs", "-o", "size=3m", "none", str(disk)]
    if os.geteuid() != 0 or subprocess.run(mount, capture_output=True).returncode:
        pytest.skip("a file system of its own can be mounted by root only")
    yield disk
    subprocess.run(["umount", "--lazy", str(disk)], check=True)


def test_full_disk_loses_nothing(small_disk):
    """A full disk is told in words; what was committed stays, and with room it goes on."""
    database = Database(f"sqlite:///{small_disk / 'recap.db'}")
    with database.write() as connection:
        metadata.create_all(connection)
        tick(connection, "kept")
    with pytest.raises(StoreFull, match="no space left") as refused:
        with database.write() as connection:
            fill(connection, 5)
    assert "Make room" in refused.value.remedy
    with database.read() as connection:
        assert names(connection) == ["kept"]
    database.close()

    subprocess.run(["mount", "-o", "remount,size=40m", str(small_disk)], check=True)
    database = Database(database.url)
    with database.write() as connection:
        fill(connection, 5)
    with database.read() as connection:
        assert connection.scalar(select(func.count()).select_from(ticks)) == 6
    database.close()


def test_disk_full_from_the_start(small_disk):
    """Even the first step on a full disk says what is the matter."""
    (small_disk / "ballast").write_bytes(b"x" * (3 * 1024 * 1024 - 8192))
    database = Database(f"sqlite:///{small_disk / 'recap.db'}")
    with pytest.raises(StoreFull), database.write() as connection:
        metadata.create_all(connection)
    database.close()


def test_missing_folder(tmp_path):
    """A database in a folder that is not there cannot be opened, and the text says where."""
    database = Database(f"sqlite:///{tmp_path / 'missing' / 'recap.db'}")
    with pytest.raises(StoreError, match="cannot be opened") as refused:
        with database.read():
            pass
    assert str(tmp_path / "missing" / "recap.db") in str(refused.value)
    assert "folder exists" in refused.value.remedy


def test_not_a_database(tmp_path):
    """A file that is something else is named as such."""
    file = tmp_path / "recap.db"
    file.write_text("address,name\n" * 500)
    database = Database(f"sqlite:///{file}")
    with pytest.raises(StoreError, match="no SQLite database"), database.read():
        pass
    assert file.read_text().startswith("address,name")


def test_relative_path_is_taken_from_the_folder(tmp_path):
    """The database lies beside config.yaml, wherever the command is called from."""
    assert Database("sqlite:///var/a.db", folder=tmp_path).file == tmp_path / "var" / "a.db"


@pytest.mark.parametrize("url", ["mysql://localhost/recap", "recap.db", "postgresql://h:port/x"])
def test_other_databases_are_refused(url):
    """A URL of another kind is refused before anything is opened, with what would do."""
    with pytest.raises(StoreError) as refused:
        Database(url)
    assert "sqlite:///var/recap.db" in refused.value.remedy


def test_unreachable_server_is_named_without_its_password():
    """A PostgreSQL that does not answer: host, port, what to check, and no password."""
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        port = taken.getsockname()[1]
        database = Database(f"postgresql://recap:open-sesame@127.0.0.1:{port}/recap")
        with pytest.raises(StoreError) as refused, database.read():
            pass
    said = f"{refused.value} {refused.value.remedy}"
    assert f"127.0.0.1:{port}" in said
    assert "Check that PostgreSQL runs on 127.0.0.1" in said
    assert "open-sesame" not in said


@only_postgresql
def test_missing_database_on_a_server(database):
    """A server without that database: the text says how to make it."""
    missing = Database(database.url.replace("/test_", "/no_test_"))
    with pytest.raises(StoreError, match="does not exist") as refused, missing.read():
        pass
    assert "createdb no_test_" in refused.value.remedy


@only_postgresql
def test_server_gone_midway(database):
    """A line that breaks is told as such, and the next transaction opens a new one."""
    with pytest.raises(StoreError, match="terminat"), database.write() as connection:
        tick(connection, "a")
        with database.write() as other:
            other.exec_driver_sql(
                "SELECT pg_terminate_backend(pid) FROM pg_stat_activity "
                "WHERE datname = current_database() AND pid <> pg_backend_pid()"
            )
        tick(connection, "b")
    with database.read() as connection:
        assert names(connection) == []


def test_many_processes_open_a_new_file_at_once(tmp_path):
    """The first opening of a file may be eight openings."""
    program = (
        "import sys; from digest.store import Database\n"
        "with Database(sys.argv[1]).write() as c:\n"
        "    c.exec_driver_sql('CREATE TABLE IF NOT EXISTS t (n INTEGER)')\n"
        "    c.exec_driver_sql('INSERT INTO t VALUES (1)')\n"
    )
    file = tmp_path / "recap.db"
    command = [sys.executable, "-c", program, f"sqlite:///{file}"]
    running = [subprocess.Popen(command, stderr=subprocess.PIPE) for _ in range(8)]
    assert [p.communicate()[1].decode() for p in running] == [""] * 8
    connection = sqlite3.connect(file)
    assert connection.execute("SELECT count(*) FROM t").fetchone() == (8,)
    connection.close()


@only_sqlite
def test_rebuilding_a_table_keeps_what_refers_to_it(database):
    """A migration may rebuild a table on SQLite: rows that refer to it are not swept along."""
    with database.write() as connection:
        values = {"url": "https://example.org/a", "settings": {}, "enabled": True, "origin": "desk"}
        connection.execute(insert(feeds).values(id=1, **values))
        connection.execute(insert(newsletter_feeds).values(newsletter="a", feed_id=1))
    with database.reshape() as connection:
        connection.exec_driver_sql("CREATE TABLE rebuilt AS SELECT * FROM feeds")
        connection.exec_driver_sql("DROP TABLE feeds")
        connection.exec_driver_sql("ALTER TABLE rebuilt RENAME TO feeds")
        connection.exec_driver_sql("CREATE UNIQUE INDEX feeds_id ON feeds (id)")
    with database.read() as connection:
        assert connection.scalar(select(func.count()).select_from(newsletter_feeds)) == 1


@only_sqlite
def test_rebuilding_that_breaks_a_reference_is_taken_back(database):
    """A migration that would leave rows referring to nothing changes nothing."""
    with pytest.raises(StoreError, match="editions"), database.reshape() as connection:
        row = {"issue_id": 7, "number": 1, "subject": "", "html": "", "text": "", "digest": ""}
        connection.execute(insert(editions).values(**row, notes=[], created_at=NOON))
        connection.execute(insert(newsletters).values(key="a", started_at=NOON))
    with database.read() as connection:
        assert connection.scalar(select(func.count()).select_from(newsletters)) == 0


@pytest.mark.parametrize("database", ["postgresql"], indirect=True)
@pytest.mark.parametrize(("set_to", "holds"), [("off", "on"), ("remote_apply", "remote_apply")])
def test_what_a_sender_writes_outlives_a_crash_of_the_server(database, set_to, holds):
    """A server that is set to answer before it has written is asked to write first."""
    url = make_url(database.url).update_query_dict({"options": f"-csynchronous_commit={set_to}"})
    careless = Database(url.render_as_string(hide_password=False))
    writer = careless.writer()
    with writer.transaction():
        conn = writer.begin()
        assert conn.exec_driver_sql("SHOW synchronous_commit").scalar_one() == holds
    writer.close()
    careless.close()


@pytest.mark.parametrize("database", ["postgresql"], indirect=True)
def test_a_commit_that_rolls_back_is_no_commit(database):
    """PostgreSQL says ROLLBACK to the COMMIT of a transaction that has failed, without an error."""
    writer = database.writer()
    with pytest.raises(StoreError, match="ROLLBACK"), writer.transaction():
        conn = writer.begin()
        with pytest.raises(DBAPIError):
            conn.exec_driver_sql("SELECT 1 / 0")
        ledger.whole(ledger.committed(conn))
    writer.close()
