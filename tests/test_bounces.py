"""What a mail that came back is, whatever program wrote it."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from digest.bounces import Kind, Returned, read
from digest.verdict import Verdict

CORPUS = Path(__file__).parent / "corpus" / "bounces"


def mail(name: str) -> Returned:
    return read((CORPUS / f"{name}.eml").read_bytes())


@pytest.mark.parametrize(
    ("name", "address", "verdict"),
    [
        ("dsn-no-such-user", "ana@dead.test", Verdict.DEAD),
        ("dsn-queue-expired", "bob@full.test", Verdict.FULL),
        ("dsn-delayed", "eva@slow.test", Verdict.LATER),
        ("ours-policy", "ana@provider.test", Verdict.OURS),
        ("words-no-such-user", "ana@old.test", Verdict.DEAD),
        ("html-only", "ana@html.test", Verdict.DEAD),
        ("iso-2022-jp", "ana@japan.test", Verdict.FULL),
    ],
)
def test_a_bounce_names_its_recipient_and_cause(name, address, verdict):
    """With RFC 3464's fields or in a server's own words, in HTML or Japanese, it is understood."""
    found = mail(name)
    assert found.kind is Kind.BOUNCE
    assert [(one.address, one.verdict) for one in found.refusals] == [(address, verdict)]


def test_each_recipient_of_a_report_has_a_cause_of_their_own():
    """One reader's full mailbox is not taken for the other's death."""
    found = {one.address: one.verdict for one in mail("words-two-people").refusals}
    assert found == {"ana@two.test": Verdict.DEAD, "bob@two.test": Verdict.FULL}
    alias = [one.verdict for one in mail("dsn-alias-of-two").refusals]
    assert alias == [Verdict.DEAD, Verdict.ACCEPTED]


def test_a_queue_that_gave_up_is_soft():
    """`Action: failed` with `Status: 4.2.2` is no death: the address may be good."""
    [found] = mail("dsn-queue-expired").refusals
    assert (found.status, found.verdict, found.waiting) == ("4.2.2", Verdict.FULL, False)
    assert mail("dsn-delayed").refusals[0].waiting


def test_what_a_bounce_carries_of_our_mail_is_kept():
    """Return address, Message-ID and unsubscribe link lead to the reader, whoever was redacted."""
    found = mail("dsn-no-such-user")
    assert "bounces+tag@recap.example.org" in found.sent_to
    assert found.message_id == "<abcdefgh@example.org>"
    assert found.links == ("https://recap.example.org/unsubscribe/TOKEN",)
    assert mail("words-no-such-user").message_id == "<copied@example.org>"


def test_a_complaint_is_told_from_a_bounce():
    """RFC 5965's report keeps its type, and the address that our mail was returned to."""
    found = mail("arf-abuse")
    assert (found.kind, found.feedback) == (Kind.COMPLAINT, "abuse")
    assert found.links == ("https://recap.example.org/unsubscribe/TOKEN",)
    assert "bounces+tag@recap.example.org" in found.sent_to


@pytest.mark.parametrize("kind", ["message/feedback-report", "text/plain", "application/x-any"])
def test_a_complaint_is_found_under_any_type(kind):
    """Some providers give RFC 5965's part another type than its own."""
    raw = (CORPUS / "arf-abuse.eml").read_bytes()
    found = read(raw.replace(b"message/feedback-report", kind.encode()))
    assert (found.kind, found.feedback) == (Kind.COMPLAINT, "abuse")


def test_our_mail_passed_back_as_spam_is_a_complaint():
    """A provider without a report of the standard says so in words, above our own mail."""
    body = "--b\n\nA user {} as spam.\n\n--b\nContent-Type: message/rfc822\n\n{}\nHello\n--b--\n"
    head = 'From: tos@provider.test\nContent-Type: multipart/mixed; boundary="b"\n\n'
    ours = "Message-ID: <m@example.org>\nTo: ana@provider.test\n"
    found = read((head + body.format("marked this", ours)).encode())
    assert (found.kind, found.complained) == (Kind.COMPLAINT, ("ana@provider.test",))
    filtered = head + body.replace("A user {}", "Your mail was marked").format(ours)
    assert read(filtered.encode()).kind is Kind.REPLY
    bounced = filtered.replace("tos@", "MAILER-DAEMON@")
    assert read(bounced.encode()).kind is Kind.BOUNCE


def test_an_absent_readers_program_is_no_bounce():
    """A vacation reply stays one though it has an empty return path and speaks of failure."""
    assert mail("vacation").kind is Kind.AUTOMATIC


