"""The feed store keeps each publication once, whoever brings it, on both databases."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from digest.identity import title_key
from digest.model import Entry, Image, Publication, Refusal
from digest.model.settings import FeedSettings
from digest.store import Database, bringing, feeds, publications
from digest.store.bringing import Brought

NOW = datetime(2023, 9, 20, 12, tzinfo=UTC)
TUESDAY = datetime(2023, 9, 19, 4, tzinfo=UTC)
ONE, OTHER = "https://example.org/one.xml", "https://example.org/other.xml"
TITLE = "A Title That Tells Enough"


def entry(title: str = TITLE, **told: Any) -> Entry:
    facts = {"guid": "1", "link": "https://example.org/a", "published_at": TUESDAY}
    return Entry(title=title, **(facts | told))


class Shelf:
    """A feed store of one newsletter, as the tests speak of it."""

    def __init__(self, database: Database) -> None:
        self.database = database

    def bring(
        self, *entries: Entry, feed: str = ONE, now: datetime = NOW, baseline: bool = False
    ) -> Brought:
        with self.database.write() as conn:
            added = feeds.add(conn, "weekly", FeedSettings(url=feed), origin="desk", now=now)
            return bringing.bring(conn, added.id, entries, now=now, baseline=baseline)

    def all(self) -> list[Publication]:
        with self.database.read() as conn:
            return publications.candidates(conn, "weekly", since=NOW - timedelta(days=9999))

    def only(self) -> Publication:
        (publication,) = self.all()
        return publication


@pytest.fixture
def shelf(database: Database) -> Shelf:
    return Shelf(database)


def test_an_entry_becomes_a_publication_with_all_it_tells(shelf):
    """Every field of an entry comes back as it was, with the feed that carries it."""
    told = entry(
        summary="Summary.",
        kind="Report",
        topics=("Ukraine", "NATO"),
        authors=("Ana Ruiz",),
        image=Image(url="https://example.org/i.jpg", alt="A dam", width=3),
        language="en",
        starts_at=NOW,
        day_only=True,
        updated_at=NOW,
    )
    shelf.bring(told)

    got = shelf.only()
    for field in Entry.__dataclass_fields__:
        if field != "guid":
            assert getattr(got, field) == getattr(told, field), field
    assert (got.first_seen_at, got.changed_at, got.hidden, got.feeds) == (NOW, None, False, (ONE,))


def test_bringing_the_same_again_changes_nothing(shelf):
    """A feed that is read every hour leaves the store as it is."""
    first = shelf.bring(entry(), entry(TITLE + " Too", guid="2", link="https://example.org/b"))
    before = shelf.all()
    again = shelf.bring(
        entry(),
        entry(TITLE + " Too", guid="2", link="https://example.org/b"),
        now=NOW + timedelta(9),
    )

    assert (len(first.new), again.new, again.changed, again.same) == (2, [], [], first.new)
    assert shelf.all() == before


@pytest.mark.parametrize(
    "again",
    [
        {"link": "http://www.example.org/a/?utm_source=x#top", "feed": OTHER},
        {"link": "https://example.org/a", "guid": "2"},
        {"link": "https://example.org/moved"},
        {"link": "https://other.example/a", "feed": OTHER, "guid": "9"},
        {"link": None, "feed": OTHER, "guid": None},
        {"link": "https://example.org/b", "guid": "2"},
    ],
    ids=["another feed", "a new guid", "a new link", "elsewhere", "no link", "all new but title"],
)
def test_one_publication_stays_one(shelf, again):
    """Tracking, scheme, another feed, a new guid or a new link do not make a second one."""
    feed = again.pop("feed", ONE)
    shelf.bring(entry())
    brought = shelf.bring(entry(**again), feed=feed)

    assert brought.new == []
    assert shelf.only().feeds == tuple(sorted({ONE, feed}))


def test_different_things_stay_different(shelf):
    """One home page as link, one guid for all, one title at two dates: three times two."""
    home = "https://example.org/"
    shelf.bring(
        entry("First of the Home Page", guid="1", link=home),
        entry("Second of the Home Page", guid="2", link=home),
        entry("First of One Guid", guid="x", link="https://example.org/1"),
        entry("Second of One Guid", guid="x", link="https://example.org/2"),
        entry("A Series With One Title", guid="3", link="https://example.org/3"),
    )
    shelf.bring(
        entry(
            "A Series With One Title",
            guid="4",
            link="https://example.org/4",
            published_at=TUESDAY + timedelta(days=7),
        )
    )
    assert len(shelf.all()) == 6


def test_a_list_that_repeats_itself_is_kept_once_and_in_its_first_words(shelf):
    """The same link twice in one feed does not change back and forth at every reading."""
    twice = [entry(summary="First."), entry(guid="2", summary="Second.")]
    for _ in range(2):
        brought = shelf.bring(*twice)
    assert (brought.new, brought.changed) == ([], [])
    assert shelf.only().summary == "First."


def test_changed_words_are_stored_and_marked(shelf):
    """Readers are told of an update; a comma is not one."""
    shelf.bring(entry(summary="Before."))
    shelf.bring(entry(summary="Before!"), now=NOW + timedelta(hours=1))
    assert (shelf.only().summary, shelf.only().changed_at) == ("Before!", None)

    later = NOW + timedelta(hours=2)
    brought = shelf.bring(entry(TITLE + " (Revised)", summary="After."), now=later)
    got = shelf.only()
    assert (got.title, got.summary, got.changed_at) == (TITLE + " (Revised)", "After.", later)
    assert brought.changed == [got.id]


def test_another_feed_fills_gaps_and_overwrites_nothing(shelf):
    """The words are those of the feed that brought it first."""
    shelf.bring(entry(summary="Ours.", topics=("Ukraine",)))
    for _ in range(2):
        shelf.bring(entry(guid="z", summary="Theirs.", kind="Report", topics=("NATO",)), feed=OTHER)
        shelf.bring(entry(summary="Ours.", topics=("Ukraine",)))
    got = shelf.only()
    assert (got.summary, got.kind, got.topics) == ("Ours.", "Report", ("Ukraine", "NATO"))
    assert got.changed_at is None


def test_a_feed_never_overwrites_an_editors_words(shelf):
    """What a person wrote stays, also its link; the rest follows the feed."""
    shelf.bring(entry(summary="Before."))
    with shelf.database.write() as conn:
        publications.edit(conn, shelf_id := shelf.only().id, title="Edited", link=None)
    shelf.bring(entry(TITLE + " Anew", summary="After."))

    got = shelf.only()
    assert (got.id, got.title, got.link, got.summary) == (shelf_id, "Edited", None, "After.")


def test_notes_that_begin_alike_are_two(shelf):
    """Of a title that was made, the words after it count too when two may be one."""
    made = entry("Good morning to all of you", title_made=True, summary="The ferry runs.")
    shelf.bring(made)
    other = replace(made, guid="2", link="https://example.org/b", summary="The ferry rests.")
    shelf.bring(other)
    shelf.bring(replace(other, guid="3", link="https://example.org/c"))
    assert len(shelf.all()) == 2


def test_a_title_that_somebody_wrote_takes_the_place_of_one_that_was_made(shelf):
    """From any feed, or from an editor, for good: the feed without a title changes it no more."""
    note = entry("The first words of the note", title_made=True)
    shelf.bring(note)
    shelf.bring(entry("A Real Title"), feed=OTHER)
    for _ in range(2):
        assert (shelf.only().title, shelf.only().title_made) == ("A Real Title", False)
        shelf.bring(note)
    shelf.bring(replace(note, guid="2", link="https://example.org/b"))
    (second,) = [one for one in shelf.all() if one.title_made]
    with shelf.database.write() as conn:
        publications.edit(conn, second.id, title="Edited")
    assert not any(one.title_made for one in shelf.all())


def test_a_hidden_publication_stays_hidden(shelf):
    """Bringing it again does not show it again."""
    shelf.bring(entry())
    with shelf.database.write() as conn:
        publications.hide(conn, shelf.only().id)
    shelf.bring(entry(summary="New."))
    assert shelf.only().hidden


@pytest.mark.parametrize(
    ("published", "seen"),
    [(TUESDAY, TUESDAY), (None, NOW), (NOW + timedelta(days=3), NOW)],
    ids=["past", "undated", "ahead"],
)
def test_a_baseline_makes_nothing_late(shelf, published, seen):
    """What a feed listed at its first import was first seen when it was published."""
    shelf.bring(entry(published_at=published), baseline=True)
    assert shelf.only().first_seen_at == seen


def test_a_link_that_moves_to_another_publication_takes_its_name_along(shelf):
    """Swapped links must not break the store's rule of one row per link."""
    a, b = "https://example.org/a", "https://example.org/b"
    shelf.bring(
        entry("Alpha Has a Title", guid="1", link=a), entry("Beta Has One Too", guid="2", link=b)
    )
    shelf.bring(
        entry("Alpha Has a Title", guid="1", link=b), entry("Beta Has One Too", guid="2", link=a)
    )
    assert len(shelf.all()) == 2


