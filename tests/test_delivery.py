"""Settling an issue's debt over real connections, through refusals, breaks and kills."""

from __future__ import annotations

import asyncio
import gc
import threading
import time
from collections import Counter
from collections.abc import Callable, Container, Sequence
from contextlib import ExitStack, suppress
from dataclasses import dataclass, field
from datetime import timedelta
from email import message_from_bytes, policy
from pathlib import Path

import pytest
from sqlalchemy import event, select
from sqlalchemy.exc import DBAPIError

from digest import delivery, inbox
from digest.config import Loaded
from digest.delivery import judge, supply
from digest.delivery import recorder as recorder_module
from digest.delivery.recorder import GATHER_SECONDS, Recorder
from digest.errors import (
    AlreadySending,
    ReaderError,
    SenderFault,
    StoreError,
    StoreFull,
    Unreachable,
    WrongState,
)
from digest.model import DeliveryState, IssueState
from digest.model.settings import Settings
from digest.store import Database, history, issues, ledger, tallies
from digest.store.schema import events
from tests.audience import NOW, addresses, an_issue, frozen, readers, subscription
from tests.mailserver import CUT, CUT_AFTER, MailServer, running

SENT, DEFERRED = DeliveryState.SENT, DeliveryState.DEFERRED
FAILED, UNCERTAIN = DeliveryState.FAILED, DeliveryState.UNCERTAIN


@dataclass
class Letter:
    recipient: str
    envelope_from: str = "recap@example.org"
    segments: list[bytes] = field(default_factory=lambda: [b"Subject: x\r\n\r\nHello.\r\n"])


def letter(row) -> Letter:
    return Letter(row.recipient.address)


def loaded(port: int, folder: Path = Path("/"), **smtp: object) -> Loaded:
    settings = Settings.model_validate(
        {
            "public_url": "https://recap.example.org",
            "smtp": {"host": "127.0.0.1", "port": port, "tls": "none"} | smtp,
            "token_key": "k" * 64,
            "newsletters": {
                "weekly-recap": {
                    "title": "RAND Weekly Recap",
                    "from": "RAND Weekly Recap <recap@example.org>",
                    "postal_address": "1 Sample Street, Springfield",
                }
            },
        }
    )
    return Loaded(settings=settings, folder=folder, path=folder / "config.yaml")


@dataclass
class Desk:
    """An issue that is being sent, its mail server, and the command that settles it."""

    database: Database
    server: MailServer
    issue: int
    now: object = NOW

    def settle(self, *, write: Callable = letter, smtp: dict | None = None, **told):
        return delivery.settle(
            self.database,
            loaded(self.server.port, **(smtp or {})),
            self.issue,
            clock=lambda: self.now,
            write=write,
            **told,
        )

    def rows(self):
        with self.database.read() as conn:
            return ledger.listed(conn, self.issue, limit=10_000)

    def states(self) -> Counter:
        return Counter(row.state for row in self.rows())

    def record(self):
        with self.database.read() as conn:
            return issues.by_id(conn, self.issue)


@pytest.fixture
def desk(database):
    """Build a desk: ``desk(5)`` has five readers who are owed the issue."""
    with ExitStack() as stack:

        def build(people: int | list[str] = 5, **server: object) -> Desk:
            issue = an_issue(database)
            readers(database, addresses(people) if isinstance(people, int) else people)
            frozen(database, issue)
            return Desk(database, stack.enter_context(running(MailServer(**server))), issue)

        yield build


def once(phase: str, answer: str, whom: str | None = None, times: int = 1):
    """A script that gives *answer* in *phase* to *whom* (default: anybody), so often."""
    left = [times]

    def script(at, argument):
        if at == phase and left[0] and whom in (None, argument):
            left[0] -= 1
            return answer
        return None

    return script


# --- everything goes well -----------------------------------------------------------------


def test_every_reader_gets_it_once_and_the_issue_is_finished(desk):
    """One mail each, the sum holds, the issue is finished, and a second run sends nothing."""
    it = desk(25)
    settled = []

    tally = it.settle(progress=settled.append)
    again = it.settle()

    assert sorted(it.server.recipients) == sorted(addresses(25))
    assert tally.by_state == {SENT: 25} == again.by_state
    assert sum(settled) == 25
    assert it.record().state is IssueState.FINISHED
    assert it.record().finished_at == NOW
    assert {row.answer for row in it.rows()} == {"250 2.0.0 queued"}
    assert {row.attempts for row in it.rows()} == {1}
    assert it.server.connections <= 4