def test_a_person_is_heard():
    """A reader who answers is a person, even under a subject that sounds like a bounce."""
    found = mail("person")
    assert (found.kind, found.sender) == (Kind.REPLY, "ana@readers.test")
    assert found.text == "The second link was wrong. Thank you for the rest!"


def test_the_same_mail_has_the_same_key():
    """Read again, it is known again: by its Message-ID, or by its bytes where it has none."""
    assert mail("dsn-no-such-user").key == "<dsn-1@relay.test>"
    without = mail("words-no-such-user").key
    assert len(without) == 64
    assert without == mail("words-no-such-user").key


@given(st.binary(max_size=2000))
def test_whatever_comes_is_read(raw):
    """No bytes in a mailbox stop the reading of the next mail."""
    assert read(raw).kind in Kind


@given(st.data())
def test_a_bounce_cut_anywhere_is_read(data):
    """Half a report is still read, and never kills an address that the whole one does not."""
    name = data.draw(st.sampled_from(sorted(CORPUS.glob("*.eml"))))
    raw = name.read_bytes()
    found = read(raw[: data.draw(st.integers(0, len(raw)))])
    assert found.kind in Kind


@pytest.mark.parametrize(
    "body",
    [b"a" * 900_000, b"<a" * 400_000, b"-" * 900_000, b"<script " * 100_000, b"a@b.c " * 100_000],
)
@pytest.mark.parametrize("kind", [b"text/plain", b"text/html"])
def test_a_long_line_is_no_trap(body, kind):
    """A mail made to keep a parser busy is read like any other."""
    head = b"From: MAILER-DAEMON@x.test\nSubject: failure notice\nContent-Type: " + kind
    assert read(head + b"\n\n" + body).kind is Kind.BOUNCE


def test_parts_within_parts_are_no_trap():
    """Three thousand parts, each in the one before, are given up, not followed."""
    nested = b"".join(
        b'Content-Type: multipart/mixed; boundary="%d"\n\n--%d\n' % (i, i) for i in range(3000)
    )
    assert read(b"From: MAILER-DAEMON@x.test\n" + nested).kind in Kind


# --- in the words of many servers ---------------------------------------------------------


def written(
    text: str,
    *,
    subject: str = "Undelivered",
    sender: str = "MAILER-DAEMON@relay.test",
    **more: str,
) -> Returned:
    """Return what a mail of *text* is; *more* are headers, with _ for -."""
    headers = {
        "From": sender,
        "To": "bounces+tag@recap.example.org",
        "Subject": subject,
        "Content-Type": "text/plain; charset=utf-8",
        **{name.replace("_", "-"): value for name, value in more.items()},
    }
    head = "".join(f"{name}: {value}\n" for name, value in headers.items())
    return read(f"{head}\n{text}".encode())


@pytest.mark.parametrize(
    ("text", "verdict"),
    [
        ("The mailbox is full: <ana@odd.test>\nNothing was stored.", Verdict.FULL),
        ("Undeliverable Address: ana@odd.test\nReason: over disk quota", Verdict.FULL),
        ("* [ana@odd.test]: 552 the user's mailfolder is full", Verdict.FULL),
        ("Das Postfach von ana@odd.test ist leider voll.", Verdict.FULL),
        ("c=US;o=Odd;dda:SMTP=ana@odd.test; today\nThe recipient name is not recognized", "dead"),
        ("Recipient: [SMTP:ana@odd.test]\nReason: 550 no mail box here", Verdict.DEAD),
        ("Invalid final delivery userid: ana@odd.test", Verdict.DEAD),
        ("Unknown user: ana@odd.test\nRCPT TO generated this: 553 Addressee unknown", Verdict.DEAD),
        ("No longer a valid user here:\n(once addressed to 'ana@odd.test')", Verdict.DEAD),
        ("L'adresse ana@odd.test n'existe pas.", Verdict.DEAD),
        ("Local mailbox ana@odd.test is unavailable: user not found", Verdict.DEAD),
        ("<ana@odd.test>: host mx.odd.test said: 550 ana@odd.test...User unknown (in reply"
         " to\n    RCPT TO command)", Verdict.DEAD),
        ("--> RCPT To:<ana@odd.test>\n<-- 550 no\n\nana@odd.test - no such user here", "dead"),
        ("ana@odd.test\n\nThe address is wrong or not a valid mailbox.", Verdict.DEAD),
        ("ana@odd.test\nSubject: Results of your email commands\nIt did not arrive.", "refused"),
        ("<ana@odd.test>: the group may not exist, or you may not post to it.", "refused"),
        ("<ana@odd.test>: name service error for name=odd.test: malformed reply", "refused"),
        ("<ana@odd.test>: 550 Empfaenger unbekannt", Verdict.DEAD),
        ("<ana@odd.test>: 550 cuda_nsu ana@odd.test", Verdict.DEAD),
        ("<ana@odd.test>: 550 #5.1.0 Address rejected.", Verdict.DEAD),
        ("To ana@odd.test: 550 the return-path address does not exist", Verdict.OURS),
        ("<ana@odd.test>: Diese Absenderadresse existiert nicht", Verdict.OURS),
        ("<ana@odd.test>: 550 HELO host not found", Verdict.OURS),
        ("<ana@odd.test>: 554 sender is not pre-approved by this person", Verdict.REFUSED),
    ],
)  # fmt: skip
def test_any_words_name_a_recipient_and_a_cause(text, verdict):
    """
    Exchange's X.400 names, IMail, MailEnable, Mail.ru, Courier, line breaks at any place.

    The words are ours; their forms are those of samples in flufl.bounce's and
    Mail::DeliveryStatus::BounceParser's tests.
    """
    [found] = written(text).refusals
    assert (found.address, found.verdict) == ("ana@odd.test", verdict)


