"""The bell rings, and a Friday happens by itself, once."""

from __future__ import annotations

import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import datetime, timedelta
from email import message_from_bytes
from pathlib import Path
from threading import Event

import pytest
from sqlalchemy import update

from digest import inbox, schedule, weekly
from digest.config import Loaded
from digest.errors import NoSuchIssue
from digest.inbox import Inbox
from digest.model import IssueState, Window
from digest.schedule import EVERY_SECONDS, Bell
from digest.store import Database, issues, outbox, ticks
from digest.store.schema import feeds
from digest.store.schema import issues as issue_rows
from tests.friday import (
    BEFORE,
    CLOSING,
    SEND_HOUR,
    TITLES,
    a_loaded,
    publish,
    sent_before,
    subscribe,
)


@pytest.fixture
def post(tmp_path: Path) -> Iterator[Inbox]:
    with inbox.running(tmp_path / "mail") as server:
        yield server


def wired(folder: Path, post: Inbox) -> Loaded:
    """The newsletter with the built-in inbox as its mail server."""
    loaded = a_loaded(folder)
    smtp = loaded.settings.smtp.model_copy(
        update={"host": "127.0.0.1", "port": post.port, "tls": "none"}
    )
    return replace(loaded, settings=loaded.settings.model_copy(update={"smtp": smtp}))


def round_of(bell: Bell) -> None:
    """Ring every tick but the fetching once, in the order of a Friday."""
    for name in ("week", "announce", "send", "outbox"):
        bell.ring(name)


@pytest.fixture
def ready(database: Database, tmp_path: Path, post: Inbox) -> Loaded:
    """Ten readers, four publications, and a Friday before that went well."""
    loaded = wired(tmp_path, post)
    publish(database, *TITLES)
    subscribe(database, 10)
    sent_before(database, loaded)
    with database.write() as conn:
        conn.execute(update(feeds).values(enabled=True))
    return loaded


def addressees(post: Inbox) -> list[str]:
    return [
        message_from_bytes(mail.path.read_bytes())["Delivered-To"].strip() for mail in post.mails()
    ]


def state_of(database: Database) -> IssueState:
    with database.read() as conn:
        [issue] = [i for i in issues.listed(conn, "recap") if i.of.key == CLOSING.isoformat()]
    return issue.state


def test_a_friday_happens_by_itself(database, ready, post):
    """Nobody comes: the draft is prepared, approved, sent to all ten, and editors are told."""
    now = BEFORE
    bell = Bell(database, lambda: ready, clock=lambda: now)
    round_of(bell)
    assert state_of(database) is IssueState.DRAFT
    now = SEND_HOUR
    round_of(bell)
    round_of(bell)

    assert state_of(database) is IssueState.FINISHED
    to = addressees(post)
    readers = [address for address in to if "reader" in address]
    assert len(readers) == len(set(readers)) == 10
    # The report on last week, the last call, and the report on this one.
    assert to.count("editor@example.org") == 3


def test_two_bells_send_each_mail_once(database, ready, post):
    """Two bells that ring at the same moments: ten readers get ten mails."""
    bells = [Bell(database, lambda: ready, clock=lambda: SEND_HOUR) for _ in range(2)]
    with ThreadPoolExecutor(2) as both:
        for _ in range(4):
            list(both.map(round_of, bells))

    assert state_of(database) is IssueState.FINISHED
    readers = [address for address in addressees(post) if "reader" in address]
    assert len(readers) == len(set(readers)) == 10


def test_a_silent_mail_server_costs_a_tick_not_the_issue(database, ready, post):
    """While the server is away the health page says so, and the next tick goes on."""
    away = ready.settings.smtp.model_copy(update={"port": 1})
    loaded = replace(ready, settings=ready.settings.model_copy(update={"smtp": away}))
    current = [loaded]
    bell = Bell(database, lambda: current[0], clock=lambda: SEND_HOUR)
    round_of(bell)
    with database.read() as conn:
        errors = {tick.name: tick.error for tick in ticks.listed(conn)}
    assert errors["send"]
    assert errors["week"] == ""

    current[0] = ready
    round_of(bell)
    assert state_of(database) is IssueState.FINISHED


