"""The sender is killed at random moments and started again: nobody lost, nobody twice."""

from __future__ import annotations

import os
import random
import signal
import subprocess
import sys
import time
from collections import Counter
from pathlib import Path

import pytest
from sqlalchemy import text

from digest.delivery import IN_FLIGHT
from digest.model import DeliveryState, IssueState
from digest.store import issues, ledger
from digest.store.schema import events
from tests.audience import addresses, an_issue, frozen, readers
from tests.mailserver import MailServer, running

#: More than any machine sends between so many kills.
READERS = 10_000
#: On each kind of database; a hundred in all.
KILLS = 50

#: Forks a sender for each line that it reads, tells its number, and how it ended.
SENDERS = """
import os, sys
from datetime import UTC, datetime
from tests.test_delivery import loaded, letter
from digest import delivery
from digest.store import Database

url, port, issue = sys.argv[1:]
for line in sys.stdin:
    child = os.fork()
    if not child:
        delivery.settle(
            Database(url), loaded(int(port), connections=8), int(issue),
            clock=lambda: datetime.now(UTC), write=letter,
        )
        os._exit(0)
    print(child, flush=True)
    print(os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]), flush=True)
"""


class Senders:
    """Starts senders, one after the other; what they say is kept."""

    def __init__(self, database, server, issue) -> None:
        told = [sys.executable, "-c", SENDERS, database.url, str(server.port), str(issue)]
        self.process = subprocess.Popen(
            told,
            cwd=Path(__file__).parents[1],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            start_new_session=True,
        )

    def start(self) -> int:
        """Start the next sender; its process number."""
        self.process.stdin.write("go\n")
        self.process.stdin.flush()
        return int(self.process.stdout.readline())

    def end(self) -> int:
        """Wait for the sender's end; its exit code, negative for a signal."""
        return int(self.process.stdout.readline())

    def close(self) -> str:
        """End everything; what was said on standard error."""
        self.process.kill()
        return self.process.communicate()[1]


@pytest.fixture
def sending(database):
    """An issue with many readers, a mail server, and senders that send to it."""
    issue = an_issue(database)
    readers(database, addresses(READERS))
    frozen(database, issue)
    with running(MailServer(delay=0.002, extensions=("PIPELINING",))) as server:
        senders = Senders(database, server, issue)
        yield issue, server, senders
        senders.close()


def states(database, issue) -> dict[str, DeliveryState]:
    with database.read() as conn:
        rows = ledger.listed(conn, issue, limit=READERS + 1)
    return {row.recipient.address: row.state for row in rows}


def strike(server, sender, luck, signal_number) -> None:
    """Hit the sender after some more mails, at any point of what it does."""
    before, more = len(server.mails), luck.randint(1, 40)
    deadline = time.monotonic() + 30
    while len(server.mails) < before + more:
        assert time.monotonic() < deadline, sender
        time.sleep(0.001)
    time.sleep(luck.uniform(0, 0.01))
    os.kill(sender, signal_number)


def cut_off_from(database) -> None:
    """End every session of the database, as its restart does; the pool here gets new ones."""
    with database.engine.connect() as conn:
        conn.execute(
            text(
                "SELECT pg_terminate_backend(pid) FROM pg_stat_activity "
                "WHERE datname = current_database() AND pid <> pg_backend_pid()"
            )
        )


@pytest.mark.slow
def test_sigkill_loses_nobody_and_repeats_nobody(database, sending):
    """After each kill the next run goes on at once; who was in flight is listed as uncertain."""
    issue, server, senders = sending
    luck = random.Random()
    for number in range(KILLS):
        sender = senders.start()
        if not database.is_sqlite and number % 10 == 0:
            cut_off_from(database)  # the sender goes on when it is back, and is killed then
        strike(server, sender, luck, signal.SIGKILL)
        assert senders.end() == -signal.SIGKILL
    senders.start()
    assert senders.end() == 0, senders.close()

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
    issue, server, senders = sending
    strike(server, senders.start(), random.Random(), number)
    assert senders.end() != 0
    left = Counter(states(database, issue).values())
    assert set(left) <= {DeliveryState.SENT, DeliveryState.PENDING}
    assert left[DeliveryState.SENT] == len(server.mails)
    with database.read() as conn:
        assert not ledger.in_flight(conn, issue)
    assert "KeyboardInterrupt" in senders.close()
