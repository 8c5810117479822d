"""What a mail server says of each recipient: RFC 3464's fields, or whatever words it has."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from email.message import Message

from digest.bounces import words
from digest.verdict import Bounce, Phase, Verdict, bounced

#: At most so many recipients of one report.
MOST = 50

#: Bounded as RFC 5321 §4.5.3.1 is: without an end, a long line would be searched again and again.
ADDRESS = r"[^\s<>\"'(),;:@\[\]|]{1,64}@[A-Za-z0-9._-]{0,254}[A-Za-z0-9]"
#: Of what is said of one recipient so much is looked at.
_LONGEST = 4000
_ENHANCED = re.compile(r"(?<![\d.])([245]\.\d{1,3}\.\d{1,3})(?![\d.])")
_REPLY = re.compile(r"(?<![\d.:\[])([45]\d\d)(?=[\s\-:#)\]']|$)")

#: A recipient at the start of a line, alone or with what is said of it.
_LISTED = re.compile(
    rf"^[ \t*>•-]*(?:[45]\d\d )?[<\"'\[]?({ADDRESS})[>\"'\]]?[ \t]*"
    r"(?=$|:|;|\.\.\.|\(|-|,|\bon\b)",
    re.MULTILINE,
)
_NAMED = re.compile(
    r"(?:deliver(?:ed|ing|y|able)?(?: your (?:mail|message))?(?: was not delivered)? to|"
    r"(?:recipient|undeliverable)(?: address)?|rfc822 ?;|rcpt to: ?|mailbox exceeds allowed size|"
    r"not delivered to|attempts|your message to|to the following (?:address|user|recipient)s?|"
    r"user(?:id)?:|addressed to:?|error-for:|smtp[:=]|(?:is|mailbox) full:|local mailbox)"
    rf"[:\s]*[<\"'\[]*(?:mailto:|smtp:)?({ADDRESS})",
    re.IGNORECASE,
)
#: Whom a notice asks to write to, or to whom it speaks; not whom it is about.
_STAFF = re.compile(
    r"(post.?master|mailer.?daemon|abuse|help.?desk|support|admin\w*|no.?reply|info|spam\w*)@",
    re.IGNORECASE,
)
_WRITER = re.compile(
    rf"(?:\b(?:mail|messages?|sent) (?:from|by):?|^from:)\s{{0,40}}<?{ADDRESS}",
    re.IGNORECASE | re.MULTILINE,
)
#: A line that a footer begins with: a disclaimer of a virus scanner, a signature.
_FOOTER = re.compile(r"^[ \t]*[_=~*-]{20,}[ \t]*$", re.MULTILINE)
#: A report that the mail still waits; where it stands a failure has not come yet.
_WAITS = re.compile(
    r"warning only|advisory.only|(is|been|message|mail) (delayed|postponed|deferred)"
    r"|only a temporary failure|still (being )?(trying|tried)|not yet been delivered"
    r"|(will|shall) (keep|continue) (on )?(to )?(try|attempt|be made)"
    r"|attempts will (be )?continue|will be retried (for|until)|continue (trying|to be made)",
    re.IGNORECASE,
)

#: Where in the conversation it was said; the first that fits.
_PHASES = (
    (
        Phase.RCPT,
        r"(reply|response) to (the )?rcpt|after rcpt|rcpt (to )?(command|generated)|our rcpt"
        r"|>>> ?rcpt|\[rcpt|smtp:rcpt|does not like recipient|rcpt to:? ?<|(has )?rejected address",
    ),
    (
        Phase.MAIL,
        r"(reply|response) to (the )?mail|after mail from|\bmail (from )?command\b|our mail from"
        r"|>>> ?mail|\[mail_from|smtp:mail|sender was rejected",
    ),
    (
        Phase.HELLO,
        r"(reply|response) to (the )?[he][eh]lo|after (sending )?[he][eh]lo|[he][eh]lo command",
    ),
    (
        Phase.GREETING,
        r"refused to talk to me|(after|reply to) (the )?initial connection|but greeting failed",
    ),
    (
        Phase.CONTENT,
        r"end of (the )?(data|message)|final data|>>> \.|smtp:data|failed after i sent the message",
    ),
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Refusal:
    """One recipient of a report, and what it says of them."""

    #: As the report writes it; "" if it does not tell.
    address: str
    verdict: Verdict
    #: The enhanced code; "" for none.
    status: str
    #: The refusing server's words, in one line.
    said: str
    #: The message still waits in a queue; nothing has failed.
    waiting: bool = False

    def as_soft(self) -> Refusal:
        """Return the same as one that may pass."""
        return replace(self, verdict=Verdict.REFUSED)


# --- RFC 3464 -----------------------------------------------------------------------------


def reported(part: Message, notice: str) -> list[Refusal]:
    """Return what a message/delivery-status *part* says; *notice* is the text before it."""
    return _each(_groups(_fields_text(part)), notice)


def reported_in_text(told: str) -> list[Refusal]:
    """Return the same of fields that stand in a text, as some services write them."""
    if not re.search(r"^final-recipient:", told, re.IGNORECASE | re.MULTILINE):
        return []
    return _each(_groups(told), told)


def _fields_text(part: Message) -> str:
    payload = part.get_payload()
    if not isinstance(payload, list):
        return words.text(part) or str(payload)
    blocks = [block for block in payload if isinstance(block, Message)]
    return "\n\n".join(_block(block) for block in blocks)


def _block(block: Message) -> str:
    lines = "\n".join(f"{name}: {' '.join(str(value).split())}" for name, value in block.items())
    below = block.get_payload()
    # A group that began amiss is taken for a body.
    return f"{lines}\n\n{below}" if isinstance(below, str) and below.strip() else lines


def _groups(told: str) -> Iterator[dict[str, str]]:
    """Yield the fields of each group that is about a recipient, by small names."""
    for group in re.split(r"\n[ \t]*\n", told.replace("\r\n", "\n")):
        found: dict[str, str] = {}
        name = ""
        for line in group.splitlines():
            if line[:1] in " \t" and name:
                found[name] += " " + line.strip()
            elif match := re.match(r"([A-Za-z-]+)[ \t]*:(.*)", line):
                name = match[1].lower()
                found.setdefault(name, match[2].strip())
        if _RECIPIENT & found.keys() and ("action" in found or "status" in found):
            yield found


_RECIPIENT = frozenset({"final-recipient", "original-recipient", "x-actual-recipient"})


def _each(groups: Iterator[dict[str, str]], notice: str) -> list[Refusal]:
    told = list(groups)[:MOST]
    addresses = [_recipient(fields) for fields in told]
    blocks = _blocks(notice, addresses)
    whole = notice if len(told) == 1 else ""
    before = _before(notice, addresses) if len(told) == 1 else ""
    return [
        _refusal(fields, address, blocks.get(address.lower(), whole), before)
        for fields, address in zip(told, addresses, strict=True)
    ]


def _recipient(fields: dict[str, str]) -> str:
    for name in ("original-recipient", "final-recipient", "x-actual-recipient"):
        if found := re.search(
            ADDRESS, fields.get(name, "").partition(";")[2] or fields.get(name, "")
        ):
            return found[0]
    return ""


def _refusal(fields: dict[str, str], address: str, block: str, around: str) -> Refusal:
    block = _FOOTER.split(block, 1)[0][:_LONGEST]
    kind, semicolon, diagnostic = fields.get("diagnostic-code", "").partition(";")
    if not semicolon:
        kind, diagnostic = "", kind
    status = _ENHANCED.search(fields.get("status", ""))
    action = (re.match(r"[a-z]+", fields.get("action", "").lower()) or [""])[0] or "failed"
    explained = fields.get("status", "").partition("(")[2]
    # A fragment of ISO-2022-JP that lost its escapes is no word.
    has_words = bool(re.search(r"[^\W\d_]{3}", diagnostic)) and "$B" not in diagnostic
    said = diagnostic if has_words else f"{diagnostic} {explained} {block}"
    told = Bounce(
        action=action,
        status=_nearest(status[1] if status else "", said if has_words else diagnostic),
        code=_code(said),
        phase=_phase(f"{diagnostic} {block}"),
        text=f"{said} {fields.get('x-powermta-bouncecategory', '')}",
        around=around,
        local=kind.strip().lower() == "x-unix",
    )
    return judged(address, told, said)


# --- any words ----------------------------------------------------------------------------


def described(
    notice: str,
    *,
    failed: Sequence[str] = (),
    ours: Sequence[str] = (),
    writers: Sequence[str] = (),
    to: Sequence[str] = (),
) -> list[Refusal]:
    """
    Return the recipients that *notice* names, with what it says of each.

    *failed* are recipients that a header names, *to* those of the copy, for a notice that
    names nobody; *ours* are addresses that are no recipients: where it came to. *writers*
    of our mail are ones only where nobody else is named. At least one refusal comes back,
    of "" where nobody is named at all.
    """
    known = [address.lower() for address in ours]
    found = list(dict.fromkeys([*failed, *(() if failed else _addresses(notice, known))]))[:MOST]
    wrote = {address.lower() for address in writers}
    found = [address for address in found if address.lower() not in wrote] or found
    before = _before(notice, found)
    if not found:
        return [_worded(to[0] if len(to) == 1 else "", notice, before)]
    blocks = _blocks(notice, found)
    told = {address: blocks.get(address.lower(), "") for address in found}
    # MDaemon shows the conversation first; of two readers it would not tell whose it is.
    phase = _phase(before) if len(found) == 1 else None
    return [
        _worded(address, block if _says_something(block) else notice, before, phase)
        for address, block in told.items()
    ]


def _says_something(block: str) -> bool:
    return bool(re.search(r"[^\W\d_]{3}", re.sub(ADDRESS, "", block)))


def _addresses(notice: str, ours: Sequence[str]) -> list[str]:
    notice = _WRITER.sub("", notice)
    listed = [match[1] for match in _LISTED.finditer(notice)]
    named = [match[1] for match in _NAMED.finditer(notice)]
    unique: dict[str, str] = {}
    for address in listed or named or _sole(notice, ours):
        unique.setdefault(address.lower().rstrip("."), address.rstrip("."))
    return [address for key, address in unique.items() if key not in ours]


def _sole(notice: str, ours: Sequence[str]) -> list[str]:
    """Return the one address that *notice* mentions besides ours and its staff's, if it is one."""
    found = {
        address.lower().rstrip("."): address
        for address in re.findall(ADDRESS, notice)
        if not _STAFF.match(address)
    }
    others = [address for key, address in found.items() if key not in ours]
    return others if len(others) == 1 else []


