"""Corrections before, during and after the sending: who has which edition, and who is told."""

from __future__ import annotations

import email
import json
import re
from collections import Counter
from collections.abc import Iterator
from dataclasses import replace
from datetime import datetime, timedelta
from email import policy
from pathlib import Path
from threading import Event, Thread
from time import monotonic, sleep
from typing import Any

import pytest
from sqlalchemy import select

from digest import delivery, weekly
from digest.config import Loaded
from digest.errors import Held, IssueError, WrongState
from digest.model import DeliveryState, Edits, Issue, IssueState, Rhythm
from digest.store import (
    Database,
    archive,
    corrections,
    counting,
    editions,
    issues,
    jobs,
    ledger,
    precedents,
    uses,
)
from digest.store.schema import deliveries, events
from digest.store.schema import editions as edition_rows
from tests.friday import (
    BEFORE,
    CLOSING,
    SEND_HOUR,
    TITLES,
    a_loaded,
    draft_of,
    prepared,
    publish,
    subscribe,
)
from tests.mailserver import MailServer, running
from tests.readership import Typed, typing_in
from tests.website import served

NOTE = "The report is of 2022, not of 2023."
LATER = SEND_HOUR + timedelta(hours=1)
READERS = 6
CONFIG = """\
public_url: https://recap.example.org
newsletters:
  recap:
    title: Sample Weekly Recap
    from: Sample Weekly Recap <recap@example.org>
    postal_address: 1 Sample Street, Springfield
    timezone: America/New_York
    closes: friday 06:00
    sends: friday 09:00
"""


@pytest.fixture
def server() -> Iterator[MailServer]:
    with running(MailServer()) as server:
        yield server


@pytest.fixture
def loaded(database: Database, tmp_path: Path, server: MailServer) -> Loaded:
    publish(database, *TITLES)
    subscribe(database, READERS)
    return wired(a_loaded(tmp_path), server)


def wired(loaded: Loaded, server: MailServer) -> Loaded:
    smtp = loaded.settings.smtp.model_copy(
        update={"host": "127.0.0.1", "port": server.port, "tls": "none"}
    )
    return replace(loaded, settings=loaded.settings.model_copy(update={"smtp": smtp}))


def sent(
    database: Database, loaded: Loaded, *, to: int | None = None, now: datetime = SEND_HOUR
) -> Issue:
    """The issue of the week, approved and sent; to so many readers only, if told."""
    issue = prepared(database, loaded, CLOSING, now=BEFORE)
    issue = weekly.approve(database, loaded, issue, by="ana@example.org", now=BEFORE)
    issue = weekly.freeze(database, loaded, issue, now=now)
    delivery.settle(database, loaded, issue.id, clock=lambda: now, most=to)
    return again(database, issue)


def again(database: Database, issue: Issue) -> Issue:
    with database.read() as conn:
        return issues.by_id(conn, issue.id)


def correct(database: Database, loaded: Loaded, issue: Issue, **told: Any) -> Issue:
    facts = {"note": NOTE, "mails": True, "by": "ana@example.org", "now": LATER}
    return weekly.correct(database, loaded, issue, **(facts | told))


def rewritten(database: Database, loaded: Loaded, issue: Issue) -> Issue:
    """The correction with another headline, approved."""
    edits = replace(draft_of(database, issue).edits, headline="Put Right")
    issue = weekly.edit(
        database, loaded, again(database, issue), edits, now=LATER, actor="ana@example.org"
    )
    return weekly.approve(database, loaded, issue, by="ana@example.org", now=LATER)


def subjects(server: MailServer) -> dict[str, list[str]]:
    """What each reader got."""
    found: dict[str, list[str]] = {}
    for mail in server.mails:
        told = email.message_from_bytes(mail.content, policy=policy.default)
        found.setdefault(mail.recipient, []).append(str(told["Subject"]))
    return found


def numbers(database: Database, issue: Issue) -> Counter[int]:
    """How many readers the ledger says have which edition."""
    with database.read() as conn:
        query = (
            select(edition_rows.c.number)
            .join(deliveries, deliveries.c.edition_id == edition_rows.c.id)
            .where(deliveries.c.issue_id == issue.id)
        )
        return Counter(conn.execute(query).scalars())