def test_two_processes_bring_the_same_at_once(shelf):
    """Twenty feeds with the same entries, eight at a time: each publication once, no error."""
    entries = [
        entry(f"{TITLE} {n}", guid=str(n), link=f"https://example.org/{n}") for n in range(20)
    ]

    def bring(n: int) -> int:
        return len(shelf.bring(*entries, feed=f"https://example.org/{n}.xml").new)

    with ThreadPoolExecutor(8) as pool:
        new = list(pool.map(bring, range(20)))

    assert sum(new) == 20
    assert len(shelf.all()) == 20
    assert all(len(one.feeds) == 20 for one in shelf.all())


def test_the_longest_keys_can_be_indexed(shelf):
    """Wide characters that fold into many stay within what PostgreSQL indexes."""
    shelf.bring(
        entry("\ufdfa" * 300, guid="😀" * 500, link="https://example.org/" + "a" * 1900),
        entry("😀" * 300, guid=None, link=None),
    )
    assert len(shelf.all()) == 2


def test_many_entries_are_brought_in_one_go(shelf):
    """More than a statement takes values is no limit."""
    entries = [
        entry(f"{TITLE} {n}", guid=str(n), link=f"https://example.org/{n}") for n in range(1200)
    ]
    assert len(shelf.bring(*entries).new) == 1200
    assert len(shelf.bring(*entries).same) == 1200