def test_an_empty_audience_is_finished_at_once(desk):
    """An issue that nobody is owed is finished, without a connection."""
    it = desk([])
    assert it.settle().frozen == 0
    assert it.record().state is IssueState.FINISHED
    assert it.server.mails == []


def test_connections_are_used_for_so_many_messages(desk):
    """After the configured number of messages a connection is closed and a new one opened."""
    it = desk(10)
    it.settle(smtp={"connections": 1, "messages_per_connection": 3})
    assert it.server.connections == 4
    assert len(it.server.mails) == 10


def test_the_pace_is_kept(desk):
    """With a limit the run takes the time that it must."""
    it = desk(9)
    began = time.monotonic()
    it.settle(smtp={"limit": "4/s"})
    assert time.monotonic() - began >= 2
    assert len(it.server.mails) == 9


def test_the_real_message_arrives(desk, tmp_path):
    """The frozen edition, the reader's own link, a Message-ID that stays: byte-exact MIME."""
    it = desk(["ana@example.org"])
    with inbox.running(tmp_path / "inbox") as box:
        delivery.settle(it.database, loaded(box.port), it.issue, clock=lambda: NOW)
        (kept,) = box.mails()
    mail = message_from_bytes(kept.source, policy=policy.default)
    assert mail["To"] == "ana@example.org"
    assert mail["Subject"] == "Three Themes: RAND Weekly Recap"
    assert mail["List-Unsubscribe"].startswith("<https://recap.example.org/unsubscribe/")
    assert mail["Message-ID"].endswith("@example.org>")
    assert mail.get_body(("plain",)).get_content().strip() == "Hello."


# --- refusals -----------------------------------------------------------------------------


def test_a_dead_address_is_that_readers_matter(desk):
    """A 5yz at RCPT fails one reader; the others get theirs and the issue is finished."""
    it = desk(5)
    it.server.script = once("rcpt", "550 5.1.1 no such user", "reader3@example.org")
    assert it.settle().by_state == {SENT: 4, FAILED: 1}
    assert it.record().state is IssueState.FINISHED
    assert [row.answer for row in it.rows() if row.state is FAILED] == ["550 5.1.1 no such user"]


def test_a_put_off_reader_is_owed_again_later(desk):
    """Greylisting: exactly one copy, after a wait; meanwhile the issue is still being sent."""
    it = desk(3)
    it.server.script = once("rcpt", "450 4.2.0 greylisted", "reader2@example.org")

    assert it.settle().by_state == {SENT: 2, DEFERRED: 1}
    assert it.record().state is IssueState.SENDING
    assert it.settle().by_state == {SENT: 2, DEFERRED: 1}
    with it.database.read() as conn:
        due = ledger.next_due(conn, it.issue)
    assert timedelta(minutes=4) <= due - NOW <= timedelta(minutes=6)

    it.now = due
    assert it.settle().by_state == {SENT: 3}
    assert it.record().state is IssueState.FINISHED
    assert Counter(it.server.recipients) == Counter(addresses(3))


def test_a_reader_who_is_always_put_off_fails_in_the_end(desk):
    """After 48 hours of 4yz we give up, and the answer says so."""
    it = desk(1)
    it.server.script = once("rcpt", "450 4.2.0 later", times=10**6)
    while it.settle().owed:
        with it.database.read() as conn:
            it.now = ledger.next_due(conn, it.issue)
    (row,) = it.rows()
    assert row.state is FAILED
    assert row.answer == "given up after 48 hours: 450 4.2.0 later"
    assert timedelta(hours=36) < it.now - NOW < timedelta(hours=60)


