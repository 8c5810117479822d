"""The newsletter's accent, made legible on paper and in the dark (WCAG 2.2, 1.4.3)."""

from __future__ import annotations

#: Text against its ground.
CONTRAST = 4.5


def legible(colour: str, ground: str) -> str:
    """Return *colour* (``#rrggbb``), moved towards black or white until it reads on *ground*."""
    goal = "#000000" if _luminance(ground) > 0.5 else "#ffffff"
    for twentieth in range(21):
        mixed = _mixed(colour, goal, twentieth / 20)
        if contrast(mixed, ground) >= CONTRAST:
            return mixed
    return goal


def contrast(one: str, other: str) -> float:
    """Return the contrast ratio of two colours, 1 to 21."""
    lighter, darker = sorted((_luminance(one), _luminance(other)), reverse=True)
    return (lighter + 0.05) / (darker + 0.05)


def _channels(colour: str) -> tuple[int, int, int]:
    return int(colour[1:3], 16), int(colour[3:5], 16), int(colour[5:7], 16)


def _mixed(colour: str, goal: str, part: float) -> str:
    pairs = zip(_channels(colour), _channels(goal), strict=True)
    return "#" + "".join(f"{round(a + (b - a) * part):02x}" for a, b in pairs)


def _luminance(colour: str) -> float:
    def linear(channel: int) -> float:
        part = channel / 255
        return part / 12.92 if part <= 0.04045 else ((part + 0.055) / 1.055) ** 2.4

    red, green, blue = (linear(channel) for channel in _channels(colour))
    return float(0.2126 * red + 0.7152 * green + 0.0722 * blue)
