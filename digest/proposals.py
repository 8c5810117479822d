"""
What past issues suggest: plain proposals from what editors did, each with its evidence.

Nothing is learned silently. A proposal is a sentence and the weeks behind it; a person accepts
or refuses it, and only an accepted one changes what the rules do, until it is taken back.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

from digest.model import Candidate, Edits, Publication
from digest.model.settings import NewsletterSettings

#: Weeks in a row in which all of a kind or topic were taken out before it is asked about.
WEEKS_OUT = 4

#: Items of a topic that were moved up, and in how many weeks, before it is asked about.
MOVES_UP = 5
WEEKS_UP = 3

#: What one accepted proposal adds to a topic's weight.
WEIGHT_STEP = 0.1

Change = Literal["exclude-kind", "exclude-topic", "weight-topic"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Week:
    """A past issue: what there was, what editors did with it."""

    #: The issue's key, ``2023-09-22``.
    key: str
    candidates: Sequence[Candidate]
    publications: Mapping[int, Publication]
    edits: Edits


@dataclass(frozen=True, slots=True, kw_only=True)
class Evidence:
    """One act of an editor behind a proposal."""

    week: str
    title: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Proposal:
    """Something to accept or refuse."""

    change: Change
    #: The kind or topic that it is about, as its publications write it.
    about: str
    #: The question as an editor reads it.
    sentence: str
    evidence: tuple[Evidence, ...]

    @property
    def key(self) -> str:
        """What makes it the same proposal next week: ``exclude-kind:podcast``."""
        return f"{self.change}:{self.about.casefold()}"


def proposals(weeks: Sequence[Week], newsletter: NewsletterSettings) -> tuple[Proposal, ...]:
    """
    Return what *weeks*, the oldest first, suggest for *newsletter*; strongest evidence first.

    What the newsletter's rules do already is not proposed. The same weeks give the same
    proposals in the same order.
    """
    found = [
        *_left_out(weeks, "exclude-kind", _kind, newsletter.exclude.kinds),
        *_left_out(weeks, "exclude-topic", _topics, newsletter.exclude.topics),
        *_moved_up(weeks, newsletter),
    ]
    return tuple(sorted(found, key=lambda each: (-len(each.evidence), each.key)))


# --- taken out again and again ------------------------------------------------------------


def _kind(publication: Publication) -> tuple[str, ...]:
    return (publication.kind,) if publication.kind else ()


def _topics(publication: Publication) -> tuple[str, ...]:
    return tuple(publication.topics)


def _left_out(
    weeks: Sequence[Week],
    change: Change,
    named: Callable[[Publication], tuple[str, ...]],
    already: Iterable[str],
) -> Iterator[Proposal]:
    known = {each.casefold() for each in already}
    streaks: dict[str, list[list[Evidence]]] = defaultdict(list)
    names = {
        name.casefold(): name
        for week in weeks
        for each in week.publications.values()
        for name in named(each)
    }
    for week in weeks:
        for name, (out, stayed) in _fates(week, named).items():
            if stayed:
                streaks[name].clear()
            else:
                streaks[name].append(out)
    for key, streak in streaks.items():
        if len(streak) >= WEEKS_OUT and key not in known:
            evidence = tuple(each for week in streak for each in week)
            yield Proposal(
                change=change,
                about=names[key],
                sentence=f"“{names[key]}” was taken out {len(streak)} weeks running: "
                "exclude it from now on?",
                evidence=evidence,
            )


def _fates(
    week: Week, named: Callable[[Publication], tuple[str, ...]]
) -> dict[str, tuple[list[Evidence], int]]:
    """Return by name what editors took out that the rules would have had in, and what stayed."""
    fates: dict[str, tuple[list[Evidence], int]] = {}
    for candidate in week.candidates:
        publication = week.publications.get(candidate.publication)
        taken_out = candidate.publication in week.edits.exclusions
        if publication is None or not (taken_out or candidate.included):
            continue
        for name in {each.casefold() for each in named(publication)}:
            out, stayed = fates.get(name, ([], 0))
            if taken_out:
                out = [*out, Evidence(week=week.key, title=candidate.title)]
            fates[name] = (out, stayed + (not taken_out))
    return fates


# --- moved up again and again -------------------------------------------------------------


def _moved_up(weeks: Sequence[Week], newsletter: NewsletterSettings) -> Iterator[Proposal]:
    moves: dict[str, list[Evidence]] = defaultdict(list)
    names: dict[str, str] = {}
    for week in weeks:
        for candidate in _risen(week):
            publication = week.publications.get(candidate.publication)
            for topic in publication.topics if publication else ():
                names[topic.casefold()] = topic
                moves[topic.casefold()].append(Evidence(week=week.key, title=candidate.title))
    for key, evidence in moves.items():
        if len(evidence) >= MOVES_UP and len({each.week for each in evidence}) >= WEEKS_UP:
            weight = _weight(newsletter.weights, names[key])
            yield Proposal(
                change="weight-topic",
                about=names[key],
                sentence=f"Items on “{names[key]}” were moved up {len(evidence)} times: "
                f"raise the topic’s weight from {weight:g} to {weight + WEIGHT_STEP:g}?",
                evidence=tuple(evidence),
            )


def _risen(week: Week) -> list[Candidate]:
    """Return the items that stood higher in the mail than their scores alone would put them."""
    included = [each for each in week.candidates if each.included and each.rank]
    by_score = sorted(included, key=lambda each: -sum(each.score.values()))
    due = {each.publication: place for place, each in enumerate(by_score, 1)}
    by_hand = {*week.edits.order, *week.edits.pins}
    return [
        each
        for each in included
        if each.publication in by_hand and (each.rank or 0) < due[each.publication]
    ]


# --- what an accepted proposal does -------------------------------------------------------


def applied(
    newsletter: NewsletterSettings, accepted: Iterable[tuple[str, str]]
) -> NewsletterSettings:
    """Return the newsletter's rules with the *accepted* (change, about) laid over them."""
    kinds, topics = list(newsletter.exclude.kinds), list(newsletter.exclude.topics)
    weights = dict(newsletter.weights)
    for change, about in accepted:
        if change == "exclude-kind":
            kinds.append(about)
        elif change == "exclude-topic":
            topics.append(about)
        elif change == "weight-topic":
            raised = _weight(weights, about) + WEIGHT_STEP
            weights = {name: each for name, each in weights.items() if not _same(name, about)}
            weights[about] = raised
    exclude = newsletter.exclude.model_copy(
        update={"kinds": tuple(dict.fromkeys(kinds)), "topics": tuple(dict.fromkeys(topics))}
    )
    return newsletter.model_copy(update={"exclude": exclude, "weights": weights})


def _weight(weights: Mapping[str, float], topic: str) -> float:
    return next((each for name, each in weights.items() if _same(name, topic)), 1.0)


def _same(one: str, other: str) -> bool:
    return one.casefold() == other.casefold()