def test_the_operator_says_how_long_a_reader_is_tried(desk):
    """With `retries` of its own an installation gives up after its own time."""
    it = desk(1)
    it.server.script = once("rcpt", "450 4.2.0 later", times=10**6)
    tries = []
    while it.settle(smtp={"retries": {"after": ["10m", "20m"], "give_up": "1h"}}).owed:
        tries.append(it.now)
        with it.database.read() as conn:
            it.now = ledger.next_due(conn, it.issue)
    (row,) = it.rows()
    assert row.answer == "given up after 1 hour: 450 4.2.0 later"
    assert len(tries) == 3
    assert timedelta(minutes=8) <= tries[1] - tries[0] <= timedelta(minutes=12)


@pytest.mark.parametrize(
    ("phase", "answer"),
    [
        ("mail", "550 5.7.1 sender rejected"),
        ("mail", "552 5.3.4 too big"),
        ("rcpt", "550 5.7.1 relaying denied"),
        ("content", "550 5.7.26 unauthenticated"),
        ("content", "554 5.6.0 content rejected"),
    ],
)
def test_a_fault_of_ours_stops_the_issue(desk, phase, answer):
    """Sender, content and reputation stop the run with the reason; nobody fails by it."""
    it = desk(30)
    it.server.script = once(phase, answer, times=10**6)
    with pytest.raises(SenderFault, match=answer[:9]):
        it.settle()
    assert it.record().state is IssueState.STOPPED
    assert answer in it.record().reasons[0]
    assert set(it.states()) <= {DeliveryState.PENDING, DEFERRED}
    with pytest.raises(WrongState, match="stopped"):
        it.settle()


def test_whoever_waited_too_long_when_it_stopped_is_owed_it(desk, monkeypatch):
    """A permission that was to be asked for again when the run ended leaves nobody uncertain."""
    monkeypatch.setattr("digest.delivery.supply.FRESH_SECONDS", 0.05)
    it = desk(12, delay=0.1)
    seen = []

    def script(phase, argument):
        seen.extend([argument] if phase == "content" else [])
        return "550 5.7.26 unauthenticated" if phase == "content" and len(seen) == 4 else None

    it.server.script = script
    with pytest.raises(SenderFault):
        it.settle(smtp={"connections": 1})
    assert it.states() == {SENT: 3, DEFERRED: 1, DeliveryState.PENDING: 8}


def test_a_refused_password_stops_the_issue(desk):
    """AUTH refused: nobody was attempted, the reason is on the issue."""
    it = desk(3, extensions=("AUTH PLAIN",))
    it.server.script = once("auth", "535 5.7.8 no", times=99)
    with pytest.raises(SenderFault, match="535"):
        it.settle(smtp={"user": "us", "password": "secret"})
    assert it.record().state is IssueState.STOPPED
    assert [row.attempts for row in it.rows()] == [0, 0, 0]


def test_one_strange_server_does_not_stop_the_issue_for_ever(desk):
    """What looks like our fault, said of one reader again after a resume, is that reader's."""
    it = desk(6)
    it.server.script = once("rcpt", "550 5.7.1 go away", "reader2@example.org", times=9)
    with pytest.raises(SenderFault):
        it.settle(smtp={"connections": 1})
    with it.database.write() as conn:
        issues.set_state(
            conn, it.issue, (IssueState.STOPPED,), IssueState.SENDING, now=NOW, actor="ana"
        )
    it.now = NOW + timedelta(minutes=1)
    assert it.settle().by_state == {SENT: 5, DEFERRED: 1}
    it.now = NOW + timedelta(hours=1)
    assert it.settle().by_state == {SENT: 5, FAILED: 1}
    assert it.record().state is IssueState.FINISHED


def test_a_throttling_domain_rests_while_others_go_on(desk):
    """After “too fast” from one domain its readers wait; nobody else does."""
    slow = [f"reader{n}@slow.example" for n in range(6)]
    it = desk([*slow, *addresses(6)])

    def script(phase, argument):
        return "421 4.7.28 slow down" if phase == "rcpt" and "slow" in argument else None

    it.server.script = script
    it.settle(smtp={"connections": 1})

    assert it.states()[SENT] == 6
    assert sum(row.attempts for row in it.rows() if "slow" in row.recipient.address) == 1
    with it.database.read() as conn:
        assert ledger.next_due(conn, it.issue) >= NOW + timedelta(minutes=1)


