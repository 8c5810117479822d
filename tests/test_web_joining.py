"""Joining: the form, the mail that confirms, its button, and what holds back a flood."""

from __future__ import annotations

import re
import statistics
from collections.abc import Callable, Iterator
from datetime import timedelta
from pathlib import Path
from time import monotonic, perf_counter, sleep
from typing import Any, NoReturn

import httpx
import pytest
from sqlalchemy import func, select

from digest import readership
from digest.model import IssueState
from digest.model.settings import Topics
from digest.readership import knocking
from digest.store import Database
from digest.store.schema import consents, knocks, outbox, subscribers, subscriptions, suppressions
from tests.website import NOW, Site, a_draft, a_reader, browsing, put_into, served

SQLITE = pytest.mark.parametrize("database", ["sqlite"], indirect=True)


@pytest.fixture
def site(database: Database, tmp_path: Path) -> Iterator[Site]:
    with served(database, tmp_path) as site:
        yield site


@pytest.fixture
def chromium(needs: Callable[[str, str], NoReturn]) -> Iterator[Callable[..., Any]]:
    with browsing(needs) as opened:
        yield opened


def form_of(site: Site, newsletter: str = "recap") -> str:
    """The signed token in a fresh form, five seconds after it was opened."""
    page = site.browser().get(f"/join/{newsletter}").text
    site.now += timedelta(seconds=5)
    found = re.search('name="form" value="([^"]+)"', page)
    assert found
    return found[1]


def ask(site: Site, address: str, *, ip: str = "203.0.113.7", **told: str) -> httpx.Response:
    """Fill in a fresh form from that IP address and send it, as a proxy would hand it on."""
    said = {"address": address, "name": "", "website": "", "form": form_of(site)} | told
    with site.browser() as browser:
        return browser.post("/join/recap", data=said, headers={"x-forwarded-for": ip})


def mails(site: Site, kind: str = "confirm", *, at_least: int = 0) -> list[Any]:
    """The mails of that kind, once so many are there: they are written after the answer."""
    until = monotonic() + 20
    while True:
        with site.database.read() as conn:
            found = list(conn.execute(select(outbox).where(outbox.c.kind == kind)))
        if len(found) >= at_least or monotonic() > until:
            return found
        sleep(0.02)


def link_in(mail: Any) -> str:
    found = re.search(r"http://127\.0\.0\.1(/confirm/\S+)", mail.text)
    assert found
    return found[1]


def state_of(database: Database) -> list[tuple[object, ...]]:
    with database.read() as conn:
        tables = (subscriptions, consents, outbox, subscribers, knocks, suppressions)
        return [tuple(row) for table in tables for row in conn.execute(select(table))]


def standing(site: Site) -> list[str]:
    with site.database.read() as conn:
        return [str(s) for s in conn.execute(select(subscriptions.c.state)).scalars()]


# --- from the form to the welcome ---------------------------------------------------------


def test_who_asks_and_confirms_is_a_reader(site: Site) -> None:
    """The form leads to one mail with one link, its button to a reader and a welcome."""
    issue = a_draft(site.database)
    put_into(site.database, issue, IssueState.FINISHED, loaded=site.loaded)
    answer = ask(site, "ana@example.org", name="Ana")
    assert answer.status_code == 200
    assert "Look into your mailbox" in answer.text
    (mail,) = mails(site, at_least=1)
    assert mail.address == "ana@example.org"
    assert standing(site) == ["pending"]
    assert set(re.findall('href="([^"]+)"', mail.html)) == {f"http://127.0.0.1{link_in(mail)}"}
    done = site.browser().post(link_in(mail))
    assert (done.status_code, standing(site)) == (200, ["active"])
    assert 'href="/issues/recap/2023-09-22"' in done.text
    (welcome,) = mails(site, "welcome", at_least=1)
    assert "http://127.0.0.1/issues/recap/2023-09-22" in welcome.text
    assert "/unsubscribe/" in welcome.text


