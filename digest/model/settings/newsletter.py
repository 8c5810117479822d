"""One newsletter: its voice, calendar, rules, feeds and people."""

from __future__ import annotations

from datetime import time, timedelta
from email.utils import parseaddr
from typing import Annotated, Any, Literal, Self
from zoneinfo import ZoneInfo

from pydantic import BeforeValidator, Field, model_validator

from digest.model.issue import Rhythm
from digest.model.settings.feeds import FeedSettings
from digest.model.settings.items import Exclude, Items, Ranking, Topics
from digest.model.settings.look import Look, Utm
from digest.model.settings.recurrence import Daily, Weekly, late_sending
from digest.model.settings.values import (
    SAMPLE_ADDRESS,
    Address,
    Clock,
    Closing,
    DaysOff,
    Duration,
    Key,
    LanguageTag,
    Line,
    Mailbox,
    SectionPlace,
    SegmentName,
    Sending,
    Strict,
    Text,
    Weight,
    Zone,
    duration,
    is_placeholder,
)


def _feed(value: Any) -> Any:
    return {"url": value} if isinstance(value, str) else value


def _topics(value: Any) -> Any:
    return {"offered": value} if isinstance(value, list) else value


class Monthly(Strict):
    """An issue of its own on the first of each month, for readers who want no more."""

    #: Its name in the masthead and the subject; none: the newsletter's.
    title: Line = Field(default="", max_length=120)
    #: What is published from then on, on the first, belongs to the next month.
    closes: Clock = time(6)
    #: When it goes out on the first.
    sends: Clock = time(9)
    #: How many items it has.
    items: Items = Items(max=20)

    @model_validator(mode="after")
    def _sent_after_the_close(self) -> Self:
        if self.sends < self.closes:
            raise ValueError(f"sends ({self.sends:%H:%M}) is before closes ({self.closes:%H:%M})")
        return self


class FirstTo(Strict):
    """Readers on *list* get the issue first; the others after *wait*."""

    #: The list's name, as the subscribers' import gave it.
    list: Key
    #: How long the others wait.
    wait: Duration = timedelta(minutes=15)