@pytest.mark.parametrize(
    "text",
    [
        "ana@slow.test\nDelivery attempts will continue to be made for 5 day(s).",
        'Delivery to "ana@slow.test" has been postponed due to a full mailbox.',
        "THIS IS A WARNING ONLY.\n\nana@slow.test\n\nWe go on for 2 days.",
        "The mail has not yet been\ndelivered to:\n\n  ana@slow.test\n    no answer",
    ],
)
def test_a_warning_is_no_failure(text):
    """A mail that still waits says nothing of its reader, wherever the warning stands."""
    [found] = written(text).refusals
    assert (found.address, found.waiting) == ("ana@slow.test", True)


def test_the_writer_is_not_the_recipient():
    """Exim names who sent the mail first; an empty line above the headers hides nothing."""
    told = (
        "\n  \nFrom: Mailer-Daemon@odd.test\nSubject: Mail delivery failed\n\n"
        "A message sent by\n\n  <editors@example.org>\n\ncould not be delivered to:\n\n"
        "  ana@odd.test\n    SMTP error after RCPT TO:<ana@odd.test>:\n    550 No such user\n"
    )
    [found] = read(told.encode()).refusals
    assert (found.address, found.verdict) == ("ana@odd.test", Verdict.DEAD)


def test_a_scanners_footer_is_not_the_cause():
    """A disclaimer about viruses under a report does not turn a dead address into our fault."""
    report = (
        'From: postmaster@odd.test\nContent-Type: multipart/report; boundary="b"\n\n'
        "--b\n\nDelivery failed:\n\n    ana@odd.test\n\n" + 60 * "_" + "\n"
        "Scanned for viruses and spam.\n\n--b\nContent-Type: message/delivery-status\n\n"
        "Reporting-MTA: dns; odd.test\n\nFinal-Recipient: rfc822; ana@odd.test\n"
        "Action: failed\nStatus: 5.1.1\n\n--b--\n"
    )
    assert [one.verdict for one in read(report.encode()).refusals] == [Verdict.DEAD]


def test_a_gateway_that_marks_its_bounce_as_bulk_is_heard():
    """Precedence: bulk, or Auto-Submitted: auto-generated, makes no vacation of a bounce."""
    marks = {"Precedence": "bulk", "Auto_Submitted": "auto-generated"}
    sender = "gateway@odd.test"
    found = written("Not delivered to ana@odd.test", subject="Non-Delivery", sender=sender, **marks)
    assert [one.address for one in found.refusals] == ["ana@odd.test"]
    answered = {"Auto_Submitted": "auto-replied"}
    found = written("I am away.", subject="Mail not delivered", sender=sender, **answered)
    assert found.kind is Kind.AUTOMATIC


# --- programs and people ------------------------------------------------------------------

ANA = "Ana <ana@readers.test>"


@pytest.mark.parametrize(
    "subject",
    [
        "Automatic reply: Weekly Recap", "Out of office: Weekly Recap", "OOO until Monday",
        "Abwesenheitsnotiz: Recap", "Automatische Antwort: Recap", "Réponse automatique : Recap",
        "Respuesta automática: Recap", "Risposta automatica: Recap", "Resposta automática: Recap",
        "Automatisch antwoord: Recap", "Autosvar: Recap", "Automaattinen vastaus: Recap",
        "Odpowiedź automatyczna: Recap", "Automatická odpověď: Recap", "Automatikus válasz: Recap",
        "Αυτόματη απάντηση: Recap", "Otomatik yanıt: Recap", "Автоматический ответ: Recap",
        "自動返信: Recap", "自动答复: Recap", "자동 회신: Recap", "رد تلقائي: Recap",
        "מענה אוטומטי: Recap",
        "Re: Weekly Recap (Automatic Response)", "Read: Weekly Recap", "Gelesen: Weekly Recap",
    ],
)  # fmt: skip
def test_an_automatic_answer_is_known_by_its_subject(subject):
    """Without any header for it, in the languages that mail programs speak."""
    assert written("...", subject=subject, sender=ANA).kind is Kind.AUTOMATIC


