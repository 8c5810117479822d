"""One act of an editor on the overlay of edits. Pure: an act returns new edits."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace

from digest.model import Edits


def pinned(edits: Edits, publication: int) -> Edits:
    """Have it in, whatever the rules say; the newest pin is the last of them."""
    return replace(
        edits,
        pins=(*_without(edits.pins, publication), publication),
        exclusions=_without(edits.exclusions, publication),
    )


def excluded(edits: Edits, publication: int) -> Edits:
    """Have it out; what was written for it is kept, should it come back."""
    return replace(
        edits,
        pins=_without(edits.pins, publication),
        exclusions=(*_without(edits.exclusions, publication), publication),
        order=_without(edits.order, publication),
    )


def put_back(edits: Edits, publication: int) -> Edits:
    """Leave it to the rules again whether it is in, and where."""
    return replace(
        edits,
        pins=_without(edits.pins, publication),
        exclusions=_without(edits.exclusions, publication),
        order=_without(edits.order, publication),
    )


def moved(edits: Edits, ranking: Sequence[int], publication: int, *, by: int) -> Edits:
    """
    Move it *by* places down in *ranking*, which is the present order; up if negative.

    Only the places above the lowest one that somebody moved are fixed: what a refresh
    brings still finds its place by score below them. Beyond an end it stays at the end;
    ValueError if it is not in *ranking*.
    """
    before = list(ranking)
    here = before.index(publication)
    there = min(max(here + by, 0), len(before) - 1)
    after = _without(before, publication)
    after = (*after[:there], publication, *after[there:])
    wanted = {*edits.pins, *edits.order} & {*before}
    lowest = max(here, there, *(before.index(each) for each in wanted))
    return replace(edits, order=after[: lowest + 1])


def titled(edits: Edits, publication: int, title: str | None) -> Edits:
    """Show it under *title*; under its own if None or without a word."""
    return replace(edits, titles=_with(edits.titles, publication, _words(title)))


def summarised(edits: Edits, publication: int, summary: str | None) -> Edits:
    """Show it with *summary*, which may be empty; with its own if None."""
    return replace(edits, summaries=_with(edits.summaries, publication, summary))


def labelled(edits: Edits, leading: int, label: str | None) -> Edits:
    """Call the theme that the publication *leading* leads so; as we would if None or blank."""
    return replace(edits, labels=_with(edits.labels, leading, _words(label)))


def theme_pinned(edits: Edits, leading: int) -> Edits:
    """Have the theme that *leading* leads in the headline, whatever it weighs."""
    return replace(
        edits,
        theme_pins=(*_without(edits.theme_pins, leading), leading),
        theme_drops=_without(edits.theme_drops, leading),
    )


def theme_dropped(edits: Edits, leading: int) -> Edits:
    """Have the theme that *leading* leads not in the headline."""
    return replace(
        edits,
        theme_pins=_without(edits.theme_pins, leading),
        theme_drops=(*_without(edits.theme_drops, leading), leading),
        theme_order=_without(edits.theme_order, leading),
    )


def theme_first(edits: Edits, leading: int) -> Edits:
    """Name the theme that *leading* leads first in the headline."""
    return replace(edits, theme_order=(leading, *_without(edits.theme_order, leading)))


def merged(edits: Edits, leading: int, into: int) -> Edits:
    """Let *leading*, and those of the theme it leads, join the theme of *into*."""
    if leading == into:
        return edits
    merges = {one: other for one, other in edits.merges.items() if (one, other) != (into, leading)}
    return replace(edits, merges={**merges, leading: into}, splits=_without(edits.splits, leading))


def split(edits: Edits, publication: int) -> Edits:
    """Let *publication* leave its theme and lead one of its own."""
    return replace(
        edits,
        merges={one: into for one, into in edits.merges.items() if one != publication},
        splits=(*_without(edits.splits, publication), publication),
    )


def theme_put_back(edits: Edits, leading: int) -> Edits:
    """Leave the theme that *leading* leads to the rules again; its label stays as written."""
    return replace(
        edits,
        theme_pins=_without(edits.theme_pins, leading),
        theme_drops=_without(edits.theme_drops, leading),
        theme_order=_without(edits.theme_order, leading),
        merges={one: into for one, into in edits.merges.items() if leading not in (one, into)},
        splits=_without(edits.splits, leading),
    )


def headed(edits: Edits, headline: str | None) -> Edits:
    """Head the issue with *headline*; with ours if None or blank."""
    return replace(edits, headline=_words(headline))


def led(edits: Edits, lead: str | None) -> Edits:
    """Open the issue with the sentence *lead*; with ours if None or blank."""
    return replace(edits, lead=_words(lead))


def introduced(edits: Edits, intro: str | None) -> Edits:
    """Put the Markdown *intro* before everything; nothing if None or blank."""
    return replace(edits, intro=_words(intro))


def _words(written: str | None) -> str | None:
    """Return what was *written*; None where that is blank."""
    return written if written and written.strip() else None


def _without(ids: Sequence[int], one: int) -> tuple[int, ...]:
    return tuple(each for each in ids if each != one)


def _with(words: Mapping[int, str], one: int, written: str | None) -> dict[int, str]:
    """Return *words* with that entry last, or without it."""
    others = {each: text for each, text in words.items() if each != one}
    return others if written is None else {**others, one: written}
