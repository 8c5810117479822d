"""The desk: who may come in, what they see, and the decisions that they take."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from datetime import timedelta
from html.parser import HTMLParser
from pathlib import Path
from typing import Any, NoReturn
from urllib.parse import urlsplit

import httpx
import pytest
from sqlalchemy import select, update
from structlog.testing import capture_logs

from digest.model import Issue, IssueState
from digest.store import Database, issues, schema
from tests.website import (
    NOW,
    TITLES,
    Site,
    a_draft,
    a_reader,
    browsing,
    put_into,
    served,
)

ROLES = ("viewer", "editor", "publisher", "admin")

#: For what no database has a say in.
SQLITE = pytest.mark.parametrize("database", ["sqlite"], indirect=True)
WIDTHS = (320, 375, 1280, 2560)


@pytest.fixture
def site(database: Database, tmp_path: Path) -> Iterator[Site]:
    with served(database, tmp_path) as site:
        yield site


@pytest.fixture
def draft(site: Site) -> Issue:
    return a_draft(site.database)


@pytest.fixture
def chromium(needs: Callable[[str, str], NoReturn]) -> Iterator[Callable[..., Any]]:
    with browsing(needs) as opened:
        yield opened


def pages_of(issue: Issue) -> tuple[str, ...]:
    return (
        "/",
        "/desk/issues",
        f"/desk/issues/{issue.id}",
        f"/desk/issues/{issue.id}/preview",
        f"/desk/issues/{issue.id}/mail",
        "/desk/feeds",
    )


def form_of(page: httpx.Response) -> dict[str, str]:
    """The hidden fields that the page's forms carry."""
    return dict(re.findall(r'name="(csrf|version)" value="([^"]+)"', page.text))


def decide(browser: httpx.Client, issue: Issue, action: str, **told: str) -> httpx.Response:
    """Open the issue's page and send the form of *action* with what the page gave."""
    fields = form_of(browser.get(f"/desk/issues/{issue.id}"))
    return browser.post(f"/desk/issues/{issue.id}/{action}", data=fields | told)


def state(site: Site, issue: Issue) -> IssueState:
    with site.database.read() as conn:
        return issues.by_id(conn, issue.id).state


# --- coming in ----------------------------------------------------------------------------


def test_the_desk_is_closed_to_strangers(site: Site, draft: Issue) -> None:
    """Every page of the desk leads who is not signed in to the page that says how."""
    for cookie in ({}, {"recap_desk": "guessed"}):
        browser = site.browser(cookies=cookie)
        for path in pages_of(draft):
            answer = browser.get(path)
            way = urlsplit(answer.headers["location"])
            assert (answer.status_code, way.netloc, way.path) == (303, "", "/sign-in"), path
    assert "digest people link" in site.browser().get("/sign-in").text


def test_a_scanner_does_not_use_the_link_up(site: Site) -> None:
    """Opening a sign-in link 50 times leaves it good; the button's POST is what it is for."""
    link, scanner = site.link("editor"), site.browser()
    for _ in range(25):
        scanner.get(f"/sign-in/{link}")
        scanner.head(f"/sign-in/{link}")
    assert not scanner.cookies
    entered = site.browser().post(f"/sign-in/{link}")
    assert (entered.status_code, entered.headers["location"]) == (303, "/")


def test_a_link_works_once(site: Site) -> None:
    """The second use of a link is refused, and says nothing about the first."""
    link = site.link("editor")
    assert site.browser().post(f"/sign-in/{link}").status_code == 303
    again = site.browser().post(f"/sign-in/{link}")
    assert again.status_code == 404
    assert "set-cookie" not in again.headers


def test_a_form_of_another_site_cannot_sign_anybody_in(site: Site) -> None:
    """Another site cannot put its own session into somebody's browser."""
    link = site.link("editor")
    answer = site.browser().post(f"/sign-in/{link}", headers={"sec-fetch-site": "cross-site"})
    assert answer.status_code == 403
    assert site.browser().post(f"/sign-in/{link}").status_code == 303


