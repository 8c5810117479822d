"""Publications that are one: suggested, merged without a loss, and taken apart again."""

from __future__ import annotations

import re
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from digest.errors import IssueError
from digest.identity import alike
from digest.model import Entry, Publication
from digest.store import Database, bringing, distinctions, history, merges, publications, uses
from tests.archived import a_feed
from tests.website import NOW, Site, served

NOON = datetime(2023, 9, 19, 12, tzinfo=UTC)
LONG = "Rebuilding the Bridges of Dnipro After the Flood"


@pytest.fixture
def site(database: Database, tmp_path: Path) -> Iterator[Site]:
    with served(database, tmp_path) as site:
        yield site


def brought(database: Database, feed: int, *entries: Entry) -> list[int]:
    with database.write() as conn:
        done = bringing.bring(conn, feed, entries, now=NOW, baseline=True)
    return [*done.new, *done.changed, *done.same]


def an_entry(title: str, link: str, **told: Any) -> Entry:
    return Entry(**{"title": title, "guid": link, "link": link, "published_at": NOON} | told)


def one(database: Database, number: int) -> Publication:
    with database.read() as conn:
        [found] = publications.by_ids(conn, [number])
    return found


def twice(database: Database) -> tuple[int, int]:
    """One thing that two feeds brought under links and titles of their own."""
    a = a_feed(database, "https://a.example.org/feed", "recap")
    b = a_feed(database, "https://b.example.org/feed", "recap")
    [first] = brought(database, a, an_entry(LONG, "https://example.org/1"))
    [second] = brought(database, b, an_entry(f"{LONG}s", "https://example.org/2", summary="More."))
    return first, second


# --- what is suggested --------------------------------------------------------------------


def a_publication(id: int, title: str, **told: Any) -> Publication:
    return Publication(id=id, title=title, first_seen_at=told.pop("at", NOON), **told)


@pytest.mark.parametrize(
    ("other", "why"),
    [
        ({"title": "Else", "link": "http://www.example.org/a/?utm_source=x"}, "same link"),
        ({"title": LONG.upper()}, "same title"),
        ({"title": LONG.replace("Bridges", "Bridge")}, "nearly the same title"),
        ({"title": "Wolves in the Alps and Their Shepherds"}, None),
        ({"title": LONG, "at": NOON + timedelta(days=40)}, None),
        ({"title": LONG, "starts_at": NOON}, None),
    ],
    ids=["link", "title", "nearly", "another", "a series", "an event"],
)
def test_what_may_be_one_is_told(other: dict[str, Any], why: str | None) -> None:
    """The same canonical link or nearly the same title, near in time, is worth a look."""
    pair = [a_publication(1, LONG, link="https://example.org/a"), a_publication(2, **other)]
    assert [each.why for each in alike(pair)] == ([why] if why else [])


def test_parts_of_a_series_are_not_taken_for_one() -> None:
    """Titles that differ by a number alone are two things."""
    parts = [a_publication(n, f"The Quarterly Report on Ferry Safety, Part {n}") for n in (1, 2)]
    assert alike(parts) == []


def test_a_thousand_publications_are_compared_in_a_moment() -> None:
    """Only titles that share most of their words are held side by side, letter by letter."""
    import time

    many = [a_publication(n, f"Word{n % 97} of thing{n % 89} and story{n}") for n in range(1000)]
    began = time.process_time()
    alike(many)
    assert time.process_time() - began < 2


# --- merged -------------------------------------------------------------------------------


def test_a_merge_keeps_where_both_came_from(database: Database) -> None:
    """The one that stays has the feeds of both; the other is hidden, and nothing is deleted."""
    first, second = twice(database)
    with database.write() as conn:
        merges.merge(conn, second, into=first, now=NOW, by="ana@example.org")
    assert one(database, first).feeds == (
        "https://a.example.org/feed",
        "https://b.example.org/feed",
    )
    assert (one(database, second).hidden, one(database, second).feeds) == (True, ())


def test_a_feed_that_lists_it_again_brings_nothing_new(database: Database) -> None:
    """What was merged stays merged, whatever its feed says: it fills gaps and rewrites nothing."""
    first, second = twice(database)
    with database.write() as conn:
        merges.merge(conn, second, into=first, now=NOW, by="ana@example.org")
    b = a_feed(database, "https://b.example.org/feed", "recap")
    again = an_entry("Something Else Altogether", "https://example.org/2", summary="Even more.")
    assert brought(database, b, again) == [first]
    kept = one(database, first)
    assert (kept.title, kept.summary) == (LONG, "Even more.")
    assert one(database, second).hidden


def test_a_merge_can_be_undone(database: Database) -> None:
    """Afterwards all is as it was: who carries which, and what was hidden."""
    first, second = twice(database)
    before = one(database, first), one(database, second)
    with database.write() as conn:
        merges.merge(conn, second, into=first, now=NOW, by="ana@example.org")
        assert merges.undo(conn, second)
        assert not merges.undo(conn, second)
    assert (one(database, first), one(database, second)) == before


