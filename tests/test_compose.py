"""Compose: headline, lead, items and sections, under an editor's words."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from digest.calendar import slot_closing
from digest.compose import HEADLINE_CHARACTERS, compose
from digest.model import Block, Edits, Publication, Recap, Rhythm
from digest.model.settings import NewsletterSettings
from digest.selection import select

CLOSING = date(2023, 9, 22)
DAY = timedelta(days=1)
TUESDAY = datetime(2023, 9, 19, 12, tzinfo=UTC)
WOLVES = ("Wolves in the Alps", "Wolves are back in the Alps, and shepherds keep watch.")
FERRIES = ("Ferry Safety: Who Pays?", "Ferry safety in Norway.")
ROBOTS = ("How farmers feel about robots", "Milking robots are welcome.")
SCHOOLS = ("School Meals Get Better", "Cooks and pupils agree on school meals.")


def a_newsletter(**told: Any) -> NewsletterSettings:
    facts = {
        "title": "Acme Recap",
        "from": "recap@example.org",
        "postal_address": "1 Sample Street, Springfield",
        "timezone": "America/New_York",
    }
    return NewsletterSettings(**(facts | told))


def some(*texts: tuple[str, str], **told: Any) -> list[Publication]:
    """Publications of that Tuesday, numbered from 1."""
    return [
        Publication(id=n, title=title, summary=summary, **({"first_seen_at": TUESDAY} | told))
        for n, (title, summary) in enumerate(texts, 1)
    ]


def composed(
    publications: list[Publication],
    *,
    edits: Edits | None = None,
    blocks: tuple[Block, ...] = (),
    **told: Any,
) -> Recap:
    """Compose the week of *publications*; what is listed first leads."""
    newsletter = a_newsletter(**told)
    slot = slot_closing(newsletter, CLOSING)
    edits = edits or Edits()
    if not edits.order:
        edits = replace(edits, order=tuple(each.id for each in publications))
    candidates = select(publications, slot=slot, newsletter=newsletter, used={}, edits=edits)
    return compose(
        candidates,
        publications,
        slot=slot,
        newsletter=newsletter,
        edits=edits,
        history=(),
        blocks=blocks,
    )


# --- headline and lead --------------------------------------------------------------------


def test_the_subject_names_three_themes_and_the_newsletter():
    """Three labels with commas between, then the newsletter's title."""
    recap = composed(some(WOLVES, FERRIES, ROBOTS))

    assert recap.headline == "Wolves in the Alps, Ferry Safety, Robots"
    assert recap.subject == "Wolves in the Alps, Ferry Safety, Robots: Acme Recap"


@pytest.mark.parametrize(
    ("texts", "lead"),
    [
        (
            (WOLVES, FERRIES, ROBOTS, SCHOOLS),
            "This weekly recap focuses on wolves in the Alps, ferry safety in Norway,"
            " how farmers feel about robots, and more.",
        ),
        (
            (WOLVES, FERRIES, ROBOTS),
            "This weekly recap focuses on wolves in the Alps, ferry safety in Norway,"
            " and how farmers feel about robots.",
        ),
        (
            (WOLVES, FERRIES),
            "This weekly recap focuses on wolves in the Alps and ferry safety in Norway.",
        ),
        ((WOLVES,), "This weekly recap focuses on wolves in the Alps."),
        ((WOLVES, ("…", "")), "This weekly recap focuses on wolves in the Alps and more."),
        ((("…", ""),), "This weekly recap brings one publication."),
        ((("…", ""), ("?", "")), "This weekly recap brings 2 publications."),
        ((), "This weekly recap has nothing new to report."),
    ],
    ids=["more follows", "three", "two", "one", "one and more", "no theme", "none of two", "empty"],
)
def test_the_lead_is_a_sentence_whatever_the_week_holds(texts, lead):
    """ "and more" stands where more follows; without a theme nothing is made up."""
    assert composed(some(*texts)).lead == lead


