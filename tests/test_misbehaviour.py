"""Mail servers that misbehave: what the ledger says is what the server did."""

from __future__ import annotations

from collections import Counter
from datetime import timedelta

import pytest

from digest.errors import SendError
from digest.model import DeliveryState
from digest.smtp import pipeline, transaction
from digest.store import ledger
from tests.audience import addresses
from tests.mailserver import CUT, CUT_AFTER, HALF, SILENT, SKIP, TWICE
from tests.test_delivery import desk  # noqa: F401 - a fixture

PEOPLE = 24

#: What servers offer, and the window that makes use of it.
STYLES = {
    "lockstep": ((), 2),
    "pipelined": (("PIPELINING",), 2),
    "chunked": (("PIPELINING", "CHUNKING"), 4),
}

#: What is said instead of the usual answer, in every phase in turn.
ANSWERS = {
    "cuts": dict.fromkeys(("mail", "rcpt", "data", "content"), CUT),
    "cuts after": {"content": CUT_AFTER},
    "falls silent": dict.fromkeys(("mail", "rcpt", "data", "content"), SILENT),
    "says half a line": dict.fromkeys(("mail", "rcpt", "data", "content"), f"{HALF}250 2.0"),
    "talks nonsense": dict.fromkeys(("mail", "rcpt", "data", "content"), "good morning"),
    "says 421": dict.fromkeys(("mail", "rcpt", "data", "content"), "421 4.3.2 closing"),
    "puts off": dict.fromkeys(("mail", "rcpt", "data", "content"), "451 4.3.0 later"),
    "says the wrong code": {"mail": "354 go", "rcpt": "334 ?", "data": "250 ok", "content": "354"},
    "leaves out answers": dict.fromkeys(("mail", "rcpt", "data", "content"), SKIP),
    "answers twice": {
        "mail": f"{TWICE}250 ok",
        "rcpt": f"{TWICE}250 ok",
        "data": f"{TWICE}354 go",
        "content": f"{TWICE}250 ok",
    },
}

#: All but one: BDAT is answered like any command, so that a reply too many or too few cannot
#: be told from a right one.
CASES = [
    (answer, style)
    for answer in ANSWERS
    for style in STYLES
    if style != "chunked" or answer not in ("answers twice", "leaves out answers")
]


@pytest.fixture
def impatient(monkeypatch):
    """Wait for an answer as long as a test can."""
    for phase in transaction.SECONDS:
        monkeypatch.setitem(transaction.SECONDS, phase, 0.4)
    monkeypatch.setattr(pipeline, "TICK_SECONDS", 0.05)
    monkeypatch.setattr(pipeline, "QUIT_SECONDS", 0.1)


def now_and_then(answers):
    """A script that misbehaves in each phase at its 2nd, 7th and 12th time."""
    times = Counter()

    def script(phase, _argument):
        times[phase] += 1
        return answers.get(phase) if times[phase] in (2, 7, 12) else None

    return script


def settled_in_the_end(it, **smtp):
    """Call again for as long as somebody is owed it, as the bell does; return the rows."""
    for _ in range(40):
        try:
            tally = it.settle(smtp={"connections": 2} | smtp)
        except SendError:
            tally = None
        if tally and not tally.owed:
            break
        with it.database.read() as conn:
            it.now = max(ledger.next_due(conn, it.issue) or it.now, it.now) + timedelta(seconds=1)
    return it.rows()


def check(it, rows):
    """Who got it by the server's record is who got it by the ledger, or is listed uncertain."""
    copies = Counter(it.server.recipients)
    assert len(rows) == PEOPLE
    for row in rows:
        got = copies[row.recipient.address]
        if row.state is DeliveryState.SENT:
            assert got == 1, row
        elif row.state is DeliveryState.UNCERTAIN:
            assert got <= 1, row
        else:
            assert got == 0, row


@pytest.mark.slow
@pytest.mark.parametrize("database", ["sqlite"], indirect=True)
@pytest.mark.parametrize(("answer", "style"), CASES)
def test_the_ledger_says_what_the_server_did(desk, impatient, style, answer):  # noqa: F811
    """Whatever a server does wrong, in whatever phase: nobody twice, and nobody lost."""
    extensions, window = STYLES[style]
    it = desk(addresses(PEOPLE), extensions=extensions)
    it.server.script = now_and_then(ANSWERS[answer])
    rows = settled_in_the_end(it, window=window)
    check(it, rows)
    states = Counter(row.state for row in rows)
    assert states[DeliveryState.SENT] >= PEOPLE - 3 * it.server.connections
    assert not any(row.state is DeliveryState.ATTEMPTING for row in rows)


def test_a_server_that_throws_away_what_is_sent_ahead_gets_it_in_lockstep(desk, impatient):  # noqa: F811
    """PIPELINING is offered and not kept: nobody is lost, and the run goes on one by one."""
    it = desk(addresses(PEOPLE), extensions=("PIPELINING",), deaf=True)
    rows = settled_in_the_end(it)
    check(it, rows)
    assert Counter(row.state for row in rows) == {DeliveryState.SENT: PEOPLE}


def test_a_slow_server_is_waited_for(desk):  # noqa: F811
    """Answers that come late are answers; nothing is sent twice meanwhile."""
    it = desk(addresses(PEOPLE), extensions=("PIPELINING",), hesitation=0.01, delay=0.02)
    rows = settled_in_the_end(it)
    check(it, rows)
    assert Counter(row.state for row in rows) == {DeliveryState.SENT: PEOPLE}
