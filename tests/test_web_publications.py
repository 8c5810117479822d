"""The publications at the desk: found, hidden, rewritten, added by hand."""

from __future__ import annotations

import re
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from digest import weekly
from digest.model import Publication
from digest.store import Database, drafts, publications
from digest.web import application
from tests import friday
from tests.walking import optional_texts
from tests.website import NOW, Site, served


@pytest.fixture
def site(database: Database, tmp_path: Path) -> Iterator[Site]:
    with served(database, tmp_path) as site:
        yield site


def known(site: Site, words: str = "") -> list[Publication]:
    with site.database.read() as conn:
        return publications.search(conn, "recap", words, most=500)


def send(browser: Any, path: str, **told: str) -> Any:
    page = browser.get("/desk/publications").text
    fields = dict(re.findall(r'name="(csrf|newsletter)" value="([^"]+)"', page))
    return browser.post(path, data=fields | told)


def test_words_find_titles_and_summaries(site: Site) -> None:
    """In any case, as parts of words, all of them; signs of SQL are only signs."""
    friday.publish(site.database, "On 100% Renewable Grids", "A_B Testing", "Taiwan’s Military")
    for words, titles in {
        "taiwan": ["Taiwan’s Military"],
        "MILIT taiw": ["Taiwan’s Military"],
        "100%": ["On 100% Renewable Grids"],
        "a_b": ["A_B Testing"],
        "aXb": [],
        "%": ["On 100% Renewable Grids"],
        "in a few words": ["On 100% Renewable Grids", "A_B Testing", "Taiwan’s Military"],
    }.items():
        assert {each.title for each in known(site, words)} == set(titles), words


def test_they_come_in_pages_newest_first(site: Site) -> None:
    """Every publication stands on one page, also where many have one date."""
    for week in range(3):
        on = friday.MONDAY - timedelta(days=7 * week)
        friday.publish(site.database, *(f"No. {week}-{each}" for each in range(30)), on=on)
    viewer, seen, query = site.browser("viewer"), [], "?newsletter=recap"
    while query:
        page = viewer.get(f"/desk/publications{query}").text
        seen += re.findall(r">(No\. [0-9]-[0-9]+)", page)
        older = re.search(r'href="(\?[^"]*after=[0-9]+)">Older', page)
        query = older[1].replace("&amp;", "&") if older else ""
    assert len(seen) == len(set(seen)) == 90
    assert [title[4] for title in seen] == ["0"] * 30 + ["1"] * 30 + ["2"] * 30


def test_one_that_was_added_by_hand_is_a_candidate_like_any(site: Site) -> None:
    """It has the same fields, and stands in the next draft with its reason."""
    friday.publish(site.database, *friday.TITLES)
    answer = send(
        site.browser("editor"),
        "/desk/publications",
        title="  A Testimony <b>in</b> the Senate ",
        link="https://example.org/testimony",
        summary="What was said.",
        kind="Testimony",
        on="2023-09-19",
    )
    assert answer.status_code == 303
    (one,) = known(site, "testimony")
    assert one.kind == "Testimony"
    assert one.title == "A Testimony <b>in</b> the Senate"
    assert "<b>in" not in site.browser("viewer").get("/desk/publications").text
    newsletter = site.loaded.settings.newsletters["recap"]
    slot = weekly.slot(newsletter, friday.CLOSING, now=NOW)
    issue = weekly.prepare(site.database, site.loaded, "recap", slot, now=NOW)
    with site.database.read() as conn:
        found = {each.publication: each for each in drafts.read(conn, issue.id).candidates}
    assert found[one.id].included


@pytest.mark.parametrize(
    "told",
    [
        {"title": " "},
        {"title": "A", "link": "javascript:alert(1)"},
        {"title": "A", "link": "https://"},
        {"title": "A", "on": "2023-02-30"},
        {"title": "A" * 301},
    ],
)
def test_what_cannot_be_a_publication_is_refused(site: Site, told: dict[str, str]) -> None:
    """The page says why, and nothing is added."""
    assert send(site.browser("editor"), "/desk/publications", **told).status_code == 422
    assert known(site) == []


