"""Words as a text has them: whole, with their casing, and what parts them."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from enum import StrEnum

from digest.themes.forms import POSSESSIVE


class Part(StrEnum):
    """The part that a word plays, as far as endings and neighbours tell."""

    NAMING = "naming"  #: noun or adjective: what labels are made of
    DETERMINER = "determiner"
    JOINT = "joint"  #: a preposition, "and", "or"
    VERB = "verb"
    GERUND = "gerund"
    NUMBER = "number"
    OTHER = "other"  #: pronouns, auxiliaries, adverbs, conjunctions


@dataclass(frozen=True, slots=True, kw_only=True)
class Token:
    """A word as it stands in a text."""

    #: Without quotes and without the possessive ending.
    text: str
    #: The text in small letters, with a straight apostrophe.
    low: str
    part: Part
    possessive: bool = False
    #: What parts it from the word before: the last punctuation mark, "^" at the start;
    #: "" if nothing does. "–" is one without spaces; with them it is "—".
    breaks: str = ""
    #: Number of the quotation it stands in; 0 outside.
    quoted: int = 0
    #: Certainly a name: a capital where only names have one.
    proper: bool = False
    #: Number of the name of several words that it stands in; 0 outside.
    name: int = 0

    @property
    def shown(self) -> str:
        """The word as a label has it, possessive and all."""
        text = self.text.replace("'", "’")
        if not self.possessive:
            return text
        return text + ("’" if text.endswith("s") and not text.isupper() else "’s")


_SHAPE = re.compile(
    r"""
      (?P<word> (?:[^\W\d_]\.){2,}(?:-\w+)*            # U.S., U.S.-China
      | \b[A-Z]\.(?=\s+[^\W\d_]\w)                       # Michael D. Rich
      | \d+(?:[.,:]\d+)*(?:[-‑]\w+|\w+)*               # 2050, 10.1, 31st
      | \w+(?:[-‑&'’]\w+(?:\.\w\.)?|–\d+)*           # deep-strike, R&D, isn't, K–12
      )
    | (?P<quote> [“”"„«»‘’'‚] )
    | (?P<space> \s+ )
    | (?P<break> . )
    """,
    re.VERBOSE | re.DOTALL,
)
#: "D." in "Michael D. Rich".
INITIAL = re.compile(r"[A-Z]\.")
_OPENING, _CLOSING = "“\"„«‘'‚", "”\"“»’'"
#: Typesetters' letters: "ﬁxation".
_LIGATURE = re.compile("[\ufb00-\ufb06]")
#: Longer texts say nothing more about what a publication is about.
MOST_CHARACTERS = 4000


def split(text: str) -> Iterator[Token]:
    """Yield the words of *text* with breaks, quotations and possessives, their part still open."""
    plain = _LIGATURE.sub(lambda each: unicodedata.normalize("NFKC", each[0]), text)
    text = unicodedata.normalize("NFC", plain[:MOST_CHARACTERS])
    breaks, count, closing = "^", 0, ""
    for match in _SHAPE.finditer(text):
        shape = match[0]
        if match.lastgroup == "break":
            breaks = "—" if shape == "–" and not _is_tight(text, match.start()) else shape
        elif match.lastgroup == "quote":
            if _is_plural_possessive(text, match.start(), closing):
                continue
            if closing:
                closing, breaks = "", breaks or shape
            elif _opens(text, match.start()):
                count, closing, breaks = count + 1, shape, breaks or shape
        elif match.lastgroup == "word" and shape.strip("_"):
            word, possessive = _word(shape, text[match.end() : match.end() + 2], bool(closing))
            yield Token(
                text=word,
                low=word.lower().replace("’", "'"),
                part=Part.OTHER,
                possessive=possessive,
                breaks=breaks,
                quoted=count if closing else 0,
            )
            breaks = ""


def _is_tight(text: str, at: int) -> bool:
    return text[at - 1 : at].isalnum() and text[at + 1 : at + 2].isalnum()


def _word(shape: str, after: str, quoted: bool) -> tuple[str, bool]:
    """Return the word without its possessive ending, and whether it has one."""
    word = POSSESSIVE.sub("", shape)
    if word != shape:
        contracted = word.lower() in ("it", "that", "there", "here", "what", "who", "let")
        return (shape, False) if contracted else (word, True)
    # "teachers' views"; inside a quotation the mark may as well end it.
    return word, word.endswith("s") and not quoted and after in ("'", "’", "' ", "’ ")


def _opens(text: str, at: int) -> bool:
    """Tell whether the quote at *at* begins a quotation that ends within the text."""
    before, after = text[at - 1 : at], text[at + 1 : at + 2]
    if (before and (before.isalnum())) or not after or after.isspace():
        return False
    return any(mark in text[at + 1 : at + 80] for mark in _CLOSING)


def _is_plural_possessive(text: str, at: int, closing: str) -> bool:
    before, after = text[at - 1 : at], text[at + 1 : at + 2]
    return text[at] in "'’" and closing not in ("'", "‘", "’") and before == "s" and after == " "


# --- names --------------------------------------------------------------------------------

#: A name of several words, each as in `Token.low`.
Name = tuple[str, ...]


def bound(text: Sequence[Token], known: Mapping[str, Collection[Name]]) -> tuple[Token, ...]:
    """Return *text* with the names of *known*, which has them by first word, marked as such."""
    made, at, count = list(text), 0, 0
    while at < len(text):
        end = at + _name_length(text, at, known)
        if end > at:
            count += 1
            made[at:end] = [
                replace(each, name=count, proper=each.text[:1].isupper()) for each in text[at:end]
            ]
        at = max(end, at + 1)
    return tuple(made)


def _name_length(text: Sequence[Token], at: int, known: Mapping[str, Collection[Name]]) -> int:
    """Return how many words the longest name of *known* at *at* has; 0 for none."""
    names = known.get(text[at].low)
    if not names or not text[at].text[:1].isupper():
        return 0
    longest = 0
    for name in names:
        words = text[at : at + len(name)]
        if len(name) <= longest or tuple([each.low for each in words]) != name:
            continue
        parted = any(each.breaks for each in words[1:]) or any(e.possessive for e in words[:-1])
        if not parted and words[-1].text[:1].isupper():
            longest = len(name)
    return longest
