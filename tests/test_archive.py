"""The archive's store: what it finds by topic and by words, and that nothing else is in it."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from sqlalchemy import select

from digest.config import Loaded
from digest.identity import topic_key
from digest.model import IssueState
from digest.store import Database, archive, publications
from digest.store.archive.words import words
from digest.store.schema import archived, newsletter_feeds
from tests.archived import DAY, an_issue, corrected, published
from tests.website import a_loaded

NOW = datetime(2023, 10, 1, tzinfo=UTC)
#: What people type, mistype and attack with.
HOSTILE = (
    '"',
    "AND OR NOT",
    "NEAR(ukraine, 5)",
    "words:ukraine",
    "ukraine*",
    "^ukraine",
    "' | ! & :* <-> ()",
    "'; DROP TABLE archived; --",
    "\x00ukraine\x00",
    "\u202eeniarku",
    "أوكرانيا",
    "ukraine " * 1300,
    "x" * 10_240,
    "\ud800",
    "%_\\",
)


@pytest.fixture
def loaded(tmp_path: Path) -> Loaded:
    return a_loaded(tmp_path)


def view(**told: Any) -> archive.View:
    return archive.View(**{"newsletter": "recap", "now": NOW} | told)


def titles(filed: list[archive.Filed]) -> list[str]:
    return [
        one.publication.title if one.publication else one.issue.headline if one.issue else ""
        for one in filed
    ]


def find(database: Database, question: str, **told: Any) -> list[str]:
    with database.read() as conn:
        return titles(archive.found(conn, view(**told), archive.sought(question), limit=50))


def topic(database: Database, key: str, **told: Any) -> list[str]:
    with database.read() as conn:
        return titles(archive.on_topic(conn, view(**told), key, limit=50))


# --- words --------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("Improve Ukraine's Deep-Strike?", "improve ukraine deep strike"),
        ("Crème brûlée, STRASSE und Straße", "creme brulee strasse und"),
        ("台湾海峡", "台湾 湾海 海峡"),
        ("F-16s cost $3.5M", "f 16s cost 3 5m"),
        ("  –– ", ""),
    ],
)  # fmt: skip
def test_text_is_cut_into_words(text: str, expected: str) -> None:
    """Case, accents and possessives do not count; unspaced scripts are cut into pairs."""
    assert words(text) == expected


@given(st.text(max_size=300))
def test_no_question_reaches_a_query_language(question: str) -> None:
    """Whatever is asked, only letters and digits are left, and the mark of a beginning."""
    for word in archive.sought(question):
        assert word.removesuffix("*").replace("*", "?").isprintable()
        assert not set(word[:-1] + word[-1:].replace("*", "")) & set("\"'*:&|!()<>\\ \0")


@given(st.text(max_size=80))
def test_a_topic_has_a_key_that_stands_in_an_address(name: str) -> None:
    """A key has letters, digits and single hyphens; the key of a key is itself."""
    key = topic_key(name)
    assert topic_key(key) == key
    assert not set(key) & set("/?#% .\\")


# --- finding ------------------------------------------------------------------------------


def test_publications_and_issues_are_found_together(database: Database, loaded: Loaded) -> None:
    """All words count, in any order and case; the newest stands first, beginnings suffice."""
    published(
        database,
        {"title": "Ukraine and Recovery", "summary": "What it costs.", "authors": ("José Ñandú",)},
        {"title": "Taiwan", "summary": "Nothing of the kind.", "topics": ("Ukraine War",)},
    )
    an_issue(database, loaded, headline="Recovery of Ukraine")
    assert find(database, "UKRAINE recov") == ["Recovery of Ukraine", "Ukraine and Recovery"]
    assert find(database, "nandu") == ["Ukraine and Recovery"]
    assert find(database, "ukraine war") == ["Taiwan"]
    assert find(database, "ukraine kind nowhere") == []


def test_only_what_is_public_is_found(database: Database, loaded: Loaded) -> None:
    """No draft, no issue held or waiting, nothing hidden, excluded, to come, or of others."""
    shown, hidden, *_ = published(
        database,
        {"title": "Taiwan now", "topics": ("Asia",)},
        {"title": "Taiwan hidden", "topics": ("Asia",)},
        {"title": "Taiwan tomorrow", "topics": ("Asia",), "published_at": NOW + timedelta(days=1)},
        {"title": "Taiwan by ourselves", "topics": ("Asia",), "kind": "Weekly Recap"},
        {"title": "Taiwan at an event", "topics": ("Asia",), "starts_at": NOW},
        {"title": "Taiwan unwanted", "topics": ("Asia", "Jobs")},
    )
    published(database, {"title": "Taiwan elsewhere", "topics": ("Asia",)}, newsletter="other")
    with database.write() as conn:
        publications.hide(conn, hidden)
    for state in (IssueState.DRAFT, IssueState.APPROVED, IssueState.HELD, IssueState.CANCELLED):
        key = f"2023-09-22+{state}"
        an_issue(database, loaded, key, state=state, headline="Taiwan soon", topics=("Asia",))
    left_out = {"without_kinds": ("weekly recap",), "without_topics": ("jobs",)}
    assert find(database, "taiwan", **left_out) == ["Taiwan now"]
    assert topic(database, "asia", **left_out) == ["Taiwan now"]
    assert shown


def test_what_an_editor_or_a_feed_changes_is_found_at_once(database: Database) -> None:
    """The index changes in the transaction of the words: new ones are found, old ones not."""
    told = {"guid": "1", "title": "An Uncommon Title", "topics": ("Old Topic",)}
    (number,) = published(database, told)
    with database.write() as conn:
        publications.edit(conn, number, title="Another Heading", topics=("New Topic",))
    assert find(database, "uncommon") == []
    assert find(database, "heading") == topic(database, "new-topic") == ["Another Heading"]
    assert topic(database, "old-topic") == []
    with database.write() as conn:
        publications.hide(conn, number)
    assert find(database, "heading") == topic(database, "new-topic") == []


def test_a_transaction_that_fails_leaves_the_index_as_it_was(database: Database) -> None:
    """Words of a change that was rolled back are not found."""
    (number,) = published(database, {"title": "An Uncommon Title"})
    with pytest.raises(RuntimeError), database.write() as conn:
        publications.edit(conn, number, title="Another Heading")
        raise RuntimeError
    assert find(database, "heading") == []
    assert find(database, "uncommon") == ["An Uncommon Title"]


def test_a_feed_taken_from_a_newsletter_takes_its_publications_along(database: Database) -> None:
    """What no feed of the newsletter carries any more is not in its archive."""
    published(database, {"title": "Taiwan"})
    with database.write() as conn:
        conn.execute(newsletter_feeds.delete())
    assert find(database, "taiwan") == []


@pytest.mark.parametrize("question", HOSTILE, ids=[repr(one[:16]) for one in HOSTILE])
def test_a_hostile_question_is_only_words(database: Database, question: str) -> None:
    """Operators, quotes, NUL, reversed text and 10 KB neither fail nor find anything wrong."""
    published(database, {"title": "Ukraine"}, {"title": "Not at all"})
    assert set(find(database, question)) <= {"Ukraine"}


def test_pages_do_not_move_when_something_new_comes(database: Database) -> None:
    """Every entry stands on exactly one page, also if more comes in between two pages."""
    told = [{"title": f"Taiwan {n}", "topics": ("Asia",)} for n in range(5)]
    published(database, *told)
    seen: list[str] = []
    for turn in range(3):
        before = None
        with database.read() as conn:
            if seen:
                before = conn.execute(
                    select(archived.c.id).order_by(archived.c.id).limit(1).offset(5 - len(seen))
                ).scalar_one()
            page = archive.on_topic(conn, view(), "asia", before=before, limit=2)
            words_page = archive.found(
                conn, view(), archive.sought("taiwan"), before=before, limit=2
            )
        assert titles(page) == titles(words_page)
        seen += titles(page)
        published(database, {"title": f"Taiwan late {turn}", "topics": ("Asia",)}, at=NOW)
    assert seen == [f"Taiwan {n}" for n in (4, 3, 2, 1, 0)]


def test_topics_of_issues_are_counted(database: Database, loaded: Loaded) -> None:
    """What issues wrote about, most often first; what only publications have is not there."""
    published(database, {"title": "Taiwan", "topics": ("Asia",)})
    an_issue(database, loaded, "2023-09-15", topics=("Europe", "Security Cooperation"))
    an_issue(database, loaded, "2023-09-22", topics=("Security cooperation",))
    an_issue(database, loaded, "2023-09-29", topics=("Africa",), state=IssueState.DRAFT)
    with database.read() as conn:
        told = [(one.key, one.issues) for one in archive.topics(conn, "recap")]
        without = archive.topics(conn, "recap", without=["security-cooperation"])
    assert told == [("security-cooperation", 2), ("europe", 1)]
    assert [one.name for one in without] == ["Europe"]


def test_a_correction_replaces_what_is_found(database: Database, loaded: Loaded) -> None:
    """After a second edition its words are found and the first one's headline is not."""
    issue = an_issue(database, loaded, headline="A Wrong Word")
    later = DAY + timedelta(days=4)
    corrected(database, loaded, issue, headline="The Right Word", at=later)
    with database.read() as conn:
        told = archive.sent_issue(conn, "recap", "2023-09-22")
    assert told is not None
    assert (told.headline, told.corrected_at) == ("The Right Word", later)
    assert told.first_edition_id != told.edition_id
    assert find(database, "wrong") == []
    assert find(database, "right") == ["The Right Word"]
