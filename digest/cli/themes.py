"""`digest themes`: what any feed file is about."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

if TYPE_CHECKING:
    from digest.cli.anyfeed import AnyFeed
    from digest.model import Publication, Recap
    from digest.themes import Label

#: So many labels of an item are shown: what was chosen and what came next.
MOST_LABELS = 3


def themes(
    file: Annotated[Path, typer.Argument(help="A feed file: RSS, Atom, JSON Feed, CSV, text.")],
    history: Annotated[
        Path | None,
        typer.Option(help="A feed file of earlier publications: what all speak of is no theme."),
    ] = None,
    json: Annotated[bool, typer.Option("--json", help="Print JSON, for programs.")] = False,
    why: Annotated[
        bool, typer.Option("--why", help="Show what speaks for each theme and each label.")
    ] = False,
) -> None:
    """
    Tell themes, headline and lead of any feed file, and a label for each of its items.

    Example: digest themes week.json --history archive.json
    """
    from digest.cli import terminal

    feed, recap, choices = _named(file, history)
    labels = _labels(recap, choices)
    if json:
        terminal.as_json(_facts(recap, feed, labels))
        return
    terminal.facts((("Headline", recap.headline or "no theme"), ("Lead", recap.lead)))
    titles = {each.id: each.title for each in feed.publications}
    rows = [(labels[each.id] or "no theme", titles[each.id]) for each in feed.publications]
    terminal.say()
    if why:
        _explain(feed, recap, choices)
        return
    terminal.table(("label", "title"), rows)


def facts(file: Path, history: Path | None = None) -> dict[str, Any]:
    """Return what ``digest themes FILE --json`` prints."""
    feed, recap, choices = _named(file, history)
    return _facts(recap, feed, _labels(recap, choices))


def _named(file: Path, history: Path | None) -> tuple[AnyFeed, Recap, dict[int, list[Label]]]:
    """Return the file's feed, its recap as if it were one week, and each item's labels."""
    from digest import themes as naming
    from digest.cli import anyfeed

    now, zone = anyfeed.now(), anyfeed.newsletter("Recap").zone
    feed = anyfeed.read(str(file), zone=zone, now=now)
    before = feed.publications[:0]
    if history:
        first = len(feed.publications) + 1
        before = anyfeed.read(str(history), zone=zone, now=now, first=first).publications
    recap = _recap(feed, before)
    return feed, recap, naming.choices(feed.publications, history=before)


def _labels(recap: Recap, choices: Mapping[int, Sequence[Label]]) -> dict[int, str]:
    """Return a label for each item: what its theme is called, where it leads one."""
    best = {one: found[0].text if found else "" for one, found in choices.items()}
    return best | {theme.publications[0]: theme.label for theme in recap.themes}


def _explain(feed: AnyFeed, recap: Recap, choices: Mapping[int, Sequence[Label]]) -> None:
    """Show the parts of each theme's weight, then those of the best labels of each item."""
    from digest.cli import terminal

    titles = {each.id: each.title for each in feed.publications}
    themes = [("headline", theme) for theme in recap.themes] + [("", t) for t in recap.others]
    terminal.table(
        ("", "theme", "items", "weight", "words"),
        [
            (place, t.label, len(t.publications), t.evidence.reason, ", ".join(t.evidence.terms))
            for place, t in themes
        ],
    )
    terminal.say()
    rows = []
    for one, found in choices.items():
        for n, label in enumerate(found[:MOST_LABELS]):
            rows.append((label.text, label.reason, "" if n else titles[one]))
        if not found:
            rows.append(("no theme", "", titles[one]))
    terminal.table(("label", "score", "title"), rows)


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
