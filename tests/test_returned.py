"""What follows for readers from mail that came back: who gets nothing any more, and why."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import replace
from datetime import datetime, timedelta
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from digest import readership, tokens
from digest.bounces import Kind, Refusal, Returned, places
from digest.config import Loaded
from digest.delivery.author import author
from digest.errors import BadToken, ReaderError, SenderFault, StoreFull, Unreachable
from digest.model import DeliveryState, SubscriptionState
from digest.model.settings import Settings
from digest.readership import Outcome
from digest.store import Database, bounces, issues, ledger, outbox, subscriptions, suppressions
from digest.store.schema import deliveries, subscribers
from digest.verdict import Verdict
from digest.verdict.wear import is_worn_out
from tests import imapserver
from tests.audience import NOW, an_issue, frozen, readers

KEY = "k" * 64
MAILBOX = "bounces@recap.example.org"
DAY = timedelta(days=1)


def loaded(**told: object) -> Loaded:
    settings = Settings.model_validate(
        {
            "public_url": "https://recap.example.org",
            "token_key": KEY,
            "bounces": {"address": MAILBOX} | told,
            "newsletters": {
                "weekly-recap": {
                    "title": "Weekly Recap",
                    "from": "Weekly Recap <recap@example.org>",
                    "reply_to": "editors@example.org",
                    "postal_address": "12 Harbour Road, Springfield",
                }
            },
        }
    )
    return Loaded(settings=settings, folder=Path("/"), path=Path("/config.yaml"))


class Desk:
    """One reader who was sent an issue, and what comes back."""

    def __init__(self, database: Database, address: str = "ana@example.org") -> None:
        self.database = database
        self.address = address
        [self.reader] = readers(database, [address])
        self.issue = self.sent(NOW)

    def sent(self, at: datetime, *, state: DeliveryState = DeliveryState.SENT, **told) -> int:
        """Make an issue that was offered for the reader at that hour."""
        issue = an_issue(self.database, key=f"{at:%Y-%m-%d}")
        frozen(self.database, issue)
        with self.database.write() as conn:
            result = {"state": state, "attempts": 1, "changed_at": at, **told}
            conn.execute(deliveries.update().where(deliveries.c.issue_id == issue).values(**result))
        return issue

    def back_to(self, issue: int | None = None) -> str:
        return tokens.return_address(KEY, issue or self.issue, self.reader, MAILBOX)

    def bounce(self, verdict: Verdict, *, key: str = "<1@x>", **told) -> Returned:
        refusal = Refusal(address=self.address, verdict=verdict, status="", said="550 no")
        usual = {"sent_to": (self.back_to(),), "refusals": (refusal,)}
        return Returned(kind=Kind.BOUNCE, key=key, **(usual | told))

    def take(self, *mails: Returned, now: datetime = NOW, **settings) -> Counter[Outcome]:
        return readership.take(self.database, loaded(**settings), mails, now=now)

    @property
    def state(self) -> SubscriptionState:
        with self.database.read() as conn:
            [one] = subscriptions.of_subscriber(conn, self.reader)
            return one.state


@pytest.fixture
def desk(database: Database) -> Desk:
    return Desk(database)


# --- return addresses ---------------------------------------------------------------------


@given(st.integers(1, 2**40), st.integers(1, 2**40))
def test_a_return_address_leads_back_to_one_mail(issue, subscriber):
    """Each reader's mail comes back to an address of its own that any server accepts."""
    made = tokens.return_address(KEY, issue, subscriber, MAILBOX)
    local = made.rpartition("@")[0]
    assert made.isascii()
    assert len(local) <= 64
    assert tokens.opened_return(KEY, made, MAILBOX) == (issue, subscriber)
    assert tokens.opened_return(KEY, made.upper(), MAILBOX) == (issue, subscriber)
    assert tokens.opened_return(f"new,{KEY}", made, MAILBOX) == (issue, subscriber)