def test_what_proves_the_consent_is_kept(site: Site) -> None:
    """Time, source, the form's version and words, and the truncated address are on record."""
    ask(site, "ana@example.org", ip="2001:db8:1:2:3:4:5:6")
    (mail,) = mails(site, at_least=1)
    site.now += timedelta(hours=1)
    site.browser().post(link_in(mail), headers={"x-forwarded-for": "198.51.100.77"})
    shown = readership.show(site.database, site.loaded, "ana@example.org")
    asked, confirmed = shown["subscriptions"][0]["consent"]
    assert (asked.what, asked.source) == ("asked", "sign-up form")
    assert asked.proof["prefix"] == "2001:db8:1:2::/64"
    assert asked.proof["form"] == "1"
    assert "Send me Sample Weekly Recap by e-mail" in asked.proof["text"]
    assert confirmed.at == site.now
    assert confirmed.proof == {"by": "button", "prefix": "198.51.100.0/24"}


@pytest.mark.parametrize("method", ["GET", "HEAD", "OPTIONS"])
def test_opening_the_link_confirms_nothing(site: Site, method: str) -> None:
    """Scanners that open the form and the mail's link 50 times change nothing at all."""
    ask(site, "ana@example.org")
    (mail,) = mails(site, at_least=1)
    before = state_of(site.database)
    browser = site.browser()
    for _ in range(50):
        browser.request(method, link_in(mail))
        browser.request(method, "/join/recap")
    assert state_of(site.database) == before
    page = browser.get(link_in(mail))
    assert page.text.count("<button") == page.text.count("<form") == 1
    assert "ana@example.org" not in page.text


def test_confirming_twice_welcomes_once(site: Site) -> None:
    """A second press of the button shows the same page and sends no second welcome."""
    ask(site, "ana@example.org")
    (mail,) = mails(site, at_least=1)
    first, second = (site.browser().post(link_in(mail)) for _ in range(2))
    assert (first.status_code, first.text) == (second.status_code, second.text)
    assert len(mails(site, "welcome", at_least=1)) == 1


@SQLITE
@pytest.mark.parametrize("method", ["GET", "POST"])
def test_a_wrong_link_opens_nothing(site: Site, method: str) -> None:
    """Forged, cut, foreign and expired links get one and the same 404."""
    ask(site, "ana@example.org")
    (mail,) = mails(site, at_least=1)
    real = link_in(mail)
    foreign = f"/confirm/{form_of(site)}"
    plain = site.browser().request(method, "/confirm/plainly-wrong")
    site.now += timedelta(hours=49)
    for wrong in (real, real[:-3], real + "A", foreign, "/confirm/" + "x" * 8000):
        answer = site.browser().request(method, wrong)
        assert (answer.status_code, answer.text) == (404, plain.text)
    assert standing(site) == ["pending"]


def test_confirming_after_leaving_takes_a_new_mail(site: Site) -> None:
    """A link that was mailed before somebody left does not bring them back."""
    ask(site, "ana@example.org")
    (mail,) = mails(site, at_least=1)
    site.browser().post(link_in(mail))
    (welcome,) = mails(site, "welcome", at_least=1)
    leave = re.search(r"/unsubscribe/\S+", welcome.text)
    assert leave
    site.now += timedelta(minutes=1)
    site.browser().post(leave[0])
    assert site.browser().post(link_in(mail)).status_code == 404
    assert standing(site) == ["left"]


def offering(site: Site, *topics: str) -> None:
    """Let the newsletter offer those topics."""
    only = site.loaded.settings.newsletters["recap"]
    told = only.model_copy(update={"topics": Topics(offered=topics)})
    site.settings(newsletters={"recap": told})


def chosen(site: Site) -> tuple[list[str], str | None]:
    with site.database.read() as conn:
        (topics,) = conn.execute(select(subscriptions.c.topics)).scalars()
        (language,) = conn.execute(select(subscribers.c.language)).scalars()
    return list(topics), language


def test_topics_of_the_form_hold_once_confirmed(site: Site) -> None:
    """Where topics are offered, what was ticked holds from the confirmation on; others do not."""
    offering(site, "Asia", "Europe", "Health")
    assert site.browser().get("/join/recap").text.count('name="topic"') == 3
    said = {"topic": ["Europe", "Asia", "No Topic"], "language": "de"}
    said |= {"address": "ana@example.org", "form": form_of(site)}
    site.browser().post("/join/recap", data=said, headers={"x-forwarded-for": "203.0.113.7"})
    (mail,) = mails(site, at_least=1)
    assert chosen(site) == ([], None)
    site.browser().post(link_in(mail))
    assert chosen(site) == (["Asia", "Europe"], "de")


