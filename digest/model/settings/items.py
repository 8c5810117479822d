"""What an issue holds: how many items, which never, for whom, and what ranks them."""

from __future__ import annotations

from typing import Literal, Self

from pydantic import Field, model_validator

from digest.model.settings.values import (
    Count,
    Line,
    Strict,
    Weight,
)


class Exclude(Strict):
    """What never becomes an item; any case."""

    #: As the feeds write them (``Weekly Recap``).
    kinds: tuple[Line, ...] = ()
    #: As the feeds write them.
    topics: tuple[Line, ...] = ()
    #: Whole words in title or summary, any case.
    words: tuple[Line, ...] = ()


class Items(Strict):
    """How many items an issue has, in all and of one sort."""

    #: Fewer than this and the week rolls over into the next one.
    min: int = Field(default=3, ge=0)
    #: More than this and the lowest in rank are left out.
    max: int = Field(default=12, ge=1)
    #: At most so many of a kind: ``{Video: 2}``.
    per_kind: dict[str, Count] = Field(default={})
    #: At most so many of a feed, by its address.
    per_feed: dict[str, Count] = Field(default={})
    #: At most so many of a topic.
    per_topic: dict[str, Count] = Field(default={})

    @model_validator(mode="after")
    def _min_below_max(self) -> Self:
        if self.min > self.max:
            raise ValueError(f"min ({self.min}) is more than max ({self.max})")
        return self


class Topics(Strict):
    """What readers may choose; who does gets their topics' items, under words of their own."""

    #: The topics as the feeds write them; none: nobody is asked.
    offered: tuple[Line, ...] = ()
    #: Fewer items of a reader's topics than this are no mail of their own:
    min: int = Field(default=1, ge=1)
    #: then that reader gets the ``full`` issue, or ``none``.
    too_few: Literal["full", "none"] = "full"

    @model_validator(mode="after")
    def _each_once(self) -> Self:
        folded = [topic.casefold() for topic in self.offered]
        twice = next((topic for topic in self.offered if folded.count(topic.casefold()) > 1), "")
        if twice or "" in self.offered:
            raise ValueError(f"{twice!r} is offered twice" if twice else "a topic needs a name")
        return self


class Ranking(Strict):
    """What each part of a score can bring; of an item first, then of a theme."""

    #: Of an item: how short before the close it came out.
    recency: Weight = 0.35
    #: Its kind, times `weights`.
    kind: Weight = 0.15
    #: Its topics, times `weights`.
    topic: Weight = 0.10
    #: Words of its title that no older publication's title has.
    novelty: Weight = 0.25
    #: A summary that says more than the title.
    substance: Weight = 0.15
    #: Of a theme, beside its best item's score without recency: how well its label stands in
    #: the text.
    label: Weight = 0.6
    #: A label of more than a bare name.
    phrase: Weight = 0.1
    #: How alike its item is to all others of the issue.
    central: Weight = 1.0
    #: Each further item on the same thing.
    company: Weight = 0.1
    #: What it loses if another theme has taken its best label's words.
    second_choice: Weight = 0.25
    #: What it loses if the last issue's themes had its words; less for the three before that.
    repeated: Weight = 0.2
