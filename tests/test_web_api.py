"""The public API: what it tells, what it takes, and what it refuses."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import httpx
import pytest
from sqlalchemy import func, select

from digest import readership, tokens
from digest.model import IssueState
from digest.model.settings import WebSettings
from digest.model.settings.items import Topics
from digest.readership import knocking
from digest.store import Database, readers
from digest.store.schema import consents, outbox, subscribers
from digest.web import api
from tests.archived import an_issue
from tests.test_web_joining import link_in, mails, standing
from tests.website import KEY, Site, a_draft, a_reader, put_into, served

SQLITE = pytest.mark.parametrize("database", ["sqlite"], indirect=True)
ROOT = "/api/v1/newsletters"
CONSENT = "Send me the weekly recap. I can leave at any time."


@pytest.fixture
def site(database: Database, tmp_path: Path) -> Iterator[Site]:
    with served(database, tmp_path) as site:
        yield site


def ask(site: Site, address: str, *, ip: str = "203.0.113.7", **told: Any) -> httpx.Response:
    """Ask to join with that address, from that IP address, as a proxy would hand it on."""
    headers = {"x-forwarded-for": ip} | told.pop("headers", {})
    wish = {"address": address, "consent": CONSENT} | told
    return site.browser().post(f"{ROOT}/recap/subscriptions", json=wish, headers=headers)


# --- reading ------------------------------------------------------------------------------


def test_what_went_out_can_be_read(site: Site) -> None:
    """Newsletters, issues and topics are told with their pages' addresses, for others to keep."""
    issue = a_draft(site.database)
    put_into(site.database, issue, IssueState.FINISHED, loaded=site.loaded)
    browser = site.browser()
    (newsletter,) = browser.get(ROOT).json()
    assert newsletter["key"] == "recap"
    assert newsletter["join_url"] == "http://127.0.0.1/join/recap"
    listed = browser.get(f"{ROOT}/recap/issues")
    (told,) = listed.json()["issues"]
    assert (told["key"], told["url"]) == ("2023-09-22", "http://127.0.0.1/issues/recap/2023-09-22")
    assert told["subject"]
    assert datetime.fromisoformat(told["window_end"]).tzinfo is not None
    assert browser.get(f"{ROOT}/recap/issues/2023-09-22").json() == told
    topics = browser.get(f"{ROOT}/recap/topics").json()
    assert all(topic["issues"] == 1 for topic in topics)
    assert listed.headers["cache-control"] == "public, max-age=300"
    assert "set-cookie" not in listed.headers


@SQLITE
def test_an_issue_and_its_correction_stand_on_one_page(site: Site) -> None:
    """They close together: wherever a page ends, the next one leaves neither out."""
    keys = ["2023-09-22+correction-1", "2023-09-22", "2023-09-15"]
    for key in reversed(keys):
        an_issue(site.database, site.loaded, key)
    pages, before = [], ""
    while before is not None:
        told = {"limit": "1"} | ({"before": before} if before else {})
        page = site.browser().get(f"{ROOT}/recap/issues", params=told).json()
        pages.append([each["key"] for each in page["issues"]])
        before = page["next"]
    assert pages == [keys[:2], keys[2:]]


@SQLITE
def test_what_did_not_go_out_is_not_told(site: Site) -> None:
    """A draft is nobody's to read, by list or by name."""
    a_draft(site.database)
    browser = site.browser()
    assert browser.get(f"{ROOT}/recap/issues").json() == {"issues": [], "next": None}
    assert browser.get(f"{ROOT}/recap/issues/2023-09-22").status_code == 404


@SQLITE
def test_the_answers_are_as_described(site: Site) -> None:
    """The description names every path and answer; no path of the desk is in it."""
    described = site.browser().get("/api/v1/openapi.json").json()
    assert set(described["paths"]) == {
        "/newsletters",
        "/newsletters/{newsletter}/issues",
        "/newsletters/{newsletter}/issues/{issue}",
        "/newsletters/{newsletter}/topics",
        "/newsletters/{newsletter}/subscriptions",
        "/subscriptions/{token}",
    }
    assert (
        "202" in described["paths"]["/newsletters/{newsletter}/subscriptions"]["post"]["responses"]
    )
    page = (Path(__file__).parents[1] / "docs" / "how-to" / "api.md").read_text()
    for path in described["paths"]:
        assert f"/api/v1{path}" in page