def test_a_form_changes_nothing_for_who_reads_already(site: Site) -> None:
    """Somebody else's typing, and even one's own, does not touch what a reader chose before."""
    offering(site, "Asia", "Europe")
    a_reader(site.database)
    said = {"address": "ana@example.org", "form": form_of(site), "topic": "Asia", "language": "fr"}
    site.browser().post("/join/recap", data=said, headers={"x-forwarded-for": "203.0.113.7"})
    (mail,) = mails(site, at_least=1)
    site.browser().post(link_in(mail))
    assert chosen(site) == ([], None)


@SQLITE
def test_all_topics_are_the_whole_issue(site: Site) -> None:
    """Who ticks all gets everything, also what is offered later; without topics none are asked."""
    assert 'name="topic"' not in site.browser().get("/join/recap").text
    offering(site, "Asia", "Europe")
    said = {"address": "ana@example.org", "form": form_of(site), "topic": ["Asia", "Europe"]}
    site.browser().post("/join/recap", data=said, headers={"x-forwarded-for": "203.0.113.7"})
    (mail,) = mails(site, at_least=1)
    site.browser().post(link_in(mail))
    assert chosen(site) == ([], None)


@SQLITE
def test_a_form_of_another_site_keeps_what_was_ticked(site: Site) -> None:
    """Our page, which comes in between, has topics and language as they were sent."""
    offering(site, "Asia", "Europe")
    said = {"address": "ana@example.org", "topic": "Europe", "language": "de"}
    page = site.browser().post("/join/recap", data=said).text
    assert 'value="Europe" checked' in page
    assert 'value="Asia" checked' not in page
    assert 'name="language" value="de"' in page
    strange = site.browser().post("/join/recap", data=said | {"language": '"><b>'}).text
    assert 'name="language"' not in strange


# --- the form -----------------------------------------------------------------------------


def test_a_plain_form_of_another_site_needs_one_more_press(site: Site) -> None:
    """A form without our token changes nothing; our own page comes, filled in already."""
    before = state_of(site.database)
    foreign = {"origin": "https://www.example.test", "sec-fetch-site": "cross-site"}
    page = site.browser().post("/join/recap", data={"address": "ana@example.org"}, headers=foreign)
    assert page.status_code == 200
    assert 'value="ana@example.org"' in page.text
    assert "One more press" in page.text
    assert state_of(site.database) == before


@SQLITE
def test_a_form_filled_in_too_fast_or_too_late_comes_back(site: Site) -> None:
    """Two seconds is the least, a day the most; after that the form is shown anew."""
    for wait in (timedelta(seconds=-4), timedelta(hours=25)):
        token = form_of(site)
        site.now += wait
        page = site.browser().post("/join/recap", data={"address": "a@example.org", "form": token})
        assert "One more press" in page.text
    assert standing(site) == []


@SQLITE
def test_a_form_is_of_one_newsletter(site: Site) -> None:
    """The token of one newsletter's form is none for another's, and unknown ones are 404."""
    only = site.loaded.settings.newsletters["recap"]
    site.settings(newsletters={"recap": only, "other": only})
    page = site.browser().post(
        "/join/other", data={"address": "a@example.org", "form": form_of(site)}
    )
    assert "One more press" in page.text
    assert site.browser().get("/join/none").status_code == 404
    assert site.browser().post("/join/none", data={"address": "a@b.test"}).status_code == 404


@SQLITE
def test_who_fills_in_the_hidden_field_is_a_program(site: Site) -> None:
    """The answer is the usual one, and nothing is written."""
    usual = ask(site, "ana@example.org").text
    mails(site, at_least=1)
    before = state_of(site.database)
    assert ask(site, "ben@example.org", website="https://spam.example.test").text == usual
    assert state_of(site.database) == before


@SQLITE
def test_markup_in_a_field_is_text(site: Site) -> None:
    """What somebody types into another site's form is shown, never run."""
    page = site.browser().post("/join/recap", data={"address": '"><script>alert(1)</script>'})
    assert "<script" not in page.text


