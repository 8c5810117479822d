"""Which themes make the headline: the lead's first, then what weighs most."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from digest.model import Evidence, Publication, Theme
from digest.themes.casing import Casing
from digest.themes.grouping import groups
from digest.themes.labels import Background, Label, Reading, labels
from digest.themes.phrases import names
from digest.themes.wording import phrase
from digest.themes.words import stem, stems

#: So many themes make a headline.
IN_HEADLINE = 3
#: What a label's strength and each further publication add to a theme's worth.
STRENGTH, COMPANY = 0.6, 0.1
#: A label of this score has strength one half.
HALF_STRENGTH = 2.5
MOST_TERMS = 4


@dataclass(frozen=True, slots=True, kw_only=True)
class Found:
    """The themes of a week."""

    #: For the headline, in the order of their leading items; at most `IN_HEADLINE`.
    themes: tuple[Theme, ...]
    #: Those that could have been in it, best first; they share no word with it.
    others: tuple[Theme, ...]


@dataclass(slots=True)
class _Subject:
    """A group of publications on the way to a theme."""

    readings: list[Reading]
    place: int
    worth: float
    labels: list[Label]
    human: str | None

    @property
    def id(self) -> int:
        return self.readings[0].publication.id

    def best(self, taken: frozenset[str]) -> Label | None:
        return next((each for each in self.labels if not each.shares(taken)), None)


def find(
    publications: Sequence[Publication],
    *,
    history: Sequence[Publication] = (),
    worth: Mapping[int, float] | None = None,
    chosen: Mapping[int, str] | None = None,
) -> Found:
    """
    Return the themes of *publications*, which stand in the order of the issue.

    The first is that of the first publication, if its words allow a label. *worth* is a
    publication's weight (default 0), *chosen* a label that an editor wrote, by the
    publication that leads the theme. No two labels share a content word, unless editors
    want it so. Without a usable word there is no theme, and never an exception.
    """
    background = Background([*history, *publications])
    casing = Casing([*publications, *history])
    readings = [Reading(each) for each in publications]
    subjects = [
        _subject(group, place, background, worth or {}, chosen or {})
        for place, group in enumerate(groups(readings, background, apart=(chosen or {}).keys()))
    ]
    picked = _picked(subjects)
    themes = [_theme(subject, label, background, casing) for subject, label in picked]
    first = themes[:IN_HEADLINE]
    places = {subject.id: subject.place for subject in subjects}
    return Found(
        themes=tuple(sorted(first, key=lambda theme: places[theme.publications[0]])),
        others=tuple(themes[IN_HEADLINE:]),
    )


def label(
    publications: Sequence[Publication], *, history: Sequence[Publication] = ()
) -> dict[int, str]:
    """Return the best label of each publication by itself; "" where its words allow none."""
    background = Background([*history, *publications])
    best = {each.id: labels(Reading(each), background) for each in publications}
    return {one: found[0].text if found else "" for one, found in best.items()}


def _subject(
    group: list[Reading],
    place: int,
    background: Background,
    worth: Mapping[int, float],
    chosen: Mapping[int, str],
) -> _Subject:
    lead = group[0].publication.id
    others = [reading.standing for reading in group[1:]]
    found = labels(group[0], background)
    # What the others say too stands for the group; what only the lead says, for itself.
    found.sort(key=lambda each: (-each.score * _company(each, others), each.text))
    return _Subject(
        readings=group,
        place=place,
        worth=max(worth.get(reading.publication.id, 0.0) for reading in group),
        labels=found,
        human=chosen.get(lead),
    )


def _company(label: Label, others: Sequence[Mapping[str, float]]) -> float:
    if not others:
        return 1.0
    words = [stem(each.text) for each in label.phrase.content]
    shared = sum(word in other for word in words for other in others)
    return 1 + shared / (len(words) * len(others))


def _picked(subjects: Sequence[_Subject]) -> list[tuple[_Subject, Label | None]]:
    """Return subjects with labels that share no word: editors' first, the lead's, the best."""
    picked: list[tuple[_Subject, Label | None]] = [
        (each, each.best(frozenset())) for each in subjects if each.human
    ]
    taken = frozenset(word for each in subjects if each.human for word in stems(each.human))
    waiting = [each for each in subjects if not each.human]
    if waiting and waiting[0].place == 0 and (label := waiting[0].best(taken)):
        picked.insert(0, (waiting.pop(0), label))
        taken |= label.stems
    while waiting:
        bids = [(each, label) for each in waiting if (label := each.best(taken))]
        if not bids:
            break
        subject, label = max(bids, key=lambda bid: (_value(*bid), -bid[0].place))
        picked.append((subject, label))
        waiting.remove(subject)
        taken |= label.stems
    return picked


def _value(subject: _Subject, label: Label) -> float:
    return subject.worth + STRENGTH * _strength(label) + COMPANY * (len(subject.readings) - 1)


def _strength(label: Label | None) -> float:
    return label.score / (label.score + HALF_STRENGTH) if label else 0.0


def _theme(subject: _Subject, label: Label | None, background: Background, casing: Casing) -> Theme:
    lead = subject.readings[0]
    text = subject.human or (label.text if label else "")
    return Theme(
        label=text,
        publications=tuple(reading.publication.id for reading in subject.readings),
        phrase=phrase(lead, label, casing) if label and not subject.human else text,
        evidence=Evidence(
            terms=_terms(subject, label, background, casing), strength=round(_strength(label), 2)
        ),
        human=subject.human is not None,
    )


def _terms(
    subject: _Subject, label: Label | None, background: Background, casing: Casing
) -> tuple[str, ...]:
    """Return the words that weigh most: those the publications share, else the lead's own."""
    forms: dict[str, str] = {}
    for reading in subject.readings:
        for _, text in reading.fields:
            for each in text:
                if names(each):
                    shown = each.text if casing.is_name(each) else each.text.lower()
                    forms.setdefault(stem(each.text), shown)
    inside = {stem(each.text) for each in label.phrase.content} if label else set()

    def weight(word: str) -> tuple[float, str]:
        standing = sum(reading.naming.get(word, 0.0) for reading in subject.readings)
        return (-standing * background.rarity(word) * (2 if word in inside else 1), word)

    return tuple(forms[word] for word in sorted(forms, key=weight)[:MOST_TERMS])
