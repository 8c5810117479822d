"""What a mail looks like."""

from __future__ import annotations

from typing import Literal, Self

from pydantic import model_validator

from digest.model.colours import CONTRAST, contrast, legible
from digest.model.settings.values import (
    Color,
    FontNames,
    Picture,
    Strict,
    Text,
    UtmTag,
)


class Palette(Strict):
    """The colours of paper and ink, each as six digits in quotes."""

    #: What the text stands on.
    paper: Color = "#ffffff"
    #: What lies around the paper, and behind the footer.
    ground: Color = "#f6f5f2"
    #: Titles and text.
    ink: Color = "#1f2226"
    #: The lead and summaries.
    soft: Color = "#3d4046"
    #: Dates, credits, the footer.
    quiet: Color = "#5d5f63"
    #: Rules and frames.
    line: Color = "#dfdcd5"
    #: Labels and links; none: `look.accent`.
    accent: Color | None = None

    @model_validator(mode="after")
    def _can_be_read(self) -> Self:
        for name, on in (("ink", "paper"), ("soft", "paper"), ("quiet", "paper")):
            _readable(name, getattr(self, name), on, getattr(self, on))
        _readable("quiet", self.quiet, "ground", self.ground)
        if self.accent:
            _readable("accent", self.accent, "paper", self.paper)
        return self


class DarkPalette(Palette):
    """The same, where a reader's device is set to dark."""

    #: What the text stands on.
    paper: Color = "#1d2025"
    #: What lies around the paper, and behind the footer.
    ground: Color = "#14161a"
    #: Titles and text.
    ink: Color = "#e9e6e1"
    #: The lead and summaries.
    soft: Color = "#cfccc6"
    #: Dates, credits, the footer.
    quiet: Color = "#a6a39d"
    #: Rules and frames.
    line: Color = "#353941"
    #: Labels and links; none: `look.accent`, as light as it must be.
    accent: Color | None = None


def _readable(name: str, colour: str, ground_name: str, ground: str) -> None:
    found = contrast(colour, ground)
    if found < CONTRAST:
        raise ValueError(
            f"{name} {colour} on {ground_name} {ground} has a contrast of {found:.1f}:1; "
            f"WCAG AA asks for {CONTRAST}:1, which {legible(colour, ground)} has"
        )


class Fonts(Strict):
    """Fonts that readers have already, best first; none is ever loaded for a mail."""

    #: Of titles and the masthead.
    headings: FontNames = "Georgia, Charter, serif"
    #: Of everything else.
    text: FontNames = "-apple-system, BlinkMacSystemFont, 'Segoe UI', Helvetica, Arial, sans-serif"


class Look(Strict):
    """What the mail looks like; the rest is in the templates."""

    #: ``compact`` shows fewer pictures, ``text`` none.
    layout: Literal["cards", "compact", "text"] = "cards"
    #: The colour of labels and links, as six digits in quotes.
    accent: Color = "#6b2c91"
    #: Colours by day.
    light: Palette = Palette()
    #: Colours by night.
    dark: DarkPalette = DarkPalette()
    #: Of titles and text.
    fonts: Fonts = Fonts()
    #: A picture in the masthead, shown 160 pixels wide: an http(s) address, or a PNG, JPEG or
    #: GIF beside config.yaml, which `digest serve` then shows under `public_url`.
    logo: Picture | None = None
    #: A picture above the masthead, as wide as the mail: 600 pixels.
    header: Picture | None = None
    #: Publications' pictures: ``linked`` where they are; ``hosted`` copies them, made small
    #: and in a form that every client shows, to `digest serve` under `public_url` (needs the
    #: extra `pictures`); ``never`` shows none.
    pictures: Literal["linked", "hosted", "never"] = "linked"
    #: A sentence of one's own in the footer.
    footer: Text = ""

    @model_validator(mode="after")
    def _accent_can_be_read(self) -> Self:
        if self.light.accent is None:
            _readable("accent", self.accent, "paper", self.light.paper)
        return self


class Utm(Strict):
    """What the publisher's own statistics read in the links; the same for every reader."""

    #: ``utm_source``.
    source: UtmTag
    #: ``utm_medium``.
    medium: UtmTag = "email"
    #: ``utm_campaign``; none: the issue's key.
    campaign: UtmTag | None = None