def test_before_the_hour_the_issue_is_opened_again(database, loaded):
    """An approved issue that nobody has becomes a draft, and needs another approval."""
    issue = prepared(database, loaded, CLOSING, now=BEFORE)
    with pytest.raises(WrongState, match="nobody has it"):
        correct(database, loaded, issue)
    issue = weekly.approve(database, loaded, issue, by="ana@example.org", now=BEFORE)
    opened = correct(database, loaded, issue, note="", now=BEFORE)
    assert (opened.id, opened.state, opened.edition_id) == (issue.id, IssueState.DRAFT, None)
    edits = Edits(headline="Put Right")
    opened = weekly.edit(database, loaded, opened, edits, now=BEFORE, actor="ana@example.org")
    opened = weekly.approve(database, loaded, opened, by="ana@example.org", now=BEFORE)
    assert weekly.preview(database, loaded, opened).subject == "Put Right: Sample Weekly Recap"


def test_during_the_sending_the_rest_get_the_corrected_edition(database, loaded, server):
    """Two have it; the sending stops, four get the second edition, and two a correction."""
    issue = sent(database, loaded, to=2)
    correction = correct(database, loaded, issue)
    stopped = again(database, issue)
    assert stopped.state is IssueState.STOPPED
    assert stopped.reasons == ("Paused for a correction by ana@example.org.",)
    assert weekly.reach(database, stopped) == ledger.Reach(wrong=2, unsure=0, waiting=4)

    rewritten(database, loaded, correction)
    assert again(database, issue).state is IssueState.SENDING
    delivery.settle(database, loaded, issue.id, clock=lambda: LATER)
    weekly.advance(database, loaded, "recap", now=LATER)
    delivery.settle(database, loaded, correction.id, clock=lambda: LATER)

    assert numbers(database, issue) == {1: 2, 2: 4}
    got = Counter(tuple(each) for each in subjects(server).values())
    right = "Put Right: Sample Weekly Recap"
    [wrong] = {each[0] for each in got if len(each) == 2}
    assert wrong != right
    assert got == {(right,): 4, (wrong, f"Correction: {right}"): 2}
    assert again(database, issue).state is IssueState.FINISHED
    assert again(database, correction).state is IssueState.FINISHED
    with database.read() as conn:
        assert ledger.by_edition(conn, issue.id) == {
            1: {DeliveryState.SENT: 2},
            2: {DeliveryState.SENT: 4},
        }


def test_afterwards_only_those_with_the_wrong_one_are_told(database, loaded, server):
    """All have it: each gets the correction with its note; who left since does not."""
    issue = sent(database, loaded)
    newcomer = subscribe(database, 1)
    correction = rewritten(database, loaded, correct(database, loaded, issue))
    weekly.advance(database, loaded, "recap", now=LATER)
    delivery.settle(database, loaded, correction.id, clock=lambda: LATER)
    got = subjects(server)
    assert len(got) == READERS
    assert f"reader{newcomer[0]}@example.org" not in got
    for each in got.values():
        assert each[1:] == ["Correction: Put Right: Sample Weekly Recap"]
    last = email.message_from_bytes(server.mails[-1].content, policy=policy.default)
    assert NOTE in last.get_body(("plain",)).get_content()


def test_afterwards_without_a_mail_the_archive_alone_is_put_right(database, loaded, server):
    """Nobody gets anything; the archive shows the new words, and the first ones behind a link."""
    issue = sent(database, loaded)
    mails = len(server.mails)
    typed = NOTE.replace(" ", " \u202e\n", 1)
    opened = correct(database, loaded, issue, mails=False, note=typed)
    correction = rewritten(database, loaded, opened)
    assert correction.state is IssueState.FINISHED
    weekly.advance(database, loaded, "recap", now=LATER)
    assert len(server.mails) == mails
    with database.read() as conn:
        shown = archive.sent_issue(conn, "recap", issue.of.key)
        assert shown is not None
        assert shown.headline == "Put Right"
        assert shown.corrected_at == LATER
        assert editions.read(conn, shown.first_edition_id).subject != shown.subject
        assert archive.sent_issue(conn, "recap", correction.of.key) is None
        [told] = corrections.placed(conn, issue.id)
    assert (told.note, told.edition) == (NOTE, shown.edition_id)


