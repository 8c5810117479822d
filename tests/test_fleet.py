"""The fleet: any number of workers on one issue, each reader once, whichever of them dies."""

from __future__ import annotations

import os
import random
import signal
import subprocess
import sys
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from sqlalchemy import func, select, text

from digest import delivery, weekly
from digest.cli import app
from digest.delivery import IN_FLIGHT
from digest.errors import StoreError
from digest.model import DeliveryState, IssueState
from digest.store import Database, issues, jobs, ledger, locks
from digest.store.schema import deliveries, senders
from tests.audience import addresses, an_issue, frozen, readers
from tests.friday import BEFORE, SEND_HOUR, TITLES, a_loaded, prepared, publish, subscribe
from tests.mailserver import MailServer, running
from tests.test_delivery import letter, loaded

pytestmark = pytest.mark.parametrize("database", ["postgresql"], indirect=True)

READERS = 300

WORKER = """
import sys
from datetime import UTC, datetime
from tests.test_fleet import manned
from digest.store import Database
from digest.worker import Worker

url, port = sys.argv[1:]
fleet = manned(int(port))
Worker(Database(url), lambda: fleet, clock=lambda: datetime.now(UTC)).run()
"""


def manned(port: int, **smtp: object) -> object:
    """A configuration with a fleet."""
    single = loaded(port, **{"connections": 4, **smtp})
    settings = single.settings.model_copy(update={"fleet": True})
    return type(single)(settings, single.folder, single.path)


@pytest.fixture
def fleet(database: Database) -> Database:
    jobs.prepare(database)
    return database


@pytest.fixture
def sending(fleet) -> Iterator[tuple[int, MailServer, Callable[[], subprocess.Popen[bytes]]]]:
    """An issue with many readers, announced; a slow server; and workers to start."""
    issue = an_issue(fleet)
    readers(fleet, addresses(READERS))
    frozen(fleet, issue)
    with fleet.write() as conn:
        jobs.announce(conn, issue, READERS)
    started = []

    def start() -> subprocess.Popen[bytes]:
        told = [sys.executable, "-c", WORKER, fleet.url, str(server.port)]
        started.append(
            subprocess.Popen(
                told, cwd=Path(__file__).parents[1], stderr=subprocess.PIPE, start_new_session=True
            )
        )
        return started[-1]

    with running(MailServer(delay=0.01)) as server:
        yield issue, server, start
        for process in started:
            process.kill()
            process.communicate()


def state_of(database: Database, issue: int) -> IssueState:
    with database.read() as conn:
        return issues.by_id(conn, issue).state


def until(true: Callable[[], bool], *, seconds: float = 120) -> None:
    deadline = time.monotonic() + seconds
    while not true():
        assert time.monotonic() < deadline, "it did not come to that"
        time.sleep(0.05)


def shares_that_wait(database: Database, issue: int) -> int:
    with database.read() as conn:
        return jobs.waiting(conn, issue)


# --- what is announced --------------------------------------------------------------------


def test_the_freeze_announces_its_work_or_nothing(fleet, tmp_path, monkeypatch):
    """The jobs are written in the transaction of the freeze: they come with it, or go with it."""
    monkeypatch.setattr(jobs, "SHARE", 2)
    publish(fleet, *TITLES)
    subscribe(fleet, 5)
    single = a_loaded(tmp_path)
    manned = type(single)(
        single.settings.model_copy(update={"fleet": True}), single.folder, single.path
    )
    issue = weekly.approve(fleet, manned, prepared(fleet, manned), by="editor", now=BEFORE)
    with monkeypatch.context() as broken, pytest.raises(RuntimeError):
        announce = jobs.announce

        def announced_and_failed(*told):
            announce(*told)
            raise RuntimeError("the power went")

        broken.setattr(jobs, "announce", announced_and_failed)
        weekly.freeze(fleet, manned, issue, now=SEND_HOUR)
    assert shares_that_wait(fleet, issue.id) == 0
    assert state_of(fleet, issue.id) is IssueState.APPROVED

    weekly.freeze(fleet, manned, issue, now=SEND_HOUR)
    assert shares_that_wait(fleet, issue.id) == 3


