"""Text as tagged words: the part that each plays, as far as endings and neighbours tell."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from itertools import pairwise

from digest.themes import lexicon
from digest.themes.forms import base_form, is_adverb, is_plural, stem
from digest.themes.words import INITIAL, Part, Token, split


@lru_cache(maxsize=4_000)
def tokens(text: str) -> tuple[Token, ...]:
    """Return the words of *text*, each with the part it plays. Never raises."""
    bare = tuple(split(text))
    telling = not _is_titled(bare)
    return tuple(
        Token(
            text=each.text,
            low=each.low,
            part=_part(bare, at),
            possessive=each.possessive,
            breaks=each.breaks,
            quoted=each.quoted,
            proper=_has_name_form(each, telling=telling and not each.breaks)
            or (at > 0 and bool(INITIAL.fullmatch(bare[at - 1].text))),
        )
        for at, each in enumerate(bare)
    )


def _is_titled(bare: Sequence[Token]) -> bool:
    """Tell whether capitals say nothing here, because all but the small words have one."""
    large = [e for e in bare if not e.breaks and _closed(e) in (None, Part.OTHER, Part.VERB)]
    capital = sum(each.text[:1].isupper() for each in large)
    return capital > 0.8 * len(large)


def _has_name_form(token: Token, *, telling: bool) -> bool:
    """Tell whether capitals or digits say that this is a name: NATO, F-16s, iPhone."""
    text = token.text
    if text.islower():  # as most words are
        return False
    inner = any(b.isupper() and a not in "-‑" for a, b in pairwise(text))
    coded = any(c.isdigit() for c in text) and any(c.isupper() for c in text)
    return inner or coded or (telling and text[:1].isupper())


def stems(text: str) -> frozenset[str]:
    """Return the stems of the content words of *text*, hyphenated ones also by their parts."""
    return stems_of(tokens(text))


def stems_of(words: Sequence[Token]) -> frozenset[str]:
    """Return the stems of the content words among *words*, as `stems` has them."""
    found = set()
    for token in words:
        if token.low in lexicon.FUNCTION and token.text != "US":
            continue
        found.add(stem(token.text))
        if "-" in token.text or "‑" in token.text:
            found.update(stem(part) for part in re.split(r"[-‑]", token.text) if len(part) > 2)
    return frozenset(found)


# --- parts --------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class _Place:
    """A word among its neighbours; None where punctuation or the text's end is."""

    words: tuple[Token, ...]
    at: int

    @property
    def word(self) -> Token:
        return self.words[self.at]

    def before(self, steps: int = 1) -> Token | None:
        first = self.at - steps
        if first < 0 or self.word.breaks:
            return None
        if steps > 1 and any(each.breaks for each in self.words[first + 1 : self.at]):
            return None
        return self.words[first]

    @property
    def after(self) -> Token | None:
        following = self.words[self.at + 1 : self.at + 2]
        return following[0] if following and not following[0].breaks else None

    @property
    def governor(self) -> Token | None:
        """The word before, adverbs passed over: "may soon end"."""
        steps = 1
        while (word := self.before(steps)) and (word.low in lexicon.ADVERBS or is_adverb(word.low)):
            steps += 1
        return word

    @property
    def governs(self) -> bool:
        """True if an object may follow: an article, a name, a noun."""
        after = self.after
        return after is not None and (after.low in _OBJECT_BEGINS or _closed(after) is None)


#: What an object may begin with, beside a name and a noun.
_OBJECT_BEGINS = lexicon.DETERMINERS | lexicon.PRONOUNS
#: Verbs that are seldom nouns, whatever a label makes of their -ing.
_ACTS = lexicon.VERBS | lexicon.TELLING


def _part(words: tuple[Token, ...], at: int) -> Part:
    place = _Place(words, at)
    closed = _closed(place.word)
    if closed is not None:
        return closed
    if place.word.possessive or (place.word.quoted and not _is_quoted_verb(place)):
        return Part.NAMING
    if _is_predicate(place) or _is_afterthought(place):
        return Part.OTHER
    if _is_gerund(place):
        return Part.GERUND
    return Part.VERB if _is_verb(place) else Part.NAMING


def _closed(token: Token) -> Part | None:
    low = token.low
    if len(low) > 1 and token.text.isupper() and low in ("it", "who", "us", "am", "or"):
        return None  # names: IT, WHO, US
    return _closed_form(low)


@lru_cache(maxsize=50_000)
def _closed_form(low: str) -> Part | None:
    if low in ("and", "or", "&") or low in lexicon.PREPOSITIONS:
        return Part.JOINT
    if low in lexicon.AUXILIARIES or low in lexicon.PRONOUNS or low in lexicon.CONJUNCTIONS:
        return Part.OTHER
    if low in lexicon.DETERMINERS:
        return Part.DETERMINER
    if low in lexicon.ADVERBS or is_adverb(low):
        return Part.OTHER
    if low in lexicon.NUMBERS or low[0].isdigit():
        return Part.NUMBER
    return None


