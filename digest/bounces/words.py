"""The words of a mail: its headers decoded, its parts as text, the copy of ours cut off."""

from __future__ import annotations

import re
from collections.abc import Iterator
from email.errors import HeaderParseError
from email.header import Header, decode_header
from email.message import Message
from email.parser import BytesParser, HeaderParser
from email.policy import compat32

#: More of a mail is not looked at: what a server says of a failure comes first.
LARGEST = 1_000_000
#: Of a text; a server's report is short.
LONGEST_TEXT = 20_000
MOST_PARTS = 200

#: What can stand between a report and the copy of our mail, at the start of a line.
_BEFORE_COPY = re.compile(
    r"^(?:[ \t]*[-=_|*#]{2,}[^\n]{0,40}?(?:copy of|below this line|original message|header"
    r"|returned message|unsent message|message text|message follows)[^\n]*"
    r"|[ \t]*(?:included|below|following|attached)\b[^\n]{0,60}\b(?:copy|header)[^\n]*"
    r"|[ \t]*(?:the )?(?:original )?message (?:headers?|text)?[ ]?follows?\.?:?[ \t]*"
    r"|[ \t]*original message(?: headers?)?(?: follows?)?[ \t]*[:.]?[ \t]*"
    r"|[ \t]*body of message generated response:[ \t]*"
    r"|(?:received|return-path): ?[^\n]*)$",
    re.IGNORECASE | re.MULTILINE,
)


#: Where the mail begins that somebody answers: Outlook's line or headers, Gmail's sentence.
_ANSWERED = re.compile(
    r"^[ \t>]*(?:-{2,}[ \t]*(?:original|forwarded|urspr|mensaje|messaggio|message|oorspronkelijk"
    r"|mensagem|opprinnelig|ursprungl|исходное|пересыл|原始|元の)[^\n]*|_{20,}[ \t]*"
    r"|(?:on|am|le|el|il|op|em|den|dnia|пн|вт|ср|чт|пт|сб|вс)\b[^\n]{5,200}\n?[^\n]{0,120}"
    r"(?:wrote|schrieb|a écrit|escribió|escreveu|ha scritto|schreef|skrev|napisał|пишет|написал)"
    r"[^\n]{0,80}:[ \t]*"
    r"|(?:from|von|de|da|van|från|fra|od|от|差出人|发件人)[ \t]?[:：][^\n]*\n[ \t>]*"
    r"(?:sent|date|to|gesendet|datum|envoyé|enviado|inviato|data|verzonden|skickat|sendt"
    r"|wysłano|отправлено|送信日時|发送时间)[ \t]?[:：][^\n]*)$",
    re.IGNORECASE | re.MULTILINE,
)


def parsed(raw: bytes) -> Message:
    """Return the mail in *raw*, of which at most `LARGEST` bytes are read."""
    # An empty line before the headers is a slip of whatever kept the mail, not their end.
    raw = re.sub(rb"\A(?:[ \t]*\r?\n)+", b"", raw[:LARGEST])
    if raw.startswith(b"From "):
        raw = raw.partition(b"\n")[2]
    return BytesParser(policy=compat32).parsebytes(raw[:LARGEST])


def header(mail: Message, name: str) -> str:
    """Return the first header of that name in one line, decoded; "" if there is none."""
    return _decoded(mail.get(name))


def headers(mail: Message, name: str) -> list[str]:
    """Return all headers of that name, decoded."""
    return [_decoded(value) for value in mail.get_all(name, [])]


def _decoded(value: object) -> str:
    if value is None:
        return ""
    try:
        # Letters that stand there as they are (RFC 6532, and older programs) come as a Header.
        pieces = decode_header(value if isinstance(value, Header) else str(value))
    except (HeaderParseError, ValueError):
        return " ".join(str(value).split())
    told = "".join(
        piece if isinstance(piece, str) else _as_text(piece, charset) for piece, charset in pieces
    )
    return " ".join(told.split())


def parts(mail: Message) -> Iterator[Message]:
    """Yield the leaves of *mail* in order, not those of a mail that is enclosed."""
    for count, part in enumerate(_walked(mail)):
        if count >= MOST_PARTS:
            return
        yield part


def _walked(part: Message) -> Iterator[Message]:
    below = part.get_payload()
    if part.get_content_maintype() == "multipart" and isinstance(below, list):
        for each in below:
            if isinstance(each, Message):
                yield from _walked(each)
    else:
        yield part


def text(part: Message) -> str:
    """Return the text of a leaf; HTML without its marks; "" for what is neither."""
    if part.get_content_maintype() not in ("text", "message", "multipart"):
        return ""
    # A multipart that is a leaf has a boundary that never comes: its text is whole.
    payload = part.get_payload(decode=True)
    if not isinstance(payload, bytes):
        return ""
    told = _as_text(payload[: 4 * LONGEST_TEXT], part.get_content_charset())[:LONGEST_TEXT]
    return _unmarked(told) if part.get_content_subtype() == "html" else told.replace("\r\n", "\n")


def _as_text(octets: bytes, charset: str | None) -> str:
    if b"\x1b$" in octets:
        charset = "iso-2022-jp"
    for name in (charset, "utf-8"):
        try:
            if name:
                return octets.decode(name)
        except (LookupError, UnicodeError):
            continue
    return octets.decode(_known(charset), "replace")


def _known(charset: str | None) -> str:
    try:
        "".encode(charset or "latin-1")
    except (LookupError, UnicodeError):
        return "latin-1"
    return charset or "latin-1"


def _unmarked(markup: str) -> str:
    """Return the words of HTML, its blocks on lines of their own."""
    from lxml import etree, html

    try:
        tree = html.document_fromstring(markup.encode(), parser=html.HTMLParser(encoding="utf-8"))
    except (etree.ParserError, etree.XMLSyntaxError):
        return ""
    told: list[str] = []
    for event, element in etree.iterwalk(tree, events=("start", "end")):
        if not isinstance(element.tag, str) or element.tag in _UNSEEN:
            told.append((element.tail or "") if event == "end" else "")
            continue
        told.append("\n" if element.tag in _BLOCKS else " ")
        told.append((element.tail if event == "end" else element.text) or "")
    return "".join(told)


_UNSEEN = frozenset({"script", "style", "head", "title"})
_BLOCKS = frozenset(
    {"br", "p", "div", "tr", "li", "h1", "h2", "h3", "h4", "hr", "pre", "table", "ul", "ol"}
)


def split_copy(told: str) -> tuple[str, str]:
    """Return what *told* says, and the copy of our mail that follows it; "" if there is none."""
    found = _BEFORE_COPY.search(told)
    if not found:
        return told, ""
    copied = found[0].lower().lstrip().startswith(("received:", "return-path:"))
    return told[: found.start()], told[found.start() if copied else found.end() :].lstrip("\n")


def unquoted(told: str) -> str:
    """Return what a person wrote themselves: neither quoted lines nor the mail below theirs."""
    found = _ANSWERED.search(told)
    lines = (told[: found.start()] if found else told).splitlines()
    return "\n".join(line for line in lines if not line.lstrip().startswith((">", "|")))


def headed(told: str) -> Message:
    """Return the headers at the start of *told*; no body."""
    return HeaderParser(policy=compat32).parsestr(told.lstrip()[:LONGEST_TEXT], headersonly=True)
