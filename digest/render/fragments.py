"""
An edition cut at its marks and encoded once, so that a reader's mail is put together
without rendering or encoding anything but that reader's own values.

Two kinds of mark stand in an edition's HTML and text. A *slot* is where a reader's value
goes; a *part mark* says which part begins there. They are written with noncharacters
(Unicode 23.7), which `digest.render.plain` takes out of everything from outside.
"""

from __future__ import annotations

import html
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from digest.errors import TemplateError
from digest.model import Edition

OPEN, CLOSE, PART = "\ufdd0", "\ufdd1", "\ufdd2"
_MARK = re.compile(f"([{OPEN}{PART}])([a-z0-9_-]+){CLOSE}")

#: The values that a message may hold; a template cannot ask for others.
SLOTS = ("unsubscribe_url",)

#: Parts that only a reader's own mail has; the public page leaves them out.
MAIL_ONLY = "mail-only"
#: Parts that only the public page has; no mail has room for them.
WEB_ONLY = "web-only"

#: RFC 2045, 6.7: an encoded line has at most 76 characters, the soft break's "=" among them.
_LINE = 75


def slot(name: str) -> str:
    """Return the mark of the place where a reader's value goes."""
    return f"{OPEN}{name}{CLOSE}"


def part(name: str) -> str:
    """Return the mark that begins the part called *name*; it ends where the next begins."""
    return f"{PART}{name}{CLOSE}"


def parts(marked: str) -> Iterator[tuple[str, str]]:
    """Yield name and content of each part of *marked*, in order; before the first: ``""``."""
    name, start = "", 0
    for found in _MARK.finditer(marked):
        if found[1] == PART:
            yield name, marked[start : found.start()]
            name, start = found[2], found.end()
    yield name, marked[start:]


def slots(marked: str) -> tuple[str, ...]:
    """Return the names of the slots in *marked*, each time one stands there."""
    return tuple(found[2] for found in _MARK.finditer(marked) if found[1] == OPEN)


def in_mail(marked: str) -> str:
    """Return *marked* without the parts that only the public page has."""
    if f"{PART}{WEB_ONLY}" not in marked:
        return marked
    return "".join(
        f"{part(name) if name else ''}{content}"
        for name, content in parts(marked)
        if not name.startswith(WEB_ONLY)
    )


def unmarked(marked: str) -> str:
    """Return *marked* without its part marks."""
    return re.sub(f"{PART}[^{CLOSE}]*{CLOSE}", "", marked)


def filled(marked: str, values: Mapping[str, str], *, escape: bool) -> str:
    """Return *marked* without marks, each slot holding its value (*escape*: for HTML)."""

    def value(found: re.Match[str]) -> str:
        if found[1] == PART:
            return ""
        # `cut` refuses an unknown slot; a preview shows its name.
        said = values.get(found[2], f"[{found[2]}]")
        return html.escape(said) if escape else said

    return _MARK.sub(value, marked)