# --- no oracle ----------------------------------------------------------------------------

CASES = ("new", "pending", "active", "suppressed", "invalid")


def an_address(site: Site, case: str, turn: int) -> str:
    """An address that stands so with the newsletter."""
    address = f"{case}{turn}@domain{turn}.example.org"
    told = {"source": "a test", "proof": {}, "now": site.now - timedelta(days=3)}
    if case == "pending":
        readership.ask(site.database, site.loaded, "recap", address, **told)
    if case in ("active", "suppressed"):
        a_reader(site.database, address)
    if case == "suppressed":
        readership.erase(site.database, site.loaded, address, now=site.now)
    return address.replace("@", " at ") if case == "invalid" else address


def test_the_answer_is_the_same_for_all(site: Site) -> None:
    """New, pending, active, suppressed and invalid: one status, one page, the same headers."""
    told = set()
    for turn, case in enumerate(CASES):
        answer = ask(site, an_address(site, case, turn), ip=f"10.0.{turn}.1")
        kept = {k: v for k, v in answer.headers.items() if k != "date"}
        told.add((answer.status_code, answer.text, str(sorted(kept.items()))))
    assert len(told) == 1
    assert len(mails(site, at_least=4)) == 4


@pytest.mark.slow
@SQLITE
def test_the_time_of_an_answer_tells_nothing(site: Site, monkeypatch: Any) -> None:
    """
    Over 200 tries each, the median times of the five cases lie within a tenth.

    What else the machine does may part them once; a difference that is ours comes each time.
    """
    monkeypatch.setattr(knocking, "IN_ALL", 10_000)
    for series in range(3):
        medians = timed(site, turns=range(series * 200, series * 200 + 200))
        middle = statistics.median(medians.values())
        if all(abs(m - middle) < 0.1 * middle for m in medians.values()):
            return
    pytest.fail(f"the cases differ each time: {medians}")


def timed(site: Site, *, turns: range) -> dict[str, float]:
    """Ask once in each case and turn, the cases in turning order; return their median times."""
    token = form_of(site)
    took: dict[str, list[float]] = {case: [] for case in CASES}
    with site.browser() as browser:
        for turn in turns:
            for shift in range(len(CASES)):
                case = CASES[(turn + shift) % len(CASES)]
                said = {"address": an_address(site, case, turn), "form": token}
                ip = {"x-forwarded-for": f"10.{shift}.{turn % 256}.{1 + turn // 256}"}
                begun = perf_counter()
                browser.post("/join/recap", data=said, headers=ip)
                took[case].append(perf_counter() - begun)
                mails(site, at_least=turn * 4)
    return {case: statistics.median(times) for case, times in took.items()}


# --- a flood ------------------------------------------------------------------------------


def knocked(site: Site, address: str, ip: str, at: timedelta = timedelta()) -> str:
    return readership.knock(
        site.database, site.loaded, "recap", address,
        prefix=readership.prefix_of(ip), now=NOW + at,
    )  # fmt: skip


def mailed(site: Site) -> int:
    with site.database.read() as conn:
        return int(conn.execute(select(func.count()).where(knocks.c.mailed)).scalar_one())


def test_an_address_gets_one_mail_a_day_and_three_in_all(site: Site) -> None:
    """However often and wherever it is typed, until its owner confirms."""
    said = [
        knocked(site, "ana@example.org", f"10.{hour}.0.1", timedelta(hours=hour))
        for hour in range(24 * 9)
        if hour % 2 == 0
    ]
    assert said.count("invited") == mailed(site) == 3
    assert "busy" not in said


def test_confirming_ends_the_count(site: Site) -> None:
    """Who confirmed once may ask again, years later, as often as the days allow."""
    for turn in range(3):
        site.now = NOW + timedelta(days=2 * turn)
        ask(site, "ana@example.org", ip=f"10.0.{turn}.1")
        sent = mails(site, at_least=turn + 1)
    assert len(sent) == 3
    assert site.browser().post(link_in(sent[-1])).status_code == 200
    assert knocked(site, "ana@example.org", "10.0.9.1", timedelta(days=30)) == "invited"