def test_a_correction_begins_with_the_issue_as_it_was(database, loaded):
    """What came in since stays out, what was shown is free for it, and nothing is used up."""
    issue = sent(database, loaded)
    before = draft_of(database, issue).recap
    publish(database, "A Report That Came Late")
    correction = correct(database, loaded, issue)
    edits = draft_of(database, correction).edits
    again_composed = weekly.edit(
        database, loaded, correction, edits, now=LATER, actor="ana@example.org"
    )
    after = draft_of(database, again_composed).recap
    assert [item.title for item in after.items] == [item.title for item in before.items]
    assert after.headline == before.headline
    assert after.subject == f"Correction: {before.subject}"
    correction = weekly.approve(database, loaded, again_composed, by="ana@example.org", now=LATER)
    with database.read() as conn:
        by = set(uses.used(conn, "recap", Rhythm.WEEKLY, but=0).values())
        assert precedents.sizes(conn, replace(issue.of, key="x"), most=9) == [len(before.items)]
    assert by == {issue.of.key}
    assert correction.number is None


def test_the_wrong_edition_does_not_go_on_by_itself(database, loaded):
    """While a correction is open nobody resumes the issue; cancelled, it goes on as it was."""
    issue = sent(database, loaded, to=2)
    correction = correct(database, loaded, issue)
    with pytest.raises(WrongState, match="is being corrected"):
        weekly.resume(database, again(database, issue), by="ben@example.org", now=LATER)
    with pytest.raises(WrongState, match="is being corrected already"):
        correct(database, loaded, again(database, issue))
    weekly.cancel(database, correction, by="ben@example.org", now=LATER)
    weekly.resume(database, again(database, issue), by="ben@example.org", now=LATER)
    delivery.settle(database, loaded, issue.id, clock=lambda: LATER)
    assert numbers(database, issue) == {1: READERS}


def test_nobody_approves_it_for_the_editors(database, loaded):
    """A correction never goes out unattended: it waits, and is not missed either."""
    issue = sent(database, loaded)
    correction = correct(database, loaded, issue)
    for days in (0, 3, 8, 15):
        weekly.advance(database, loaded, "recap", now=LATER + timedelta(days=days))
    assert again(database, correction).state is IssueState.DRAFT


def test_four_eyes_look_at_a_correction(database, loaded):
    """Who opened it may not approve it, though they changed no word of it yet."""
    newsletter = loaded.settings.newsletters["recap"].model_copy(update={"four_eyes": True})
    strict = replace(
        loaded, settings=loaded.settings.model_copy(update={"newsletters": {"recap": newsletter}})
    )
    correction = correct(database, strict, sent(database, strict))
    with pytest.raises(Held, match="four eyes"):
        weekly.approve(database, strict, correction, by="ana@example.org", now=LATER)
    weekly.approve(database, strict, correction, by="ben@example.org", now=LATER)


def test_who_did_not_get_it_gets_the_corrected_one(database, loaded, server):
    """A reader whose server refused the issue is sent the new edition, not the wrong one."""
    server.script = lambda phase, said: (
        "550 5.1.1 nobody here" if phase == "rcpt" and "reader1@" in said else None
    )
    issue = sent(database, loaded)
    rewritten(database, loaded, correct(database, loaded, issue, mails=False))
    server.script = lambda _phase, _said: None
    delivery.resend(database, issue.id, DeliveryState.FAILED, now=LATER, actor="ana@example.org")
    delivery.settle(database, loaded, issue.id, clock=lambda: LATER)
    assert subjects(server)["reader1@example.org"] == ["Put Right: Sample Weekly Recap"]
    assert numbers(database, issue) == {1: READERS - 1, 2: 1}


def test_what_cannot_be_corrected_says_why(database, loaded):
    """A correction itself, or one without a note, is refused with what to do."""
    issue = sent(database, loaded)
    with pytest.raises(IssueError, match="what was wrong"):
        correct(database, loaded, issue, note=" ")
    correction = correct(database, loaded, issue)
    with pytest.raises(WrongState, match="is a correction itself"):
        correct(database, loaded, correction)
    with database.read() as conn:
        said = [row.what for row in conn.execute(events.select())]
    assert said.count("opened a correction") == 2


