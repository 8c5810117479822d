"""
Header fields, written so that no standard-library version can spoil them.

`email.message.EmailMessage` makes an encoded word of a List-Unsubscribe that does not fit
on a line, and loses spaces in long non-ASCII subjects; both are wrong (RFC 2047, 5 and 6.2)
and readers notice. What is written here is ASCII with CRLF only, or refused.
"""

from __future__ import annotations

import re
from datetime import UTC, datetime
from email.header import Header
from email.utils import format_datetime, parseaddr
from functools import lru_cache

import idna

from digest.errors import ReaderError
from digest.render.plain import plain

CRLF = "\r\n"
#: RFC 5322, 2.1.1: no line may have more octets, CRLF not counted.
LINE_LIMIT = 998
#: RFC 5322, 2.1.1: no line should.
LINE_WISH = 78
#: RFC 2047, 2: a line with an encoded word has no more.
ENCODED_LINE = 76

#: RFC 5322, 3.2.3: what a display name may hold without quotes.
_ATOMS = re.compile(r"[A-Za-z0-9!#$%&'*+\-/=?^_`{|}~ ]*")
_ATOM = r"[A-Za-z0-9!#$%&'*+\-/=?^_`{|}~]+"
_HOST = r"(?!-)[A-Za-z0-9.-]{1,253}(?<![-.])"
#: An address as nearly all are: nothing in it needs another look.
_USUAL = re.compile(rf"(?=[^@]{{1,64}}@){_ATOM}(?:\.{_ATOM})*@{_HOST}")
#: RFC 5321, 4.1.2: a local part without quotes; beyond ASCII as RFC 6531, 3.3, widens it.
_LOCAL_PART = re.compile(r"[A-Za-z0-9!#$%&'*+\-/=?^_`{|}~.\u00a0-\U0010ffff]{1,64}")
_MESSAGE_ID = re.compile(r"<[A-Za-z0-9!#$%&'*+\-/=?^_`{|}~.]+@[A-Za-z0-9.\-]+>")
_DOMAIN = re.compile(rf"{_HOST}|\[[0-9A-Fa-f.:IPv]+\]")


def line(name: str, value: str) -> str:
    """Return one field on one line; ValueError if it cannot stand there as it is."""
    said = f"{name}: {value}"
    if not (said.isascii() and said.isprintable()):
        raise ValueError(f"{name} may hold printable ASCII only: {value!r}")
    if len(said) > LINE_LIMIT:
        raise ValueError(f"{name} is longer than {LINE_LIMIT} characters")
    return f"{said}\r\n"


@lru_cache(maxsize=256)
def text(name: str, value: str) -> str:
    """Return an unstructured field (Subject): folded if ASCII, else in encoded words."""
    value = plain(value)
    words = value.split(" ")
    if value.isascii() and "=?" not in value and max(map(len, words)) < LINE_LIMIT - len(name) - 2:
        return _folded(f"{name}: {value}")
    encoded = Header(value, "utf-8", header_name=name, maxlinelen=ENCODED_LINE)
    return f"{name}: {encoded.encode(linesep=CRLF)}{CRLF}"


def _folded(field: str) -> str:
    """Fold at single spaces (RFC 5322, 2.2.3); unfolding gives back the same words."""
    lines, current = [], ""
    for word in field.split(" "):
        # Never after the name alone: a first line without content confuses readers.
        if current and not current.endswith(":") and len(current) + 1 + len(word) > LINE_WISH:
            lines.append(current)
            current = f" {word}"
        else:
            current = f"{current} {word}" if current or lines else word
    return CRLF.join([*lines, current]) + CRLF


def mailbox(name: str, display: str, address: str) -> str:
    """Return a field with one mailbox: ``To: "Smith, J." <j@example.org>``."""
    display = plain(display)
    if not display:
        return f"{name}: <{address}>{CRLF}"
    if display.isascii() and "=?" not in display and len(display) <= 200:
        shown = display if _ATOMS.fullmatch(display) else _quoted(display)
        first = f"{name}: {shown}"
    else:
        encoded = Header(display, "utf-8", header_name=name, maxlinelen=ENCODED_LINE)
        first = f"{name}: {encoded.encode(linesep=CRLF)}"
    last_line = first.rsplit(CRLF, 1)[-1]
    gap = " " if len(last_line) + len(address) + 3 <= LINE_WISH else f"{CRLF} "
    return f"{first}{gap}<{address}>{CRLF}"


def _quoted(display: str) -> str:
    return '"' + display.replace("\\", "\\\\").replace('"', '\\"') + '"'


def wire_address(address: str) -> str:
    """
    Return *address* as SMTP takes it: the host as A-label, the local part as written.

    ReaderError if it is no mailbox, or holds what could end a header or a command.
    A local part beyond ASCII stays as it is; such a message needs SMTPUTF8 (RFC 6531).
    """
    if _USUAL.fullmatch(address):
        return address
    local, _, domain = address.rpartition("@")
    try:
        host = domain if domain.isascii() else idna.encode(domain, uts46=True).decode()
    except idna.IDNAError:
        host = ""
    dotted = local.startswith(".") or local.endswith(".") or ".." in local
    if dotted or not _LOCAL_PART.fullmatch(local) or not _DOMAIN.fullmatch(host):
        raise ReaderError(f"{plain(address)!r} is no address that mail can go to")
    if plain(local) != local:
        raise ReaderError(f"{plain(address)!r} holds characters that do not show")
    return f"{local}@{host}"


@lru_cache(maxsize=64)
def parsed(value: str) -> tuple[str, str]:
    """Return display name and address of a configured ``Name <address>``."""
    display, address = parseaddr(value)
    return plain(display), wire_address(address)


def date(moment: datetime) -> str:
    """Return the Date field (RFC 5322, 3.6.1); ValueError for a naive instant."""
    if moment.tzinfo is None:
        raise ValueError("a message's date needs a zone")
    return _dated(int(moment.timestamp()))


@lru_cache(maxsize=4)
def _dated(second: int) -> str:
    return f"Date: {format_datetime(datetime.fromtimestamp(second, UTC))}{CRLF}"


def is_message_id(value: str) -> bool:
    return _MESSAGE_ID.fullmatch(value) is not None
