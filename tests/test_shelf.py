"""What the tests are lent: a database that shows nothing of the test before."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests import cluster
from tests.shelf import Shelf

ADD = """
INSERT INTO subscribers (address, address_key, name, attributes, created_at)
VALUES ('a@example.org', 'a@example.org', '', '{}', now()) RETURNING id
"""

AN_INDEX = """
SELECT indexrelid::regclass FROM pg_index
WHERE indrelid = 'outbox'::regclass AND NOT indisunique
"""


@pytest.fixture
def shelf(_postgresql_template: str) -> Iterator[Shelf]:
    shelf = Shelf(_postgresql_template)
    yield shelf
    shelf.close()


def test_rows_and_numbers_are_gone_at_the_next_loan(shelf: Shelf) -> None:
    """Whoever takes the database next finds no row in it, and numbers begin at 1 again."""
    names = []
    for _ in range(2):
        names.append(shelf.lend())
        with cluster.connected(names[-1]) as connection:
            assert connection.execute("SELECT count(*) FROM subscribers").fetchone()[0] == 0
            assert connection.execute(ADD).fetchone()[0] == 1
        shelf.take_back(names[-1])
    assert names[0] == names[1]


@pytest.mark.parametrize(
    "change",
    [
        "ALTER TABLE subscribers ADD COLUMN more text",
        "DROP INDEX {index}",
        "CREATE TABLE another (id int)",
        "UPDATE schema_version SET version_num = 'x'",
        "DELETE FROM schema_version",
    ],
    ids=lambda change: change.split(" ")[0].lower() + " " + change.split(" ")[-1],
)
def test_what_was_changed_otherwise_is_not_lent_again(shelf: Shelf, change: str) -> None:
    """A test may do to its database what it likes: the next one gets another."""
    name = shelf.lend()
    with cluster.connected(name) as connection:
        index = connection.execute(AN_INDEX).fetchone()[0]
        connection.execute(change.format(index=index))
    shelf.take_back(name)
    other = shelf.lend()
    assert other != name
    shelf.take_back(other)
