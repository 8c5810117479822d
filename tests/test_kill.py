"""The sender is killed at random moments and started again: nobody lost, nobody twice."""

from __future__ import annotations

import random
import signal
import subprocess
import sys
import time
from collections import Counter
from pathlib import Path

import pytest

from digest.delivery import IN_FLIGHT
from digest.model import DeliveryState, IssueState
from digest.store import issues, ledger
from digest.store.schema import events
from tests.audience import addresses, an_issue, frozen, readers
from tests.mailserver import MailServer, running

READERS = 400
KILLS = 4

SENDER = """
import sys
from datetime import UTC, datetime
from tests.test_delivery import loaded, letter
from digest import delivery
from digest.store import Database

url, port, issue = sys.argv[1:]
delivery.settle(
    Database(url), loaded(int(port), connections=8), int(issue),
    clock=lambda: datetime.now(UTC), write=letter,
)
"""


@pytest.fixture
def sending(database):
    """An issue with many readers, a slow server, and a process that sends to it."""
    issue = an_issue(database)
    readers(database, addresses(READERS))
    frozen(database, issue)
    started = []

    def start() -> subprocess.Popen[bytes]:
        told = [sys.executable, "-c", SENDER, database.url, str(server.port), str(issue)]
        process = subprocess.Popen(
            told, cwd=Path(__file__).parents[1], stderr=subprocess.PIPE, start_new_session=True
        )
        started.append(process)
        return process

    with running(MailServer(delay=0.01)) as server:
        yield issue, server, start
        for process in started:
            process.kill()
            process.communicate()


def states(database, issue) -> dict[str, DeliveryState]:
    with database.read() as conn:
        rows = ledger.listed(conn, issue, limit=READERS + 1)
    return {row.recipient.address: row.state for row in rows}


def strike(process, server, luck, signal_number) -> None:
    """Hit the process after some more mails, at any point of what it does."""
    before, more = len(server.mails), luck.randint(1, 80)
    deadline = time.monotonic() + 30
    while len(server.mails) < before + more and process.poll() is None:
        assert time.monotonic() < deadline, process
        time.sleep(0.001)
    time.sleep(luck.uniform(0, 0.02))
    process.send_signal(signal_number)
    process.wait(30)


@pytest.mark.slow
def test_sigkill_loses_nobody_and_repeats_nobody(database, sending):
    """After each kill the next run goes on at once; who was in flight is listed as uncertain."""
    issue, server, start = sending
    luck = random.Random()
    for _ in range(KILLS):
        strike(start(), server, luck, signal.SIGKILL)
        assert len(states(database, issue)) == READERS
    last = start()
    _, said = last.communicate(timeout=60)
    assert last.returncode == 0, said.decode()

    found = states(database, issue)
    copies = Counter(server.recipients)
    sent = {whom for whom, state in found.items() if state is DeliveryState.SENT}
    uncertain = {whom for whom, state in found.items() if state is DeliveryState.UNCERTAIN}
    assert sent | uncertain == set(addresses(READERS))
    assert all(copies[whom] == 1 for whom in sent)
    assert all(copies[whom] <= 1 for whom in uncertain)
    with database.read() as conn:
        assert issues.by_id(conn, issue).state is IssueState.FINISHED
        told = [row.detail for row in conn.execute(events.select()) if row.what == "recovered"]
    assert all(len(detail["uncertain"]) <= IN_FLIGHT for detail in told)
    assert sum(len(detail["uncertain"]) for detail in told) == len(uncertain)


@pytest.mark.slow
@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_polite_end_leaves_nothing_open(database, sending, number):
    """SIGTERM and Ctrl-C finish what is in flight and give back the claims."""
    issue, server, start = sending
    process = start()
    strike(process, server, random.Random(), number)
    _, said = process.communicate(timeout=30)
    assert process.returncode != 0
    assert b"KeyboardInterrupt" in said
    left = Counter(states(database, issue).values())
    assert set(left) <= {DeliveryState.SENT, DeliveryState.PENDING}
    assert left[DeliveryState.SENT] == len(server.mails)
