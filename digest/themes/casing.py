"""Which words keep their capital inside a sentence: learnt from sentences themselves."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable

from digest.model import Publication
from digest.themes import lexicon
from digest.themes.words import Token, base_form, tokens

#: Endings that English names seldom have.
_COMMON = (
    *("able", "acy", "ally", "ance", "ances", "cal", "ed", "ence", "ences", "ful", "hood"),
    *("ial", "ible", "ing", "ings", "ism", "ist", "ists", "ities", "ity", "ive", "less", "ly"),
    *("ment", "ments", "nal", "ness", "ous", "ral", "ship", "ships", "sion", "sions", "tal"),
    *("tion", "tions", "ual", "ure", "ures"),
)


class Casing:
    """What the publications' own sentences tell about capitals."""

    def __init__(self, publications: Iterable[Publication]) -> None:
        self.small: Counter[str] = Counter()
        self.capital: Counter[str] = Counter()
        for each in publications:
            for text in (each.title, each.summary):
                self._read(text)

    def _read(self, text: str) -> None:
        for word in tokens(text):
            if word.text.islower():
                self.small[word.low] += 1
            elif word.proper:
                self.capital[word.low] += 1

    def inside(self, word: Token) -> str:
        """Return *word* as it stands inside a sentence, with its possessive ending."""
        return word.shown if self.is_name(word) else _lowered(word.shown)

    def is_name(self, word: Token) -> bool:
        low = word.low
        if word.text.islower() or low in lexicon.FUNCTION - {"us"}:
            return False
        if word.proper or self.capital[low] or self.small[low]:
            return word.proper or self.capital[low] > self.small[low]
        if "-" in low and not any(self.capital[part] for part in low.split("-")):
            return False
        known = base_form(low, lexicon.VERBS | lexicon.EITHER | lexicon.VAGUE | lexicon.RESEARCH)
        return known is None and low not in lexicon.PALE and not low.endswith(_COMMON)


def _lowered(word: str) -> str:
    return "-".join(part[:1].lower() + part[1:] for part in word.split("-"))
