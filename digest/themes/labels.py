"""From phrases to labels: what a publication is about, in its own words."""

from __future__ import annotations

import math
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property, lru_cache

from digest.model import Publication
from digest.themes import lexicon
from digest.themes.background import MOST_KEPT, Background
from digest.themes.forms import akin, base_form, stem
from digest.themes.languages import LANGUAGES, foreign, spoken
from digest.themes.phrases import Phrase, is_vague, known, names, phrases
from digest.themes.tagging import stems_of, tokens
from digest.themes.words import Part, Token

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
JOINED, PLACED, GERUND, LONG, SINGLE, SINGLE_COMMON = 0.8, 1.0, 0.75, 0.85, 0.7, 0.55
UNFINISHED = 0.7
NAMED = 1.2
OBLIQUE = 0.8
OWNER = 0.7
#: The first words of a title gain up to this much; each further field gains this much.
EARLY, AGAIN = 0.25, 0.35

#: Readings that are kept of one background: an issue has seldom more publications.
MOST_READINGS = 100

_AGENT = ("ists", "ist", "ers", "er", "ors", "or", "ents")


@dataclass(frozen=True, slots=True, kw_only=True)
class Label:
    """A phrase in title case, and how well it says what a publication is about."""

    text: str
    #: Its content words, stemmed: what no other label of a headline may share.
    stems: frozenset[str]
    score: float
    phrase: Phrase
    #: What the score is the product of, each by its name; what is 1 is left out.
    parts: Mapping[str, float]

    @property
    def reason(self) -> str:
        """The score and its factors, as people read them: ``1.82 = 1.30 words × 1.40 subject``."""
        told = " × ".join(f"{value:.2f} {name}" for name, value in self.parts.items())
        return f"{self.score:.2f} = {told}"

    def shares(self, taken: Collection[str]) -> bool:
        """Tell whether a content word of this label is akin to one of *taken*."""
        return any(akin(one, other) for one in self.stems for other in taken)


def read(publication: Publication, background: Background) -> Reading:
    """Return *publication*, read over *background*; the same reading when asked again."""
    kept = _readings(background)
    if len(kept) >= MOST_READINGS:
        kept.clear()
    return kept.get(publication) or kept.setdefault(publication, Reading(publication, background))


@lru_cache(maxsize=MOST_KEPT)
def _readings(_background: Background) -> dict[Publication, Reading]:
    """Return what was read over that background so far, to be added to; kept as long as it is."""
    return {}


class Reading:
    """A publication, read: its fields as tagged words."""

    def __init__(self, publication: Publication, background: Background) -> None:
        self.publication, self.background = publication, background
        #: Title and summary as they can be shown: without a shout.
        self.titled = background.calmed(publication.title)
        self.summarised = background.calmed(publication.summary)
        self.title = background.read(self.titled)
        self.summary = background.read(self.summarised)
        self.topics = tuple(tokens(topic) for topic in publication.topics)
        self.authors = {stem(word) for author in publication.authors for word in author.split()}

    @cached_property
    def labels(self) -> tuple[Label, ...]:
        """
        The labels that its words allow, best first; ties by their text.

        A topic makes a label of its own only where the text is not English.
        """
        places: dict[tuple[str, ...], list[tuple[float, Phrase]]] = {}
        for worth, phrase in self.phrases():
            places.setdefault(phrase.key, []).append((worth, phrase))
        made = (
            _label(found, self, self.background)
            for found in places.values()
            if self.language != "en" or any(worth != TOPIC for worth, _ in found)
        )
        return tuple(sorted(made, key=lambda each: (-each.score, each.text)))

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
    def language(self) -> str:
        """What title and summary are written in, as `languages.spoken` tells."""
        words = (*self.title, *self.summary) if self.says_more else self.title
        return spoken(self.publication.language, words)

    def phrases(self) -> Iterator[tuple[float, Phrase]]:
        """
        Yield what could be a label, with the worth of the field that it stands in.

        Where we know the small words of a language alone, noun phrases are looked for in
        the title; where not even those, names, quotations and topics have to do.
        """
        if self.language == "en":
            yield from ((worth, each) for worth, text in self.fields for each in phrases(text))
            return
        language = LANGUAGES.get(self.language)
        if language:
            yield from ((TITLE, each) for each in foreign(self.title, language))
        for worth, text in self.fields:
            if worth == TOPIC or not language:
                yield from ((worth, each) for each in known(text, whole=worth == TOPIC))

    @cached_property
    def standing(self) -> Mapping[str, float]:
        """How prominent each word is: the worth of the fields that have it, each once."""
        found = {
            (worth, stem(each.text))
            for worth, text in self.fields
            for each in text
            if each.part is not Part.DETERMINER
        }
        standing: dict[str, float] = {}
        for worth, word in sorted(found):
            standing[word] = standing.get(word, 0.0) + worth
        return standing

    @cached_property
    def naming(self) -> dict[str, float]:
        """The standing of the words that name something, by stem."""
        words = {stem(e.text) for _, text in self.fields for e in text if names(e)}
        return {word: self.standing[word] for word in sorted(words)}