# --- reading ------------------------------------------------------------------------------


def test_candidates_are_dated_or_first_seen_since_or_still_to_begin(shelf):
    """Recent ones, late arrivals and coming events, oldest first, for that newsletter alone."""
    long_ago = TUESDAY - timedelta(days=60)
    for n, (title, told, seen) in enumerate(
        [
            ("Recent and Dated", {}, NOW),
            ("Late Arrival of Old Date", {"published_at": long_ago}, NOW),
            ("Old and Seen Long Ago", {"published_at": long_ago}, long_ago),
            ("Undated and Seen Now", {"published_at": None}, NOW),
            (
                "Event to Come",
                {"published_at": long_ago, "starts_at": NOW + timedelta(days=5)},
                long_ago,
            ),
        ]
    ):
        shelf.bring(entry(title, guid=str(n), link=f"https://example.org/{n}", **told), now=seen)

    with shelf.database.read() as conn:
        got = publications.candidates(conn, "weekly", since=NOW - timedelta(days=10))
        assert publications.candidates(conn, "another", since=long_ago) == []
    assert [one.title for one in got] == [
        "Late Arrival of Old Date",
        "Event to Come",
        "Recent and Dated",
        "Undated and Seen Now",
    ]


def test_history_is_what_was_published_before_newest_first(shelf):
    """No more than asked for, nothing of the moment itself."""
    for n in range(5):
        shelf.bring(
            entry(
                f"{TITLE} {n}",
                guid=str(n),
                link=f"https://example.org/{n}",
                published_at=TUESDAY + timedelta(days=n),
            )
        )
    with shelf.database.read() as conn:
        got = publications.history(conn, "weekly", before=TUESDAY + timedelta(days=3), limit=2)
    assert [title_key(one.title)[-1] for one in got] == ["2", "1"]


def test_publications_by_id_come_in_the_order_asked(shelf):
    """Unknown ids are left out, repeated ones come once."""
    brought = shelf.bring(*(entry(f"{TITLE} {n}", guid=str(n), link=None) for n in range(3)))
    first, second, third = brought.new
    with shelf.database.read() as conn:
        got = publications.by_ids(conn, [third, 999, first, third])
    assert [one.id for one in got] == [third, first]
    assert second not in {one.id for one in got}


def test_refusals_of_the_newest_reading_are_kept(shelf):
    """What an older reading refused is forgotten with it."""
    shelf.bring(entry())
    with shelf.database.write() as conn:
        feed = feeds.find(conn, ONE)
        feeds.refuse(conn, feed.id, [Refusal(where="old", why="x")], at=NOW)
        feeds.refuse(
            conn, feed.id, [Refusal(where="b", why="y"), Refusal(where="a", why="z")], at=NOW
        )
        assert [one.where for one in feeds.refused(conn, feed.id)] == ["b", "a"]
