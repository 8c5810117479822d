"""A theme's phrase for the lead sentence: "the risk of escalation in Ukraine"."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence

from digest.themes import lexicon
from digest.themes.casing import Casing
from digest.themes.forms import akin, base_form, stem
from digest.themes.labels import Label, Reading
from digest.themes.languages import LANGUAGES
from digest.themes.phrases import Phrase
from digest.themes.tagging import tokens
from digest.themes.words import Part, Token

#: A phrase of the lead sentence has at most this many words.
MOST_WORDS = 13

_WH = frozenset(("how", "why", "whether", "what", "when", "where", "who", "which"))
_POINTING = frozenset(("this", "that", "these", "those", "such", "it", "their", "its", "our"))
_NOT_FINITE = frozenset(("being", "be", "been", "having", "doing"))
_LINKING = frozenset(("is", "are", "was", "were", "remains", "remain"))
#: Inside one part there is nothing but words, quotation marks and hyphens.
_MIXED = re.compile(r"[?!,;:()\[\]/|…]|\.\s")
_SENTENCE_END = re.compile(r"(?<=[.!?…])[\"”’']?\s+(?=[\"“‘'A-Z0-9])")
_PARTS = re.compile(r"\s*[:;—]\s+|\s+[–-]\s+|\s*—\s*|,\s+")

Words = tuple[Token, ...]


def phrase(reading: Reading, label: Label, casing: Casing) -> str:
    """
    Return how the lead sentence names what *label* stands for.

    In this order: the summary's first sentence or a part of the title that is a phrase
    and no clause; the title as a clause, after "how" or "why"; the noun phrase that the
    label stands in; the label. Small first letter except for names; never more than
    `MOST_WORDS` words; but for "how" and "why" all words are the publication's.
    """
    if reading.language != "en":
        return _as_written(label.phrase, reading)
    for words in _phrases(reading):
        if _covers(words, label) and (said := _said(words, casing)):
            return said
    for words in _clauses(reading):
        if said := _said(words, casing, room=1):
            return f"{_conjunction(words)} {said}"
    for words in _around(reading, label):
        if said := _said(words, casing):
            return said
    return " ".join(
        _inside(label.phrase.tokens, at, casing) for at in range(len(label.phrase.tokens))
    )


def _as_written(phrase: Phrase, reading: Reading) -> str:
    """Return a phrase of another language as its text has it, small where a title began it."""
    text = " ".join(each.text for each in phrase.tokens)
    first = phrase.tokens[0]
    language = LANGUAGES.get(reading.language)
    keeps = not language or language.capital_nouns or first.proper or first.text.isupper()
    return text if keeps else text[:1].lower() + text[1:]


def _phrases(reading: Reading) -> Iterator[Words]:
    """Yield the summary's first sentence and the title's parts where they are no clauses."""
    first = _SENTENCE_END.split(reading.summarised.strip(), maxsplit=1)[0]
    for text in (first, *reversed(_parts(reading))):
        bare = text.strip().rstrip(".…")
        words = tokens(bare)
        if not _MIXED.search(bare) and _is_phrase(words):
            yield words


def _parts(reading: Reading) -> list[str]:
    return _PARTS.split(reading.titled.strip())


def _is_phrase(words: Words) -> bool:
    """Tell "how the West can help" and "rebuilding Ukraine" from "Taiwan should invest"."""
    if len(words) < 2 or words[0].low in _POINTING:
        return False
    if words[0].low in _WH:
        return not _asks(words)
    if words[0].part in (Part.VERB, Part.OTHER) or words[0].low == "with":
        return False
    return not any(_is_finite(words, at) for at in range(len(words)))


def _asks(words: Words) -> bool:
    """Tell "What Do We Know", "Why Improve X" from "who should pay", "why it is time"."""
    if words[1].low in lexicon.AUXILIARIES:
        return len(words) < 3 or words[2].part not in (Part.VERB, Part.OTHER)
    return words[0].low in ("why", "how") and words[1].part is Part.VERB


def _is_finite(words: Words, at: int) -> bool:
    word, before = words[at], words[at - 1] if at else None
    if word.low in lexicon.AUXILIARIES:
        return word.low not in _NOT_FINITE
    if word.low in ("i", "you", "he", "she", "we", "they"):
        return True
    if before is None or word.part not in (Part.VERB, Part.NAMING):
        return False
    if word.part is Part.VERB:
        participle = word.low.endswith(("ed", "ing", "en"))
        return before.low not in ("to", "and", "or") and not participle
    # "ASEAN leads on security": a noun in -s that may be a verb, with no noun to follow.
    acts = word.low.endswith("s") and base_form(word.low, lexicon.EITHER)
    after = words[at + 1] if at + 1 < len(words) else None
    return bool(acts) and before.part is Part.OTHER and after is not None


def _clauses(reading: Reading) -> Iterator[Words]:
    """Yield the title's parts that state something: a noun phrase, then a finite verb."""
    if "?" in reading.titled:
        return
    for text in reversed(_parts(reading)):
        words = tokens(text.strip().rstrip(".…"))
        opens = words and words[0].part in (Part.DETERMINER, Part.NAMING, Part.NUMBER)
        if not opens or _MIXED.search(text.strip().rstrip(".…")) or words[0].low in _WH:
            continue
        verb = next((at for at in range(len(words)) if _is_finite(words, at)), 0)
        pointing = words[0].low in _POINTING
        if verb and not pointing and all(_is_nominal(each) for each in words[:verb]):
            yield words


