"""Which themes make the headline: the lead's first, then what weighs most."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from digest.model import Evidence, Publication, Theme
from digest.themes.casing import Casing
from digest.themes.grouping import centrality, groups, vector
from digest.themes.labels import Background, Label, Reading, labels
from digest.themes.phrases import names
from digest.themes.wording import phrase
from digest.themes.words import stem, stems

#: So many themes make a headline, and so many are found to choose from.
IN_HEADLINE, MOST = 3, 8
#: What a label's strength, likeness to all other publications, each further one of its own
#: and a label of more than a bare name add to a theme's worth.
STRENGTH, CENTRALITY, COMPANY, SPECIFIC = 0.6, 1.0, 0.1, 0.1
#: What a theme loses whose own name another theme has taken: its subject is already there.
REPEATED = 0.25
#: Characters that a headline's labels may take, and what each label still to come is sure of.
ROOM, SURE = 90, 20
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
    #: Best first.
    labels: list[Label]
    human: str | None

    @property
    def id(self) -> int:
        return self.readings[0].publication.id

    def best(self, taken: frozenset[str], room: int) -> Label | None:
        """Return the best label of at most *room* characters without a word akin to *taken*."""
        fitting = (each for each in self.labels if len(each.text) <= room)
        return next((each for each in fitting if not each.shares(taken)), None)


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
    want it so, and together they keep within `ROOM`. Without a usable word there is no
    theme, and never an exception.
    """
    background = Background([*history, *publications])
    casing = Casing([*publications, *history])
    subjects = _subjects(publications, background, worth or {}, chosen or {})
    themes = [_theme(*picked, background, casing) for picked in _picked(subjects)]
    places = {subject.id: subject.place for subject in subjects}
    first = sorted(themes[:IN_HEADLINE], key=lambda theme: places[theme.publications[0]])
    return Found(themes=tuple(first), others=tuple(themes[IN_HEADLINE:]))


def label(
    publications: Sequence[Publication], *, history: Sequence[Publication] = ()
) -> dict[int, str]:
    """Return the best label of each publication by itself; "" where its words allow none."""
    background = Background([*history, *publications])
    best = {each.id: labels(Reading(each), background) for each in publications}
    return {one: found[0].text if found else "" for one, found in best.items()}


def _subjects(
    publications: Sequence[Publication],
    background: Background,
    worth: Mapping[int, float],
    chosen: Mapping[int, str],
) -> list[_Subject]:
    readings = [Reading(each) for each in publications]
    vectors = [vector(reading, background) for reading in readings]
    apart = {place for place, each in enumerate(publications) if each.id in chosen}
    central = centrality(vectors)
    return [
        _Subject(
            readings=[readings[member] for member in group],
            place=group[0],
            worth=max(
                worth.get(publications[member].id, 0.0) + CENTRALITY * central[member]
                for member in group
            ),
            labels=_labels([readings[member] for member in group], background),
            human=chosen.get(publications[group[0]].id),
        )
        for group in groups(vectors, apart=apart)
    ]


def _labels(group: Sequence[Reading], background: Background) -> list[Label]:
    """Return the lead's labels; what the others say too stands for the group."""
    others = [reading.standing for reading in group[1:]]
    return sorted(
        labels(group[0], background),
        key=lambda each: (-each.score * _company(each, others), each.text),
    )


def _company(label: Label, others: Sequence[Mapping[str, float]]) -> float:
    if not others:
        return 1.0
    words = [stem(each.text) for each in label.phrase.content]
    shared = sum(word in other for word in words for other in others)
    return 1 + shared / (len(words) * len(others))


def _picked(subjects: Sequence[_Subject]) -> list[tuple[_Subject, Label | None]]:
    """Return subjects with labels that share no word: editors' first, the lead's, the best."""
    written = [each for each in subjects if each.human]
    waiting = [each for each in subjects if not each.human]
    picked: list[tuple[_Subject, Label | None]] = [(each, None) for each in written]
    taken = frozenset(word for each in written for word in stems(each.human or ""))
    while waiting and len(picked) < max(MOST, len(written)):
        room = _room(picked)
        bids = [(each, label) for each in waiting if (label := each.best(taken, room))]
        if not bids:
            break
        leads = bids[0][0].place == 0
        subject, label = bids[0] if leads else max(bids, key=lambda b: (_value(*b), -b[0].place))
        picked.append((subject, label))
        waiting.remove(subject)
        taken |= label.stems
    return picked


def _room(picked: Sequence[tuple[_Subject, Label | None]]) -> int:
    """Return how long the next label may be."""
    shown = [each.human or (label.text if label else "") for each, label in picked[:IN_HEADLINE]]
    if len(shown) == IN_HEADLINE:
        return ROOM // IN_HEADLINE
    to_come = IN_HEADLINE - len(shown) - 1
    return max(SURE, ROOM - sum(len(text) + 2 for text in shown) - to_come * (SURE + 2))


def _value(subject: _Subject, label: Label) -> float:
    company = COMPANY * (len(subject.readings) - 1)
    repeated = REPEATED if label is not subject.labels[0] else 0.0
    specific = SPECIFIC if len(label.phrase.content) > 1 else 0.0
    return subject.worth + STRENGTH * _strength(label) + company + specific - repeated


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
