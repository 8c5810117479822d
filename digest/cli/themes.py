"""`digest themes`: what any feed file is about."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

if TYPE_CHECKING:
    from digest.cli.anyfeed import AnyFeed
    from digest.model import Publication, Recap


def themes(
    file: Annotated[Path, typer.Argument(help="A feed file: RSS, Atom, JSON Feed, CSV, text.")],
    history: Annotated[
        Path | None,
        typer.Option(help="A feed file of earlier publications: what all speak of is no theme."),
    ] = None,
    json: Annotated[bool, typer.Option("--json", help="Print JSON, for programs.")] = False,
) -> None:
    """
    Tell themes, headline and lead of any feed file, and a label for each of its items.

    Example: digest themes week.json --history archive.json
    """
    from digest import themes as naming
    from digest.cli import anyfeed, terminal

    now, zone = anyfeed.now(), anyfeed.newsletter("Recap").zone
    feed = anyfeed.read(str(file), zone=zone, now=now)
    before = feed.publications[:0]
    if history:
        first = len(feed.publications) + 1
        before = anyfeed.read(str(history), zone=zone, now=now, first=first).publications
    recap = _recap(feed, before)
    labels = naming.label(feed.publications, history=before)
    # What an item's theme is called, where it leads one: the two must not differ.
    labels |= {theme.publications[0]: theme.label for theme in recap.themes}
    if json:
        terminal.as_json(_facts(recap, feed, labels))
        return
    terminal.facts((("Headline", recap.headline or "no theme"), ("Lead", recap.lead)))
    titles = {each.id: each.title for each in feed.publications}
    rows = [(labels[each.id] or "no theme", titles[each.id]) for each in feed.publications]
    terminal.say()
    terminal.table(("label", "title"), rows)


def _recap(feed: AnyFeed, history: tuple[Publication, ...]) -> Recap:
    """Compose everything the file lists, as if it were one week."""
    from digest.calendar import Slot
    from digest.cli import anyfeed
    from digest.compose import compose
    from digest.model import Edits, Rhythm, Window
    from digest.selection import select

    dates = [each.dated for each in feed.publications] or [anyfeed.now()]
    opens, closes = min(dates), max(dates) + timedelta(seconds=1)
    slot = Slot(
        rhythm=Rhythm.WEEKLY,
        key=closes.date().isoformat(),
        window=Window(opens, closes),
        previous_close=opens,
        sends_at=closes,
    )
    # The look-back is at least a week, or a file of one day would rank by the hour.
    newsletter = anyfeed.newsletter(
        feed.title,
        look_back=max(closes - opens, timedelta(days=7)),
        items={"min": 0, "max": max(1, len(feed.publications))},
    )
    edits = Edits()
    candidates = select(feed.publications, slot=slot, newsletter=newsletter, used={}, edits=edits)
    return compose(
        candidates,
        feed.publications,
        slot=slot,
        newsletter=newsletter,
        edits=edits,
        history=history,
    )


def _facts(recap: Recap, feed: AnyFeed, labels: dict[int, str]) -> dict[str, Any]:
    return {
        "headline": recap.headline,
        "lead": recap.lead,
        "themes": [
            {
                "label": theme.label,
                "phrase": theme.phrase,
                "publications": [feed.names[one] for one in theme.publications],
                "evidence": theme.evidence,
            }
            for theme in recap.themes
        ],
        "labels": {feed.names[one]: label for one, label in labels.items()},
        "alternatives": recap.alternatives,
    }