def test_a_server_that_puts_everything_off_is_left_alone(desk):
    """Twenty refusals of the mail in a row end the run; nobody was lost."""
    it = desk(60)
    it.server.script = once("mail", "451 4.3.0 queue file write error", times=10**6)
    with pytest.raises(Unreachable, match="in a row"):
        it.settle()
    assert it.record().state is IssueState.SENDING
    assert it.states()[DEFERRED] <= judge.STRIKES + 4
    it.server.script = lambda *_: None
    it.now = NOW + timedelta(hours=1)
    assert it.settle().by_state == {SENT: 60}


def test_an_address_that_cannot_be_written_fails_alone(desk):
    """A message that cannot be made for one reader is that reader's; nothing was attempted."""
    it = desk(4)

    def write(row):
        if row.recipient.address == "reader2@example.org":
            raise ReaderError("no header can hold this address")
        return letter(row)

    assert it.settle(write=write).by_state == {SENT: 3, FAILED: 1}
    (row,) = (row for row in it.rows() if row.state is FAILED)
    assert (row.attempts, row.answer) == (0, "no header can hold this address")


# --- connections that break ---------------------------------------------------------------


def test_a_dead_server_costs_nothing(desk):
    """No server: a clear error, nobody attempted; with the server back the same call goes on."""
    it = desk(5)
    port, it.server.port = it.server.port, 1
    with pytest.raises(Unreachable, match="does not answer"):
        it.settle()
    assert it.states() == {DeliveryState.PENDING: 5}
    assert it.record().state is IssueState.SENDING
    it.server.port = port
    assert it.settle().by_state == {SENT: 5}


@pytest.mark.parametrize("phase", ["mail", "rcpt", "data"])
def test_a_connection_that_breaks_early_is_opened_again(desk, phase):
    """Before the final dot nothing was taken: the same reader is tried on the next connection."""
    it = desk(8)
    it.server.script = once(phase, CUT, times=2)
    assert it.settle(smtp={"connections": 1}).by_state == {SENT: 8}
    assert Counter(it.server.recipients) == Counter(addresses(8))


def test_421_between_messages_means_a_new_connection(desk):
    """A server that ends each connection after a while loses nobody."""
    it = desk(12)
    offers = []

    def script(phase, argument):
        if phase == "mail":
            offers.append(argument)
        return "421 4.3.2 enough for now" if phase == "mail" and len(offers) % 4 == 0 else None

    it.server.script = script
    assert it.settle(smtp={"connections": 1}).by_state == {SENT: 12}
    assert it.server.connections == 4
    assert Counter(it.server.recipients) == Counter(addresses(12))


@pytest.mark.parametrize(("answer", "copies"), [(CUT, 0), (CUT_AFTER, 1)])
def test_a_break_after_the_final_dot_is_uncertain(desk, answer, copies):
    """Taken or not: the reader is listed, not sent to again, and the issue is finished."""
    it = desk(5)
    it.server.script = once("content", answer, "reader3@example.org")
    assert it.settle().by_state == {SENT: 4, UNCERTAIN: 1}
    assert it.record().state is IssueState.FINISHED
    assert it.settle().by_state == {SENT: 4, UNCERTAIN: 1}
    assert it.server.recipients.count("reader3@example.org") == copies


def test_uncertain_readers_can_be_sent_to_again(desk):
    """On request, or by policy `resend`; the record shows it."""
    it = desk(3)
    it.server.script = once("content", CUT, "reader1@example.org")
    it.settle()
    assert (
        delivery.resend(it.database, it.issue, DeliveryState.UNCERTAIN, now=NOW, actor="ana") == 1
    )
    assert it.record().state is IssueState.SENDING
    assert it.settle().by_state == {SENT: 3}
    with it.database.read() as conn:
        assert history.happened(conn, it.issue, "resent")


def test_policy_resend_repeats_a_broken_attempt(desk):
    """With `uncertain: resend` a reader whose answer never came is owed the issue again."""
    it = desk(2)
    it.server.script = once("content", CUT_AFTER, "reader1@example.org")
    assert it.settle(smtp={"uncertain": "resend"}).by_state == {SENT: 1, DEFERRED: 1}
    it.now = NOW + timedelta(hours=1)
    assert it.settle(smtp={"uncertain": "resend"}).by_state == {SENT: 2}
    assert it.server.recipients.count("reader1@example.org") == 2


