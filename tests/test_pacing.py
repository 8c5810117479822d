"""How fast mail may leave, and when the last of it will have left."""

from __future__ import annotations

import threading
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from digest import conditions, delivery
from digest.model import DeliveryState
from digest.model.settings import DomainLimits
from digest.pacing import REST, TAKEN_FOR_ONE_MORE, Rate, allowance, forecast, rates
from digest.smtp import Pace
from digest.store import issues, ledger
from digest.verdict import Verdict
from tests.audience import NOW, addresses, an_issue, frozen, readers
from tests.mailserver import MailServer, running
from tests.test_delivery import letter, loaded

FRIDAY = datetime(2026, 5, 1, 13, tzinfo=UTC)
HOUR, DAY = timedelta(hours=1), timedelta(days=1)


class Clock:
    now = 0.0

    def __call__(self) -> float:
        return self.now


@pytest.mark.parametrize(
    ("count", "limit", "took"),
    [
        (0, None, timedelta()),
        (1, "1/h", timedelta()),
        (1_000_000, None, timedelta()),
        (14, "14/s", timedelta()),
        (15, "14/s", timedelta(seconds=1)),
        (50_000, "14/s, 50000/day", timedelta(seconds=3571)),
        (50_001, "14/s, 50000/day", DAY),
        (120_000, "14/s, 50000/day", 2 * DAY + timedelta(seconds=1428)),
    ],
)
def test_an_editor_is_told_when_an_issue_will_be_out(count, limit, took):
    """50,000 a day at 14 a second: the last of 120,000 leaves on Sunday."""
    assert forecast(count, rates(limit), start=FRIDAY) - FRIDAY == took


@given(
    st.integers(1, 400),
    st.lists(
        st.builds(Rate, st.integers(1, 50), st.sampled_from([1, 60, 3600])), min_size=1, max_size=3
    ),
)
def test_the_forecast_is_what_the_pace_does(count, limits):
    """A run that never waits for the mail server is out when it was foretold, or a slot later."""
    clock = Clock()
    pace = Pace(limits, clock=clock)
    for _ in range(count):
        while wait := pace.room():
            clock.now += wait
        pace.went("example.org")
    told = (forecast(count, limits, start=FRIDAY) - FRIDAY).total_seconds()
    assert told <= clock.now + 1e-6
    assert clock.now <= told * 1.1 + max(rate.seconds for rate in limits) / 40


def test_a_spread_issue_is_out_no_sooner_than_its_spread():
    """“Over two hours” holds also where the limits would be quicker."""
    assert forecast(10, (), start=FRIDAY, spread=2 * HOUR) == FRIDAY + 2 * HOUR


def test_a_cold_domain_warms_up_day_by_day():
    """Each day has its number; after the plan there is none."""
    plan = (500, 1000, 2000)
    days = [allowance(plan, date(2026, 5, 1), date(2026, 5, day)) for day in (1, 2, 3, 4)]
    assert days == [500, 1000, 2000, None]
    assert allowance(plan, date(2026, 5, 2), date(2026, 5, 1)) == 500
    told = {"start": FRIDAY, "plan": plan, "since": date(2026, 5, 1)}
    assert forecast(500, (), **told) == FRIDAY
    assert forecast(1501, (), **told) == FRIDAY + 2 * DAY
    assert forecast(9000, (), **told) == FRIDAY + 3 * DAY


# --- one domain ---------------------------------------------------------------------------


def limited(**told: object) -> tuple[Pace, Clock]:
    clock = Clock()
    limits = {name: DomainLimits.model_validate(limit) for name, limit in told.items()}
    return Pace((), domains=limits, clock=clock), clock


def test_a_domain_has_a_rate_of_its_own():
    """Ten a minute to it; all others go on."""
    pace, clock = limited(**{"slow.example": {"limit": "10/m"}})
    for _ in range(10):
        assert pace.rest("slow.example") == 0
        pace.went("slow.example")
        pace.answered("slow.example", Verdict.ACCEPTED)
    assert pace.rest("slow.example") == pytest.approx(60)
    assert pace.rest("example.org") == 0
    clock.now += 60
    assert pace.rest("slow.example") == 0


def test_a_domain_gets_so_many_at_once():
    """The third waits until one of two has its answer, whatever the answer is."""
    pace, _ = limited(**{"*": {"at_once": 2}})
    for _ in range(2):
        pace.went("slow.example")
    assert 0 < pace.rest("slow.example") < 1
    assert pace.rest("example.org") == 0
    pace.answered("slow.example", None)
    assert pace.rest("slow.example") == 0