def _label(
    found: Sequence[tuple[float, Phrase]], reading: Reading, background: Background
) -> Label:
    _, best = max(found, key=lambda place: (place[1].closes, place[1].opens, place[0]))
    proper = any(all(each.proper for each in phrase.content) for _, phrase in found)
    parts = {
        "words": _word_value(best, reading, background, proper=proper),
        **_standing(found),
        **_roles(found, reading),
        **_shape(best, proper=proper),
    }
    text = shown(best)
    return Label(
        text=text,
        stems=stems_of(best.content if best.foreign else best.tokens),
        score=math.prod(parts.values()),
        phrase=best,
        parts={name: value for name, value in parts.items() if value != 1},
    )


def _word_value(phrase: Phrase, reading: Reading, background: Background, *, proper: bool) -> float:
    """Return the standing of the words, rare ones more, per root of their number."""
    total = 0.0
    for each in phrase.content:
        rarity = 1 - RARITY + RARITY * background.rarity(stem(each.text))
        if stem(each.text) in background.own:
            continue
        if is_vague(each) and not proper:
            rarity *= VAGUE_WORD
        elif each.low in lexicon.HOME:
            rarity *= HOME_WORD
        elif not names(each) and each.part is not Part.GERUND:
            rarity *= NUMBER_WORD
        total += rarity * reading.standing.get(stem(each.text), 0.0)
    return total / math.sqrt(len(phrase.content))


def _standing(found: Sequence[tuple[float, Phrase]]) -> dict[str, float]:
    """Return what the fields that have the phrase make of it, and how early the title does."""
    whole: dict[float, float] = {}
    for worth, phrase in found:
        kept = (1 if phrase.closes else CUT_OFF) * (1 if phrase.opens else CUT_INTO)
        whole[worth] = max(whole.get(worth, 0.0), kept)
    again = 1 + AGAIN * (sum(worth * kept for worth, kept in sorted(whole.items())) - 1)
    starts = [phrase.at for worth, phrase in found if worth == TITLE]
    return {"fields": again, "early": 1 + EARLY / (1 + min(starts) / 3) if starts else 1}


def _roles(found: Sequence[tuple[float, Phrase]], reading: Reading) -> dict[str, float]:
    """Return what the sentences do with the phrase; a role against it must hold everywhere."""
    every = [phrase for _, phrase in found]
    in_title = [phrase for worth, phrase in found if worth == TITLE]
    closing = [phrase for phrase in every if phrase.closes]
    opening = [phrase for phrase in every if phrase.opens]
    told = {
        "subject": (SUBJECT, any(each.subject for each in every)),
        "acts": (ACTS, any(each.acts for each in in_title)),
        "alone": (ALONE, any(each.alone for each in every)),
        "unfinished": (UNFINISHED, closing and all(each.unfinished for each in closing)),
        "owner": (OWNER, all(each.owner for each in every)),
        "oblique": (OBLIQUE, opening and all(each.oblique for each in opening)),
        "listed": (LISTED, all(e.listed for e in opening if e.closes)),
        "source": (SOURCE, any(e.source or _is_author(e, reading) for e in every)),
    }
    return {name: factor for name, (factor, true) in told.items() if true}


def _is_author(phrase: Phrase, reading: Reading) -> bool:
    return all(stem(each.text) in reading.authors for each in phrase.content)


def _shape(phrase: Phrase, *, proper: bool) -> dict[str, float]:
    """Return what the phrase's form is worth."""
    count = len(phrase.content)
    named = any(each.proper for each in phrase.content if each.low not in lexicon.HOME)
    common = count == 1 and not proper and _is_common(phrase.content[0])
    told = {
        "quoted": (QUOTED, phrase.quoted),
        "name": (PROPER, proper),
        "with a name": (NAMED, named and not proper),
        "joined": (PLACED if phrase.placed else JOINED, phrase.joined and not proper),
        "gerund": (GERUND, phrase.gerund),
        "one word": (SINGLE_COMMON if common else SINGLE, count == 1),
        "long": (LONG, count > 3),
    }
    return {name: factor for name, (factor, true) in told.items() if true}


def _is_common(word: Token) -> bool:
    """Tell a word that alone says little: an everyday one, or who does something."""
    return word.low.endswith(_AGENT) or base_form(word.low, lexicon.EVERYDAY) is not None


# --- title case ---------------------------------------------------------------------------


def shown(phrase: Phrase) -> str:
    """Return *phrase* in title case, without the possessive ending of its last word."""
    if phrase.foreign:
        text = " ".join(each.text for each in phrase.tokens)
        return text[:1].upper() + text[1:]
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
