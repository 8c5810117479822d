"""The desk's page of bounces: who is uncertain, what came back, and how much of it."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Sequence
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any, NoReturn

import httpx
import pytest
from sqlalchemy import insert, update

from digest.model import DeliveryState, Issue, IssueState
from digest.model.settings import BounceSettings
from digest.store import Database, bounces, editions, history, issues, ledger, subscribers
from digest.store.bounces import Fact
from digest.store.schema import deliveries
from digest.store.schema import issues as records
from digest.web.desk import bounces as desk
from tests.test_web_account import csrf
from tests.website import NOW, Site, a_draft, a_reader, browsing, put_into, served

HOSTILE = '<script>alert(1)</script>"><img src=x onerror=alert(1)>'
PATH = "/desk/bounces"


@pytest.fixture
def site(database: Database, tmp_path: Path) -> Iterator[Site]:
    with served(database, tmp_path) as site:
        yield site


def an_issue(
    site: Site,
    people: Sequence[int] = (),
    *,
    key: str = "2023-09-15",
    number: int = 1,
    state: IssueState = IssueState.FINISHED,
    answer: str = "",
) -> Issue:
    """An issue that went out, with its answer never seen for each of *people*."""
    issue = a_draft(site.database, key=key)
    issue = put_into(site.database, issue, state, loaded=site.loaded, number=number)
    with site.database.write() as conn:
        [variant] = editions.variants_of(conn, issue.edition_id or 0)
        for person in people:
            known = subscribers.by_id(conn, person)
            assert known is not None
            row: dict[str, Any] = {
                "issue_id": issue.id,
                "subscriber_id": person,
                "edition_id": issue.edition_id,
            }
            row |= {"variant_id": variant, "address": known.address, "answer": answer}
            row |= {"state": DeliveryState.UNCERTAIN, "attempts": 1}
            conn.execute(insert(deliveries).values(**row, due_at=NOW, changed_at=NOW))
        counts = {"frozen": len(people), "excluded": {}}
        conn.execute(update(records).where(records.c.id == issue.id).values(**counts))
        return issues.by_id(conn, issue.id)


def came(
    site: Site,
    key: str,
    *,
    verdict: str = "dead",
    kind: str = "bounce",
    at: datetime = NOW,
    said: str = "550 5.1.1 no such user",
    **about: Any,
) -> None:
    fact = Fact(key=key, at=at, kind=kind, verdict=verdict, said=said, outcome="noted", **about)
    with site.database.write() as conn:
        assert bounces.keep(conn, fact)


def shown(browser: httpx.Client, **asked: Any) -> str:
    answer = browser.get(PATH, params=asked)
    assert answer.status_code == 200
    return answer.text


def part(page: str, title: str) -> str:
    """The section under that heading."""
    [found] = re.findall(rf'<section aria-labelledby="{title}-title">.*?</section>', page, re.S)
    return str(found)


def test_an_empty_desk_says_what_is_known_and_what_is_missing(site: Site) -> None:
    """Nobody uncertain, nothing back; that no mailbox is read is said as long as none is."""
    viewer = site.browser("viewer")
    page = shown(viewer)
    assert "of every reader of every issue it is known" in part(page, "uncertain")
    assert "Nothing came back." in part(page, "sums")
    assert "no mailbox is read" in part(page, "came-back")
    assert "Nothing came back as dead" in part(shown(viewer, verdict="dead"), "came-back")
    site.settings(bounces=BounceSettings(address="bounces@example.org", imap="imap.example.org"))
    assert "Nothing came back yet." in part(shown(viewer), "came-back")


def test_the_uncertain_of_all_issues_are_listed_by_role(site: Site) -> None:
    """The newest issue first; below a publisher by number, without what servers said."""
    ana, bo = a_reader(site.database, "ana@example.org"), a_reader(site.database, "bo@example.org")
    older = an_issue(site, [ana], answer="451 for ana@example.org")
    newer = an_issue(site, [ana, bo], key="2023-09-22", number=2)
    a_draft(site.database, key="2023-09-29")
    page = part(shown(site.browser("publisher")), "uncertain")
    assert re.findall(r'id="issue-(\d+)"', page) == [str(newer.id), str(older.id)]
    assert re.findall(r'/desk/subscribers/(\d+)\?newsletter=recap">([^<]+)<', page) == [
        (str(ana), "ana@example.org"),
        (str(bo), "bo@example.org"),
        (str(ana), "ana@example.org"),
    ]
    assert "451 for ana@example.org" in page
    for role in ("viewer", "editor"):
        page = part(shown(site.browser(role)), "uncertain")
        assert re.findall(r"Reader (\d+)", page) == [str(ana), str(bo), str(ana)]
        assert "ana@example.org" not in page
        assert "<form" not in page
        assert "takes a publisher" in page


def test_a_publisher_sends_it_again_to_the_uncertain(site: Site) -> None:
    """The form owes the issue to them again, and the log has who did it."""
    ana = a_reader(site.database)
    issue = an_issue(site, [ana])
    publisher = site.browser("publisher")
    page = part(shown(publisher), "uncertain")
    [action] = re.findall(r'<form method="post" action="([^"]+/resend)"', page)
    told = dict(re.findall(r'type="hidden" name="(\w+)" value="([^"]*)"', page))
    assert told["csrf"] == csrf(publisher)["csrf"]
    assert publisher.post(action, data=told | {"csrf": "0" * 64}).status_code == 403
    assert publisher.post(action, data=told).status_code == 303
    with site.database.read() as conn:
        assert ledger.tally(conn, issue.id).by_state == {DeliveryState.DEFERRED: 1}
        [event] = [
            each
            for each in history.page(conn, newsletter="recap", most=20)
            if each.what == "resent"
        ]
    assert (event.actor, event.detail["readers"]) == ("publisher@example.org", 1)
    assert "it is known" in part(shown(publisher), "uncertain")


def test_a_publisher_says_of_each_uncertain_reader_what_became_of_them(site: Site) -> None:
    """Got it is sent, on record as somebody's word; send again is owed to that one alone."""
    ana, bo, cy = (a_reader(site.database, f"{name}@example.org") for name in ("ana", "bo", "cy"))
    issue = an_issue(site, [ana, bo, cy])
    publisher, path = site.browser("publisher"), f"/desk/issues/{issue.id}/uncertain"
    assert "Got it: ana@example.org" in part(shown(publisher), "uncertain")
    told = csrf(publisher)

    def say(answer: str, reader: int) -> int:
        return publisher.post(path, data=told | {"answer": answer, "reader": reader}).status_code

    assert [say("got", ana), say("got", ana), say("again", ana)] == [303, 409, 409]
    assert [say("again", bo), say("again", bo)] == [303, 409]
    with site.database.read() as conn:
        rows = ledger.listed(conn, issue.id)
        assert {each.recipient.subscriber: each.state for each in rows} == {
            ana: DeliveryState.SENT,
            bo: DeliveryState.DEFERRED,
            cy: DeliveryState.UNCERTAIN,
        }
        log = history.page(conn, newsletter="recap", most=20)
    assert [(each.what, each.detail.get("reader")) for each in log if "reader" in each.detail] == [
        ("resent", bo),
        ("vouched for", ana),
    ]
    assert publisher.post(path, data=told | {"answer": "got"}).status_code == 303
    with site.database.read() as conn:
        assert ledger.tally(conn, issue.id).count(DeliveryState.UNCERTAIN) == 0


