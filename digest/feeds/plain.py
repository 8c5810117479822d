"""Making plain text and safe links of whatever a feed says."""

from __future__ import annotations

import re
import unicodedata
from html import unescape
from html.entities import html5
from urllib.parse import quote, urljoin, urlsplit, urlunsplit

import idna
import nh3

#: What a cut text ends in.
MARK = "…"
LONGEST_LINK = 2000

#: Markup of more than this is cut before it is read.
_LONGEST_SOURCE = 100_000
#: ``&amp;amp;lt;`` is real; more layers than this are not.
_LAYERS = 5

#: Tags that end a line. Nested by the thousand, an HTML parser takes seconds for them.
BLOCK = re.compile(
    r"</?(?:address|article|aside|blockquote|br|center|dd|details|dialog|div|dl|dt|fieldset"
    r"|figure|footer|form|h[1-6]|header|hr|li|main|menu|nav|ol|p|pre|section|summary|table|td"
    r"""|th|tr|ul)\b(?:[^<>"']|"[^<>"]*"|'[^<>']*')*>""",
    re.IGNORECASE,
)
_COMMENT = re.compile(r"<!--.*?(?:-->|\Z)|<!\[CDATA\[|\]\]>|<\?.*?(?:\?>|\Z)", re.DOTALL)
_UNCLOSED = re.compile(r"<(?=[^<>]*(?:<|\Z))")
_AMPERSAND = re.compile(r"&(?:#[0-9]{1,7};|#[xX][0-9a-fA-F]{1,6};|([A-Za-z][A-Za-z0-9]{1,31};))?")
_LOOKS_LIKE_A_TAG = re.compile(r"<(?=[A-Za-z/!?])")
#: What goes with all that is in it: programs, looks, and captions, which belong to pictures.
_HIDDEN_CONTENT = {"script", "style", "template", "noscript", "iframe", "object", "svg", "math"}
_HIDDEN_CONTENT |= {"figcaption"}
_JOINERS = "\u200c\u200d"


def plain(source: str, *, longest: int) -> str:
    """
    Return a text in one line, of *longest* characters at most, cut at a word with a mark.

    Tags go and leave a space where a block ended, scripts and styles go with what is in
    them, entities become characters, however often they were escaped. Control, format
    and bidirectional-override characters and lone surrogates go; joiners stay in the
    scripts that need them. What comes back never holds ``<`` before a letter, ``/``,
    ``!`` or ``?``, so it reads as no tag anywhere. Never raises.
    """
    text = source[:_LONGEST_SOURCE]
    for _ in range(_LAYERS):
        if "<" not in text and "&" not in text:
            break
        before, text = text, unescape(_stripped(text))
        if text == before:
            break
    return cut(_LOOKS_LIKE_A_TAG.sub("< ", tidy(text)), longest)


def _stripped(text: str) -> str:
    """Return the text with its tags gone, still escaped."""
    text = _COMMENT.sub(" ", text.replace("\0", " "))
    # “a<b” and “AT&T” are text: what cannot be a tag or an entity is escaped first.
    text = _UNCLOSED.sub("&lt;", BLOCK.sub(" ", text))
    return nh3.clean(
        _AMPERSAND.sub(_kept_entity, text),
        tags=set(),
        clean_content_tags=_HIDDEN_CONTENT,
        strip_comments=True,
    )


def _kept_entity(match: re.Match[str]) -> str:
    known = match[0] != "&" and (match[1] is None or match[1] in html5)
    return match[0] if known else "&amp;" + match[0][1:]


def tidy(text: str) -> str:
    """Return the text in one line, composed (NFC), without characters that show nothing."""
    kept = [
        character if _shows(character, text[at - 1 : at]) else " " if _breaks(character) else ""
        for at, character in enumerate(text)
    ]
    return " ".join(unicodedata.normalize("NFC", "".join(kept)).split())


def _shows(character: str, before: str) -> bool:
    if character in _JOINERS:
        # Persian, the scripts of India and joined emoji need them; Latin text does not.
        return bool(before) and ord(before) > 0x2FF and before not in _JOINERS
    return unicodedata.category(character) not in ("Cc", "Cf", "Cs", "Cn", "Zl", "Zp")


def _breaks(character: str) -> bool:
    return character.isspace() or unicodedata.category(character) in ("Zl", "Zp")


def cut(text: str, longest: int) -> str:
    """Return the text, or its first words and a mark, in *longest* characters at most."""
    if len(text) <= longest:
        return text
    head = text[: longest - len(MARK)]
    at = head.rfind(" ")
    # A single word that fills half the room is cut inside.
    head = head[:at] if at >= longest // 2 else head
    return head.rstrip(" ,;:.–—-") + MARK


#: How people write a site's name; as a relative address it would lead nowhere.
_NO_SCHEME = re.compile(r"www\.[a-z0-9-]+\.[a-z]", re.IGNORECASE)


class LinkError(ValueError):
    """A link that a mail must not carry; the text says why."""


def absolute(raw: str, base: str) -> str:
    """
    Return the http(s) address that *raw* means on a page at *base*, in ASCII.

    Raises LinkError for other schemes (``javascript:``, ``data:``), for user names in
    the address, and for what is none or longer than `LONGEST_LINK`.
    """
    # Browsers drop tabs and line breaks inside an address (WHATWG URL, 4.4).
    raw = re.sub(r"[\x00-\x1f\x7f]", "", raw.strip()).strip()
    if _NO_SCHEME.match(raw):
        raw = "https://" + raw
    try:
        parts = urlsplit(urljoin(base if base.startswith(("http:", "https:")) else "", raw))
        host, port = parts.hostname, parts.port
    except ValueError as e:
        raise LinkError(f"no address ({e})") from e
    if parts.scheme not in ("http", "https"):
        raise LinkError(f"not http or https: {raw[:60]}")
    if parts.username is not None or parts.password is not None:
        raise LinkError("a user name stands in the address")
    place = _host(host or "") + (f":{port}" if port else "")
    link = urlunsplit(
        (parts.scheme, place, _ascii(parts.path), _ascii(parts.query), _ascii(parts.fragment))
    )
    if len(link) > LONGEST_LINK:
        raise LinkError(f"longer than {LONGEST_LINK} characters")
    return link


def _host(host: str) -> str:
    if not host:
        raise LinkError("no host in the address")
    if ":" in host:
        return f"[{host}]"
    if not host.isascii():
        try:
            return idna.encode(host, uts46=True).decode()
        except (idna.IDNAError, UnicodeError) as e:
            raise LinkError(f"no host can be called {host[:60]!r}") from e
    if not re.fullmatch(r"[A-Za-z0-9._~-]+", host):
        raise LinkError(f"no host can be called {host[:60]!r}")
    return host.lower()


def _ascii(text: str) -> str:
    return quote(text, safe="%/?:@!$&'()*+,;=~|", errors="replace").replace("'", "%27")
