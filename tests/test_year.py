"""One reader's year in fast time, over real doors and a real mail server."""

from __future__ import annotations

import email
import email.policy
import re
from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from email.message import EmailMessage
from pathlib import Path
from time import monotonic
from typing import Any

import pytest
from sqlalchemy import select

from digest import delivery, notices, readership, weekly
from digest.model import Issue, Rhythm
from digest.store import Database, issues, ledger, tallies
from digest.store.schema import deliveries, subscribers, suppressions
from tests.friday import publish
from tests.mailserver import Mail, MailServer, running
from tests.website import Site, a_loaded, served

OLD, NEW, WITNESS = "ana@example.org", "ana@new.example.org", "ben@example.org"
NEWSLETTER = {
    "title": "Sample Weekly Recap",
    "from": "Sample Weekly Recap <recap@example.org>",
    "postal_address": "1 Sample Street, Springfield",
    "timezone": "America/New_York",
    "closes": "friday 06:00",
    "sends": "friday 09:00",
    "items": {"min": 1, "max": 12},
    "topics": ["Defence", "Asia"],
    "monthly": {"title": "Sample Monthly Recap"},
}


@dataclass
class Year:
    """A newsletter that goes out each week and month, and what reaches a reader's mailboxes."""

    site: Site
    server: MailServer
    read: int = 0
    weeks: int = 0
    issues: list[Issue] = field(default_factory=list)

    @property
    def database(self) -> Database:
        return self.site.database

    def post(self, path: str, **form: Any) -> str:
        answer = self.site.browser().post(path, data=form)
        assert answer.status_code == 200, answer.text
        return answer.text

    def friday(self, on: str) -> Issue:
        """Bring a week's publications and send its issue on that Friday."""
        self.site.now = datetime.fromisoformat(f"{on}T14:00").replace(tzinfo=UTC)
        self.weeks += 1
        tuesday = self.site.now - timedelta(days=3)
        publish(self.database, f"Submarines of Week {self.weeks}", on=tuesday, topics=["Defence"])
        publish(self.database, f"Elections of Week {self.weeks}", on=tuesday, topics=["Asia"])
        publish(self.database, f"Harvests of Week {self.weeks}", on=tuesday)
        return self._sent(Rhythm.WEEKLY, self.site.now - timedelta(hours=2))

    def first(self, on: str) -> Issue:
        """Send the month's issue on that first."""
        self.site.now = datetime.fromisoformat(f"{on}T14:00").replace(tzinfo=UTC)
        return self._sent(Rhythm.MONTHLY, self.site.now - timedelta(hours=2))

    def _sent(self, rhythm: Rhythm, before: datetime) -> Issue:
        loaded, now = self.site.loaded, self.site.now
        slot = weekly.slot(loaded.settings.newsletters["recap"], None, now=before, rhythm=rhythm)
        issue = weekly.prepare(self.database, loaded, "recap", slot, now=before)
        issue = weekly.approve(self.database, loaded, issue, by="editor", now=before)
        issue = weekly.freeze(self.database, loaded, issue, now=now)
        tally = delivery.settle(self.database, loaded, issue.id, clock=lambda: now)
        assert tally.settled
        assert tally.holds
        self.issues.append(issue)
        return issue

    def new_mail(self) -> list[tuple[str, EmailMessage]]:
        """What came for the reader since the last look: to which address, and what."""
        fresh: list[Mail] = self.server.mails[self.read :]
        self.read = len(self.server.mails)
        return [
            (mail.recipient, email.message_from_bytes(mail.content, policy=email.policy.SMTP))  # type: ignore[misc]
            for mail in fresh
            if mail.recipient != WITNESS
        ]

    def nothing_new(self) -> None:
        assert self.new_mail() == []

    def one_new(self, to: str = OLD) -> EmailMessage:
        """The only mail that came since the last look; some pages write it after their answer."""
        until = monotonic() + 20
        while not (came := self.new_mail()) and monotonic() < until:
            notices.deliver_outbox(self.database, self.site.loaded, clock=lambda: self.site.now)
        ((recipient, mail),) = came
        assert recipient == to
        return mail

    def owed(self, reader: int) -> list[str]:
        """The keys of the issues that the ledger says went to the reader."""
        with self.database.read() as conn:
            rows = conn.execute(
                select(deliveries.c.issue_id, deliveries.c.state)
                .where(deliveries.c.subscriber_id == reader)
                .order_by(deliveries.c.issue_id)
            ).all()
            assert {row.state for row in rows} <= {"sent"}
            return [issues.by_id(conn, row.issue_id).of.key for row in rows]

    def left_out(self, issue: Issue) -> dict[str, int]:
        with self.database.read() as conn:
            return tallies.counted(conn, issue.id)[1]


@pytest.fixture
def year(database: Database, tmp_path: Path) -> Iterator[Year]:
    with ExitStack() as stack:
        server = stack.enter_context(running(MailServer()))
        site = stack.enter_context(served(database, tmp_path))
        site.loaded = a_loaded(
            tmp_path,
            newsletters={"recap": NEWSLETTER},
            smtp={"host": "127.0.0.1", "port": server.port, "tls": "none"},
        )
        site.now = datetime(2024, 1, 2, 12, tzinfo=UTC)
        readership.add(database, site.loaded, "recap", WITNESS, source="works here", now=site.now)
        yield Year(site, server)


