"""Candidates for labels: noun phrases of one to five words, as the text has them."""

from __future__ import annotations

import re
from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import pairwise

from digest.themes import lexicon
from digest.themes.forms import base_form, is_adverb, stem
from digest.themes.words import INITIAL, Part, Token

#: A label has at most this many words.
MOST_WORDS = 5
#: No single word of a label is longer; what is longer is an address or another script's line.
LONGEST_WORD = 30


@dataclass(frozen=True, slots=True, kw_only=True)
class Phrase:
    """A stretch of a text that could be a label."""

    tokens: tuple[Token, ...]
    #: Position of its first word in the text.
    at: int
    #: It begins where its noun phrase begins (what pale words precede aside).
    opens: bool
    #: It ends where its noun phrase ends, so that its head noun is in it.
    closes: bool
    #: It stands in quotation marks, and is all that does.
    quoted: bool = False
    #: Two noun phrases, joined by a small word.
    joined: bool = False
    gerund: bool = False
    #: What a text calls its subject: after "about", or all that is vague before "of".
    subject: bool = False
    #: All that a part of the text says: "Youth Sports: Who Plays?".
    alone: bool = False
    #: One of several that the text lists: "Russia and China".
    listed: bool = False
    #: It ends in a place or another name: "War in Ukraine".
    placed: bool = False
    #: A clause says something of it: "telemedicine can …".
    acts: bool = False
    #: In the genitive: what it owns is still to come.
    owner: bool = False
    #: After a preposition, so that something else is what the text turns on.
    oblique: bool = False
    #: Its head noun asks for what follows it: "Withdrawal" before "from Syria".
    unfinished: bool = False
    #: Of a language whose small words alone we know: shown as its text has it.
    foreign: bool = False
    #: Somebody who says something, rather than what is talked about.
    source: bool = False

    @property
    def key(self) -> tuple[str, ...]:
        """What phrases that differ in form only have in common."""
        return tuple(stem(each.text) for each in self.content)

    @property
    def content(self) -> tuple[Token, ...]:
        return tuple(
            each
            for each in self.tokens
            if each.part in (Part.NAMING, Part.NUMBER, Part.GERUND, Part.VERB)
        )


def phrases(text: Sequence[Token]) -> Iterator[Phrase]:
    """Yield the phrases of a tagged text, in its order."""
    quotations = list(_quotations(text))
    yield from (_whole(text, start, end) for start, end in quotations if fits(text[start:end]))
    within = {at for start, end in quotations for at in range(start, end)}
    chunks = list(_chunks(text, within))
    for start, end in chunks:
        yield from _within(text, start, end)
        yield from _after_gerund(text, start, end)
    joins = [_joins(text[end:later], text[later]) for (_, end), (later, _) in pairwise(chunks)]
    for n, (start, end) in enumerate(chunks[:-1]):
        if joins[n]:
            yield from _across(text, start, end, chunks[n + 1][1])
            if n + 1 < len(joins) and joins[n + 1]:
                yield from _across(text, start, end, chunks[n + 2][1])


def known(text: Sequence[Token], *, whole: bool) -> Iterator[Phrase]:
    """
    Yield what is surely a phrase in a language that we do not read: quotations and names.

    With *whole* the text itself is one, as a topic is.
    """
    if whole:
        if 1 <= len(text) <= MOST_WORDS and fits(text):
            yield _whole(text, 0, len(text), quoted=False)
        return
    for start, end in _quotations(text):
        if fits(text[start:end]):
            yield _whole(text, start, end)
    start = 0
    for at in range(1, len(text) + 1):
        if at < len(text) and text[at].proper and text[at - 1].proper and not text[at].breaks:
            continue
        if text[start].proper and at - start <= MOST_WORDS and fits(text[start:at]):
            yield _whole(text, start, at, quoted=False)
        start = at


def _quotations(text: Sequence[Token]) -> Iterator[tuple[int, int]]:
    """Yield start and end of what stands in quotation marks and is short enough to be a name."""
    for mark in sorted({each.quoted for each in text} - {0}):
        places = [at for at, each in enumerate(text) if each.quoted == mark]
        start, end = places[0], places[-1] + 1
        if 2 <= len(places) <= MOST_WORDS and not any(t.breaks for t in text[start + 1 : end]):
            yield start, end