def test_what_is_announced_is_not_announced_again(fleet):
    """However often it is asked for, as many jobs wait as there is work for."""
    issue = an_issue(fleet)
    with fleet.write() as conn:
        assert jobs.announce(conn, issue, jobs.SHARE * 3) == 3
        assert jobs.announce(conn, issue, jobs.SHARE * 3) == 0
        assert jobs.announce(conn, issue, jobs.SHARE * 10**6) == jobs.MOST_JOBS - 3
        assert jobs.announce(conn, issue, 0) == 0


def test_tables_of_a_fleet_are_made_once(database):
    """Before `digest db upgrade` made them, a fleet says so; making them twice is safe."""
    with pytest.raises(StoreError, match="tables are not there") as refused:
        jobs.require(database)
    assert "digest db upgrade" in refused.value.remedy
    assert jobs.prepare(database)
    assert not jobs.prepare(database)
    jobs.require(database)


# --- who works ----------------------------------------------------------------------------


def test_senders_share_one_issue(fleet):
    """Three at the same time, in one fleet: each reader once, and more than one of them sends."""
    issue = an_issue(fleet)
    readers(fleet, addresses(READERS))
    frozen(fleet, issue)
    with running(MailServer(delay=0.005)) as server:
        configuration = manned(server.port)
        seen: Counter[str] = Counter()

        def work(name: str) -> None:
            def counted(more: int) -> None:
                seen[name] += more

            delivery.settle(
                fleet,
                configuration,
                issue,
                clock=lambda: datetime.now(UTC),
                write=letter,
                progress=counted,
            )

        threads = [threading.Thread(target=work, args=(name,)) for name in "abc"]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
    assert Counter(server.recipients) == Counter(addresses(READERS))
    assert len(+seen) > 1
    delivery.sweep(fleet, configuration, clock=lambda: datetime.now(UTC), stop=threading.Event())
    assert state_of(fleet, issue) is IssueState.FINISHED


def test_a_job_that_runs_twice_sends_nothing_twice(fleet):
    """The ledger knows what is owed: a second run of the same share finds nothing to do."""
    issue = an_issue(fleet)
    readers(fleet, addresses(3))
    frozen(fleet, issue)
    with running(MailServer()) as server:
        for _ in range(3):
            tally = delivery.settle(
                fleet, manned(server.port), issue, clock=lambda: datetime.now(UTC), write=letter
            )
    assert tally.count(DeliveryState.SENT) == 3
    assert Counter(server.recipients) == Counter(addresses(3))


def test_a_share_is_no_more_than_it_says(fleet):
    """A worker takes so many readers, then gives others their turn."""
    issue = an_issue(fleet)
    readers(fleet, addresses(100))
    frozen(fleet, issue)
    with running(MailServer()) as server:
        delivery.settle(
            fleet,
            manned(server.port),
            issue,
            clock=lambda: datetime.now(UTC),
            write=letter,
            most=30,
        )
    assert len(server.mails) == 30
    assert state_of(fleet, issue) is IssueState.SENDING


# --- who dies -----------------------------------------------------------------------------


def left_behind(database: Database, issue: int, *, until: timedelta = ledger.LEASE) -> str:
    """A sender that claimed two readers, has one on the way, and is never heard of again."""
    holder = "ab" * 16
    now = datetime.now(UTC)
    with database.write() as conn:
        ledger.enter(conn, issue, holder, now=now, lease=until)
        rows = ledger.whole(ledger.claim(conn, issue, holder, now, 2))
        ledger.whole(ledger.record(conn, issue, holder, rows=rows[:1], now=now, lease=until))
    return holder