def test_the_cookie_is_the_browsers_alone(site: Site) -> None:
    """No script reads the cookie, no other site sends it, and https keeps it off plain http."""
    plain = site.browser().post(f"/sign-in/{site.link('editor')}").headers["set-cookie"].lower()
    assert "httponly" in plain
    assert "samesite=lax" in plain
    assert "secure" not in plain
    site.settings(public_url="https://recap.example.org/letters")
    safe = site.browser().post(f"/sign-in/{site.link('editor')}").headers["set-cookie"].lower()
    assert "secure" in safe
    assert "path=/letters" in safe


def test_signing_out_ends_the_session(site: Site, draft: Issue) -> None:
    """After signing out, the cookie that the browser had opens nothing."""
    browser = site.browser("editor")
    kept = dict(browser.cookies)
    out = browser.post("/sign-out", data=form_of(browser.get("/")))
    assert (out.status_code, out.headers["location"]) == (303, "/sign-in")
    assert site.browser(cookies=kept).get("/").status_code == 303


def test_a_session_ends_by_itself(site: Site, draft: Issue) -> None:
    """A session that is a year old is nobody's."""
    browser = site.browser("editor")
    assert browser.get("/").status_code == 200
    site.now = NOW + timedelta(days=365)
    assert browser.get("/").status_code == 303


def test_a_disabled_account_is_out_at_once(site: Site, draft: Issue) -> None:
    """An account that is switched off loses its open sessions."""
    browser = site.browser("editor")
    with site.database.write() as conn:
        conn.execute(update(schema.accounts).values(disabled_at=NOW))
    assert browser.get("/").status_code == 303


# --- deciding -----------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("action", "before", "after", "least"),
    [
        ("approve", IssueState.DRAFT, IssueState.APPROVED, "publisher"),
        ("hold", IssueState.DRAFT, IssueState.HELD, "editor"),
        ("release", IssueState.HELD, IssueState.DRAFT, "publisher"),
    ],
)
@pytest.mark.parametrize("role", ROLES)
def test_a_decision_takes_its_role(
    site: Site,
    draft: Issue,
    role: str,
    action: str,
    before: IssueState,
    after: IssueState,
    least: str,
) -> None:
    """Who is below the role gets 403 and nothing changes; from the role on it is done."""
    if before is IssueState.HELD:
        assert decide(site.browser("editor"), draft, "hold").status_code == 303
    allowed = ROLES.index(role) >= ROLES.index(least)
    answer = decide(site.browser(role), draft, action)
    assert answer.status_code == (303 if allowed else 403)
    assert state(site, draft) is (after if allowed else before)


@SQLITE
@pytest.mark.parametrize("role", ["viewer", "editor", "publisher"])
def test_a_page_shows_only_the_buttons_that_work(site: Site, draft: Issue, role: str) -> None:
    """A viewer sees no button, an editor Hold, a publisher Approve as well."""
    page = site.browser(role).get("/").text
    assert ("/hold" in page) is (role != "viewer")
    assert ("/approve" in page) is (role == "publisher")


@SQLITE
@pytest.mark.parametrize("action", ["approve", "hold", "release"])
@pytest.mark.parametrize("csrf", [None, "", "0" * 64, "of another session", "é"])
def test_a_form_without_the_sessions_token_does_nothing(
    site: Site, draft: Issue, action: str, csrf: str | None
) -> None:
    """A POST with the cookie alone, or with another session's token, is refused."""
    browser = site.browser("admin")
    if csrf == "of another session":
        csrf = form_of(site.browser("publisher").get("/"))["csrf"]
    told = {"version": str(draft.version)} | ({} if csrf is None else {"csrf": csrf})
    answer = browser.post(f"/desk/issues/{draft.id}/{action}", data=told)
    assert answer.status_code == 403
    assert state(site, draft) is IssueState.DRAFT


