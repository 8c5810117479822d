"""Who may do what at the desk: every route with every role, people, and the audit log."""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from urllib.parse import urlsplit

import httpx
import pytest
from fastapi.routing import APIRoute

from digest import staff
from digest.model import Issue
from digest.store import Database, history
from digest.web import application
from digest.web.desk.log import differences
from tests.entries import watched
from tests.website import NOW, Site, a_draft, a_loaded, served

pytestmark = pytest.mark.parametrize("database", ["sqlite"], indirect=True)

ROLES = ("viewer", "editor", "publisher", "admin")

#: The least role of each form of the desk, and fields without which it would not be read.
#: A new one must be written down here, or the test below fails.
FORMS: dict[str, tuple[str, dict[str, str]]] = {
    "/sign-out": ("viewer", {}),
    "/desk/account/address": ("viewer", {"address": "no address"}),
    "/desk/account/password": ("viewer", {"new": "short"}),
    "/desk/account/second-factor": ("viewer", {"code": "0"}),
    "/desk/account/second-factor/codes": ("viewer", {"code": "0"}),
    "/desk/account/second-factor/off": ("viewer", {"code": "0"}),
    "/desk/account/sessions/end-others": ("viewer", {}),
    "/desk/account/sessions/{name}/end": ("viewer", {}),
    "/desk/calendar/extra": (
        "publisher",
        {"newsletter": "recap", "since": "x", "until": "x", "sends": "x"},
    ),
    "/desk/calendar/extra/{issue_id}": ("publisher", {"since": "x", "until": "x", "sends": "x"}),
    "/desk/calendar/skip": ("publisher", {"newsletter": "recap", "day": "2023-09-21"}),
    "/desk/calendar/unskip": ("publisher", {"newsletter": "recap", "day": "2023-09-21"}),
    "/desk/feeds": ("admin", {"newsletter": "recap", "url": "no address"}),
    "/desk/feeds/{number}": ("admin", {"newsletter": "recap", "enabled": "no"}),
    "/desk/issues/{issue_id}/check": ("editor", {}),
    "/desk/issues/{issue_id}/edit": ("editor", {"act": "undo"}),
    "/desk/issues/{issue_id}/hold": ("editor", {}),
    "/desk/issues/{issue_id}/refresh": ("editor", {}),
    "/desk/issues/{issue_id}/test": ("editor", {"to": "me"}),
    "/desk/issues/{issue_id}/approve": ("publisher", {}),
    "/desk/issues/{issue_id}/cancel": ("publisher", {}),
    "/desk/issues/{issue_id}/correct": ("publisher", {}),
    "/desk/issues/{issue_id}/pause": ("publisher", {}),
    "/desk/issues/{issue_id}/release": ("publisher", {}),
    "/desk/issues/{issue_id}/resend": ("publisher", {"whom": "failed"}),
    "/desk/issues/{issue_id}/uncertain": ("publisher", {"answer": "got"}),
    "/desk/issues/{issue_id}/resume": ("publisher", {}),
    "/desk/people": ("admin", {"address": "new@example.org", "role": "viewer"}),
    "/desk/people/{account_id}/address": ("admin", {"address": "no address"}),
    "/desk/people/{account_id}/end": ("admin", {}),
    "/desk/people/{account_id}/link": ("admin", {}),
    "/desk/people/{account_id}/remove": ("admin", {}),
    "/desk/people/{account_id}/role": ("admin", {"role": "viewer"}),
    "/desk/subscribers/{number}/erase": ("admin", {"address": ""}),
    "/desk/subscribers/{number}/suppress": ("admin", {"sure": "yes"}),
    "/desk/subscribers/{number}/unsubscribe": ("publisher", {"newsletter": "recap"}),
    "/desk/blocks": ("editor", {"newsletter": "recap", "place": "lists"}),
    "/desk/blocks/{name}/away": ("editor", {"newsletter": "recap"}),
    "/desk/blocks/{name}/back": ("editor", {"newsletter": "recap", "version": "1"}),
    "/desk/pictures": ("editor", {"newsletter": "recap"}),
    "/desk/pictures/{number}/away": ("editor", {"newsletter": "recap"}),
    "/desk/publications/{number}/apart": ("editor", {"newsletter": "recap"}),
    "/desk/publications/{number}/distinct": (
        "editor",
        {"newsletter": "recap", "other": "1", "distinct": "yes"},
    ),
    "/desk/publications/{number}/merged": ("editor", {"newsletter": "recap", "into": "1"}),
    "/desk/rehearsal": ("editor", {"newsletter": "recap", "weeks": "4"}),
    "/desk/subscribers/import": ("publisher", {"newsletter": "recap"}),
    "/desk/subscribers/import/{number}": ("publisher", {"answer": "drop"}),
    "/desk/tokens": ("viewer", {"name": "", "scope": "issues:read"}),
    "/desk/tokens/{number}/revoke": ("viewer", {}),
    "/desk/publications": ("editor", {"newsletter": "recap", "title": "A Title"}),
    "/desk/publications/{number}": ("editor", {"title": "A Title"}),
    "/desk/publications/{number}/hidden": ("editor", {"hidden": "no"}),
    "/desk/rules": ("publisher", {"newsletter": "recap", "proposal": "x", "accept": "no"}),
    "/desk/rules/back": ("publisher", {"newsletter": "recap", "proposal": "x"}),
}

