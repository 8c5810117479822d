"""The readers at the desk: found, shown with their history, ended by who may."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest
from sqlalchemy import select, update

from digest import readership
from digest.model import SubscriptionState
from digest.store import Database, consents, history, schema, subscriptions
from tests.test_web_account import csrf
from tests.test_web_deskapi import API, program
from tests.website import Site, a_draft, a_reader, served, unsubscribe_token

HOSTILE = '<script>alert(1)</script>"><img src=x onerror=alert(1)>'


@pytest.fixture
def site(database: Database, tmp_path: Path) -> Iterator[Site]:
    with served(database, tmp_path) as site:
        yield site


def state(site: Site, reader: int, newsletter: str = "recap") -> str:
    with site.database.read() as conn:
        found = subscriptions.find(conn, reader, newsletter)
    assert found is not None
    return found.state


def found(browser: httpx.Client, **asked: Any) -> list[str]:
    page = browser.get("/desk/subscribers", params=asked).text
    return re.findall(r'href="/desk/subscribers/\d+\?newsletter=recap">([^<]+)</a>', page)


def put(site: Site, reader: int, state: str) -> None:
    with site.database.write() as conn:
        mine = schema.subscriptions.c.subscriber_id == reader
        conn.execute(update(schema.subscriptions).where(mine).values(state=state))


# --- finding ------------------------------------------------------------------------------


def test_readers_are_found_by_a_part_of_their_address(site: Site) -> None:
    """In the order of the addresses, whatever the case; the pattern signs of SQL are letters."""
    for address in (
        "zoe@example.org",
        "a_b@example.org",
        "axb@example.org",
        "mei@xn--bcher-kva.test",
    ):
        a_reader(site.database, address)
    a_reader(site.database, "other@example.org", newsletter="another")
    publisher = site.browser("publisher")
    assert found(publisher) == [
        "a_b@example.org", "axb@example.org", "mei@xn--bcher-kva.test", "zoe@example.org"
    ]  # fmt: skip
    assert found(publisher, part="ZOE@") == ["zoe@example.org"]
    assert found(publisher, part="a_b") == ["a_b@example.org"]
    assert found(publisher, part="bücher.test") == ["mei@xn--bcher-kva.test"]
    assert found(publisher, part="%") == []
    page = publisher.get("/desk/subscribers", params={"part": HOSTILE}).text
    assert "No subscriber has" in page
    assert "<script>alert" not in page


def test_pages_follow_one_another(site: Site) -> None:
    """Each reader stands on one page, by address and by state."""
    expected = [f"reader{number:03}@example.org" for number in range(120)]
    numbers = [a_reader(site.database, address) for address in expected]
    for number in numbers[::2]:
        put(site, number, "paused")
    publisher = site.browser("publisher")
    for asked, wanted in (
        ({}, expected),
        ({"part": "reader"}, expected),
        ({"state": "paused"}, expected[::2]),
        ({"state": "paused", "part": "reader0"}, expected[:100:2]),
        ({"state": "left"}, []),
    ):
        seen: list[str] = []
        query = "?" + str(httpx.QueryParams(asked))
        while query:
            page = publisher.get(f"/desk/subscribers{query}").text
            seen += re.findall(r">(reader\d+@example.org)</a>", page)
            more = re.search(r'href="(\?[^"]+)">More</a>', page)
            query = more[1].replace("&amp;", "&") if more else ""
        assert seen == wanted, asked


def test_states_are_counted(site: Site) -> None:
    """The tabs say how many there are of each, and of all; the erased are nobody."""
    numbers = [a_reader(site.database, f"r{number}@example.org") for number in range(5)]
    put(site, numbers[0], "left")
    put(site, numbers[1], "pending")
    page = site.browser("publisher").get("/desk/subscribers").text
    counts = dict(re.findall(r'>(\w+) <span class="small">(\d+)</span>', page))
    assert counts == {"All": "5", "Active": "3", "Pending": "1", "Left": "1"}


# --- one of them --------------------------------------------------------------------------


@pytest.mark.parametrize("database", ["sqlite"], indirect=True)
def test_a_readers_page_has_their_history(site: Site) -> None:
    """Consent with its proof, lists, topics, issues with the answer, what came back, other mail."""
    reader = a_reader(site.database, "ana@example.org")
    issue = a_draft(site.database)
    now = site.now
    with site.database.write() as conn:
        subscriptions.change(conn, reader, "recap", at=now, topics=["Drones"], lists=["staff"])
        act = {"subscriber": reader, "at": now, "what": "confirmed", "source": "sign-up form"}
        consents.prove(conn, "recap", [act | {"proof": {"text": "Send me the recap."}}])
        conn.execute(
            schema.deliveries.insert().values(
                issue_id=issue.id, subscriber_id=reader, edition_id=1, variant_id=1,
                address="ana@example.org", state="sent", answer="250 2.0.0 kept", due_at=now,
            )
        )  # fmt: skip
    page = site.browser("publisher").get(f"/desk/subscribers/{reader}").text
    for told in (
        "Drones",
        "staff",
        "sign-up form",
        "Send me the recap.",
        "2023-09-22",
        "250 2.0.0",
    ):
        assert told in page, told


@pytest.mark.parametrize("database", ["sqlite"], indirect=True)
def test_what_a_reader_wrote_runs_nowhere(site: Site) -> None:
    """Stored XSS: name, attributes, source and proof of a stranger's are characters."""
    reader = a_reader(site.database, "ana@example.org")
    with site.database.write() as conn:
        mine = schema.subscribers.c.id == reader
        told = {"name": HOSTILE, "attributes": {HOSTILE: HOSTILE}}
        conn.execute(update(schema.subscribers).where(mine).values(told))
        subscriptions.change(conn, reader, "recap", at=site.now, topics=[HOSTILE], lists=[HOSTILE])
        act = {"subscriber": reader, "at": site.now, "what": "confirmed", "source": HOSTILE}
        consents.prove(conn, "recap", [act | {"proof": {HOSTILE: HOSTILE}}])
    admin = site.browser("admin")
    for path in ("/desk/subscribers", f"/desk/subscribers/{reader}"):
        page = admin.get(path).text
        assert "<script>alert" not in page
        assert "<img src=x" not in page
        assert "&lt;script&gt;alert" in page


