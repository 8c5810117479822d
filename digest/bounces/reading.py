"""What a mail that came back to us is: a bounce, a complaint, an automatic answer, or a person."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterator, Sequence
from dataclasses import replace
from email.message import Message
from email.utils import getaddresses, parseaddr

from digest.bounces import automatic, ses, words
from digest.bounces.refusals import (
    ADDRESS,
    Refusal,
    described,
    reported,
    reported_in_text,
)
from digest.bounces.returned import Kind, Returned


def read(raw: bytes) -> Returned:
    """
    Return what the mail of *raw* says. Never raises: what is no mail is an automatic one.

    A mail is a bounce if it has RFC 3464's part or a mail server wrote it, whatever words
    it uses; then comes what RFC 3834's Auto-Submitted or the usual headers call automatic.
    """
    key = hashlib.sha256(raw).hexdigest()
    try:
        return _read(words.parsed(raw), key)
    except (RecursionError, ValueError, LookupError, AttributeError, TypeError):
        # The standard library's parser breaks on some mails that are none.
        return Returned(kind=Kind.AUTOMATIC, key=key)


def _read(mail: Message, key: str) -> Returned:
    leaves = list(words.parts(mail))
    notice, copy = _notice(leaves)
    returned = Returned(
        kind=Kind.REPLY,
        key=_message_id(mail) or key,
        sent_to=_sent_to(mail),
        sender=parseaddr(words.header(mail, "From"))[1],
        subject=words.header(mail, "Subject")[:500],
        message_id=_message_id(copy),
        links=_links(copy),
    )
    report = _feedback(leaves)
    if report is not None or copy.get("X-HmXmrOriginalRecipient"):
        return _complaint(returned, report or Message(), copy)
    if refusals := tuple(_refusals(mail, leaves, notice, copy)):
        return replace(returned, kind=Kind.BOUNCE, refusals=refusals)
    if (by_ses := ses.told(notice, returned.key)) is not None:
        return by_ses
    if copy.get("Message-ID") and _READER_CALLS_SPAM.search(" ".join(notice[:1000].split())):
        return _complaint(returned, Message(), copy)
    if not _ASKS_TO_LEAVE.search(returned.subject) and automatic.is_automatic(mail, leaves, notice):
        return replace(returned, kind=Kind.AUTOMATIC)
    return replace(returned, text=notice.strip())


# --- the copy of our mail -----------------------------------------------------------------


def _notice(leaves: Sequence[Message]) -> tuple[str, Message]:
    """Return the text before the copy of our mail, and that copy's headers."""
    told: list[str] = []
    copies: list[Message] = []
    plain = any(
        part.get_content_type() == "text/plain" and words.text(part).strip() for part in leaves
    )
    for part in leaves:
        kind = part.get_content_type()
        if kind in ("message/rfc822", "text/rfc822-headers", "message/rfc822-headers"):
            copies.append(_enclosed(part))
        elif (
            kind == "text/plain"
            or part.get_content_maintype() == "multipart"
            or (kind == "text/html" and not plain)
        ):
            said, copied = words.split_copy(words.text(part))
            told.append(said)
            if copied:
                copies.append(words.headed(copied))
    return "\n".join(told), next(iter(copies), Message())


def _enclosed(part: Message) -> Message:
    below = part.get_payload()
    if isinstance(below, list) and below and isinstance(below[0], Message):
        return below[0]
    return words.headed(words.text(part))


def _message_id(mail: Message) -> str:
    found = re.search(r"<[!-;=?-~]{3,250}>", words.header(mail, "Message-ID"))
    return found[0] if found else ""


def _links(copy: Message) -> tuple[str, ...]:
    return tuple(re.findall(r"<([^<>\s]{1,500})>", words.header(copy, "List-Unsubscribe")))[:5]


def _sent_to(mail: Message) -> tuple[str, ...]:
    """Return where the mail came to: what servers noted first, then what its writer did."""
    noted = ("X-Original-To", "Delivered-To", "Envelope-To", "X-Envelope-To", "To", "Cc")
    told = getaddresses([value for name in noted for value in words.headers(mail, name)])
    passed = [
        match[1]
        for line in words.headers(mail, "Received")
        if (match := re.search(rf"\bfor <({ADDRESS})>", line))
    ]
    return tuple(dict.fromkeys([address for _, address in told if "@" in address] + passed))[:20]


# --- complaints ---------------------------------------------------------------------------


#: A provider that passes our mail back without a report of the standard says who complained;
#: a filter that only thinks so itself speaks of no reader.
_READER = r"(user|member|recipient|customer|subscriber)s?\b"
_CALLS = r"(reported|marked|flagged) .{0,40}(spam|junk|abuse)"
_READER_CALLS_SPAM = re.compile(
    rf"{_READER}.{{0,60}}{_CALLS}|{_CALLS}.{{0,40}}\bby .{{0,20}}{_READER}", re.IGNORECASE
)


def _feedback(leaves: Sequence[Message]) -> Message | None:
    """Return RFC 5965's part of a report, under whatever type; None if there is none."""
    for part in leaves:
        if part.get_content_type() == "message/feedback-report":
            return part
        told = part.get_payload(decode=True)
        if isinstance(told, bytes) and re.match(rb"\s*Feedback-Type:", told, re.IGNORECASE):
            return words.headed(told.decode("latin-1"))
    return None


