"""A recap rendered once and frozen: the bytes that are previewed, hashed and sent."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum


@dataclass(frozen=True, slots=True, kw_only=True)
class Edition:
    """Subject, HTML and text with slots, before any reader's values are in.

    *html* and *text* hold slot marks and fragment marks as `digest.render.fragments`
    defines them. *digest* is the SHA-256 over all three in hexadecimal; it is what an
    approval approves.
    """

    subject: str
    html: str
    text: str
    digest: str
    #: Sentences for the editor about what was shortened or left out to fit.
    notes: tuple[str, ...] = ()


class Format(StrEnum):
    """Which parts a reader's mail has."""

    HTML = "html"  #: HTML, and the same in plain text beside it
    TEXT = "text"  #: plain text alone


@dataclass(frozen=True, slots=True, kw_only=True)
class Variant:
    """A topic set's own choice of an edition's fragments; the empty set is the full issue.

    One without *items* says that its readers get nothing of this issue.
    """

    topics: tuple[str, ...] = ()
    format: Format = Format.HTML
    subject: str
    headline: str
    lead: str
    preheader: str
    #: Publication ids in reading order.
    items: tuple[int, ...]
    #: As the edition's: of subject, HTML and text as they stand in this variant.
    digest: str
    #: The edition's fragments by their place, and between them fragments of its own; None:
    #: the edition's as they stand.
    html: tuple[int | str, ...] | None = None
    text: tuple[int | str, ...] | None = None
