"""The board's forms: what editors change, what they see of it, and what is never overwritten."""

from __future__ import annotations

import re
from collections.abc import Iterator
from html import unescape
from pathlib import Path
from typing import Any

import httpx
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from digest import weekly
from digest.model import Draft, Edits, Issue, IssueState
from digest.store import Database, drafts, issues
from digest.weekly import overlay
from tests import friday
from tests.website import NOW, Site, served

SQLITE = pytest.mark.parametrize("database", ["sqlite"], indirect=True)


@pytest.fixture
def site(database: Database, tmp_path: Path) -> Iterator[Site]:
    with served(database, tmp_path) as site:
        friday.publish(database, *friday.TITLES)
        yield site


@pytest.fixture
def draft(site: Site) -> Issue:
    newsletter = site.loaded.settings.newsletters["recap"]
    slot = weekly.slot(newsletter, friday.CLOSING, now=NOW)
    return weekly.prepare(site.database, site.loaded, "recap", slot, now=NOW)


def now_of(site: Site, issue: Issue) -> Issue:
    with site.database.read() as conn:
        return issues.by_id(conn, issue.id)


def content(site: Site, issue: Issue) -> Draft:
    with site.database.read() as conn:
        return drafts.read(conn, issue.id)


def ranking(site: Site, issue: Issue) -> list[int]:
    ranked = [each for each in content(site, issue).candidates if each.included]
    return [each.publication for each in sorted(ranked, key=lambda each: each.rank or 0)]


def fields(browser: httpx.Client, issue: Issue) -> dict[str, str]:
    page = browser.get(f"/desk/issues/{issue.id}").text
    return dict(re.findall(r'name="(csrf|version)" value="([^"]+)"', page))


def ask(browser: httpx.Client, issue: Issue, act: str, **told: Any) -> httpx.Response:
    """Open the issue's page and send the form of *act*."""
    form = fields(browser, issue) | {"act": act} | {name: str(text) for name, text in told.items()}
    return browser.post(f"/desk/issues/{issue.id}/edit", data=form)


# --- in, out, and where -------------------------------------------------------------------


def test_take_out_and_put_back(site: Site, draft: Issue) -> None:
    """What is taken out leaves the mail with its reason; put back, it stands where it stood."""
    editor, before = site.browser("editor"), ranking(site, draft)
    answer = ask(editor, draft, "exclude", publication=before[1])
    assert answer.headers["location"] == f"/desk/issues/{draft.id}#item-{before[1]}"
    assert ranking(site, draft) == [before[0], *before[2:]]
    assert "taken out by an editor" in editor.get("/").text
    ask(editor, draft, "put-back", publication=before[1])
    assert ranking(site, draft) == before
    assert not content(site, draft).edits


def test_pin_leads(site: Site, draft: Issue) -> None:
    """A pinned publication is the lead, and the page marks it as pinned by a person."""
    editor, before = site.browser("editor"), ranking(site, draft)
    ask(editor, draft, "pin", publication=before[-1])
    assert ranking(site, draft)[0] == before[-1]
    assert "✎ pinned" in editor.get("/").text


def test_items_move_up_and_down(site: Site, draft: Issue) -> None:
    """Each press moves by one place; at an end nothing happens; the lowest keep their score."""
    editor, (a, b, c, d) = site.browser("editor"), ranking(site, draft)
    ask(editor, draft, "up", publication=b)
    assert ranking(site, draft) == [b, a, c, d]
    assert content(site, draft).edits.order == (b, a)
    ask(editor, draft, "up", publication=b)
    assert ranking(site, draft) == [b, a, c, d]
    ask(editor, draft, "down", publication=b)
    ask(editor, draft, "down", publication=b)
    assert ranking(site, draft) == [a, c, b, d]


