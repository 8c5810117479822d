"""
An edition cut at its marks and encoded once, so that a reader's mail is put together
without rendering or encoding anything but that reader's own values.

Two kinds of mark stand in an edition's HTML and text. A *slot* is where a reader's value
goes; a *part mark* says which part begins there. They are written with noncharacters
(Unicode 23.7), which `digest.render.plain` takes out of everything from outside.
"""

from __future__ import annotations

import base64
import html
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property, lru_cache
from typing import NamedTuple

from digest.errors import TemplateError
from digest.model import Edition, Variant

OPEN, CLOSE, PART = "\ufdd0", "\ufdd1", "\ufdd2"
_MARK = re.compile(f"([{OPEN}{PART}])([a-z0-9_-]+){CLOSE}")

#: The values that a message may hold; a template cannot ask for others.
SLOTS = ("unsubscribe_url", "preferences_url")

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


# --- another choice of the same parts ------------------------------------------------------


def choice(marked: str, of: str) -> tuple[int | str, ...]:
    """
    Return *marked* told by the parts of *of*: their places, and between them what it lacks.

    `chosen` undoes it. Parts are the same where their names and all their letters are.
    """
    places = {piece: place for place, piece in reversed([*enumerate(_pieces(of))])}
    told: list[int | str] = []
    for piece in _pieces(marked):
        place = places.get(piece)
        if place is not None:
            told.append(place)
        elif told and isinstance(told[-1], str):
            told[-1] += piece
        else:
            told.append(piece)
    return tuple(told)


def chosen(told: Sequence[int | str], of: str) -> str:
    """Return what `choice` told by the parts of *of*; IndexError if it has not so many."""
    pieces = _pieces(of)
    return "".join(pieces[each] if isinstance(each, int) else each for each in told)


def varied(edition: Edition, variant: Variant) -> Edition:
    """Return the edition that readers of *variant* get; its notes are the full one's."""
    return replace(
        edition,
        subject=variant.subject,
        html=edition.html if variant.html is None else chosen(variant.html, edition.html),
        text=edition.text if variant.text is None else chosen(variant.text, edition.text),
        digest=variant.digest,
    )


def _pieces(marked: str) -> list[str]:
    """Cut before each part mark; joined, the pieces are *marked* again."""
    return re.split(f"(?={PART})", marked)


# --- encoded, once -------------------------------------------------------------------------


class Slot(NamedTuple):
    """A reader's place in a message."""

    name: str
    #: True in the HTML part, where the value is escaped.
    in_html: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Fragment:
    """One part of an edition, encoded: bytes with slots between them."""

    name: str
    pieces: tuple[bytes | Slot, ...]


@dataclass(frozen=True, kw_only=True)
class Fragments:
    """An edition, cut and quoted-printable encoded. Any sequence of fragments is valid."""

    subject: str
    #: Between the body's parts; "" where it is text alone.
    boundary: str
    text: tuple[Fragment, ...]
    html: tuple[Fragment, ...]
    #: The whole body from the first boundary to the last, constants joined.
    body: tuple[bytes | Slot, ...]

    @cached_property
    def places(self) -> tuple[tuple[str, tuple[int, ...], frozenset[int]], ...]:
        """Where in *body* a reader's values go: the name, its places, those of them in HTML."""
        slots = {at: piece for at, piece in enumerate(self.body) if isinstance(piece, Slot)}
        return tuple(
            (
                name,
                tuple(at for at, each in slots.items() if each.name == name),
                frozenset(at for at, each in slots.items() if each == Slot(name, True)),
            )
            for name in dict.fromkeys(each.name for each in slots.values())
        )


def cut(edition: Edition) -> Fragments:
    """Return *edition* cut at its marks; TemplateError if it has a slot that nobody fills."""
    unknown = set(slots(edition.html) + slots(edition.text)) - set(SLOTS)
    if unknown:
        raise TemplateError(
            f"the edition has slots that nobody fills: {', '.join(sorted(unknown))}",
            remedy=f"Templates may use: {', '.join(SLOTS)}.",
        )
    text = tuple(_fragment(piece, in_html=False) for piece in _pieces(in_mail(edition.text)))
    # Without HTML the mail is text alone: no empty part beside it.
    html = tuple(
        _fragment(piece, in_html=True) for piece in _pieces(in_mail(edition.html)) if piece
    )
    # "=_" cannot occur in quoted-printable, so no part can hold the boundary (RFC 2045, 6.7).
    boundary = f"=_{edition.digest[:32]}" if html else ""
    return Fragments(
        subject=edition.subject,
        boundary=boundary,
        text=text,
        html=html,
        body=weave(text, html, boundary=boundary),
    )