@given(st.data())
def test_a_return_address_cannot_be_forged(data):
    """Not by another key, not by changing a letter, not by making one up."""
    made = tokens.return_address(KEY, 7, 12, MAILBOX)
    place = data.draw(st.integers(len("bounces+"), made.index("@") - 1))
    letter = data.draw(st.sampled_from("abcdefghijklmnopqrstuvwxyz234567"))
    forged = made[:place] + letter + made[place + 1 :]
    if forged != made:
        with pytest.raises(BadToken):
            assert tokens.opened_return(KEY, forged, MAILBOX) == (7, 12)
    for nonsense in (data.draw(st.text(max_size=80)), MAILBOX, f"bounces+@{MAILBOX}"):
        with pytest.raises(BadToken):
            tokens.opened_return(KEY, nonsense, MAILBOX)
    with pytest.raises(BadToken):
        tokens.opened_return("other", made, MAILBOX)


# --- bounces ------------------------------------------------------------------------------


@pytest.mark.parametrize("database", ["sqlite"], indirect=True)
@pytest.mark.parametrize(
    ("verdict", "outcome", "state"),
    [
        (Verdict.DEAD, Outcome.SUPPRESSED, SubscriptionState.SUPPRESSED),
        (Verdict.FULL, Outcome.COUNTED, SubscriptionState.ACTIVE),
        (Verdict.REFUSED, Outcome.COUNTED, SubscriptionState.ACTIVE),
        (Verdict.LATER, Outcome.COUNTED, SubscriptionState.ACTIVE),
        (Verdict.OURS, Outcome.OURS, SubscriptionState.ACTIVE),
        (Verdict.THROTTLED, Outcome.OURS, SubscriptionState.ACTIVE),
        (Verdict.ACCEPTED, Outcome.NOTED, SubscriptionState.ACTIVE),
    ],
)
def test_only_a_dead_address_ends_a_subscription_at_once(desk, verdict, outcome, state):
    """A full mailbox is counted, a fault of ours is nobody's, and neither suppresses."""
    assert desk.take(desk.bounce(verdict)) == Counter({outcome: 1})
    assert desk.state is state


@pytest.mark.parametrize("database", ["sqlite"], indirect=True)
def test_a_report_that_a_mail_waits_ends_nothing(desk):
    """“Delayed” is no failure, whatever its code says."""
    refusal = Refusal(address="", verdict=Verdict.DEAD, status="5.1.1", said="", waiting=True)
    assert desk.take(desk.bounce(Verdict.DEAD, refusals=(refusal,))) == Counter({Outcome.NOTED: 1})
    assert desk.state is SubscriptionState.ACTIVE


def test_a_mail_is_taken_once(desk):
    """Read again, in another mailbox or after a crash, it does nothing."""
    mail = desk.bounce(Verdict.FULL)
    assert desk.take(mail, mail) == Counter({Outcome.COUNTED: 1})
    assert desk.take(mail) == Counter()


def test_a_forged_bounce_ends_nothing(desk):
    """Without the tag, the token or the Message-ID of our mail a bounce is only kept."""
    forged = desk.bounce(Verdict.DEAD, sent_to=("bounces+aaaaaaaaaaaa@recap.example.org",))
    assert desk.take(forged) == Counter({Outcome.UNPROVEN: 1})
    assert desk.state is SubscriptionState.ACTIVE


def test_the_copy_of_our_mail_proves_as_well(desk):
    """Where tags are lost on the way, Message-ID or unsubscribe link lead to the reader."""
    message_id = tokens.message_id(KEY, desk.issue, desk.reader, "example.org")
    by_id = desk.bounce(Verdict.FULL, key="<1@x>", sent_to=(), message_id=message_id)
    token = tokens.make(KEY, readership.PURPOSE, desk.reader, "weekly-recap")
    link = f"https://recap.example.org/unsubscribe/{token}"
    by_link = desk.bounce(Verdict.DEAD, key="<2@x>", sent_to=(), links=(link,))
    assert desk.take(by_id, by_link) == Counter({Outcome.COUNTED: 1, Outcome.SUPPRESSED: 1})
    assert desk.state is SubscriptionState.SUPPRESSED


