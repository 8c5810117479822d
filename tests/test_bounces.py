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