@pytest.mark.parametrize("seconds", [0, 3600])
def test_a_server_that_has_just_started_makes_nobody_dead(fleet, monkeypatch, seconds):
    """Locks end with the server: until senders have had time to take them again, leases count."""
    monkeypatch.setattr(locks, "SETTLING_SECONDS", seconds)
    issue = an_issue(fleet)
    readers(fleet, addresses(5))
    frozen(fleet, issue)
    left_behind(fleet, issue)
    late = datetime.now(UTC) + ledger.LEASE * 2
    with running(MailServer()) as server:
        for clock, living in ((lambda: datetime.now(UTC), seconds > 0), (lambda: late, False)):
            delivery.sweep(fleet, manned(server.port), clock=clock, stop=threading.Event())
            with fleet.read() as conn:
                known = conn.execute(select(func.count()).select_from(senders)).scalar()
            assert known == living


def test_a_lock_whose_session_was_ended_is_taken_again(fleet):
    """By its holder, as soon as it looks; nobody else has it then, and it can be given back."""
    with locks.advisory(fleet, 7, space=locks.Space.SENDERS) as lock:
        assert lock.keep()
        with fleet.read() as conn:
            conn.execute(
                text(
                    "SELECT pg_terminate_backend(pid) FROM pg_locks"
                    " WHERE locktype = 'advisory' AND objid = 7"
                )
            )
        until(lambda: not locks.is_held(fleet, 7, space=locks.Space.SENDERS))
        assert lock.keep()
        assert locks.is_held(fleet, 7, space=locks.Space.SENDERS)
    assert not locks.is_held(fleet, 7, space=locks.Space.SENDERS)


def test_a_dead_senders_readers_are_owed_again_at_once(fleet, monkeypatch):
    """Its session ended, so it is dead, whatever its lease: the sweep announces what it left."""
    # The tests' server may be younger than that.
    monkeypatch.setattr(locks, "SETTLING_SECONDS", 0)
    issue = an_issue(fleet)
    readers(fleet, addresses(5))
    frozen(fleet, issue)
    left_behind(fleet, issue)
    with running(MailServer()) as server:
        configuration = manned(server.port)
        clock = lambda: datetime.now(UTC)  # noqa: E731
        delivery.sweep(fleet, configuration, clock=clock, stop=threading.Event())
        with fleet.read() as conn:
            tally = ledger.tally(conn, issue)
            assert conn.execute(select(func.count()).select_from(senders)).scalar() == 0
        assert tally.count(DeliveryState.UNCERTAIN) == 1
        assert tally.count(DeliveryState.PENDING) == 4
        assert delivery.sweep(fleet, configuration, clock=clock, stop=threading.Event()) == 1


@pytest.mark.parametrize("lost_touch", [False, True])
def test_a_living_sender_keeps_its_readers(fleet, lost_touch):
    """While its lock is held and its lease runs, nobody takes them; cut off, it loses them."""
    issue = an_issue(fleet)
    readers(fleet, addresses(5))
    frozen(fleet, issue)
    holder = left_behind(fleet, issue, until=timedelta(seconds=-1 if lost_touch else 60))
    number = int(holder[:8], 16) & 0x7FFFFFFF
    with locks.advisory(fleet, number, space=locks.Space.SENDERS), running(MailServer()) as server:
        delivery.settle(
            fleet, manned(server.port), issue, clock=lambda: datetime.now(UTC), write=letter
        )
        with fleet.write() as conn:
            tally = ledger.tally(conn, issue)
            told = ledger.whole(ledger.record(conn, issue, holder, now=datetime.now(UTC)))
    assert tally.count(DeliveryState.SENT) == (4 if lost_touch else 3)
    held = tally.count(DeliveryState.CLAIMED, DeliveryState.ATTEMPTING)
    assert held == (0 if lost_touch else 2)
    assert told.taken_over is lost_touch


