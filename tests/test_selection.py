"""Selection: which publications are in, in which order, and the reason for each."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from digest.calendar import Slot, following, slot_closing
from digest.model import Candidate, Edits, Publication
from digest.model.settings import FeedSettings, NewsletterSettings
from digest.selection import OUT, select

CLOSING = date(2023, 9, 22)
LONG_AGO = datetime(2020, 1, 1, tzinfo=UTC)


def a_newsletter(**told: Any) -> NewsletterSettings:
    facts = {
        "title": "Recap",
        "from": "recap@example.org",
        "postal_address": "1 Sample Street, Springfield",
        "timezone": "America/New_York",
    }
    return NewsletterSettings(**(facts | told))


def a_slot(newsletter: NewsletterSettings) -> Slot:
    return slot_closing(newsletter, CLOSING)


def chosen(
    publications: list[Publication],
    *,
    used: dict[int, str] | None = None,
    edits: Edits | None = None,
    **told: Any,
) -> dict[int, Candidate]:
    """Select for the sample's week; the candidates by publication, in their order."""
    newsletter = a_newsletter(**told)
    candidates = select(
        publications,
        slot=a_slot(newsletter),
        newsletter=newsletter,
        used=used or {},
        edits=edits or Edits(),
    )
    return {each.publication: each for each in candidates}


def codes(candidates: dict[int, Candidate]) -> dict[int, str]:
    return {one: each.code for one, each in candidates.items()}


# --- the window ---------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("on", "code"),
    [
        ("2023-09-12T09:59:59", "old"),
        ("2023-09-12T10:00:00", "lead"),
        ("2023-09-22T09:59:59", "lead"),
        ("2023-09-22T10:00:00", "after-close"),
        ("2024-02-26T05:00:00", "after-close"),
    ],
    ids=["a second early", "the look-back's first", "the last second", "the close", "next year"],
)
def test_what_is_in_lies_between_look_back_and_close(publication, on, code):
    """The look-back's first instant is in, the closing instant belongs to the next week."""
    assert chosen([publication(1, on=on)])[1].code == code


@pytest.mark.parametrize(
    ("seen", "code"),
    [
        ("2023-09-15T09:59:59", "old"),
        ("2023-09-15T10:00:00", "lead"),
        ("2023-09-22T09:59:59", "lead"),
        ("2023-09-22T10:00:00", "old"),
    ],
    ids=["seen last week", "at the last close", "just before this close", "next week's"],
)
def test_a_late_arrival_belongs_to_the_week_that_first_saw_it(publication, seen, code):
    """What is older than the look-back is in if it was first seen in this window."""
    seen_at = datetime.fromisoformat(seen).replace(tzinfo=UTC)
    candidate = chosen([publication(1, on="2023-09-01", first_seen_at=seen_at)])[1]

    assert candidate.code == code
    assert ("late arrival of Aug 31, first seen" in candidate.reason) is candidate.included


def test_a_late_arrival_may_be_a_month_old_and_no_more(publication):
    """Older than `late` at the close is old, however newly seen."""
    seen = datetime(2023, 9, 20, tzinfo=UTC)
    found = chosen(
        [
            publication(1, on="2023-08-22T10:00:00", first_seen_at=seen),
            publication(2, on="2023-08-22T09:59:59", first_seen_at=seen),
        ]
    )

    assert codes(found) == {1: "lead", 2: "old"}


def test_what_has_no_date_counts_from_when_it_was_seen(publication):
    """A missing date falls back to the first-seen time."""
    seen = datetime(2023, 9, 20, tzinfo=UTC)

    assert chosen([publication(1, published_at=None, first_seen_at=seen)])[1].included


@settings(max_examples=20, deadline=None)
@given(st.datetimes(datetime(2023, 8, 1), datetime(2023, 10, 20), timezones=st.just(UTC)))
def test_no_publication_falls_between_two_weeks(moment):
    """Whenever something is published, one of the slots from then on takes it."""
    newsletter = a_newsletter(look_back="7d")
    slot = slot_closing(newsletter, date(2023, 7, 28))
    thing = Publication(id=1, title="A thing", published_at=moment, first_seen_at=moment)
    taken = 0
    for _ in range(14):
        slot = following(newsletter, slot)
        found = select([thing], slot=slot, newsletter=newsletter, used={}, edits=Edits())
        taken += found[0].included

    assert taken == 1


