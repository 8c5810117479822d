"""Which words keep their capital inside a sentence: learnt from sentences themselves."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Hashable, Sequence
from itertools import filterfalse
from typing import TypeVar

from digest.themes import lexicon
from digest.themes.forms import base_form
from digest.themes.words import Token

#: A word, or several that are one name.
Word = TypeVar("Word", bound=Hashable)

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


#: A capital with neither a sentence's nor a quotation's beginning before it.
_INSIDE = re.compile(r"(?<=[\w,’”)] )[A-ZÀ-ÖØ-ÞΑ-ΩА-Я](?:[\w‑-]|\.(?=\w)|(?<=\.[A-Z])\.)*")
#: Small in titles too, or without a capital.
_SMALL = lexicon.DETERMINERS | lexicon.PREPOSITIONS | lexicon.NUMBERS | {"and", "or", "nor", "but"}


#: A capital inside a word: NATO, iPhone, McKinsey; not Deep-Strike.
_COINED = re.compile(r"[^\W_A-Z][A-Z]|[A-Z][A-Z.]")


def summed(all_of: Counter[Word], more: Counter[Word], less: Counter[Word]) -> Counter[Word]:
    """Return a counter with *more*, and without *less*; what is not there any more is no key."""
    total = all_of.copy()
    total.update(more)
    for one, times in less.items():
        total[one] -= times
        if not total[one]:
            del total[one]
    return total


def is_titled(small: Sequence[str], others: Sequence[str], first: str) -> bool:
    """
    Tell whether capitals say nothing in a text, because all but the small words have one.

    *small* are its words in small letters, *others* the rest, *first* is the first of all.
    """
    told = len([word for word in small if word not in _SMALL])
    large = len([word for word in others if word[0].isupper()]) - first[:1].isupper()
    return large > 0.8 * (large + told)


class Casing:
    """What the publications' own sentences tell about capitals."""

    def __init__(self) -> None:
        self.small: Counter[str] = Counter()
        self.capital: Counter[str] = Counter()
        #: Names with capitals inside: NATO, iPhone.
        self.coined: Counter[str] = Counter()

    def learn(
        self, text: str, small: Sequence[str], others: Sequence[str], *, titled: bool
    ) -> None:
        """Count the words that are *small* in *text*, and those of *others* that are names."""
        self.small.update(small)
        coined = list(filter(_COINED.search, filterfalse(str.istitle, others)))
        self.coined.update(map(str.lower, coined))
        names = coined if titled else _INSIDE.findall(text)
        self.capital.update(map(str.lower, names))

    def changed(self, more: Casing, less: Casing) -> Casing:
        """Return what is told with *more*, and without *less*, which was counted before."""
        casing = Casing()
        casing.small = summed(self.small, more.small, less.small)
        casing.capital = summed(self.capital, more.capital, less.capital)
        casing.coined = summed(self.coined, more.coined, less.coined)
        return casing

    def is_known(self, low: str) -> bool:
        """Tell whether sentences have the word with a capital, and never without."""
        return self.capital[low] > 0 and self.small[low] == 0

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
        if word.proper or self._is_seen(low):
            return word.proper or self._is_capital(low)
        return "-" not in low and not _is_common(low)

    def _is_capital(self, low: str) -> bool:
        """Tell by the word in sentences, else by its singular, else by its ending."""
        for form in (low, low.removesuffix("s")):
            if self.capital[form] or self.small[form]:
                return self.capital[form] > self.small[form]
        return low.endswith(_DEMONYM) or low in lexicon.PLURAL_PLACES

    def _is_seen(self, low: str) -> bool:
        return any(self.capital[e] or self.small[e] for e in (low, low.removesuffix("s")))


def _is_common(low: str) -> bool:
    if low in lexicon.PLURAL_PLACES:
        return False
    if base_form(low, _KNOWN) is not None or _is_compound(low):
        return True
    return low.endswith(_COMMON) or (low.endswith("s") and not low.endswith(("ss", "us", "is")))


def _is_compound(low: str) -> bool:
    """Tell a word made of two everyday ones: strawman, classroom, lawmakers."""
    cuts = range(3, len(low) - 2)
    return any(
        low[:at] in lexicon.EVERYDAY and base_form(low[at:], lexicon.EVERYDAY) for at in cuts
    )
