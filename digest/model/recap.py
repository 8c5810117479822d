"""What an issue says, without looks; why it says so; and what editors changed."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import date, datetime

from digest.model.issue import Window
from digest.model.publication import Image


@dataclass(frozen=True, slots=True, kw_only=True)
class Candidate:
    """A publication considered for an issue, and the reason why it is in or out."""

    publication: int
    title: str
    included: bool
    #: 1 for the lead; None if out.
    rank: int | None = None
    #: One stable word for programs: ``lead``, ``chosen``, ``pinned``, ``late``; ``old``,
    #: ``after-close``, ``used``, ``kind``, ``topic``, ``word``, ``duplicate``, ``limit``,
    #: ``excluded``, ``hidden``, ``feed``; ``event``, which may be in or out.
    code: str
    #: The reason as an editor reads it.
    reason: str
    #: Named parts of the score, each already weighted; their sum is the score.
    score: dict[str, float] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class Evidence:
    """What made a theme: terms from the publications' own words, and how strong."""

    terms: tuple[str, ...] = ()
    #: 0 to 1.
    strength: float = 0.0
    #: Named parts of the theme's weight, each already weighted; their sum decides.
    parts: dict[str, float] = field(default_factory=dict)

    @property
    def reason(self) -> str:
        """The weight and its parts as an editor reads them: ``1.05 = item .65 + label .40``."""
        told = "".join(
            f" {'-' if value < 0 else '+'} {name} {abs(value):.2f}".replace(" 0.", " .")
            for name, value in self.parts.items()
        )
        return f"{sum(self.parts.values()):.2f} = {told.removeprefix(' + ') or 0}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Theme:
    """A label and the publications behind it."""

    label: str
    #: Publication ids, best first; never empty.
    publications: tuple[int, ...]
    #: The phrase that stands for it in the lead ("the risk of escalation in Ukraine").
    phrase: str = ""
    evidence: Evidence = field(default_factory=Evidence)
    #: True if an editor wrote the label.
    human: bool = False
    #: What editors did to it: ``renamed``, ``merged``, ``split``, ``moved``, ``pinned``.
    edited: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Item:
    """A publication as this issue shows it."""

    publication: int
    title: str
    summary: str = ""
    kind: str = ""
    topics: tuple[str, ...] = ()
    authors: tuple[str, ...] = ()
    link: str | None = None
    image: Image | None = None
    language: str | None = None
    #: The day in the newsletter's zone.
    published_on: date
    starts_at: datetime | None = None
    #: A changed publication that an earlier version of was stored before.
    updated: bool = False
    #: Names of the fields that an editor wrote.
    edited: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Block:
    """Ordered content beside the items; *markdown* is the safe subset."""

    key: str
    markdown: str
    title: str = ""
    link: str | None = None
    image: Image | None = None
    #: Marked as such in the mail.
    sponsor: bool = False
    #: The first and the last day of sending on which it is shown; None: any.
    valid_from: date | None = None
    valid_until: date | None = None

    def valid_on(self, day: date) -> bool:
        begun = self.valid_from is None or self.valid_from <= day
        return begun and (self.valid_until is None or day <= self.valid_until)


@dataclass(frozen=True, slots=True, kw_only=True)
class Section:
    """A part of the mail, in reading order: either items or a block."""

    #: ``intro``, ``themes``, ``more``, ``more-KIND``, ``upcoming``, or ``block-KEY``.
    key: str
    #: "" where the section needs no heading.
    title: str = ""
    #: Publication ids in reading order.
    items: tuple[int, ...] = ()
    block: Block | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Recap:
    """What an issue says. A value: same input, same recap, byte for byte."""

    #: The newsletter's title.
    title: str
    window: Window
    #: The themes as the subject has them, without the newsletter's suffix; "" if no theme.
    headline: str
    #: One sentence, ending in a full stop.
    lead: str
    subject: str
    preheader: str
    themes: tuple[Theme, ...] = ()
    items: tuple[Item, ...] = ()
    #: In the order of the mail; every item stands in exactly one.
    sections: tuple[Section, ...] = ()
    #: Themes that the headline could have had, best first; editors pin them.
    others: tuple[Theme, ...] = ()
    #: Further headlines to choose from.
    alternatives: tuple[str, ...] = ()
    #: Which of ``headline``, ``lead`` a human wrote.
    human: tuple[str, ...] = ()

    def item(self, publication: int) -> Item:
        """Return the item of that publication; KeyError if the issue does not show it."""
        for item in self.items:
            if item.publication == publication:
                return item
        raise KeyError(publication)


@dataclass(frozen=True, slots=True, kw_only=True)
class Edits:
    """What an editor changed: laid over the recap each time it is composed anew."""

    #: Publication ids that are in, whatever the rules say; the first is the lead.
    pins: tuple[int, ...] = ()
    exclusions: tuple[int, ...] = ()
    #: Ids in the order the editor wants; the unnamed follow by score.
    order: tuple[int, ...] = ()
    titles: dict[int, str] = field(default_factory=dict)
    summaries: dict[int, str] = field(default_factory=dict)
    #: A theme's label, by the publication that leads the theme.
    labels: dict[int, str] = field(default_factory=dict)
    #: Themes that the headline has, whatever they weigh, by the publications that lead them.
    theme_pins: tuple[int, ...] = ()
    #: Themes that it does not have; this beats a pin and a label.
    theme_drops: tuple[int, ...] = ()
    #: The order of the headline's themes; the unnamed follow in the order of the items.
    theme_order: tuple[int, ...] = ()
    #: A publication, with those of the theme it leads, joins the theme of another.
    merges: dict[int, int] = field(default_factory=dict)
    #: Publications that leave their theme and lead one of their own.
    splits: tuple[int, ...] = ()
    headline: str | None = None
    lead: str | None = None
    #: Markdown that opens the mail.
    intro: str | None = None

    def __bool__(self) -> bool:
        return self != Edits()


@dataclass(frozen=True, slots=True, kw_only=True)
class Draft:
    """All that is known of an issue's content before it is frozen."""

    #: None until it was prepared.
    recap: Recap | None
    candidates: tuple[Candidate, ...] = ()
    edits: Edits = field(default_factory=Edits)
    #: What the recap would be without any edits, and with all but the words that people wrote
    #: as headline, lead and labels; None where there are none.
    unedited: Recap | None = None
    unworded: Recap | None = None