def test_a_domain_that_throttled_recovers_step_by_step():
    """After its rest one at a time, then more; once it has recovered nothing is remembered."""
    pace, clock = limited()
    pace.answered("slow.example", Verdict.THROTTLED)
    assert pace.rest("slow.example") == REST
    clock.now += REST
    pace.went("slow.example")
    assert pace.rest("slow.example") > 0
    for _ in range(TAKEN_FOR_ONE_MORE):
        pace.answered("slow.example", Verdict.ACCEPTED)
        pace.went("slow.example")
    assert pace.rest("slow.example") == 0
    for _ in range(100):
        pace.answered("slow.example", Verdict.ACCEPTED)
    for _ in range(1000):
        assert pace.rest("slow.example") == 0
        pace.went("slow.example")


@given(st.lists(st.sampled_from([*Verdict, None]), max_size=60))
def test_no_answer_locks_a_domain_up(answers):
    """Whatever a server says, some day the next message may go."""
    pace, clock = limited(**{"*": {"limit": "5/m", "at_once": 3}})
    for found in answers:
        for _ in range(100):
            if not (wait := pace.rest("example.org")):
                break
            clock.now += wait
        assert pace.rest("example.org") == 0
        pace.went("example.org")
        pace.answered("example.org", found)


# --- a run --------------------------------------------------------------------------------


@pytest.mark.parametrize("database", ["sqlite"], indirect=True)
def test_a_cold_domain_sends_no_more_than_its_day_allows(database):
    """Three today by the plan: the fourth reader stays owed, and is lost to nobody."""
    issue = an_issue(database)
    readers(database, addresses(6))
    frozen(database, issue)
    stop = threading.Event()
    sent = []

    def progress(count: int) -> None:
        sent.append(count)
        if sum(sent) == 3:
            threading.Timer(1.0, stop.set).start()

    with running(MailServer()) as server:
        plan = {"since": NOW.date(), "days": (3, 500)}
        delivery.settle(
            database,
            loaded(server.port, warm_up=plan),
            issue,
            clock=lambda: NOW,
            progress=progress,
            stop=stop,
            write=letter,
        )
    assert len(server.mails) == 3
    with database.read() as conn:
        tally = ledger.tally(conn, issue)
    assert (tally.count(DeliveryState.SENT), tally.owed, tally.holds) == (3, 3, True)


@pytest.mark.parametrize("database", ["sqlite"], indirect=True)
def test_a_run_keeps_to_one_at_a_time_for_a_domain(database):
    """With `at_once: 1` no two mails are on their way to it, though four connections are open."""
    issue = an_issue(database)
    readers(database, addresses(8))
    frozen(database, issue)
    flying, most = [0], [0]

    def script(phase: str, _argument: str) -> None:
        if phase == "mail":
            flying[0] += 1
            most[0] = max(most[0], flying[0])
        if phase == "content":
            flying[0] -= 1

    with running(MailServer(script=script, delay=0.02)) as server:
        settings = loaded(server.port, domains={"example.org": {"at_once": 1}})
        delivery.settle(database, settings, issue, clock=lambda: NOW, write=letter)
    assert len(server.mails) == 8
    assert most[0] == 1


@pytest.mark.parametrize("database", ["sqlite"], indirect=True)
def test_an_editor_is_told_only_where_limits_decide(database):
    """Without limits nobody can tell; with them the readers who are owed it are counted."""
    number = an_issue(database)
    readers(database, addresses(30))
    frozen(database, number)
    with database.read() as conn:
        issue = issues.by_id(conn, number)
    assert delivery.foretold(database, loaded(25), issue, now=NOW) is None
    told = delivery.foretold(database, loaded(25, limit="10/h"), issue, now=NOW)
    assert told == NOW + 2 * HOUR


@pytest.mark.parametrize("database", ["sqlite"], indirect=True)
def test_only_readers_who_get_it_are_foretold(database):
    """Before the freeze those count who meet the newsletter's condition, and no others."""
    number = an_issue(database)
    readers(database, addresses(30))
    readers(database, ["press@example.org"], source="press")
    with database.read() as conn:
        issue = replace(issues.by_id(conn, number), frozen_at=None)
    limited, meant = loaded(25, limit="10/h"), conditions.parse('source = "press"')
    start = max(NOW, issue.sends_at)
    assert delivery.foretold(database, limited, issue, now=NOW) == start + 3 * HOUR
    assert delivery.foretold(database, limited, issue, where=meant, now=NOW) == start


def test_senders_share_every_rate() -> None:
    """Each of four keeps to a quarter of what is left, and to at least one message."""
    clock = Clock()
    pace = Pace(rates("8/s, 100/day"), clock=clock)
    pace.remember(60, 3600)
    pace.share(4)
    sent = 0
    for _ in range(20):
        while not pace.room():
            pace.went("example.org")
            sent += 1
        assert sent <= 2 * (clock.now + 1)
        clock.now += 1
    assert sent == 10  # a quarter of the forty that the day has left
    pace.share(1)
    assert not pace.room()
