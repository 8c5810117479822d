"""All mail but the issues: written once, sent with patience."""

from __future__ import annotations

import socket
from datetime import timedelta
from email import message_from_bytes, policy

import pytest

from digest import notices
from digest.errors import SenderFault, Unreachable
from digest.model import DeliveryState
from digest.store import outbox
from digest.store.schema import outbox as table
from tests.audience import NEWSLETTER, NOW
from tests.mailserver import CUT_AFTER, MailServer, running
from tests.test_delivery import loaded, once

LEASE = timedelta(minutes=15)


def put(database, key="confirm:1", *, commit=True, **told):
    letter = {
        "idempotency_key": key,
        "newsletter": NEWSLETTER,
        "kind": "confirm",
        "address": "ana@example.org",
        "subject": "Please confirm",
        "html": "<!doctype html><html><body><p>Confirm.</p></body></html>",
        "text": "Confirm.\n",
        "due_at": NOW,
        "now": NOW,
    }
    with database.write() as conn:
        written = outbox.put(conn, **(letter | told))
        if not commit:
            raise RuntimeError("what caused it failed")
    return written


def deliver(database, server, now=NOW, **smtp):
    return notices.deliver_outbox(database, loaded(server.port, **smtp), clock=lambda: now)


def rows(database):
    with database.read() as conn:
        return conn.execute(table.select().order_by(table.c.id)).all()


@pytest.fixture
def server():
    with running(MailServer()) as server:
        yield server


def test_the_same_mail_is_written_once(database):
    """A key that is there already keeps the row that was there first."""
    assert put(database) is True
    assert put(database, subject="Another") is False
    assert [row.subject for row in rows(database)] == ["Please confirm"]


def test_a_mail_goes_with_what_caused_it(database, server):
    """If the transaction that wrote it fails, it was never written."""
    with pytest.raises(RuntimeError):
        put(database, commit=False)
    assert deliver(database, server) == 0
    assert server.mails == []


def test_mails_that_are_due_leave_once(database, server):
    """Due ones are sent with the newsletter's name, a stable id, and not again; others wait."""
    put(database)
    put(database, "confirm:2", address="ben@example.org", due_at=NOW + timedelta(hours=1))

    assert deliver(database, server) == 1
    assert deliver(database, server) == 0

    mail = message_from_bytes(server.mails[0].content, policy=policy.default)
    assert (mail["To"], mail["Subject"]) == ("ana@example.org", "Please confirm")
    assert mail["From"].addresses[0].addr_spec == "recap@example.org"
    assert mail["Auto-Submitted"] == "auto-generated"
    assert mail["List-Unsubscribe"] is None
    assert mail["Message-ID"].endswith("@example.org>")
    assert mail.get_body(("plain",)).get_content().strip() == "Confirm."
    assert [row.state for row in rows(database)] == ["sent", "pending"]
    assert deliver(database, server, now=NOW + timedelta(hours=1)) == 1


def test_a_mail_in_text_alone_is_one_part(database, server):
    """Who wants no HTML gets text/plain, and no empty part beside it."""
    put(database, html="")
    deliver(database, server)
    mail = message_from_bytes(server.mails[0].content, policy=policy.default)
    assert mail.get_content_type() == "text/plain"
    assert mail.get_content().strip() == "Confirm."


def test_a_put_off_mail_is_tried_again(database, server):
    """A 4yz waits its minutes and comes again, under the same Message-ID."""
    put(database)
    server.script = once("content", "451 4.3.0 later")
    assert deliver(database, server) == 0
    assert deliver(database, server) == 0
    assert deliver(database, server, now=NOW + timedelta(minutes=10)) == 1
    assert [row.attempts for row in rows(database)] == [2]


def test_a_dead_address_fails(database, server):
    """A 5yz at RCPT is final for that mail; the next one goes."""
    put(database)
    put(database, "confirm:2", address="ben@example.org")
    server.script = once("rcpt", "550 5.1.1 no such user")
    assert deliver(database, server) == 1
    assert [row.state for row in rows(database)] == ["failed", "sent"]


def test_an_attempt_without_an_answer_is_repeated(database, server):
    """Two copies of a confirmation are better than none; both have one Message-ID."""
    put(database)
    server.script = once("content", CUT_AFTER)
    deliver(database, server)
    deliver(database, server, now=NOW + timedelta(minutes=10))
    first, second = (message_from_bytes(mail.content)["Message-ID"] for mail in server.mails)
    assert first == second


def test_a_dead_server_loses_no_mail(database, server):
    """No connection: an error, the mail waits, no attempt is counted."""
    put(database)
    put(database, "confirm:2")
    port = server.port
    with socket.socket() as mute:  # has a port, and takes no connection
        mute.bind(("127.0.0.1", 0))
        server.port = mute.getsockname()[1]
        with pytest.raises(Unreachable):
            deliver(database, server)
    assert [(row.state, row.attempts) for row in rows(database)] == [("pending", 0)] * 2
    server.port = port
    assert deliver(database, server) == 2


def test_a_refused_password_loses_no_mail(database, server):
    """A fault of ours is told; the mails wait for who mends it."""
    server.extensions = ("AUTH PLAIN",)
    server.script = once("auth", "535 5.7.8 no", times=9)
    put(database)
    with pytest.raises(SenderFault):
        deliver(database, server, user="us", password="secret")
    assert [row.state for row in rows(database)] == ["pending"]


def test_two_senders_never_take_one_mail(database):
    """A claimed mail is nobody else's until its lease has run out."""
    put(database)
    with database.write() as conn:
        assert len(outbox.claim(conn, "a", now=NOW, lease=LEASE, size=9)) == 1
    with database.write() as conn:
        assert outbox.claim(conn, "b", now=NOW, lease=LEASE, size=9) == []
        (taken,) = outbox.claim(conn, "b", now=NOW + LEASE + LEASE, lease=LEASE, size=9)
    with database.write() as conn:
        sent = DeliveryState.SENT
        assert not outbox.settle(conn, taken.id, "a", sent, "250", now=NOW)
        assert outbox.settle(conn, taken.id, "b", sent, "250", now=NOW)
        assert outbox.counts(conn) == {sent: 1}


def test_a_mail_of_a_removed_newsletter_fails_with_the_reason(database, server):
    """Without its newsletter nobody knows from whom it should come."""
    put(database, newsletter="gone")
    assert deliver(database, server) == 0
    assert "gone" in rows(database)[0].answer


def test_a_notice_is_rendered_and_posted_once(database, server):
    """`post` fills the template's three files; the same key posts nothing."""
    told = {
        "newsletter_key": NEWSLETTER,
        "kind": "confirm",
        "address": "ana@example.org",
        "idempotency_key": "confirm:ana",
        "values": {"confirm_url": "https://recap.example.org/confirm/x", "source": "the form"},
        "now": NOW,
    }
    with database.write() as conn:
        assert notices.post(conn, loaded(1), **told) == 1
        assert notices.post(conn, loaded(1), **told) == 0
    assert deliver(database, server) == 1
    assert b"confirm" in server.mails[0].content
