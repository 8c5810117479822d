"""What was published before: how often words were used, and which of them are names."""

from __future__ import annotations

import math
import re
from collections import Counter, defaultdict
from collections.abc import Iterable
from dataclasses import dataclass, field, replace
from functools import lru_cache
from itertools import filterfalse

from digest.model import Publication, Wording
from digest.themes import lexicon
from digest.themes.casing import Casing, is_titled, summed
from digest.themes.forms import stem
from digest.themes.tagging import stems, tokens
from digest.themes.words import MOST_CHARACTERS, Name, Token, bound

#: So many histories are kept with what was made of them: each takes some megabytes.
MOST_KEPT = 4
_WORD = re.compile(r"(?:[^\W\d_]\.){2,}(?:-\w+)*|\w+(?:[-‑&'’]\w+)*")
_CAPITAL = "A-ZÀ-ÖØ-ÞΑ-ΩА-Я"
_NAME_PART = rf"(?:(?:[{_CAPITAL}]\.){{2,}}|[{_CAPITAL}][\w&‑-]*)"
#: "State of the Union": capitals in a row after a word, so that no sentence begins there.
_NAME = re.compile(rf"(?<=[\w,] ){_NAME_PART}(?: (?:of (?:the )?)?{_NAME_PART}){{1,5}}(?![\w’'])")


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Counted:
    """
    Publications read once: how often they use each word, and which of their words are names.

    A sum over them, so that some can be added or taken away without reading the others
    again: what comes out is what counting all of them anew would give. It never changes, so
    that what follows from it can be kept as long as it is.
    """

    #: How many they are.
    count: int = 0
    ids: frozenset[int] = frozenset()
    #: How many publications use each word, by its stem.
    used: Counter[str] = field(default_factory=Counter)
    casing: Casing = field(default_factory=Casing)
    #: How often names of several words stand in a sentence.
    names: Counter[Name] = field(default_factory=Counter)

    def changed(
        self,
        more: Iterable[Publication | Wording] = (),
        less: Iterable[Publication | Wording] = (),
    ) -> Counted:
        """Return the sum with *more*, and without *less*, which must be in it as they are."""
        come, gone = count(more), count(less)
        if not come.count and not gone.count:
            return self
        return Counted(
            count=self.count + come.count - gone.count,
            ids=self.ids - gone.ids | come.ids,
            used=summed(self.used, come.used, gone.used),
            casing=self.casing.changed(come.casing, gone.casing),
            names=summed(self.names, come.names, gone.names),
        )


def count(publications: Iterable[Publication | Wording]) -> Counted:
    """
    Return what *publications* say, counted in one pass that looks at shapes alone.

    A history has thousands of texts, and most of what is asked about them changes slowly:
    who asks often keeps the answer and lets `Counted.changed` bring it up to date.
    """
    used: Counter[str] = Counter()
    names: Counter[Name] = Counter()
    casing, family, ids, read = Casing(), _Families(), set(), 0
    for each in publications:
        read += 1
        ids.add(each.id)
        words = _read(each.title, casing, names) + _read(each.summary, casing, names)
        used.update(set().union(*map(family.__getitem__, set(words))))
    return Counted(count=read, ids=frozenset(ids), used=used, casing=casing, names=names)


def _read(text: str, casing: Casing, names: Counter[Name]) -> list[str]:
    """Learn names and capitals from *text*; return its words."""
    text = text[:MOST_CHARACTERS]
    words: list[str] = _WORD.findall(text)
    if _is_loud(text):
        return words
    small, others = list(filter(str.islower, words)), list(filterfalse(str.islower, words))
    titled = is_titled(small, others, "".join(words[:1]))
    casing.learn(text, small, others, titled=titled)
    if not titled:
        names.update(names_in(text))
    return words


def names_in(text: str) -> list[Name]:
    """Return the names of several words: capitals in a row inside a sentence."""
    names = [tuple(found.lower().split()) for found in _NAME.findall(text)]
    return [name for name in names if not lexicon.CALENDAR.intersection(name)]


@lru_cache(maxsize=MOST_KEPT)
def without(history: Counted, gone: tuple[Publication, ...]) -> Counted:
    """Return *history* without those of *gone* that are in it; the same sum when asked again."""
    return history.changed(less=(each for each in gone if each.id in history.ids))


def background(
    publications: Iterable[Publication],
    *,
    history: Iterable[Publication] | Counted = (),
    own: str = "",
) -> Background:
    """
    Return what *history*, which may be counted already, and *publications* speak of.

    *own* is what the newsletter is called. The same one when asked again over a history
    that has them all: an editor's next edit asks about the same publications.
    """
    before = history if isinstance(history, Counted) else count(history)
    new = (each for each in publications if each.id not in before.ids)
    return _background(before.changed(new), own)


@lru_cache(maxsize=MOST_KEPT)
def _background(said: Counted, own: str) -> Background:
    return Background(said, own=own)


class Background:
    """How often words were used before: what everything is about names nothing."""

    def __init__(self, said: Counted, *, own: str = "") -> None:
        #: Stems of what the newsletter is called: all it says is about that.
        self.own = stems(own)
        self.count, self.used, self.casing = said.count, said.used, said.casing
        #: Names of several words, by their first.
        self.names: defaultdict[str, set[Name]] = defaultdict(set)
        for name in (*said.names, *(("new", place) for place in lexicon.AFTER_NEW)):
            self.names[name[0]].add(name)

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