# --- at the desk ----------------------------------------------------------------------------


@pytest.mark.parametrize("database", ["sqlite"], indirect=True)
def test_the_page_says_what_will_happen_to_how_many(database, loaded, tmp_path):
    """Two have it and four wait: the page says so, its button opens the draft, and the log too."""
    issue = sent(database, loaded, to=2)
    with served(database, tmp_path) as site:
        plain_http = {"public_url": site.loaded.settings.public_url}
        site.loaded, site.now = loaded, LATER
        site.settings(**plain_http)
        publisher = site.browser("publisher")
        assert f"/desk/issues/{issue.id}/correct" in publisher.get(f"/desk/issues/{issue.id}").text
        page = publisher.get(f"/desk/issues/{issue.id}/correct").text
        said = " ".join(re.sub("<[^>]+>", " ", page).split())
        assert "The sending stops after what is on its way. 4 readers wait." in said
        assert "2 readers have the issue as it is" in said
        form = dict(re.findall(r'name="(csrf|version)" value="([^"]+)"', page))
        path = f"/desk/issues/{issue.id}/correct"
        assert publisher.post(path, data=form | {"note": " "}).status_code == 409
        answer = publisher.post(path, data=form | {"note": NOTE, "mails": "yes"})
        assert answer.status_code == 303
        board = publisher.get(answer.headers["location"]).text
        assert "2 readers would get it now" in board
        assert "Correction:" in board
        assert again(database, issue).state is IssueState.STOPPED
        stale = publisher.post(path, data=form | {"note": NOTE})
        assert stale.status_code == 409


@pytest.mark.parametrize("database", ["sqlite"], indirect=True)
def test_the_archive_says_what_was_wrong(database, loaded, tmp_path):
    """The corrected issue's page has the note and a way to what first went out."""
    issue = sent(database, loaded)
    correction = rewritten(database, loaded, correct(database, loaded, issue, mails=False))
    with served(database, tmp_path) as site:
        plain_http = {"public_url": site.loaded.settings.public_url}
        site.loaded, site.now = loaded, LATER
        site.settings(**plain_http)
        viewer = site.browser("viewer")
        assert viewer.get(f"/desk/issues/{correction.id}").status_code == 200
        assert viewer.get("/desk/issues").status_code == 200
        page = site.browser().get(f"/issues/recap/{issue.of.key}").text
        assert NOTE in page
        assert "Put Right" in page
        first = site.browser().get(f"/issues/recap/{issue.of.key}?edition=first").text
        assert "Put Right" not in first.partition("<title>")[2].partition("<h1")[2]


def test_links_are_counted_by_the_edition_that_has_them(database, loaded, server):
    """With `count_links`, old mails lead by the old edition, corrected ones by their own."""
    newsletters = {
        key: each.model_copy(update={"count_links": True})
        for key, each in loaded.settings.newsletters.items()
    }
    update = {"newsletters": newsletters, "token_key": "0" * 64}
    loaded = replace(loaded, settings=loaded.settings.model_copy(update=update))
    issue = sent(database, loaded, to=2)
    first = issue.edition_id
    correction = rewritten(database, loaded, correct(database, loaded, issue))
    delivery.settle(database, loaded, issue.id, clock=lambda: LATER)
    weekly.advance(database, loaded, "recap", now=LATER)
    delivery.settle(database, loaded, correction.id, clock=lambda: LATER)
    second, third = again(database, issue).edition_id, again(database, correction).edition_id
    assert len({first, second, third}) == 3
    led = Counter()
    for mail in server.mails:
        text = email.message_from_bytes(mail.content, policy=policy.default).as_string()
        [edition] = set(re.findall(r"/to/(\d+)/\d+", text))
        led[int(edition)] += 1
    assert led == {first: 2, second: 4, third: 2}
    with database.read() as conn:
        places = {each: counting.places(conn, each) for each in (first, second, third)}
    assert places[first]
    assert places[first].keys() == places[second].keys() == places[third].keys()


