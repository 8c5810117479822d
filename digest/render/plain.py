"""Words and addresses from outside, made fit to stand in a mail."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Mapping
from functools import lru_cache
from urllib.parse import parse_qsl, quote, urlencode, urlsplit, urlunsplit

import idna

from digest import sentences

#: Characters that show nothing and only mislead: they turn the reading direction of what
#: follows, or hide a break in a word. Joiners stay, scripts and emoji need them.
_MISLEADING = frozenset("\u061c\u200b\u200e\u200f\u2060\ufeff\ufff9\ufffa\ufffb") | frozenset(
    chr(c) for c in (*range(0x202A, 0x202F), *range(0x2066, 0x206A))
)
#: In a URL's parts, what may stand unescaped beside letters and digits (RFC 3986, 3.3 to 3.5).
_SAFE = "%!$&'()*+,;=:@/~-._"


def plain(text: str) -> str:
    """
    Return *text* as one line of what can be read.

    White space of any kind becomes a single space. Control characters, direction
    overrides and code points that are no characters are left out; among these are the
    marks of slots and fragments, so nothing from outside can pass for one.
    """
    if not (text.isascii() and text.isprintable()):  # most are: nothing to look for
        text = "".join(c for c in text if _is_readable(c))
    return " ".join(text.split())


def lines(text: str) -> str:
    """Return *text* like `plain`, line breaks kept; for an editor's Markdown."""
    return "\n".join("".join(c for c in line if _is_readable(c)) for line in text.splitlines())


def _is_readable(c: str) -> bool:
    if c < "\x7f":
        return c >= " " or c in "\t\n\r\f\v"
    if c in _MISLEADING:
        return False
    # Cc: C1 controls, of which NEL is white space. Cs: halves of pairs, which UTF-8 cannot hold.
    return c == "\x85" or not (unicodedata.category(c) in ("Cc", "Cs") or _is_noncharacter(c))


def _is_noncharacter(c: str) -> bool:
    """Unicode 23.7: for a program's own use, never for interchange."""
    return "\ufdd0" <= c <= "\ufdef" or ord(c) & 0xFFFE == 0xFFFE


@lru_cache(maxsize=4096)
def link(address: str | None) -> str | None:
    """
    Return *address* as an absolute http(s) URL in ASCII; None if it is not one.

    A host in other letters becomes its A-label. An address with a user's name in it is
    refused: it is there to look like another host.
    """
    if not address:
        return None
    try:
        parts = urlsplit(plain(address))
        host, port = parts.hostname, parts.port
    except ValueError:
        return None
    if parts.scheme not in ("http", "https") or not host or "@" in parts.netloc:
        return None
    ascii_host = _host(host)
    if ascii_host is None:
        return None
    place = ascii_host if port is None else f"{ascii_host}:{port}"
    path, query, anchor = (
        _escaped(part, also)
        for part, also in ((parts.path, ""), (parts.query, "?"), (parts.fragment, "?"))
    )
    return urlunsplit((parts.scheme, place, path, query, anchor))


def tagged(address: str | None, tags: Mapping[str, str]) -> str | None:
    """Return *address* with *tags* in its query; those that it has already stay as they are."""
    if not address or not tags:
        return address
    parts = urlsplit(address)
    has = {name for name, _ in parse_qsl(parts.query, keep_blank_values=True)}
    fresh = urlencode({name: value for name, value in tags.items() if name not in has})
    query = "&".join(each for each in (parts.query, fresh) if each)
    return urlunsplit(parts._replace(query=query))


def _host(host: str) -> str | None:
    if host.isascii():
        host = f"[{host}]" if ":" in host else host
        return host if re.fullmatch(r"[a-z0-9._-]+|\[[0-9a-f:.]+\]", host) else None
    try:
        return idna.encode(host, uts46=True).decode()
    except idna.IDNAError:
        return None


def _escaped(part: str, also: str) -> str:
    return quote(part, safe=_SAFE + also)


#: How a feed says that it told only the beginning.
_BROKEN_OFF = re.compile(
    r"\s*(?:[\[(]\s*(?:…|\.{3}|more|read more)\s*[\])]|(?:…|\.{3,})(?:\s*(?:read )?more)?)\s*$",
    re.IGNORECASE,
)
#: A whole sentence may be so much longer than the limit.
_GRACE = 1.5


def summarised(text: str, limit: int) -> str:
    """
    Return *text* in about *limit* characters: whole sentences, as many as fit.

    Where those that fit say little, the next one is whole up to half as much again. Only a
    first sentence that is longer still is cut between words, with …. What a feed itself
    broke off goes back to the last whole sentence, if there is one.
    """
    ends = list(sentences.ends(text))
    broken = _BROKEN_OFF.search(text)
    if broken and (whole := [end for end in ends if end <= broken.start()]):
        text = text[: whole[-1]]
    if len(text) <= limit:
        return text
    fitting = [end for end in ends if end <= limit]
    if fitting and fitting[-1] >= limit / 4:
        return text[: fitting[-1]]
    whole = [end for end in (*ends, len(text)) if limit < end <= limit * _GRACE]
    if found := whole[:1] or fitting[-1:]:
        return text[: found[0]]
    return shortened(text, limit)


def shortened(text: str, limit: int) -> str:
    """Return *text* in at most *limit* characters, cut between words, with …."""
    if len(text) <= limit:
        return text
    cut = text[: limit - 1]
    between_words = cut.rsplit(" ", 1)[0] if " " in cut[limit // 2 :] else cut
    return between_words.rstrip(" ,;:.–—-") + "…"