# --- joining and leaving ------------------------------------------------------------------


def test_who_asks_by_api_and_confirms_is_a_reader(site: Site) -> None:
    """The mail's button makes the reader, and the words agreed to are kept as proof."""
    answer = ask(site, "ana@example.org", name="Ana", headers={"origin": "https://example.org"})
    assert (answer.status_code, answer.json()) == (202, {"status": "accepted"})
    (mail,) = mails(site, at_least=1)
    assert standing(site) == ["pending"]
    assert site.browser().post(link_in(mail)).status_code == 200
    assert standing(site) == ["active"]
    with site.database.read() as conn:
        proof = conn.execute(select(consents.c.proof).order_by(consents.c.id)).scalars().first()
    assert proof == {
        "form": "api",
        "text": CONSENT,
        "prefix": "203.0.113.0/24",
        "origin": "https://example.org",
    }


def test_what_is_wished_with_the_asking_holds(site: Site) -> None:
    """Language and plain text hold from the first small mail on, topics from the confirmation."""
    chosen: dict[str, Any] = {"topics": ["Ukraine", "Cheese"], "language": "de", "format": "text"}
    newsletter = site.loaded.settings.newsletters["recap"]
    topics = Topics(offered=("Ukraine", "Drones"))
    site.settings(newsletters={"recap": newsletter.model_copy(update={"topics": topics})})
    ask(site, "ana@example.org", **chosen)
    (mail,) = mails(site, at_least=1)
    assert "bestätigen" in mail.text.lower()
    assert mail.html == ""
    site.browser().post(link_in(mail))
    (welcome,) = mails(site, "welcome", at_least=1)
    assert welcome.html == ""
    with site.database.read() as conn:
        (reader,) = readers.listed(conn, "recap")
    one = reader.subscription
    assert one
    assert (one.topics, one.format, reader.subscriber.language) == (("Ukraine",), "text", "de")


def test_the_answer_tells_nothing_of_the_address(site: Site) -> None:
    """New, pending, reading, suppressed and impossible addresses get the same answer."""
    a_reader(site.database, "reader@example.org")
    answers = [
        ask(site, address, ip=f"203.0.{n}.1")
        for n, address in enumerate(
            ("new@example.org", "new@example.org", "reader@example.org", "no address")
        )
    ]
    assert {(answer.status_code, answer.text) for answer in answers} == {
        (202, '{"status":"accepted"}')
    }


def test_few_askings_are_taken_from_one_place(site: Site) -> None:
    """The eleventh of an hour is refused; with the token a program asks for all its people."""
    for n in range(knocking.FROM_PREFIX):
        assert ask(site, f"reader{n}@example.org").status_code == 202
    refused = ask(site, "another@example.org")
    assert refused.status_code == 429
    assert refused.headers["content-type"] == "application/problem+json"
    assert refused.headers["retry-after"] == "3600"
    site.settings(api_token="a-long-random-token")
    bearer = {"authorization": "Bearer a-long-random-token"}
    assert ask(site, "another@example.org", headers=bearer).status_code == 202
    wrong = ask(site, "third@example.org", headers={"authorization": "Bearer guess"})
    assert wrong.status_code == 401


@SQLITE
@pytest.mark.parametrize(
    ("told", "said"),
    [
        ({"consent": ""}, "consent"),
        ({"consent": CONSENT, "admin": True}, "admin"),
        ({"consent": CONSENT, "name": "x" * 201}, "name"),
        ({"consent": CONSENT, "address": 7}, "address"),
    ],
)
def test_a_wish_that_cannot_be_read_is_explained(
    site: Site, told: dict[str, Any], said: str
) -> None:
    """What is wrong is named as a problem; nobody is asked, nothing is written."""
    answer = ask(site, told.pop("address", "ana@example.org"), **told)
    problem = answer.json()
    assert (answer.status_code, problem["status"]) == (422, 422)
    assert problem["detail"].startswith(said)
    assert _count(site, subscribers) == _count(site, outbox) == 0


@SQLITE
def test_a_form_of_another_site_cannot_ask(site: Site) -> None:
    """What a browser sends without asking first is no JSON, and is refused."""
    wish = f'{{"address": "ana@example.org", "consent": "{CONSENT}"}}'
    for kind in ("text/plain", "application/x-www-form-urlencoded"):
        answer = site.browser().post(
            f"{ROOT}/recap/subscriptions", content=wish, headers={"content-type": kind}
        )
        assert answer.status_code == 422
    assert _count(site, subscribers) == 0


