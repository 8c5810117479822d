"""What the form of one word tells: what it is a form of, and which words are of one family."""

from __future__ import annotations

import re
from functools import lru_cache

from digest.themes import lexicon

POSSESSIVE = re.compile(r"['’]s$", re.IGNORECASE)


def is_adverb(low: str) -> bool:
    """Tell an adverb by its ending."""
    return len(low) > 4 and low.endswith("ly") and low not in lexicon.LY_NOT_ADVERB


def is_plural(low: str) -> bool:
    """Tell a plural by its ending; a verb in -s has the same."""
    return (
        len(low) > 3 and low.endswith("s") and not low.endswith(("ss", "us", "is", "ics", "news"))
    )


@lru_cache(maxsize=100_000)
def base_form(low: str, known: frozenset[str]) -> str | None:
    """Return the entry of *known* that *low* is a form of, or None."""
    if low in known:
        return low
    for form, tail, instead in _ENDINGS:
        if form.search(low) and (plain := low[: len(low) - len(tail)] + instead) in known:
            return plain
    doubled = re.fullmatch(r"(\w+)(\w)\2(?:ed|ing)", low)
    if doubled and doubled[1] + doubled[2] in known:
        return doubled[1] + doubled[2]
    return None


#: What a form ends in, what of it goes, and what comes instead.
_ENDINGS = tuple(
    (re.compile(form), tail, instead)
    for form, tail, instead in (
        (r"\w\wies$", "ies", "y"),
        (r"\w\wied$", "ied", "y"),
        (r"\w(?:[sxzo]|[cs]h)es$", "es", ""),
        (r"\w\w[^s]s$", "s", ""),
        (r"\w\wed$", "ed", ""),
        (r"\w\wed$", "d", ""),
        (r"\w\wing$", "ing", ""),
        (r"\w\wing$", "ing", "e"),
    )
)


# --- sameness -----------------------------------------------------------------------------

_TAILS = (
    *("izations", "ization", "ations", "ation", "ments", "ment", "ings", "ing", "ies", "ers"),
    *("ians", "ian", "ans", "ed", "es", "s", "y", "e"),
)


@lru_cache(maxsize=50_000)
def stem(word: str) -> str:
    """Return a crude stem: words of one family mostly share it; it is never shown."""
    low = POSSESSIVE.sub("", word.lower().replace("’", "'"))
    for tail in _TAILS:
        if low.endswith(tail) and len(low) - len(tail) >= 4:
            return low[: -len(tail)]
    return low


def akin(one: str, other: str) -> bool:
    """Tell whether two stems are so alike that a headline should not have both."""
    if one == other:
        return True
    if one[:5] != other[:5]:
        return False
    shared = 0
    for a, b in zip(one, other, strict=False):
        if a != b:
            break
        shared += 1
    short, long = sorted((len(one), len(other)))
    return shared >= 5 and shared >= 0.75 * short and shared >= 0.6 * long
