"""The sending at the desk: seen live, stopped and resumed by a button, proved afterwards."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any, NoReturn

import httpx
import pytest
from hypothesis import given
from hypothesis import strategies as st
from sqlalchemy import select, update

from digest import delivery, weekly
from digest.model import DeliveryState, Issue, IssueId, IssueState, Rhythm, Tally
from digest.store import Database, history, issues, ledger, tallies
from digest.store.schema import deliveries
from digest.store.schema import issues as records
from digest.web.desk import sending
from digest.web.desk.acts import Act, Facts, acts
from digest.web.desk.chart import HEIGHT, WIDTH, bars
from digest.web.desk.progress import Speed
from tests import friday
from tests.website import NOW, Site, a_draft, a_loaded, browsing, served

SQLITE = pytest.mark.parametrize("database", ["sqlite"], indirect=True)
ROLES = ("viewer", "editor", "publisher", "admin")
READERS = 7


@pytest.fixture
def site(database: Database, tmp_path: Path) -> Iterator[Site]:
    with served(database, tmp_path) as site:
        friday.publish(database, *friday.TITLES)
        friday.subscribe(database, READERS)
        yield site


@pytest.fixture
def issue(site: Site) -> Issue:
    """An issue that is being sent; all its readers are owed it."""
    newsletter = site.loaded.settings.newsletters["recap"]
    slot = weekly.slot(newsletter, friday.CLOSING, now=NOW)
    made = weekly.prepare(site.database, site.loaded, "recap", slot, now=NOW)
    made = weekly.approve(site.database, site.loaded, made, by="ana@example.org", now=NOW)
    return weekly.freeze(site.database, site.loaded, made, now=NOW)


@pytest.fixture
def chromium(needs: Callable[[str, str], NoReturn]) -> Iterator[Callable[..., Any]]:
    with browsing(needs) as opened:
        yield opened


def became(site: Site, issue: Issue, *states: DeliveryState, answer: str = "") -> None:
    """Put the issue's first readers into those states, one each."""
    with site.database.write() as conn:
        query = select(deliveries.c.subscriber_id).where(deliveries.c.issue_id == issue.id)
        those = conn.execute(query.order_by(deliveries.c.subscriber_id)).scalars()
        for subscriber, state in zip(list(those), states, strict=False):
            conn.execute(
                update(deliveries)
                .where(deliveries.c.issue_id == issue.id, deliveries.c.subscriber_id == subscriber)
                .values(state=state, attempts=1, answer=answer, changed_at=NOW)
            )


def finished(site: Site, issue: Issue, *states: DeliveryState) -> None:
    """End the issue with its first readers in those states, and all others sent to."""
    rest = (DeliveryState.SENT,) * (READERS - len(states))
    became(site, issue, *states, *rest)
    delivery.settle(site.database, site.loaded, issue.id, clock=lambda: site.now)


def state(site: Site, issue: Issue) -> IssueState:
    with site.database.read() as conn:
        return issues.by_id(conn, issue.id).state


def tally(site: Site, issue: Issue) -> Tally:
    with site.database.read() as conn:
        return ledger.tally(conn, issue.id)


def decide(browser: httpx.Client, issue: Issue, action: str, **told: str) -> httpx.Response:
    page = browser.get(f"/desk/issues/{issue.id}").text
    fields = dict(re.findall(r'name="(csrf|version)" value="([^"]+)"', page))
    return browser.post(f"/desk/issues/{issue.id}/{action}", data=fields | told)


def events(site: Site, browser: httpx.Client, issue: Issue) -> Iterator[tuple[str, str]]:
    """What the stream tells, as (event, data), until the server ends it."""
    with site.database.read() as conn:
        version = issues.by_id(conn, issue.id).version
    with browser.stream("GET", stream(issue, version)) as answer:
        assert answer.headers["content-type"].startswith("text/event-stream")
        name, data = "", []
        for line in answer.iter_lines():
            if line.startswith("event: "):
                name = line.removeprefix("event: ")
            elif line.startswith("data: "):
                data.append(line.removeprefix("data: "))
            elif not line and name:
                yield name, "\n".join(data)
                name, data = "", []


