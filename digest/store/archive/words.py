"""
Text cut into the words that a search compares, the same on every database.

Neither database's own idea of a word is used: theirs differ, and both take a line of
Chinese for one word. What is stored and what is asked for are cut by the same function.
"""

from __future__ import annotations

import re
import unicodedata

#: Longer than any word; what is longer is compared by its beginning.
_LONGEST = 40
#: What one publication or issue is found by; the rest of a longer text is not.
_MOST = 600
#: Words of a question; further ones are not asked for.
_MOST_ASKED = 8
#: From so many letters on, a word stands for all that begin with it.
_BEGINNING = 3
#: Scripts that put no space between words: cut into pairs of letters.
_UNSPACED = "\u0e00-\u0eff\u3040-\u30ff\u3400-\u9fff\uf900-\ufaff\U00020000-\U0003ffff"
_RUNS = re.compile(f"[{_UNSPACED}]+|[^{_UNSPACED}]+")
#: "Ukraine's" is found by Ukraine, "O'Brien" by OBrien.
_APOSTROPHES = re.compile(r"['’‘ʼ](?:s\b)?")
_IS_UNSPACED = re.compile(f"[{_UNSPACED}]")


def words(*texts: str) -> str:
    """Return the words of *texts*, each once, with a space between; "" if there are none."""
    told = dict.fromkeys(word for text in texts for word in _cut(text))
    return " ".join(list(told)[:_MOST])


def sought(question: str) -> tuple[str, ...]:
    """
    Return what *question* asks for: words, those ending in ``*`` standing for beginnings.

    All letters and digits but for that mark, whatever was asked: nothing of a database's
    query language survives. Empty if there is nothing to look for.
    """
    cut = dict.fromkeys(_cut(question[:500]))
    return tuple(_open_ended(word) for word in list(cut)[:_MOST_ASKED])


def _open_ended(word: str) -> str:
    is_short = len(word) < _BEGINNING and not (len(word) == 1 and _IS_UNSPACED.match(word))
    return word if is_short or len(word) == _LONGEST or _is_pair(word) else f"{word}*"


def _is_pair(word: str) -> bool:
    return len(word) > 1 and bool(_IS_UNSPACED.match(word))


def _cut(text: str) -> list[str]:
    """Return the words of *text* without case, accents and possessive endings, in order."""
    plain = _APOSTROPHES.sub("", text.casefold())
    bare = "".join(
        c if _is_letter(c) else " "
        for c in unicodedata.normalize("NFKD", plain)
        if unicodedata.category(c) != "Mn"
    )
    return [
        word[:_LONGEST]
        for piece in unicodedata.normalize("NFC", bare).split()
        for run in _RUNS.findall(piece)
        for word in (_pairs(run) if _IS_UNSPACED.match(run) else [run])
    ]


def _is_letter(c: str) -> bool:
    # Spacing marks are vowels of Indic scripts.
    return unicodedata.category(c)[0] in "LN" or unicodedata.category(c) == "Mc"


def _pairs(run: str) -> list[str]:
    return [run[at : at + 2] for at in range(len(run) - 1)] or [run]
