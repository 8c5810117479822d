"""What a mail server's answer means."""

from __future__ import annotations

from datetime import timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from digest.model.settings import Retries
from digest.verdict import (
    BOUNCED,
    FINAL,
    PASSING,
    Bounce,
    Patience,
    Phase,
    Verdict,
    bounced,
    is_final,
    verdict,
)
from digest.verdict.answers import deciding
from digest.verdict.bounces import judged

MAIL, RCPT, DATA, CONTENT = Phase.MAIL, Phase.RCPT, Phase.DATA, Phase.CONTENT

ANSWERS = [
    (CONTENT, 250, "2.0.0", "Ok: queued as 4B1", Verdict.ACCEPTED),
    (RCPT, 251, "", "will forward", Verdict.ACCEPTED),
    (RCPT, 450, "4.2.0", "Greylisted", Verdict.LATER),
    (RCPT, 451, "4.7.1", "Greylisting in action", Verdict.LATER),
    (RCPT, 451, "", "local error", Verdict.LATER),
    (MAIL, 452, "4.3.1", "insufficient storage", Verdict.LATER),
    (MAIL, 421, "", "closing", Verdict.LATER),
    (RCPT, 421, "4.7.0", "unusual rate of mail", Verdict.THROTTLED),
    (CONTENT, 421, "4.7.28", "unusual rate", Verdict.THROTTLED),
    (RCPT, 451, "4.7.650", "has been temporarily rate limited", Verdict.THROTTLED),
    (RCPT, 450, "", "too many messages, slow down", Verdict.THROTTLED),
    (RCPT, 452, "4.2.2", "over quota", Verdict.FULL),
    (RCPT, 552, "5.2.2", "mailbox full", Verdict.FULL),
    (RCPT, 552, "", "storage exceeded", Verdict.FULL),
    (RCPT, 552, "5.5.3", "too many recipients", Verdict.LATER),
    (RCPT, 552, "", "too many recipients", Verdict.LATER),
    (RCPT, 550, "5.1.1", "no such user", Verdict.DEAD),
    (RCPT, 550, "5.1.10", "null MX", Verdict.DEAD),
    (CONTENT, 550, "5.1.1", "no such user", Verdict.DEAD),
    (RCPT, 550, "", "User unknown", Verdict.DEAD),
    (RCPT, 550, "", "Recipient address rejected: user does not exist", Verdict.DEAD),
    (RCPT, 550, "5.2.1", "user unknown or suspended", Verdict.REFUSED),
    (RCPT, 550, "", "mailbox unavailable", Verdict.REFUSED),
    (RCPT, 550, "5.4.4", "unable to route", Verdict.REFUSED),
    (RCPT, 553, "5.6.7", "no SMTPUTF8", Verdict.REFUSED),
    (RCPT, 550, "5.7.1", "relaying denied", Verdict.OURS),
    (RCPT, 554, "", "Relay access denied", Verdict.OURS),
    (RCPT, 530, "", "authentication needed", Verdict.OURS),
    (CONTENT, 550, "5.7.26", "unauthenticated sender", Verdict.OURS),
    (RCPT, 421, "4.7.26", "unauthenticated sender", Verdict.OURS),
    (CONTENT, 554, "5.6.0", "content rejected", Verdict.OURS),
    (CONTENT, 554, "", "transaction failed", Verdict.OURS),
    (DATA, 503, "", "bad sequence", Verdict.OURS),
    (MAIL, 552, "5.3.4", "message too big", Verdict.OURS),
    (MAIL, 550, "5.1.1", "whatever", Verdict.OURS),
    (Phase.AUTH, 535, "5.7.8", "bad credentials", Verdict.OURS),
    (Phase.AUTH, 454, "4.7.0", "temporary failure", Verdict.LATER),
    (Phase.GREETING, 554, "", "no service here", Verdict.OURS),
    (RCPT, 550, "4.2.2", "failed after days in the queue", Verdict.FULL),
    (RCPT, 452, "", "Quota exceeded, mailbox full", Verdict.FULL),
    (RCPT, 553, "5.1.8", "bad sender's system address", Verdict.OURS),
    (CONTENT, 552, "5.3.4", "message too big for system", Verdict.OURS),
    (RCPT, 550, "5.7.133", "sender not authenticated for group", Verdict.REFUSED),
    (CONTENT, 554, "5.4.6", "too many hops", Verdict.REFUSED),
    (CONTENT, 554, "", "over quota", Verdict.FULL),
]


