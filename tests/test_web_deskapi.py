"""Tokens for programs, and the desk's API: what each scope opens, and nothing beyond it."""

from __future__ import annotations

import re
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import httpx
import pytest
from sqlalchemy import select

from digest import staff
from digest.errors import DigestError
from digest.model import Issue, IssueState
from digest.model.settings import FeedSettings
from digest.staff import Role, Scope
from digest.store import Database, feeds, history, schema
from digest.web import deskapi
from tests.test_web_account import csrf
from tests.test_web_bounces import an_issue
from tests.website import NOW, TITLES, Site, a_draft, a_reader, put_into, served

pytestmark = pytest.mark.parametrize("database", ["sqlite"], indirect=True)

API = deskapi.PATH
#: The scope that each operation takes; a new one must be written down here.
SCOPES: dict[tuple[str, str], str] = {
    ("get", "/me"): "",
    ("get", "/people"): "admin",
    ("get", "/newsletters/{newsletter}/this-week"): "issues:read",
    ("get", "/newsletters/{newsletter}/issues"): "issues:read",
    ("get", "/issues/{issue_id}"): "issues:read",
    ("get", "/issues/{issue_id}/checks"): "issues:read",
    ("get", "/issues/{issue_id}/mail"): "issues:read",
    ("get", "/publications"): "issues:read",
    ("get", "/feeds"): "issues:read",
    ("post", "/issues/{issue_id}/edit"): "issues:write",
    ("post", "/issues/{issue_id}/refresh"): "issues:write",
    ("post", "/issues/{issue_id}/test"): "issues:write",
    ("post", "/issues/{issue_id}/hold"): "issues:write",
    ("post", "/publications"): "issues:write",
    ("patch", "/publications/{number}"): "issues:write",
    ("post", "/issues/{issue_id}/approve"): "send",
    ("post", "/issues/{issue_id}/release"): "send",
    ("post", "/issues/{issue_id}/pause"): "send",
    ("post", "/issues/{issue_id}/resume"): "send",
    ("post", "/issues/{issue_id}/cancel"): "send",
    ("post", "/issues/{issue_id}/resend"): "send",
    ("post", "/issues/{issue_id}/vouch"): "send",
    ("get", "/issues/{issue_id}/reach"): "issues:read",
    ("post", "/issues/{issue_id}/correct"): "send",
    ("get", "/newsletters/{newsletter}/calendar"): "issues:read",
    ("post", "/newsletters/{newsletter}/calendar/skips"): "send",
    ("delete", "/newsletters/{newsletter}/calendar/skips/{day}"): "send",
    ("post", "/newsletters/{newsletter}/calendar/extra"): "send",
    ("post", "/issues/{issue_id}/move"): "send",
    ("post", "/publications/{number}/merge"): "issues:write",
    ("post", "/publications/{number}/apart"): "issues:write",
    ("post", "/publications/{number}/distinct"): "issues:write",
    ("get", "/subscribers"): "subscribers:read",
    ("get", "/subscribers/{number}"): "subscribers:read",
    ("post", "/subscribers/{number}/unsubscribe"): "subscribers:write",
    ("post", "/subscribers/{number}/suppress"): "subscribers:write",
    ("post", "/subscribers/{number}/erase"): "subscribers:write",
    ("post", "/feeds"): "admin",
    ("patch", "/feeds/{number}"): "admin",
}


@pytest.fixture
def site(database: Database, tmp_path: Path) -> Iterator[Site]:
    with served(database, tmp_path) as site:
        yield site


@pytest.fixture
def draft(site: Site) -> Issue:
    return a_draft(site.database)


def made(site: Site, role: str, *scopes: str, lasts: timedelta | None = None) -> str:
    account = staff.add(site.database, f"{role}@example.org", Role(role), now=NOW)
    return staff.make_token(
        site.database, site.loaded, account, name="a script", scopes=scopes, lasts=lasts, now=NOW
    )


