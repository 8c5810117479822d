"""Builders and real things that the tests share."""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, NoReturn
from uuid import uuid4

import pytest
from hypothesis import settings
from sqlalchemy import Engine, event

from digest.model import Publication, Window
from digest.store import Database, upgrade
from tests import cluster
from tests.entries import watched
from tests.shelf import Shelf

#: The reference material beside a checkout; tests that read it say so when it is not there.
SHARED = Path(__file__).resolve().parents[2] / "shared"


@pytest.fixture
def shared() -> Path:
    if not SHARED.is_dir():
        pytest.skip("the reference material beside the checkout is not there")
    return SHARED


# One CI run must say of a commit what the next one says; at a desk, luck may find more.
settings.register_profile("ci", derandomize=True, deadline=None)
settings.register_profile("desk", deadline=None)
settings.load_profile("ci" if os.environ.get("CI") else "desk")


def pytest_configure(config: pytest.Config) -> None:
    if not hasattr(config, "workerinput"):
        cluster.plan()


def pytest_unconfigure(config: pytest.Config) -> None:
    if not hasattr(config, "workerinput"):
        cluster.stop()


@pytest.fixture(scope="session")
def needs() -> Callable[[str, str], NoReturn]:
    """
    Skip a test for want of something, or fail it where the environment requires that.

    `.ci/run` sets DIGEST_TEST_REQUIRE to what must be there: ``postgres,browser``.
    """

    def skip(what: str, why: str) -> NoReturn:
        if what in os.environ.get("DIGEST_TEST_REQUIRE", "").split(","):
            pytest.fail(f"{what} is required here: {why}", pytrace=False)
        pytest.skip(why)

    return skip


#: An engine of each kind whose dialect, and what SQL it made, all tests of the process share.
_warm: dict[str, Engine] = {}
_statements: dict[Any, Any] = {}


@pytest.fixture(params=["sqlite", "postgresql"])
def database(request: pytest.FixtureRequest) -> Iterator[Database]:
    """
    An empty database of the newest schema: each test runs on both kinds.

    Whatever a test does, an entry of the audit log is committed with what it tells of.
    For one kind alone: ``@pytest.mark.parametrize("database", ["sqlite"], indirect=True)``.
    """
    opened = Database(request.getfixturevalue(f"_{request.param}_url"))
    _warm_up(opened)
    with watched(opened) as alone:
        yield opened
    opened.close()
    assert not alone, f"entries of the audit log not committed with their change: {alone}"


def _warm_up(opened: Database) -> None:
    """
    Let it use the SQL that databases of its kind made for the tests before, and wait for no disk.

    SQLAlchemy keeps SQL by dialect and statement: a fifth of a test's time goes into making it.
    """
    engine = opened.engine
    if opened.is_sqlite:
        event.listen(engine, "connect", _wait_for_no_disk)
    if engine.dialect.name not in _warm:
        with opened.read():
            pass  # a dialect knows its server from the first connection on
        _warm[engine.dialect.name] = engine
    engine.dialect = _warm[engine.dialect.name].dialect
    engine.update_execution_options(compiled_cache=_statements)


def _wait_for_no_disk(connection: Any, _record: object) -> None:
    connection.execute("PRAGMA synchronous=OFF").close()


@pytest.fixture(params=["sqlite", "postgresql"])
def empty_database(request: pytest.FixtureRequest) -> Iterator[Database]:
    """A database without any table, of each kind."""
    opened = Database(request.getfixturevalue(f"_empty_{request.param}_url"))
    yield opened
    opened.close()


@pytest.fixture
def _empty_sqlite_url(tmp_path: Path) -> str:
    return f"sqlite:///{tmp_path / 'empty.db'}"


@pytest.fixture
def _empty_postgresql_url(_postgresql_template: str) -> Iterator[str]:
    name = f"empty_{uuid4().hex}"
    cluster.administer(f"CREATE DATABASE {name}")
    yield cluster.url(name)
    cluster.administer(f"DROP DATABASE {name} WITH (FORCE)")


@pytest.fixture
def _sqlite_url(tmp_path: Path, _sqlite_template: Path) -> str:
    shutil.copyfile(_sqlite_template, tmp_path / "recap.db")
    return f"sqlite:///{tmp_path / 'recap.db'}"


@pytest.fixture(scope="session")
def _sqlite_template(tmp_path_factory: pytest.TempPathFactory) -> Path:
    file = tmp_path_factory.mktemp("template") / "recap.db"
    _fill(f"sqlite:///{file}")
    return file


@pytest.fixture
def _postgresql_url(_postgresql_shelf: Shelf) -> Iterator[str]:
    name = _postgresql_shelf.lend()
    yield cluster.url(name)
    _postgresql_shelf.take_back(name)


@pytest.fixture(scope="session")
def _postgresql_shelf(_postgresql_template: str) -> Iterator[Shelf]:
    shelf = Shelf(_postgresql_template)
    yield shelf
    shelf.close()


@pytest.fixture(scope="session")
def _postgresql_template(needs: Callable[[str, str], NoReturn]) -> str:
    try:
        name = f"template_{uuid4().hex}"
        cluster.administer(f"CREATE DATABASE {name}")
    except cluster.NoCluster as e:
        needs("postgres", str(e))
    _fill(cluster.url(name))
    return name


def _fill(url: str) -> None:
    database = Database(url)
    upgrade.upgrade(database)
    database.close()


@pytest.fixture
def week() -> Window:
    """The week that closes on Friday, 22 September 2023, 06:00 in New York."""
    end = datetime(2023, 9, 22, 10, tzinfo=UTC)
    return Window(end - timedelta(days=7), end)


def a_publication(id: int = 1, **told: Any) -> Publication:
    """A publication of Tuesday in that week; name only what the test is about."""
    on = told.pop("on", None)
    published = (
        datetime.fromisoformat(on).replace(tzinfo=UTC)
        if on
        else datetime(2023, 9, 19, 4, tzinfo=UTC)
    )
    facts: dict[str, Any] = {
        "title": f"Publication {id}",
        "summary": f"What publication {id} says.",
        "kind": "Commentary",
        "link": f"https://example.org/publications/{id}",
        "published_at": published,
        "first_seen_at": published,
    }
    return Publication(id=id, **(facts | told))


@pytest.fixture
def publication() -> Any:
    return a_publication