def test_two_cannot_stand_for_one_another(database: Database) -> None:
    """A merge that would go round in a circle, or be done twice, is refused."""
    first, second = twice(database)
    with database.write() as conn:
        merges.merge(conn, second, into=first, now=NOW, by="ana@example.org")
    for gone, into in ((first, second), (second, first), (first, first)):
        with database.write() as conn, pytest.raises(IssueError, match="cannot be merged"):
            merges.merge(conn, gone, into=into, now=NOW, by="ana@example.org")


def test_what_was_used_up_under_the_other_name_is_used_up(
    database: Database, tmp_path: Path
) -> None:
    """A publication whose double was in an issue is not brought to readers again."""
    from digest import weekly
    from digest.model import Rhythm
    from tests import friday

    loaded = friday.a_loaded(tmp_path)
    [first, *_] = friday.publish(database, *friday.TITLES)
    friday.subscribe(database, 1)
    issue = friday.prepared(database, loaded)
    weekly.approve(database, loaded, issue, by="ana", now=friday.BEFORE)
    [second] = friday.publish(database, "Quite Another Title of the Same Thing")
    with database.write() as conn:
        merges.merge(conn, first, into=second, now=NOW, by="ana")
    with database.read() as conn:
        used = uses.used(conn, "recap", Rhythm.WEEKLY, but=0)
    assert used[second] == used[first] == issue.of.key


# --- at the desk --------------------------------------------------------------------------


def test_an_editor_merges_and_undoes(site: Site) -> None:
    """The pair is offered with a button on each side; what was done is logged and undone there."""
    first, second = twice(site.database)
    editor = site.browser("editor")
    page = editor.get("/desk/publications/duplicates").text
    assert "Nearly the same title" in page
    csrf = re.findall(r'name="csrf" value="([^"]+)"', page)[0]
    told = {"csrf": csrf, "newsletter": "recap"}
    path = f"/desk/publications/{second}"
    assert editor.post(f"{path}/merged", data=told | {"into": first}).status_code == 303
    page = editor.get("/desk/publications/duplicates").text
    assert "Nearly the same title" not in page
    assert "Stands for it" in page
    assert editor.post(f"{path}/merged", data=told | {"into": first}).status_code == 409
    assert editor.post(f"{path}/apart", data=told).status_code == 303
    assert not one(site.database, second).hidden
    with site.database.read() as conn:
        log = history.page(conn, newsletter="recap", actor="", before=None, most=2)
    assert [each.what for each in log] == ["undid a merge", "merged two publications"]


def test_two_that_are_two_are_not_proposed_again(site: Site) -> None:
    """An editor says it once; it is logged, can be taken back, and a merge overrules it."""
    first, second = twice(site.database)
    editor = site.browser("editor")

    def proposed() -> bool:
        return "Nearly the same title" in editor.get("/desk/publications/duplicates").text

    csrf = re.findall(r'name="csrf" value="([^"]+)"', editor.get("/desk/account").text)[0]
    told = {"csrf": csrf, "newsletter": "recap", "other": first}
    path = f"/desk/publications/{second}"
    for distinct, before in (("yes", True), ("yes", False), ("no", False), ("yes", True)):
        assert proposed() is before
        answer = editor.post(f"{path}/distinct", data=told | {"distinct": distinct})
        assert answer.status_code == 303
    assert editor.post(f"{path}/merged", data=told | {"into": first}).status_code == 303
    with site.database.read() as conn:
        assert distinctions.latest(conn, "recap", most=9) == []
        log = history.page(conn, newsletter="recap", actor="", before=None, most=9)
    assert [each.what for each in log[:4]] == [
        "merged two publications",
        "told publications apart",
        "undid telling apart",
        "told publications apart",
    ]


def test_any_two_are_merged_from_a_publications_page(site: Site) -> None:
    """Found by words, held side by side, merged, and undone on the page of the one that stays."""
    a = a_feed(site.database, "https://a.example.org/feed", "recap")
    links = ("https://example.org/1", "https://example.org/2")
    numbers = brought(site.database, a, an_entry(LONG, links[0]), an_entry("Wolves", links[1]))
    editor, here = site.browser("editor"), f"/desk/publications/{numbers[0]}"
    found = editor.get(here, params={"words": "wolves"}).text
    assert f"beside={numbers[1]}" in found
    both = editor.get(here, params={"beside": numbers[1]}).text
    [action] = re.findall(rf'action="([^"]+/{numbers[1]}/merged)"', both)
    told = dict(re.findall(r'name="(csrf|newsletter|onto)" value="([^"]+)"', both))
    answer = editor.post(action, data=told | {"into": numbers[0]})
    assert answer.headers["location"].startswith(here)
    assert "Wolves" in editor.get(here).text
    assert one(site.database, numbers[1]).hidden
    editor.post(f"/desk/publications/{numbers[1]}/apart", data=told)
    assert not one(site.database, numbers[1]).hidden
    assert editor.get("/desk/publications/999").status_code == 404


@pytest.mark.parametrize(("role", "status"), [("", 403), ("viewer", 403)])
def test_merging_takes_an_editor(site: Site, role: str, status: int) -> None:
    """Strangers and viewers change nothing."""
    first, second = twice(site.database)
    told = {"newsletter": "recap", "into": first}
    answer = site.browser(role).post(f"/desk/publications/{second}/merged", data=told)
    assert answer.status_code == status
    assert not one(site.database, second).hidden