@pytest.mark.parametrize("database", ["sqlite"], indirect=True)
def test_a_slow_disk_is_asked_less_often(desk):
    """The longer a commit takes, the more it serves: not one for each message."""
    it = desk(200)
    commits = []

    def takes_long(_conn):
        commits.append(time.sleep(0.03))

    event.listen(it.database.engine, "commit", takes_long)
    assert it.settle().by_state == {SENT: 200}
    assert len(commits) < 150


# --- people change their minds ------------------------------------------------------------


def test_whoever_leaves_while_it_is_sent_gets_nothing(desk):
    """Leaving after the freeze is honoured up to the last moment."""
    it = desk(6)
    gone = it.rows()[-1].recipient.subscriber

    def leave(*_):
        subscription(it.database, gone, state="left")

    it.server.script = leave
    tally = it.settle(smtp={"connections": 1})
    assert tally.by_state == {SENT: 5, DeliveryState.SKIPPED: 1}
    assert "reader6@example.org" not in it.server.recipients


def test_a_pause_stops_it_and_a_resume_goes_on(desk):
    """A pause in the middle leaves those owed who were not on their way; a resume sends to them."""
    it = desk(40, delay=0.02)

    def pause(*_):
        if len(it.server.mails) >= 5 and it.record().state is IssueState.SENDING:
            with it.database.write() as conn:
                issues.set_state(
                    conn, it.issue, (IssueState.SENDING,), IssueState.STOPPED, now=NOW, actor="ana"
                )

    it.server.script = pause
    tally = it.settle(smtp={"connections": 1})
    sent = tally.count(SENT)
    assert 5 <= sent <= 12
    assert tally.by_state == {SENT: sent, DeliveryState.PENDING: 40 - sent}
    assert len(it.server.mails) == sent
    with it.database.write() as conn:
        issues.set_state(
            conn, it.issue, (IssueState.STOPPED,), IssueState.SENDING, now=NOW, actor="ana"
        )
    it.server.script = lambda *_: None
    assert it.settle().by_state == {SENT: 40}
    assert Counter(it.server.recipients) == Counter(addresses(40))


def test_stop_finishes_what_is_in_flight(desk):
    """Told to stop, a run ends after the messages on their way, all of them written down."""
    it = desk(60, delay=0.05)
    stop = threading.Event()

    def write(row):
        if len(it.server.mails) >= 5:
            stop.set()
        return letter(row)

    tally = it.settle(write=write, stop=stop)
    assert set(tally.by_state) == {SENT, DeliveryState.PENDING}
    assert tally.by_state[SENT] == len(it.server.mails)
    assert it.settle().by_state == {SENT: 60}


def test_stop_does_not_wait_for_the_pace(desk):
    """A run that waits for tomorrow's quota ends at once when it is told to."""
    it = desk(3)

    def stop_soon(phase, _argument):
        if phase == "content":
            threading.Timer(0.3, delivery.ask_to_stop).start()

    it.server.script = stop_soon
    tally = it.settle(smtp={"limit": "1/day"})
    assert tally.by_state == {SENT: 1, DeliveryState.PENDING: 2}


# --- two senders, and full disks ----------------------------------------------------------


def test_two_senders_never_work_on_one_issue(desk):
    """A second run is told that the first is at it; the lock goes with its holder."""
    it = desk(20, delay=0.05)
    errors = []
    first = threading.Thread(target=it.settle)
    first.start()
    try:
        while not it.server.mails:
            pass
        it.settle()
    except AlreadySending as e:
        errors.append(e)
    first.join()
    assert len(errors) == 1
    assert Counter(it.server.recipients) == Counter(addresses(20))
    assert it.settle().by_state == {SENT: 20}


def test_only_an_issue_that_is_being_sent_is_settled(desk):
    """A draft is refused with the state that it is in."""
    it = desk(1)
    with it.database.write() as conn:
        issues.set_state(
            conn, it.issue, (IssueState.SENDING,), IssueState.APPROVED, now=NOW, actor="ana"
        )
    with pytest.raises(WrongState, match="approved"):
        it.settle()
    assert it.server.mails == []