def _is_quoted_verb(place: _Place) -> bool:
    """Tell 'how they could "overextend" Russia': one word in quotes, after *could*."""
    before = place.words[place.at - 1] if place.at else None
    after = place.words[place.at + 1] if place.at + 1 < len(place.words) else None
    alone = all(each is None or each.quoted != place.word.quoted for each in (before, after))
    return alone and before is not None and before.low in lexicon.MODALS


def _is_predicate(place: _Place) -> bool:
    """Tell "who is liable when …" from a noun: nothing but it between *be* and what follows."""
    governor = place.governor
    if governor is None or governor.low not in lexicon.BEING:
        return False
    return place.after is None or place.after.low in lexicon.FUNCTION


def _is_afterthought(place: _Place) -> bool:
    """Tell "a decline early in the year" from "early childhood"."""
    late = place.word.low in lexicon.NEVER_LAST and place.before() is not None
    return late and (place.after is None or place.after.low in lexicon.FUNCTION)


def _is_gerund(place: _Place) -> bool:
    """Tell a gerund that governs what follows from a noun in -ing ("teen vaping")."""
    low, before = place.word.low, place.before()
    if not low.endswith("ing") or len(low) < 5 or low in lexicon.NOUNS_IN_ING:
        return False
    if before is None or before.low in lexicon.PREPOSITIONS | lexicon.CONJUNCTIONS | {"and", "or"}:
        return place.after is not None
    return before.low in lexicon.AUXILIARIES


def _is_verb(place: _Place) -> bool:
    low, governor = place.word.low, place.governor
    told = governor.low if governor else ""
    base = base_form(low, _ACTS)
    either = base_form(low, lexicon.EITHER)
    if told == "to":
        return bool(base or either) or _asks_for_verb(place.before(2))
    if told == "what" and low.endswith("s") and (base or either):
        return True
    if told in lexicon.MODALS or told in ("i", "you", "he", "she", "we", "they", "it", "who"):
        return True
    if low.endswith("ed") and len(low) > 4:
        return _is_past(place)
    before = place.before()
    if low.endswith("ing") and before and _closed(before) is None:
        return _is_reduced(place, before)
    return (before is not None and before.low == "longer") or _is_present(place)


def _is_present(place: _Place) -> bool:
    """Tell "Congress debates" and "votes and passes" from nouns after "the", "of", "Iran's"."""
    low, governor = place.word.low, place.governor
    told = governor.low if governor else ""
    if told in lexicon.DETERMINERS or told in lexicon.PREPOSITIONS:
        return False
    if governor and governor.possessive:
        return False
    base, either = base_form(low, _ACTS), base_form(low, lexicon.EITHER)
    if base or (place.after and place.after.low in ("up", "out", "off", "down")):
        return True
    if told in ("and", "or") and (coordinate := place.before(2)):
        return base_form(coordinate.low, _ACTS) is not None and place.governs
    return either is not None and _acts(place)


def _is_reduced(place: _Place, before: Token) -> bool:
    """Tell "veterans experiencing hunger", "Finland joining the pact" from "social learning"."""
    if before.possessive:
        return False
    if place.after is None:
        return _is_asked(place)
    if place.after.low in lexicon.DETERMINERS or place.after.low in lexicon.PRONOUNS:
        return True
    return (is_plural(before.low) and place.governs) or _is_asked(place)


def _is_asked(place: _Place) -> bool:
    """Tell "Is Israel losing …": a form of *be* opens what has only its subject since."""
    steps = 1
    while (word := place.before(steps)) and _closed(word) in (None, Part.DETERMINER):
        steps += 1
    return word is not None and word.low in lexicon.BEING and place.before(steps + 1) is None


def _asks_for_verb(word: Token | None) -> bool:
    """Tell whether "to" after *word* begins an infinitive: "where to direct funds"."""
    return word is not None and (
        word.low in lexicon.CONJUNCTIONS
        or word.low in ("what", "who", "not", "able", "ready", "order", "unable")
        or base_form(word.low, lexicon.PLANS) is not None
    )


def _acts(place: _Place) -> bool:
    """Tell whether a word that may be noun or verb is a verb here."""
    before, after = place.before(), place.after
    if after is None:
        # "how ferries run"; "after the ferry runs" may be of the runs of ferries.
        asked = place.words[0].low in ("how", "why", "when", "where", "what")
        return asked and before is not None and is_plural(before.low)
    if after.low in lexicon.DETERMINERS or after.low in lexicon.PRONOUNS:
        return True
    if after.low == "to" and not is_plural(place.word.low):  # "exports to Africa"
        return True
    if before is None or not place.governs:
        return False
    if is_adverb(before.low) and place.word.low.endswith("s"):
        return True
    # "teachers view school reforms", "help address migrant surges"
    helps = base_form(before.low, lexicon.HELPING) is not None
    # A plural acts; an -s after one is a verb whose subject stands before: "a survey of
    # teachers shows little".
    return helps or is_plural(before.low)


def _is_past(place: _Place) -> bool:
    """Tell "they supported the law" from "supported employment"."""
    governor = place.governor
    known = base_form(place.word.low, _ACTS | lexicon.EITHER)
    if known and governor and _closed(governor) is None:
        return True
    if place.after is None or place.after.low in lexicon.FUNCTION:
        return True
    return governor is not None and governor.low in lexicon.AUXILIARIES