@SQLITE
@pytest.mark.slow
@pytest.mark.parametrize("flood", ["one address", "one domain", "one prefix", "many"])
def test_a_bombing_stays_within_the_limits(site: Site, flood: str) -> None:
    """Of 10,000 sign-ups within the hour few are mailed; afterwards real ones go on."""
    site.settings(
        newsletters={
            "recap": site.loaded.settings.newsletters["recap"].model_copy(
                update={"editors": ("editor@example.org",)}
            )
        }
    )
    for turn in range(10_000):
        address = f"a{turn}@domain{turn}.test"
        ip = f"{turn // 200 + 1}.{turn % 200}.0.1"
        if flood == "one address":
            address = "ana@example.org"
        if flood == "one domain":
            address = f"a{turn}@example.org"
        if flood == "one prefix":
            ip = f"203.0.113.{turn % 256}"
        knocked(site, address, ip, timedelta(seconds=turn // 4))
    limits = {
        "one address": 1,
        "one domain": knocking.TO_DOMAIN,
        "one prefix": knocking.FROM_PREFIX,
        "many": knocking.IN_ALL,
    }
    assert mailed(site) == limits[flood]
    told = mails(site, "surge")
    assert [mail.address for mail in told] == ["editor@example.org"] * (flood == "many")
    meanwhile = knocked(site, "real@example.com", "198.51.100.1", timedelta(minutes=42))
    assert meanwhile == ("busy" if flood == "many" else "invited")
    after = knocked(site, "late@example.org", "203.0.113.9", timedelta(hours=2))
    assert after == "invited"


def test_a_busy_hour_is_said_openly(site: Site, monkeypatch: Any) -> None:
    """At a limit that says nothing of the address, people read when to come back."""
    monkeypatch.setattr(knocking, "FROM_PREFIX", 1)
    ask(site, "ana@example.org")
    for address in ("ana@example.org", "ben@example.org", "no address"):
        answer = ask(site, address)
        assert (answer.status_code, answer.headers["retry-after"]) == (429, "3600")
    assert ask(site, "ben@example.org", ip="198.51.100.1").status_code == 200


@SQLITE
def test_of_who_asked_only_hashes_are_kept(site: Site) -> None:
    """The rows that count hold no address, and after a day no prefix."""
    knocked(site, "ana@example.org", "203.0.113.7")
    knocked(site, "late@example.org", "203.0.114.7", timedelta(days=2))
    with site.database.read() as conn:
        first, _ = conn.execute(select(knocks).order_by(knocks.c.id))
    assert "ana" not in str(first)
    assert first.prefix == ""


@pytest.mark.parametrize(
    ("ip", "prefix"),
    [
        ("203.0.113.7", "203.0.113.0/24"),
        ("::ffff:203.0.113.7", "203.0.113.0/24"),
        ("2001:db8:1:2:3:4:5:6", "2001:db8:1:2::/64"),
        ("", ""),
        ("unknown", ""),
    ],
)
def test_an_ip_address_is_cut(ip: str, prefix: str) -> None:
    """Of an asker's IP address only the network is kept; what is none is no prefix."""
    assert readership.prefix_of(ip) == prefix


# --- in a browser -------------------------------------------------------------------------


@pytest.mark.browser
@SQLITE
@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("width", [320, 1280])
def test_joining_in_a_browser(
    site: Site, chromium: Callable[..., Any], width: int, scheme: str
) -> None:
    """The keyboard alone joins, past the hidden field, without sideways scrolling."""
    page = chromium(width=width, scheme=scheme)
    page.goto(f"{site.address}/join/recap")
    assert page.evaluate("document.documentElement.scrollWidth") <= width
    site.now += timedelta(seconds=5)
    page.keyboard.press("Tab")
    page.keyboard.type("ana@example.org")
    page.keyboard.press("Tab")
    page.keyboard.press("Tab")
    assert page.evaluate("document.activeElement.textContent") == "Subscribe"
    page.keyboard.press("Enter")
    page.wait_for_selector("text=Look into your mailbox.")
    (mail,) = mails(site, at_least=1)
    page.goto(site.address + link_in(mail))
    assert page.evaluate("document.documentElement.scrollWidth") <= width
    page.click("text=Confirm")
    page.wait_for_selector("text=You are subscribed.")
    assert standing(site) == ["active"]
    assert page.problems == []
