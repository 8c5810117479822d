"""Languages whose grammar we do not know, but whose small words we do.

What stands between small words is mostly a noun phrase: "les défis de la santé publique".
The lists hold the closed classes alone: articles, prepositions, pronouns, conjunctions,
auxiliaries, question words.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass, replace

from digest.themes import lexicon
from digest.themes.phrases import LONGEST_WORD, MOST_WORDS, Phrase
from digest.themes.words import Part, Token


@dataclass(frozen=True, slots=True, kw_only=True)
class Language:
    """The small words of a language, and what they do."""

    small: frozenset[str]
    #: After them a noun phrase begins.
    articles: frozenset[str]
    #: They join two nouns to one phrase.
    links: frozenset[str] = frozenset()
    #: It stands before an object that is a person: "amenaza a los agricultores".
    personal: str = ""
    #: They name research rather than its subject.
    research: frozenset[str] = frozenset()
    #: Nouns have a capital; what stands before them is an adjective if it ends so.
    capital_nouns: bool = False
    adjectival: tuple[str, ...] = ()


def _words(text: str) -> frozenset[str]:
    return frozenset(text.split())


_GERMAN_ARTICLES = _words(
    "der die das dem den des ein eine einem einen einer eines kein keine keinen mein sein seine"
    " ihr ihre ihren unser unsere dieser diese dieses jeder jede jedes zum zur im am vom beim ins"
)
_FRENCH_ARTICLES = _words(
    "le la les l un une des du au aux ce cet cette ces son sa ses leur leurs notre nos votre vos"
)
_SPANISH_ARTICLES = _words("el la los las un una unos unas al del su sus este esta estos estas")

LANGUAGES = {
    "de": Language(
        links=_words("der des"),
        articles=_GERMAN_ARTICLES,
        research=_words("studie studien bericht berichte analyse umfrage gutachten forschung"),
        capital_nouns=True,
        adjectival=("e", "en", "er", "es", "em"),
        small=_GERMAN_ARTICLES
        | _words(
            "ab aber als an auch auf aus bei bis da damit dann dass denn doch du durch er es für"
            " gegen gibt haben hat hatte hier ich in ist ja kann können könnte man mehr mit muss"
            " müssen nach nicht noch nun nur ob oder ohne schon sich sie sind so soll sollen"
            " sollte trotz um und unter viel viele von vor war waren warum was wegen weil wenn"
            " wer werden wie wieder will wir wird wo wohl wollen wurde wurden würde während zu"
            " zwischen über"
        ),
    ),
    "es": Language(
        personal="a",
        articles=_SPANISH_ARTICLES,
        research=_words("estudio estudios informe informes análisis encuesta investigación"),
        links=_words("de del"),
        small=_SPANISH_ARTICLES
        | _words(
            "a ante así aunque bajo cada como con contra cuando cómo cuál cuándo de debe deben"
            " dentro desde donde dónde durante e en entre es eso está están fue fueron ha han"
            " hacia hasta hay lo le les me mi muy más ni no nos o para pero poco por porque puede"
            " pueden que quien quién qué se según ser si sin sobre son también tan tiene tienen"
            " todo todos tras tu y ya"
        ),
    ),
    "fr": Language(
        articles=_FRENCH_ARTICLES,
        research=_words("étude études rapport rapports analyse enquête recherche sondage"),
        links=_words("de du des d"),
        small=_FRENCH_ARTICLES
        | _words(
            "a afin ainsi après au-delà aussi autres avant avec car ce ceci cela chez comme"
            " comment contre d dans de depuis dont doit doivent elle elles en encore entre est et"
            " eux face font il ils j je jusque lors lui mais malgré mieux même n ne ni non nous"
            " on ont ou où par parce pas pendant peu peut peuvent plus pour pourquoi qu quand que"
            " quel quelle quelles quels qui quoi s sans se selon sera si sont sous sur tous tout"
            " toute toutes très vers vous y à été être"
        ),
    ),
}
#: English words that look like small ones of other languages: "war", "die".
_ENGLISH = lexicon.VERBS | lexicon.EITHER | lexicon.VAGUE | lexicon.EVERYDAY | lexicon.PALE
#: A text of so many words with less than this share of grammatical ones is not English.
FOREIGN_FROM_WORDS, ENGLISH_SHARE = 10, 0.07
#: The small words that tell a language.
_TELLING = {code: language.small - _ENGLISH for code, language in LANGUAGES.items()}
#: Less than this share of small words says nothing of a language.
SMALL_SHARE = 0.15


def spoken(told: str | None, words: Sequence[Token]) -> str:
    """
    Return the language of *words*: "en", a key of `LANGUAGES`, or "" for one we do not know.

    *told* is what the feed says. Without it the language decides whose small words are most;
    among equals English, if its letters could be. A short text without any small word is
    English on the same condition.
    """
    if told:
        code = told.lower()[:2]
        return code if code == "en" or code in LANGUAGES else ""
    ascii_only = all(each.text.isascii() for each in words)
    counts = {code: _small(words, small) for code, small in _TELLING.items()}
    counts["en"] = _small(words, lexicon.FUNCTION)
    best = max(counts, key=lambda code: (counts[code], (code == "en") == ascii_only))
    if best != "en" and counts[best]:
        return best if counts[best] >= SMALL_SHARE * len(words) else ""
    if len(words) >= FOREIGN_FROM_WORDS:
        return "en" if counts["en"] >= ENGLISH_SHARE * len(words) else ""
    return "en" if counts["en"] or ascii_only else ""


def _small(words: Sequence[Token], small: Collection[str]) -> int:
    """Count the small words, also those elided before another; "UN" and "D" may be anything."""
    return sum(
        (not each.text.isupper() and len(each.low) > 1 and _bare(each) in small)
        or ("'" in each.low and each.low.partition("'")[0] in small)
        for each in words
    )


def foreign(text: Sequence[Token], language: Language) -> Iterator[Phrase]:
    """Yield what stands between small words and breaks, and each part of it before a link."""
    for start, end in _runs(text, language):
        links = [at for at in range(start + 1, end) if _bare(text[at]) in language.links]
        for last in (end,) if end - start <= MOST_WORDS else (*links, end):
            words = tuple(_told(text[at], language, first=at == start) for at in range(start, last))
            while words and words[-1].part is Part.JOINT:
                words = words[:-1]
            if len(words) <= MOST_WORDS and _names(words, language):
                joined = any(word.part is Part.JOINT for word in words)
                yield Phrase(
                    tokens=words,
                    at=start,
                    opens=True,
                    closes=last == end,
                    joined=joined,
                    foreign=True,
                )


def _told(word: Token, language: Language, *, first: bool) -> Token:
    """Return the word, small or naming; a phrase's *first* without what is elided before it."""
    part = Part.JOINT if _bare(word) in language.small else Part.NAMING
    shown = re.split("['’]", word.text)[-1] if first else word.text
    return replace(word, text=shown, low=shown.lower(), part=part, possessive=False)