@pytest.mark.parametrize("database", ["sqlite"], indirect=True)
def test_an_alias_is_dead_only_if_all_behind_it_are(desk):
    """An address that leads on to two people still works while one of them gets it."""
    gone = Refusal(address="gone@x.test", verdict=Verdict.DEAD, status="", said="")
    here = Refusal(address="here@x.test", verdict=Verdict.FULL, status="", said="")
    assert desk.take(desk.bounce(Verdict.DEAD, refusals=(gone, here))) == Counter(
        {Outcome.COUNTED: 1}
    )


def test_a_bounce_of_an_address_that_was_left_behind_ends_nothing(desk):
    """Who moved to a new address since, or confirmed again, is not judged by the old one."""
    with desk.database.write() as conn:
        conn.execute(
            subscribers.update().values(
                address="ana@new.example.org", address_key="ana@new.example.org"
            )
        )
    assert desk.take(desk.bounce(Verdict.DEAD)) == Counter({Outcome.NOTED: 1})
    assert desk.state is SubscriptionState.ACTIVE


def test_a_bounce_about_nobody_of_ours_is_kept(desk):
    """It is listed with its words, and changes nothing."""
    refusal = Refusal(address="x@else.test", verdict=Verdict.DEAD, status="", said="550 no")
    stranger = desk.bounce(Verdict.DEAD, sent_to=(), refusals=(refusal,))
    assert desk.take(stranger) == Counter({Outcome.UNKNOWN: 1})
    with desk.database.read() as conn:
        [fact] = bounces.listed(conn)
    assert (fact.address, fact.said) == ("x@else.test", "550 no")


def test_a_genuine_bounce_of_another_database_is_about_nobody(desk):
    """After a restore, tags of readers and issues that are not there any more stop nothing."""
    no_reader = tokens.return_address(KEY, desk.issue, 999, MAILBOX)
    no_issue = tokens.return_address(KEY, 999, desk.reader, MAILBOX)
    token = tokens.make(KEY, readership.PURPOSE, 999, "weekly-recap")
    refusal = Refusal(address="", verdict=Verdict.DEAD, status="5.1.1", said="no")
    mails = [
        desk.bounce(Verdict.DEAD, key="<1@x>", sent_to=(no_reader,), refusals=(refusal,)),
        desk.bounce(Verdict.DEAD, key="<2@x>", sent_to=(no_issue,), refusals=(refusal,)),
        desk.bounce(Verdict.DEAD, key="<3@x>", sent_to=(), links=(token,), refusals=(refusal,)),
    ]
    assert desk.take(*mails) == Counter({Outcome.UNKNOWN: 3})
    assert desk.take(reply(desk, subject=f"unsubscribe {token}")) == Counter({Outcome.TASK: 1})


def test_what_no_database_can_hold_does_not_stop_the_reading(desk):
    """A NUL or half a character in a subject or an address is kept as a blank."""
    nasty = "a\x00b\ud800c"
    refusal = Refusal(address=nasty, verdict=Verdict.DEAD, status="", said=nasty)
    mails = [
        desk.bounce(Verdict.DEAD, key="<1@x>", sent_to=(), refusals=(refusal,)),
        reply(desk, sender=nasty, subject=nasty),
        complaint(desk, feedback=nasty, complained=(nasty,), sent_to=()),
    ]
    assert sum(desk.take(*mails).values()) == 3


def test_erasure_forgets_what_came_back(desk):
    """After erasure no address and no server's words about it are left."""
    desk.take(desk.bounce(Verdict.FULL))
    readership.erase(desk.database, loaded(), desk.address, now=NOW)
    with desk.database.read() as conn:
        [fact] = bounces.listed(conn)
    assert (fact.address, fact.said) == ("", "")


# --- soft bounces -------------------------------------------------------------------------