def text_of(mail: EmailMessage) -> str:
    part = mail.get_body(("plain",))
    assert part is not None
    return str(part.get_content())


def door(mail: EmailMessage, name: str) -> str:
    """The path of the link of that name in a mail's text."""
    (found,) = set(re.findall(rf"http://127\.0\.0\.1(/{name}/[\w-]+)", text_of(mail)))
    return str(found)


@pytest.mark.slow
def test_a_readers_year(year: Year) -> None:
    """
    Join, confirm, topics, pause, monthly, another address, leave, erased.

    At each step the mails that arrived and the rows of the ledger say the same.
    """
    # January: asks, and is no reader before the button in the mail is pressed.
    page = year.site.browser().get("/join/recap").text
    (form,) = re.findall(r'name="form" value="([^"]+)"', page)
    year.site.now += timedelta(seconds=30)
    year.post("/join/recap", address=OLD, name="Ana", form=form)
    confirming = year.one_new()
    year.friday("2024-01-05")
    year.nothing_new()
    year.site.now = datetime(2024, 1, 3, 12, tzinfo=UTC)
    year.post(door(confirming, "confirm"))
    assert "subscribed" in str(year.one_new()["Subject"]).lower()
    with year.database.read() as conn:
        ana = conn.execute(select(subscribers.c.id).where(subscribers.c.address == OLD)).scalar()
    assert isinstance(ana, int)
    assert year.owed(ana) == []

    # The whole issue, then the items of a topic.
    year.friday("2024-01-12")
    whole = year.one_new()
    assert all(word in text_of(whole) for word in ("Submarines", "Elections", "Harvests"))
    year.post(f"{door(whole, 'preferences')}/topics", answer="Defence")
    year.friday("2024-01-19")
    own = year.one_new()
    assert "Submarines" in text_of(own)
    assert not re.search("Elections|Harvests", f"{own['Subject']}{text_of(own)}")
    assert year.owed(ana) == ["2024-01-12", "2024-01-19"]

    # February: paused; the mail comes back by itself on the day that was named.
    year.post(f"{door(own, 'preferences')}/pause", answer="2024-02-20")
    for on in ("2024-01-26", "2024-02-02", "2024-02-16"):
        assert year.left_out(year.friday(on)) == {"paused": 1}
    year.nothing_new()
    year.friday("2024-02-23")
    assert "Submarines of Week 7" in text_of(year.one_new())
    assert year.owed(ana) == ["2024-01-12", "2024-01-19", "2024-02-23"]

    # March: monthly, from the next freeze on, still of the topic.
    year.post(f"{door(own, 'preferences')}/rhythm", answer="monthly")
    for on in ("2024-03-08", "2024-03-22"):
        year.friday(on)
    year.nothing_new()
    year.first("2024-04-01")
    month = year.one_new()
    assert "Sample Monthly Recap" in str(month["Subject"])
    assert all(f"Submarines of Week {week}" in text_of(month) for week in (8, 9))
    assert not re.search("Elections|Harvests|Week 7", text_of(month))
    year.friday("2024-04-05")
    year.nothing_new()
    assert year.owed(ana)[-1] == "2024-03"

    # April: another address, confirmed there and told to the old one.
    assert OLD not in year.site.browser().get(door(month, "preferences")).text
    year.post(f"{door(month, 'preferences')}/link")
    fresh = door(year.one_new(), "preferences")
    year.post(f"{fresh}/address", answer=NEW)
    moving = year.one_new(to=NEW)
    year.post(door(moving, "move"))
    assert "another address" in " ".join(text_of(year.one_new(to=OLD)).split())
    year.first("2024-05-01")
    last = year.one_new(to=NEW)
    assert year.owed(ana)[-1] == "2024-04"

    # May: leaves by the header, as a mail program does. The link is the one of any issue.
    (leaving,) = re.findall(r"<http://127\.0\.0\.1(/unsubscribe/[\w-]+)>", last["List-Unsubscribe"])
    assert leaving == door(whole, "unsubscribe")
    year.post(leaving, **{"List-Unsubscribe": "One-Click"})
    year.friday("2024-05-17")
    assert year.left_out(year.first("2024-06-01")) == {"left": 1}
    year.nothing_new()
    assert year.owed(ana) == ["2024-01-12", "2024-01-19", "2024-02-23", "2024-03", "2024-04"]

    # June: erased. Nobody can be found in it any more, and every issue's sum still holds.
    readership.erase(year.database, year.site.loaded, NEW, now=year.site.now)
    with year.database.read() as conn:
        tables = (subscribers, deliveries, suppressions)
        kept = str([tuple(row) for table in tables for row in conn.execute(select(table))])
        assert all(ledger.tally(conn, issue.id).holds for issue in year.issues)
    assert NEW not in kept
    assert OLD not in kept
    assert year.owed(ana) == ["2024-01-12", "2024-01-19", "2024-02-23", "2024-03", "2024-04"]
    assert year.site.browser().post(leaving).status_code == 200
    year.friday("2024-06-07")
    year.nothing_new()
