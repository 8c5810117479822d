"""Which themes make the headline: the lead's first, then what weighs most."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace

from digest.model import Evidence, Publication, Theme
from digest.model.settings import Ranking
from digest.themes import lexicon
from digest.themes.background import Background, Counted, background
from digest.themes.forms import akin, stem
from digest.themes.grouping import Vector, centrality, groups, merged, vector
from digest.themes.labels import Label, Reading, read
from digest.themes.phrases import names
from digest.themes.tagging import stems
from digest.themes.wording import phrase

#: So many themes make a headline, and so many are found to choose from.
IN_HEADLINE, MOST = 3, 8
#: Characters that a headline's labels may take, and what each label still to come is sure of.
ROOM, SURE = 90, 20
#: So many issues back a theme is one that readers have just had.
REMEMBERED = 4
#: The first label of a headline ends by then, where it can.
FIRST_ENDS = 40
#: Words that the labels of a headline have at most, where one of these is nearly as good.
TAPER = (5, 4, 3)
NEARLY = 0.6
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


@dataclass(frozen=True, slots=True, kw_only=True)
class Wishes:
    """What editors want of the themes, by publications; `digest.model.Edits` says more."""

    #: Labels that an editor wrote, by the publication that leads the theme: such a theme is
    #: in the headline.
    labels: Mapping[int, str] = field(default_factory=dict)
    pins: Sequence[int] = ()
    drops: Sequence[int] = ()
    order: Sequence[int] = ()
    merges: Mapping[int, int] = field(default_factory=dict)
    splits: Sequence[int] = ()

    @property
    def leads(self) -> set[int]:
        """The publications that lead a theme because an editor named it by them."""
        return {*self.labels, *self.pins, *self.drops, *self.order, *self.splits}

    def wanted(self, lead: int) -> bool:
        return lead in self.labels or lead in self.pins

    def done(self, members: Sequence[int]) -> tuple[str, ...]:
        """Return what editors did to the theme of *members*, whose first leads it."""
        lead = members[0]
        wished = {
            "renamed": lead in self.labels,
            "merged": any(self.merges.get(member) in members for member in members),
            "split": lead in self.splits,
            "moved": lead in self.order,
            "pinned": lead in self.pins,
        }
        return tuple(name for name, true in wished.items() if true)


@dataclass(slots=True)
class _Subject:
    """A group of publications on the way to a theme."""

    readings: list[Reading]
    place: int
    #: Parts of its weight, whatever its label.
    parts: dict[str, float]
    #: Best first.
    labels: list[Label]
    human: str | None

    @property
    def id(self) -> int:
        return self.readings[0].publication.id

    @property
    def members(self) -> tuple[int, ...]:
        return tuple(reading.publication.id for reading in self.readings)

    def best(self, taken: frozenset[str], room: int) -> Label | None:
        """
        Return the best label of at most *room* characters without a word akin to *taken*.

        The lead's may take half of the headline if it has none as short as that.
        """
        for most in (room, ROOM // 2) if self.place == 0 else (room,):
            fitting = (each for each in self.labels if len(each.text) <= most)
            if label := next((each for each in fitting if not each.shares(taken)), None):
                return label
        return None

    def brief(self, label: Label, most: int, taken: frozenset[str]) -> Label:
        """Return *label*, or one of two to *most* words that is nearly as good and no stump."""
        if len(label.phrase.tokens) <= most:
            return label
        for each in self.labels:
            if each.score < NEARLY * label.score:
                break
            fits = 1 < len(each.phrase.tokens) <= most and len(each.text) < len(label.text)
            whole = each.phrase.opens and each.phrase.closes and "unfinished" not in each.parts
            if fits and whole and not each.shares(taken):
                return each
        return label


@dataclass(frozen=True, slots=True)
class _Bid:
    """A subject with the label it would have, and what the two together weigh, in parts."""

    subject: _Subject
    label: Label | None
    parts: Mapping[str, float]

    @property
    def text(self) -> str:
        return self.subject.human or (self.label.text if self.label else "")

    @property
    def value(self) -> float:
        return sum(self.parts.values())


def find(
    publications: Sequence[Publication],
    *,
    history: Sequence[Publication] | Counted = (),
    worth: Mapping[int, float] | None = None,
    wishes: Wishes | None = None,
    weights: Ranking | None = None,
    past: Sequence[Sequence[str]] = (),
    own: str = "",
) -> Found:
    """
    Return the themes of *publications*, which stand in the order of the issue.

    The first is that of the first publication, if its words allow a label, unless *wishes*
    say otherwise. *history* are earlier publications, or what was counted of them before, in
    which some of *publications* may be. *worth* is a publication's weight (default 0). *past*
    are the labels of earlier issues, the newest first: what the last of them spoke of is less
    of a theme now. The words of *own*, the newsletter's title, hardly name a theme of it. No
    two labels share a content word, unless editors want it so, and together they keep within
    `ROOM`. Wishes for unknown publications say nothing. Without a usable word there is no
    theme, and never an exception.
    """
    known = background(publications, history=history, own=own)
    remembered = [stems(", ".join(said)) for said in past[:REMEMBERED]]
    rules = _Rules(wishes or Wishes(), weights or Ranking(), tuple(remembered))
    subjects = _subjects(publications, known, worth or {}, rules)
    bids = _picked(subjects, rules)
    ordered = list(rules.wishes.order)

    def place(bid: _Bid) -> tuple[int, int]:
        lead = bid.subject.id
        return (ordered.index(lead) if lead in ordered else len(ordered), bid.subject.place)

    def themes(bids: Sequence[_Bid]) -> tuple[Theme, ...]:
        return tuple(_theme(each, known, rules.wishes) for each in bids)

    headline = _tapered(sorted(bids[:IN_HEADLINE], key=place))
    return Found(themes=themes(headline), others=themes(bids[IN_HEADLINE:]))


@dataclass(frozen=True, slots=True)
class _Rules:
    """What decides between subjects."""

    wishes: Wishes
    weights: Ranking
    #: The words of the last issues' labels, stemmed, the newest first.
    past: tuple[frozenset[str], ...] = ()

    def repeated(self, label: Label) -> float:
        """Return 1 if the last issue's labels had all words of this one, 0 if none had any."""
        shares = [
            (1 - age / REMEMBERED)
            * sum(any(akin(one, other) for other in said) for one in label.stems)
            for age, said in enumerate(self.past)
        ]
        return max(shares, default=0.0) / max(1, len(label.stems))