def test_issues_that_come_back_in_a_row_end_a_subscription(desk):
    """Four in a row over three weeks do; the fourth is the last the reader was sent."""
    issues = [desk.issue] + [desk.sent(NOW + 7 * DAY * week) for week in range(1, 4)]
    for week, issue in enumerate(issues):
        assert desk.state is SubscriptionState.ACTIVE
        mail = desk.bounce(Verdict.FULL, key=f"<{week}@x>", sent_to=(desk.back_to(issue),))
        desk.take(mail, now=NOW + 7 * DAY * week + timedelta(hours=2))
    assert desk.state is SubscriptionState.SUPPRESSED


@given(st.lists(st.booleans(), max_size=12), st.integers(2, 6), st.integers(0, 40))
def test_an_issue_that_arrived_begins_the_count_anew(arrived, times, days):
    """However many came back before it, one that arrived is a fresh start."""
    tries = [(NOW - 7 * DAY * week, not ok) for week, ok in enumerate(arrived)]
    row = next((i for i, ok in enumerate(arrived) if ok and i > 0), len(arrived))
    worn = is_worn_out(tries, times=times, over=days * DAY, now=NOW + DAY)
    back = [at for at, came_back in tries[:row] if came_back]
    assert worn == (len(back) >= times and back[0] - back[-1] >= days * DAY)


def test_many_bounces_within_days_are_one_bad_week(desk):
    """A mailbox that is full for a week is no dead one, however often we wrote to it."""
    tries = [(NOW - DAY * day, True) for day in range(7)]
    assert not is_worn_out(tries, times=4, over=21 * DAY, now=NOW)
    assert is_worn_out(tries, times=4, over=6 * DAY, now=NOW)


def test_what_a_server_refused_at_once_counts_like_a_bounce(database):
    """A “no such user” in our own conversation suppresses; a second look finds nothing new."""
    desk = Desk(database)
    desk.sent(NOW + DAY, state=DeliveryState.FAILED, reason="dead", answer="550 5.1.1 no")
    assert readership.take_refusals(database, loaded(), now=NOW + DAY) == Counter(
        {Outcome.SUPPRESSED: 1}
    )
    assert desk.state is SubscriptionState.SUPPRESSED
    assert readership.take_refusals(database, loaded(), now=NOW + DAY) == Counter()


# --- complaints ---------------------------------------------------------------------------


def complaint(desk: Desk, **told) -> Returned:
    usual = {"sent_to": (desk.back_to(),), "feedback": "abuse", "key": "<c@x>"}
    return Returned(kind=Kind.COMPLAINT, **(usual | told))


def test_a_complaint_suppresses_at_once(desk):
    """“This is spam” ends every subscription of that reader, and an import revives none."""
    assert desk.take(complaint(desk)) == Counter({Outcome.SUPPRESSED: 1})
    assert desk.state is SubscriptionState.SUPPRESSED
    with desk.database.read() as conn:
        assert suppressions.among(conn, [tokens.address_hash(KEY, desk.address)])


def test_a_complaint_of_which_nobody_can_tell_whose_it_is_waits_for_a_person(desk):
    """A provider that blacks out everything leaves a task, not a loss."""
    unnamed = complaint(desk, sent_to=("abuse@example.org",), complained=())
    assert desk.take(unnamed) == Counter({Outcome.TASK: 1})


@pytest.mark.parametrize("database", ["sqlite"], indirect=True)
@pytest.mark.parametrize("feedback", ["not-spam", "auth-failure"])
def test_a_report_that_is_no_complaint_ends_nothing(desk, feedback):
    """“Not spam” and reports about signatures are noted."""
    assert desk.take(complaint(desk, feedback=feedback)) == Counter({Outcome.NOTED: 1})
    assert desk.state is SubscriptionState.ACTIVE


# --- people -------------------------------------------------------------------------------


def reply(desk: Desk, **told) -> Returned:
    usual = {"key": "<r@x>", "sender": desk.address, "subject": "Re: Weekly Recap", "text": "Hi."}
    return Returned(kind=Kind.REPLY, **(usual | told))


