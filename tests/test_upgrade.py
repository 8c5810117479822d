"""From any released schema to this program's, once, on SQLite and PostgreSQL."""

from __future__ import annotations

import subprocess
import sys
from datetime import UTC, datetime

import pytest
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from sqlalchemy import func, select

from digest.errors import StoreBusy, StoreOutdated
from digest.store import Database, archive, upgrade
from digest.store.schema import metadata, turnover
from tests import released

NEWEST = upgrade.newest()
RELEASED = sorted(path.name.split(".")[0] for path in released.FOLDER.glob("*.sqlite.sql"))


def differences(database: Database) -> list[object]:
    """Return what the database's tables and `schema.py` do not have in common."""
    options = {
        "version_table": upgrade.VERSION_TABLE,
        "include_name": upgrade.is_described,
        "compare_type": True,
        # On SQLite, Alembic takes an empty default for a changed one.
        "compare_server_default": not database.is_sqlite,
    }
    with database.read() as connection:
        context = MigrationContext.configure(connection, opts=options)
        return list(compare_metadata(context, metadata))


def renumber(database: Database, number: str) -> None:
    with database.write() as connection:
        connection.exec_driver_sql(f"UPDATE {upgrade.VERSION_TABLE} SET version_num = '{number}'")


def test_steps_make_the_schema_of_the_program(empty_database):
    """What the steps build is what `schema.py` says; after an edit there, `make migration`."""
    upgrade.upgrade(empty_database)
    assert differences(empty_database) == []


@pytest.mark.parametrize("number", RELEASED)
def test_released_database_is_upgraded(empty_database, number):
    """A database of every release comes to the newest schema and keeps its rows."""
    kind = empty_database.engine.dialect.name
    released.load(released.FOLDER / f"{number}.{kind}.sql", empty_database.url)
    upgrade.upgrade(empty_database)
    upgrade.check(empty_database)
    assert differences(empty_database) == []
    with empty_database.read() as connection:
        for name in ("feeds", "publications", "subscribers", "deliveries", "suppressions"):
            assert connection.scalar(select(func.count()).select_from(metadata.tables[name])) == 1


def test_what_was_there_is_in_the_archive(empty_database):
    """Publications and frozen issues of a release without an archive are found after the step."""
    kind = empty_database.engine.dialect.name
    released.load(released.FOLDER / f"0001.{kind}.sql", empty_database.url)
    recap = (
        '{"lead": "On zebras.", "items": [{"title": "Zebras", "authors": [], "topics": ["Herds"]}]}'
    )
    with empty_database.write() as connection:
        for statement in (
            """UPDATE publications SET title = 'Giraffes', topics = '["Long Necks"]'""",
            f"UPDATE issues SET recap = '{recap}', newsletter = 'recap', state = 'finished'",
            "UPDATE issues SET rhythm = 'weekly'",
            "UPDATE issues SET window_end = '2023-09-29 10:00:00.000000'",
            "UPDATE variants SET topics = ''",
        ):
            connection.exec_driver_sql(statement)
    upgrade.upgrade(empty_database)
    with empty_database.read() as connection:
        assert archive.topic_name(connection, "long-necks") == "Long Necks"
        assert [one.key for one in archive.topics(connection, "recap")] == ["herds"]
        view = archive.View(newsletter="recap", now=datetime(2030, 1, 1, tzinfo=UTC))
        (found,) = archive.on_topic(connection, view, "herds", limit=2)
        assert archive.found(connection, view, archive.sought("zebra"), limit=2) == [found]


def test_newest_schema_has_its_dumps():
    """Each schema is kept as it was, so that the next one can be tried from it."""
    dumps = {path.name for path in released.FOLDER.iterdir()}
    assert {f"{upgrade.newest()}.sqlite.sql", f"{upgrade.newest()}.postgresql.sql"} <= dumps


def test_twice_does_nothing(empty_database):
    """The first upgrade tells its steps; the second finds nothing to do."""
    assert upgrade.pending(empty_database)[0].number == "0001"
    assert upgrade.upgrade(empty_database)[-1].number == upgrade.newest()
    assert upgrade.upgrade(empty_database) == ()
    assert upgrade.pending(empty_database) == ()