def weave(
    text: Sequence[Fragment], html: Sequence[Fragment], *, boundary: str, picture: bytes = b""
) -> tuple[bytes | Slot, ...]:
    """
    Return a multipart/alternative body of these fragments, text first (RFC 2046, 5.1.4).

    Without *html* it is the text itself, which needs no boundary. With *picture*, a PNG, the
    second alternative is HTML and picture together (multipart/related, RFC 2387).
    """
    said = tuple(piece for fragment in text for piece in fragment.pieces)
    shown = tuple(piece for fragment in html for piece in fragment.pieces)
    if not shown:
        last = said[-1] if said else b""
        ended = isinstance(last, bytes) and last.endswith(b"\r\n") and last[-3:] != b"=\r\n"
        return _joined(said if ended else (*said, b"\r\n"))
    seen = (f"{content('html')}\r\n".encode(), *shown)
    return _joined(
        (
            f"\r\n--{boundary}\r\n{content('plain')}\r\n".encode(),
            *said,
            f"\r\n--{boundary}\r\n".encode(),
            *(_related(seen, picture, f"{boundary}-r") if picture else seen),
            f"\r\n--{boundary}--\r\n".encode(),
        )
    )


def _related(
    html: Sequence[bytes | Slot], picture: bytes, boundary: str
) -> tuple[bytes | Slot, ...]:
    """Return HTML and the picture that it shows as ``cid:picture`` as one part."""
    kind = f'Content-Type: multipart/related; type="text/html";\r\n boundary="{boundary}"\r\n'
    fields = (
        "Content-Type: image/png\r\n"
        "Content-Transfer-Encoding: base64\r\n"
        "Content-ID: <picture>\r\n"
        'Content-Disposition: inline; filename="mail.png"\r\n'
    )
    return (
        f"{kind}\r\n\r\n--{boundary}\r\n".encode(),
        *html,
        f"\r\n--{boundary}\r\n{fields}\r\n".encode(),
        base64.encodebytes(picture).replace(b"\n", b"\r\n"),
        f"\r\n--{boundary}--\r\n".encode(),
    )


def content(subtype: str) -> str:
    """Return the fields that say what a part is, and how it is encoded."""
    return (
        f"Content-Type: text/{subtype}; charset=utf-8\r\n"
        "Content-Transfer-Encoding: quoted-printable\r\n"
    )


def _joined(pieces: Sequence[bytes | Slot]) -> tuple[bytes | Slot, ...]:
    joined: list[bytes | Slot] = []
    for piece in pieces:
        if isinstance(piece, bytes) and joined and isinstance(joined[-1], bytes):
            joined[-1] += piece
        else:
            joined.append(piece)
    return tuple(joined)


#: So many encoded parts are kept: variants are made of the same ones.
@lru_cache(maxsize=2048)
def _fragment(piece: str, *, in_html: bool) -> Fragment:
    """Return one part, encoded; its mark, if it begins with one, is its name."""
    named = _MARK.match(piece)
    is_part = named is not None and named[1] == PART
    pieces: list[bytes | Slot] = []
    start = named.end() if named and is_part else 0
    for found in _MARK.finditer(piece, start):
        pieces += [encoded(piece[start : found.start()]), Slot(found[2], in_html)]
        start = found.end()
    pieces.append(encoded(piece[start:]))
    return Fragment(
        name=named[2] if named and is_part else "",
        pieces=tuple(each for each in pieces if each),
    )


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


# --- a reader's own values -----------------------------------------------------------------

#: What is the same in HTML, in quoted-printable and as it stands: most links are of nothing
#: else. Deleting it and seeing nothing left is the quickest way to tell.
_INERT = bytes(each for each in range(0x21, 0x7F) if each not in b"\"&'<=>")
_DOT = ord(".")
_ROOM = _LINE - 2


def inert(text: str) -> bytes | None:
    """Return a value that is the same in text and in HTML, on one line or on two; else None."""
    line = text.encode()
    if not line or line.translate(None, _INERT) or line[0] == _DOT:
        return None
    if len(line) <= _ROOM:
        return line + b"=\r\n"
    if len(line) > 2 * _ROOM or line[_ROOM] == _DOT:
        return None
    return b"%b=\r\n%b=\r\n" % (line[:_ROOM], line[_ROOM:])


def value(text: str) -> tuple[bytes, bytes]:
    """Return a reader's value for slots in text and in HTML: on lines of its own, softly broken."""
    said = inert(text)
    return (said, said) if said else (encoded(text), encoded(html.escape(text)))


def addressed(fragments: Fragments, values: Mapping[str, str]) -> list[bytes]:
    """Return the body's segments with a reader's *values*; KeyError for a slot without one."""
    # A call of `cast` would cost as much as one of the slots.
    segments: list[bytes] = list(fragments.body)  # type: ignore[arg-type]
    for name, everywhere, in_html in fragments.places:
        text = values[name]
        if said := inert(text):
            for place in everywhere:
                segments[place] = said
            continue
        as_text, as_html = value(text)
        for place in everywhere:
            segments[place] = as_html if place in in_html else as_text
    return segments
