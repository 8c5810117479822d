"""Publications about the same thing: cosine of their words, weighed by rarity."""

from __future__ import annotations

import math
from collections.abc import Collection, Sequence

from digest.themes.labels import Background, Reading

#: From this likeness on two publications are about the same thing.
ALIKE = 0.28


def groups(
    readings: Sequence[Reading], background: Background, *, apart: Collection[int] = ()
) -> list[list[Reading]]:
    """
    Return *readings* in groups of the same subject, each led by its first.

    The order is that of the leads; a reading joins the first group whose lead it is
    most like, so a chain of half-likes does not become one theme. The publications of
    *apart* lead groups of their own.
    """
    found: list[list[Reading]] = []
    for reading in readings:
        near = [(likeness(group[0], reading, background), -n) for n, group in enumerate(found)]
        likest, place = max(near, default=(0.0, 0))
        if likest >= ALIKE and reading.publication.id not in apart:
            found[-place].append(reading)
        else:
            found.append([reading])
    return found


def likeness(one: Reading, other: Reading, background: Background) -> float:
    """Return the cosine, 0 to 1, of two publications' words."""
    a, b = weights(one, background), weights(other, background)
    shared = sum(a[word] * b[word] for word in a.keys() & b.keys())
    length = math.sqrt(sum(x * x for x in a.values()) * sum(x * x for x in b.values()))
    return shared / length if length else 0.0


def weights(reading: Reading, background: Background) -> dict[str, float]:
    """Return how much each naming word stands for the publication; the title counts double."""
    return {word: n * background.rarity(word) for word, n in reading.naming.items()}
