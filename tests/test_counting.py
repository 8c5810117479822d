"""Counting how often links are followed: off unless wanted, of nobody, and said in the mail."""

from __future__ import annotations

import email
import email.policy
import html
import re
from dataclasses import replace
from pathlib import Path
from time import monotonic, sleep

import pytest
from sqlalchemy import func, select

from digest import delivery, render, report, weekly
from digest.config import Loaded
from digest.model import Edition, Issue
from digest.model.settings import SmtpSettings
from digest.render.counting import countable, counted
from digest.store import Database, counting, editions
from digest.store.schema import counted_links
from tests.friday import BEFORE, SEND_HOUR, a_loaded, prepared, publish, subscribe
from tests.mailserver import MailServer, running
from tests.website import served

SAYS = "We count how often each link"
BROWSER = {"user-agent": "Mozilla/5.0 (X11; Linux x86_64) Firefox/130.0"}


@pytest.fixture
def fed(database: Database) -> Database:
    for number in range(4):
        publish(database, f"A Report on Harbour Number {number}", topics=["Defence"])
    return database


def sent(fed: Database, loaded: Loaded, *, later: Loaded | None = None) -> tuple[Issue, list[str]]:
    """Approve and send the issue to two readers; return it with their mails, decoded."""
    subscribe(fed, 2)
    issue = weekly.approve(fed, loaded, prepared(fed, loaded), by="editor", now=BEFORE)
    with running(MailServer()) as server:
        smtp = SmtpSettings(host="127.0.0.1", port=server.port, tls="none")
        chosen = later or loaded
        update = {"smtp": smtp, "token_key": "0" * 64}
        chosen = replace(chosen, settings=chosen.settings.model_copy(update=update))
        issue = weekly.freeze(fed, chosen, issue, now=SEND_HOUR)
        delivery.settle(fed, chosen, issue.id, clock=lambda: SEND_HOUR)
    mails = [email.message_from_bytes(m.content, policy=email.policy.SMTP) for m in server.mails]
    assert len(mails) == 2
    return issue, ["\n".join(part.get_content() for part in m.iter_parts()) for m in mails]


def edition_of(fed: Database, issue: Issue) -> Edition:
    assert issue.edition_id is not None
    with fed.read() as conn:
        return editions.read(conn, issue.edition_id)


def followed(fed: Database) -> int:
    with fed.read() as conn:
        return int(conn.execute(select(func.sum(counted_links.c.followed))).scalar() or 0)


# --- in the mail -------------------------------------------------------------------------------


def test_off_leaves_not_a_byte(fed: Database, tmp_path: Path) -> None:
    """Without the word in config.yaml no link leads over us, and nothing is kept or said."""
    issue, mails = sent(fed, a_loaded(tmp_path))
    edition = edition_of(fed, issue)
    assert counted(edition, {}) is edition
    assert not any("/to/" in mail or SAYS in mail for mail in mails)
    with fed.read() as conn:
        assert counting.places(conn, issue.edition_id or 0) == {}


def test_links_lead_over_us_and_name_no_reader(fed: Database, tmp_path: Path) -> None:
    """The same address for everybody, in both parts; the footer says so; the page has none."""
    issue, mails = sent(fed, a_loaded(tmp_path, count_links=True))
    edition = edition_of(fed, issue)
    with fed.read() as conn:
        places = counting.places(conn, issue.edition_id or 0)
    over = {f"https://recap.example.org/to/{issue.edition_id}/{n}" for n in places.values()}
    assert len(places) >= 4
    for mail in mails:
        assert set(re.findall(r"https://recap\.example\.org/to/\S+?(?=[\s\"])", mail)) == over
        assert not any(url in mail for url in places)
        assert " ".join(mail.split()).count(SAYS) == 2
        assert "/unsubscribe/" in mail
    assert all(html.escape(url) in edition.html for url in places)
    assert "/to/" not in render.web(edition) + edition.html + edition.text
    assert SAYS not in render.web(edition)


