"""A title for what its feed gives none: notes of Mastodon, Bluesky, micro.blog and their like."""

from __future__ import annotations

import re

from digest import sentences
from digest.feeds.plain import BLOCK, MARK, cut, plain, tidy

#: Characters of a title made of a text: about two lines on a phone.
LONGEST_MADE = 110
#: Octets; a first sentence of fewer ("Good morning!") takes the next one along.
_TELLING = 20
#: So much of the markup is looked at for its first paragraph.
_BEGINNING = 5_000
#: So much of its text is kept; a summary is shorter.
_LONGEST = 20_000
_PARAGRAPH = re.compile(r"\n\s*\n")
_ADDRESS = re.compile(r"https?://\S+", re.IGNORECASE)


def made(markup: str) -> tuple[str, str]:
    """
    Return a title made of the first words of *markup*, and the text that is left for it.

    The title is the first paragraph's first sentence, without web addresses and a final
    full stop, or its first words and a mark, in `LONGEST_MADE` characters. Left is what
    follows the title, or the whole text where the title does not begin it word for word.
    ("", the text) where there is no letter or digit outside an address.
    """
    text = plain(markup, longest=_LONGEST)
    if not any(map(str.isalnum, _ADDRESS.sub(" ", text))):
        return "", text
    for part in BLOCK.split(markup[:_BEGINNING]):
        for paragraph in _PARAGRAPH.split(part):
            if title := _title(tidy(_ADDRESS.sub(" ", plain(paragraph, longest=_LONGEST)))):
                return title, _left(text, title)
    return _title(tidy(_ADDRESS.sub(" ", text))), text


def _title(text: str) -> str:
    if not any(map(str.isalnum, text)):
        return ""
    end = next((end for end in sentences.ends(text) if _tells(text[:end])), len(text))
    title = cut(text[:end], LONGEST_MADE)
    return title[:-1] if title.endswith((".", "。")) and not title.endswith("..") else title


def _tells(sentence: str) -> bool:
    # Octets, as a script of syllables says more with fewer letters.
    return len(sentence.encode()) >= _TELLING


def _left(text: str, title: str) -> str:
    whole = title.endswith(MARK) or not text.startswith(title)
    return text if whole else text[len(title) :].lstrip(".。 ")