#: Pages that take more than an account, with the least role of each.
KEPT = {
    "/desk/subscribers/import/{number}/refused.csv": "publisher",
    "/desk/issues/{issue_id}/report.csv": "publisher",
    "/desk/subscribers": "publisher",
    "/desk/subscribers/{number}": "publisher",
    "/desk/settings": "admin",
}

#: Pages of the desk that take an account, of whatever role.
PAGES = (
    "/",
    "/desk/account",
    "/desk/account/second-factor",
    "/desk/bounces",
    "/desk/calendar",
    "/desk/feeds",
    "/desk/issues",
    "/desk/issues/{issue_id}",
    "/desk/issues/{issue_id}/decide/{action}",
    "/desk/issues/{issue_id}/correct",
    "/desk/issues/{issue_id}/mail",
    "/desk/issues/{issue_id}/preview",
    "/desk/issues/{issue_id}/progress",
    "/desk/issues/{issue_id}/report.json",
    "/desk/issues/{issue_id}/version",
    "/desk/log",
    "/desk/people",
    "/desk/publications",
    "/desk/rules",
    "/desk/tokens",
    "/desk/blocks",
    "/desk/blocks/new",
    "/desk/blocks/{name}",
    "/desk/publications/duplicates",
    "/desk/publications/{number}",
    "/desk/rehearsal",
    "/desk/tasks/{number}/progress",
    "/desk/subscribers/growth",
    "/desk/subscribers/import",
    "/desk/subscribers/import/{number}",
)


@pytest.fixture
def site(database: Database, tmp_path: Path) -> Iterator[Site]:
    with served(database, tmp_path) as site:
        yield site


@pytest.fixture
def draft(site: Site) -> Issue:
    return a_draft(site.database)


def routes(database: Database, folder: Path) -> set[tuple[str, str]]:
    """Method and path of every route of the desk, whichever router it is in."""
    app = application(database, lambda: a_loaded(folder), clock=lambda: NOW)
    found: set[tuple[str, str]] = set()
    waiting = list(app.routes)
    while waiting:
        route = waiting.pop()
        inner = getattr(route, "original_router", None)
        if inner is not None:
            waiting += inner.routes
        elif isinstance(route, APIRoute):
            found |= {(method, route.path) for method in route.methods}
    return {(method, path) for method, path in found if path.startswith("/desk") or path == "/"}


def filled(path: str, issue: Issue, account: int = 10**6) -> str:
    return path.format(
        issue_id=issue.id, account_id=account, number=account, name="x" * 64, action="hold"
    )


def csrf(browser: httpx.Client) -> dict[str, str]:
    return dict(re.findall(r'name="(csrf)" value="([^"]+)"', browser.get("/desk/people").text))


def test_every_route_of_the_desk_is_in_the_matrix(database: Database, tmp_path: Path) -> None:
    """Nobody adds a page or a form without saying who may use it."""
    told = {("GET", path) for path in (*PAGES, *KEPT)} | {("POST", path) for path in FORMS}
    known = routes(database, tmp_path)
    assert known == told - {("POST", "/sign-out")}


def test_no_page_is_for_strangers(site: Site, draft: Issue) -> None:
    """Without an account every page leads to the sign-in, and every form is refused."""
    stranger = site.browser()
    for path in (*PAGES, *KEPT):
        answer = stranger.get(filled(path, draft), params={"version": 1})
        way = urlsplit(answer.headers.get("location", ""))
        assert (answer.status_code, way.netloc, way.path) == (303, "", "/sign-in"), path
    for path, (_, fields) in FORMS.items():
        told = {"version": "1", "csrf": "0" * 64} | fields
        assert stranger.post(filled(path, draft), data=told).status_code == 403, path