def label(
    publications: Sequence[Publication], *, history: Sequence[Publication] | Counted = ()
) -> dict[int, str]:
    """Return the best label of each publication by itself; "" where its words allow none."""
    found = choices(publications, history=history)
    return {one: best[0].text if best else "" for one, best in found.items()}


def choices(
    publications: Sequence[Publication], *, history: Sequence[Publication] | Counted = ()
) -> dict[int, list[Label]]:
    """Return all labels that each publication's words allow, best first, by its id."""
    known = background(publications, history=history)
    return {each.id: list(read(each, known).labels) for each in publications}


def _subjects(
    publications: Sequence[Publication],
    known: Background,
    worth: Mapping[int, float],
    rules: _Rules,
) -> list[_Subject]:
    readings = [read(each, known) for each in publications]
    vectors = [vector(reading, known) for reading in readings]
    central = centrality(vectors)

    def weight(member: int) -> float:
        return worth.get(publications[member].id, 0.0)

    def parts(group: Sequence[int]) -> dict[str, float]:
        best = max(
            group, key=lambda one: (weight(one) + rules.weights.central * central[one], -one)
        )
        return {
            "item": weight(best),
            "central": rules.weights.central * central[best],
            "company": rules.weights.company * (len(group) - 1),
        }

    return [
        _Subject(
            readings=[readings[member] for member in group],
            place=group[0],
            parts=parts(group),
            labels=_labels([readings[member] for member in group]),
            human=rules.wishes.labels.get(publications[group[0]].id),
        )
        for group in _grouped(publications, vectors, rules.wishes)
    ]


def _grouped(
    publications: Sequence[Publication], vectors: Sequence[Vector], wishes: Wishes
) -> list[list[int]]:
    """Return the places of the publications in groups, as editors want them."""
    places = {each.id: place for place, each in enumerate(publications)}
    apart = {places[one] for one in wishes.leads if one in places}
    merges = [
        (places[one], places[other])
        for one, other in sorted(wishes.merges.items())
        if one in places and other in places
    ]
    return merged(groups(vectors, apart=apart), merges)


def _labels(group: Sequence[Reading]) -> list[Label]:
    """Return the lead's labels; what the others say too stands for the group."""
    others = [reading.standing for reading in group[1:]]
    return sorted(
        group[0].labels,
        key=lambda each: (-each.score * _company(each, others), each.text),
    )


def _company(label: Label, others: Sequence[Mapping[str, float]]) -> float:
    if not others:
        return 1.0
    words = [stem(each.text) for each in label.phrase.content]
    shared = sum(word in other for word in words for other in others)
    return 1 + shared / (len(words) * len(others))