def test_a_refresh_keeps_what_people_changed(site: Site, draft: Issue) -> None:
    """New publications come in, and every edit is still there."""
    editor, (a, b, *_rest) = site.browser("editor"), ranking(site, draft)
    ask(editor, draft, "words", publication=a, title="Our Own Title")
    ask(editor, draft, "exclude", publication=b)
    edits = content(site, draft).edits
    (fresh,) = friday.publish(site.database, "A New Report on Arctic Ice")
    path = f"/desk/issues/{draft.id}/refresh"
    assert editor.post(path, data=fields(editor, draft)).status_code == 303
    assert fresh in ranking(site, draft)
    assert b not in ranking(site, draft)
    assert content(site, draft).edits == edits
    assert "Our Own Title" in editor.get("/").text


# --- words --------------------------------------------------------------------------------


def test_words_carry_a_mark_and_their_original(site: Site, draft: Issue) -> None:
    """A rewritten title stands with a mark, beside the feed's own, and can be restored."""
    editor, one = site.browser("editor"), ranking(site, draft)[0]
    own = content(site, draft).recap.item(one).title  # type: ignore[union-attr]
    ask(editor, draft, "words", publication=one, title="Ours", summary="A <b>summary</b>.")
    page = unescape(editor.get("/").text)
    assert "✎ title and summary edited" in page
    assert f"Original title: {own}" in page
    ask(editor, draft, "restore-title", publication=one)
    ask(editor, draft, "restore-summary", publication=one)
    assert not content(site, draft).edits


def test_a_summary_may_be_empty_and_a_title_not(site: Site, draft: Issue) -> None:
    """An empty summary is an edit; an empty title is the feed's own again."""
    editor, one = site.browser("editor"), ranking(site, draft)[0]
    ask(editor, draft, "words", publication=one, title=" ", summary="")
    edits = content(site, draft).edits
    assert edits.summaries == {one: ""}
    assert edits.titles == {}


def test_saving_what_was_not_changed_changes_nothing(site: Site, draft: Issue) -> None:
    """A form that is sent as it came makes no edit and no entry in the log."""
    editor, one = site.browser("editor"), ranking(site, draft)[0]
    recap = content(site, draft).recap
    assert recap is not None
    item = recap.item(one)
    ask(editor, draft, "words", publication=one, title=item.title, summary=item.summary)
    ask(editor, draft, "words", headline=recap.headline, lead=recap.lead, intro="")
    assert not content(site, draft).edits
    assert now_of(site, draft).version == draft.version


def test_headline_lead_and_intro(site: Site, draft: Issue) -> None:
    """An editor's headline is the subject, with ours offered back beside it."""
    editor, recap = site.browser("editor"), content(site, draft).recap
    assert recap is not None
    ask(editor, draft, "words", headline="By Hand", lead="We wrote it.", intro="Dear **reader**")
    said = content(site, draft).recap
    assert said is not None
    assert (said.headline, said.lead) == ("By Hand", "We wrote it.")
    assert said.sections[0].key == "intro"
    page = unescape(editor.get("/").text)
    assert f"Our headline: {recap.headline}" in page
    for name in ("headline", "lead", "intro"):
        ask(editor, draft, f"restore-{name}")
    assert content(site, draft).recap == recap


def test_a_theme_is_renamed(site: Site, draft: Issue) -> None:
    """A theme's new label stands in the headline, beside ours, and can be restored."""
    recap = content(site, draft).recap
    assert recap is not None
    theme = recap.themes[0]
    editor, leading = site.browser("editor"), theme.publications[0]
    ask(editor, draft, "words", publication=leading, label="Kyiv’s Long Reach")
    said = content(site, draft).recap
    assert said is not None
    assert "Kyiv’s Long Reach" in said.headline
    assert f"Our label: {theme.label}" in unescape(editor.get("/").text)
    ask(editor, draft, "restore-label", publication=leading)
    assert content(site, draft).recap == recap