@pytest.mark.slow
def test_workers_are_killed_at_random_and_nobody_notices(fleet, sending):
    """Three workers; one is killed every moment and another comes: nobody lost, nobody twice."""
    issue, server, start = sending
    luck = random.Random()
    working = [start() for _ in range(3)]
    kills = 0
    while state_of(fleet, issue) is IssueState.SENDING and kills < 8:
        before = len(server.mails)
        with suppress(AssertionError):
            until(lambda: len(server.mails) > before + luck.randint(1, 20), seconds=15)  # noqa: B023
        victim = working.pop(luck.randrange(len(working)))
        victim.send_signal(signal.SIGKILL)
        victim.wait(30)
        kills += 1
        working.append(start())
    until(lambda: state_of(fleet, issue) is not IssueState.SENDING)

    with fleet.read() as conn:
        tally = ledger.tally(conn, issue)
        rows = ledger.listed(conn, issue, limit=READERS + 1)
    copies = Counter(server.recipients)
    assert tally.holds
    assert state_of(fleet, issue) is IssueState.FINISHED
    assert tally.count(DeliveryState.SENT, DeliveryState.UNCERTAIN) == READERS
    assert tally.count(DeliveryState.UNCERTAIN) <= kills * IN_FLIGHT
    for row in rows:
        found = copies[row.recipient.address]
        assert found == 1 if row.state is DeliveryState.SENT else found <= 1


@pytest.mark.slow
def test_a_polite_end_gives_everything_back(fleet, sending):
    """SIGTERM ends a worker after what is in flight: nothing stays claimed, nobody uncertain."""
    issue, server, start = sending
    worker = start()
    until(lambda: len(server.mails) > 20)
    worker.send_signal(signal.SIGTERM)
    _, said = worker.communicate(timeout=60)
    assert worker.returncode == 0, said.decode()
    with fleet.read() as conn:
        tally = ledger.tally(conn, issue)
        assert conn.execute(select(func.count()).select_from(senders)).scalar() == 0
        done = conn.execute(select(func.count()).where(deliveries.c.state == "sent")).scalar()
    assert tally.count(DeliveryState.CLAIMED, DeliveryState.UNCERTAIN) == 0
    assert done == len(server.mails)


@pytest.mark.slow
def test_a_worker_that_comes_late_helps(fleet, sending):
    """One starts, another joins in the middle, and what waits for a dead one's job is swept."""
    issue, server, start = sending
    first = start()
    until(lambda: len(server.mails) > 20)
    first.send_signal(signal.SIGKILL)
    first.wait(30)
    start()
    until(lambda: state_of(fleet, issue) is IssueState.FINISHED)
    with fleet.read() as conn:
        stalled = conn.execute(text("SELECT count(*) FROM procrastinate_jobs")).scalar()
        assert ledger.tally(conn, issue).holds
    assert stalled is not None
    assert max(Counter(server.recipients).values()) == 1


# --- as typed -----------------------------------------------------------------------------


def test_a_worker_says_what_it_lacks(database, tmp_path, monkeypatch):
    """Without a fleet in the configuration, or without PostgreSQL, it says what to do."""
    from typer.testing import CliRunner

    (tmp_path / "config.yaml").write_text(
        "public_url: https://recap.example.org\n"
        "newsletters:\n  recap:\n    title: Recap\n    from: recap@example.org\n"
        "    postal_address: 1 Sample Street, Springfield\n"
    )
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("TOKEN_KEY", "k" * 64)
    monkeypatch.delenv("DATABASE_URL", raising=False)
    typed = CliRunner()
    assert typed.invoke(app, ["db", "upgrade"]).exit_code == 0
    told = typed.invoke(app, ["worker"])
    assert told.exit_code == 1
    assert "Write `fleet: true`" in told.output
    with (tmp_path / "config.yaml").open("a") as config:
        config.write("fleet: true\n")
    told = typed.invoke(app, ["worker"])
    assert told.exit_code == 1
    assert "a fleet needs PostgreSQL" in told.output


def test_without_a_fleet_nothing_of_it_is_loaded(database):
    """Whoever sends on one machine loads no Procrastinate, PostgreSQL or not."""
    code = (
        "import sys\nfrom digest import delivery, schedule, weekly\n"
        "from digest.store import jobs\nprint('procrastinate' in sys.modules)"
    )
    told = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True, env=os.environ
    )
    assert told.stdout.strip() == "False"
