"""From chosen publications to a recap: headline, lead, themes, items, sections.

Nothing is invented: labels and phrases are the publications' own words, and what an
editor wrote is laid over them and marked.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from datetime import date
from typing import Any

from digest.calendar import Slot
from digest.model import (
    EXTRA,
    Block,
    Candidate,
    Edits,
    Item,
    Publication,
    Recap,
    Rhythm,
    Section,
    Theme,
)
from digest.model.settings import NewsletterSettings
from digest.model.settings.recurrence import Pace
from digest.themes import Counted, Found, Wishes, find, without

#: The themes of a subject take at most this many characters, the newsletter's title aside.
HEADLINE_CHARACTERS = 90
#: About what a phone shows beside the subject.
PREHEADER_CHARACTERS = 140
MOST_ALTERNATIVES = 3
#: From so many further items of several kinds on, each kind has a heading of its own.
HEADINGS_FROM = 6
#: A publication of Monday is no less of a theme than one of Thursday.
_NOT_OF_THEMES = ("recency",)


class Words:
    """
    The fixed words of an issue. These are the English ones; a catalog lays its own over them.

    Messages name the places of the publications' own words: ``%(told)s``.
    """

    def gettext(self, message: str, /, **values: Any) -> str:
        """Return *message* with *values* in their places."""
        return message % values

    def ngettext(self, one: str, many: str, count: int, /, **values: Any) -> str:
        """Return the form that fits *count*, which is among the values too."""
        return (one if count == 1 else many) % {"count": count, **values}

    def listed(self, told: Sequence[str]) -> str:
        """``a``, ``a and b``, ``a, b, and c``"""
        if len(told) < 3:
            return " and ".join(told)
        return f"{', '.join(told[:-1])}, and {told[-1]}"

    def day(self, day: date) -> str:
        """``September 22, 2023``"""
        return f"{day:%B} {day.day}, {day.year}"


ENGLISH = Words()


def compose(
    candidates: Sequence[Candidate],
    publications: Sequence[Publication],
    *,
    slot: Slot,
    newsletter: NewsletterSettings,
    edits: Edits,
    history: Sequence[Publication] | Counted,
    blocks: Sequence[Block] = (),
    words: Words = ENGLISH,
    past: Sequence[Sequence[str]] = (),
) -> Recap:
    """
    Return the recap of the included *candidates*, in their rank, under *edits*.

    *history* are earlier publications, or what was counted of them, with the issue's own or
    without; what all of them speak of makes no theme. *past* are
    the theme labels of earlier issues, the newest first: readers just had those. Of *blocks*
    those stand where `sections` names them that are valid on the day of sending. Items show
    an editor's words where there are some and name the fields in `Item.edited`.
    *words* are the fixed ones, in the newsletter's language.
    The order of the arguments' members plays no part. KeyError if a candidate's
    publication is not among *publications*.
    """
    by_id = {each.id: each for each in publications}
    ranked = sorted((each for each in candidates if each.included), key=lambda each: each.rank or 0)
    chosen = [by_id[each.publication] for each in ranked]
    items = tuple(_item(each, newsletter, edits) for each in chosen)
    found = _themes(ranked, chosen, edits, history, past, newsletter)
    headline, spare = _headline(found)
    pace = _pace(slot, newsletter)
    headline, lead, human = _worded(headline, _lead(found.themes, items, pace, words), edits)
    return Recap(
        title=newsletter.title,
        window=slot.window,
        headline=headline,
        lead=lead,
        subject=_subject(headline, newsletter, slot, words),
        preheader=_preheader(found.themes, items, lead, words),
        themes=found.themes,
        items=items,
        sections=_sections(
            found.themes,
            items,
            newsletter,
            edits,
            words,
            _valid(blocks, slot, newsletter),
            pace=pace,
        ),
        others=found.others,
        alternatives=tuple(each for each in spare if each != headline),
        human=human,
    )


# --- items --------------------------------------------------------------------------------


def _item(publication: Publication, newsletter: NewsletterSettings, edits: Edits) -> Item:
    title, summary = edits.titles.get(publication.id), edits.summaries.get(publication.id)
    written = (("title", title), ("summary", summary))
    return Item(
        publication=publication.id,
        title=publication.title if title is None else title,
        summary=publication.summary if summary is None else summary,
        kind=publication.kind,
        topics=publication.topics,
        authors=publication.authors,
        link=publication.link,
        image=publication.image,
        language=publication.language,
        published_on=publication.dated.astimezone(newsletter.zone).date(),
        starts_at=publication.starts_at,
        updated=publication.changed_at is not None,
        edited=tuple(name for name, words in written if words is not None),
    )


# --- themes, headline, lead ---------------------------------------------------------------


def _themes(
    ranked: Sequence[Candidate],
    chosen: Sequence[Publication],
    edits: Edits,
    history: Sequence[Publication] | Counted,
    past: Sequence[Sequence[str]],
    newsletter: NewsletterSettings,
) -> Found:
    """Find the themes of what is no event; an issue's own publications are not its history."""
    return find(
        [each for each in chosen if each.starts_at is None],
        history=_without(history, chosen),
        worth={each.publication: _worth(each, edits) for each in ranked},
        weights=newsletter.ranking,
        past=past,
        own=newsletter.title,
        wishes=Wishes(
            labels={one: _line(text) for one, text in edits.labels.items() if _line(text)},
            pins=edits.theme_pins,
            drops=edits.theme_drops,
            order=edits.theme_order,
            merges=edits.merges,
            splits=edits.splits,
        ),
    )