def _whole(text: Sequence[Token], start: int, end: int, *, quoted: bool = True) -> Phrase:
    """Return a stretch as one phrase: "Stand Your Ground" is a name, verbs and all."""
    words = tuple(
        replace(each, part=Part.NAMING) if each.part in (Part.VERB, Part.GERUND) else each
        for each in text[start:end]
    )
    return Phrase(tokens=words, at=start, opens=True, closes=True, quoted=quoted)


def _chunks(text: Sequence[Token], taken: Collection[int]) -> Iterator[tuple[int, int]]:
    """Yield start and end of each unbroken run of naming words and numbers not *taken*."""
    start: int | None = None
    for at, token in enumerate(text):
        nominal = token.name or token.part in (Part.NAMING, Part.NUMBER)
        inside = nominal and at not in taken
        parted = token.breaks or (at > 0 and token.quoted != text[at - 1].quoted)
        if start is not None and (not inside or parted):
            yield start, at
            start = None
        if inside and start is None:
            start = at
    if start is not None:
        yield start, len(text)


def _within(text: Sequence[Token], start: int, end: int) -> Iterator[Phrase]:
    first = _past_pale(text, start, end) if _begins(text, start) else -1
    if _points_back(text, start, end):
        start, first = start + 1, max(first, start + 1)
    last = -1 if _is_parted(text, end) else end
    alone = _is_alone(text, start, end)
    subject, source = _is_subject(text, start), _is_source(text, start, end)
    acts = _is_actor(text, start, end)
    oblique = not subject and _is_oblique(text, start)
    listed = _is_listed(text, start, end)
    for a in range(start, end):
        for b in range(a + 1, min(end, a + MOST_WORDS) + 1):
            if not _splits(text, a) and not _splits(text, b) and fits(text[a:b]):
                yield Phrase(
                    tokens=tuple(text[a:b]),
                    at=a,
                    opens=a <= first,
                    closes=b == last or text[b - 1].possessive,
                    owner=b < end and text[b - 1].possessive,
                    subject=subject,
                    source=source,
                    oblique=oblique,
                    unfinished=b == end and b - a < MOST_WORDS - 1 and _goes_on(text, end),
                    acts=acts and b == end and a <= first,
                    listed=listed,
                    alone=alone and a <= first and b == last,
                )


def _splits(text: Sequence[Token], at: int) -> bool:
    """Tell whether a cut before the word at *at* would go through a name."""
    return 0 < at < len(text) and text[at].name != 0 and text[at].name == text[at - 1].name


def _begins(text: Sequence[Token], start: int) -> bool:
    """Tell a noun phrase's beginning from the middle of a name: "China–North Korea", "No X Act"."""
    before = text[start - 1] if start and not text[start].breaks else None
    named = before and before.proper and before.low not in lexicon.ARTICLES
    return text[start].breaks != "–" and not (named and before and before.part is Part.DETERMINER)


def _points_back(text: Sequence[Token], start: int, end: int) -> bool:
    """Tell "the region's security": which region, another sentence has said."""
    owner = text[start]
    pointed = start > 0 and not owner.breaks and text[start - 1].part is Part.DETERMINER
    plural = owner.low.endswith("s")
    return pointed and owner.possessive and not plural and not owner.proper and end - start > 1


def _is_parted(text: Sequence[Token], end: int) -> bool:
    """Tell whether the head noun is still to come: "social and emotional learning"."""
    if end == len(text):
        return False
    more = text[end + 1] if end + 1 < len(text) else None
    listed = text[end].low in ("and", "or") and not text[end].breaks and more is not None
    return text[end].breaks == "–" or (
        listed and more is not None and more.part is Part.NAMING and is_adjective(text[end - 1])
    )


def _is_alone(text: Sequence[Token], start: int, end: int) -> bool:
    """Tell whether punctuation on both sides makes the noun phrase a part of its own."""
    if start and text[start - 1].low in lexicon.ARTICLES and not text[start].breaks:
        start -= 1
    parted = end == len(text) or text[end].breaks in (":", "—", ".", "?", "!", ";")
    opened = text[start].breaks in ("^", ":", "—", ".", "?", "!", ";")
    return parted and opened and end - start < len(text)


