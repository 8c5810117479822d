"""`digest rehearse`: past recaps from any feed, before a newsletter exists."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING, Annotated, Any

import typer

if TYPE_CHECKING:
    from digest.calendar import Slot
    from digest.model import Candidate, Publication, Recap
    from digest.model.settings import NewsletterSettings


@dataclass(frozen=True, slots=True, kw_only=True)
class Rehearsal:
    """One past week, as it would have gone out."""

    slot: Slot
    recap: Recap
    candidates: tuple[Candidate, ...]
    #: False where the feed no longer lists all of that week.
    remembered: bool


def rehearse(
    feed: Annotated[str, typer.Argument(help="A feed's address, or a feed file.")],
    weeks: Annotated[int, typer.Option(min=1, max=520, help="How many past weeks.")] = 4,
    closes: Annotated[str, typer.Option(help="When a week closes.")] = "friday 06:00",
    timezone: Annotated[str, typer.Option(help="The zone of that wall time.")] = "UTC",
    json: Annotated[bool, typer.Option("--json", help="Print JSON, for programs.")] = False,
) -> None:
    """
    Compose past weeks from any feed, before a newsletter exists.

    Nothing is stored or sent. A feed lists only its newest entries; the weeks that it
    no longer remembers in full are marked.

    Example: digest rehearse https://example.org/feed.xml --weeks 4
    """
    from digest.cli import anyfeed, terminal

    now = anyfeed.now()
    newsletter = _newsletter(feed, closes, timezone)
    read = anyfeed.read(feed, zone=newsletter.zone, now=now)
    newsletter = newsletter.model_copy(update={"title": anyfeed.newsletter(read.title).title})
    oldest = anyfeed.oldest(read.publications)
    done = list(_rehearsed(read.publications, newsletter, weeks, oldest))
    if json:
        terminal.as_json(_facts(read.title, done, oldest))
        return
    for each in done:
        _tell(each, newsletter)
    _tell_memory(oldest, len(read.publications), newsletter)


def _newsletter(feed: str, closes: str, timezone: str) -> NewsletterSettings:
    """Return the settings meant; wrong words are the caller's, and named."""
    from pydantic import ValidationError

    from digest.cli import anyfeed

    try:
        return anyfeed.newsletter(feed, closes=closes, sends=closes, timezone=timezone)
    except ValidationError as e:
        problem = e.errors()[0]
        raise typer.BadParameter(
            problem["msg"].removeprefix("Value error, "),
            param_hint=f"--{problem['loc'][0]}",
        ) from e


def _rehearsed(
    publications: Sequence[Publication],
    newsletter: NewsletterSettings,
    weeks: int,
    oldest: datetime | None,
) -> Iterator[Rehearsal]:
    """
    Yield the last weeks that the feed speaks of, the earliest first.

    What one week shows is used up for the next, as in real issues.
    """
    from digest.compose import compose
    from digest.model import Edits
    from digest.render.languages import words
    from digest.selection import select
    from digest.weekly import rules

    used: dict[int, str] = {}
    for slot in _slots(publications, newsletter, weeks):
        known = [each for each in publications if each.dated < slot.window.end]
        meant = rules(newsletter, slot)
        candidates = select(known, slot=slot, newsletter=meant, used=used, edits=Edits())
        recap = compose(
            candidates,
            known,
            slot=slot,
            newsletter=meant,
            edits=Edits(),
            history=known,
            words=words(newsletter.language),
        )
        used |= {item.publication: slot.key for item in recap.items if item.starts_at is None}
        began = slot.window.end - meant.look_back
        yield Rehearsal(
            slot=slot,
            recap=recap,
            candidates=candidates,
            remembered=oldest is not None and oldest <= began,
        )


def _slots(
    publications: Sequence[Publication], newsletter: NewsletterSettings, weeks: int
) -> list[Slot]:
    """Return the slots up to the one in which the newest publication came out."""
    from digest import calendar

    newest = max((each.dated for each in publications), default=None)
    if newest is None:
        return []
    # The slot that closes after the newest, so that a feed that fell silent is rehearsed too.
    slots = [calendar.current(newsletter, newest)]
    while len(slots) < weeks:
        slots.append(calendar.preceding(newsletter, slots[-1]))
    return slots[::-1]


# --- told ---------------------------------------------------------------------------------


def _tell(each: Rehearsal, newsletter: NewsletterSettings) -> None:
    from digest.cli import terminal

    close = each.slot.window.end.astimezone(newsletter.zone)
    mark = "" if each.remembered else "   (the feed no longer remembers all of it)"
    terminal.say(f"Week closing {close:%a} {close.day} {close:%b %Y %H:%M}{mark}")
    inside = [one for one in each.candidates if one.included]
    terminal.facts(
        (
            ("Headline", each.recap.headline or "no theme"),
            ("Lead", each.recap.lead),
            ("Items", "\n".join(one.title for one in inside) or "none"),
        )
    )
    terminal.say()


def _tell_memory(oldest: datetime | None, count: int, newsletter: NewsletterSettings) -> None:
    from digest.cli import terminal

    if oldest is None:
        terminal.say(f"Memory    {count} entries, none with a date")
    else:
        local = oldest.astimezone(newsletter.zone)
        terminal.say(f"Memory    {count} entries, back to {local:%b} {local.day}, {local.year}")
    terminal.say("Next      digest init my-recap        a newsletter of your own")


def _facts(title: str, done: Sequence[Rehearsal], oldest: datetime | None) -> dict[str, Any]:
    return {
        "title": title,
        "oldest": oldest,
        "weeks": [
            {
                "closing": each.slot.key,
                "headline": each.recap.headline,
                "lead": each.recap.lead,
                "remembered": each.remembered,
                "themes": each.recap.themes,
                "candidates": each.candidates,
            }
            for each in done
        ],
    }
