"""Any feed as publications and a newsletter, with no database and no config."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any
from zoneinfo import ZoneInfo

import typer

if TYPE_CHECKING:
    from digest.model import Publication
    from digest.model.settings import FeedSettings, NewsletterSettings


@dataclass(frozen=True, slots=True, kw_only=True)
class AnyFeed:
    """What a feed lists, as publications numbered from 1."""

    title: str
    publications: tuple[Publication, ...]
    #: The feed's own names for them, by number; the number where it has none.
    names: Mapping[int, str]


def settings_of(**told: object) -> FeedSettings:
    """Return the settings of a feed named on the command line; BadParameter where they are none."""
    from pydantic import ValidationError

    from digest.config.faults import sentence
    from digest.model.settings import FeedSettings

    try:
        return FeedSettings.model_validate(told)
    except ValidationError as e:
        first = e.errors()[0]
        if told.get("kind") == "listing":
            raise typer.BadParameter(
                "a listing page needs CSS selectors, which do not fit here: write it under "
                "`feeds` in config.yaml, with `kind: listing` and `listing`",
                param_hint="--kind",
            ) from e
        place = ".".join(map(str, first["loc"]))
        raise typer.BadParameter(": ".join(filter(None, (place, sentence(first))))) from e


def read(place: str, *, zone: ZoneInfo, now: datetime, first: int = 1) -> AnyFeed:
    """Return what the feed at *place*, an address or a path, lists. Raises FeedError."""
    from digest import feeds

    settings = settings_of(url=place)
    fetched = feeds.fetch(settings, folder=Path.cwd())
    parsed = feeds.parse(
        fetched.body,
        settings,
        url=fetched.url,
        content_type=fetched.content_type,
        zone=zone,
        now=now,
    )
    numbered = list(enumerate(parsed.entries, first))
    return AnyFeed(
        title=parsed.title or Path(place).stem or place,
        publications=tuple(_publication(entry, number, place, now) for number, entry in numbered),
        names={number: entry.guid or str(number) for number, entry in numbered},
    )


def _publication(entry: Any, number: int, place: str, now: datetime) -> Publication:
    from digest.model import Publication

    return Publication(
        id=number,
        title=entry.title,
        title_made=entry.title_made,
        summary=entry.summary,
        kind=entry.kind,
        topics=entry.topics,
        authors=entry.authors,
        link=entry.link,
        image=entry.image,
        language=entry.language,
        starts_at=entry.starts_at,
        published_at=entry.published_at,
        day_only=entry.day_only,
        updated_at=entry.updated_at,
        # A first import is a baseline: nothing of a backlog counts as late.
        first_seen_at=min(entry.published_at or now, now),
        feeds=(place,),
    )


def newsletter(title: str, **told: Any) -> NewsletterSettings:
    """Return settings for a newsletter that does not exist: it has a title and rules."""
    from digest.model.settings import NewsletterSettings

    nobody = {"from": "recap@example.org", "postal_address": "No address: nothing is sent"}
    shown = " ".join(title.split())[:120] or "Recap"
    return NewsletterSettings.model_validate({"title": shown, **nobody, **told})


def now() -> datetime:
    return datetime.now(UTC)


def oldest(publications: Sequence[Publication]) -> datetime | None:
    """Return when the oldest dated publication came out: how far the feed remembers."""
    return min((each.published_at for each in publications if each.published_at), default=None)