def test_two_processes_at_once(empty_database):
    """Processes that upgrade at the same moment: one does it, the others find it done."""
    program = (
        "import sys; from digest.store import Database, archive, upgrade\n"
        "print(len(upgrade.upgrade(Database(sys.argv[1]))))"
    )
    command = [sys.executable, "-c", program, empty_database.url]
    every = len(upgrade.pending(empty_database))
    running = [
        subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
        for _ in range(4)
    ]
    said = [process.communicate() for process in running]
    assert [err for _, err in said] == [""] * 4
    assert sorted(int(out) for out, _ in said) == [0, 0, 0, every]
    upgrade.check(empty_database)


def test_empty_database_is_told(empty_database):
    """Without tables: say so, and how to make them; looking makes no file."""
    with pytest.raises(StoreOutdated, match=r"not there yet|no tables yet") as refused:
        upgrade.check(empty_database)
    assert refused.value.remedy == "Run: digest db upgrade"
    assert empty_database.file is None or not empty_database.file.exists()


def test_newer_database_is_left_alone(database):
    """A schema of a newer release is not touched, and the way out is told."""
    renumber(database, "9999")
    for act in (upgrade.check, upgrade.upgrade, upgrade.pending):
        with pytest.raises(StoreOutdated, match="9999, which is newer") as refused:
            act(database)
        assert "newer release" in refused.value.remedy


def test_older_database_is_told(database, monkeypatch):
    """A schema of an older release: which it is, which is needed, and what to type."""
    monkeypatch.setattr(upgrade, "_steps_after", lambda number: _with_another_step(number))
    monkeypatch.setattr(upgrade, "newest", lambda: "9999")
    with pytest.raises(
        StoreOutdated, match=r"has schema .*, and this program needs 9999"
    ) as refused:
        upgrade.check(database)
    assert refused.value.remedy == "Back it up, then run: digest db upgrade"


def test_tables_of_another_program_are_left_alone(empty_database):
    """A database in which another program has a table of the same name is refused untouched."""
    with empty_database.write() as connection:
        connection.exec_driver_sql("CREATE TABLE issues (id INTEGER)")
    for act in (upgrade.check, upgrade.upgrade):
        with pytest.raises(StoreOutdated, match="another program's tables"):
            act(empty_database)


@pytest.mark.parametrize("empty_database", ["sqlite"], indirect=True)
def test_interrupted_upgrade_leaves_nothing(empty_database, monkeypatch):
    """A step that fails takes all of them back: the next try starts from the beginning."""
    real = upgrade._run

    def interrupted(connection):
        real(connection)
        raise KeyboardInterrupt

    monkeypatch.setattr(upgrade, "_run", interrupted)
    with pytest.raises(KeyboardInterrupt):
        upgrade.upgrade(empty_database)
    monkeypatch.undo()
    assert upgrade.upgrade(empty_database)[0].number == "0001"


def test_database_in_use_is_said_to_be_busy(empty_database, monkeypatch):
    """While another process writes for too long, the upgrade gives up and says so."""
    monkeypatch.setattr("digest.store.database.BUSY_SECONDS", 1)
    other = Database(empty_database.url)
    lock = f"SELECT pg_advisory_xact_lock({upgrade._LOCK})"
    with empty_database.write() as connection:
        if not empty_database.is_sqlite:
            connection.exec_driver_sql(lock)
        with pytest.raises(StoreBusy):
            upgrade.upgrade(other)
    other.close()


def _with_another_step(number):
    every = (upgrade.Step(NEWEST, ""), upgrade.Step("0001", ""))
    return every if number is None else every[:1]


def test_who_came_and_went_is_counted(empty_database):
    """Consents of a release without counts by day are counted in the step."""
    kind = empty_database.engine.dialect.name
    released.load(released.FOLDER / f"0016.{kind}.sql", empty_database.url)
    with empty_database.write() as connection:
        connection.exec_driver_sql("UPDATE subscriptions SET newsletter = 'recap'")
        connection.exec_driver_sql(
            "UPDATE consents SET what = 'confirmed', at = '2023-09-29 23:59:00.000000'"
        )
    upgrade.upgrade(empty_database)
    with empty_database.read() as connection:
        rows = connection.execute(select(*turnover.c["newsletter", "day", "joined", "left"])).all()
    assert rows == [("recap", "2023-09-29", 1, 0)]