def caller(site: Site, secret: str) -> httpx.Client:
    return site.browser(headers={"authorization": f"Bearer {secret}"})


def program(site: Site, role: str, *scopes: str) -> httpx.Client:
    return caller(site, made(site, role, *scopes))


def test_a_feeds_secret_stays_out_of_the_log(site: Site) -> None:
    """Every account reads the log; a feed's password is in nobody's answer either."""
    with site.database.write() as conn:
        settings = FeedSettings(url="https://ana:secret@example.org/feed")
        number = feeds.add(conn, "recap", settings, origin="desk", now=NOW).id
    answer = program(site, "admin", "admin").patch(f"{API}/feeds/{number}", json={"enabled": False})
    assert answer.json()["url"] == "https://example.org/feed"
    with site.database.read() as conn:
        logged = str(history.page(conn, newsletter="recap", most=10))
    assert "switched a feed off: https://example.org/feed" in logged
    assert "secret" not in logged


# --- tokens -------------------------------------------------------------------------------


def test_a_token_opens_until_it_ends(site: Site) -> None:
    """It says who it is for; it ends by its date, by being revoked, and with the account."""
    secret = made(site, "editor", "issues:read", lasts=timedelta(days=30))
    assert secret.startswith("recap_")
    client = caller(site, secret)
    assert client.get(f"{API}/me").json() == {
        "address": "editor@example.org",
        "role": "editor",
        "token": "a script",
        "scopes": ["issues:read"],
    }
    site.now = NOW + timedelta(days=30)
    assert client.get(f"{API}/me").status_code == 401
    site.now = NOW

    (kept,) = staff.api_tokens(site.database)
    assert kept.used_at == NOW
    assert staff.revoke_token(site.database, kept.id, now=NOW)
    assert not staff.revoke_token(site.database, kept.id, now=NOW)
    assert client.get(f"{API}/me").status_code == 401

    other = program(site, "editor", "issues:read")
    assert other.get(f"{API}/me").status_code == 200
    staff.remove(site.database, "editor@example.org", now=NOW)
    assert other.get(f"{API}/me").status_code == 401
    staff.add(site.database, "editor@example.org", Role.EDITOR, now=NOW)
    assert other.get(f"{API}/me").status_code == 401


@pytest.mark.parametrize("shown", ["", "Bearer", "Bearer x", "Basic eDp4", "bearer recap_x"])
def test_what_is_no_token_opens_nothing(site: Site, shown: str) -> None:
    """Nor does a session's cookie: another site's page has nothing to borrow."""
    answer = site.browser("admin").get(f"{API}/me", headers={"authorization": shown})
    assert answer.status_code == 401
    assert answer.headers["www-authenticate"] == "Bearer"
    assert answer.headers["content-type"] == "application/problem+json"
    secret = staff.sign_in(site.database, site.link("admin"), now=NOW)
    assert caller(site, secret).get(f"{API}/me").status_code == 401


def test_the_database_holds_no_token(site: Site) -> None:
    """Only a hash of it."""
    secret = made(site, "editor", "issues:read")
    with site.database.read() as conn:
        kept = str(conn.execute(select(schema.api_tokens)).all())
    assert secret not in kept
    assert secret.removeprefix("recap_") not in kept


@pytest.mark.parametrize(
    ("role", "scopes", "said"),
    [
        ("viewer", ["issues:write"], "takes the role editor"),
        ("editor", ["issues:read", "send"], "takes the role publisher"),
        ("publisher", ["admin"], "takes the role admin"),
        ("admin", [], "without a scope"),
        ("admin", ["everything"], "there are: issues:read"),
    ],
)
def test_a_token_is_never_more_than_its_owner(
    site: Site, role: str, scopes: list[str], said: str
) -> None:
    """What a role does not have cannot be given to a token of it."""
    with pytest.raises(DigestError, match=said):
        made(site, role, *scopes)