def stream(issue: Issue, version: int = 1) -> str:
    return f"/desk/issues/{issue.id}/progress?version={version}"


@pytest.fixture
def hasty(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sending, "PAUSE", 0.05)


# --- live ---------------------------------------------------------------------------------


def test_the_stream_tells_what_changed_and_when_the_page_is_over(
    site: Site, issue: Issue, hasty: None
) -> None:
    """Each change of the ledger is one event with the page's own words; a new state ends it."""
    told = events(site, site.browser("viewer"), issue)
    assert f"0 of {READERS} readers settled" in next(told)[1]
    became(site, issue, DeliveryState.SENT, DeliveryState.SENT)
    name, said = next(told)
    assert name == "progress"
    assert f"2 of {READERS} readers settled, 5 still owed." in said
    with site.database.read() as conn:
        now = issues.by_id(conn, issue.id)
    weekly.pause(site.database, now, by="ana@example.org", now=NOW)
    assert list(told) == [("changed", "")]


def test_a_page_that_is_already_out_of_date_is_told_at_once(
    site: Site, issue: Issue, hasty: None
) -> None:
    """Whoever opened the page before the state changed is told to load it anew."""
    answer = site.browser("viewer").get(stream(issue, version=1))
    assert answer.text == "event: changed\ndata: \n\n"


def test_the_stream_is_closed_to_strangers(site: Site, issue: Issue) -> None:
    """Nobody follows a sending without an account."""
    assert site.browser().get(stream(issue)).status_code == 303


@SQLITE
def test_an_issue_that_was_not_frozen_has_no_stream(site: Site) -> None:
    """There is nothing to follow before the send hour."""
    assert site.browser("viewer").get(stream(a_draft(site.database))).status_code == 404


@SQLITE
def test_a_server_that_stops_ends_its_streams(site: Site, issue: Issue, hasty: None) -> None:
    """A browser that follows does not keep the program from ending."""
    told = events(site, site.browser("viewer"), issue)
    next(told)
    site.closing.set()
    assert list(told) == []


def test_the_troubled_domains_stand_with_an_answer(site: Site, issue: Issue) -> None:
    """Readers who were refused or put off are told by domain, the largest first."""
    refused = (DeliveryState.DEFERRED, DeliveryState.DEFERRED, DeliveryState.FAILED)
    became(site, issue, *refused, answer="451 4.7.1 Try <later>")
    with site.database.read() as conn:
        found = ledger.troubles(conn, issue.id)
    assert [(each.domain, each.state, each.readers) for each in found] == [
        ("example.org", DeliveryState.DEFERRED, 2),
        ("example.org", DeliveryState.FAILED, 1),
    ]
    page = site.browser("viewer").get(f"/desk/issues/{issue.id}").text
    assert "Where it does not get through" in page
    assert "451 4.7.1 Try &lt;later&gt;" in page


def test_the_speed_is_that_of_the_last_minute() -> None:
    """One look tells no speed; a standstill and an old burst do not count."""
    speed = Speed()
    assert speed.after(NOW, 100) is None
    assert speed.after(NOW + timedelta(seconds=10), 600) == 50
    assert speed.after(NOW + timedelta(seconds=70), 600) is None
    assert speed.after(NOW + timedelta(seconds=80), 600) is None


# --- buttons ------------------------------------------------------------------------------


@pytest.mark.parametrize("role", ROLES)
def test_stopping_going_on_and_cancelling_take_a_publisher(
    site: Site, issue: Issue, role: str
) -> None:
    """Who is below a publisher changes nothing of a sending."""
    allowed = ROLES.index(role) >= ROLES.index("publisher")
    steps = [
        ("pause", IssueState.STOPPED),
        ("resume", IssueState.SENDING),
        ("pause", IssueState.STOPPED),
        ("cancel", IssueState.CANCELLED),
    ]
    for action, after in steps:
        answer = decide(site.browser(role), issue, action)
        assert answer.status_code == (303 if allowed else 403), action
        assert state(site, issue) is (after if allowed else IssueState.SENDING)