def _complaint(returned: Returned, report: Message, copy: Message) -> Returned:
    fields = _fields(report)
    named = getaddresses(
        [
            *words.headers(fields, "Original-Rcpt-To"),
            *words.headers(fields, "Removal-Recipient"),
            # Microsoft's form of it, which is older than the standard.
            *words.headers(copy, "X-HmXmrOriginalRecipient"),
            *words.headers(copy, "To"),
        ]
    )
    returning = re.findall(ADDRESS, words.header(fields, "Original-Mail-From"))
    return replace(
        returned,
        kind=Kind.COMPLAINT,
        sent_to=(*returned.sent_to, *returning[:5]),
        feedback=words.header(fields, "Feedback-Type").lower()[:40] or "abuse",
        complained=tuple(dict.fromkeys(a for _, a in named if re.fullmatch(ADDRESS, a)))[:20],
    )


def _fields(report: Message) -> Message:
    if report.get("Feedback-Type"):
        return report
    payload = report.get_payload()
    if isinstance(payload, list) and payload and isinstance(payload[0], Message):
        return payload[0]
    return words.headed(words.text(report))


# --- bounces ------------------------------------------------------------------------------


def _refusals(
    mail: Message, leaves: Sequence[Message], notice: str, copy: Message
) -> Iterator[Refusal]:
    status = _status_part(leaves)
    if status is not None:
        found = reported(status, notice) or reported_in_text(notice)
    elif passed_on := _passed_on(notice):
        notice, found = passed_on, reported_in_text(passed_on)
    elif _is_by_server(mail, notice):
        found = reported_in_text(notice)
    else:
        return
    yield from found or described(
        notice,
        failed=_failed(mail) or (),
        ours=[a for _, a in getaddresses(words.headers(mail, "To"))],
        writers=[a for _, a in getaddresses(_writers(copy))],
        to=[a for _, a in getaddresses(words.headers(copy, "To"))],
    )


def _writers(copy: Message) -> list[str]:
    """Return who wrote our mail, as its copy says: whom a bounce may mention, and is not about."""
    return [
        value for name in ("From", "Sender", "Return-Path") for value in words.headers(copy, name)
    ]


def _status_part(leaves: Sequence[Message]) -> Message | None:
    kinds = ("message/delivery-status", "message/global-delivery-status")
    for part in leaves:
        if part.get_content_type() in kinds:
            return part
        if part.get_content_type() == "message/rfc822":
            # A bounce that somebody's server passed on whole.
            inner = _leafs_of(part)
            if (
                found := next((p for p in inner if p.get_content_type() in kinds), None)
            ) is not None:
                return found
    return None


def _leafs_of(part: Message) -> list[Message]:
    below = part.get_payload()
    if isinstance(below, list) and below and isinstance(below[0], Message):
        return list(words.parts(below[0]))
    return []


def _failed(mail: Message) -> list[str]:
    return re.findall(ADDRESS, words.header(mail, "X-Failed-Recipients"))


#: What our own List-Unsubscribe makes a mail program write, by itself or for a person.
_ASKS_TO_LEAVE = re.compile(r"^\s*unsubscribe\b", re.IGNORECASE)
_SERVER = re.compile(
    r"mailer.?daemon|post.?master|mail delivery|mail(er)?.?(system|administrator|service)"
    r"|mail.?daemon|delivery (sub)?system|^root@|mdaemon|system administrator",
    re.IGNORECASE,
)
_RETURNED = re.compile(
    r"undeliver|returned mail|mail system error|failure notice|delivery.{0,12}(status|fail|problem"
    r"|error|report|not|delay)|(mail|message).{0,20}(not (be )?delivered|returned|fail|error"
    r"|bounce)|non.?deliver|delivery has failed|could ?n.t be delivered|not deliverable"
    r"|unzustellbar|non remis|no entregado|配信|送信エラー|недоставлен|не доставлен"
    r"|permanent fail|dead mail",
    re.IGNORECASE,
)


def _is_by_server(mail: Message, notice: str) -> bool:
    """Tell whether a mail server wrote it because a mail could not be delivered."""
    if mail.get("X-Failed-Recipients"):
        return True
    subject = words.header(mail, "Subject")
    if automatic.is_absence(subject):
        return False
    if _SERVER.search(words.header(mail, "From")):
        return True
    if words.header(mail, "Return-Path") == "<>":
        nobody = not parseaddr(words.header(mail, "From"))[1]
        return nobody or bool(_RETURNED.search(subject) or _RETURNED.search(notice[:2000]))
    # A server may well mark it as bulk, or as generated; not as somebody's answer.
    told = _RETURNED.search(subject) and not automatic.is_answer(subject)
    return bool(told) and not automatic.answers(mail)


def _passed_on(notice: str) -> str:
    """Return the bounce that a person forwarded in a mail of theirs; "" if there is none."""
    unquoted = re.sub(r"^(?:> ?)+", "", notice, flags=re.MULTILINE)
    found = re.search(r"^From: .*$", unquoted, re.MULTILINE)
    return unquoted[found.end() :] if found and _SERVER.search(found[0]) else ""
