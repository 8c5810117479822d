"""Counts of who came and who went, by day."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta

import pytest

from digest.store import consents, erasing, newcomers, subscribers, turnover
from digest.store.newcomers import Newcomer
from digest.store.turnover import Turnover

NOW = datetime(2023, 9, 22, 23, 30, tzinfo=UTC)
EARLIER = NOW - timedelta(days=3)


def newcomer(address: str) -> Newcomer:
    return Newcomer(
        address=address,
        address_key=address,
        name="",
        language=None,
        attributes={},
        state="active",
        rhythm="weekly",
        topics=[],
        format="html",
        lists=[],
        source="a list",
        consented_at=EARLIER,
        left_at=None,
        proof={},
    )


@pytest.fixture
def list_of_two(database):
    """Two people of a list, one of whom has left since."""
    with database.write() as conn:
        people = [newcomer("ana@example.org"), newcomer("ben@example.org")]
        newcomers.take_in(conn, "recap", people, acts=["imported"], now=EARLIER)
        number = subscribers.numbers(conn, ["ana@example.org"])["ana@example.org"]
        left = {"subscriber": number, "at": NOW, "what": "left", "source": "link"}
        consents.prove(conn, "recap", [left])
    return number


def days(database) -> list[Turnover]:
    with database.read() as conn:
        return turnover.by_day(conn, "recap", since=EARLIER)


def test_lists_and_single_acts_are_counted(database, list_of_two):
    """Who came by a list and who left by a link are counted on the days on which they did."""
    assert days(database) == [
        Turnover(day=date(2023, 9, 19), joined=2, left=0),
        Turnover(day=date(2023, 9, 22), joined=0, left=1),
    ]


def test_who_is_forgotten_was_never_counted(database, list_of_two):
    """Erasing somebody takes back both their coming and their going."""
    with database.write() as conn:
        erasing.erase(conn, list_of_two, at=NOW)
    assert days(database) == [Turnover(day=date(2023, 9, 19), joined=1, left=0)]


def test_summing_up_changes_no_sum(database, list_of_two):
    """A day that is over has one row after it, and the same counts as before."""
    with database.write() as conn:
        erasing.erase(conn, list_of_two, at=NOW)
        before = turnover.by_day(conn, "recap", since=EARLIER)
        assert turnover.sum_up(conn, before=NOW + timedelta(days=1)) == 2
        assert turnover.sum_up(conn, before=NOW + timedelta(days=1)) == 0
        assert turnover.by_day(conn, "recap", since=EARLIER) == before