def test_cancelling_says_whom_it_touches_and_keeps_the_count(site: Site, issue: Issue) -> None:
    """The page names how many will never get it; afterwards lists need not count again."""
    became(site, issue, DeliveryState.SENT, DeliveryState.SENT)
    browser = site.browser("publisher")
    decide(browser, issue, "pause")
    page = browser.get("/").text
    assert "Paused by publisher@example.org." in page
    assert "5 readers will never get this issue. 2 readers got it already." in page
    decide(browser, issue, "cancel")
    with site.database.read() as conn:
        kept = tallies.outcomes(conn, [issue.id])[issue.id]
    assert kept == tally(site, issue)
    assert kept.by_state == {DeliveryState.SENT: 2, DeliveryState.SKIPPED: 5}


@pytest.mark.parametrize("whom", ["uncertain", "failed"])
def test_those_who_did_not_get_it_are_sent_to_again(site: Site, issue: Issue, whom: str) -> None:
    """Only they are owed it again; whoever got it is left alone, and the log says who did it."""
    finished(site, issue, DeliveryState.FAILED, DeliveryState.UNCERTAIN)
    assert state(site, issue) is IssueState.FINISHED
    browser = site.browser("publisher")
    page = browser.get(f"/desk/issues/{issue.id}").text
    assert "Send again to 1 reader" in page
    assert "Send to 1 reader who did not get it" in page
    assert decide(browser, issue, "resend", whom=whom).status_code == 303
    assert state(site, issue) is IssueState.SENDING
    after = tally(site, issue)
    assert after.owed == 1
    assert after.count(DeliveryState.SENT) == READERS - 2
    assert after.count(DeliveryState(whom)) == 0
    with site.database.read() as conn:
        assert history.last_change(conn, issue.id)[:2] == ("publisher@example.org", "resent")


@SQLITE
@pytest.mark.parametrize("whom", ["sent", "pending", ""])
def test_nobody_else_can_be_named_for_a_resend(site: Site, issue: Issue, whom: str) -> None:
    """A form of our own making cannot send twice to those who got it."""
    finished(site, issue)
    assert decide(site.browser("publisher"), issue, "resend", whom=whom).status_code == 422
    assert tally(site, issue).count(DeliveryState.SENT) == READERS


def test_a_finished_issue_keeps_its_count(site: Site, issue: Issue) -> None:
    """What the list of issues shows is what the ledger counts."""
    finished(site, issue, DeliveryState.FAILED)
    with site.database.read() as conn:
        assert tallies.outcomes(conn, [issue.id]) == {issue.id: tally(site, issue)}
    assert f"{READERS - 1} of {READERS}" in site.browser("viewer").get("/desk/issues").text


# --- what buttons there are ---------------------------------------------------------------

_tallies = st.builds(
    lambda counts: Tally(frozen=sum(counts.values()), by_state=counts),
    st.dictionaries(st.sampled_from(DeliveryState), st.integers(0, 3), max_size=8),
)


def offered(tmp_path: Path, state: IssueState, **told: Any) -> tuple[Act, ...]:
    newsletter = a_loaded(tmp_path).settings.newsletters["recap"]
    issue = Issue(
        id=1,
        of=IssueId("recap", Rhythm.WEEKLY, "2023-09-22"),
        number=1,
        window=weekly.slot(newsletter, friday.CLOSING, now=NOW).window,
        sends_at=friday.SEND_HOUR,
        state=state,
        version=1,
    )
    facts = {"now": NOW, "items": 3, "audience": 1, "tally": None} | told
    return acts(Facts(issue=issue, newsletter=newsletter, **facts))


@given(state=st.sampled_from(IssueState), tally=st.none() | _tallies)
def test_every_act_says_what_follows(
    tmp_path_factory: pytest.TempPathFactory, state: IssueState, tally: Tally | None
) -> None:
    """What cannot be undone asks first and is never the first; every act has its sentence."""
    made = offered(tmp_path_factory.getbasetemp(), state, tally=tally)
    for act in made:
        assert act.consequence.endswith(".")
        assert not re.search(r"\b1 readers", f"{act.consequence} {act.label}")
        assert act.asks or not act.grave
    assert not made or made[0].grave is False or len(made) == 1