def test_a_smaller_role_makes_its_tokens_smaller(site: Site, draft: Issue) -> None:
    """Whoever was a publisher sends nothing more by the token of then."""
    client = program(site, "publisher", "issues:read", "send")
    staff.change_role(site.database, "publisher@example.org", Role.VIEWER, now=NOW)
    assert client.get(f"{API}/me").json()["scopes"] == ["issues:read"]
    told = {"version": draft.version}
    assert client.post(f"{API}/issues/{draft.id}/approve", json=told).status_code == 403


def test_a_token_is_made_and_revoked_at_the_desk(site: Site) -> None:
    """It is shown once; the list has its name, never its secret; markup in a name is text."""
    browser = site.browser("editor")
    form = browser.get("/desk/tokens").text
    assert 'value="issues:write"' in form
    assert 'value="send"' not in form
    told: dict[str, Any] = csrf(browser) | {
        "name": "<script>alert(1)</script>",
        "scope": ["issues:read", "issues:write"],
        "days": "30",
    }
    shown = browser.post("/desk/tokens", data=told).text
    secret = re.findall(r"recap_[\w-]+", shown)[0]
    assert "<script>alert" not in shown
    assert secret not in browser.get("/desk/tokens").text
    client = caller(site, secret)
    assert client.get(f"{API}/me").json()["scopes"] == ["issues:read", "issues:write"]
    (action,) = re.findall(r'action="(/desk/tokens/\d+/revoke)"', shown)
    assert browser.post(action, data=csrf(browser)).status_code == 303
    assert client.get(f"{API}/me").status_code == 401
    with site.database.read() as conn:
        log = [each.what for each in history.page(conn, newsletter="recap", most=5)]
    assert log == ["revoked an API token", "made an API token"]
    assert browser.post("/desk/tokens", data=told | {"scope": "send"}).status_code == 422


def test_nobody_revokes_anothers_token_but_an_admin(site: Site) -> None:
    """IDOR: a number in the address opens one's own; an admin sees and ends everybody's."""
    client = program(site, "editor", "issues:read")
    (kept,) = staff.api_tokens(site.database)
    publisher, admin = site.browser("publisher"), site.browser("admin")
    path = f"/desk/tokens/{kept.id}/revoke"
    assert "a script" not in publisher.get("/desk/tokens").text
    assert publisher.post(path, data=csrf(publisher)).status_code == 404
    assert client.get(f"{API}/me").status_code == 200
    assert "a script" in admin.get("/desk/tokens").text
    assert admin.post(path, data=csrf(admin)).status_code == 303
    assert client.get(f"{API}/me").status_code == 401


# --- scopes -------------------------------------------------------------------------------


def described(site: Site) -> dict[str, Any]:
    found: dict[str, Any] = site.browser().get(f"{API}/openapi.json").json()
    return found


def test_every_operation_is_described_with_its_token(site: Site) -> None:
    """Nobody adds an operation without saying which scope it takes; all want the bearer's token."""
    document = described(site)
    operations = {
        (method, path): told for path, each in document["paths"].items()
        for method, told in each.items()
    }  # fmt: skip
    assert set(operations) == set(SCOPES)
    assert all(told["security"] == [{"HTTPBearer": []}] for told in operations.values())
    assert len({told["operationId"] for told in operations.values()}) == len(operations)


#: A body for each operation that would be read, were it allowed.
BODY = {
    "version": 0, "act": "undo", "whom": "failed", "to": "me", "newsletter": "recap",
    "title": "A Title", "url": "https://example.org/feed.xml", "enabled": True,
    "address": "x@example.org", "into": 1, "other": 1, "day": "2023-09-22",
    "since": "2023-09-15T06:00:00Z", "until": "2023-09-16T06:00:00Z",
    "sends": "2023-09-16T08:00:00Z",
}  # fmt: skip