def test_a_score_of_nothing_is_a_sum_all_the_same(publication):
    """Its reason ends in what the parts add up to, be there none."""
    nothing = dict.fromkeys(("recency", "kind", "topic", "novelty", "substance"), 0)
    (found,) = chosen([publication()], ranking=nothing).values()
    assert found.reason.endswith("0.00 = 0")


# --- the rules ----------------------------------------------------------------------------


def test_each_rule_says_why(publication):
    """Every reason names the fact behind it, in the newsletter's local time."""
    found = chosen(
        [
            publication(1, on="2023-09-11T20:00:00"),
            publication(2, on="2022-12-30T20:00:00"),
            publication(3, on="2023-09-25"),
            publication(4, kind="Weekly Recap"),
            publication(5, topics=("Sports", "Golf")),
            publication(6, title="A Sponsored Thing"),
            publication(7),
            publication(8, hidden=True),
            publication(9),
            publication(10),
        ],
        used={7: "2023-09-15"},
        edits=Edits(exclusions=(9,)),
        exclude={"kinds": ["weekly recap"], "topics": ["golf"], "words": ["sponsored"]},
    )

    assert {one: (each.code, each.reason) for one, each in found.items() if one != 10} == {
        1: ("old", "Sep 11; look-back began Sep 12 06:00"),
        2: ("old", "Dec 30, 2022; look-back began Sep 12 06:00"),
        3: ("after-close", "Sep 24; after the close, Sep 22 06:00"),
        4: ("kind", "kind excluded: Weekly Recap"),
        5: ("topic", "topic excluded: Golf"),
        6: ("word", "word excluded: Sponsored"),
        7: ("used", "in the issue of 2023-09-15"),
        8: ("hidden", "hidden by an editor"),
        9: ("excluded", "excluded by an editor"),
    }
    assert found[10].included


def test_a_word_is_excluded_as_a_whole_word_only(publication):
    """Excluding "ad" leaves "adapt" alone, and braces in a title break nothing."""
    found = chosen(
        [publication(1, title="{Adapt} to it"), publication(2, title="An ad. {}")],
        exclude={"words": ["ad"]},
    )

    assert (found[1].included, found[2].code) == (True, "word")


def test_what_is_out_stands_behind_what_is_in_nearest_miss_first(publication):
    """Candidates come by rank, then by reason, the one an editor may want back first."""
    found = chosen(
        [
            publication(1, on="2023-08-01"),
            publication(2, on="2023-09-10"),
            publication(3),
            publication(4, kind="Recap"),
        ],
        exclude={"kinds": ["Recap"]},
    )

    assert list(found) == [3, 2, 1, 4]


def test_a_pin_beats_every_rule(publication):
    """Age, kind, use, hiding, the limit and even an exclusion give way to a pin."""
    pinned = [
        publication(1, on="2019-01-01"),
        publication(2, kind="Recap"),
        publication(3),
        publication(4, hidden=True),
        publication(5),
        publication(6, on="2030-01-01"),
    ]
    found = chosen(
        [*pinned, publication(7)],
        used={3: "2023-09-15"},
        edits=Edits(pins=(6, 1, 2, 3, 4, 5), exclusions=(5,)),
        exclude={"kinds": ["Recap"]},
        items={"min": 0, "max": 1},
    )

    assert list(found)[:6] == [6, 1, 2, 3, 4, 5]
    assert {found[n].code for n in range(1, 7)} == {"pinned"}
    assert found[6].reason.startswith("pinned as the lead by an editor")
    assert found[7].reason == "beyond the limit of 1 item"