def _without(
    history: Sequence[Publication] | Counted, chosen: Sequence[Publication]
) -> Sequence[Publication] | Counted:
    """Return the history without *chosen*; of those counted, events alone are not of the week."""
    if isinstance(history, Counted):
        events = tuple(each for each in chosen if each.starts_at is not None)
        return without(history, events) if events else history
    known = {each.id for each in chosen}
    return [each for each in history if each.id not in known]


def _worth(candidate: Candidate, edits: Edits) -> float:
    """Return what a candidate weighs as a theme; an editor's order outweighs every score."""
    named = [*(pin for pin in edits.pins if pin not in edits.order), *edits.order]
    if candidate.publication in named:
        return float(1 + len(named) - named.index(candidate.publication))
    parts = sorted(candidate.score.items())
    return sum(value for name, value in parts if name not in _NOT_OF_THEMES)


def _headline(found: Found) -> tuple[str, tuple[str, ...]]:
    """Return the headline, and others with one or two themes exchanged."""
    labels = [theme.label for theme in found.themes]
    others = [theme.label for theme in found.others]
    more = [[*labels[:-1], other] for other in others] if len(labels) > 1 else []
    if len(labels) > 2 and len(others) > 1:
        more.insert(1, [labels[0], *others[:2]])
    spare = dict.fromkeys(_joined(each) for each in more[:MOST_ALTERNATIVES])
    return _joined(labels), tuple(spare)


def _joined(labels: Sequence[str]) -> str:
    """Return the labels with commas between, as many as the subject has room for."""
    kept = list(labels)
    while len(kept) > 1 and len(", ".join(kept)) > HEADLINE_CHARACTERS:
        kept.pop()
    return _cut(", ".join(kept), HEADLINE_CHARACTERS)


def _pace(slot: Slot, newsletter: NewsletterSettings) -> Pace:
    """Return what the issue's stretch of time is called; "" where it has no name."""
    if EXTRA in slot.key:
        return ""
    return "monthly" if slot.rhythm is Rhythm.MONTHLY else newsletter.closes.pace


def _lead(themes: Sequence[Theme], items: Sequence[Item], pace: Pace, words: Words) -> str:
    """Return "This weekly recap focuses on a, b, c, and more."; ends where nothing follows."""
    if not items:
        return _nothing(pace, words)
    if not themes:
        return _counted(len(items), pace, words)
    told = [theme.phrase or theme.label for theme in themes]
    if {one for theme in themes for one in theme.publications} < {
        each.publication for each in items
    }:
        told.append(words.gettext("more"))
    return _focused(words.listed(told), pace, words)


def _nothing(pace: Pace, words: Words) -> str:
    return {
        "daily": words.gettext("This daily recap has nothing new to report."),
        "weekly": words.gettext("This weekly recap has nothing new to report."),
        "monthly": words.gettext("This monthly recap has nothing new to report."),
        "": words.gettext("This recap has nothing new to report."),
    }[pace]


def _focused(told: str, pace: Pace, words: Words) -> str:
    return {
        "daily": words.gettext("This daily recap focuses on %(told)s.", told=told),
        "weekly": words.gettext("This weekly recap focuses on %(told)s.", told=told),
        "monthly": words.gettext("This monthly recap focuses on %(told)s.", told=told),
        "": words.gettext("This recap focuses on %(told)s.", told=told),
    }[pace]


def _counted(count: int, pace: Pace, words: Words) -> str:
    return {
        "daily": words.ngettext(
            "This daily recap brings one publication.",
            "This daily recap brings %(count)d publications.",
            count,
        ),
        "weekly": words.ngettext(
            "This weekly recap brings one publication.",
            "This weekly recap brings %(count)d publications.",
            count,
        ),
        "monthly": words.ngettext(
            "This monthly recap brings one publication.",
            "This monthly recap brings %(count)d publications.",
            count,
        ),
        "": words.ngettext(
            "This recap brings one publication.",
            "This recap brings %(count)d publications.",
            count,
        ),
    }[pace]