def test_a_form_that_another_site_sent_does_nothing(site: Site, draft: Issue) -> None:
    """Even with the right token, what the browser says came from another site is refused."""
    browser = site.browser("admin")
    fields = form_of(browser.get("/"))
    foreign = {"sec-fetch-site": "cross-site"}
    answer = browser.post(f"/desk/issues/{draft.id}/approve", data=fields, headers=foreign)
    assert answer.status_code == 403
    assert state(site, draft) is IssueState.DRAFT


@pytest.mark.parametrize("action", ["approve", "hold", "release"])
def test_a_decision_is_not_taken_by_opening_it(site: Site, draft: Issue, action: str) -> None:
    """GET and HEAD of a decision's address are refused, 50 times over."""
    browser = site.browser("admin")
    for _ in range(25):
        assert browser.get(f"/desk/issues/{draft.id}/{action}").status_code == 405
        assert browser.head(f"/desk/issues/{draft.id}/{action}").status_code == 405
    assert state(site, draft) is IssueState.DRAFT


def test_nobody_approves_what_they_have_not_seen(site: Site, draft: Issue) -> None:
    """A page that was opened before the issue changed cannot approve it: 409, and the new state."""
    browser = site.browser("publisher")
    fields = form_of(browser.get("/"))
    with site.database.write() as conn:
        conn.execute(
            update(schema.issues)
            .where(schema.issues.c.id == draft.id)
            .values(version=schema.issues.c.version + 1)
        )
    answer = browser.post(f"/desk/issues/{draft.id}/approve", data=fields)
    assert answer.status_code == 409
    assert "changed after you opened the page" in answer.text
    assert state(site, draft) is IssueState.DRAFT


def test_the_approver_is_written_down(site: Site, draft: Issue) -> None:
    """The record names the account that approved, and the page says so."""
    browser = site.browser("publisher")
    assert decide(browser, draft, "approve").status_code == 303
    with site.database.read() as conn:
        assert issues.by_id(conn, draft.id).approved_by == "publisher@example.org"
    assert "Approved by publisher@example.org." in browser.get("/").text


def test_what_blocks_the_issue_refuses_the_approval(site: Site, draft: Issue) -> None:
    """An error of the preflight is shown with its remedy, and the draft stays a draft."""
    newsletter = site.loaded.settings.newsletters["recap"]
    placeholder = newsletter.model_copy(update={"postal_address": "YOUR POSTAL ADDRESS"})
    site.settings(newsletters={"recap": placeholder})
    page = site.browser("publisher").get("/").text
    assert '<span class="level">Blocks</span>' in page
    assert "/approve" not in page
    answer = decide(site.browser("publisher"), draft, "approve")
    assert answer.status_code == 409
    assert "postal" in answer.text
    assert state(site, draft) is IssueState.DRAFT


def test_a_person_may_pass_over_what_only_holds(site: Site) -> None:
    """An error that no rule bars holds the issue, unless a person approves it all the same."""
    issue = a_draft(site.database, headline="Re: Deep Strikes and Recovery Costs")
    browser = site.browser("publisher")
    page = browser.get("/").text
    assert '<span class="level">Holds</span>' in page
    assert "if somebody approves it before; otherwise it is held" in page
    assert decide(browser, issue, "approve").status_code == 303
    assert state(site, issue) is IssueState.APPROVED


def test_a_hold_says_why(site: Site, draft: Issue) -> None:
    """The reason that was typed stands on the page; without one, who held it does."""
    browser = site.browser("editor")
    decide(browser, draft, "hold", reason="  The lead is\r\n wrong  ")
    assert "The lead is wrong." in browser.get("/").text
    decide(site.browser("publisher"), draft, "release")
    decide(browser, draft, "hold")
    assert "Held by editor@example.org." in browser.get("/").text


# --- what is shown ------------------------------------------------------------------------