@SQLITE
@pytest.mark.parametrize(
    ("name", "text"),
    [("title", "x" * 301), ("summary", "x" * 2001), ("headline", "x" * 201), ("label", "x" * 101)],
)
def test_words_have_a_most(site: Site, draft: Issue, name: str, text: str) -> None:
    """Text beyond the most is refused in words, and nothing is cut silently."""
    one = ranking(site, draft)[0]
    answer = ask(site.browser("editor"), draft, "words", publication=one, **{name: text})
    assert answer.status_code == 422
    assert "is the most" in answer.text
    assert not content(site, draft).edits


@SQLITE
@pytest.mark.parametrize(
    "text", ["<script>alert(1)</script>", '"><img src=x onerror=y>', "{{ 7 }}"]
)
def test_an_editors_words_are_words(site: Site, draft: Issue, text: str) -> None:
    """What an editor types is shown as characters, on the board and in the mail."""
    editor, one = site.browser("editor"), ranking(site, draft)[0]
    ask(editor, draft, "words", publication=one, title=text, summary=text, label=text)
    ask(editor, draft, "words", headline=text, lead=text, intro=text)
    for path in ("/", f"/desk/issues/{draft.id}/mail"):
        page = editor.get(path).text
        assert "<script>alert" not in page
        assert "<img src=x" not in page
    assert text in unescape(editor.get("/").text)


# --- undo ---------------------------------------------------------------------------------


def test_undo_and_redo(site: Site, draft: Issue) -> None:
    """Each undo takes one act back, each redo repeats it, and a new act ends the redoing."""
    editor, (a, b, *_rest) = site.browser("editor"), ranking(site, draft)
    ask(editor, draft, "exclude", publication=a)
    ask(editor, draft, "exclude", publication=b)
    ask(editor, draft, "undo")
    assert content(site, draft).edits.exclusions == (a,)
    ask(editor, draft, "undo")
    assert not content(site, draft).edits
    assert ask(editor, draft, "undo").status_code == 409
    ask(editor, draft, "redo")
    assert content(site, draft).edits.exclusions == (a,)
    ask(editor, draft, "pin", publication=b)
    assert ask(editor, draft, "redo").status_code == 409
    assert content(site, draft).edits.pins == (b,)


def test_the_difference_to_the_rules_is_shown(site: Site, draft: Issue) -> None:
    """The page lists what people changed, with what the rules alone would say."""
    editor, (a, b, *_rest) = site.browser("editor"), ranking(site, draft)
    titles = {each.publication: each.title for each in content(site, draft).candidates}
    ask(editor, draft, "exclude", publication=b)
    ask(editor, draft, "words", publication=a, title="Ours")
    page = unescape(editor.get("/").text)
    assert f"<del>{titles[b]}</del>" in page
    assert "<ins>Ours</ins>" in page


def test_what_came_since_is_no_editors_change(site: Site, draft: Issue) -> None:
    """Until the draft is made anew, a publication that comes is not told as taken out by people."""
    editor, one = site.browser("editor"), ranking(site, draft)[0]
    ask(editor, draft, "words", publication=one, title="Ours")
    friday.publish(site.database, "A Latecomer on Glaciers")
    page = editor.get("/").text
    assert "<ins>Ours</ins>" in page
    assert "Latecomer" not in page


# --- two at once --------------------------------------------------------------------------