def test_a_token_tells_whether_one_reads(site: Site) -> None:
    """The link's own token, and no other, says whether its reader reads; never the address."""
    whose = a_reader(site.database, "ana@example.org")
    token = tokens.make(KEY, readership.PURPOSE, whose, "recap")
    browser = site.browser()
    reads = browser.get(f"/api/v1/subscriptions/{token}")
    assert reads.json() == {"newsletter": "recap", "reads": True, "can_return": True}
    assert reads.headers["cache-control"] == "no-store"
    readership.leave(site.database, site.loaded, token, now=site.now)
    assert browser.get(f"/api/v1/subscriptions/{token}").json()["reads"] is False
    for other in (token[:-1], "x", tokens.make(KEY, "confirm", whose, "recap")):
        answer = browser.get(f"/api/v1/subscriptions/{other}")
        assert (answer.status_code, answer.json()["detail"]) == (404, "This token opens nothing.")


# --- bounds -------------------------------------------------------------------------------


@SQLITE
def test_nobody_may_ask_without_end(site: Site, monkeypatch: pytest.MonkeyPatch) -> None:
    """More than so many requests a minute from one place are refused, until the next minute."""
    monkeypatch.setattr(api, "A_MINUTE", 5)
    here, there = {"x-forwarded-for": "203.0.113.7"}, {"x-forwarded-for": "198.51.100.1"}
    browser = site.browser()
    asked = [browser.get(ROOT, headers=here).status_code for _ in range(7)]
    assert asked == [200] * 5 + [429] * 2
    assert browser.get(ROOT, headers=there).status_code == 200
    site.now += timedelta(minutes=1)
    assert browser.get(ROOT, headers=here).status_code == 200


@SQLITE
@pytest.mark.parametrize(
    ("origins", "asks", "allowed"),
    [
        ((), "https://example.org", None),
        (("https://example.org",), "https://example.org", "https://example.org"),
        (("https://example.org",), "https://evil.test", None),
        (("*",), "https://anywhere.test", "*"),
    ],
)
def test_scripts_of_named_sites_may_ask(
    site: Site, origins: tuple[str, ...], asks: str, allowed: str | None
) -> None:
    """CORS lets the origins of config.yaml in, for the API alone and without cookies."""
    site.settings(web=WebSettings(origins=origins))
    site.restart()
    client = site.browser()
    preflight = {"origin": asks, "access-control-request-method": "POST"}
    for answer in (
        client.get(ROOT, headers={"origin": asks}),
        client.options(f"{ROOT}/recap/subscriptions", headers=preflight),
    ):
        assert answer.headers.get("access-control-allow-origin") == allowed
        assert "access-control-allow-credentials" not in answer.headers
    page = client.get("/join/recap", headers={"origin": asks})
    assert "access-control-allow-origin" not in page.headers


@SQLITE
@pytest.mark.parametrize(
    ("path", "status"),
    [
        ("/newsletters/none/issues", 404),
        ("/newsletters/none/topics", 404),
        ("/newsletters/recap/issues/none", 404),
        ("/newsletters/recap/issues?limit=1000", 422),
        ("/newsletters/recap/issues?before=yesterday", 422),
        ("/newsletters/recap/issues?before=2026-01-01T00:00:00", 422),
        ("/nothing", 404),
        ("/newsletters/re%0Acap/topics", 404),
    ],
)
def test_refusals_are_problems(site: Site, path: str, status: int) -> None:
    """Whatever is refused is told in the same form, with the reason."""
    answer = site.browser().get(f"/api/v1{path}")
    problem = answer.json()
    assert (answer.status_code, problem["status"]) == (status, status)
    assert answer.headers["content-type"] == "application/problem+json"
    assert problem["detail"]


def _count(site: Site, table: Any) -> int:
    with site.database.read() as conn:
        return int(conn.execute(select(func.count()).select_from(table)).scalar_one())


@SQLITE
def test_who_asks_by_the_wrong_method_is_told_the_right_ones(site: Site) -> None:
    """With 405 comes every method of that path, not only the first one's (RFC 9110, 15.5.6)."""
    answer = site.browser().delete("/api/v1/desk/feeds")
    assert (answer.status_code, answer.headers["allow"]) == (405, "GET, POST")
