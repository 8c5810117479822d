"""From phrases to labels: what a publication is about, in its own words."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass
from functools import cached_property

from digest.model import Publication
from digest.themes import lexicon
from digest.themes.phrases import Phrase, is_vague, known, names, phrases
from digest.themes.words import Part, Token, akin, stem, stems, tokens

#: What standing in a field is worth. Topics are often the shelf rather than the subject,
#: so they support a phrase of title or summary and never make a label of their own.
TITLE, SUMMARY, TOPIC = 1.0, 0.8, 0.7
#: How far a word seen in every publication loses against one never seen: half.
RARITY = 0.5
#: A word that needs another beside it, and a number, count for this much.
VAGUE_WORD, NUMBER_WORD, HOME_WORD = 0.15, 0.3, 0.4
#: What a phrase's place and shape multiply its value by.
CUT_OFF, CUT_INTO = 0.35, 0.5  # without its head noun; without its first words
QUOTED, PROPER, SUBJECT, ACTS, ALONE, SOURCE, LISTED = 1.6, 1.2, 1.4, 1.3, 1.2, 0.3, 0.7
JOINED, PLACED, GERUND, LONG, SINGLE, SINGLE_AGENT = 0.8, 1.0, 0.75, 0.85, 0.8, 0.56
#: The first words of a title gain up to this much; each further field gains this much.
EARLY, AGAIN = 0.25, 0.35

#: A text of so many words with less than this share of grammatical ones is not English.
FOREIGN_FROM_WORDS, ENGLISH_SHARE = 10, 0.07

_AGENT = ("ists", "ist", "ers", "er", "ors", "or", "ents")


@dataclass(frozen=True, slots=True, kw_only=True)
class Label:
    """A phrase in title case, and how well it says what a publication is about."""

    text: str
    #: Its content words, stemmed: what no other label of a headline may share.
    stems: frozenset[str]
    score: float
    phrase: Phrase

    def shares(self, taken: Collection[str]) -> bool:
        """Tell whether a content word of this label is akin to one of *taken*."""
        return any(akin(one, other) for one in self.stems for other in taken)


class Background:
    """How often words were used before: what everything is about names nothing."""

    def __init__(self, publications: Iterable[Publication]) -> None:
        self.count = 0
        self.used: Counter[str] = Counter()
        for each in publications:
            self.count += 1
            self.used.update(stems(each.title) | stems(each.summary))

    def rarity(self, stemmed: str) -> float:
        """Return 1 for a word never seen before, near 0 for one in every publication."""
        known = math.log(self.count + 2)
        return math.log((self.count + 2) / (self.used[stemmed] + 1)) / known


class Reading:
    """A publication, read: its fields as tagged words."""

    def __init__(self, publication: Publication) -> None:
        self.publication = publication
        self.title = tokens(publication.title)
        self.summary = tokens(publication.summary)
        self.topics = tuple(tokens(topic) for topic in publication.topics)
        self.authors = {stem(word) for author in publication.authors for word in author.split()}

    @cached_property
    def says_more(self) -> bool:
        """False where the summary only repeats the title."""
        said = {stem(each.text) for each in self.title}
        return bool({stem(each.text) for each in self.summary if names(each)} - said)

    @cached_property
    def fields(self) -> tuple[tuple[float, Sequence[Token]], ...]:
        """The texts to look for phrases in, with what standing there is worth."""
        summary = ((SUMMARY, self.summary),) if self.says_more else ()
        return ((TITLE, self.title), *summary, *((TOPIC, topic) for topic in self.topics))

    @cached_property
    def is_english(self) -> bool:
        """Tell by the feed's word, else by how many of the words English has for grammar."""
        told = self.publication.language
        if told:
            return told.lower().startswith("en")
        words = (*self.title, *self.summary)
        small = sum(each.low in lexicon.FUNCTION for each in words)
        if len(words) >= FOREIGN_FROM_WORDS:
            return small >= ENGLISH_SHARE * len(words)
        return small > 0 or all(each.text.isascii() for each in words)

    @cached_property
    def standing(self) -> Counter[str]:
        """How prominent each word is: the worth of the fields that have it, each once."""
        found = {
            (worth, stem(each.text))
            for worth, text in self.fields
            for each in text
            if each.part is not Part.DETERMINER
        }
        standing: Counter[str] = Counter()
        for worth, word in sorted(found):
            standing[word] += worth  # type: ignore[assignment]  # a Counter of worths
        return standing

    @cached_property
    def naming(self) -> dict[str, float]:
        """The standing of the words that name something, by stem."""
        words = {stem(e.text) for _, text in self.fields for e in text if names(e)}
        return {word: self.standing[word] for word in sorted(words)}