def test_a_broken_tick_does_not_silence_the_others(database, ready):
    """A bug in one tick is kept for the health page, and ringing goes on."""

    def broken() -> Loaded:
        raise ZeroDivisionError("a bug")

    bell = Bell(database, broken, clock=lambda: SEND_HOUR)
    round_of(bell)
    with database.read() as conn:
        assert {tick.error for tick in ticks.listed(conn)} == {"ZeroDivisionError: a bug"}


@pytest.fixture
def two(ready: Loaded) -> Loaded:
    """Two newsletters, of which the first has left out every day of years."""
    years = [f"{year}-01-01 to {year}-12-31" for year in range(2022, 2028)]
    away = a_loaded(ready.folder, holidays=years).settings.newsletters["recap"]
    both = {"away": away, **ready.settings.newsletters}
    return replace(ready, settings=ready.settings.model_copy(update={"newsletters": both}))


def test_one_newsletters_fault_holds_up_no_other(database, two):
    """The second one has its draft, and its alarm, though the first has no issue within years."""
    bell = Bell(database, lambda: two, clock=lambda: BEFORE)
    bell.ring("week")
    assert state_of(database) is IssueState.DRAFT
    with database.read() as conn:
        [tick] = ticks.listed(conn)
    assert "no issue within two years" in tick.error

    watch = schedule.Watch(database, lambda: two, clock=lambda: SEND_HOUR + timedelta(hours=1))
    with pytest.raises(NoSuchIssue):
        watch.look()
    with database.read() as conn:
        assert outbox.latest(conn, "overdue:recap:", most=9)


def test_a_ledger_that_does_not_add_up_holds_up_no_other_issue(database, ready):
    """One issue's ledger has lost a reader: another one goes out in the same tick."""
    hour = timedelta(hours=1)
    window = Window(BEFORE - hour, BEFORE)
    publish(database, "Floods", on=BEFORE - hour)
    told = {"by": "ana", "now": BEFORE}
    extra = weekly.plan_extra(database, ready, "recap", window, SEND_HOUR, **told)
    extra = weekly.prepare(database, ready, "recap", weekly.slot_of(extra), now=BEFORE)
    weekly.approve(database, ready, extra, **told)
    bell = Bell(database, lambda: ready, clock=lambda: SEND_HOUR)
    bell.ring("week")
    with database.write() as conn:
        conn.execute(update(issue_rows).where(issue_rows.c.id == extra.id).values(frozen=99))
    bell.ring("send")
    assert state_of(database) is IssueState.FINISHED


def test_the_bell_rings_from_its_start_until_its_stop(database, ready):
    """Every tick comes at once after the start, and none after the stop."""
    rung: list[datetime] = []

    def clock() -> datetime:
        rung.append(BEFORE)
        return datetime.now(BEFORE.tzinfo)

    bell = Bell(database, lambda: ready, clock=clock)
    bell.start()
    deadline = time.monotonic() + 20
    while time.monotonic() < deadline:
        with database.read() as conn:
            if {tick.name for tick in ticks.listed(conn)} == set(EVERY_SECONDS):
                break
        time.sleep(0.1)
    bell.stop()
    with database.read() as conn:
        assert {tick.name for tick in ticks.listed(conn)} == set(EVERY_SECONDS)
    before = len(rung)
    time.sleep(timedelta(seconds=0.3).total_seconds())
    assert len(rung) == before


def test_a_long_tick_swallows_the_next_ones_in_silence(database, ready, monkeypatch, caplog):
    """While one tick is at work for long, the log is not filled with those it swallows."""
    monkeypatch.setattr(schedule, "EVERY_SECONDS", {"week": 0.05})
    swallowed = Event()

    class Slow(Bell):
        def ring(self, name: str) -> None:
            swallowed.wait(0.5)

    bell = Slow(database, lambda: ready, clock=lambda: datetime.now(BEFORE.tzinfo))
    bell.start()
    time.sleep(0.3)
    swallowed.set()
    bell.stop()
    assert caplog.records == []
