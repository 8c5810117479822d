"""The newsletter's accent, made legible on paper and in the dark."""

from __future__ import annotations

from digest.model.colours import contrast, legible

#: The grounds of web.css that an accent stands on, in light and in dark.
_LIGHT = "#f6f5f2"
_DARK = "#1d2025"


def style(accent: str) -> str:
    """Return the style sheet that sets the accent (``#rrggbb``) for light and dark."""
    light, dark = legible(accent, _LIGHT), legible(accent, _DARK)
    return (
        f":root{{--accent:{light};--on-accent:{_against(light)}}}\n"
        "@media (prefers-color-scheme:dark){"
        f":root{{--accent:{dark};--on-accent:{_against(dark)}}}}}\n"
    )


def _against(colour: str) -> str:
    """Return the text colour that reads better on *colour*."""
    return max("#ffffff", "#14161a", key=lambda text: contrast(text, colour))