def test_the_state_and_its_consequence_are_words(site: Site, draft: Issue) -> None:
    """The first issue of a newsletter says when it goes out, and that a person must approve."""
    page = re.sub("</?time[^>]*>", "", site.browser("viewer").get("/").text)
    assert "<strong>Draft.</strong>" in page
    assert "Friday 09:00 New York, in 2 h 14 min, if somebody approves it before" in page


def test_a_later_issue_is_sent_unless_held(site: Site) -> None:
    """From the second issue on, the policy of the newsletter is what the page says."""
    before = a_draft(site.database, "One", "Two", "Three", key="2023-09-15")
    put_into(site.database, before, IssueState.FINISHED, loaded=site.loaded)
    a_draft(site.database)
    page = re.sub("</?time[^>]*>", "", site.browser("viewer").get("/").text)
    assert "Sends Friday 09:00 New York, in 2 h 14 min, unless held." in page


def test_the_table_says_why(site: Site, draft: Issue) -> None:
    """Each candidate stands with its reason, in or out."""
    page = site.browser("viewer").get("/").text
    assert "recency .34 + kind .20" in page
    assert "1 older than the look-back" in page
    assert "look-back began Sep 12 06:00" in page


def test_without_an_issue_the_desk_says_what_to_do(site: Site) -> None:
    """An empty database is a designed state with the next command."""
    page = site.browser("viewer").get("/").text
    assert "There is no issue yet" in page
    assert "digest issue prepare" in page
    assert 'href="/desk/calendar?newsletter=recap"' in page
    assert "/desk/subscribers?" not in page


def test_a_week_without_items_says_what_to_do(site: Site, draft: Issue) -> None:
    """Where the feeds brought nothing, the board leads to them, not to reasons."""
    with site.database.write() as conn:
        conn.execute(update(schema.issues).values(candidates=[]))
    page = site.browser("editor").get("/").text
    assert "The feeds brought nothing for this week." in page
    assert 'href="/desk/publications?newsletter=recap#by-hand"' in page
    assert "Look below" not in page


def test_an_issue_that_went_without_candidates_claims_nothing_of_them(
    site: Site, draft: Issue
) -> None:
    """Of an issue that went out, the page does not say that nothing was in it."""
    put_into(site.database, draft, IssueState.FINISHED, loaded=site.loaded)
    with site.database.write() as conn:
        conn.execute(update(schema.issues).values(candidates=[]))
    page = site.browser("editor").get(f"/desk/issues/{draft.id}").text
    assert "No publication is in" not in page
    assert "Nothing was left out" not in page


def test_an_issue_without_a_draft_has_a_page(site: Site, draft: Issue) -> None:
    """A planned issue is shown as planned; its preview says what is missing."""
    with site.database.write() as conn:
        conn.execute(update(schema.issues).values(recap=None, candidates=None, state="planned"))
    browser = site.browser("publisher")
    page = browser.get("/")
    assert page.status_code == 200
    assert "Planned." in page.text
    assert "/approve" not in page.text
    assert browser.get(f"/desk/issues/{draft.id}/preview").status_code == 409


def test_the_ledger_adds_up_on_the_page(site: Site, draft: Issue) -> None:
    """The invariant is a sentence: so many frozen, and what became of each."""
    sending = put_into(site.database, draft, IssueState.SENDING, loaded=site.loaded)
    states = ["sent", "sent", "failed", "pending"]
    with site.database.write() as conn:
        conn.execute(update(schema.issues).values(frozen=4, excluded={"paused": 1}))
        for number, each in enumerate(states, 1):
            conn.execute(
                schema.deliveries.insert().values(
                    issue_id=sending.id,
                    subscriber_id=number,
                    edition_id=sending.edition_id,
                    variant_id=1,
                    address=f"{number}@example.org",
                    state=each,
                    due_at=NOW,
                )
            )
    page = site.browser("viewer").get("/").text
    assert "4 frozen = 2 sent + 1 failed + 1 pending." in page
    assert "2 of 4 sent, 1 still owed, 1 failed." in page
    assert "@example.org, viewer" in page
    assert "1@example.org" not in page