def _blocks(notice: str, addresses: Sequence[str]) -> dict[str, str]:
    """Return the lines about each of *addresses* that begins a line, by the small address."""
    wanted = {address.lower() for address in addresses if address}
    starts = [
        (match.start(), match[1].lower())
        for match in _LISTED.finditer(notice)
        if match[1].lower() in wanted
    ]
    told: dict[str, str] = {}
    for place, (start, address) in enumerate(starts):
        end = starts[place + 1][0] if place + 1 < len(starts) else len(notice)
        told[address] = f"{told.get(address, '')} {notice[start:end]}".strip()[:_LONGEST]
    return told


def _before(notice: str, addresses: Sequence[str]) -> str:
    """Return what *notice* says before it comes to a recipient."""
    wanted = {address.lower() for address in addresses}
    starts = [m.start() for m in _LISTED.finditer(notice) if m[1].lower() in wanted]
    return notice[: min(starts, default=len(notice))][:2000]


def _worded(address: str, block: str, before: str, phase: Phase | None = None) -> Refusal:
    block = block[:_LONGEST]
    told = Bounce(
        action="delayed" if _WAITS.search(" ".join(f"{before} {block}".split())) else "failed",
        status=_nearest("", block),
        code=_code(block),
        phase=_phase(block) or phase,
        text=block,
    )
    return judged(address, told, block)


# --- both ---------------------------------------------------------------------------------


def judged(address: str, told: Bounce, said: str) -> Refusal:
    """Return what follows from *told*; *said* is kept of it, in one line."""
    line = "".join(c if c.isprintable() else " " for c in " ".join(said.split()))
    return Refusal(
        address=address,
        verdict=bounced(told),
        status=told.status,
        said=line[:500],
        waiting=told.action == "delayed",
    )


def _nearest(reported: str, said: str) -> str:
    """Return the enhanced code that says most: the refusing server's own, unless it is empty."""
    own = next((m[1] for m in _ENHANCED.finditer(said) if not m[1].endswith(".0.0")), "")
    if own:
        return own
    if reported and not reported.endswith(".0.0"):
        return reported
    general = _ENHANCED.search(said)
    return reported or (general[1] if general else "")


def _code(said: str) -> int:
    found = _REPLY.search(said)
    return int(found[1]) if found else 0


def _phase(said: str) -> Phase | None:
    said = " ".join(said.split())
    return next((phase for phase, where in _PHASES if re.search(where, said, re.IGNORECASE)), None)