@pytest.mark.parametrize("role", ROLES)
def test_every_form_takes_its_role(site: Site, draft: Issue, role: str) -> None:
    """Below its least role a form is refused; from that role on it is not."""
    site.browser("admin")
    for path, (least, fields) in FORMS.items():
        browser = site.browser(role)
        told = csrf(browser) | {"version": "0"} | fields
        status = browser.post(filled(path, draft), data=told).status_code
        allowed = ROLES.index(role) >= ROLES.index(least)
        assert (status != 403) is allowed, f"{role} {path}: {status}"


@pytest.mark.parametrize("role", ROLES)
def test_every_page_takes_its_role(site: Site, draft: Issue, role: str) -> None:
    """Below its least role a page is refused; from that role on it is not."""
    browser = site.browser(role)
    for path in (*PAGES, *KEPT):
        status = browser.get(filled(path, draft), params={"version": 1}).status_code
        allowed = ROLES.index(role) >= ROLES.index(KEPT.get(path, "viewer"))
        assert (status != 403) is allowed, f"{role} {path}: {status}"


def test_every_form_wants_the_sessions_token(site: Site, draft: Issue) -> None:
    """An admin's browser alone, led by another site, does nothing."""
    admin = site.browser("admin")
    other = csrf(site.browser("publisher"))
    for path, (_, fields) in FORMS.items():
        for token in ({}, other):
            told = token | {"version": "0"} | fields
            assert admin.post(filled(path, draft), data=told).status_code == 403, path


def test_an_issue_of_another_newsletter_is_not_reached_by_its_number(
    site: Site, draft: Issue
) -> None:
    """A number in the address opens only what the configuration has."""
    foreign = a_draft(site.database, newsletter="gone")
    viewer = site.browser("viewer")
    for path in ("", "/preview", "/mail", "/version"):
        assert viewer.get(f"/desk/issues/{foreign.id}{path}").status_code == 404


# --- people -------------------------------------------------------------------------------


def accounts(site: Site) -> dict[str, str]:
    return {each.address: each.role for each in staff.listed(site.database)}


def number(site: Site, address: str) -> int:
    return next(each.id for each in staff.listed(site.database) if each.address == address)


def test_an_admin_adds_somebody_and_hands_the_link_over(site: Site) -> None:
    """The way in is shown once; it works once, with the role that was given."""
    admin = site.browser("admin")
    told = csrf(admin) | {"address": " Ana@Example.org ", "role": "editor"}
    page = admin.post("/desk/people", data=told)
    assert page.status_code == 200
    secret = re.search(r"/sign-in/([\w-]+)<", page.text)
    assert secret
    assert secret[1] not in admin.get("/desk/people").text
    entered = site.browser().post(f"/sign-in/{secret[1]}")
    assert entered.status_code == 303
    assert accounts(site)["Ana@example.org"] == "editor"


@pytest.mark.parametrize("address", ["", "no address", "x@", "<script>@example.org"])
def test_what_is_no_address_is_refused_with_a_reason(site: Site, address: str) -> None:
    """Nothing is added, and the page stays usable."""
    admin = site.browser("admin")
    answer = admin.post("/desk/people", data=csrf(admin) | {"address": address, "role": "viewer"})
    assert answer.status_code == 422
    assert "<script>" not in answer.text.replace('<script type="module"', "")
    assert list(accounts(site)) == ["admin@example.org"]


def test_adding_somebody_twice_does_not_change_their_role(site: Site) -> None:
    """A slip of the form cannot take an admin's role."""
    admin = site.browser("admin")
    told = csrf(admin) | {"address": "ADMIN@example.org", "role": "viewer"}
    assert admin.post("/desk/people", data=told).status_code == 409
    assert accounts(site) == {"admin@example.org": "admin"}


def test_there_is_always_an_admin(site: Site) -> None:
    """The last admin can neither give the role away nor be removed."""
    admin = site.browser("admin")
    own = number(site, "admin@example.org")
    for action, fields in (("role", {"role": "editor"}), ("remove", {})):
        answer = admin.post(f"/desk/people/{own}/{action}", data=csrf(admin) | fields)
        assert answer.status_code == 409
    assert accounts(site) == {"admin@example.org": "admin"}


def test_a_role_counts_from_the_next_click(site: Site, draft: Issue) -> None:
    """An open browser has the new role at once, or none where the account was closed."""
    admin, editor = site.browser("admin"), site.browser("editor")
    assert "/hold" in editor.get("/").text
    whose = number(site, "editor@example.org")
    admin.post(f"/desk/people/{whose}/role", data=csrf(admin) | {"role": "viewer"})
    assert "/hold" not in editor.get("/").text
    admin.post(f"/desk/people/{whose}/remove", data=csrf(admin))
    assert editor.get("/").status_code == 303
    assert "editor@example.org" not in accounts(site)