@pytest.mark.parametrize("database", ["postgresql"], indirect=True)
def test_a_fleet_stops_for_a_correction_and_goes_on_with_it(database, loaded, tmp_path):
    """Three senders at work: each reader gets one edition once, and the first ones a correction."""
    jobs.prepare(database)
    subscribe(database, 60)
    update = {"fleet": True, "token_key": "0" * 64}
    with running(MailServer(delay=0.02)) as server:
        loaded = wired(loaded, server)
        loaded = replace(loaded, settings=loaded.settings.model_copy(update=update))
        issue = prepared(database, loaded, CLOSING, now=BEFORE)
        issue = weekly.approve(database, loaded, issue, by="ana@example.org", now=BEFORE)
        issue = weekly.freeze(database, loaded, issue, now=SEND_HOUR)
        working = fleet_of(3, database, loaded, issue, now=SEND_HOUR)
        until = monotonic() + 30
        while len(server.mails) < 5 and monotonic() < until:
            sleep(0.01)
        correction = correct(database, loaded, again(database, issue))
        for sender in working:
            sender.join()
        assert again(database, issue).state is IssueState.STOPPED
        early = set(subjects(server))
        assert 5 <= len(early) < 60

        rewritten(database, loaded, correction)
        for sender in fleet_of(3, database, loaded, issue, now=LATER):
            sender.join()
        delivery.sweep(database, loaded, clock=lambda: LATER, stop=Event())
        weekly.advance(database, loaded, "recap", now=LATER)
        delivery.settle(database, loaded, correction.id, clock=lambda: LATER)

    right = "Put Right: Sample Weekly Recap"
    got = subjects(server)
    assert {reader for reader, told in got.items() if len(told) == 2} == early
    assert {told[-1] for reader, told in got.items() if reader in early} == {f"Correction: {right}"}
    assert [told for reader, told in got.items() if reader not in early] == [[right]] * (
        len(got) - len(early)
    )
    assert numbers(database, issue) == {1: len(early), 2: len(got) - len(early)}
    assert again(database, issue).state is IssueState.FINISHED


def fleet_of(
    count: int, database: Database, loaded: Loaded, issue: Issue, *, now: datetime
) -> list[Thread]:
    """So many senders at work on the issue, as the workers of a fleet are."""

    def work() -> None:
        delivery.settle(database, loaded, issue.id, clock=lambda: now)

    senders = [Thread(target=work) for _ in range(count)]
    for sender in senders:
        sender.start()
    return senders


# --- as typed -----------------------------------------------------------------------------


@pytest.fixture
def typed(database: Database, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Typed:
    """Return what types a command about the same database."""
    call = typing_in(tmp_path, monkeypatch, config=CONFIG)
    monkeypatch.setenv("DATABASE_URL", database.url)
    return call


@pytest.mark.parametrize("database", ["sqlite"], indirect=True)
def test_a_correction_is_opened_at_the_command_line(database, loaded, typed):
    """It says whom it touches and asks; no changes nothing; what comes next is told."""
    issue = sent(database, loaded, to=2)
    words = ("issue", "correct", "--closing", issue.of.key, "--note", NOTE)
    no = typed(*words, answers="n\n")
    assert no.exit_code == 130
    said = "2 readers have the issue as it is; they are not written to. 4 wait and get the"
    assert said in " ".join(no.output.split())
    assert again(database, issue).state is IssueState.SENDING
    yes = typed(*words, "--mail", answers="y\n")
    assert yes.exit_code == 0, yes.output
    assert "they get a correction by mail" in " ".join(yes.output.split())
    assert "digest issue approve --closing 2023-09-22+correction-1" in yes.output
    assert again(database, issue).state is IssueState.STOPPED
    twice = typed(*words, "--yes")
    assert twice.exit_code == 1
    assert "is being corrected already" in twice.output


@pytest.mark.parametrize("database", ["sqlite"], indirect=True)
def test_a_correction_is_told_to_programs(database, loaded, typed):
    """With --yes and --json nothing is asked, and the draft's record is printed."""
    issue = sent(database, loaded)
    words = ("issue", "correct", "--closing", issue.of.key, "--yes", "--json")
    without = typed(*words)
    assert without.exit_code == 1
    assert "needs a sentence" in without.output
    done = json.loads(typed(*words, "--note", NOTE).output)
    assert done["issue"]["state"] == "draft"
    assert again(database, issue).state is IssueState.FINISHED
