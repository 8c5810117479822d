"""A theme's phrase for the lead sentence: "the risk of escalation in Ukraine"."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence

from digest.themes import lexicon
from digest.themes.casing import Casing
from digest.themes.labels import Label, Reading
from digest.themes.words import Part, Token, akin, stem, tokens

#: A phrase of the lead sentence has at most this many words.
MOST_WORDS = 13
_WH = ("how", "why", "whether", "what", "when", "where", "who", "which")
#: After these a title asks ("Why Improve …?", "What Do We Know?"); it does not name.
_ASKING = lexicon.AUXILIARIES | {"improve"}
_ENDS = re.compile(r"(?<=[.!?…])[\"”’']?\s+(?=[\"“‘'A-Z0-9])")
_PARTS = re.compile(r"\s*[:;—]\s+|\s+[–-]\s+|\s*—\s*")


def phrase(reading: Reading, label: Label, casing: Casing) -> str:
    """
    Return how the lead sentence names what *label* stands for.

    In this order: a part of the title or the summary's first sentence that is a phrase
    and no clause; the noun phrase that the label stands in, with what is said of it; the
    label itself. Small first letter except for names; never more than `MOST_WORDS`.
    """
    for text in (*_openings(reading), *_around(reading, label)):
        said = _said(text, casing)
        if said and _covers(text, label):
            return said
    return " ".join(casing.inside(each) for each in label.phrase.tokens)


def _openings(reading: Reading) -> Iterator[tuple[Token, ...]]:
    """Yield summary's first sentence and the title's parts where they are phrases."""
    publication = reading.publication
    first = _ENDS.split(publication.summary.strip(), maxsplit=1)[0]
    for text in (first, *reversed(_PARTS.split(publication.title))):
        bare = text.strip().rstrip(".…")
        words = tokens(bare)
        if not re.search(r"[?!,;:()\[\]]", bare) and _is_phrase(words):
            yield words


def _is_phrase(words: Sequence[Token]) -> bool:
    """Tell "how the West can help" and "rebuilding Ukraine" from "Taiwan should invest"."""
    if len(words) < 2:
        return False
    if words[0].low in _WH:
        # "What Do We Know", "Why Improve Kyiv's Reach": a question; "how to", "why it is" are not.
        second = words[1]
        return second.low not in lexicon.AUXILIARIES and not _is_bare_verb(words)
    return not any(_is_finite(words, at) for at in range(len(words)))


def _is_bare_verb(words: Sequence[Token]) -> bool:
    return words[0].low == "why" and words[1].part is Part.VERB


def _is_finite(words: Sequence[Token], at: int) -> bool:
    word = words[at]
    if word.low in lexicon.AUXILIARIES and word.low not in ("being", "be", "having", "doing"):
        return True
    if word.low in ("i", "you", "he", "she", "we", "they"):
        return True
    after_to = at > 0 and words[at - 1].low in ("to", "and", "or")
    participle = word.low.endswith(("ed", "ing", "en")) and at > 0
    return word.part is Part.VERB and not after_to and not participle


def _around(reading: Reading, label: Label) -> Iterator[tuple[Token, ...]]:
    """Yield noun phrases of title and summary that the label's words stand in."""
    wanted = {stem(each.text) for each in label.phrase.content}
    for _, text in reading.fields[: 2 if reading.says_more else 1]:
        start = None
        for at, word in enumerate((*text, None)):
            held = word is not None and _holds(text, at, start)
            if start is not None and not held:
                whole = tuple(text[start:at])
                while whole and whole[-1].part in (Part.JOINT, Part.DETERMINER, Part.OTHER):
                    whole = whole[:-1]
                if wanted <= {stem(each.text) for each in whole}:
                    yield whole
                start = None
            if start is None and word is not None and _holds(text, at, None):
                start = at


def _holds(text: Sequence[Token], at: int, start: int | None) -> bool:
    """Tell whether the word at *at* may stand in a noun phrase that began at *start*."""
    word = text[at]
    if start is None:
        return word.part in (Part.DETERMINER, Part.NAMING) and word.low not in lexicon.PRONOUNS
    if word.breaks or at - start >= MOST_WORDS:
        return False
    if word.part is Part.JOINT:
        return word.low in lexicon.JOINING
    return word.part in (Part.DETERMINER, Part.NAMING, Part.NUMBER)


def _covers(words: Sequence[Token], label: Label) -> bool:
    said = {stem(each.text) for each in words}
    return any(akin(one, other) for one in label.stems for other in said)


def _said(words: Sequence[Token], casing: Casing) -> str:
    """Return *words* as running text; "" if they are too many or say too little."""
    if not 2 <= len(words) <= MOST_WORDS:
        return ""
    if words[0].low in ("this", "that", "these", "those", "such", "it", "their", "its", "our"):
        return ""
    return " ".join(_quoted(words, at, casing.inside(each)) for at, each in enumerate(words))


def _quoted(words: Sequence[Token], at: int, shown: str) -> str:
    """Return *shown* with the quotation marks that begin or end at it."""
    mark = words[at].quoted
    if not mark:
        return shown
    opens = at == 0 or words[at - 1].quoted != mark
    closes = at == len(words) - 1 or words[at + 1].quoted != mark
    return ("“" if opens else "") + shown + ("”" if closes else "")