class NewsletterSettings(Strict):
    """One newsletter: its voice, calendar, rules, feeds and people."""

    #: Its name, in the masthead and at the end of the subject.
    title: Line = Field(min_length=1, max_length=120)
    #: Whom the mail comes from: ``Name <address>``.
    from_: Mailbox = Field(alias="from")
    #: Where answers go; none: to `from`.
    reply_to: Mailbox | None = None
    #: Required by law in every issue; sending refuses while it is a placeholder.
    postal_address: Text = Field(min_length=8)
    #: A language tag, for screen readers and hyphenation.
    language: LanguageTag = "en"
    #: Whose wall clock `closes` and `sends` are read on.
    timezone: Zone = "UTC"
    #: What is published from then on belongs to the next issue: a weekday and a time
    #: (``friday 06:00``), or ``daily``, ``weekdays``, ``fortnightly from 2026-01-09``,
    #: ``monthly 15``, ``monthly last``, ``first thursday``, ``last friday`` and a time.
    closes: Closing = Weekly(weekday=4, at=time(6))
    #: When the issue goes out: the first such time from the close on, written like `closes`; a
    #: time alone in quotes (``"09:00"``) is the next one on the clock.
    sends: Sending = Daily(at=time(9))
    #: Days on which no issue goes out, each ``2026-12-25 Christmas Day`` or
    #: ``2026-12-24 to 2027-01-03 Winter break``: the next issue has that week too.
    holidays: tuple[DaysOff, ...] = ()
    #: How old a publication may be at the close.
    look_back: Duration = timedelta(days=10)
    #: How old a late arrival may be: published before the look-back, first seen this week.
    late: Duration = timedelta(days=31)
    #: ``required``: held unless a person approves. ``auto``: sent unless held.
    #: ``auto_if_clean``: sent unless a check found an error or a safety rule tripped.
    approval: Literal["required", "auto", "auto_if_clean"] = "auto_if_clean"
    #: Whoever changed an issue may not approve it: somebody else has to look.
    four_eyes: bool = False
    #: So late an issue is still sent; later it is held.
    catch_up: Duration = timedelta(hours=6)
    #: Over so long the readers get it, from the send hour on; 0s: as fast as `smtp` allows.
    spread: Duration = timedelta(0)
    #: Readers may choose their time zone and get the issue when their own clock shows the hour
    #: of `sends`, at most a day after the others; who has chosen none goes by `timezone`.
    own_clock: bool = False
    #: Conditions on readers by name, for `only`, `--where` and one another.
    segments: dict[SegmentName, Line] = Field(default={})
    #: Who gets its issues: a condition or a segment's name; none: every reader.
    only: Line | None = None
    #: Who gets the issue before the others, with time to stop it.
    first_to: FirstTo | None = None
    #: Who is told by mail: draft ready, last call, held, sent.
    editors: tuple[Address, ...] = ()
    #: Where publications come from: addresses, or keys as below.
    feeds: tuple[Annotated[FeedSettings, BeforeValidator(_feed)], ...] = ()
    #: What never becomes an item.
    exclude: Exclude = Exclude()
    #: How many items an issue has.
    items: Items = Items()
    #: What readers may choose: names, or keys as below.
    topics: Annotated[Topics, BeforeValidator(_topics)] = Topics()
    #: Offers a monthly issue, ``{}`` with the usual hours; none: weekly ones only.
    monthly: Monthly | None = None
    #: In the order of the mail: ``intro``, ``themes``, ``more``, ``{upcoming: 14d}`` for events,
    #: ``{block: KEY}`` for the words of `templates/blocks/KEY.md` beside config.yaml.
    sections: tuple[SectionPlace, ...] = (
        "intro",
        "themes",
        "more",
        {"upcoming": "14d"},
    )
    #: What the mail looks like.
    look: Look = Look()
    #: Words added to the links of publications and blocks for the publisher's statistics
    #: (``utm_source=…``), the same for every reader; none: links stay as they are.
    utm: Utm | None = None
    #: Counts how often each link of an issue is followed, for all readers together; the footer
    #: then says so. False: links lead straight to where they say.
    count_links: bool = False
    #: A sentence under the footer ("not affiliated with …").
    notice: Line = ""
    #: Multiplies a topic's or a kind's weight in the ranking; 1 where unnamed.
    weights: dict[str, Weight] = Field(default={})
    #: What each part of the scores of items and themes can bring.
    ranking: Ranking = Ranking()

    @model_validator(mode="after")
    def _sent_before_the_next_close(self) -> Self:
        late = late_sending(self.closes, self.sends)
        if late is not None:
            raise ValueError(
                f"what closes on {late} would go out after the next close: sends ({self.sends})"
                f" comes too seldom for closes ({self.closes})"
            )
        return self

    @property
    def zone(self) -> ZoneInfo:
        return ZoneInfo(self.timezone)

    @property
    def rhythms(self) -> tuple[Rhythm, ...]:
        """What readers may choose, the usual one first."""
        return (Rhythm.WEEKLY, Rhythm.MONTHLY) if self.monthly else (Rhythm.WEEKLY,)

    @property
    def upcoming(self) -> timedelta | None:
        """How far ahead events are shown; None where no section shows them."""
        for section in self.sections:
            if isinstance(section, dict) and "upcoming" in section:
                ahead: timedelta = duration(section["upcoming"])
                return ahead
        return timedelta(days=14) if "upcoming" in self.sections else None

    @property
    def from_address(self) -> str:
        """The bare address of `from`."""
        return parseaddr(self.from_)[1]

    @property
    def lacks_postal_address(self) -> bool:
        """True while nobody has said where the sender can be found."""
        return is_placeholder(self.postal_address)

    @property
    def has_sample_address(self) -> bool:
        return self.postal_address == SAMPLE_ADDRESS