def _is_subject(text: Sequence[Token], start: int) -> bool:
    """Tell whether the words before say that here comes what all is about."""
    at = start - 1
    while at > 0 and text[at].part is Part.DETERMINER and not text[at + 1].breaks:
        at -= 1
    if at < 1 or text[at].breaks or text[at + 1].breaks:
        return False
    head, article = text[at - 1], text[at - 2] if at > 1 and not text[at - 1].breaks else None
    if text[at].low in ("about", "regarding", "concerning"):
        return not names(head)  # "feel about telemedicine", not "mistrust about vaccines"
    # "the risk of escalation" is about escalation; "a symptom of decay" about something else.
    return (
        text[at].low in ("of", "for", "on", "in", "over")
        and (is_research(head) or base_form(head.low, lexicon.VAGUE) is not None)
        and (article is None or article.low not in ("a", "an"))
    )


def _is_oblique(text: Sequence[Token], start: int) -> bool:
    """Tell the vaccinations of "mistrust about vaccinations"; those of "to track them" are not."""
    at = start - 1
    while at >= 0 and text[at].part is Part.DETERMINER and not text[at + 1].breaks:
        at -= 1
    if at < 1 or text[at].breaks or text[at + 1].breaks:
        return False
    # What is "of" or "with" something is named by it: "arrival of children".
    return text[at].low in lexicon.PREPOSITIONS - {"of", "with"} and names(text[at - 1])


def _goes_on(text: Sequence[Token], end: int) -> bool:
    """Tell a noun that what follows completes: "price of", "withdrawal from", "support for"."""
    if not _is_attributed(text, end):
        return False
    head = text[end - 1].low
    return text[end].low in ("of", "to") or (
        head.endswith(lexicon.DEVERBAL)
        or base_form(head, lexicon.EITHER | lexicon.VAGUE) is not None
    )


def _is_listed(text: Sequence[Token], start: int, end: int) -> bool:
    """Tell whether the noun phrase is one member of a list."""
    before = text[start - 1] if start and not text[start].breaks else None
    after = text[end] if end < len(text) else None
    if (before and before.low in ("and", "or", "&")) or (
        after and not after.breaks and after.low in ("and", "or", "&")
    ):
        return True
    # "North Korea, Russia and China": a comma, and what follows is listed itself.
    if after and after.breaks == "," and after.part in (Part.NAMING, Part.NUMBER):
        last = end
        while last < len(text) and (last == end or not text[last].breaks):
            if text[last].low in ("and", "or", "&"):
                return True
            if text[last].part not in (Part.NAMING, Part.NUMBER):
                return False
            last += 1
        return last < len(text) and text[last].breaks == ","
    return False


def _is_actor(text: Sequence[Token], start: int, end: int) -> bool:
    """Tell the subject of a clause: "telemedicine in town can …", not "views on war are …"."""
    end = _past_attributes(text, end)
    if end == len(text) or text[end].breaks or text[end].low not in lexicon.FINITE:
        return False
    at = start - 1
    while at >= 0 and text[at].part is Part.DETERMINER:
        at -= 1
    return at < 0 or bool(text[at + 1].breaks) or text[at].part is not Part.JOINT


def _past_attributes(text: Sequence[Token], end: int) -> int:
    """Return where the noun phrase ends whose head ends at *end*: after "in", "of", "and"."""
    at = end
    while at < len(text) and text[at].part is Part.JOINT and not text[at].breaks:
        at += 1
        while (
            at < len(text)
            and not text[at].breaks
            and text[at].part in (Part.DETERMINER, Part.NAMING, Part.NUMBER)
        ):
            at += 1
    return at


def _is_source(text: Sequence[Token], start: int, end: int) -> bool:
    """Tell "James Dobbins says …", "insights from Acme", "Acme experts"."""
    if not all(each.text[:1].isupper() for each in text[start:end] if not is_research(each)):
        return False
    after = text[end] if end < len(text) and not text[end].breaks else None
    if after and base_form(after.low, lexicon.SAYING) and all_names(text[start:end]):
        return True
    if start > 1 and text[start - 1].low in ("from", "by") and is_research(text[start - 2]):
        return True
    return any(is_research(each) for each in text[start:end]) and text[end - 1].proper is False


def all_names(words: Sequence[Token]) -> bool:
    """Tell whether each word has a capital."""
    return all(each.text[:1].isupper() for each in words)


def _past_pale(text: Sequence[Token], start: int, end: int) -> int:
    """Return where the noun phrase begins but for what weighs it: "racially motivated"."""
    before = text[start - 1] if start and not text[start].breaks else None
    if before and is_adverb(before.low) and text[start].low.endswith(("ed", "ing")):
        start = min(start + 1, end - 1)
    while start < end - 1 and is_pale(text[start]):
        start += 1
    return start