@pytest.mark.parametrize(("phase", "code", "enhanced", "text", "expected"), ANSWERS)
def test_an_answer_is_judged_by_phase_code_and_words(phase, code, enhanced, text, expected):
    """Each kind of refusal leads to what may be done about it."""
    assert verdict(phase, code, enhanced, text) is expected


def test_every_row_of_the_tables_decides_something():
    """No row of what answers mean is dead: for each there is an answer that it decides."""
    deciders = {deciding(*answer[:4]) for answer in ANSWERS}
    assert {*PASSING, *FINAL} <= deciders


@pytest.mark.parametrize("status", ["5.7.25", "5.7.26", "5.7.27", "5.7.29", "5.7.515"])
def test_a_fault_of_the_sender_never_blames_the_address(status):
    """What Gmail and Microsoft say about our DNS and signatures stops the run."""
    for phase in (RCPT, DATA, CONTENT):
        assert verdict(phase, 550, status, "user unknown") is Verdict.OURS


@given(
    st.sampled_from(Phase),
    st.integers(200, 599),
    st.from_regex(r"\A([245]\.\d\.\d{1,2})?\Z"),
    st.text(max_size=60),
)
def test_every_answer_has_a_verdict(phase, code, enhanced, text):
    """Whatever a server says, only a 2yz is an acceptance and only a 5yz kills an address."""
    found = verdict(phase, code, enhanced, text)
    assert (found is Verdict.ACCEPTED) == (200 <= code < 300)
    assert found is not Verdict.DEAD or code >= 500


def test_words_count_only_without_an_enhanced_code():
    """A text that says “unknown user” does not overrule a code for programs."""
    assert verdict(RCPT, 550, "5.2.1", "unknown user") is Verdict.REFUSED


@pytest.mark.parametrize(
    ("code", "enhanced", "final"),
    [(452, "4.2.2", False), (552, "5.2.2", True), (550, "4.2.2", False), (552, "", True)],
)
def test_a_full_mailbox_passes_or_not_as_its_server_says(code, enhanced, final):
    """Full is final for this issue only where neither code calls it passing."""
    assert is_final(verdict(RCPT, code, enhanced), code, enhanced) is final


def test_tries_are_spread_over_two_days():
    """The first wait is past greylisting, waits grow, and after 48 hours we give up."""
    patience = Patience.of(Retries())
    waits = [patience.wait(attempt, "1:7") for attempt in range(1, 13)]
    assert waits[-1] is None
    tried = [wait for wait in waits if wait is not None]
    assert len(tried) == 11
    assert timedelta(minutes=4) <= tried[0] <= timedelta(minutes=6)
    assert timedelta(hours=38) < sum(tried, timedelta()) < timedelta(hours=58)
    assert patience.wait(1, "1:7") == tried[0]
    assert patience.wait(1, "1:8") != tried[0]


# --- bounces ------------------------------------------------------------------------------

