"""Small charts: where each bar stands. The template draws them, beside a table that says it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

#: In the units of the drawing; it grows with its place on the page.
WIDTH, HEIGHT = 640, 120
GAP = 8
#: A bar of few values would look like a wall.
WIDEST = 72
#: What is more than nothing can be seen.
LEAST = 2.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Part:
    """A piece of a bar; *y* counts from the top."""

    kind: str
    value: int
    y: float
    height: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Bar:
    """One bar with its parts, the lowest first."""

    label: str
    x: float
    width: float
    total: int
    #: Where its top is.
    y: float
    parts: tuple[Part, ...]

    @property
    def middle(self) -> float:
        return self.x + self.width / 2


def bars(rows: Sequence[tuple[str, dict[str, int]]]) -> tuple[Bar, ...]:
    """
    Return a bar for each label, left to right, all to one scale.

    A row's dictionary gives the bar's parts by kind, from the ground upwards; a part of
    nothing is left out. No rows, no bars.
    """
    if not rows:
        return ()
    most = max((sum(parts.values()) for _, parts in rows), default=0) or 1
    step = min(WIDTH / len(rows), WIDEST + GAP)
    return tuple(
        _bar(label, parts, x=number * step, width=step - GAP, scale=HEIGHT / most)
        for number, (label, parts) in enumerate(rows)
    )


def _bar(label: str, parts: dict[str, int], *, x: float, width: float, scale: float) -> Bar:
    top, made = float(HEIGHT), []
    for kind, value in parts.items():
        if value <= 0:
            continue
        height = max(value * scale, LEAST)
        top -= height
        made.append(Part(kind=kind, value=value, y=round(top, 2), height=round(height, 2)))
    total = sum(value for value in parts.values() if value > 0)
    return Bar(
        label=label,
        x=round(x, 2),
        width=round(width, 2),
        total=total,
        y=round(top, 2),
        parts=tuple(made),
    )