def _picked(subjects: Sequence[_Subject], rules: _Rules) -> list[_Bid]:
    """Return subjects with labels that share no word: editors' first, the lead's, the best."""
    dropped = set(rules.wishes.drops)
    subjects = [each for each in subjects if each.id not in dropped]
    picked = _wished(subjects, rules)
    done = {each.subject.id for each in picked}
    waiting = [each for each in subjects if each.id not in done]
    taken = frozenset(word for each in picked for word in stems(each.text))
    while waiting and len(picked) < max(MOST, len(done)):
        room = _room(picked)
        bids = [_bid(each, label, rules) for each in waiting if (label := each.best(taken, room))]
        if not bids:
            break
        leads = bids[0].subject.place == 0
        bid = bids[0] if leads else max(bids, key=lambda each: (each.value, -each.subject.place))
        picked.append(bid)
        waiting.remove(bid.subject)
        taken |= bid.label.stems if bid.label and not bid.subject.human else stems(bid.text)
    return picked


def _tapered(headline: Sequence[_Bid]) -> list[_Bid]:
    """Return the headline with labels that get shorter along it, where nearly as good ones do."""
    tapered = list(headline)
    for n, (bid, most) in enumerate(zip(headline, TAPER, strict=False)):
        if bid.label and not bid.subject.human:
            others = [stems(each.text) for each in tapered if each.subject is not bid.subject]
            taken = frozenset().union(*others)
            tapered[n] = replace(bid, label=bid.subject.brief(bid.label, most, taken))
    return tapered


def _wished(subjects: Sequence[_Subject], rules: _Rules) -> list[_Bid]:
    """Return those that editors want: the labels they wrote, then the pins' best labels."""
    wanted = [each for each in subjects if rules.wishes.wanted(each.id)]
    taken = frozenset(word for each in wanted for word in stems(each.human or ""))
    picked = []
    for subject in sorted(wanted, key=lambda each: not each.human):
        label = None
        if not subject.human and subject.labels:
            # A pin beats variety.
            label = subject.best(taken, ROOM) or subject.labels[0]
            taken |= label.stems
        if subject.human or label:
            picked.append(_bid(subject, label, rules))
    return picked


def _room(picked: Sequence[_Bid]) -> int:
    """Return how long the next label may be."""
    if not picked:
        return FIRST_ENDS
    shown = [each.text for each in picked[:IN_HEADLINE]]
    if len(shown) == IN_HEADLINE:  # one that may stand instead of the last
        return max(SURE, ROOM - sum(len(text) + 2 for text in shown[:-1]))
    to_come = IN_HEADLINE - len(shown) - 1
    return max(SURE, ROOM - sum(len(text) + 2 for text in shown) - to_come * (SURE + 2))


def _bid(subject: _Subject, label: Label | None, rules: _Rules) -> _Bid:
    """Return the subject under *label* with the parts of its weight; what is 0 is no part."""
    weights, parts = rules.weights, dict(subject.parts)
    if label:
        parts["label"] = weights.label * _strength(label)
        telling = [each for each in label.phrase.content if each.low not in lexicon.HOME]
        parts["phrase"] = weights.phrase * (len(telling) > 1)
        parts["second choice"] = -weights.second_choice * (label is not subject.labels[0])
        parts["repeated"] = -weights.repeated * rules.repeated(label)
    return _Bid(subject, label, {name: value for name, value in parts.items() if value})


def _strength(label: Label | None) -> float:
    return label.score / (label.score + HALF_STRENGTH) if label else 0.0


def _theme(bid: _Bid, known: Background, wishes: Wishes) -> Theme:
    subject, label, text = bid.subject, bid.label, bid.text
    return Theme(
        label=text,
        publications=subject.members,
        phrase=phrase(subject.readings[0], label, known.casing)
        if label and not subject.human
        else text,
        evidence=Evidence(
            terms=_terms(subject, label, known),
            strength=round(_strength(label), 2),
            parts={name: round(part, 3) for name, part in bid.parts.items() if round(part, 3)},
        ),
        human=subject.human is not None,
        edited=wishes.done(subject.members),
    )


def _terms(subject: _Subject, label: Label | None, known: Background) -> tuple[str, ...]:
    """Return the words that weigh most: those the publications share, else the lead's own."""
    forms: dict[str, str] = {}
    for reading in subject.readings:
        for _, text in reading.fields:
            for each in text:
                if names(each):
                    shown = each.text if known.casing.is_name(each) else each.text.lower()
                    forms.setdefault(stem(each.text), shown)
    inside = {stem(each.text) for each in label.phrase.content} if label else set()

    def weight(word: str) -> tuple[float, str]:
        standing = sum(reading.naming.get(word, 0.0) for reading in subject.readings)
        return (-standing * known.rarity(word) * (2 if word in inside else 1), word)

    return tuple(forms[word] for word in sorted(forms, key=weight)[:MOST_TERMS])