def labels(reading: Reading, background: Background) -> list[Label]:
    """
    Return the labels that *reading*'s words allow, best first; ties by their text.

    Where the text is not English, whose grammar we know, only names, quotations and the
    feed's own topics are labels.
    """
    places: dict[tuple[str, ...], list[tuple[float, Phrase]]] = {}
    for worth, text in reading.fields:
        for phrase in phrases(text) if reading.is_english else known(text, whole=worth == TOPIC):
            places.setdefault(phrase.key, []).append((worth, phrase))
    made = [
        _label(found, reading, background)
        for found in places.values()
        if not reading.is_english or any(worth != TOPIC for worth, _ in found)
    ]
    return sorted(made, key=lambda each: (-each.score, each.text))


def _label(
    found: Sequence[tuple[float, Phrase]], reading: Reading, background: Background
) -> Label:
    _, best = max(found, key=lambda place: (place[1].closes, place[1].opens, place[0]))
    proper = any(all(each.proper for each in phrase.content) for _, phrase in found)
    score = _word_value(best, reading, background, proper=proper)
    score *= _place_value(found, reading) * _shape_value(best, proper=proper)
    text = shown(best)
    return Label(text=text, stems=stems(text), score=score, phrase=best)


def _word_value(phrase: Phrase, reading: Reading, background: Background, *, proper: bool) -> float:
    """Return the standing of the words, rare ones more, per root of their number."""
    total = 0.0
    for each in phrase.content:
        rarity = 1 - RARITY + RARITY * background.rarity(stem(each.text))
        if is_vague(each) and not proper:
            rarity *= VAGUE_WORD
        elif each.low in lexicon.HOME:
            rarity *= HOME_WORD
        elif not names(each) and each.part is not Part.GERUND:
            rarity *= NUMBER_WORD
        total += rarity * reading.standing[stem(each.text)]
    return total / math.sqrt(len(phrase.content))


def _place_value(found: Sequence[tuple[float, Phrase]], reading: Reading) -> float:
    whole: dict[float, float] = {}
    for worth, phrase in found:
        kept = (1 if phrase.closes else CUT_OFF) * (1 if phrase.opens else CUT_INTO)
        whole[worth] = max(whole.get(worth, 0.0), kept)
    value = 1 + AGAIN * (sum(worth * kept for worth, kept in sorted(whole.items())) - 1)
    starts = [phrase.at for worth, phrase in found if worth == TITLE]
    if starts:
        value *= 1 + EARLY / (1 + min(starts) / 3)
    if any(phrase.subject for _, phrase in found):
        value *= SUBJECT
    if any(phrase.acts for worth, phrase in found if worth == TITLE):
        value *= ACTS
    if any(phrase.alone for _, phrase in found):
        value *= ALONE
    if all(phrase.listed for _, phrase in found if phrase.opens and phrase.closes):
        value *= LISTED
    if any(phrase.source or _is_author(phrase, reading) for _, phrase in found):
        value *= SOURCE
    return value


def _is_author(phrase: Phrase, reading: Reading) -> bool:
    return all(stem(each.text) in reading.authors for each in phrase.content)


def _shape_value(phrase: Phrase, *, proper: bool) -> float:
    value = QUOTED if phrase.quoted else 1.0
    if proper:
        value *= PROPER
    elif phrase.joined:
        value *= PLACED if phrase.placed else JOINED
    if phrase.gerund:
        value *= GERUND
    if len(phrase.content) == 1:
        agent = phrase.content[0].low.endswith(_AGENT) and not proper
        value *= SINGLE_AGENT if agent else SINGLE
    return value * (LONG if len(phrase.content) > 3 else 1.0)


# --- title case ---------------------------------------------------------------------------


def shown(phrase: Phrase) -> str:
    """Return *phrase* in title case, without the possessive ending of its last word."""
    last = len(phrase.tokens) - 1
    return " ".join(
        titled(each.text if at == last else each.shown, first=at == 0)
        for at, each in enumerate(phrase.tokens)
    )


def titled(word: str, *, first: bool = False) -> str:
    """Return *word* as a title has it: capitals kept, small words small unless *first*."""
    if not first and word.lower() in lexicon.SMALL:
        return word.lower()
    return "-".join(
        part if at and part.lower() in lexicon.SMALL else _raised(part)
        for at, part in enumerate(word.split("-"))
    )


def _raised(word: str) -> str:
    # Some letters have no capital of their own (ß, ﬁ, µ): such a word stays as it is.
    first = word[:1].upper()
    return first + word[1:] if first.lower() == word[:1].lower() and len(first) == 1 else word