def body(document: dict[str, Any], method: str, path: str) -> dict[str, Any] | None:
    told = document["paths"][path][method].get("requestBody")
    if not told:
        return None
    name = told["content"]["application/json"]["schema"]["$ref"].rpartition("/")[2]
    known = document["components"]["schemas"][name]
    return {field: BODY[field] for field in known.get("required", ["title"])}


@pytest.mark.parametrize("scope", ["", *Scope])
def test_a_token_does_what_its_scope_says_and_no_more(site: Site, draft: Issue, scope: str) -> None:
    """Each operation with each scope alone: 401 without a token, 403 without its scope."""
    document = described(site)
    client = program(site, "admin", scope) if scope else site.browser("admin")
    for (method, path), wanted in SCOPES.items():
        place = API + path.format(
            newsletter="recap", issue_id=draft.id, number=10**6, day="2023-09-23"
        )
        told = body(document, method, path)
        answer = client.request(method, place, json=told, params={"newsletter": "recap"})
        if not scope:
            assert answer.status_code == 401, path
        else:
            assert (answer.status_code == 403) is (wanted not in ("", scope)), (path, answer.text)
        assert answer.status_code < 500, path


# --- issues -------------------------------------------------------------------------------


def test_this_week_is_read_with_its_reasons(site: Site, draft: Issue) -> None:
    """State, words, items, and why each candidate is in or out."""
    client = program(site, "viewer", "issues:read")
    told = client.get(f"{API}/newsletters/recap/this-week").json()
    assert told["issue"]["state"] == "draft"
    assert told["issue"]["key"] == "2023-09-22"
    assert [item["title"] for item in told["items"]] == list(TITLES)
    assert told["candidates"][-1] == {
        "publication": told["candidates"][-1]["publication"],
        "title": "An Older Publication",
        "included": False,
        "rank": None,
        "code": "old",
        "reason": "Sep 2; look-back began Sep 12 06:00",
    }
    assert told["ledger"] is None
    assert client.get(f"{API}/issues/{draft.id}").json() == told
    assert [each["id"] for each in client.get(f"{API}/newsletters/recap/issues").json()] == [
        draft.id
    ]
    assert client.get(f"{API}/newsletters/gone/this-week").status_code == 404
    assert client.get(f"{API}/issues/{10**6}").status_code == 404
    mail = client.get(f"{API}/issues/{draft.id}/mail")
    assert TITLES[1] in mail.text
    assert "sandbox" in mail.headers["content-security-policy"]
    assert TITLES[1] in client.get(f"{API}/issues/{draft.id}/mail?part=text").text


def test_an_issue_of_a_newsletter_that_is_gone_is_not_reached(site: Site) -> None:
    """A number in the address opens only what the configuration has."""
    foreign = a_draft(site.database, newsletter="gone")
    client = program(site, "admin", "issues:read", "send")
    for path in ("", "/checks", "/mail"):
        assert client.get(f"{API}/issues/{foreign.id}{path}").status_code == 404
    told = {"version": foreign.version}
    assert client.post(f"{API}/issues/{foreign.id}/cancel", json=told).status_code == 404


def test_a_draft_is_held_released_and_cancelled(site: Site, draft: Issue) -> None:
    """Each step answers with the issue as it is; a version that is not the newest with 409."""
    client = program(site, "publisher", "issues:write", "send")

    def act(name: str, version: int, **told: Any) -> httpx.Response:
        return client.post(f"{API}/issues/{draft.id}/{name}", json={"version": version} | told)

    held = act("hold", draft.version, reason=" A \n doubt").json()
    assert (held["state"], held["reasons"]) == ("held", ["A doubt"])
    late = act("release", draft.version)
    assert late.status_code == 409
    assert "nothing was done" in late.json()["detail"]
    released = act("release", held["version"]).json()
    assert released["state"] == "draft"
    assert act("pause", released["version"]).status_code == 409
    assert act("cancel", released["version"]).json()["state"] == "cancelled"
    with site.database.read() as conn:
        log = history.page(conn, newsletter="recap", actor="publisher@example.org", most=20)
    did = [each.detail["after"]["did"] for each in log if each.what == "by API token"]
    assert did == ["cancel", "release", "hold"]