class FullDisk(Database):
    """A database whose disk is full at some of its commits, counted from 1."""

    def __init__(self, url: str, *, full: Container[int]) -> None:
        super().__init__(url)
        self.full, self.commits = full, 0

    def write(self):
        self.another()
        return super().write()

    def writer(self):
        writer = super().writer()
        begin = writer.begin
        writer.begin = lambda: (self.another(), begin())[1]
        return writer

    def another(self):
        self.commits += 1
        if self.commits in self.full:
            raise StoreFull("no space left on the disk", remedy="Make room.")


def test_a_full_disk_stops_it_before_the_next_message(desk, monkeypatch, caplog):
    """Nothing leaves that cannot be written down; with room again everybody gets theirs once."""
    monkeypatch.setattr("digest.delivery.recorder.PAUSES", (0.01,))
    it = desk(400)
    good = it.database
    it.database = FullDisk(good.url, full=range(13, 10**9))
    with pytest.raises(StoreError, match="no space"):
        it.settle()
    arrived = len(it.server.mails)
    assert 0 < arrived < 400
    gc.collect()
    assert "never retrieved" not in caplog.text

    it.database.close()
    it.database = good
    tally = it.settle()
    assert tally.count(UNCERTAIN) <= delivery.IN_FLIGHT
    assert tally.count(SENT) + tally.count(UNCERTAIN) == 400
    assert max(Counter(it.server.recipients).values()) == 1


def test_answers_are_written_once_there_is_room(desk, monkeypatch):
    """A disk that is full for a moment costs nothing: results are kept and written after it."""
    monkeypatch.setattr("digest.delivery.recorder.PAUSES", (0.01, 0.01, 0.01))

    it = desk(20)
    good, it.database = it.database, FullDisk(it.database.url, full=(6, 7))
    assert it.settle().by_state == {SENT: 20}
    it.database.close()
    it.database = good


def test_the_next_run_takes_up_what_a_dead_one_left(desk):
    """Claims come back, attempts without an answer are uncertain, and the record names them."""
    it = desk(5)
    with it.database.write() as conn:
        ledger.enter(conn, it.issue, "dead", now=NOW)
        rows = ledger.whole(ledger.claim(conn, it.issue, "dead", NOW, 4))
        ledger.whole(ledger.record(conn, it.issue, "dead", rows=rows[:1], now=NOW))
    assert it.settle().by_state == {SENT: 4, UNCERTAIN: 1}
    with it.database.read() as conn:
        (found,) = (row.detail for row in conn.execute(events.select()) if row.what == "recovered")
    assert found == {"uncertain": [rows[0].recipient.subscriber], "resent": False}


def test_the_ledger_must_add_up(desk):
    """A row that vanished is told, and the issue is not called finished."""
    it = desk(3)
    with it.database.write() as conn:
        tallies.count(conn, it.issue, frozen=4, excluded={})
    with pytest.raises(StoreError, match="3 readers, the freeze wrote 4"):
        it.settle()
    assert it.record().state is IssueState.STOPPED


def test_no_more_are_in_flight_than_promised(desk, monkeypatch):
    """Attempted without a result: never more than the bound, however many connections."""
    monkeypatch.setattr(supply, "IN_FLIGHT", 3)
    it = desk(40)
    seen = []

    def look(phase, _argument):
        if phase == "content":  # its answer is not given yet, so it is in flight
            with it.database.read() as conn:
                seen.append(ledger.tally(conn, it.issue).count(DeliveryState.ATTEMPTING))

    it.server.script = look
    it.settle(smtp={"connections": 8})
    assert len(seen) == 40
    assert min(seen) >= 1
    assert max(seen) <= 3


# --- who left, who was taken over, what the disk holds ------------------------------------


def test_whoever_leaves_is_left_out_within_a_second(desk):
    """An unsubscribe while messages wait for a slow server holds for those that wait."""
    it = desk(30, delay=0.7, extensions=("PIPELINING",))
    left = set(addresses(30)[-20:])
    begun_late: list[str] = []
    gone_at = [0.0]

    def look(phase, whom):
        if phase == "content" and len(it.server.mails) == 3:
            for row in it.rows()[-20:]:
                subscription(it.database, row.recipient.subscriber, state="left")
            gone_at[0] = time.monotonic()
        if phase == "rcpt" and gone_at[0] and time.monotonic() > gone_at[0] + 1 + it.server.delay:
            begun_late.append(whom)

    it.server.script = look
    tally = it.settle(smtp={"connections": 2})
    got = left & set(it.server.recipients)
    assert not left & set(begun_late)
    assert len(got) <= 8
    assert tally.by_state == {SENT: 10 + len(got), DeliveryState.SKIPPED: 20 - len(got)}