def test_feeds_are_shown_with_their_health(site: Site) -> None:
    """A feed that fails says how often, why, and that nothing is lost."""
    with site.database.write() as conn:
        feed = conn.execute(
            schema.feeds.insert()
            .values(
                url="https://example.org/feed.xml",
                settings={"url": "https://example.org/feed.xml"},
                enabled=True,
                origin="config",
                failures=3,
                error="example.org did not answer",
                succeeded_at=NOW - timedelta(days=2),
            )
            .returning(schema.feeds.c.id)
        ).scalar_one()
        conn.execute(schema.newsletter_feeds.insert().values(newsletter="recap", feed_id=feed))
    page = site.browser("viewer").get("/desk/feeds").text
    assert "Failed 3 times in a row." in page
    assert "example.org did not answer." in page


def test_all_issues_are_listed(site: Site, draft: Issue) -> None:
    """The list leads to every issue of the newsletter, with its state."""
    page = site.browser("viewer").get("/desk/issues").text
    assert f'href="/desk/issues/{draft.id}"' in page
    assert "Draft" in page


@SQLITE
@pytest.mark.parametrize("view", ["desktop", "desktop-dark", "phone", "phone-dark"])
def test_a_frame_is_sandboxed(site: Site, draft: Issue, view: str) -> None:
    """The mail is shown in a frame that runs no script and may be framed by the desk alone."""
    browser = site.browser("viewer")
    page = browser.get(f"/desk/issues/{draft.id}/preview", params={"view": view})
    assert re.search(r'<iframe class="\w+" sandbox src="/desk/issues/\d+/mail', page.text)
    mail = browser.get(f"/desk/issues/{draft.id}/mail")
    policy = mail.headers["content-security-policy"]
    assert "default-src 'none'" in policy
    assert "sandbox" in policy.split("; ")
    assert "frame-ancestors 'self'" in policy
    assert mail.headers["x-frame-options"] == "SAMEORIGIN"
    assert (
        TITLES[0].replace("'", "’") in mail.text or TITLES[0] in mail.text or "Ukraine" in mail.text
    )


def test_dark_and_light_are_the_editors_choice(site: Site, draft: Issue) -> None:
    """The dark frame answers the mail's question for itself, the light one denies it."""
    browser = site.browser("viewer")
    for scheme, question in (("dark", "(min-width:0)"), ("light", "(max-width:0)")):
        mail = browser.get(f"/desk/issues/{draft.id}/mail", params={"scheme": scheme}).text
        assert question in mail
        assert "prefers-color-scheme" not in mail


def test_text_and_source_are_shown_as_characters(site: Site, draft: Issue) -> None:
    """The text part and the HTML source stand in the page escaped, slots filled."""
    browser = site.browser("viewer")
    source = browser.get(f"/desk/issues/{draft.id}/preview?view=source").text
    assert "&lt;!doctype html&gt;" in source.lower()
    text = browser.get(f"/desk/issues/{draft.id}/preview?view=text").text
    assert "\ufdd0" not in source + text


def test_what_is_previewed_is_what_was_frozen(site: Site, draft: Issue) -> None:
    """After approval the preview shows the frozen bytes, whatever the draft says by now."""
    put_into(site.database, draft, IssueState.APPROVED, loaded=site.loaded)
    with site.database.write() as conn:
        recap = conn.execute(select(schema.issues.c.recap)).scalar_one()
        later = recap | {"headline": "Another Headline", "subject": "Another Headline"}
        conn.execute(update(schema.issues).values(recap=later))
    page = site.browser("viewer").get(f"/desk/issues/{draft.id}/preview")
    assert "Frozen" in page.text
    assert "Another Headline" not in page.text


