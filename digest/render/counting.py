"""
Counting how often links are followed, where a newsletter wants that: which, and by what address.

The edition keeps the links as they are: its page, its preview and its hash have them so. Only
in the mails they lead over an address of ours, which names edition and place and no reader.
"""

from __future__ import annotations

import html
import re
from collections.abc import Mapping
from dataclasses import replace

from digest.model import Edition

_ANCHOR = re.compile(r'<a\b[^>]*?\bhref="(https?://[^"]*)"[^>]*>(.*?)</a>', re.DOTALL)
_LINK = re.compile(r'(<a\b[^>]*?\bhref=")(https?://[^"]*)(")')
_IN_TEXT = re.compile(r"https?://[^\s<>()]+")


def countable(edition: Edition, *, ours: str) -> tuple[str, ...]:
    """
    Return the addresses that links of the mail lead to, each once, in their order.

    But not those of *ours*, nor one that stands there to be read: where a link shows an
    address, it has to lead to that very one, as filters look for.
    """
    found: dict[str, None] = {}
    shown: set[str] = set()
    for href, words in _ANCHOR.findall(edition.html):
        url = html.unescape(href)
        if re.search(r"https?://|www\.", re.sub("<[^>]*>", "", words)):
            shown.add(url)
        if not f"{url}/".startswith(f"{ours.rstrip('/')}/"):
            found[url] = None
    return tuple(url for url in found if url not in shown)


def counted(edition: Edition, over: Mapping[str, str]) -> Edition:
    """Return *edition* whose links lead *over* other addresses; the same one without any."""
    if not over:
        return edition

    def in_html(link: re.Match[str]) -> str:
        url = html.unescape(link[2])
        return f"{link[1]}{html.escape(over[url])}{link[3]}" if url in over else link[0]

    return replace(
        edition,
        html=_LINK.sub(in_html, edition.html),
        text=_IN_TEXT.sub(lambda found: over.get(found[0], found[0]), edition.text),
    )
