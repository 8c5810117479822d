"""What a mail server's answer means."""

from __future__ import annotations

from datetime import timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from digest.verdict import RETRY_MINUTES, Phase, Verdict, is_final, patience, verdict

MAIL, RCPT, DATA, CONTENT = Phase.MAIL, Phase.RCPT, Phase.DATA, Phase.CONTENT


@pytest.mark.parametrize(
    ("phase", "code", "enhanced", "text", "expected"),
    [
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
    ],
)
def test_an_answer_is_judged_by_phase_code_and_words(phase, code, enhanced, text, expected):
    """Each kind of refusal leads to what may be done about it."""
    assert verdict(phase, code, enhanced, text) is expected


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
    waits = [patience(attempt, "1:7") for attempt in range(1, len(RETRY_MINUTES) + 2)]
    assert waits[-1] is None
    tried = [wait for wait in waits if wait is not None]
    assert timedelta(minutes=4) <= tried[0] <= timedelta(minutes=6)
    assert timedelta(hours=38) < sum(tried, timedelta()) < timedelta(hours=58)
    assert patience(1, "1:7") == tried[0]
    assert patience(1, "1:8") != tried[0]
