"""What was published before: how often words were used, and which of them are names."""

from __future__ import annotations

import math
import re
from collections import Counter, defaultdict
from collections.abc import Iterable
from dataclasses import replace

from digest.model import Publication
from digest.themes import lexicon
from digest.themes.casing import Casing, is_titled
from digest.themes.words import MOST_CHARACTERS, Name, Token, bound, stem, stems, tokens

_WORD = re.compile(r"(?:[^\W\d_]\.){2,}(?:-\w+)*|\w+(?:[-‑&'’]\w+)*")
_CAPITAL = "A-ZÀ-ÖØ-ÞΑ-ΩА-Я"
_NAME_PART = rf"(?:(?:[{_CAPITAL}]\.){{2,}}|[{_CAPITAL}][\w&‑-]*)"
#: "State of the Union": capitals in a row after a word, so that no sentence begins there.
_NAME = re.compile(rf"(?<=[\w,] ){_NAME_PART}(?: (?:of (?:the )?)?{_NAME_PART}){{1,5}}(?![\w’'])")


class Background:
    """
    How often words were used before: what everything is about names nothing.

    Built in one pass that looks at shapes alone: a history has thousands of texts.
    """

    def __init__(self, publications: Iterable[Publication], *, own: str = "") -> None:
        #: Stems of what the newsletter is called: all it says is about that.
        self.own = stems(own)
        self.count = 0
        self.used: Counter[str] = Counter()
        self.casing = Casing()
        #: Names of several words, by their first.
        self.names: defaultdict[str, set[Name]] = defaultdict(set)
        for place in lexicon.AFTER_NEW:
            self.names["new"].add(("new", place))
        family = _Families()
        for each in publications:
            self.count += 1
            words = self._read(each.title) + self._read(each.summary)
            self.used.update(set().union(*map(family.__getitem__, set(words))))

    def _read(self, text: str) -> list[str]:
        """Learn names and capitals from *text*; return its words."""
        text = text[:MOST_CHARACTERS]
        words: list[str] = _WORD.findall(text)
        if _is_loud(text):
            return words
        titled = is_titled(words)
        self.casing.learn(text, words, titled=titled)
        for name in () if titled else self.names_in(text):
            self.names[name[0]].add(name)
        return words

    @staticmethod
    def names_in(text: str) -> list[Name]:
        """Return the names of several words: capitals in a row inside a sentence."""
        names = [tuple(found.lower().split()) for found in _NAME.findall(text)]
        return [name for name in names if not lexicon.CALENDAR.intersection(name)]

    def calmed(self, text: str) -> str:
        """Return *text* in title case if all of it is in capitals; known names keep theirs."""
        if not _is_loud(text):
            return text
        return _WORD.sub(lambda word: self._calm(word[0]), text)

    def _calm(self, word: str) -> str:
        low = word.lower()
        if low in lexicon.SMALL:
            return low
        coined = "." in word or any(c.isdigit() for c in word) or low in self.casing.coined
        return word if coined else "-".join(part.capitalize() for part in word.split("-"))

    def read(self, text: str) -> tuple[Token, ...]:
        """Return the words of *text*, with what was learnt of names."""
        return tuple(
            replace(each, proper=True)
            if not each.proper and each.text[:1].isupper() and self.casing.is_known(each.low)
            else each
            for each in bound(tokens(text), self.names)
        )

    def rarity(self, stemmed: str) -> float:
        """Return 1 for a word never seen before, near 0 for one in every publication."""
        known = math.log(self.count + 2)
        return math.log((self.count + 2) / (self.used[stemmed] + 1)) / known


def _is_loud(text: str) -> bool:
    """Tell a text in capitals from an acronym or two."""
    return text.isupper() and sum(len(word) > 4 for word in _WORD.findall(text)) > 1


class _Families(dict[str, frozenset[str]]):
    """The stems of each word, and of its parts where it has a hyphen; found when asked for."""

    def __missing__(self, word: str) -> frozenset[str]:
        parts = re.split(r"[-‑]", word)
        whole = {stem(word)} | {stem(part) for part in parts if len(parts) > 1 and len(part) > 2}
        self[word] = frozenset(whole)
        return self[word]