@pytest.mark.parametrize(
    "text",
    [
        "I am currently out of the office until 5 January, with little access to mail.",
        "Ich bin bis zum 5. Januar nicht im Büro.",
        "Je suis en congé jusqu'au 5 janvier.",
        "Estoy de vacaciones hasta el lunes.",
        "Sono fuori ufficio fino al 5 gennaio.",
        "Ik ben tot 5 januari met vakantie.",
        "This mailbox is not monitored. Please use our form.",
        "Thank you. Someone will get back to you within two days.",
        "My mail is guarded by a spam filter.\nClick the link below to be added to my senders:",
        "To prove that you are a human, answer this mail.",
    ],
)
def test_an_automatic_answer_is_known_by_its_words(text):
    """Absences, unread mailboxes, and filters that want to know who writes ask us for nothing."""
    assert written(text, subject="Re: Weekly Recap", sender=ANA).kind is Kind.AUTOMATIC


@pytest.mark.parametrize(
    ("subject", "text"),
    [
        ("Re: Weekly Recap: vacation ideas", "Loved it!"),
        ("Re: Weekly Recap", "I am on vacation until Monday; can you send it again then?"),
        ("Re: Weekly Recap", "I'm on leave until May. Please unsubscribe me."),
        ("Re: Weekly Recap", "Some message: file not found under your second link."),
        ("Re: Weekly Recap", "Fine!\n\n-----Original Message-----\nFrom: us\nI am away until May."),
        ("Re: Auto news", "A good piece on the car makers."),
    ],
)
def test_a_person_who_sounds_like_a_program_is_heard(subject, text):
    """Holidays in a subject, a question, or a quoted mail make no program of a person."""
    assert written(text, subject=subject, sender=ANA).kind is Kind.REPLY


def test_receipts_and_senders_that_nobody_answers_are_programs():
    """A receipt (RFC 8098), a list's mail (RFC 2919), noreply@, Exchange's own mark."""
    receipt = {"Content_Type": "message/disposition-notification"}
    assert written("Seen.", subject="Hi", sender=ANA, **receipt).kind is Kind.AUTOMATIC
    assert written("News!", subject="Hi", sender=ANA, List_Id="<other.test>").kind is Kind.AUTOMATIC
    assert written("Thanks.", subject="Hi", sender="no-reply@shop.test").kind is Kind.AUTOMATIC
    marked = {"X_Auto_Response_Suppress": "All"}
    assert written("Away.", subject="Hi", sender=ANA, **marked).kind is Kind.AUTOMATIC


def test_a_program_that_asks_to_leave_is_heard():
    """The mail of List-Unsubscribe is written by programs, and may say so."""
    marked = {"Auto_Submitted": "auto-generated", "Precedence": "bulk"}
    found = written("", subject="unsubscribe TOKEN", sender=ANA, **marked)
    assert (found.kind, found.subject) == (Kind.REPLY, "unsubscribe TOKEN")


# --- real ones ----------------------------------------------------------------------------


def test_real_bounces_are_understood(shared: Path) -> None:
    """Of 264 real mails: at most 1 % called dead that are not, at least 95 % of the dead found."""
    root = shared / "corpora" / "bounces"
    expected = json.loads((root / "expected.json").read_text())
    alive = dead = killed = found = 0
    missed: list[str] = []
    for name, rows in expected.items():
        returned = read((root / "mail" / name).read_bytes())
        reasons = {row["reason"] for row in rows}
        called = any(one.verdict is Verdict.DEAD for one in returned.refusals)
        if any(row["hard"] for row in rows):
            dead, found = dead + 1, found + called
        else:
            alive, killed = alive + 1, killed + called
        wanted = {"feedback": Kind.COMPLAINT, "vacation": Kind.AUTOMATIC}
        missed += [
            name for why, kind in wanted.items() if why in reasons and returned.kind is not kind
        ]
    assert alive + dead == 264
    assert killed <= alive * 0.01
    assert found >= dead * 0.95
    assert missed == []