def test_the_mail_that_our_header_asks_for_leaves(desk):
    """List-Unsubscribe's mailto: brings the reader's token, and they are gone at once."""
    token = tokens.make(KEY, readership.PURPOSE, desk.reader, "weekly-recap")
    mail = reply(desk, subject=f"unsubscribe {token}", sender="whoever@else.test")
    assert desk.take(mail) == Counter({Outcome.LEFT: 1})
    assert desk.state is SubscriptionState.LEFT


@pytest.mark.parametrize("database", ["sqlite"], indirect=True)
@pytest.mark.parametrize(
    "words",
    ["Please remove me.", "UNSUBSCRIBE", "Stop.", "Bitte abmelden", "Me désinscrire svp"],
)
def test_who_asks_to_leave_without_proof_is_one_click_for_a_person(desk, words):
    """A sender's address can be forged, so a person lets them go: one command."""
    assert desk.take(reply(desk, text=words)) == Counter({Outcome.TASK: 1})
    assert desk.state is SubscriptionState.ACTIVE
    with desk.database.read() as conn:
        [task] = bounces.listed(conn, outcomes=[Outcome.TASK], waiting=True)
    readership.settle_task(desk.database, loaded(), task.id, leave=True, now=NOW)
    assert desk.state is SubscriptionState.LEFT
    with pytest.raises(ReaderError, match="waits for you"):
        readership.settle_task(desk.database, loaded(), task.id, leave=True, now=NOW)


@pytest.mark.parametrize("database", ["sqlite"], indirect=True)
def test_leaving_is_understood_in_many_languages(desk):
    """A reader writes in their own language, and need not know ours."""
    words = [
        "Aus dem Verteiler nehmen bitte", "Retirez-moi de la liste", "No deseo recibir más correos",
        "Vorrei cancellarmi", "Não quero mais receber", "Graag uitschrijven", "Avregistrera mig",
        "Proszę mnie wypisać", "Odhlásit", "Отпишите меня", "配信停止をお願いします", "取消订阅",
        "구독 취소", "הסירו אותי", "إلغاء الاشتراك", "Leiratkozás", "Abonelikten çık",
    ]  # fmt: skip
    mails = [reply(desk, text=said, key=f"<{place}@x>") for place, said in enumerate(words)]
    assert desk.take(*mails) == Counter({Outcome.TASK: len(words)})


@pytest.mark.parametrize("database", ["sqlite"], indirect=True)
def test_praise_is_not_taken_for_leaving(desk):
    """“Never unsubscribe me” is passed on like any other word."""
    mails = [
        reply(desk, text=said, key=f"<{place}@x>")
        for place, said in enumerate(["Never unsubscribe me!", "Please don't stop sending these"])
    ]
    assert desk.take(*mails) == Counter({Outcome.FORWARDED: 2})


def test_a_quoted_newsletter_asks_for_nothing(desk):
    """“Unsubscribe” in the newsletter below an answer is not the reader's wish."""
    text = "Thank you, fine reading!\n\n> Unsubscribe: https://recap.example.org\n"
    assert desk.take(reply(desk, text=text)) == Counter({Outcome.FORWARDED: 1})
    headed = "Fine!\n\nVon: Weekly Recap\nGesendet: Freitag\nBetreff: x\n\nUnsubscribe here"
    mail = reply(desk, text=headed, key="<s@x>")
    assert desk.take(mail) == Counter({Outcome.FORWARDED: 1})


def test_a_persons_words_reach_the_editors(desk):
    """What a reader wrote goes to reply_to through the outbox, once."""
    desk.take(reply(desk))
    desk.take(reply(desk))
    with desk.database.write() as conn:
        [letter] = outbox.claim(conn, "me", now=NOW, lease=DAY, size=10)
    assert letter.address == "editors@example.org"
    assert "ana@example.org" in letter.text
    assert "Hi." in letter.text


