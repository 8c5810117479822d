"""
What a mail server's answer means for one delivery, and how long to wait before the next try.

The answer is judged by where it came (`Phase`), its code (RFC 5321 §4.2.1), its enhanced
code (RFC 3463, registry of RFC 5248) and, only where a server gives no enhanced code, by
its words (RFC 2034: the text is for people when there is a code for programs).
"""

from __future__ import annotations

import re
import zlib
from collections.abc import Collection
from dataclasses import dataclass
from datetime import timedelta
from enum import StrEnum


class Phase(StrEnum):
    """Where in the conversation a server answered."""

    GREETING = "greeting"
    HELLO = "hello"
    STARTTLS = "starttls"
    AUTH = "auth"
    MAIL = "mail"
    RCPT = "rcpt"
    DATA = "data"
    CONTENT = "content"  #: after the final dot


class Verdict(StrEnum):
    """What follows from an answer. Only `DEAD` ever says something about an address."""

    ACCEPTED = "accepted"  #: the server took responsibility
    LATER = "later"  #: a passing refusal; the same message may be taken later
    THROTTLED = "throttled"  #: too fast for this domain; pause it, then go on
    FULL = "full"  #: the mailbox is full; passing with a 4yz, final for this issue with a 5yz
    DEAD = "dead"  #: the address does not exist
    REFUSED = "refused"  #: this reader's server said no, for a reason that may pass
    OURS = "ours"  #: sender, credentials, content or reputation: pause the run, ask a person


#: Phases that concern the message as a whole: a 5yz there would meet every reader.
_BEFORE_READERS = frozenset({Phase.GREETING, Phase.HELLO, Phase.STARTTLS, Phase.AUTH, Phase.MAIL})
_AT_READER = frozenset({Phase.RCPT})
_WITH_BYTES = frozenset({Phase.DATA, Phase.CONTENT})
_ALL = frozenset(Phase)


@dataclass(frozen=True, slots=True)
class _Rule:
    """The first rule that fits decides; an empty pattern fits everything."""

    phases: Collection[Phase]
    verdict: Verdict
    codes: str = ""
    enhanced: str = ""
    #: Looked at only if the server gave no enhanced code.
    words: str = ""


_PASSING = (
    # Gmail's 4.7.23–32 but for 28: no reverse DNS, SPF, DKIM, DMARC, TLS. Waiting mends none.
    _Rule(_ALL, Verdict.OURS, enhanced=r"4\.7\.(2[3-7]|29|3[0-2])"),
    _Rule(_ALL, Verdict.FULL, enhanced=r"4\.2\.2"),
    # Congestion, "not accepting messages", Gmail's rate (28), Microsoft's 4.7.5xx and 4.7.6xx.
    _Rule(_ALL, Verdict.THROTTLED, enhanced=r"4\.(4\.5|3\.2|7\.28|7\.[56]\d\d)"),
    _Rule(_AT_READER | _WITH_BYTES, Verdict.THROTTLED, codes="421"),
    _Rule(_AT_READER | _WITH_BYTES, Verdict.FULL, words=r"quota|mailbox (is )?full|over ?quota"),
    _Rule(
        _AT_READER | _WITH_BYTES,
        Verdict.THROTTLED,
        words=r"too (many (messages|connections)|fast|quickly)|\brate\b|throttl|slow down",
    ),
    _Rule(_ALL, Verdict.LATER),
)

