"""The board as one works at it: by mouse, by keys alone, and without any script."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from email import message_from_bytes, policy
from pathlib import Path
from typing import Any, NoReturn

import httpx
import pytest
from sqlalchemy import func, select

from digest import weekly
from digest.delivery.author import author
from digest.model import Draft, Issue
from digest.store import Database, drafts, history, ledger, outbox
from digest.store.schema import deliveries
from digest.web.desk import preview
from tests import friday
from tests.website import NOW, Site, browsing, served

pytestmark = pytest.mark.parametrize("database", ["sqlite"], indirect=True)


@pytest.fixture
def site(database: Database, tmp_path: Path) -> Iterator[Site]:
    with served(database, tmp_path) as site:
        friday.publish(database, *friday.TITLES)
        friday.subscribe(database, 2)
        yield site


@pytest.fixture
def draft(site: Site) -> Issue:
    newsletter = site.loaded.settings.newsletters["recap"]
    slot = weekly.slot(newsletter, friday.CLOSING, now=NOW)
    return weekly.prepare(site.database, site.loaded, "recap", slot, now=NOW)


@pytest.fixture
def chromium(needs: Callable[[str, str], NoReturn]) -> Iterator[Callable[..., Any]]:
    with browsing(needs) as opened:
        yield opened


def content(site: Site, issue: Issue) -> Draft:
    with site.database.read() as conn:
        return drafts.read(conn, issue.id)


def ranking(site: Site, issue: Issue) -> list[int]:
    ranked = [each for each in content(site, issue).candidates if each.included]
    return [each.publication for each in sorted(ranked, key=lambda each: each.rank or 0)]


def labels(site: Site, issue: Issue) -> dict[int, str]:
    """The headline's themes in order: {leading publication: label}."""
    recap = content(site, issue).recap
    assert recap
    return {theme.publications[0]: theme.label for theme in recap.themes}


def ask(browser: httpx.Client, issue: Issue, act: str, **told: Any) -> httpx.Response:
    page = browser.get(f"/desk/issues/{issue.id}").text
    fields = dict(re.findall(r'name="(csrf|version)" value="([^"]+)"', page))
    sent = fields | {"act": act} | {name: str(value) for name, value in told.items()}
    return browser.post(f"/desk/issues/{issue.id}/edit", data=sent)


# --- places and themes --------------------------------------------------------------------


@pytest.mark.parametrize("place", [1, 2, 3, 4])
def test_an_item_moves_to_any_place(site: Site, draft: Issue, place: int) -> None:
    """What a drag sends is a place; the others keep their order."""
    before = ranking(site, draft)
    one = before[-1]
    ask(site.browser("editor"), draft, "move", publication=one, to=place)
    others = [each for each in before if each != one]
    assert ranking(site, draft) == [*others[: place - 1], one, *others[place - 1 :]]


@pytest.mark.parametrize("to", ["0", "999", "-1", "x", "1" * 30, ""])
def test_a_place_that_there_is_not_harms_nothing(site: Site, draft: Issue, to: str) -> None:
    """A made-up place is refused or means the nearest end."""
    before = ranking(site, draft)
    answer = ask(site.browser("editor"), draft, "move", publication=before[1], to=to)
    assert answer.status_code in (303, 422)
    assert sorted(ranking(site, draft)) == sorted(before)


def test_the_themes_of_the_headline_are_chosen(site: Site, draft: Issue) -> None:
    """A theme goes out of the headline, comes to its front, and is left to the rules again."""
    editor, (first, second, *_rest) = site.browser("editor"), labels(site, draft)
    own = labels(site, draft)
    ask(editor, draft, "theme-drop", publication=first)
    assert first not in labels(site, draft)
    ask(editor, draft, "theme-put-back", publication=first)
    assert labels(site, draft) == own
    ask(editor, draft, "theme-first", publication=second)
    assert next(iter(labels(site, draft))) == second
    ask(editor, draft, "theme-put-back", publication=second)
    assert labels(site, draft) == own


def test_two_themes_are_joined_and_parted_again(site: Site, draft: Issue) -> None:
    """The joined theme holds the publications of both, until one gets a theme of its own."""
    editor, (first, second, *_rest) = site.browser("editor"), labels(site, draft)
    assert ask(editor, draft, "merge", publication=second, to=first).status_code == 303
    recap = content(site, draft).recap
    assert recap
    assert any({first, second} <= set(theme.publications) for theme in recap.themes)
    assert "Own theme" in editor.get("/").text
    ask(editor, draft, "split", publication=second)
    recap = content(site, draft).recap
    assert recap
    assert not any({first, second} <= set(theme.publications) for theme in recap.themes)


