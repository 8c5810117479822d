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
_KNOWN = (
    lexicon.VERBS
    | lexicon.EITHER
    | lexicon.VAGUE
    | lexicon.RESEARCH
    | lexicon.PALE
    | lexicon.EVERYDAY
)
_DEMONYM = ("ian", "ians", "ean", "ese")


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
        if self.is_name(word):
            return word.shown
        return "-".join(
            part if self._is_capital(part.lower()) else part[:1].lower() + part[1:]
            for part in word.shown.split("-")
        )

    def is_name(self, word: Token) -> bool:
        """
        Tell whether *word* is a name: by its form, or as sentences have it.

        A word that no sentence has is taken for a name unless its form speaks for a noun.
        """
        low = word.low
        if word.text.islower() or low in lexicon.FUNCTION - {"us"}:
            return False
        if word.proper or self.capital[low] or self.small[low]:
            return word.proper or self._is_capital(low)
        return "-" not in low and not _is_common(low)

    def _is_capital(self, low: str) -> bool:
        if self.capital[low] or self.small[low]:
            return self.capital[low] > self.small[low]
        return low.endswith(_DEMONYM)


def _is_common(low: str) -> bool:
    if base_form(low, _KNOWN) is not None:
        return True
    return low.endswith(_COMMON) or (low.endswith("s") and not low.endswith(("ss", "us", "is")))