_FINAL = (
    _Rule(_BEFORE_READERS, Verdict.OURS),
    # RFC 5321 §4.5.3.1.10: too many recipients is passing, whatever the code says.
    _Rule(_ALL, Verdict.LATER, enhanced=r"5\.5\.3"),
    _Rule(_ALL, Verdict.LATER, codes="552", words=r"too many recipients"),
    # Mailbox, system, syntax, moved, null MX; RFC 7293: another person owns it by now.
    _Rule(_ALL, Verdict.DEAD, enhanced=r"5\.(1\.(1|2|3|6|10)|7\.1[78])"),
    _Rule(_ALL, Verdict.OURS, enhanced=r"5\.1\.[78]"),
    _Rule(_ALL, Verdict.FULL, enhanced=r"5\.2\.2"),
    # Suspended, too large for this mailbox, a list that does not take us: this reader's.
    _Rule(_ALL, Verdict.REFUSED, enhanced=r"5\.(1|2)\.\d+|5\.7\.2"),
    # The size that a system takes, our protocol, our content, our reputation.
    _Rule(_ALL, Verdict.OURS, enhanced=r"5\.3\.4"),
    _Rule(_AT_READER, Verdict.REFUSED, enhanced=r"5\.6\.7"),
    _Rule(_ALL, Verdict.OURS, enhanced=r"5\.[567]\.\d+"),
    _Rule(_AT_READER, Verdict.REFUSED, enhanced=r"5\.\d+\.\d+"),
    _Rule(_ALL, Verdict.REFUSED, enhanced=r"5\.4\.\d+"),
    _Rule(_AT_READER, Verdict.OURS, codes=r"50\d|5[23]\d|555"),
    _Rule(
        _ALL,
        Verdict.DEAD,
        words=r"(user|recipient|mailbox|address|account)\b.{0,20}"
        r"(unknown|not found|does(n't| not) exist|invalid)"
        r"|(unknown|invalid|no such|nonexistent) (local )?(user|recipient|mailbox|address|person)"
        r"|no mailbox here",
    ),
    _Rule(_ALL, Verdict.FULL, words=r"quota|mailbox (is )?full"),
    _Rule(_AT_READER, Verdict.FULL, codes="552"),
    _Rule(
        _ALL,
        Verdict.OURS,
        words=r"relay|spam|block(ed|list)|blacklist|reputation|authenticat|\b(spf|dkim|dmarc)\b",
    ),
    _Rule(_AT_READER, Verdict.REFUSED),
    # The bytes are the same for all readers, so is a refusal of them.
    _Rule(_WITH_BYTES, Verdict.OURS),
)


def verdict(phase: Phase, code: int, enhanced: str = "", text: str = "") -> Verdict:
    """
    Return what an answer of *code* and *enhanced* code ("" if none) in *phase* means.

    An answer is passing if either code says so: of two classes that contradict each other
    the one that loses nobody wins.
    """
    if 200 <= code < 300:
        return Verdict.ACCEPTED
    for rule in _PASSING if _is_passing(code, enhanced) else _FINAL:
        if _fits(rule, phase, code, enhanced, text):
            return rule.verdict
    return Verdict.REFUSED


def is_final(found: Verdict, code: int, enhanced: str = "") -> bool:
    """Tell whether the message must not be offered to that reader again."""
    if found is Verdict.FULL:
        return not _is_passing(code, enhanced)
    return found in (Verdict.DEAD, Verdict.REFUSED)


def _is_passing(code: int, enhanced: str) -> bool:
    return not 500 <= code < 600 or enhanced.startswith("4.")


def _fits(rule: _Rule, phase: Phase, code: int, enhanced: str, text: str) -> bool:
    if phase not in rule.phases:
        return False
    if rule.codes and not re.fullmatch(rule.codes, str(code)):
        return False
    if rule.enhanced and not re.fullmatch(rule.enhanced, enhanced):
        return False
    return not rule.words or (not enhanced and bool(re.search(rule.words, text, re.IGNORECASE)))


#: Minutes between one try and the next: past greylisting first (RFC 5321 §4.5.4.1 wants
#: 30 minutes later on), 48 hours in all. A weekly mail that comes later than that is old.
RETRY_MINUTES = (5, 15, 30, 60, 120, 240, 480, 480, 480, 480, 480)


def patience(attempts: int, seed: str) -> timedelta | None:
    """
    Return how long to wait after the *attempts*-th try (1 is the first); None: give up.

    Spread by a fifth to both sides so that those who were put off together do not come
    back together; the same *seed* and count give the same wait.
    """
    if attempts > len(RETRY_MINUTES):
        return None
    spread = 0.8 + 0.4 * zlib.crc32(f"{seed}:{attempts}".encode()) / 2**32
    return timedelta(minutes=RETRY_MINUTES[max(attempts, 1) - 1] * spread)