@SQLITE
@pytest.mark.parametrize(
    "hostile",
    [
        "<script>alert(1)</script>",
        '"><img src=x onerror=alert(1)>',
        "'onmouseover='alert(1)",
        "{{ 7 * 7 }}",
        "</title><script>alert(1)</script>",
    ],
)
def test_markup_from_a_feed_is_only_text(site: Site, hostile: str) -> None:
    """A script in titles, headline and feed names is shown on every page, never run."""
    issue = a_draft(site.database, hostile, "Two", headline=hostile)
    with site.database.write() as conn:
        feed = schema.feeds.insert().values(
            url="javascript:alert(1)",
            settings={"url": "https://example.org/feed.xml"},
            title=hostile,
            enabled=True,
            origin="desk",
            failures=1,
            error=hostile,
        )
        feed_id = conn.execute(feed.returning(schema.feeds.c.id)).scalar_one()
        conn.execute(schema.newsletter_feeds.insert().values(newsletter="recap", feed_id=feed_id))
    browser = site.browser("publisher")
    for path in pages_of(issue):
        page = browser.get(path).text
        assert Seen(page).alive == [], path
        assert ">49<" not in page, path


class Seen(HTMLParser):
    """What a browser would find alive in a page, but for the desk's own module."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.alive: list[str] = []
        self.feed(page)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        if tag == "script" and attrs == [("type", "module"), ("src", "/static/desk.js")]:
            return
        if tag in ("script", "object", "embed", "base") or ("src", "x") in attrs:
            self.alive.append(tag)
        for name, value in attrs:
            if name.startswith("on") or (value or "").strip().lower().startswith("javascript:"):
                self.alive.append(f"{tag} {name}")


def test_a_link_of_a_publication_is_only_ever_http(site: Site, draft: Issue) -> None:
    """A javascript: link that got into the store is not made a link on the desk."""
    with site.database.write() as conn:
        conn.execute(
            update(schema.publications)
            .where(schema.publications.c.title == TITLES[0])
            .values(link="javascript:alert(1)")
        )
    page = site.browser("viewer").get("/").text
    assert "javascript:" not in page


def test_no_page_of_the_desk_runs_more_than_our_own_module(site: Site, draft: Issue) -> None:
    """No inline script, none from elsewhere, and no browser keeps the pages."""
    browser = site.browser("publisher")
    for path in pages_of(draft):
        answer = browser.get(path)
        policy = answer.headers["content-security-policy"]
        if path.endswith("/mail"):
            assert "<script" not in answer.text
            assert "script-src" not in policy
        else:
            assert re.findall("<script[^>]*>(.*?)<", answer.text) == [""]
            assert "script-src 'self';" in policy + ";"
        assert answer.headers["cache-control"] == "no-store"
        assert answer.headers["x-robots-tag"] == "noindex"
        assert (
            not re.search(r'<(?:link|img)[^>]*(?:src|href)="(?!/)', answer.text) or "/mail" in path
        )


def test_another_newsletter_has_its_own_desk(site: Site, draft: Issue) -> None:
    """With two newsletters the desk names both, and an unknown one is a 404."""
    only = site.loaded.settings.newsletters["recap"]
    second = only.model_copy(update={"title": "The Second"})
    site.settings(newsletters={"recap": only, "second": second})
    browser = site.browser("viewer")
    assert "The Second" in browser.get("/").text
    assert "There is no issue yet" in browser.get("/?newsletter=second").text
    assert browser.get("/?newsletter=third").status_code == 404


def test_the_audience_is_counted_before_anybody_approves(site: Site, draft: Issue) -> None:
    """The page says whom an approval touches."""
    for number in range(3):
        a_reader(site.database, f"reader{number}@example.org")
    assert "3 readers would get it now" in site.browser("publisher").get("/").text


# --- errors -------------------------------------------------------------------------------


def test_a_failure_is_a_page_with_a_reference(site: Site, draft: Issue) -> None:
    """A bug answers with a designed page and a reference; the log has the trace and no secret."""
    with site.database.write() as conn:
        conn.execute(update(schema.issues).values(recap={"not": "a recap"}))
    browser = site.browser("viewer")
    with capture_logs() as logged:
        answer = browser.get("/")
    assert answer.status_code == 500
    assert f"Reference: {logged[0]['reference']}" in answer.text
    assert "Traceback" in logged[0]["trace"]
    assert browser.cookies["recap_desk"] not in str(logged)
    assert "Traceback" not in answer.text
    assert "validation" not in answer.text
    assert "default-src 'none'" in answer.headers["content-security-policy"]


@SQLITE
@pytest.mark.parametrize(
    ("method", "path", "status"),
    [
        ("GET", "/nothing", 404),
        ("GET", "/desk/issues/99", 404),
        ("GET", "/desk/issues/none", 404),
        ("GET", f"/desk/issues/{2**63}", 404),
        ("GET", "/desk/issues/-1/preview", 404),
        ("GET", "/static/../web.html", 404),
        ("GET", "/static/accent/zzzzzz.css", 404),
        ("DELETE", "/", 405),
        ("GET", "/docs", 404),
        ("GET", "/openapi.json", 404),
    ],
)
def test_what_there_is_not_is_a_page_too(site: Site, method: str, path: str, status: int) -> None:
    """Every refusal is a designed page with the security headers; the desk's lead back to it."""
    answer = site.browser("viewer").request(method, path)
    assert answer.status_code == status
    assert "<h1>" in answer.text
    assert ('<a href="/">Back to the desk</a>' in answer.text) is path.startswith("/desk/")
    assert answer.headers["referrer-policy"] == "no-referrer"