def test_two_editors_at_once(site: Site, draft: Issue) -> None:
    """Who saves second sees both versions, nothing is overwritten, and either can be kept."""
    ana, ben = site.browser("editor"), site.browser("publisher")
    one = ranking(site, draft)[0]
    own = content(site, draft).recap.item(one).title  # type: ignore[union-attr]
    opened = fields(ben, draft)
    ask(ana, draft, "words", publication=one, title="Ana’s Title")
    form = {"act": "words", "publication": str(one), "title": "Ben’s Title", "seen_title": own}
    answer = ben.post(f"/desk/issues/{draft.id}/edit", data=opened | form)
    assert answer.status_code == 409
    assert "Ana’s Title" in answer.text
    assert "Ben’s Title" in answer.text
    assert "editor@example.org" in answer.text
    assert content(site, draft).edits.titles == {one: "Ana’s Title"}
    merged = dict(re.findall(r'name="(csrf|version|publication)" value="([^"]+)"', answer.text))
    told = merged | {"act": "words", "title": "Both Titles"}
    assert ben.post(f"/desk/issues/{draft.id}/edit", data=told).status_code == 303
    assert content(site, draft).edits.titles == {one: "Both Titles"}


def test_a_press_on_an_old_page_asks_again(site: Site, draft: Issue) -> None:
    """A button of a page that is out of date does nothing before it is pressed once more."""
    editor, (a, b, *_rest) = site.browser("editor"), ranking(site, draft)
    opened = fields(editor, draft)
    ask(editor, draft, "exclude", publication=a)
    form = opened | {"act": "exclude", "publication": str(b)}
    answer = editor.post(f"/desk/issues/{draft.id}/edit", data=form)
    assert answer.status_code == 409
    assert "Take it out all the same" in answer.text
    assert content(site, draft).edits.exclusions == (a,)


# --- who, and when ------------------------------------------------------------------------


@SQLITE
@pytest.mark.parametrize(
    ("role", "allowed"), [("viewer", False), ("editor", True), ("publisher", True), ("admin", True)]
)
def test_editing_takes_an_editor(site: Site, draft: Issue, role: str, allowed: bool) -> None:
    """A viewer sees no form of the board, and one sent all the same is refused."""
    browser, one = site.browser(role), ranking(site, draft)[0]
    assert ("/edit" in browser.get("/").text) is allowed
    answer = ask(browser, draft, "exclude", publication=one)
    assert answer.status_code == (303 if allowed else 403)
    refreshed = browser.post(f"/desk/issues/{draft.id}/refresh", data=fields(browser, draft))
    assert refreshed.status_code == (303 if allowed else 403)
    assert bool(content(site, draft).edits) is allowed


@SQLITE
@pytest.mark.parametrize(
    "told",
    [
        {"act": "explode"},
        {"act": "pin"},
        {"act": "pin", "publication": "99999"},
        {"act": "pin", "publication": "-1"},
        {"act": "pin", "publication": "9" * 40},
        {"act": "words", "publication": "²", "title": "x"},
        {},
    ],
)
def test_a_form_that_is_not_ours(site: Site, draft: Issue, told: dict[str, str]) -> None:
    """An unknown act, a foreign publication and a cut form are refused; nothing changes."""
    editor = site.browser("editor")
    answer = editor.post(f"/desk/issues/{draft.id}/edit", data=fields(editor, draft) | told)
    assert answer.status_code == 422
    assert not content(site, draft).edits


@SQLITE
def test_an_edit_needs_the_sessions_token(site: Site, draft: Issue) -> None:
    """With the cookie alone, an edit is refused."""
    one = ranking(site, draft)[0]
    form = {"version": str(draft.version), "act": "exclude", "publication": str(one)}
    answer = site.browser("editor").post(f"/desk/issues/{draft.id}/edit", data=form)
    assert answer.status_code == 403
    assert not content(site, draft).edits


def test_an_edit_takes_an_approval_back(site: Site, draft: Issue) -> None:
    """What was approved is what is sent: a change afterwards makes a draft of it again."""
    publisher, one = site.browser("publisher"), ranking(site, draft)[0]
    path = f"/desk/issues/{draft.id}/approve"
    assert publisher.post(path, data=fields(publisher, draft)).status_code == 303
    assert "Any change takes the approval back" in publisher.get("/").text
    ask(publisher, draft, "words", publication=one, title="Changed")
    assert now_of(site, draft).state is IssueState.DRAFT