def test_without_a_theme_the_subject_is_the_newsletter_and_its_day():
    """A week without a usable word still has a subject."""
    recap = composed(some(("…", "")))

    assert (recap.headline, recap.subject) == ("", "Acme Recap, September 22, 2023")


def test_a_monthly_issue_says_so():
    """The lead names the rhythm that the reader is on."""
    newsletter = a_newsletter()
    slot = replace(slot_closing(newsletter, CLOSING), rhythm=Rhythm.MONTHLY)
    recap = compose((), (), slot=slot, newsletter=newsletter, edits=Edits(), history=())

    assert recap.lead == "This monthly recap has nothing new to report."


def test_the_preheader_says_what_the_subject_does_not():
    """It names the items that lead no theme; where all do, it is the lead."""
    full = composed(some(WOLVES, FERRIES, ROBOTS, SCHOOLS, ("Boats", "On boats.")))

    assert full.preheader == "Also: School Meals Get Better · Boats"
    assert composed(some(WOLVES)).preheader == composed(some(WOLVES)).lead


def test_alternatives_are_other_headlines():
    """With more themes than fit, others to choose from are offered, none twice."""
    recap = composed(some(WOLVES, FERRIES, ROBOTS, SCHOOLS, ("Solar Roofs", "Solar roofs pay.")))

    assert len(recap.alternatives) == len({recap.headline, *recap.alternatives}) - 1 > 0
    assert all(other.startswith("Wolves in the Alps, ") for other in recap.alternatives)


def test_an_editors_order_decides_which_themes_are_named():
    """The first three that an editor put first are the themes, whatever they weigh."""
    publications = some(SCHOOLS, FERRIES, ROBOTS, WOLVES)
    recap = composed(publications, edits=Edits(order=(4, 3, 1, 2)))

    assert [theme.publications[0] for theme in recap.themes] == [4, 3, 1]


# --- sections -----------------------------------------------------------------------------


def sections(recap: Recap) -> list[tuple[str, tuple[int, ...]]]:
    return [(section.key, section.items) for section in recap.sections]


def test_sections_stand_in_the_newsletters_order():
    """Intro, themes, the rest and events follow `sections`; what is empty is left out."""
    event = datetime(2023, 9, 28, 16, tzinfo=UTC)
    publications = [
        *some(WOLVES, FERRIES, ROBOTS, SCHOOLS),
        Publication(id=5, title="Harbour Day", starts_at=event, first_seen_at=TUESDAY),
    ]
    recap = composed(
        publications,
        edits=Edits(intro="Good *morning*."),
        sections=[{"upcoming": "14d"}, "more", {"block": "nobody"}, "themes", "intro"],
    )

    assert sections(recap) == [
        ("upcoming", (5,)),
        ("more", (4,)),
        ("themes", (1, 2, 3)),
        ("intro", ()),
    ]
    block = recap.sections[-1].block
    assert block
    assert block.markdown == "Good *morning*."


@pytest.mark.parametrize(
    ("begins", "ends", "shown"),
    [
        (None, None, True),
        (CLOSING, CLOSING, True),
        (None, CLOSING - DAY, False),
        (CLOSING + DAY, None, False),
        (CLOSING - DAY, CLOSING + DAY, True),
    ],
    ids=["always", "that day", "over", "to come", "within"],
)
def test_a_block_is_shown_on_its_days(begins: date | None, ends: date | None, shown: bool):
    """Its days are those of sending, the first and the last among them."""
    block = Block(key="sponsor", markdown="Words.", valid_from=begins, valid_until=ends)
    recap = composed(
        some(WOLVES), sections=["themes", {"block": "sponsor"}, "more"], blocks=(block,)
    )

    found = [section.block for section in recap.sections if section.key == "block-sponsor"]
    assert found == ([block] if shown else [])
    assert [section.key for section in recap.sections][:1] == ["themes"]