def test_the_calendar_is_read_and_changed(site: Site) -> None:
    """How it recurs, when it sends, days left out and put back, extra issues planned and moved."""
    client = program(site, "publisher", "issues:read", "send")
    calendar = f"{API}/newsletters/recap/calendar"
    told = client.get(calendar, params={"count": 2}).json()
    assert (told["closes"], told["recurs"]) == ("friday 06:00", "on Fridays")
    assert [each["closing"] for each in told["places"]] == ["2023-09-22", "2023-09-29"]
    day = {"day": "2023-09-29", "reason": "A holiday"}
    skipped = client.post(f"{calendar}/skips", json=day).json()["places"]
    left_out = [(each["closing"], each["why"]) for each in skipped if each["by_editors"]]
    assert left_out == [("2023-09-29", "A holiday")]
    assert client.post(f"{calendar}/skips", json=day).status_code == 422
    assert client.post(f"{calendar}/skips", json={"day": "2023-09-28"}).status_code == 404
    back = client.delete(f"{calendar}/skips/2023-09-29").json()["places"]
    assert not any(each["left_out"] for each in back)
    hours = {
        "since": "2023-09-25T00:00:00-04:00",
        "until": "2023-09-27T00:00:00-04:00",
        "sends": "2023-09-27T09:00:00-04:00",
    }
    assert client.post(f"{calendar}/extra", json=hours | {"sends": "2023-09-27"}).status_code == 422
    made = client.post(f"{calendar}/extra", json=hours).json()
    assert made["sends_at"] == "2023-09-27T13:00:00Z"
    move = hours | {"sends": "2023-09-27T10:00:00-04:00", "version": made["version"]}
    assert client.post(f"{API}/issues/{made['id']}/move", json=move).status_code == 200
    assert client.post(f"{API}/issues/{made['id']}/move", json=move).status_code == 409
    [extra] = client.get(calendar).json()["extra"]
    assert (extra["id"], extra["sends_at"]) == (made["id"], "2023-09-27T14:00:00Z")


def test_an_issue_is_corrected(site: Site) -> None:
    """Whom it touches is told before; the correction is a draft of its own, opened once."""
    issue = an_issue(site, [a_reader(site.database)], number=1)
    client = program(site, "publisher", "issues:read", "send")
    path = f"{API}/issues/{issue.id}"
    assert client.get(f"{path}/reach").json() == {"wrong": 0, "unsure": 1, "waiting": 0}
    told = {"version": issue.version, "note": "The report is of 2022.", "mails": True}
    assert client.post(f"{path}/correct", json=told | {"note": " "}).status_code == 422
    opened = client.post(f"{path}/correct", json=told).json()
    assert (opened["key"], opened["state"]) == ("2023-09-15+correction-1", "draft")
    assert client.post(f"{path}/correct", json=told).status_code == 409
    vouched = client.post(f"{path}/vouch", json={"version": issue.version})
    assert vouched.status_code == 200
    assert client.get(f"{path}/reach").json() == {"wrong": 1, "unsure": 0, "waiting": 0}