@pytest.mark.parametrize("database", ["sqlite"], indirect=True)
def test_nobody_is_at_a_number_that_is_nobodys(site: Site) -> None:
    """Neither an unknown nor an erased one has a page, or can be ended."""
    reader = a_reader(site.database, "ana@example.org")
    readership.erase(site.database, site.loaded, "ana@example.org", now=site.now)
    admin = site.browser("admin")
    for number in (reader, 10**6):
        assert admin.get(f"/desk/subscribers/{number}").status_code == 404
        for act in ("unsubscribe", "suppress", "erase"):
            told = csrf(admin) | {
                "newsletter": "recap",
                "sure": "yes",
                "address": "ana@example.org",
            }
            assert admin.post(f"/desk/subscribers/{number}/{act}", data=told).status_code == 404


# --- ending -------------------------------------------------------------------------------


def test_a_publisher_unsubscribes_whom_asked(site: Site) -> None:
    """From that newsletter only; it is proved, logged with before and after, and can be undone."""
    reader = a_reader(site.database, "ana@example.org")
    publisher = site.browser("publisher")
    told = csrf(publisher) | {"newsletter": "recap"}
    for _ in range(2):
        answer = publisher.post(f"/desk/subscribers/{reader}/unsubscribe", data=told)
        assert answer.status_code == 303
    assert state(site, reader) == SubscriptionState.LEFT
    page = publisher.get(f"/desk/subscribers/{reader}").text
    assert page.count("desk: publisher@example.org") == 1
    with site.database.read() as conn:
        first = history.page(conn, newsletter="recap", most=5)[-1]
    assert first.what == "unsubscribed a reader"
    assert first.detail["before"] == {"recap": "active"}
    assert first.detail["after"] == {"reader": f"number {reader}", "recap": "left"}
    seat = readership.seat(site.database, site.loaded, unsubscribe_token(reader))
    assert seat.can_return
    gone = csrf(publisher) | {"newsletter": "gone"}
    path = f"/desk/subscribers/{reader}/unsubscribe"
    assert publisher.post(path, data=gone).status_code == 404