def test_the_editors_order_comes_before_the_score(publication):
    """Ordered ones stand as ordered, a new pin before them, the others follow by score."""
    made = [publication(n, on=f"2023-09-{12 + n}") for n in range(1, 6)]
    found = chosen(made, edits=Edits(order=(2, 1), pins=(3, 1)))

    assert list(found) == [3, 2, 1, 5, 4]


# --- duplicates and limits ----------------------------------------------------------------


def test_the_same_title_from_two_feeds_is_in_once(publication):
    """Of two with one title the older stays, and the other names it."""
    found = chosen(
        [
            publication(1, title="The Long Road to Peace: A Study", on="2023-09-19"),
            publication(2, title="The long road to peace — a study", on="2023-09-18"),
        ]
    )

    assert found[2].included
    assert (found[1].code, found[1].reason) == ("duplicate", "same title as publication 2")


def test_what_an_issue_had_is_not_repeated_under_another_number(publication):
    """A re-issued title is a duplicate of the one that is used, hidden or excluded."""
    title = "A Title That Says Enough"
    found = chosen(
        [publication(1, title=title), publication(2, title=title)], used={1: "2023-09-15"}
    )

    assert codes(found) == {1: "used", 2: "duplicate"}


def test_short_titles_make_no_duplicates(publication):
    """Two things called "Update" are two things."""
    found = chosen([publication(1, title="Update"), publication(2, title="Update")])

    assert all(each.included for each in found.values())


@pytest.mark.parametrize(
    ("limits", "facts", "reason"),
    [
        ({"per_kind": {"report": 1}}, {"kind": "Report"}, "1 for the kind “report”"),
        ({"per_topic": {"Asia": 1}}, {"topics": ("Asia", "Trade")}, "1 for the topic “asia”"),
        (
            {"per_feed": {"https://example.org/a.xml": 1}},
            {"feeds": ("https://example.org/a.xml",)},
            "1 for the feed “https://example.org/a.xml”",
        ),
        ({"min": 0, "max": 1}, {}, "1 item"),
    ],
    ids=["kind", "topic", "feed", "all"],
)
def test_limits_drop_the_last_ranked(publication, limits, facts, reason):
    """Beyond a limit the lower score goes, saying which limit it was."""
    found = chosen(
        [publication(1, on="2023-09-13", **facts), publication(2, on="2023-09-20", **facts)],
        items=limits,
    )

    assert found[2].included
    assert found[1].reason == f"beyond the limit of {reason}"


# --- the score ----------------------------------------------------------------------------


def test_the_score_is_the_sum_of_its_named_parts(publication):
    """The reason shows the parts, and they are what ranks."""
    found = chosen([publication(1, summary="Much is said here of rivers, bridges and boats.")])[1]
    total = sum(found.score.values())

    assert found.reason.startswith(
        f"lead: {total:.2f} = recency .{round(found.score['recency'] * 100)}"
    )
    assert set(found.score) == {"recency", "kind", "topic", "novelty", "substance"}


def test_weights_move_kinds_and_topics(publication):
    """A kind of weight 3 goes before, one of weight 0 behind what is otherwise newer."""
    made = [
        publication(1, on="2023-09-20", kind="Event note", title="Boats"),
        publication(2, on="2023-09-19", kind="Report", title="Ships"),
        publication(3, on="2023-09-18", topics=("Asia",), title="Ferry"),
    ]

    assert list(chosen(made, weights={"report": 3, "Event note": 0, "asia": 2})) == [2, 3, 1]


@settings(max_examples=25, deadline=None)
@given(st.data())
def test_the_order_of_the_input_plays_no_part(data):
    """The same publications in any order give the same candidates, byte for byte."""
    title = st.sampled_from(["Boats and More Boats", "Ships", "Ships Again and Again", "Rafts", ""])
    made = [
        Publication(
            id=n,
            title=data.draw(title),
            kind=data.draw(st.sampled_from(["", "Report", "Recap"])),
            published_at=data.draw(
                st.datetimes(datetime(2023, 8, 1), datetime(2023, 9, 25), timezones=st.just(UTC))
            ),
            first_seen_at=datetime(2023, 9, 16, tzinfo=UTC),
        )
        for n in range(1, 13)
    ]
    shuffled = data.draw(st.permutations(made))
    rules = {"items": {"max": 5, "per_kind": {"Report": 2}}, "exclude": {"kinds": ["Recap"]}}
    plain, mixed = (list(chosen(each, **rules).items()) for each in (made, shuffled))

    assert plain == mixed
    assert repr(plain) == repr(mixed)
    assert all(each.code in OUT or each.included for _, each in plain)