def test_an_issue_that_is_going_out_offers_no_second_sending(site: Site) -> None:
    """Who is uncertain there is listed, and told to wait; that they got it can be said."""
    an_issue(site, [a_reader(site.database)], state=IssueState.SENDING)
    page = part(shown(site.browser("publisher")), "uncertain")
    assert "once the issue has gone out" in page
    assert re.findall(r"<form[^>]*>|<button[^>]*>([^<]*)<", page) == ["", "Got it"]


def test_many_uncertain_readers_and_issues_come_in_pages(
    site: Site, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Each reader of each issue stands on one page."""
    monkeypatch.setattr(desk, "READERS", 2)
    monkeypatch.setattr(desk, "ISSUES", 1)
    people = [a_reader(site.database, f"r{number}@example.org") for number in range(5)]
    older = an_issue(site, people[:1])
    newer = an_issue(site, people, key="2023-09-22", number=2)
    publisher = site.browser("publisher")
    seen, query = [], "?"
    while query:
        page = part(publisher.get(PATH + query).text, "uncertain")
        seen += [int(number) for number in re.findall(r"/desk/subscribers/(\d+)", page)]
        assert re.findall(r'id="issue-(\d+)"', page) == [str(newer.id)]
        further = re.search(r'href="(\?[^"#]+)#issue-\d+">More', page)
        query = further[1].replace("&amp;", "&") if further else ""
    assert seen == people
    [query] = re.findall(r'href="(\?[^"]+)">Older issues', page)
    page = part(publisher.get(PATH + query.replace("&amp;", "&")).text, "uncertain")
    assert re.findall(r'id="issue-(\d+)"', page) == [str(older.id)]
    assert "Older issues" not in page


def test_what_came_back_is_listed_with_reader_issue_verdict_and_words(site: Site) -> None:
    """Newest first; replies are not bounces, and other newsletters' are on their own page."""
    ana = a_reader(site.database)
    issue = an_issue(site)
    foreign = a_draft(site.database, newsletter="gone")
    came(site, "1", subscriber=ana, issue=issue.id)
    came(site, "2", kind="complaint", verdict="abuse", said="", subscriber=ana, issue=issue.id)
    came(site, "3", verdict="full", said="552 full", address="who@example.org")
    came(site, "4", kind="reply", verdict="", said="Please call")
    came(site, "5", said="of another", issue=foreign.id)
    page = part(shown(site.browser("publisher")), "came-back")
    assert re.findall(r"<td>(\w+)</td>", page) == ["full", "complaint", "dead"]
    assert page.count(f'/desk/subscribers/{ana}?newsletter=recap">ana@example.org</a>') == 2
    assert page.count(f'/desk/issues/{issue.id}">2023-09-15</a>') == 2
    assert "<code>550 5.1.1 no such user</code>" in page
    assert "who@example.org" in page
    assert "Please call" not in page
    assert "of another" not in page
    page = part(shown(site.browser("viewer")), "came-back")
    assert re.findall(r"Reader (\d+)", page) == [str(ana)] * 2
    assert "Nobody of ours" in page
    assert "@example.org" not in page
    assert "550 5.1.1" not in page


def test_the_list_is_narrowed_by_verdict_and_comes_in_pages(
    site: Site, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Each fact stands on one page; a verdict that there is not narrows nothing."""
    monkeypatch.setattr(desk, "PAGE", 3)
    for number in range(20):
        kind = "complaint" if number % 4 == 3 else "bounce"
        verdict = "full" if number % 2 else "dead"
        came(site, str(number), kind=kind, verdict=verdict, said=f"word {number}.")
    publisher = site.browser("publisher")
    for verdict, wanted in (
        ("", range(20)),
        ("nonsense", range(20)),
        ("dead", range(0, 20, 2)),
        ("full", range(1, 20, 4)),
        ("complaint", range(3, 20, 4)),
        ("later", ()),
    ):
        seen: list[int] = []
        query = f"?verdict={verdict}"
        while query:
            page = part(publisher.get(PATH + query).text, "came-back")
            seen += [int(number) for number in re.findall(r"word (\d+)\.", page)]
            older = re.search(r'href="(\?[^"#]+)#came-back-title">Older', page)
            query = older[1].replace("&amp;", "&") if older else ""
        assert seen == list(wanted)[::-1], verdict


def test_the_sums_are_of_the_last_thirty_days(site: Site) -> None:
    """By verdict, complaints of whatever type together; what is older is in the list alone."""
    for number, days in enumerate((31, 30, 29, 1)):
        came(site, f"dead {number}", at=NOW - timedelta(days=days))
    came(site, "abuse", kind="complaint", verdict="abuse")
    came(site, "fraud", kind="complaint", verdict="fraud")
    came(site, "away", kind="automatic", verdict="")
    page = shown(site.browser("viewer"))
    counts = re.findall(r'<th scope="row">(\w+)</th><td class="number">(\d+)', part(page, "sums"))
    assert counts == [("Complaint", "2"), ("Dead", "2")]
    assert part(page, "came-back").count("<td>dead</td>") == 4


def test_what_servers_say_is_text(site: Site) -> None:
    """Whoever runs the other server cannot put a script on the desk, by no field of theirs."""
    ana = a_reader(site.database)
    issue = an_issue(site, [ana], answer=HOSTILE)
    came(site, "1", said=HOSTILE, subscriber=ana, issue=issue.id)
    came(site, "2", said=HOSTILE, address=HOSTILE)
    came(site, "3", said=HOSTILE, kind="complaint", verdict="<script>alert(")
    page = shown(site.browser("admin"), verdict="", newsletter="recap")
    assert page.count("&lt;script&gt;alert(1)&lt;/script&gt;") == 5
    assert "<script>alert" not in page
    assert "<img" not in page
    assert "<script>alert" not in shown(site.browser("viewer"), verdict="<script>alert(1)")


def test_who_was_erased_has_no_link(site: Site) -> None:
    """A ledger row without address is shown by its number, and leads nowhere."""
    ana = a_reader(site.database)
    an_issue(site, [ana])
    with site.database.write() as conn:
        conn.execute(update(deliveries).values(address=None))
    page = part(shown(site.browser("publisher")), "uncertain")
    assert f"Reader {ana}" in page
    assert "/desk/subscribers/" not in page


@pytest.mark.browser
@pytest.mark.parametrize("database", ["sqlite"], indirect=True)
@pytest.mark.parametrize("width", [320, 1280])
def test_long_words_do_not_make_the_page_scroll_sideways(
    site: Site, needs: Callable[[str, str], NoReturn], width: int
) -> None:
    """Whatever a server says wraps; sending again works by the form alone, without scripts."""
    ana = a_reader(site.database, f"{'ana' * 20}@example.org")
    issue = an_issue(site, [ana, a_reader(site.database)], answer="421 " + "lost" * 60)
    for number, verdict in enumerate(desk.VERDICTS):
        came(site, str(number), verdict=verdict, said="5" * 300, subscriber=ana, issue=issue.id)
    with browsing(needs) as opened:
        page = opened(width=width, scheme="dark", scripts=False)
        page.goto(f"{site.address}/sign-in/{site.link('publisher')}")
        page.click("button")
        page.goto(site.address + PATH)
        page.click("summary")
        assert page.evaluate("document.documentElement.scrollWidth") <= width
        page.click("button:has-text('Send again to 2 readers')")
        page.wait_for_url(f"**/desk/issues/{issue.id}")
    with site.database.read() as conn:
        assert ledger.doubtful(conn, "recap", limit=1) == {}