def _is_nominal(word: Token) -> bool:
    joint = word.part is Part.JOINT and word.low in lexicon.JOINING
    return joint or word.part in (Part.DETERMINER, Part.NAMING, Part.NUMBER)


def _conjunction(words: Words) -> str:
    """Return "why" for what is said to be so, "how" for what is said to happen."""
    for at, word in enumerate(words[:-1]):
        if _is_finite(words, at):
            linking = word.low in _LINKING and not words[at + 1].low.endswith("ing")
            return "why" if linking else "how"
    return "how"


def _around(reading: Reading, label: Label) -> Iterator[Words]:
    """Yield the noun phrases of title and summary that all the label's words stand in."""
    wanted = {stem(each.text) for each in label.phrase.content}
    for _, text in reading.fields[: 2 if reading.says_more else 1]:
        for words in _noun_phrases(text):
            if wanted <= {stem(each.text) for each in words}:
                yield words


def _noun_phrases(text: Sequence[Token]) -> Iterator[Words]:
    """Yield the longest runs of nominal words; none ends in a small word."""
    run: list[Token] = []
    for token in (*text, None):
        if token is None or token.breaks or not _is_nominal(token):
            while run and run[-1].part in (Part.JOINT, Part.DETERMINER):
                run.pop()
            if run:
                yield tuple(run)
            run = []
        if token is not None and _is_nominal(token) and (run or token.part is not Part.JOINT):
            run.append(token)


def _covers(words: Words, label: Label) -> bool:
    said = {stem(each.text) for each in words}
    return any(akin(one, other) for one in label.stems for other in said)


# --- as running text ----------------------------------------------------------------------


def _said(words: Words, casing: Casing, *, room: int = 0) -> str:
    """Return *words* as running text; "" if they are too many or point to something unsaid."""
    if not 2 <= len(words) <= MOST_WORDS - room or words[0].low in _POINTING:
        return ""
    return " ".join(
        _quoted(words, at, each.shown if each.quoted else _inside(words, at, casing))
        for at, each in enumerate(words)
    )


def _inside(words: Words, at: int, casing: Casing) -> str:
    word, after = words[at], words[at + 1] if at + 1 < len(words) else None
    if word.low in lexicon.COMPASS and after and casing.is_name(after):
        return word.shown
    if at or after is None or word.part is not Part.NAMING or word.low in lexicon.PALE:
        return casing.inside(word)
    if after.proper and after.part is Part.NAMING and not after.text.isupper():
        return word.shown  # "Unemployment Insurance’s failure": the first word of a name
    known_name = word.proper or word.possessive or casing.capital[word.low] > 0
    if after.text.islower() and after.part is Part.NAMING and not known_name:
        # "Media literacy": its capital is the sentence's, or no noun would follow so small.
        return word.shown[:1].lower() + word.shown[1:]
    return casing.inside(word)


def _quoted(words: Words, at: int, shown: str) -> str:
    """Return *shown* with the quotation marks that begin or end at it."""
    mark = words[at].quoted
    if not mark:
        return shown
    opens = at == 0 or words[at - 1].quoted != mark
    closes = at == len(words) - 1 or words[at + 1].quoted != mark
    return ("“" if opens else "") + shown + ("”" if closes else "")