def _names(words: Sequence[Token], language: Language) -> bool:
    telling = [word for word in words if word.low not in language.small | language.research]
    return (
        all(len(word.text) <= LONGEST_WORD for word in words)
        and words[0].text[:1].isalpha()
        and any(sum(letter.isalpha() for letter in word.text) > 2 for word in telling)
    )


def _bare(word: Token) -> str:
    """Return the word without what is elided before it: "l'énergie" is énergie."""
    return word.low.rpartition("'")[2]


def _runs(text: Sequence[Token], language: Language) -> Iterator[tuple[int, int]]:
    """Yield start and end of each noun phrase, as far as small words and capitals tell."""
    at = 0
    while at < len(text):
        if _bare(text[at]) in language.small or _is_predicate(text, at, language):
            at += 1
            continue
        end = at + 1
        while end < len(text) and (after := _continued(text, end, language)):
            end = after
        if not language.capital_nouns or text[end - 1].text[:1].isupper():
            yield at, end
        at = end


def _continued(text: Sequence[Token], at: int, language: Language) -> int:
    """Return where a phrase goes on to that has come to *at*; 0 if it ends before."""
    if text[at].breaks:
        return 0
    if _bare(text[at]) not in language.small:
        if language.capital_nouns and text[at].text.islower() and text[at - 1].text.istitle():
            return 0  # after its noun a verb follows
        own = text[at].low.partition("'")[0] in language.articles  # "divise l'Europe"
        return 0 if own or _is_predicate(text, at, language) else at + 1
    if text[at].low not in language.links:
        return 0
    at += 1
    while at < len(text) and not text[at].breaks and text[at].low in language.articles:
        at += 1
    noun = at < len(text) and not text[at].breaks and _bare(text[at]) not in language.small
    return at + 1 if noun else 0


def _is_predicate(text: Sequence[Token], at: int, language: Language) -> bool:
    """Tell a verb by the article that follows, "divise les", or by its form, "plant Reform"."""
    if at + 1 == len(text) or text[at + 1].breaks or text[at].text[:1].isupper():
        return False
    if language.capital_nouns and not text[at].low.endswith(language.adjectival):
        return True
    after = at + 1
    if text[after].low == language.personal and after + 1 < len(text):
        after += 1
    return text[after].low.partition("'")[0] in language.articles - language.links
