"""When two links, titles, mailboxes or publications are one."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from digest.identity import (
    LONGEST_KEY,
    Known,
    Mark,
    address_key,
    changes,
    link_key,
    marks,
    merged,
    noticeable,
    recognised,
    title_key,
)
from digest.model import Entry, Image, Publication

NOW = datetime(2023, 9, 20, 12, tzinfo=UTC)
TUESDAY = datetime(2023, 9, 19, 4, tzinfo=UTC)


@pytest.mark.parametrize(
    "other",
    [
        "http://example.org/a/b",
        "https://www.example.org/a/b",
        "https://EXAMPLE.org:443/a/b/",
        "http://example.org:80/a/./c/../b",
        "https://example.org./a//b",
        "https://example.org/a/b#part",
        "https://example.org/a/b?utm_source=mail&utm_medium=email",
        "https://example.org/a/b?fbclid=x&gclid=y&mc_cid=1",
        "https://ana:secret@example.org/a/b",
        " https://example.org/%61/b ",
    ],
)
def test_links_to_one_page_have_one_key(other):
    """Scheme, www, port, case, escapes, fragment, slash and tracking make no difference."""
    assert link_key(other) == link_key("https://example.org/a/b") == "example.org/a/b"


@pytest.mark.parametrize(
    "other",
    [
        "https://example.org/a/B",
        "https://example.org/a",
        "https://example.org:8443/a/b",
        "https://sub.example.org/a/b",
        "https://example.org/a/b?page=2",
        "https://example.org/a%2Fb",
        "https://example.org/#!/a/b",
    ],
)
def test_links_to_different_pages_have_different_keys(other):
    """What can lead to another page stays in the key."""
    assert link_key(other) != link_key("https://example.org/a/b")


def test_a_links_parameters_count_in_any_order():
    """Sites name the same parameters in different orders."""
    assert link_key("http://example.org/?b=2&a=1") == link_key("http://example.org/?a=1&b=2")


def test_a_links_host_and_path_may_be_written_in_any_script():
    """An IRI and its encoded form are one link."""
    written = link_key("https://bücher.example/straße?q=é")
    assert written == link_key("https://xn--bcher-kva.example/stra%c3%9fe?q=%C3%A9")


@pytest.mark.parametrize(
    "none", ["", "javascript:alert(1)", "data:,x", "http://", "http://[::1", "http://a:x/", "/a"]
)
def test_what_is_no_web_address_has_no_key(none):
    """Only http and https addresses with a host can be compared."""
    assert link_key(none) == ""


@given(st.text(max_size=80))
def test_any_text_has_a_stable_link_key(text):
    """No link, however odd, raises; a key taken of a key is the key."""
    key = link_key("https://example.org/" + text)
    assert key == "" or link_key("https://" + key) == key


@pytest.mark.parametrize(
    ("one", "other"),
    [
        (
            "Why Improve Ukraine’s Deep-Strike Capability?",
            "why improve ukraine's deep strike capability",
        ),
        ("Research & Development", "Research and Development"),
        ("ＦＵＬＬ　ｗｉｄｔｈ", "full width"),
        ("Straße", "STRASSE"),
        ("A — B:  “C”", "a b c"),
    ],
)
def test_titles_of_one_wording_have_one_key(one, other):
    """Case, width, quotes, dashes and spaces make no difference."""
    assert title_key(one) == title_key(other)


def test_a_title_of_signs_alone_is_its_own_key():
    """Two such titles must not become one for want of letters."""
    assert title_key(" ??? ") == "???" != title_key("!!!")


@given(st.text())
def test_a_title_key_can_be_indexed_and_is_stable(text):
    """A key is no longer than a database indexes, and its own key."""
    key = title_key(text)
    assert len(key) <= LONGEST_KEY
    assert title_key(key) == key


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("Ana@Example.ORG", "ana@example.org"),
        ("ana@bücher.example", "ana@XN--BCHER-KVA.example"),
        ("jose\u0301@example.org", "jos\u00e9@example.org"),
        (" ana@example.org. ", "ana@example.org"),
    ],
)
def test_one_mailbox_has_one_key(one, other):
    """Case, composition and the domain's two spellings make no difference."""
    assert address_key(one) == address_key(other)


def test_dots_and_tags_belong_to_the_mailbox():
    """What some providers ignore, others do not: nothing is guessed."""
    assert len({address_key(a + "@example.org") for a in ("ab", "a.b", "ab+c")}) == 3


# --- the same publication -----------------------------------------------------------------


def mark(**told: Any) -> Mark:
    facts = {"link": None, "guid": "g", "title": "a title that tells enough", "summary": ""}
    return Mark(**(facts | {"dated": TUESDAY} | told))


def known(id: int = 1, **told: Any) -> Known:
    facts = {"link": None, "title": "a title that tells enough", "summary": "", "dated": TUESDAY}
    return Known(id=id, **(facts | told))


def test_a_link_recognises_before_a_guid_and_a_guid_before_a_title():
    """The strongest sign wins, whatever the order of the rows."""
    rows = [known(1), known(2, guids=frozenset({"g"}), title="x"), known(3, link="l", title="y")]
    found = []
    while rows:
        one = recognised(mark(link="l"), rows, listed={"g"})
        found.append(one.id)
        rows = [row for row in rows if row.id != one.id]
    assert found == [3, 2, 1]