BOUNCES = [
    ("5.4.1", RCPT, "550 5.4.1 Recipient address rejected: Access denied.", Verdict.DEAD),
    ("5.2.2", RCPT, "552 5.2.2 Mailbox full", Verdict.FULL),
    ("5.1.1", RCPT, "550 5.1.1 user is over quota", Verdict.FULL),
    ("5.2.2", RCPT, "552 5.2.2 sorry", Verdict.FULL),
    ("5.2.3", RCPT, "552 5.2.3 message length exceeds administrative limit", Verdict.REFUSED),
    ("5.2.1", RCPT, "550 5.2.1 The email account that you tried is inactive", Verdict.REFUSED),
    ("5.0.0", RCPT, "554 This account has been disabled or discontinued", Verdict.REFUSED),
    ("5.1.1", RCPT, "550 5.1.1 blocked using a list of spamhaus", Verdict.OURS),
    ("5.0.0", RCPT, "550 Bad SPF records for the sender", Verdict.OURS),
    ("5.7.1", CONTENT, "550 5.7.1 rejected by policy", Verdict.OURS),
    ("5.7.1", RCPT, "554 5.7.1 Relay access denied", Verdict.OURS),
    ("4.4.7", None, "delivery time expired", Verdict.LATER),
    ("4.2.2", RCPT, "452 4.2.2 not now", Verdict.FULL),
    ("4.1.1", RCPT, "450 4.1.1 user unknown in virtual alias table", Verdict.LATER),
    ("", RCPT, "450 come back", Verdict.LATER),
    ("", None, "name service error: host not found, try again", Verdict.LATER),
    ("", MAIL, "550 no", Verdict.OURS),
    ("5.1.8", RCPT, "553 5.1.8 no such system", Verdict.OURS),
    ("5.1.1", None, "550 5.1.1 Benutzer nicht bekannt", Verdict.DEAD),
    ("5.1.10", None, "550 5.1.10 RESOLVER.ADR.RecipientNotFound", Verdict.DEAD),
    ("5.1.1", RCPT, "550 5.1.1 spam@sales.test: no such address", Verdict.DEAD),
    ("5.2.1", RCPT, "550 5.2.1 ana@example.org... User unknown", Verdict.DEAD),
    ("5.0.0", RCPT, "550 No such user here", Verdict.DEAD),
    ("", None, "Domain does not exist", Verdict.DEAD),
    ("", None, "User ana (ana@example.org) not listed in Domino Directory", Verdict.DEAD),
    ("5.0.0", CONTENT, "550 user unknown", Verdict.REFUSED),
    ("5.2.1", None, "550 5.2.1 user unknown", Verdict.REFUSED),
    ("", None, "550 Requested action not taken: mailbox unavailable", Verdict.REFUSED),
    ("", None, "554 This user doesn't have an example.org account", Verdict.DEAD),
    ("", None, "This user doesn't have an example.org account", Verdict.REFUSED),
    ("4.7.0", None, "Sender not pre-approved", Verdict.REFUSED),
    ("", None, "550 BAD_RECIPIENT", Verdict.DEAD),
    ("", None, "User not known", Verdict.DEAD),
    ("", None, "If the address is invalid, ask its owner", Verdict.REFUSED),
    ("", RCPT, "550 ana@example.org...User unknown", Verdict.DEAD),
    ("5.5.0", None, "550 5.5.0 Adresse destinataire invalide", Verdict.DEAD),
    ("", None, "Could not deliver for the last 432000 seconds", Verdict.LATER),
    ("5.6.0", None, "554 5.6.0 no", Verdict.OURS),
    ("5.3.0", None, "mailer error", Verdict.REFUSED),
    ("", None, "", Verdict.REFUSED),
]


def told(status: str, phase: Phase | None, text: str, **more: object) -> Bounce:
    code = int(text[:3]) if text[:3].isdigit() else 0
    return Bounce(status=status, phase=phase, text=text, code=code, **more)  # type: ignore[arg-type]


@pytest.mark.parametrize(("status", "phase", "text", "expected"), BOUNCES)
def test_a_bounce_is_judged_by_its_cause(status, phase, text, expected):
    """A full mailbox, a filter, a queue that gave up or a fault of ours ends no subscription."""
    assert bounced(told(status, phase, text)) is expected


def test_every_row_of_the_bounces_decides_something():
    """No row of what bounces mean is dead."""
    assert set(BOUNCED) == {judged(told(*each[:3])) for each in BOUNCES}


@pytest.mark.parametrize(
    ("action", "expected"),
    [
        ("failed", Verdict.DEAD),
        ("delayed", Verdict.LATER),
        ("relayed", Verdict.ACCEPTED),
        ("delivered", Verdict.ACCEPTED),
    ],
)
def test_only_a_failure_can_say_that_an_address_is_dead(action, expected):
    """A report that a mail waits or arrived kills nobody, whatever code it carries."""
    assert bounced(told("5.1.1", RCPT, "550 5.1.1 user unknown", action=action)) is expected


def test_a_report_that_contradicts_itself_is_no_proof():
    """A code for “no such user” under the words “not enough disk space” is soft."""
    code = ("5.1.1", RCPT, "550 5.1.1 User unknown")
    assert bounced(told(*code, around="rejected: Not enough disk space")) is Verdict.REFUSED
    assert bounced(told(*code, around="The user(s) account is disabled.")) is Verdict.REFUSED
    assert bounced(told(*code, around="It could not be delivered.")) is Verdict.DEAD


def test_a_program_on_the_readers_machine_proves_nothing_about_the_address():
    """A broken procmail that says “no such user” is not a mail server's word (x-unix)."""
    assert bounced(told("5.1.1", None, "id: No such user", local=True)) is Verdict.REFUSED


@given(
    st.from_regex(r"\A([245]\.\d\.\d{1,2})?\Z"),
    st.sampled_from([*Phase, None]),
    st.text(max_size=80),
    st.booleans(),
)
def test_every_bounce_has_a_verdict(status, phase, text, local):
    """Whatever a report says, a passing code never ends a subscription."""
    found = bounced(Bounce(status=status, phase=phase, text=text, local=local))
    assert found in Verdict
    assert found is not Verdict.DEAD or not status.startswith("4.")