def test_an_admin_suppresses_somebody_for_good(site: Site) -> None:
    """After a tick; no import brings them back, and the log does not hold the address."""
    reader = a_reader(site.database, "ana@example.org")
    admin = site.browser("admin")
    path = f"/desk/subscribers/{reader}/suppress"
    assert admin.post(path, data=csrf(admin)).status_code == 422
    assert state(site, reader) == SubscriptionState.ACTIVE
    assert admin.post(path, data=csrf(admin) | {"sure": "yes"}).status_code == 303
    assert state(site, reader) == SubscriptionState.SUPPRESSED
    added = readership.add(
        site.database, site.loaded, "recap", "ana@example.org", source="a test", now=site.now
    )
    assert added == "barred"
    assert "Never written to" in admin.get(f"/desk/subscribers/{reader}").text
    with site.database.read() as conn:
        log = str(conn.execute(select(schema.events)).all())
    assert "ana@example.org" not in log


def test_an_admin_erases_somebody_whose_address_they_type(site: Site) -> None:
    """Another address erases nobody; afterwards nothing is known, in the log neither."""
    reader = a_reader(site.database, "ana@example.org")
    admin = site.browser("admin")
    path = f"/desk/subscribers/{reader}/erase"
    for wrong in ("", "ben@example.org"):
        assert admin.post(path, data=csrf(admin) | {"address": wrong}).status_code == 422
    assert state(site, reader) == SubscriptionState.ACTIVE
    erased = admin.post(path, data=csrf(admin) | {"address": "ANA@example.org"})
    assert "The person is erased" in erased.text
    assert found(admin) == []
    with site.database.read() as conn:
        kept = [str(conn.execute(select(each)).all()) for each in schema.metadata.sorted_tables]
    assert not [each for each in kept if "ana@example.org" in each]


# --- for programs -------------------------------------------------------------------------


@pytest.mark.parametrize("database", ["sqlite"], indirect=True)
def test_programs_find_and_end_readers_too(site: Site) -> None:
    """By the scopes for it; pages follow one another; erasing wants the address as well."""
    numbers = [a_reader(site.database, f"r{number}@example.org") for number in range(3)]
    reading = program(site, "publisher", "subscribers:read")
    asked: dict[str, Any] = {"newsletter": "recap", "limit": 2}
    page = reading.get(f"{API}/subscribers", params=asked).json()
    assert [each["address"] for each in page] == ["r0@example.org", "r1@example.org"]
    rest = reading.get(f"{API}/subscribers", params=asked | {"after": page[-1]["id"]}).json()
    assert [each["address"] for each in rest] == ["r2@example.org"]
    one = reading.get(f"{API}/subscribers/{numbers[0]}").json()
    assert one["subscriptions"][0]["state"] == "active"
    writing = program(site, "admin", "subscribers:write")
    left = writing.post(f"{API}/subscribers/{numbers[0]}/unsubscribe", json={"newsletter": "recap"})
    assert left.json()["subscriptions"][0]["state"] == "left"
    barred = writing.post(f"{API}/subscribers/{numbers[1]}/suppress").json()
    assert barred["suppressed"]
    path = f"{API}/subscribers/{numbers[2]}/erase"
    assert writing.post(path, json={"address": "r0@example.org"}).status_code == 422
    assert writing.post(path, json={"address": "r2@example.org"}).status_code == 204
    assert reading.get(f"{API}/subscribers/{numbers[2]}").status_code == 404