def _further(pace: Pace, words: Words) -> str:
    """Return the heading of what no theme has."""
    return {
        "daily": words.gettext("More today"),
        "weekly": words.gettext("More this week"),
        "monthly": words.gettext("More this month"),
        "": words.gettext("More"),
    }[pace]


def _worded(headline: str, lead: str, edits: Edits) -> tuple[str, str, tuple[str, ...]]:
    """Return headline and lead as an editor wants them, and which of them one wrote."""
    human = []
    if edits.headline is not None and _line(edits.headline):
        headline = _line(edits.headline)
        human.append("headline")
    if edits.lead is not None and _line(edits.lead):
        lead = _line(edits.lead)
        human.append("lead")
    return headline, lead, tuple(human)


def _subject(headline: str, newsletter: NewsletterSettings, slot: Slot, words: Words) -> str:
    if headline:
        return f"{headline}: {newsletter.title}"
    close = slot.window.end.astimezone(newsletter.zone)
    return f"{newsletter.title}, {words.day(close.date())}"


def _preheader(themes: Sequence[Theme], items: Sequence[Item], lead: str, words: Words) -> str:
    """Return the titles that the subject says nothing of, as far as they fit; else the lead."""
    told = {one for theme in themes for one in theme.publications[:1]}
    said = ""
    for title in (_line(each.title) for each in items if each.publication not in told):
        longer = f"{said} · {title}" if said else words.gettext("Also: %(title)s", title=title)
        if title and len(longer) <= PREHEADER_CHARACTERS:
            said = longer
    return said or lead


def _line(text: str) -> str:
    return " ".join(text.split())


def _cut(text: str, most: int) -> str:
    if len(text) <= most:
        return text
    return text[: most - 1].rsplit(" ", 1)[0].rstrip(",.;:") + "…"


# --- sections -----------------------------------------------------------------------------


def _sections(
    themes: Sequence[Theme],
    items: Sequence[Item],
    newsletter: NewsletterSettings,
    edits: Edits,
    words: Words,
    blocks: Sequence[Block],
    *,
    pace: Pace,
) -> tuple[Section, ...]:
    """Return the sections in the newsletter's order; those without content are left out."""
    events = tuple(each.publication for each in items if each.starts_at is not None)
    themed = tuple(one for theme in themes for one in theme.publications)
    if "themes" not in newsletter.sections:
        themed = ()
    rest = [e for e in items if e.publication not in {*themed, *events}]
    made = {
        "intro": _intro(edits),
        "themes": (Section(key="themes", items=themed),) if themed else (),
        "more": _more(rest, words, headed=bool(themed), pace=pace),
        "upcoming": _upcoming(events, words),
        **{f"block:{each.key}": (Section(key=f"block-{each.key}", block=each),) for each in blocks},
    }
    return tuple(section for name in _named(newsletter.sections) for section in made.get(name, ()))


def _named(sections: Sequence[str | Mapping[str, str]]) -> list[str]:
    """Return the sections' names, each once; a block is named by its key, ``block:sponsor``."""
    names = []
    for section in sections:
        if isinstance(section, str):
            names.append(section)
        else:
            names += [
                f"block:{value}" if name == "block" else name for name, value in section.items()
            ]
    return list(dict.fromkeys(names))


def _valid(
    blocks: Sequence[Block], slot: Slot, newsletter: NewsletterSettings
) -> tuple[Block, ...]:
    sent_on = slot.sends_at.astimezone(newsletter.zone).date()
    return tuple(block for block in blocks if block.valid_on(sent_on))


def _intro(edits: Edits) -> tuple[Section, ...]:
    if not edits.intro or not edits.intro.strip():
        return ()
    return (Section(key="intro", block=Block(key="intro", markdown=edits.intro.strip())),)


def _upcoming(events: tuple[int, ...], words: Words) -> tuple[Section, ...]:
    if not events:
        return ()
    return (Section(key="upcoming", title=words.gettext("Upcoming"), items=events),)


def _more(rest: Sequence[Item], words: Words, *, headed: bool, pace: Pace) -> tuple[Section, ...]:
    """Return what no theme has, kinds together; many of several kinds get headings."""
    kinds: dict[str, list[int]] = {}
    for item in rest:
        kinds.setdefault(item.kind, []).append(item.publication)
    if len(kinds) > 1 and len(rest) >= HEADINGS_FROM:
        return tuple(
            Section(key=_key(kind), title=kind or words.gettext("More"), items=tuple(ids))
            for kind, ids in kinds.items()
        )
    ids = tuple(one for each in kinds.values() for one in each)
    title = _further(pace, words) if headed else ""
    return (Section(key="more", title=title, items=ids),) if ids else ()


def _key(kind: str) -> str:
    return "-".join(["more", *re.findall(r"\w+", kind.lower())])