def test_no_item_stands_in_two_sections():
    """Every item is in the mail, once."""
    recap = composed(some(WOLVES, FERRIES, ROBOTS, SCHOOLS, ("…", "")))
    shown = [one for section in recap.sections for one in section.items]

    assert sorted(shown) == sorted(item.publication for item in recap.items) == [1, 2, 3, 4, 5]


def test_many_further_items_stand_under_their_kinds():
    """Six or more of several kinds get a heading for each kind."""
    texts = [
        (f"{name} Farming", f"On {name.lower()} farming.")
        for name in (
            "Kelp",
            "Hemp",
            "Rice",
            "Flax",
            "Oyster",
            "Salmon",
            "Barley",
            "Millet",
            "Tulip",
        )
    ]
    publications = [
        replace(each, kind="Video" if each.id % 2 else "Report") for each in some(*texts)
    ]
    recap = composed(publications)
    headed = {section.key: section.title for section in recap.sections}

    assert headed.get("more-video"), headed
    assert headed["more-report"] == "Report"


def test_items_have_the_day_in_the_newsletters_zone():
    """Two in the morning in UTC is the evening before in New York."""
    publications = some(WOLVES, published_at=datetime(2023, 9, 20, 2, tzinfo=UTC))

    assert composed(publications).items[0].published_on == date(2023, 9, 19)


# --- an editor's words --------------------------------------------------------------------


def test_an_editors_words_are_laid_over_and_marked():
    """Titles, summaries, labels, headline and lead are the editor's, and say so."""
    edits = Edits(
        titles={1: "Wolves!"},
        summaries={1: ""},
        labels={2: "Safer Ferries"},
        headline="Wolves\r\nBcc: all@example.org",
        lead="  What a week.  ",
    )
    recap = composed(some(WOLVES, FERRIES), edits=edits)

    assert (recap.items[0].title, recap.items[0].summary) == ("Wolves!", "")
    assert recap.items[0].edited == ("title", "summary")
    assert recap.items[1].edited == ()
    assert [(t.label, t.human) for t in recap.themes][1] == ("Safer Ferries", True)
    assert recap.headline == "Wolves Bcc: all@example.org"
    assert recap.subject == "Wolves Bcc: all@example.org: Acme Recap"
    assert recap.lead == "What a week."
    assert recap.human == ("headline", "lead")


def test_dropping_an_item_changes_headline_and_lead():
    """Headline and lead follow the items."""
    whole, less = composed(some(WOLVES, FERRIES)), composed(some(WOLVES, FERRIES)[1:])

    assert "Wolves" in whole.headline
    assert "Wolves" not in less.headline + less.lead


# --- any text -----------------------------------------------------------------------------

texts = st.text(st.characters(codec="utf-8"), max_size=60) | st.lists(
    st.sampled_from(
        ["wolves", "Alps", "ferry", "the", "of", "School", "robots'", "U.S.", "“Sea", "”"]
    ),
    max_size=12,
).map(" ".join)


@settings(max_examples=60, deadline=None)
@given(st.lists(st.tuples(texts, texts), max_size=6), st.randoms())
def test_whatever_comes_makes_the_same_recap_in_any_order(pairs, chance):
    """The input's order plays no part, no line break reaches the subject, and it fits."""
    newsletter = a_newsletter()
    slot = slot_closing(newsletter, CLOSING)
    publications = some(*pairs)
    shuffled = chance.sample(publications, len(publications))
    recaps = [
        compose(
            select(each, slot=slot, newsletter=newsletter, used={}, edits=Edits()),
            each,
            slot=slot,
            newsletter=newsletter,
            edits=Edits(),
            history=each,
        )
        for each in (publications, shuffled)
    ]

    assert repr(recaps[0]) == repr(recaps[1])
    assert len(recaps[0].headline) <= HEADLINE_CHARACTERS
    assert recaps[0].lead.endswith(".")
    for line in (recaps[0].subject, recaps[0].lead, recaps[0].preheader):
        assert not set("\r\n\t") & set(line)


# --- what editors want of the themes ------------------------------------------------------