@pytest.mark.parametrize("database", ["sqlite"], indirect=True)
def test_an_answer_that_would_come_back_here_is_listed(desk):
    """Where reply_to is this very mailbox, nothing is sent round and round."""
    settings = loaded()
    newsletter = settings.settings.newsletters["weekly-recap"]
    newsletter = newsletter.model_copy(update={"reply_to": MAILBOX})
    changed = settings.settings.model_copy(update={"newsletters": {"weekly-recap": newsletter}})
    found = readership.take(
        desk.database, replace(settings, settings=changed), [reply(desk)], now=NOW
    )
    assert found == Counter({Outcome.TASK: 1})


@pytest.mark.parametrize("database", ["sqlite"], indirect=True)
def test_an_automatic_answer_is_filed(desk):
    """It ends nothing, asks nobody for anything, and is answered by nobody."""
    away = Returned(kind=Kind.AUTOMATIC, key="<a@x>", sent_to=(desk.back_to(),))
    assert desk.take(away) == Counter({Outcome.NOTED: 1})
    assert desk.state is SubscriptionState.ACTIVE


# --- from the server and back -------------------------------------------------------------


@pytest.mark.parametrize("database", ["sqlite"], indirect=True)
def test_an_issue_leaves_with_each_readers_own_return_address(desk):
    """The envelope sender of a mail leads to its issue and its reader, and no other."""
    with desk.database.read() as conn:
        issue = issues.by_id(conn, desk.issue)
        [row] = ledger.listed(conn, desk.issue)
    write = author(desk.database, loaded(), issue, clock=lambda: NOW)
    assert write(row).envelope_from == desk.back_to()
    untagged = author(desk.database, loaded(tags=False), issue, clock=lambda: NOW)
    assert untagged(row).envelope_from == MAILBOX


# --- mailboxes ----------------------------------------------------------------------------


def dsn(desk: Desk, number: int, status: str = "5.1.1") -> bytes:
    return (
        "From: MAILER-DAEMON@relay.test\r\n"
        f"To: {desk.back_to()}\r\n"
        f"Message-ID: <dsn-{number}@relay.test>\r\n"
        "Subject: Undelivered Mail Returned to Sender\r\n"
        'Content-Type: multipart/report; report-type=delivery-status; boundary="p"\r\n\r\n'
        "--p\r\nContent-Type: message/delivery-status\r\n\r\n"
        "Reporting-MTA: dns; relay.test\r\n\r\n"
        f"Final-Recipient: rfc822; {desk.address}\r\nAction: failed\r\nStatus: {status}\r\n"
        f"Diagnostic-Code: smtp; 550 {status} no\r\n\r\n--p--\r\n"
    ).encode()


@pytest.mark.parametrize("database", ["sqlite"], indirect=True)
def test_a_file_of_mails_is_read(desk):
    """An mbox or a single mail does the same as a mailbox."""
    box = b"".join(
        b"From MAILER-DAEMON Fri Sep 22 13:00:00 2023\n" + dsn(desk, n, "4.2.2") + b"\n"
        for n in range(3)
    )
    mails = places.in_file(box)
    assert len(mails) == 3
    found = readership.read_mails(desk.database, loaded(), mails, now=NOW)
    assert found == Counter({Outcome.COUNTED: 3})
    assert places.in_file(b"") == []


@pytest.mark.parametrize("database", ["sqlite"], indirect=True)
def test_a_maildir_is_read_and_marked(desk, tmp_path):
    """What is unread is read once, and is marked as seen for who looks into it."""
    for name in ("new", "cur", "tmp"):
        (tmp_path / name).mkdir()
    (tmp_path / "new" / "1.a").write_bytes(dsn(desk, 1))
    found = readership.read_maildir(desk.database, loaded(), tmp_path, now=NOW)
    assert found == Counter({Outcome.SUPPRESSED: 1})
    assert [file.name for file in (tmp_path / "cur").iterdir()] == ["1.a:2,S"]
    assert readership.read_maildir(desk.database, loaded(), tmp_path, now=NOW) == Counter()
    with pytest.raises(Unreachable, match="no maildir"):
        readership.read_maildir(desk.database, loaded(), tmp_path / "none", now=NOW)


