"""People and their consent."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum

from digest.model.edition import Format
from digest.model.issue import Rhythm


class SubscriptionState(StrEnum):
    """pending → active → paused → left, or suppressed; `digest.consent` has the arrows."""

    PENDING = "pending"  #: asked, not confirmed; gets no issue
    ACTIVE = "active"
    PAUSED = "paused"  #: until `paused_until`
    LEFT = "left"
    SUPPRESSED = "suppressed"  #: bounced or complained; only a new confirmation revives it


def topic_set(names: Iterable[str]) -> tuple[str, ...]:
    """Return *names* as one set of topics is kept: in one line each, each once, sorted."""
    return tuple(sorted({told for name in names if (told := " ".join(name.split()))}))


@dataclass(frozen=True, slots=True, kw_only=True)
class Subscriber:
    """A person, known by an address as they wrote it."""

    id: int
    address: str
    name: str = ""
    language: str | None = None
    attributes: dict[str, str] = field(default_factory=dict)
    created_at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class Subscription:
    """A person's consent to one newsletter."""

    subscriber: int
    newsletter: str
    state: SubscriptionState
    rhythm: Rhythm = Rhythm.WEEKLY
    #: Empty: all topics.
    topics: tuple[str, ...] = ()
    format: Format = Format.HTML
    #: Whose clock the send hour is read on; None: the newsletter's.
    timezone: str | None = None
    #: Lists an editor keeps by hand ("staff").
    lists: tuple[str, ...] = ()
    #: Where the consent came from: a form, an import with its stated source, the desk.
    source: str
    consented_at: datetime | None = None
    confirmed_at: datetime | None = None
    paused_until: datetime | None = None
    left_at: datetime | None = None
    left_reason: str = ""