def test_signing_out_everywhere_ends_every_browser(site: Site) -> None:
    """Sessions and waiting links of that account open nothing any more."""
    admin, one, other = site.browser("admin"), site.browser("editor"), site.browser("editor")
    waiting = site.link("editor")
    whose = number(site, "editor@example.org")
    assert "2 browsers" in admin.get("/desk/people").text
    admin.post(f"/desk/people/{whose}/end", data=csrf(admin))
    assert [one.get("/").status_code, other.get("/").status_code] == [303, 303]
    assert site.browser().post(f"/sign-in/{waiting}").status_code == 404


def test_the_settings_page_shows_no_secret(site: Site) -> None:
    """What is in force, for an admin; a newsletter's title is text."""
    newsletters = site.loaded.settings.newsletters
    named = newsletters["recap"].model_copy(update={"title": "<script>alert(1)</script>"})
    site.settings(newsletters={"recap": named})
    admin = site.browser("admin")
    page = admin.get("/desk/settings").text
    assert "America/New_York" in page
    assert "look_back" not in page
    assert "look_back" in admin.get("/desk/settings?all=yes").text
    assert site.loaded.settings.token_key not in page
    assert "<script>alert" not in page
    assert "/desk/settings" not in site.browser("publisher").get("/").text


# --- the log ------------------------------------------------------------------------------


def test_the_log_tells_who_did_what_before_and_after(site: Site, draft: Issue) -> None:
    """A change of a role and a hold stand there with their author; secrets do not."""
    admin = site.browser("admin")
    site.browser("editor")
    whose = number(site, "editor@example.org")
    admin.post(f"/desk/people/{whose}/role", data=csrf(admin) | {"role": "publisher"})
    page = site.browser("viewer").get("/desk/log").text
    assert "gave a role" in page
    assert "<del>editor</del>" in page
    assert "<ins>publisher</ins>" in page
    assert "admin@example.org" in page
    only = admin.get("/desk/log", params={"actor": "bell"}).text
    assert "prepared" in only
    assert "gave a role" not in only


def tell(site: Site, draft: Issue, *acts: str, actor: str = "ana", **detail: str) -> None:
    """Write entries about what nobody did: by a database that is not watched for such."""
    with closing(Database(site.database.url)) as unwatched, unwatched.write() as conn:
        for act in acts:
            history.record(conn, draft.id, act, actor=actor, at=NOW, detail=detail)


def test_an_entry_committed_by_itself_is_seen(site: Site) -> None:
    """By what watches the database of every test, so that no step writes its entry afterwards."""
    within, late = (history.entry(what, actor="ana", at=NOW, detail={}) for what in ("in", "late"))
    with closing(Database(site.database.url)) as database, watched(database) as alone:
        staff.add(database, "ana@example.org", staff.Role.EDITOR, now=NOW, log=within)
        staff.add(database, "ben@example.org", staff.Role.EDITOR, now=NOW)
        with database.write() as conn:
            late(conn)
    assert alone == ["late"]


def test_the_log_comes_in_pages(site: Site, draft: Issue) -> None:
    """The newest first; each entry stands on one page."""
    tell(site, draft, *(f"act {count:03}" for count in range(120)))
    viewer, seen, query = site.browser("viewer"), [], "?actor=ana"
    while query:
        page = viewer.get(f"/desk/log{query}").text
        seen += re.findall("act ([0-9]{3})", page)
        older = re.search(r'href="(\?before=[^"]+)">Older', page)
        query = older[1].replace("&amp;", "&") if older else ""
    assert seen == [f"{count:03}" for count in reversed(range(120))]


def test_what_an_editor_wrote_is_text_in_the_log(site: Site, draft: Issue) -> None:
    """Markup in a logged value is shown as characters."""
    tell(site, draft, "<b>held</b>", actor="<i>x</i>", reasons="<script>alert(1)</script>")
    page = site.browser("viewer").get("/desk/log").text
    assert "<script>alert" not in page
    assert "<b>held" not in page
    assert "<i>x" not in page


def test_only_differences_are_told(database: Database) -> None:
    """What stayed the same is no change; what went away has no after."""
    before, after = {"pins": [1], "lead": "a", "gone": "x"}, {"pins": [1], "lead": "b"}
    assert differences(before, after) == (("lead", "a", "b"), ("gone", "x", ""))