def test_a_theme_is_joined_only_with_one_that_is_there(site: Site, draft: Issue) -> None:
    """A publication that is no candidate is refused, and nothing changes."""
    one = next(iter(labels(site, draft)))
    assert ask(site.browser("editor"), draft, "merge", publication=one, to=9999).status_code == 422
    assert not content(site, draft).edits


# --- the preview --------------------------------------------------------------------------


#: What is a reader's own in a mail: where their links lead.
_OWN = r"(http://127\.0\.0\.1/(?:unsubscribe|preferences))/[\w.~=-]+"


def test_the_preview_shows_the_bytes_that_go_out(site: Site, draft: Issue) -> None:
    """Decoded, a reader's message is the previewed one but for what is the reader's own."""
    issue = weekly.approve(site.database, site.loaded, draft, by="ana", now=NOW)
    issue = weekly.freeze(site.database, site.loaded, issue, now=NOW)
    with site.database.read() as conn:
        row = ledger.listed(conn, issue.id)[0]
    write = author(site.database, site.loaded, issue, clock=lambda: NOW)
    sent = message_from_bytes(b"".join(write(row).segments), policy=policy.default)
    shown = preview.mail(site.database, site.loaded, issue, now=NOW)
    for kind, ours in (("html", shown.html), ("plain", shown.text)):
        part = sent.get_body((kind,))
        assert part
        theirs = part.get_content().replace("\r\n", "\n")
        assert re.sub(_OWN, r"\1/example", theirs) == re.sub(_OWN, r"\1/example", ours)
    assert sent["subject"] == shown.subject
    assert [name for name in shown.headers.lower().split("\n") if name.startswith("list-")]


def test_pictures_are_off_by_policy_alone(site: Site, draft: Issue) -> None:
    """Not a byte is changed for the view without pictures; the browser may not load them."""
    viewer = site.browser("viewer")
    on = viewer.get(f"/desk/issues/{draft.id}/mail")
    off = viewer.get(f"/desk/issues/{draft.id}/mail?pictures=off")
    assert on.text == off.text
    assert "img-src" in on.headers["content-security-policy"]
    assert "img-src" not in off.headers["content-security-policy"]
    for answer in (on, off):
        assert answer.headers["content-security-policy"].endswith("sandbox")


def test_a_clipped_mail_ends_where_gmail_cuts(site: Site, draft: Issue) -> None:
    """Of a long mail the first 102 KB are shown, never half a character."""
    shown = preview.mail(site.database, site.loaded, draft, now=NOW)
    assert shown.clipped == shown.html
    assert shown.clipped_bytes == 0
    long = preview.Mail(raw=_mail("é" * 60_000), sender="", digest="", frozen=False)
    assert len(long.clipped.encode()) in (preview.CLIPPED_BYTES, preview.CLIPPED_BYTES - 1)
    assert long.clipped_bytes == long.html_bytes - preview.CLIPPED_BYTES


def _mail(html: str) -> bytes:
    head = b"Content-Type: text/html; charset=utf-8\r\nContent-Transfer-Encoding: 8bit\r\n\r\n"
    return head + html.encode()


@pytest.mark.parametrize("key", [each.key for each in (*preview.VIEWS, preview.SIDE_BY_SIDE)])
def test_every_view_opens(site: Site, draft: Issue, key: str) -> None:
    """No view needs a script; the frames are sandboxed."""
    answer = site.browser("viewer").get(f"/desk/issues/{draft.id}/preview?view={key}")
    assert answer.status_code == 200
    assert answer.text.count("<iframe") == answer.text.count(" sandbox src=")


@pytest.mark.parametrize("to", ["me", "editors"])
def test_a_test_goes_to_editors_alone_and_touches_no_ledger(
    site: Site, draft: Issue, to: str
) -> None:
    """It is marked as a test, the ledger stays empty, and the log says who sent it."""
    editor = site.browser("editor")
    page = editor.get(f"/desk/issues/{draft.id}/preview").text
    fields = dict(re.findall(r'name="(csrf)" value="([^"]+)"', page))
    only = site.loaded.settings.newsletters["recap"]
    ours = only.model_copy(update={"editors": ("a@example.org", "b@example.org")})
    site.settings(newsletters={"recap": ours})
    assert editor.post(f"/desk/issues/{draft.id}/test", data=fields | {"to": to}).status_code == 303
    with site.database.read() as conn:
        written = outbox.latest(conn, weekly.test_key(draft), most=9)
        assert conn.execute(select(func.count()).select_from(deliveries)).scalar() == 0
        assert history.last_change(conn, draft.id)[:2] == ("editor@example.org", "tested")  # type: ignore[index]
    wanted = {"me": {"editor@example.org"}, "editors": {"a@example.org", "b@example.org"}}
    assert {each.address for each in written} == wanted[to]


