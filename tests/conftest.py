"""Builders and real things that the tests share."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from digest.model import Publication, Window
from digest.store import Database
from digest.store.schema import metadata

#: The reference material beside a checkout; tests that read it say so when it is not there.
SHARED = Path(__file__).resolve().parents[2] / "shared"


@pytest.fixture
def shared() -> Path:
    if not SHARED.is_dir():
        pytest.skip("the reference material beside the checkout is not there")
    return SHARED


@pytest.fixture
def database(tmp_path: Path) -> Iterator[Database]:
    """An empty database of the newest schema."""
    database = Database(f"sqlite:///{tmp_path / 'recap.db'}")
    with database.write() as connection:
        metadata.create_all(connection)
    yield database
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