def _after_gerund(text: Sequence[Token], start: int, end: int) -> Iterator[Phrase]:
    """Yield "Rebuilding Ukraine"; verbs that go with everything name nothing."""
    at = start - 1
    if at < 0 or text[at].part is not Part.GERUND or text[start].breaks:
        return
    plain = base_form(text[at].low, lexicon.VERBS | lexicon.EITHER)
    whole = tuple(text[at:end])
    if plain is None and len(whole) <= 3 and fits(whole):
        yield Phrase(tokens=whole, at=at, opens=True, closes=True, gerund=True)


def _joins(between: Sequence[Token], following: Token) -> bool:
    if not between or following.breaks or any(each.breaks for each in between):
        return False
    return between[0].low in lexicon.JOINING and (
        len(between) == 1 or (len(between) == 2 and between[1].low in ("the", "a", "an"))
    )


def _across(text: Sequence[Token], start: int, end: int, last: int) -> Iterator[Phrase]:
    """Yield noun phrases and the small words between them: "War in Ukraine"."""
    if _is_parted(text, last) or (text[end].low in ("and", "or") and text[end - 1].possessive):
        return
    first = _past_pale(text, start, end)
    subject = _is_subject(text, start)
    definite = text[end + 1].low == "the"
    for a in range(start, end):
        whole = tuple(text[a:last])
        if len(whole) <= MOST_WORDS and not _splits(text, a) and fits(whole):
            yield Phrase(
                tokens=whole,
                at=a,
                opens=a <= first,
                closes=True,
                joined=True,
                subject=subject,
                oblique=not subject and _is_oblique(text, start),
                acts=a <= first and _is_actor(text, start, last),
                unfinished=_goes_on(text, last) or (definite and _is_attributed(text, last)),
                placed=text[end].low in _PLACING and (text[last - 1].proper or definite),
            )


_PLACING = ("in", "on", "at", "from")


def _is_attributed(text: Sequence[Token], end: int) -> bool:
    """Tell whether more is said of a noun: "the war" before "in Ukraine"."""
    return end < len(text) and not text[end].breaks and text[end].low in lexicon.JOINING - {"and"}


def fits(words: Sequence[Token]) -> bool:
    """Tell whether *words* keep the form of a label."""
    ends = (words[0], words[-1])
    return (
        not any(is_research(each) or len(each.text) > LONGEST_WORD for each in words)
        and not any(each.low in lexicon.FUNCTION and each.text != "US" for each in ends)
        and words[-1].low not in lexicon.PALE
        and not INITIAL.fullmatch(words[-1].text)
        and not is_pale(words[0])
        and not (words[0].possessive and words[0].low in lexicon.CALENDAR)
        and any(names(each) and each.low not in lexicon.HOME for each in words)
        and any(letter.isalpha() for letter in words[0].text)
    )


def names(word: Token) -> bool:
    """Tell whether *word* names something: no number, date, research or vague word."""
    return (
        word.part in (Part.NAMING, Part.GERUND)
        and word.low not in lexicon.CALENDAR
        and _has_letters(word.text)
        and not is_research(word)
        and not is_vague(word)
    )


def _has_letters(text: str) -> bool:
    """Tell whether there are two letters at least."""
    return len(text) > 1 if text.isalpha() else sum(map(str.isalpha, text)) > 1


_ORDINAL = re.compile(r"\d+(?:st|nd|rd|th)")


def is_pale(word: Token) -> bool:
    """Tell whether *word* only weighs or counts what follows: "new", "31st"; not "New York"."""
    counts = word.low in lexicon.NUMBERS or bool(_ORDINAL.fullmatch(word.low))
    return not word.name and not word.quoted and (word.low in lexicon.PALE or counts)


def is_adjective(word: Token) -> bool:
    """Tell an adjective by its ending; names are none."""
    return word.low.endswith(lexicon.ADJECTIVAL) and not word.proper and not word.possessive


def is_research(word: Token) -> bool:
    """Tell whether *word* names research or who does it, not its subject: report, analyst."""
    return base_form(word.low, lexicon.RESEARCH) is not None


def is_vague(word: Token) -> bool:
    """Tell whether *word* needs another beside it to name a subject."""
    return word.low in lexicon.PALE or base_form(word.low, lexicon.VAGUE) is not None