@pytest.mark.parametrize("year", [1, 1678, 9999])
def test_absurd_years_are_only_old_or_after_the_close(publication, year):
    """A date that a feed invented is judged like any other."""
    found = chosen(
        [publication(1, published_at=datetime(year, 6, 1, tzinfo=UTC), first_seen_at=LONG_AGO)]
    )

    assert found[1].code == ("after-close" if year > 2023 else "old")


def test_nothing_gives_nothing():
    """No publications, no candidates."""
    assert chosen([]) == {}


# --- events -------------------------------------------------------------------------------


def test_events_repeat_until_they_are_past(publication):
    """An event is in from two weeks before until its day, used or not, behind all items."""
    made = [
        publication(1),
        publication(2, starts_at=datetime(2023, 9, 28, 16, tzinfo=UTC), on="2023-06-01"),
        publication(3, starts_at=datetime(2023, 9, 22, 16, tzinfo=UTC), on="2023-06-01"),
        publication(4, starts_at=datetime(2023, 9, 21, 16, tzinfo=UTC), on="2023-06-01"),
        publication(5, starts_at=datetime(2023, 10, 20, 16, tzinfo=UTC), on="2023-06-01"),
    ]
    found = chosen(made, used={2: "2023-09-15"}, items={"min": 0, "max": 1})

    assert [one for one, each in found.items() if each.included] == [1, 3, 2]
    assert found[2].reason.startswith("takes place Sep 28; ")
    assert found[4].reason == "took place Sep 21"
    assert found[5].reason == "takes place Oct 20; shown from Oct 6"


def test_events_need_a_section(publication):
    """A newsletter without the section shows no events, and says so."""
    starts = datetime(2023, 9, 28, 16, tzinfo=UTC)
    found = chosen([publication(1, starts_at=starts)], sections=["themes", "more"])

    assert (found[1].code, found[1].reason) == ("event", "no section shows events")


def test_a_calendar_that_stamps_the_present_does_not_hide_its_events(publication):
    """An event dated after the close but seen before it is not "after the close"."""
    found = chosen(
        [
            publication(
                1,
                starts_at=datetime(2023, 9, 28, 16, tzinfo=UTC),
                on="2023-09-22T11:00:00",
                first_seen_at=LONG_AGO,
            )
        ]
    )

    assert found[1].included


# --- the sample ---------------------------------------------------------------------------


def test_the_samples_week(shared):
    """Of the page's 22 publications 6 are in and 16 out, each for its reason."""
    from digest import feeds

    newsletter = a_newsletter(exclude={"kinds": ["Weekly Recap"]})
    now = datetime(2024, 3, 1, tzinfo=UTC)
    parsed = feeds.parse(
        (shared / "seed" / "security-cooperation.txt").read_bytes(),
        FeedSettings(url="page.txt", kind="text"),
        url="page.txt",
        zone=newsletter.zone,
        now=now,
    )
    publications = [
        Publication(
            id=n,
            title=entry.title,
            summary=entry.summary,
            kind=entry.kind,
            published_at=entry.published_at,
            first_seen_at=entry.published_at or now,
        )
        for n, entry in enumerate(parsed.entries)
    ]
    found = select(
        publications, slot=a_slot(newsletter), newsletter=newsletter, used={}, edits=Edits()
    )
    counted = [each.code for each in found]

    assert len(found) == 22
    assert sum(each.included for each in found) == 6
    assert [counted.count(code) for code in ("old", "after-close", "kind")] == [12, 2, 2]
    assert found[0].title.startswith("Why Improve Ukraine")
    assert timedelta(days=9) < a_slot(newsletter).window.end - publications[9].dated