@pytest.mark.parametrize(
    ("role", "to", "status"), [("viewer", "me", 403), ("editor", "x@y.test", 422)]
)
def test_nobody_sends_tests_to_strangers(
    site: Site, draft: Issue, role: str, to: str, status: int
) -> None:
    """A test takes an editor, and goes to no address that a form makes up."""
    browser = site.browser(role)
    page = browser.get("/").text
    fields = dict(re.findall(r'name="(csrf)" value="([^"]+)"', page))
    answer = browser.post(f"/desk/issues/{draft.id}/test", data=fields | {"to": to})
    assert answer.status_code == status
    with site.database.read() as conn:
        assert outbox.latest(conn, weekly.test_key(draft), most=9) == []


# --- in a browser -------------------------------------------------------------------------


def entered(site: Site, page: Any, role: str = "editor") -> None:
    page.goto(f"{site.address}/sign-in/{site.link(role)}")
    page.click("button")
    page.wait_for_selector("text=In the mail")
    # Keys are heard once the scripts have run, which is after the words are seen.
    page.wait_for_load_state("load")


def said(page: Any, words: str) -> None:
    page.wait_for_selector(f'#board-said:has-text("{words}")')


@pytest.mark.browser
def test_by_mouse(site: Site, draft: Issue, chromium: Callable[..., Any]) -> None:
    """A drag moves an item, the preview beside the board follows, and nothing was reloaded."""
    page = chromium(width=1280, scheme="light")
    entered(site, page)
    page.evaluate("window.unloaded = 'not yet'")
    before = ranking(site, draft)
    first = page.locator(".items > li").nth(0)
    page.locator(".items > li .handle").nth(2).drag_to(first, target_position={"x": 40, "y": 2})
    said(page, "Moved to place 1 of 4.")
    assert ranking(site, draft) == [before[2], before[0], before[1], before[3]]
    title = page.locator(".items .title").first.inner_text()
    page.frame_locator(".glance iframe").locator(f"h3 >> text={title[:20]}").first.wait_for()
    assert page.evaluate("window.unloaded") == "not yet"
    assert page.problems == []


@pytest.mark.browser
def test_by_keys_alone(site: Site, draft: Issue, chromium: Callable[..., Any]) -> None:
    """Keys move, take out, rewrite and undo; the focus stays with the item; typing is kept."""
    page = chromium(width=1280, scheme="dark")
    entered(site, page)
    before = ranking(site, draft)
    for _ in range(2):
        page.keyboard.press("j")
    page.keyboard.press("Alt+ArrowUp")
    said(page, "Moved to place 1 of 4.")
    assert ranking(site, draft)[0] == before[1]
    assert page.evaluate("document.activeElement.id") == f"item-{before[1]}"
    page.keyboard.press("e")
    page.keyboard.press("End")
    page.keyboard.type(" Indeed")
    said(page, "Saved")
    assert content(site, draft).edits.titles[before[1]].endswith(" Indeed")
    assert page.evaluate("document.activeElement.id") == f"title-{before[1]}"
    page.keyboard.press("Tab")
    page.keyboard.press("Tab")
    page.keyboard.press("u")
    said(page, "Undo")
    assert not content(site, draft).edits.titles
    page.keyboard.press("?")
    page.keyboard.press("Space")
    page.keyboard.press("Escape")
    page.keyboard.press("x")
    assert not content(site, draft).edits.exclusions
    assert page.problems == []


@pytest.mark.browser
def test_another_editors_words_are_never_typed_over(
    site: Site, draft: Issue, chromium: Callable[..., Any]
) -> None:
    """Typing is not kept over a change it has not seen; Save leads to both versions."""
    page = chromium(width=1280, scheme="light")
    entered(site, page)
    one = ranking(site, draft)[0]
    page.click(f"#edit-{one} > summary")
    ask(site.browser("publisher"), draft, "words", publication=one, title="Ben’s Title")
    page.fill(f"#title-{one}", "Ana’s Title")
    said(page, "Not saved by itself")
    assert content(site, draft).edits.titles == {one: "Ben’s Title"}
    # The board says so as well, before it is left.
    with page.expect_navigation():
        page.click(f"#words-{one} button")
    page.wait_for_selector("text=The issue changed while you were at it")
    assert "Ana’s Title" in page.content()
    assert "Ben’s Title" in page.content()