# --- in a browser -------------------------------------------------------------------------


@pytest.mark.browser
@SQLITE
@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_the_desk_in_a_browser(site: Site, chromium: Callable[..., Any], scheme: str) -> None:
    """No page scrolls sideways or logs a problem, and the keyboard alone approves the issue."""
    long = "A Very Long Title Without Mercy: " + "Donaudampfschifffahrtsgesellschaft" * 3
    issue = a_draft(site.database, *TITLES, long)
    page = chromium(width=375, scheme=scheme)
    page.goto(f"{site.address}/sign-in/{site.link('publisher')}")
    page.keyboard.press("Tab")
    page.keyboard.press("Enter")
    page.wait_for_selector("text=In the mail")
    for path in (*pages_of(issue), f"/desk/issues/{issue.id}/preview?view=phone"):
        page.goto(site.address + path)
        for width in WIDTHS:
            page.set_viewport_size({"width": width, "height": 720})
            assert page.evaluate("document.documentElement.scrollWidth") <= width, (width, path)
    for width in WIDTHS:
        page.set_viewport_size({"width": width, "height": 720})
        page.goto(site.address)
        tab_to(page, "Approve")
        outline = page.evaluate("getComputedStyle(document.activeElement).outlineStyle")
        assert outline != "none", width
    assert page.problems == []
    page.keyboard.press("Enter")
    page.wait_for_selector("text=Approved by publisher@example.org.")


def tab_to(page: Any, name: str) -> None:
    for _ in range(30):
        page.keyboard.press("Tab")
        if page.evaluate("document.activeElement.textContent.trim()") == name:
            return
    raise AssertionError(f"the keyboard does not reach {name}")


@pytest.mark.browser
@SQLITE
def test_the_frame_shows_the_mail(site: Site, draft: Issue, chromium: Callable[..., Any]) -> None:
    """The session reaches into the sandboxed frame: the mail is there, not the sign-in page."""
    page = chromium(width=1280, scheme="light")
    page.goto(f"{site.address}/sign-in/{site.link('viewer')}")
    page.click("button")
    page.wait_for_selector("text=In the mail")
    page.goto(f"{site.address}/desk/issues/{draft.id}/preview")
    frame = page.frame_locator("iframe")
    assert "Ukraine" in frame.locator("body").inner_text()