def test_words_are_edited_as_at_the_board(site: Site, draft: Issue) -> None:
    """A headline of one's own is marked as human, and undo takes it back."""
    client = program(site, "editor", "issues:read", "issues:write")
    before = client.get(f"{API}/issues/{draft.id}").json()

    def edit(version: int, **told: Any) -> httpx.Response:
        return client.post(f"{API}/issues/{draft.id}/edit", json={"version": version} | told)

    words = {"headline": "A Headline of Ours"}
    answer = edit(before["issue"]["version"], act="words", words=words)
    after = answer.json()
    assert answer.status_code == 200, answer.text
    assert after["headline"] == "A Headline of Ours"
    assert "headline" in after["human"]
    assert edit(before["issue"]["version"], act="undo").status_code == 409
    undone = edit(after["issue"]["version"], act="undo").json()
    assert "headline" not in undone["human"]
    too_long = {"headline": "x" * 201}
    version = undone["issue"]["version"]
    assert edit(version, act="words", words=too_long).status_code == 422
    assert edit(version, act="explode").status_code == 422
    assert edit(version, act="pin", publication=10**6).status_code == 422


def test_publications_are_written_in_and_changed(site: Site) -> None:
    """Found by words, rewritten, hidden; what is no publication is refused with the reason."""
    client = program(site, "editor", "issues:read", "issues:write")
    told = {"newsletter": "recap", "title": "Written by a Program", "on": "2023-09-20"}
    assert client.post(f"{API}/publications", json=told).status_code == 201
    wrong = told | {"link": "javascript:alert(1)"}
    assert client.post(f"{API}/publications", json=wrong).status_code == 422
    asked = {"newsletter": "recap", "words": "Program"}
    (one,) = client.get(f"{API}/publications", params=asked).json()
    assert one["title"] == "Written by a Program"
    changed = client.patch(
        f"{API}/publications/{one['id']}", json={"title": "Another", "hidden": True}
    ).json()
    assert (changed["title"], changed["hidden"]) == ("Another", True)
    empty = {"title": " "}
    assert client.patch(f"{API}/publications/{one['id']}", json=empty).status_code == 422


def test_an_approval_that_checks_forbid_is_refused_with_the_reasons(
    site: Site, draft: Issue
) -> None:
    """The answer says why, and a sent issue's ledger can be read."""
    client = program(site, "publisher", "issues:read", "send")
    put_into(site.database, draft, IssueState.SENDING, loaded=site.loaded)
    told = client.get(f"{API}/issues/{draft.id}").json()
    assert told["ledger"]["frozen"] == 0
    answer = client.post(
        f"{API}/issues/{draft.id}/approve", json={"version": told["issue"]["version"]}
    )
    assert answer.status_code == 409
    assert answer.json()["detail"]


def test_what_an_editor_wrote_runs_nowhere(site: Site, draft: Issue) -> None:
    """Stored XSS: markup in words and reasons is characters on every page, in mail and log."""
    client = program(site, "editor", "issues:read", "issues:write")
    hostile = "<script>alert(1)</script><img src=x onerror=alert(1)>"
    item = client.get(f"{API}/issues/{draft.id}").json()["items"][0]["publication"]
    change = {"title": f"Title {hostile}", "summary": hostile}
    assert client.patch(f"{API}/publications/{item}", json=change).status_code == 200
    version = draft.version
    for name in ("headline", "lead"):
        told = {"version": version, "act": "words", "words": {name: f"{name} {hostile}"}}
        answer = client.post(f"{API}/issues/{draft.id}/edit", json=told)
        assert answer.status_code == 200, answer.text
        version = answer.json()["issue"]["version"]
    told = {"version": version, "reason": hostile}
    assert client.post(f"{API}/issues/{draft.id}/hold", json=told).status_code == 200
    reader = site.browser("viewer")
    place = f"/desk/issues/{draft.id}"
    pages = ("/", "/desk/issues", "/desk/log", "/desk/publications")
    shown = [reader.get(path).text for path in pages]
    shown += [reader.get(place + part).text for part in ("", "/preview", "/mail")]
    shown.append(client.get(f"{API}/issues/{draft.id}/mail").text)
    for page in shown:
        assert "<script>alert" not in page
        assert "<img src=x" not in page
    assert sum("&lt;script&gt;alert" in page for page in shown) >= 4