@pytest.mark.parametrize(
    ("state", "first"),
    [
        (IssueState.DRAFT, "approve"),
        (IssueState.HELD, "approve"),
        (IssueState.APPROVED, "hold"),
        (IssueState.SENDING, "pause"),
        (IssueState.STOPPED, "resume"),
    ],
)
def test_each_state_has_one_primary_act(tmp_path: Path, state: IssueState, first: str) -> None:
    """The button that most people come for stands first."""
    assert offered(tmp_path, state)[0].action == first


def test_what_is_blocked_or_empty_is_not_offered_for_approval(tmp_path: Path) -> None:
    """No button leads to a refusal that the page knows of already."""
    for told in ({"sound": False}, {"items": 0}):
        assert "approve" not in {act.action for act in offered(tmp_path, IssueState.DRAFT, **told)}


# --- charts -------------------------------------------------------------------------------


@given(
    st.lists(
        st.fixed_dictionaries({"sent": st.integers(0, 10**7), "missed": st.integers(0, 10**5)}),
        max_size=12,
    )
)
def test_bars_stay_in_the_drawing(rows: list[dict[str, int]]) -> None:
    """No bar leaves the drawing by more than the least height of a part, whatever the numbers."""
    for bar in bars([(str(number), parts) for number, parts in enumerate(rows)]):
        assert bar.x >= 0
        assert bar.x + bar.width <= WIDTH
        assert bar.y >= -4
        assert sum(part.height for part in bar.parts) <= HEIGHT + 4
        assert bar.total == sum(part.value for part in bar.parts)


def test_an_issue_stands_beside_those_before(site: Site, issue: Issue) -> None:
    """The chart comes with the same numbers as a table, for who cannot see it."""
    finished(site, issue, DeliveryState.FAILED)
    page = site.browser("viewer").get(f"/desk/issues/{issue.id}").text
    assert "Beside the issues before" not in page
    with site.database.write() as conn:
        copied = conn.execute(select(records).where(records.c.id == issue.id)).one()._asdict()
        del copied["id"]
        for edge in ("window_start", "window_end"):
            copied[edge] -= timedelta(days=7)
        conn.execute(records.insert().values(copied | {"key": "2023-09-15"}))
    page = site.browser("viewer").get(f"/desk/issues/{issue.id}").text
    assert "Beside the issues before" in page
    assert page.count('<rect class="missed"') == 3
    assert "The same as a table" in page


# --- in a browser -------------------------------------------------------------------------


def entered(site: Site, page: Any, role: str) -> None:
    page.goto(f"{site.address}/sign-in/{site.link(role)}")
    page.click("button")
    page.wait_for_selector("text=Sent to whom")


@pytest.mark.browser
@SQLITE
def test_the_page_follows_the_sending(
    site: Site, issue: Issue, chromium: Callable[..., Any], hasty: None
) -> None:
    """Numbers move without a reload; when the issue is finished, the page says so by itself."""
    page = chromium(width=1280, scheme="light")
    entered(site, page, "publisher")
    page.evaluate("window.unloaded = 'not yet'")
    became(site, issue, DeliveryState.SENT)
    page.wait_for_selector(f"text=1 of {READERS} readers settled")
    assert page.evaluate("window.unloaded") == "not yet"
    with site.database.write() as conn:
        on, to = (IssueState.SENDING,), IssueState.FINISHED
        issues.set_state(conn, issue.id, on, to, now=NOW, actor="sender")
    page.wait_for_selector("text=Finished.")
    assert page.problems == []


@pytest.mark.browser
@SQLITE
def test_a_sending_is_stopped_without_scripts(
    site: Site, issue: Issue, chromium: Callable[..., Any]
) -> None:
    """With JavaScript off the page loads itself anew, and every button works."""
    page = chromium(width=375, scheme="dark", scripts=False)
    entered(site, page, "publisher")
    assert page.locator('noscript meta[http-equiv="refresh"], meta[http-equiv="refresh"]').count()
    page.click("text=Pause")
    page.wait_for_selector("text=Paused by publisher@example.org.")
    page.click(f"text=Go on with {READERS} readers")
    page.wait_for_selector("text=Sending.")
    assert state(site, issue) is IssueState.SENDING