def test_a_sender_that_was_taken_for_dead_sends_no_more(desk):
    """Whoever takes over removes its right to send: it stops, and its late answers count."""
    it = desk(60, delay=0.02)

    def take_over(phase, _argument):
        if phase == "content" and len(it.server.mails) == 5:
            with it.database.write() as conn:
                found.append(ledger.recover(conn, it.issue, now=NOW, alone=True))

    found = []
    it.server.script = take_over
    with pytest.raises(AlreadySending, match="took over"):
        it.settle(smtp={"connections": 2})
    assert 1 <= len(found[0].uncertain) <= delivery.IN_FLIGHT
    arrived = len(it.server.mails)
    assert arrived < 30
    # Those it had begun were answered after all; whoever waited without a connection was not.
    assert it.states()[SENT] == arrived
    it.server.script = lambda *_: None
    tally = it.settle()
    assert tally.owed == 0
    assert max(Counter(it.server.recipients).values()) == 1
    assert tally.count(SENT) == len(it.server.mails)


@pytest.mark.parametrize("database", ["sqlite"], indirect=True)
def test_a_disk_that_gets_full_ends_the_run_while_it_can_still_write(desk, monkeypatch):
    """With little room left nobody new is written to, and every answer is on record."""
    it = desk(400, delay=0.01)

    def fills_up(phase, _argument):
        if phase == "content" and len(it.server.mails) == 5:
            monkeypatch.setattr("digest.store.database.RESERVE_BYTES", 2**62)

    it.server.script = fills_up
    with pytest.raises(StoreFull, match="no space left"):
        it.settle(smtp={"connections": 2})
    assert it.states()[UNCERTAIN] == 0
    assert it.states()[SENT] == len(it.server.mails) < 400


def test_delivery_works_with_either_event_loop(desk, monkeypatch):
    """uvloop where it is installed, asyncio's own elsewhere: the same mails."""
    it = desk(5)
    monkeypatch.setattr(delivery, "_loop_factory", lambda: None)
    assert it.settle().by_state == {SENT: 5}


@pytest.mark.parametrize("database", ["sqlite"], indirect=True)
def test_a_result_that_comes_during_a_commit_is_written_soon_after(database):
    """Nothing else needs to happen for it: while the disk is slow, answers still come in."""
    issue = an_issue(database)

    async def while_the_disk_is_slow() -> None:
        written = asyncio.Event()
        recorder = a_recorder(database, issue, on_written=lambda _: written.set())
        # With one connection every wait after the first has a thread.
        await recorder.do(lambda _: None)
        with database.write():
            slow = asyncio.create_task(recorder.do(lambda _: None))
            await asyncio.sleep(GATHER_SECONDS)
            recorder.tell(ledger.Result(1, SENT, NOW))
            await asyncio.sleep(GATHER_SECONDS * 3)
        await slow
        try:
            await asyncio.wait_for(written.wait(), 5)
        finally:
            await recorder.close()

    asyncio.run(while_the_disk_is_slow())


@pytest.mark.parametrize("database", ["sqlite"], indirect=True)
@pytest.mark.parametrize(("connections", "in_a_thread"), [(10_000, 0), (1, 7)])
def test_commits_have_a_thread_where_the_mail_server_would_wait(
    database, monkeypatch, connections, in_a_thread
):
    """Where the disk is slow the mails go on meanwhile; now and then it is asked again."""
    monkeypatch.setattr(recorder_module, "PROBED", 8)
    issue = an_issue(database)
    threads: list[int] = []
    event.listen(database.engine, "commit", lambda _: threads.append(threading.get_ident()))

    async def commits() -> None:
        recorder = a_recorder(database, issue, connections=connections)
        for _ in range(8):
            await recorder.do(lambda _: None)
        await recorder.close()

    asyncio.run(commits())
    assert sum(one != threading.get_ident() for one in threads) == in_a_thread