def test_a_hidden_one_is_in_no_issue_until_it_is_shown_again(site: Site) -> None:
    """Hiding says so in the reasons; the log says who."""
    ids, editor = friday.publish(site.database, *friday.TITLES), site.browser("editor")

    def reason() -> str:
        newsletter = site.loaded.settings.newsletters["recap"]
        slot = weekly.slot(newsletter, friday.CLOSING, now=NOW)
        issue = weekly.prepare(site.database, site.loaded, "recap", slot, now=NOW)
        with site.database.read() as conn:
            candidates = drafts.read(conn, issue.id).candidates
        return next(each.code for each in candidates if each.publication == ids[0])

    assert reason() != "hidden"
    send(editor, f"/desk/publications/{ids[0]}/hidden", hidden="yes")
    assert reason() == "hidden"
    assert "hid" in editor.get("/desk/log").text
    send(editor, f"/desk/publications/{ids[0]}/hidden", hidden="no")
    assert reason() != "hidden"


def test_what_an_editor_rewrote_no_feed_writes_over(site: Site) -> None:
    """The new words count in every issue; the log keeps the old ones."""
    (one,) = friday.publish(site.database, "A Titel With a Slip")
    editor = site.browser("editor")
    send(editor, f"/desk/publications/{one}", title="A Title", summary="A sentence.")
    (now,) = known(site)
    assert (now.title, now.summary) == ("A Title", "A sentence.")
    page = editor.get("/desk/log").text
    assert "<del>A Titel With a Slip</del>" in page
    assert send(editor, f"/desk/publications/{one}", title="", summary="").status_code == 422
    assert send(editor, "/desk/publications/999", title="A", summary="").status_code == 404


def test_kind_and_link_are_rewritten_too(site: Site) -> None:
    """A wrong link or kind is put right; what is no web address is refused."""
    (one,) = friday.publish(site.database, "A Title")
    editor, path = site.browser("editor"), f"/desk/publications/{one}"
    told = {"title": "A Title", "summary": "", "kind": "Report"}
    send(editor, path, **told, link="https://example.org/right")
    (now,) = known(site)
    assert (now.kind, now.link) == ("Report", "https://example.org/right")
    assert send(editor, path, **told, link="javascript:alert(1)").status_code == 422


def test_no_form_takes_an_emptied_field_for_one_not_sent(site: Site) -> None:
    """FastAPI says None of both: a field that may be None could not be emptied."""
    assert optional_texts(application(site.database, lambda: site.loaded)) == set()


def test_an_emptied_field_is_empty(site: Site) -> None:
    """Link, kind and summary go where an editor takes them out, and stay where not sent."""
    (one,) = friday.publish(site.database, "A Title")
    editor, path = site.browser("editor"), f"/desk/publications/{one}"
    full = {"summary": "A sentence.", "kind": "Report", "link": "https://example.org/right"}
    send(editor, path, title="A Title", **full)
    send(editor, path, title="Another Title")
    (kept,) = known(site)
    assert (kept.summary, kept.kind, kept.link) == tuple(full.values())
    send(editor, path, title="Another Title", **dict.fromkeys(full, ""))
    (now,) = known(site)
    assert (now.summary, now.kind, now.link) == ("", "", None)


def test_an_event_is_added_with_its_hour(site: Site) -> None:
    """When it begins is told in the newsletter's local time."""
    editor = site.browser("editor")
    told = {"newsletter": "recap", "title": "A Seminar on Bridges"}
    send(editor, "/desk/publications", **told, begins="2023-10-05T14:30")
    (now,) = known(site)
    assert now.starts_at == datetime(2023, 10, 5, 18, 30, tzinfo=UTC)
    assert send(editor, "/desk/publications", **told, begins="tomorrow").status_code == 422


@pytest.mark.parametrize("database", ["sqlite"], indirect=True)
def test_markup_is_only_text(site: Site) -> None:
    """A hostile title or link does nothing on the page."""
    friday.publish(site.database, "<script>alert(1)</script>", '"><img src=x onerror=alert(1)>')
    page = site.browser("editor").get('/desk/publications?words="><img src=x>').text
    page += site.browser("editor").get("/desk/publications").text
    assert "<script>alert" not in page
    assert "<img" not in page


@given(st.text(max_size=20))
def test_any_words_can_be_searched(words: str) -> None:
    """No character ends a pattern early."""
    pattern = publications.pattern(words)
    assert pattern.startswith("%")
    assert pattern.endswith("%")
    assert pattern[1:-1].replace("\\\\", "").replace("\\%", "").replace("\\_", "").count("%") == 0
