"""Publications about the same thing: cosine of their words, weighed by rarity."""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Collection, Mapping, Sequence

from digest.themes.background import Background
from digest.themes.labels import Reading

#: From this likeness on two publications are about the same thing.
ALIKE = 0.28

#: A publication's words, weighed; of length 1, or empty.
Vector = Mapping[str, float]


def vector(reading: Reading, background: Background) -> Vector:
    """Return how much each naming word stands for the publication (TF-IDF, unit length)."""
    weights = {word: n * background.rarity(word) for word, n in reading.naming.items()}
    length = math.sqrt(sum(weight * weight for weight in weights.values()))
    return {word: weight / length for word, weight in weights.items()} if length else {}


def groups(vectors: Sequence[Vector], *, apart: Collection[int] = ()) -> list[list[int]]:
    """
    Return the places of *vectors* in groups of the same subject, each led by its first.

    The order is that of the leads; each joins the group whose lead it is most like, the
    earlier one among equals, so a chain of half-likes does not become one theme. Those
    of *apart* lead groups of their own.
    """
    found: list[list[int]] = []
    leads: defaultdict[str, list[tuple[int, float]]] = defaultdict(list)
    for place, own in enumerate(vectors):
        likeness: defaultdict[int, float] = defaultdict(float)
        for word, weight in own.items():
            for group, other in leads[word]:
                likeness[group] += weight * other
        likest = min(likeness, key=lambda group: (-likeness[group], group), default=None)
        if likest is not None and likeness[likest] >= ALIKE and place not in apart:
            found[likest].append(place)
            continue
        for word, weight in own.items():
            leads[word].append((len(found), weight))
        found.append([place])
    return found


def merged(found: Sequence[list[int]], merges: Sequence[tuple[int, int]]) -> list[list[int]]:
    """
    Return the groups *found* after each (place, other place) of *merges* joined, in turn.

    A lead brings its whole group, another member comes alone; the group that is joined
    keeps its lead.
    """
    groups = [list(group) for group in found]
    for place, other in merges:
        own = next(group for group in groups if place in group)
        joined = next(group for group in groups if other in group)
        if own is joined:
            continue
        coming = list(own) if own[0] == place else [place]
        joined += coming
        own[:] = [member for member in own if member not in coming]
        groups = [group for group in groups if group]
    return groups


def centrality(vectors: Sequence[Vector]) -> list[float]:
    """Return each publication's mean likeness to the others: what the week keeps coming to."""
    total: defaultdict[str, float] = defaultdict(float)
    for each in vectors:
        for word, weight in each.items():
            total[word] += weight
    others = max(1, len(vectors) - 1)
    return [
        (sum(weight * total[word] for word, weight in each.items()) - bool(each)) / others
        for each in vectors
    ]