def test_mails_leave_between_the_steps_of_a_commit(database):
    """Neither a slow disk nor the way to a database server stops the event loop."""
    issue = an_issue(database)
    turns = 0

    async def others() -> None:
        nonlocal turns
        while True:
            turns += 1
            await asyncio.sleep(0)

    async def commit() -> int:
        recorder = a_recorder(database, issue)
        await recorder.do(lambda _: None)
        beside = asyncio.create_task(others())
        await recorder.claimed(1)
        beside.cancel()
        await recorder.close()
        return turns

    assert asyncio.run(commit()) > 2


def test_a_cancelled_commit_leaves_the_next_one_whole(database):
    """Whoever gives up waiting does not take the connection away from a commit at work."""
    issue = an_issue(database)

    async def cancelled_and_next() -> int:
        recorder = a_recorder(database, issue)
        await recorder.do(lambda _: None)
        for turns in range(12):
            given_up = asyncio.create_task(recorder.do(lambda _: None))
            for _ in range(turns):
                await asyncio.sleep(0)
            given_up.cancel()
            with suppress(asyncio.CancelledError):
                await given_up
        done = await recorder.do(lambda conn: conn.execute(select(1)).scalar_one())
        await recorder.close()
        return done

    assert asyncio.run(cancelled_and_next()) == 1


def test_whoever_was_taken_over_is_told_without_a_result_to_write(database):
    """A database that has nothing to say but that is not waited for."""
    issue = at_work(database, 3)

    async def asks_again() -> ledger.Leave:
        recorder = a_recorder(database, issue)
        rows = await recorder.claimed(3)
        with database.write() as conn:
            ledger.recover(conn, issue, now=NOW, alone=True)
        try:
            return await asyncio.wait_for(recorder.permission(rows), 5)
        finally:
            await recorder.close()

    leave = asyncio.run(asks_again())
    assert leave.taken_over
    assert leave.go == frozenset()


@pytest.mark.parametrize("turns", range(1, 9))
def test_a_commit_given_up_at_any_step_loses_no_result(database, turns):
    """What it was to write is written over a connection that is in no doubt."""
    issue = at_work(database, 1)

    async def given_up() -> int:
        recorder = a_recorder(database, issue)
        rows = await recorder.claimed(1)
        await recorder.permission(rows)
        recorder.tell(ledger.Result(rows[0].recipient.subscriber, SENT, NOW))
        waiting = asyncio.create_task(recorder.do(lambda _: None))
        for _ in range(turns):
            await asyncio.sleep(0)
        waiting.cancel()
        await asyncio.wait({waiting})
        # The task, and with it what it was at, lives on as the watch of a run does.
        return await recorder.close()

    assert asyncio.run(given_up()) == 0
    with database.read() as conn:
        assert ledger.tally(conn, issue).by_state == {SENT: 1}


def test_a_run_that_cannot_look_after_itself_ends(desk):
    """Whatever keeps it from hearing of a stop ends it: nothing leaves unwatched."""
    it = desk(3)

    def breaks_soon(phase, _argument):
        if phase == "content":
            threading.Timer(0.3, rename).start()

    def rename() -> None:
        with it.database.write() as conn:
            conn.exec_driver_sql("ALTER TABLE issues RENAME TO elsewhere")
        threading.Timer(5, delivery.ask_to_stop).start()

    it.server.script = breaks_soon
    began = time.monotonic()
    with pytest.raises(DBAPIError, match="issues"):
        it.settle(smtp={"limit": "1/day"})
    assert time.monotonic() - began < 4


def at_work(database: Database, people: int) -> int:
    """An issue that the sender of `a_recorder` has taken up; its number."""
    issue = an_issue(database)
    readers(database, addresses(people))
    frozen(database, issue)
    with database.write() as conn:
        ledger.enter(conn, issue, HOLDER, now=NOW)
    return issue


#: The sender's name in the ledger.
HOLDER = "ab" * 16


def a_recorder(
    database: Database,
    issue: int,
    *,
    connections: int = 1,
    on_written: Callable[[Sequence[ledger.Result]], None] = lambda _: None,
) -> Recorder:
    return Recorder(
        database,
        issue,
        HOLDER,
        connections=connections,
        clock=lambda: NOW,
        on_written=on_written,
    )