@pytest.mark.parametrize("at_approval", [True, False])
def test_what_was_approved_decides(fed: Database, tmp_path: Path, at_approval: bool) -> None:
    """Links are counted where the approved footer says so, whatever config.yaml says by now."""
    approved, later = (a_loaded(tmp_path, count_links=on) for on in (at_approval, not at_approval))
    _, mails = sent(fed, approved, later=later)
    assert [("/to/" in mail, SAYS in " ".join(mail.split())) for mail in mails] == [
        (at_approval, at_approval)
    ] * 2


def test_an_address_that_is_shown_is_where_its_link_leads() -> None:
    """Neither such a link is changed nor one of ours; others are, escaped as they were."""
    edition = Edition(
        subject="",
        html='<a href="https://a.test/?x=1&amp;y=2">A</a> <a href="https://b.test">www.b.test</a>'
        '<a class="c" href="https://recap.example.org/issues">Ours</a>',
        text="https://a.test/?x=1&y=2\n(https://b.test)\n",
        digest="",
    )
    found = countable(edition, ours="https://recap.example.org")
    assert found == ("https://a.test/?x=1&y=2",)
    made = counted(edition, {found[0]: "https://recap.example.org/to/1/1"})
    assert 'href="https://recap.example.org/to/1/1">A<' in made.html
    assert made.html.count("b.test") == 2
    assert made.text == "https://recap.example.org/to/1/1\n(https://b.test)\n"


# --- on the web --------------------------------------------------------------------------------


def test_following_leads_on_and_is_counted_once(fed: Database, tmp_path: Path) -> None:
    """Only where the edition's own link says; programs that say so are led on and not counted."""
    issue, _ = sent(fed, a_loaded(tmp_path, count_links=True))
    with fed.read() as conn:
        places = counting.places(conn, issue.edition_id or 0)
    with served(fed, tmp_path) as site:
        browser = site.browser()
        for url, place in places.items():
            answer = browser.get(f"/to/{issue.edition_id}/{place}", headers=BROWSER)
            assert (answer.status_code, answer.headers["location"]) == (302, url)
            assert "set-cookie" not in answer.headers
            assert answer.headers["cache-control"] == "no-store"
        until = monotonic() + 10
        while followed(fed) < len(places) and monotonic() < until:
            sleep(0.02)
        path = f"/to/{issue.edition_id}/1"
        assert browser.head(path, headers=BROWSER).status_code == 302
        for headers in (
            {"user-agent": "Googlebot/2.1"},
            {"user-agent": "python-requests/2"},
            {"user-agent": ""},
            BROWSER | {"sec-purpose": "prefetch;prerender"},
        ):
            assert browser.get(path, headers=headers).status_code == 302
        for wrong in (f"/to/{issue.edition_id}/999", "/to/999/1", "/to/1/https://evil.test"):
            assert browser.get(wrong, headers=BROWSER).status_code == 404
        sleep(0.2)
        assert followed(fed) == len(places)


def test_report_and_desk_tell_the_numbers(fed: Database, tmp_path: Path) -> None:
    """Most often first; an issue without counting tells of no links."""
    issue, _ = sent(fed, a_loaded(tmp_path, count_links=True))
    with fed.read() as conn:
        places = counting.places(conn, issue.edition_id or 0)
    second = next(url for url, place in places.items() if place == 2)
    with fed.write() as conn:
        counting.follow(conn, [(issue.edition_id or 0, 2)] * 3 + [(issue.edition_id or 0, 1)])
    told = report.of(fed, issue.id).links
    assert (told[0].url, [one.times for one in told[:3]]) == (second, [3, 1, 0])
    with served(fed, tmp_path) as site:
        page = site.browser("viewer").get(f"/desk/issues/{issue.id}").text
        assert "What was followed" in page
        assert html.escape(second) in page