@pytest.mark.parametrize(("days", "same"), [(0, True), (4, True), (5, False)])
def test_one_title_within_a_few_days_is_one_publication(days, same):
    """A series may repeat a title later; a re-issue comes within days."""
    later = mark(dated=TUESDAY + timedelta(days=days))
    assert bool(recognised(later, [known()], listed={"g"})) is same


def test_a_feed_that_lists_one_title_twice_means_two_things():
    """Two names in one list are two things, unless they say the same."""
    stored = known(guids=frozenset({"other"}), summary="one")
    assert not recognised(mark(summary="two"), [stored], listed={"g", "other"})
    assert recognised(mark(summary="one"), [stored], listed={"g", "other"})
    assert recognised(mark(summary="two"), [stored], listed={"g"})


def test_a_short_title_needs_the_same_summary():
    """“Update” of two feeds in one week is not one thing."""
    assert not recognised(mark(title="update"), [known(title="update")], listed=())
    same = mark(title="update", summary="what it says")
    assert recognised(same, [known(title="update", summary="what it says")], listed=())


def test_two_dates_of_one_event_are_two():
    """A series of events shares title and link, not the hour."""
    assert not recognised(mark(starts_at=NOW), [known(starts_at=TUESDAY)], listed=())


def test_a_home_page_link_names_nothing():
    """Feeds that link every entry to the home page still list different things."""
    (only,) = marks([Entry(title="A", link="https://example.org/")], now=NOW)
    assert only.link is None


def test_a_link_or_guid_given_to_several_things_names_none():
    """A feed's mistake must not fold its entries into one."""
    told = marks(
        [
            Entry(title="A", guid="1", link="https://example.org/x"),
            Entry(title="B", guid="1", link="https://example.org/x"),
            Entry(title="C", guid="1", link="https://example.org/c"),
        ],
        now=NOW,
    )
    assert [one.link for one in told] == [None, None, "example.org/c"]
    assert len({one.guid for one in told}) == 3


# --- what changed -------------------------------------------------------------------------


def stored(**told: Any) -> Publication:
    facts = {"id": 1, "title": "Title", "summary": "Summary.", "first_seen_at": TUESDAY}
    return Publication(**(facts | {"published_at": TUESDAY} | told))


def changed(old: Publication, entry: Entry, **how: Any) -> dict[str, Any]:
    return changes(old, entry, **({"owner": True, "now": NOW} | how))


def test_the_feed_that_brought_it_changes_what_it_tells():
    """New words replace old ones; what is not told stays."""
    told = Entry(title="New title", kind="Report")
    assert changed(stored(), told) == {"title": "New title", "kind": "Report"}


def test_another_feed_only_fills_gaps():
    """Two feeds with different summaries must not overwrite each other for ever."""
    told = Entry(title="Other", summary="Other.", kind="Report", topics=("Asia",))
    assert changed(stored(topics=("Ukraine",)), told, owner=False) == {
        "kind": "Report",
        "topics": ("Ukraine", "Asia"),
    }


def test_a_caption_alone_does_not_replace_a_picture():
    """What was found on the page stays when the feed tells its caption again."""
    old = stored(image=Image(url="https://example.org/i.jpg", caption="A dam"))
    assert changed(old, Entry(title="Title", image=Image(caption="A dam"))) == {}


def test_what_an_editor_wrote_stays():
    """No feed overwrites an edited field."""
    told = Entry(title="New", summary="New.")
    assert changed(stored(), told, edited=["title"]) == {"summary": "New."}


@pytest.mark.parametrize(
    ("old", "new", "taken"),
    [
        ({"published_at": None}, {"published_at": TUESDAY}, True),
        ({}, {"published_at": TUESDAY + timedelta(days=2)}, False),
        ({}, {"published_at": TUESDAY - timedelta(days=2)}, True),
        (
            {"published_at": NOW + timedelta(days=9)},
            {"published_at": NOW + timedelta(days=2)},
            True,
        ),
        ({"day_only": True}, {"published_at": TUESDAY + timedelta(hours=9)}, True),
        ({"day_only": True}, {"published_at": TUESDAY + timedelta(days=3)}, False),
        ({}, {}, False),
    ],
    ids=["first told", "moved on", "earlier", "was ahead", "an hour added", "another day", "none"],
)
def test_a_date_of_publication_stays_as_first_told(old, new, taken):
    """A feed that renews its dates does not make old things new."""
    told = changed(stored(**old), Entry(title="Title", **new))
    assert ("published_at" in told) is taken


def test_only_other_words_are_a_change_for_readers():
    """A comma or a picture more is stored, but marks nothing as updated."""
    old = stored(kind="Report")
    assert (
        noticeable(old, {"title": "Title!", "image": Image(url="https://example.org/i")}) is False
    )
    assert noticeable(old, {"summary": "Other words."}) is True
    assert noticeable(stored(summary=""), {"summary": "Now told."}) is False


def test_names_are_merged_whatever_their_case():
    """A topic stands once, as first written, in the order told."""
    assert merged(["Ukraine", "NATO"], ["nato", "Asia"]) == ("Ukraine", "NATO", "Asia")