@pytest.fixture
def dovecot(needs: Callable) -> Iterator[imapserver.ImapServer]:
    """A real IMAP server on a free port."""
    with imapserver.running(needs) as server:
        yield server


def imap(server: imapserver.ImapServer, **told: object) -> dict[str, object]:
    usual = {"imap": "127.0.0.1", "port": server.port, "tls": "none"}
    return usual | {"user": "bounces", "password": "s3cret"} | told


def test_an_imap_folder_is_read_and_marked_once_it_is_kept(desk, dovecot):
    """Mails are marked as seen after the commit, and the next reading begins behind them."""
    dovecot.deliver(dsn(desk, 1, "4.2.2"), dsn(desk, 2, "4.2.2"))
    settings = loaded(**imap(dovecot))
    found = readership.read_mailboxes(desk.database, settings, now=NOW)
    assert found == Counter({Outcome.COUNTED: 2})
    assert dovecot.seen() == 2
    assert readership.read_mailboxes(desk.database, settings, now=NOW) == Counter()
    dovecot.deliver(dsn(desk, 3))
    found = readership.read_mailboxes(desk.database, settings, now=NOW)
    assert found == Counter({Outcome.SUPPRESSED: 1})


def test_the_imap_server_is_blamed_for_its_own_faults(dovecot, tmp_path):
    """What breaks beside it while its folder is open is told as it is."""
    settings = loaded(**imap(dovecot)).settings.bounces
    with pytest.raises(FileNotFoundError), places.folder(settings, beside=tmp_path):
        (tmp_path / "gone").read_bytes()


def test_a_mail_that_could_not_be_kept_stays_unread(desk, dovecot, monkeypatch):
    """If the database refuses, nothing is marked, and the next reading takes it."""
    dovecot.deliver(dsn(desk, 1))
    settings = loaded(**imap(dovecot))
    with monkeypatch.context() as patch:
        patch.setattr(bounces, "note_read", _full)
        with pytest.raises(StoreFull):
            readership.read_mailboxes(desk.database, settings, now=NOW)
    assert dovecot.seen() == 0
    assert desk.state is SubscriptionState.ACTIVE
    found = readership.read_mailboxes(desk.database, settings, now=NOW)
    assert found == Counter({Outcome.SUPPRESSED: 1})


def _full(*_args: object, **_told: object) -> None:
    raise StoreFull("no space left")


def test_a_mailbox_that_was_made_anew_is_read_from_its_beginning(desk, dovecot):
    """Numbers of another UIDVALIDITY are of other mails; known mails still count once."""
    dovecot.deliver(dsn(desk, 1, "4.2.2"), dsn(desk, 2, "4.2.2"))
    settings = loaded(**imap(dovecot))
    readership.read_mailboxes(desk.database, settings, now=NOW)
    dovecot.begin_anew()
    dovecot.deliver(dsn(desk, 1, "4.2.2"), dsn(desk, 3, "4.2.2"))
    found = readership.read_mailboxes(desk.database, settings, now=NOW)
    assert found == Counter({Outcome.COUNTED: 1})


@pytest.mark.parametrize("database", ["sqlite"], indirect=True)
@pytest.mark.parametrize(
    ("wrong", "error", "said"),
    [
        ({"password": "no"}, SenderFault, "BOUNCES_PASSWORD"),
        ({"folder": "Nowhere"}, SenderFault, "Nowhere"),
        ({"tls": "starttls"}, SenderFault, "STARTTLS"),
        ({"port": 1}, Unreachable, "does not answer"),
    ],
)
def test_an_imap_server_that_does_not_work_with_us_is_named(desk, dovecot, wrong, error, said):
    """Password, folder, encryption or connection: the line says which, and what to do."""
    with pytest.raises(error) as caught:
        readership.read_mailboxes(desk.database, loaded(**imap(dovecot, **wrong)), now=NOW)
    assert said in f"{caught.value} {caught.value.remedy}"