def test_a_sent_issue_is_not_edited(site: Site, draft: Issue) -> None:
    """Once its audience is frozen the board has no forms, and one sent anyway is refused."""
    publisher, one = site.browser("publisher"), ranking(site, draft)[0]
    publisher.post(f"/desk/issues/{draft.id}/approve", data=fields(publisher, draft))
    weekly.freeze(site.database, site.loaded, now_of(site, draft), now=NOW)
    assert "/edit" not in publisher.get(f"/desk/issues/{draft.id}").text
    form = fields(publisher, draft) | {"version": str(now_of(site, draft).version)}
    told = {"act": "exclude", "publication": str(one)}
    answer = publisher.post(f"/desk/issues/{draft.id}/edit", data=form | told)
    assert answer.status_code == 409
    assert not content(site, draft).edits


def test_words_typed_too_late_are_shown_to_be_copied(site: Site, draft: Issue) -> None:
    """Who typed while the audience was frozen gets the words back, and no Save that cannot work."""
    publisher, one = site.browser("publisher"), ranking(site, draft)[0]
    publisher.post(f"/desk/issues/{draft.id}/approve", data=fields(publisher, draft))
    form = fields(publisher, draft)
    weekly.freeze(site.database, site.loaded, now_of(site, draft), now=NOW)
    told = {"act": "words", "publication": str(one), "title": "Typed Too Late"}
    page = publisher.post(f"/desk/issues/{draft.id}/edit", data=form | told)
    assert page.status_code == 409
    assert "This issue can no longer be changed" in page.text
    assert "Typed Too Late</textarea>" in page.text
    assert "Save yours" not in page.text
    assert f'/desk/issues/{draft.id}/correct"' in page.text


# --- the overlay --------------------------------------------------------------------------


@given(
    ranking=st.lists(st.integers(1, 20), min_size=1, max_size=12, unique=True),
    presses=st.lists(st.tuples(st.integers(0, 11), st.integers(-3, 3)), max_size=8),
)
@settings(suppress_health_check=[HealthCheck.too_slow], deadline=None)
def test_moving_loses_nothing(ranking: list[int], presses: list[tuple[int, int]]) -> None:
    """However often items are moved, the order names each at most once, as it then stands."""
    edits = Edits()
    for place, by in presses:
        one = ranking[place % len(ranking)]
        there = min(max(ranking.index(one) + by, 0), len(ranking) - 1)
        edits = overlay.moved(edits, ranking, one, by=by)
        ranking = [*edits.order, *(each for each in ranking if each not in edits.order)]
        assert ranking.index(one) == there
        assert len(set(edits.order)) == len(edits.order)


@pytest.mark.parametrize("act", [overlay.headed, overlay.led, overlay.introduced])
def test_blank_words_are_no_edit(act: Any) -> None:
    """Who empties a field, but for a space, leaves it to the rules, and the week may roll over."""
    assert not act(act(Edits(), "Mine"), " \n")


_one = st.integers(1, 4)
_acts = st.one_of(
    st.tuples(st.sampled_from(["theme_pinned", "theme_dropped", "theme_first", "split"]), _one),
    st.tuples(st.just("merged"), _one, _one),
)


@given(st.lists(_acts, max_size=12), _one)
def test_a_theme_left_to_the_rules_has_no_trace(acts: list[tuple[Any, ...]], one: int) -> None:
    """Whatever was done to themes, nothing of it is about a theme that was put back."""
    edits = Edits()
    for name, *those in acts:
        edits = getattr(overlay, name)(edits, *those)
        assert not set(edits.theme_pins) & set(edits.theme_drops)
        assert all(each != into for each, into in edits.merges.items())
    edits = overlay.theme_put_back(edits, one)
    named = {*edits.theme_pins, *edits.theme_drops, *edits.theme_order, *edits.splits}
    assert one not in named | {*edits.merges, *edits.merges.values()}