@pytest.mark.browser
def test_words_typed_without_a_connection_are_kept_when_it_is_back(
    site: Site, draft: Issue, chromium: Callable[..., Any]
) -> None:
    """Who types while the desk cannot be reached is told so, and loses nothing."""
    page = chromium(width=1280, scheme="light")
    entered(site, page)
    one, other = ranking(site, draft)[:2]
    page.click(f"#edit-{one} > summary")
    page.context.set_offline(True)
    page.fill(f"#title-{one}", "Typed on a Train")
    said(page, "Not saved: the desk does not answer. What you typed stays here")
    page.click(f"#act-pin-{other}")
    assert page.input_value(f"#title-{one}") == "Typed on a Train"
    page.context.set_offline(False)
    said(page, "Saved,")
    assert content(site, draft).edits.titles == {one: "Typed on a Train"}


@pytest.mark.browser
def test_words_are_kept_before_a_button_is_pressed(
    site: Site, draft: Issue, chromium: Callable[..., Any]
) -> None:
    """An act on another item, pressed while words wait to be saved, comes after them."""
    page = chromium(width=1280, scheme="light")
    entered(site, page)
    one, other = ranking(site, draft)[:2]
    page.click(f"#edit-{one} > summary")
    page.fill(f"#title-{one}", "Typed in Haste")
    page.click(f"#act-exclude-{other}")
    said(page, "Done: Take out")
    edits = content(site, draft).edits
    assert (edits.titles, edits.exclusions) == ({one: "Typed in Haste"}, (other,))
    assert page.problems == []


@pytest.mark.browser
def test_nobody_approves_without_the_words_just_typed(
    site: Site, draft: Issue, chromium: Callable[..., Any]
) -> None:
    """Approve, pressed while words wait to be saved, saves them and waits for a second press."""
    page = chromium(width=1280, scheme="light")
    entered(site, page, "publisher")
    one = ranking(site, draft)[0]
    page.click(f"#edit-{one} > summary")
    page.fill(f"#title-{one}", "Typed at the Last Minute")
    page.click(".standing .button:text-is('Approve')")
    said(page, "Saved first what you typed. Press again: Approve")
    assert content(site, draft).edits.titles == {one: "Typed at the Last Minute"}
    page.click(".standing .button:text-is('Approve')")
    page.wait_for_selector("text=Any change takes the approval back")
    assert content(site, draft).edits.titles == {one: "Typed at the Last Minute"}


@pytest.mark.browser
def test_words_outlive_the_session(site: Site, draft: Issue, chromium: Callable[..., Any]) -> None:
    """Who is signed out while typing is told so, signs in in another window, and all is saved."""
    page = chromium(width=1280, scheme="light")
    entered(site, page)
    one = ranking(site, draft)[0]
    page.click(f"#edit-{one} > summary")
    page.context.clear_cookies()
    page.fill(f"#title-{one}", "Typed Signed Out")
    said(page, "Not saved: you are signed out.")
    entered(site, page.context.new_page())
    said(page, "Saved,")
    assert content(site, draft).edits.titles == {one: "Typed Signed Out"}


@pytest.mark.browser
def test_the_focus_stays_where_an_editor_works(
    site: Site, draft: Issue, chromium: Callable[..., Any]
) -> None:
    """What leaves its list hands the focus to the next in its place; Undo and Refresh keep it."""
    page = chromium(width=1280, scheme="light")
    entered(site, page)
    _, second, third, _ = ranking(site, draft)
    page.focus(f"#item-{second}")
    page.keyboard.press("x")
    said(page, "Done: Take out")
    assert page.evaluate("document.activeElement.id") == f"item-{third}"
    page.focus("#act-undo")
    page.keyboard.press("Enter")
    said(page, "Done: Undo")
    assert page.evaluate("document.activeElement.dataset.region") == "tools"
    page.focus("#act-refresh")
    page.keyboard.press("Enter")
    said(page, "Done: Refresh")
    assert page.evaluate("document.activeElement.id") == "act-refresh"


@pytest.mark.browser
def test_without_scripts(site: Site, draft: Issue, chromium: Callable[..., Any]) -> None:
    """The same board works by its buttons alone."""
    page = chromium(width=375, scheme="light", scripts=False)
    entered(site, page)
    before = ranking(site, draft)
    assert not page.locator(".handle").first.is_visible()
    page.click(f"#act-down-{before[0]}")
    page.wait_for_selector("text=Last change by editor@example.org")
    assert ranking(site, draft)[:2] == [before[1], before[0]]
    page.click(f"#edit-{before[0]} > summary")
    page.fill(f"#title-{before[0]}", "By Hand")
    page.click(f"#words-{before[0]} button")
    page.wait_for_selector("text=title edited")
    page.click("#act-undo")
    page.wait_for_selector("text=Redo")
    assert not content(site, draft).edits.titles