BUSES = (
    ("Rebuilding Ukraine After the War", ""),
    ("Hydrogen Buses in Norway", ""),
    ("Long Waits for Dentists", ""),
    ("Coastal Flooding and Home Insurance", ""),
    ("Buses Powered by Hydrogen Reach Norway’s North", ""),
)


def leads(recap: Recap) -> list[int]:
    return [theme.publications[0] for theme in recap.themes]


def test_a_pinned_theme_is_in_the_headline() -> None:
    """A theme that an editor pinned is in the headline, and says that it was pinned."""
    plain = composed(some(*BUSES))
    out = plain.others[-1].publications[0]
    recap = composed(some(*BUSES), edits=Edits(theme_pins=(out,)))
    assert out in leads(recap)
    assert [t.edited for t in recap.themes if t.publications[0] == out] == [("pinned",)]


def test_a_dropped_theme_is_neither_in_the_headline_nor_beside_it() -> None:
    """A theme that an editor dropped is no theme, even if pinned and named; its item stays."""
    out = composed(some(*BUSES)).themes[0].publications[0]
    edits = Edits(theme_drops=(out,), theme_pins=(out,), labels={out: "Mine"})
    recap = composed(some(*BUSES), edits=edits)
    assert out not in {t.publications[0] for t in (*recap.themes, *recap.others)}
    assert recap.item(out)


def test_themes_move_where_an_editor_puts_them() -> None:
    """The headline has the themes that an editor ordered first, in that order."""
    before = leads(composed(some(*BUSES)))
    recap = composed(some(*BUSES), edits=Edits(theme_order=(before[2], before[0])))
    assert leads(recap) == [before[2], before[0], before[1]]
    assert recap.headline.startswith(recap.themes[0].label)


def test_merging_brings_all_that_the_theme_has() -> None:
    """A merged lead brings those it leads; the theme it joins keeps its lead."""
    recap = composed(some(*BUSES), edits=Edits(merges={2: 3}, theme_pins=(3,)))
    theme = next(t for t in recap.themes if t.publications[0] == 3)
    assert set(theme.publications) == {2, 3, 5}
    assert theme.edited == ("merged", "pinned")


def test_a_split_publication_leads_a_theme_of_its_own() -> None:
    """What an editor split off is in nobody else's theme."""
    together = composed(some(*BUSES))
    assert (2, 5) in [t.publications for t in (*together.themes, *together.others)]
    recap = composed(some(*BUSES), edits=Edits(splits=(5,)))
    assert (2, 5) not in [t.publications for t in (*recap.themes, *recap.others)]


@given(
    merges=st.dictionaries(st.integers(1, 7), st.integers(1, 7)),
    splits=st.lists(st.integers(1, 7)),
    pins=st.lists(st.integers(1, 7)),
    drops=st.lists(st.integers(1, 7)),
    order=st.lists(st.integers(1, 7)),
)
def test_any_wishes_about_themes_make_a_recap(
    merges: dict[int, int], splits: list[int], pins: list[int], drops: list[int], order: list[int]
) -> None:
    """Whatever editors want of the themes, each publication is in at most one of them."""
    edits = Edits(
        merges=merges,
        splits=tuple(splits),
        theme_pins=tuple(pins),
        theme_drops=tuple(drops),
        theme_order=tuple(order),
    )
    recap = composed(some(*BUSES), edits=edits)
    members = [one for t in (*recap.themes, *recap.others) for one in t.publications]
    assert len(members) == len(set(members))
    assert not {t.publications[0] for t in recap.themes} & set(drops)


def test_weights_of_the_ranking_are_config() -> None:
    """A theme's parts follow the newsletter's `ranking`; a part that is 0 is not there."""
    plain = composed(some(*BUSES))
    bare = composed(some(*BUSES), ranking={"label": 0, "phrase": 0, "central": 0})
    assert any("label" in theme.evidence.parts for theme in plain.themes)
    assert not any({"label", "phrase", "central"} & {*t.evidence.parts} for t in bare.themes)