@dataclass(frozen=True, slots=True)
class Slot:
    """A reader's place in a message."""

    name: str
    #: True in the HTML part, where the value is escaped.
    in_html: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Fragment:
    """One part of an edition, encoded: bytes with slots between them."""

    name: str
    pieces: tuple[bytes | Slot, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Fragments:
    """An edition, cut and quoted-printable encoded. Any sequence of fragments is valid."""

    subject: str
    boundary: str
    text: tuple[Fragment, ...]
    html: tuple[Fragment, ...]
    #: The whole issue's body from the first boundary to the last, constants joined.
    body: tuple[bytes | Slot, ...]


def cut(edition: Edition) -> Fragments:
    """Return *edition* cut at its marks; TemplateError if it has a slot that nobody fills."""
    unknown = set(slots(edition.html) + slots(edition.text)) - set(SLOTS)
    if unknown:
        raise TemplateError(
            f"the edition has slots that nobody fills: {', '.join(sorted(unknown))}",
            remedy=f"Templates may use: {', '.join(SLOTS)}.",
        )
    text = tuple(_fragments(in_mail(edition.text), in_html=False))
    html = tuple(_fragments(in_mail(edition.html), in_html=True))
    # "=_" cannot occur in quoted-printable, so no part can hold the boundary (RFC 2045, 6.7).
    boundary = f"=_{edition.digest[:32]}"
    return Fragments(
        subject=edition.subject,
        boundary=boundary,
        text=text,
        html=html,
        body=weave(text, html, boundary=boundary),
    )


def weave(
    text: Sequence[Fragment], html: Sequence[Fragment], *, boundary: str
) -> tuple[bytes | Slot, ...]:
    """Return a multipart/alternative body of these fragments, text first (RFC 2046, 5.1.4)."""
    return _joined(
        (
            _opening(boundary, "plain"),
            *(piece for fragment in text for piece in fragment.pieces),
            _opening(boundary, "html"),
            *(piece for fragment in html for piece in fragment.pieces),
            f"\r\n--{boundary}--\r\n".encode(),
        )
    )


def _opening(boundary: str, subtype: str) -> bytes:
    return (
        f"\r\n--{boundary}\r\n"
        f"Content-Type: text/{subtype}; charset=utf-8\r\n"
        "Content-Transfer-Encoding: quoted-printable\r\n"
        "\r\n"
    ).encode()


def _joined(pieces: Sequence[bytes | Slot]) -> tuple[bytes | Slot, ...]:
    joined: list[bytes | Slot] = []
    for piece in pieces:
        if isinstance(piece, bytes) and joined and isinstance(joined[-1], bytes):
            joined[-1] += piece
        else:
            joined.append(piece)
    return tuple(joined)


def _fragments(marked: str, *, in_html: bool) -> Iterator[Fragment]:
    for name, content in parts(marked):
        pieces: list[bytes | Slot] = []
        start = 0
        for found in _MARK.finditer(content):
            pieces += [encoded(content[start : found.start()]), Slot(found[2], in_html)]
            start = found.end()
        pieces.append(encoded(content[start:]))
        yield Fragment(name=name, pieces=tuple(piece for piece in pieces if piece))


_UNSAFE = re.compile(rb"[^\t\x20-\x3c\x3e-\x7e]")


def encoded(text: str) -> bytes:
    r"""
    Return *text* in quoted-printable, from column 0 up to a line's end (RFC 2045, 6.7).

    The last line ends in CRLF if *text* ends in a line feed, else in a soft break, so
    that whatever follows begins at column 0 again. No line begins with "." or "From ":
    nothing is left to stuff or to escape on the way. "" stays empty.
    """
    if not text:
        return b""
    *whole, rest = text.encode().split(b"\n")
    out = bytearray()
    for line in whole:
        out += _line(line, hard=True) + b"\r\n"
    if rest:
        out += _line(rest, hard=False) + b"=\r\n"
    return bytes(out)


def _line(line: bytes, *, hard: bool) -> bytes:
    safe = _UNSAFE.sub(lambda found: b"=%02X" % found[0][0], line)
    if hard and safe[-1:] in (b" ", b"\t"):
        # Space at a line's end may be lost on the way.
        safe = safe[:-1] + b"=%02X" % safe[-1]
    return b"=\r\n".join(_guarded(chunk) for chunk in _chunks(safe))


def _chunks(safe: bytes) -> Iterator[bytes]:
    """Yield pieces that leave room for what `_guarded` adds; an =XX is never torn."""
    room, start = _LINE - 2, 0
    while len(safe) - start > room:
        end = start + room
        torn = safe.rfind(b"=", end - 2, end)
        end = torn if torn > start else end
        yield safe[start:end]
        start = end
    yield safe[start:]


def _guarded(chunk: bytes) -> bytes:
    if chunk.startswith(b"."):
        return b"=2E" + chunk[1:]
    if chunk.startswith(b"From "):
        return b"=46" + chunk[1:]
    return chunk


def value(text: str, *, in_html: bool) -> bytes:
    """Return a reader's value for its slot: encoded, on lines of its own, softly broken."""
    if in_html:
        text = html.escape(text)
    return encoded(text)
