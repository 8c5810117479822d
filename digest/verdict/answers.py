"""What an answer in our own conversation with a mail server means for one delivery."""

from __future__ import annotations

from digest.verdict.rules import (
    AT_READER,
    BEFORE_READERS,
    EVERYWHERE,
    WITH_BYTES,
    Phase,
    Rule,
    Verdict,
)

#: Of refusals that pass: a 4yz, or a 5yz whose enhanced code is a 4.y.z.
PASSING = (
    Rule(
        EVERYWHERE,
        Verdict.OURS,
        "Gmail finds no reverse DNS, SPF, DKIM, DMARC or TLS of ours; waiting mends none of it.",
        enhanced=r"4\.7\.(2[3-7]|29|3[0-2])",
    ),
    Rule(
        EVERYWHERE,
        Verdict.FULL,
        "The mailbox is full, and may be emptied.",
        enhanced=r"4\.2\.2",
    ),
    Rule(
        EVERYWHERE,
        Verdict.THROTTLED,
        "Congestion, a server that takes no mail now, the rates of Gmail and Microsoft.",
        enhanced=r"4\.(4\.5|3\.2|7\.28|7\.[56]\d\d)",
    ),
    Rule(
        AT_READER | WITH_BYTES,
        Verdict.THROTTLED,
        "The server closes the connection while readers are named: it has had enough for now.",
        codes="421",
    ),
    Rule(
        AT_READER | WITH_BYTES,
        Verdict.FULL,
        "The mailbox is full, in words.",
        words=r"quota|mailbox (is )?full",
    ),
    Rule(
        AT_READER | WITH_BYTES,
        Verdict.THROTTLED,
        "Too fast, in words.",
        words=r"too (many (messages|connections)|fast|quickly)|\brate\b|throttl|slow down",
    ),
    Rule(
        EVERYWHERE,
        Verdict.LATER,
        "Any other passing refusal, greylisting above all; also a 421 before readers are named.",
    ),
)

#: Of refusals for good: a 5yz, unless its enhanced code says that it passes.
FINAL = (
    Rule(
        BEFORE_READERS,
        Verdict.OURS,
        "Nothing was said of a reader yet: password, sender, size or DNS would fail for all.",
    ),
    Rule(
        EVERYWHERE,
        Verdict.LATER,
        "Too many recipients passes, whatever its class (RFC 5321 §4.5.3.1.10).",
        enhanced=r"5\.5\.3",
    ),
    Rule(
        EVERYWHERE,
        Verdict.LATER,
        "The same, in words.",
        codes="552",
        words=r"too many recipients",
    ),
    Rule(
        EVERYWHERE,
        Verdict.DEAD,
        "No such mailbox or system, not an address, moved, a null MX; or another person owns"
        " it by now (RFC 7293).",
        enhanced=r"5\.(1\.(1|2|3|6|10)|7\.1[78])",
    ),
    Rule(
        EVERYWHERE,
        Verdict.OURS,
        "Our own address is not one, or not of a system.",
        enhanced=r"5\.1\.[78]",
    ),
    Rule(
        EVERYWHERE,
        Verdict.FULL,
        "The mailbox is full.",
        enhanced=r"5\.2\.2",
    ),
    Rule(
        EVERYWHERE,
        Verdict.REFUSED,
        "Suspended, too large for this mailbox, a list that does not take us: this reader's.",
        enhanced=r"5\.(1|2)\.\d+|5\.7\.2",
    ),
    Rule(
        EVERYWHERE,
        Verdict.OURS,
        "Larger than the system takes: so for all its readers.",
        enhanced=r"5\.3\.4",
    ),
    Rule(
        AT_READER,
        Verdict.REFUSED,
        "An address with letters beyond ASCII, where the next server takes none.",
        enhanced=r"5\.6\.7",
    ),
    Rule(
        AT_READER,
        Verdict.REFUSED,
        "A mailbox or group that takes mail from its own people only (Microsoft).",
        enhanced=r"5\.7\.(124|129|13[3-6])",
    ),
    Rule(
        EVERYWHERE,
        Verdict.OURS,
        "Our protocol, our content, our rights or our reputation.",
        enhanced=r"5\.[567]\.\d+",
    ),
    Rule(
        AT_READER,
        Verdict.REFUSED,
        "Another code for this reader: system, network, or unknown.",
        enhanced=r"5\.\d+\.\d+",
    ),
    Rule(
        EVERYWHERE,
        Verdict.REFUSED,
        "No way to this reader's system.",
        enhanced=r"5\.4\.\d+",
    ),
    Rule(
        AT_READER,
        Verdict.OURS,
        "The server does not understand us, wants a password or TLS, or knows no such parameter.",
        codes=r"50\d|5[23]\d|555",
    ),
    Rule(
        EVERYWHERE,
        Verdict.DEAD,
        "No such reader, in words.",
        words=r"(user|recipient|mailbox|address|account)\b.{0,20}"
        r"(unknown|not found|does(n't| not) exist|invalid)"
        r"|(unknown|invalid|no such|nonexistent) (local )?(user|recipient|mailbox|address|person)"
        r"|no mailbox here",
    ),
    Rule(
        EVERYWHERE,
        Verdict.FULL,
        "The mailbox is full, in words.",
        words=r"quota|mailbox (is )?full",
    ),
    Rule(
        AT_READER,
        Verdict.FULL,
        "Exceeded storage (RFC 5321 §4.2.3).",
        codes="552",
    ),
    Rule(
        EVERYWHERE,
        Verdict.OURS,
        "Relaying, reputation or signatures, in words.",
        words=r"relay|spam|block(ed|list)|blacklist|reputation|authenticat|\b(spf|dkim|dmarc)\b",
    ),
    Rule(
        AT_READER,
        Verdict.REFUSED,
        "Whatever else is said to one reader's name is that reader's.",
    ),
    Rule(
        WITH_BYTES,
        Verdict.OURS,
        "The bytes are the same for all readers, so is a refusal of them.",
    ),
)


def verdict(phase: Phase, code: int, enhanced: str = "", text: str = "") -> Verdict:
    """
    Return what an answer of *code* and *enhanced* code ("" if none) in *phase* means.

    An answer is passing if either code says so: of two classes that contradict each other
    the one that loses nobody wins.
    """
    rule = deciding(phase, code, enhanced, text)
    return rule.verdict if rule else Verdict.ACCEPTED


def deciding(phase: Phase, code: int, enhanced: str = "", text: str = "") -> Rule | None:
    """Return the row that decides; None for a 2yz, which accepts."""
    if 200 <= code < 300:
        return None
    rules = PASSING if _is_passing(code, enhanced) else FINAL
    words = "" if enhanced else text
    return next(rule for rule in rules if rule.fits(phase, code, enhanced, words))


def is_final(found: Verdict, code: int, enhanced: str = "") -> bool:
    """Tell whether the message must not be offered to that reader again."""
    if found is Verdict.FULL:
        return not _is_passing(code, enhanced)
    return found in (Verdict.DEAD, Verdict.REFUSED)


def _is_passing(code: int, enhanced: str) -> bool:
    return not 500 <= code < 600 or enhanced.startswith("4.")
