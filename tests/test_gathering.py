"""Many small writes in one transaction: durable when answered, each for itself."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from concurrent.futures import wait
from datetime import UTC, datetime
from threading import active_count
from time import monotonic, sleep
from typing import Any

import pytest
from sqlalchemy import Connection, func, insert, select

from digest.errors import StoreBusy
from digest.store import Database, gathering
from digest.store.gathering import Gathering
from digest.store.schema import leases

NOW = datetime(2023, 9, 22, 13, tzinfo=UTC)
SQLITE = pytest.mark.parametrize("database", ["sqlite"], indirect=True)


def lease(name: str) -> dict[str, Any]:
    return {"name": name, "holder": "test", "until": NOW}


def kept(database: Database) -> set[str]:
    with database.read() as conn:
        return set(conn.execute(select(leases.c.name)).scalars())


class Writer:
    """Writes a lease for each wish; counts its transactions, and fails where a test says so."""

    def __init__(self, fails: Callable[[Sequence[str]], Exception | None] = lambda _: None) -> None:
        self.batches: list[int] = []
        self.fails = fails

    def __call__(self, conn: Connection, wishes: Sequence[str]) -> list[int]:
        self.batches.append(len(wishes))
        conn.execute(insert(leases), [lease(name) for name in wishes])
        if error := self.fails(wishes):
            raise error
        return [len(name) for name in wishes]


def test_what_waits_is_written_together_and_is_durable_when_answered(database: Database) -> None:
    """A hundred wishes take a few transactions, and each answer is its own."""
    writer = Writer()
    gathered = Gathering(database, writer)
    with database.write() as conn:
        # Held up by another writer, as by a slow disk.
        conn.execute(insert(leases), [lease("first")])
        futures = [gathered.ask("x" * n) for n in range(1, 101)]
        sleep(0.05)
    assert [future.result(20) for future in futures] == list(range(1, 101))
    assert kept(database) == {"first", *("x" * n for n in range(1, 101))}
    assert sum(writer.batches) == 100
    assert len(writer.batches) < 50


@SQLITE
def test_one_that_cannot_be_written_takes_no_other_along(database: Database) -> None:
    """Of a batch with a bad wish all others are granted; the bad one hears why."""

    def fails(wishes: Sequence[str]) -> Exception | None:
        return ValueError("bad") if "bad" in wishes else None

    gathered = Gathering(database, Writer(fails))
    with database.write():
        futures = {name: gathered.ask(name) for name in ("a", "bad", "b")}
    assert (futures["a"].result(20), futures["b"].result(20)) == (1, 1)
    with pytest.raises(ValueError, match="bad"):
        futures["bad"].result(20)
    assert kept(database) == {"a", "b"}


@SQLITE
def test_a_database_that_is_busy_is_told_to_all_at_once(database: Database) -> None:
    """Where no transaction is to be had, nobody waits for one of their own after it."""
    writer = Writer(lambda _: StoreBusy("busy", remedy="Wait."))
    gathered = Gathering(database, writer)
    with database.write():
        futures = [gathered.ask(name) for name in ("a", "b", "c")]
        sleep(0.05)
    wait(futures, 20)
    assert all(isinstance(future.exception(), StoreBusy) for future in futures)
    assert len(writer.batches) <= 2
    assert kept(database) == set()


@SQLITE
def test_a_wish_is_granted_also_if_nobody_waits(database: Database) -> None:
    """Who hangs up after asking has asked all the same."""
    gathered = Gathering(database, Writer())
    future = gathered.ask("a")
    assert not future.cancel()
    assert future.result(20) == 1
    assert kept(database) == {"a"}


@SQLITE
def test_the_writer_ends_when_nobody_asks_and_begins_again(
    database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    """No thread is left behind, and the next wish has one."""
    monkeypatch.setattr(gathering, "IDLE_SECONDS", 0.05)
    before = active_count()
    gathered = Gathering(database, Writer())
    for turn in range(3):
        assert gathered.ask(f"{turn}").result(20) == 1
        until = monotonic() + 10
        while active_count() > before and monotonic() < until:
            sleep(0.01)
        assert active_count() <= before
    with database.read() as conn:
        assert conn.execute(select(func.count()).select_from(leases)).scalar_one() == 3
