"""An edition cut and encoded once: any concatenation is right, nothing is left to stuff."""

from __future__ import annotations

import binascii
import html
import quopri
import random
import re

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from digest.errors import TemplateError
from digest.model import Edition
from digest.render import fingerprint, fragments
from digest.render.fragments import Fragment, Slot, cut, encoded, value, weave
from digest.render.specimen import recap as specimen
from tests.recaps import PREFERENCES_URL, UNSUBSCRIBE_URL, edition

#: Text as an edition holds it: no carriage return, no half of a pair.
TEXT = st.text(st.characters(exclude_categories=("Cs",), exclude_characters="\r"))
VALUES = {"unsubscribe_url": UNSUBSCRIBE_URL, "preferences_url": PREFERENCES_URL}


def strictly_decoded(body: bytes) -> bytes:
    """Decode quoted-printable as RFC 2045, 6.7, has it; anything doubtful fails."""
    out = bytearray()
    *lines, rest = body.split(b"\r\n")
    assert rest == b"", "the last line is not ended"
    for line in lines:
        assert len(line) <= 76, line
        assert not line.endswith((b" ", b"\t")), line
        soft = line.endswith(b"=")
        content = line[:-1] if soft else line
        assert re.fullmatch(rb"(?:[\t\x20-\x3c\x3e-\x7e]|=[0-9A-F]{2})*", content), line
        out += re.sub(rb"=([0-9A-F]{2})", lambda at: bytes([int(at[1], 16)]), content)
        out += b"" if soft else b"\n"
    return bytes(out)


def read(parts: tuple[Fragment, ...]) -> str:
    """Put a reader's mail together and decode it."""
    body = b"".join(
        piece if isinstance(piece, bytes) else value(VALUES[piece.name])[piece.in_html]
        for part in parts
        for piece in part.pieces
    )
    return strictly_decoded(body).decode()


@given(st.lists(TEXT, max_size=6))
@example([".", "..\n.", "From me", "a\nFrom you\n", "From " * 40])
@example(["a" * 72 + ".b", "a" * 73 + "From x", "=" * 100, "é" * 60, "x \ny\t\n z "])
def test_any_sequence_of_fragments_is_valid(pieces: list[str]) -> None:
    """Two decoders read the concatenation back; no line begins with a dot or "From "."""
    body = b"".join(encoded(piece) for piece in pieces)
    if body:
        assert strictly_decoded(body).decode() == "".join(pieces)
    for line in body.split(b"\r\n"):
        assert not line.startswith((b".", b"From "))
    joined = "".join(pieces).encode()
    assert quopri.decodestring(body).replace(b"\r\n", b"\n") == joined
    assert binascii.a2b_qp(body).replace(b"\r\n", b"\n") == joined


@pytest.mark.parametrize("layout", ["cards", "compact", "text"])
def test_decoded_fragments_are_the_whole_edition(layout: str) -> None:
    """Cut, encoded, filled and decoded, HTML and text are what the preview shows."""
    told = edition(specimen(), layout)
    cuttings = cut(told)
    assert read(cuttings.html) == fragments.filled(told.html, VALUES, escape=True)
    assert read(cuttings.text) == fragments.filled(told.text, VALUES, escape=False)


def test_each_item_is_a_fragment_of_its_own() -> None:
    """A variant may leave out or reorder items: each has a name, in HTML and in text."""
    cuttings = cut(edition(specimen()))
    for parts in (cuttings.html, cuttings.text):
        names = [part.name for part in parts]
        assert [name for name in names if name.startswith("item-")] == [
            f"item-{number}" for number in range(1, 6)
        ]
        assert names[-2:] == ["mail-only", "end"]


def test_mail_without_an_item_is_still_balanced() -> None:
    """Any choice of item fragments leaves every table, row and MSO comment closed."""
    cuttings = cut(edition(specimen()))
    items = [part for part in cuttings.html if part.name.startswith("item-")]
    kept = random.Random(1).sample(items, 3)
    chosen = tuple(part for part in cuttings.html if part not in items or part in kept)
    markup = read(chosen)
    for tag in ("table", "tr", "td", "div", "h3", "p"):
        assert len(re.findall(rf"<{tag}\b", markup)) == markup.count(f"</{tag}>"), tag


def test_slots_stand_alone_and_html_values_are_escaped() -> None:
    """A value is on lines of its own; in HTML, what could end an attribute is escaped."""
    in_text, in_html = value('https://x/?a="b"&c')
    assert in_text == b'https://x/?a=3D"b"&c=\r\n'
    assert in_html == b"https://x/?a=3D&quot;b&quot;&amp;c=\r\n"
    cuttings = cut(edition())
    slots = [piece for piece in cuttings.body if isinstance(piece, Slot)]
    assert slots == [Slot(name, in_html) for in_html in (False, True) for name in fragments.SLOTS]


@given(st.text(st.characters(min_codepoint=32, max_codepoint=126), max_size=200))
@example(f"https://example.org/{'a' * 53}.b")
@example(".well-known")
@example("a" * 146)
@example("a" * 147)
def test_a_value_is_encoded_like_everything(text: str) -> None:
    """The quick way for plain links gives the bytes that the long way gives."""
    assert value(text) == (encoded(text), encoded(html.escape(text)))


def test_edition_with_an_unknown_slot_is_refused() -> None:
    """A mail with a hole in it is not made."""
    markup = f"<p>{fragments.slot('surname')}</p>"
    told = Edition(subject="s", html=markup, text="", digest=fingerprint("s", markup, ""))
    with pytest.raises(TemplateError, match="surname"):
        cut(told)


def test_boundary_cannot_occur_in_a_part() -> None:
    """It begins with "=_", which quoted-printable never has, and is short enough."""
    cuttings = cut(edition())
    assert re.fullmatch(r"=_[0-9a-f]{32}", cuttings.boundary)
    body = b"".join(piece for piece in cuttings.body if isinstance(piece, bytes))
    assert body.count(cuttings.boundary.encode()) == 3


def test_weave_joins_constants() -> None:
    """What does not change between readers is one piece of memory."""
    part = Fragment(name="a", pieces=(b"x=\r\n", b"y=\r\n"))
    assert len(weave((part, part), (part,), boundary="=_b")) == 1
