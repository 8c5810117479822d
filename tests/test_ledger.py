"""The ledger: who is owed an issue, and what became of it."""

from __future__ import annotations

from datetime import timedelta

import pytest

from digest.model import DeliveryState, IssueState, Rhythm, SkipReason, SubscriptionState
from digest.store import ledger
from digest.store.ledger import Result
from digest.store.schema import senders, subscribers, subscriptions
from tests.audience import (
    NEWSLETTER,
    NOW,
    addresses,
    an_issue,
    frozen,
    readers,
    subscription,
)


def entered(conn, issue, holder, now=NOW):
    """The sender's row, made where it is not there yet."""
    if not conn.execute(senders.select().where(senders.c.holder == holder)).first():
        ledger.enter(conn, issue, holder, now=now)


def claimed(database, issue, *, holder="a", size=100, now=NOW):
    with database.write() as conn:
        entered(conn, issue, holder, now)
        return ledger.whole(ledger.claim(conn, issue, holder, now, size))


def attempted(database, issue, rows, *, holder="a", now=NOW):
    with database.write() as conn:
        entered(conn, issue, holder, now)
        return ledger.whole(ledger.record(conn, issue, holder, rows=rows, now=now))


def settled(database, issue, reader, state=DeliveryState.SENT, *, holder="a", **told):
    with database.write() as conn:
        entered(conn, issue, holder)
        result = Result(subscriber=reader, state=state, **({"answer": "250 ok", "at": NOW} | told))
        ledger.whole(ledger.record(conn, issue, holder, results=[result], now=NOW))


def states(database, issue):
    with database.read() as conn:
        return {row.recipient.subscriber: row.state for row in ledger.listed(conn, issue)}


def tally(database, issue):
    with database.read() as conn:
        return ledger.tally(conn, issue)


def test_freeze_accounts_for_every_candidate(database):
    """Whoever is not written into the ledger is counted with the reason."""
    issue = an_issue(database)
    readers(database, addresses(3))
    for n, state in enumerate(SubscriptionState):
        if state is not SubscriptionState.ACTIVE:
            readers(database, [f"{state}@example.org"], state=state)
        readers(database, [f"other{n}@example.org"], newsletter="another", state=state)
    erased = readers(database, ["erased@example.org"])
    with database.write() as conn:
        conn.execute(subscribers.update().where(subscribers.c.id == erased[0]).values(address=None))

    count, excluded = frozen(database, issue)

    assert count == 3
    assert excluded == {"pending": 1, "paused": 1, "left": 1, "suppressed": 1, "erased": 1}
    assert tally(database, issue).by_state == {DeliveryState.PENDING: 3}
    assert tally(database, issue).holds


def test_a_pause_that_has_ended_counts_as_active(database):
    """A reader whose pause ends by the send hour gets the issue."""
    issue = an_issue(database)
    readers(database, ["a@example.org"], state="paused", paused_until=NOW - timedelta(hours=1))
    readers(database, ["b@example.org"], state="paused", paused_until=NOW + timedelta(hours=1))

    assert frozen(database, issue) == (1, {"paused": 1})
    with database.read() as conn:
        assert ledger.audience(conn, NEWSLETTER, "weekly") == 0
        assert ledger.audience(conn, NEWSLETTER, "weekly", at=NOW) == 1


def test_colleagues_are_owed_it_first(database):
    """Readers on the first list are due at once, the others after the wait."""
    issue = an_issue(database)
    (staff,) = readers(database, ["staff@example.org"], lists=["press", "staff"])
    readers(database, addresses(2), lists=["press"])
    later = NOW + timedelta(minutes=15)
    frozen(database, issue, first_list="staff", rest_due_at=later)

    assert [row.recipient.subscriber for row in claimed(database, issue)] == [staff]
    assert len(claimed(database, issue, now=later)) == 2


def test_readers_are_spread_over_a_time(database):
    """“Over two hours” owes about as many in each quarter; colleagues still come first."""
    issue = an_issue(database)
    (staff,) = readers(database, ["staff@example.org"], lists=["staff"])
    readers(database, addresses(96))
    spread = timedelta(hours=2)
    frozen(database, issue, first_list="staff", rest_due_at=NOW, spread=spread)

    assert staff in {row.recipient.subscriber for row in claimed(database, issue)}
    quarters = [NOW + spread * part / 4 for part in (1, 2, 3, 4)]
    counts = [len(claimed(database, issue, now=at, size=200)) for at in quarters]
    assert sum(counts) >= 94
    assert all(20 <= count <= 30 for count in counts)


def test_readers_are_owed_the_issue_by_their_own_clock(database):
    """Who chose a zone waits for the hour there; colleagues and the others do not."""
    issue = an_issue(database)
    (staff,) = readers(database, ["staff@example.org"], lists=["staff"])
    here, east, west = readers(database, addresses(3))
    for reader, zone in ((staff, "Asia/Tokyo"), (east, "Asia/Tokyo"), (west, "America/Denver")):
        subscription(database, reader, timezone=zone)
    with database.read() as conn:
        zones = ledger.timezones(conn, NEWSLETTER, Rhythm.WEEKLY)
    assert zones == ["America/Denver", "Asia/Tokyo"]
    minute, hour = timedelta(minutes=1), timedelta(hours=1)
    hours = {"Asia/Tokyo": NOW + 11 * hour, "America/Denver": NOW - hour}
    frozen(database, issue, first_list="staff", rest_due_at=NOW + minute, hours=hours)

    with database.read() as conn:
        due = {row.recipient.subscriber: row.due_at - NOW for row in ledger.listed(conn, issue)}
        assert ledger.last_due(conn, issue) == NOW + 11 * hour
    assert due == {staff: 0 * hour, here: minute, east: 11 * hour, west: minute}


def test_a_claim_takes_each_row_once(database):
    """Two senders never hold the same reader, and a claim is no larger than asked."""
    issue = an_issue(database)
    readers(database, addresses(5))
    frozen(database, issue)

    first = claimed(database, issue, holder="a", size=3)
    second = claimed(database, issue, holder="b", size=3)

    assert (len(first), len(second)) == (3, 2)
    assert {r.recipient.subscriber for r in first} & {
        r.recipient.subscriber for r in second
    } == set()


@pytest.mark.parametrize("database", ["postgresql"], indirect=True)
def test_senders_on_postgresql_do_not_wait_for_each_other(database):
    """While one claim is not committed yet, another sender takes other rows."""
    issue = an_issue(database)
    readers(database, addresses(4))
    frozen(database, issue)
    with database.write() as conn:
        first = ledger.whole(ledger.claim(conn, issue, "a", NOW, 2))
        second = claimed(database, issue, holder="b", size=4)
        assert len(first) == len(second) == 2


def test_whoever_left_meanwhile_is_skipped_at_the_last_moment(database):
    """Leaving, pausing, suppression and erasure between claim and sending are honoured."""
    issue = an_issue(database)
    stays, leaves, pauses, bounces, erased, gone = readers(database, addresses(6))
    frozen(database, issue)
    rows = claimed(database, issue)
    subscription(database, leaves, state="left")
    subscription(database, pauses, state="paused", paused_until=NOW + timedelta(days=9))
    subscription(database, bounces, state="suppressed")
    with database.write() as conn:
        conn.execute(subscribers.update().where(subscribers.c.id == erased).values(address=None))
        conn.execute(subscriptions.delete().where(subscriptions.c.subscriber_id == gone))

    leave = attempted(database, issue, rows)

    assert leave.go == {stays}
    assert leave.skipped == {
        leaves: SkipReason.LEFT,
        pauses: SkipReason.PAUSED,
        bounces: SkipReason.SUPPRESSED,
        erased: SkipReason.ERASED,
        gone: SkipReason.ERASED,
    }
    assert states(database, issue)[leaves] is DeliveryState.SKIPPED


def test_nobody_may_be_written_to_once_the_issue_is_stopped(database):
    """A pause takes effect before the next message, whatever was claimed before."""
    issue = an_issue(database, state=IssueState.STOPPED)
    readers(database, addresses(2))
    frozen(database, issue)
    leave = attempted(database, issue, claimed(database, issue))
    assert not leave.sending
    assert leave.go == frozenset()
    assert set(states(database, issue).values()) == {DeliveryState.CLAIMED}


def test_only_the_holder_of_a_claim_may_attempt_and_settle(database):
    """A sender whose claim was taken over can neither send nor overwrite."""
    issue = an_issue(database)
    (reader,) = readers(database, addresses(1))
    frozen(database, issue)
    rows = claimed(database, issue, holder="a")

    assert attempted(database, issue, rows, holder="b").go == frozenset()
    attempted(database, issue, rows, holder="a")
    settled(database, issue, reader, DeliveryState.FAILED, holder="b")
    assert states(database, issue) == {reader: DeliveryState.ATTEMPTING}
    settled(database, issue, reader, holder="a")
    assert states(database, issue) == {reader: DeliveryState.SENT}


def test_many_results_go_into_one_commit(database):
    """Results of different kinds are written together, each to its reader."""
    issue = an_issue(database)
    ids = readers(database, addresses(3))
    frozen(database, issue)
    attempted(database, issue, claimed(database, issue))
    kinds = (DeliveryState.SENT, DeliveryState.FAILED, DeliveryState.UNCERTAIN)
    results = [
        Result(subscriber=reader, state=kind, answer=str(kind), at=NOW)
        for reader, kind in zip(ids, kinds, strict=True)
    ]
    with database.write() as conn:
        ledger.whole(ledger.record(conn, issue, "a", results=results, now=NOW))
    assert states(database, issue) == dict(zip(ids, kinds, strict=True))


def test_a_dead_sender_loses_nobody_and_repeats_nobody(database):
    """After a crash the claimed are owed again and the attempted are uncertain."""
    issue = an_issue(database)
    ids = readers(database, addresses(4))
    frozen(database, issue)
    rows = claimed(database, issue)
    attempted(database, issue, rows[:2])
    settled(database, issue, rows[0].recipient.subscriber)

    with database.write() as conn:
        found = ledger.recover(conn, issue, now=NOW, alone=True)

    assert found.released == 2
    assert found.uncertain == (rows[1].recipient.subscriber,)
    assert sorted(states(database, issue).values()) == ["pending", "pending", "sent", "uncertain"]
    assert len(ids) == sum(tally(database, issue).by_state.values())


def test_a_living_sender_is_left_alone(database):
    """Without the sender's lock only rows whose lease has run out are recovered."""
    issue = an_issue(database)
    readers(database, addresses(2))
    frozen(database, issue)
    claimed(database, issue)
    with database.write() as conn:
        assert ledger.recover(conn, issue, now=NOW, alone=False).released == 0
        late = NOW + ledger.LEASE + timedelta(seconds=1)
        assert ledger.recover(conn, issue, now=late, alone=False).released == 2


def test_a_late_answer_settles_an_uncertain_row(database):
    """An answer that comes after recovery is still the truth about that reader."""
    issue = an_issue(database)
    (reader,) = readers(database, addresses(1))
    frozen(database, issue)
    attempted(database, issue, claimed(database, issue))
    with database.write() as conn:
        ledger.recover(conn, issue, now=NOW, alone=True)
    settled(database, issue, reader)
    assert states(database, issue) == {reader: DeliveryState.SENT}


def test_policy_resend_owes_the_uncertain_again(database):
    """With `resend` an attempt without an answer is repeated; with `hold` on request only."""
    issue = an_issue(database)
    (reader,) = readers(database, addresses(1))
    frozen(database, issue)
    attempted(database, issue, claimed(database, issue))
    with database.write() as conn:
        assert ledger.recover(conn, issue, now=NOW, alone=True, resend=True).uncertain == (reader,)
    assert states(database, issue) == {reader: DeliveryState.DEFERRED}

    attempted(database, issue, claimed(database, issue))
    with database.write() as conn:
        ledger.recover(conn, issue, now=NOW, alone=True)
        assert ledger.owe_again(conn, issue, DeliveryState.UNCERTAIN, now=NOW) == 1
    assert [row.attempts for row in claimed(database, issue)] == [2]


def test_a_deferred_reader_is_owed_again_when_due(database):
    """A reader who was put off is passed over until then, and then comes first."""
    issue = an_issue(database)
    (put_off, _other) = readers(database, addresses(2))
    frozen(database, issue)
    attempted(database, issue, claimed(database, issue))
    due = NOW + timedelta(minutes=5)
    settled(database, issue, put_off, DeliveryState.DEFERRED, answer="450 later", due_at=due)

    with database.read() as conn:
        assert ledger.next_due(conn, issue) == due
    assert claimed(database, issue) == []
    (row,) = claimed(database, issue, now=due)
    assert (row.recipient.subscriber, row.attempts, row.answer) == (put_off, 1, "450 later")


def test_a_released_row_keeps_its_place(database):
    """Giving a claim back leaves no trace: the untouched are pending, the put-off deferred."""
    issue = an_issue(database)
    (put_off, fresh) = readers(database, addresses(2))
    frozen(database, issue)
    rows = claimed(database, issue)
    attempted(database, issue, [row for row in rows if row.recipient.subscriber == put_off])
    settled(database, issue, put_off, DeliveryState.DEFERRED, due_at=NOW)
    claimed(database, issue, holder="b")
    with database.write() as conn:
        assert ledger.retire(conn, issue, "b", now=NOW).released == 1
        assert ledger.retire(conn, issue, "a", now=NOW).released == 1
    assert states(database, issue) == {
        put_off: DeliveryState.DEFERRED,
        fresh: DeliveryState.PENDING,
    }


def test_cancelling_skips_those_who_wait_and_nobody_else(database):
    """Sent rows stay sent, attempts in flight keep their answer, the rest is skipped."""
    issue = an_issue(database)
    readers(database, addresses(4))
    frozen(database, issue)
    rows = claimed(database, issue, size=3)
    attempted(database, issue, rows[:2])
    settled(database, issue, rows[0].recipient.subscriber)
    with database.write() as conn:
        assert ledger.skip_rest(conn, issue, SkipReason.CANCELLED, now=NOW) == 2
        assert ledger.attempted(conn, issue)
    assert sorted(states(database, issue).values()) == [
        "attempting",
        "sent",
        "skipped",
        "skipped",
    ]


def test_the_list_of_what_was_sent_to_whom_comes_in_pages(database):
    """Pages follow the subscriber's number, can be limited to a state, and show the address."""
    issue = an_issue(database)
    ids = readers(database, addresses(5))
    frozen(database, issue)
    with database.read() as conn:
        first = ledger.listed(conn, issue, limit=3)
        rest = ledger.listed(conn, issue, after=first[-1].recipient.subscriber)
        sent = ledger.listed(conn, issue, DeliveryState.SENT)
    assert [row.recipient.subscriber for row in first + rest] == ids
    assert first[0].recipient.address == "reader1@example.org"
    assert sent == []


def test_the_present_address_is_written_to_and_kept(database):
    """An address changed between freeze and sending is the one that is used and listed."""
    issue = an_issue(database)
    (reader,) = readers(database, ["old@example.org"])
    frozen(database, issue)
    with database.write() as conn:
        conn.execute(
            subscribers.update().where(subscribers.c.id == reader).values(address="new@example.org")
        )
    rows = claimed(database, issue)
    assert rows[0].recipient.address == "new@example.org"
    attempted(database, issue, rows)
    with database.read() as conn:
        assert ledger.listed(conn, issue)[0].recipient.address == "new@example.org"


def test_the_tally_notices_a_lost_row(database):
    """The sum is compared with the number that the freeze wrote down, not with itself."""
    issue = an_issue(database)
    readers(database, addresses(3))
    frozen(database, issue)
    assert tally(database, issue).holds
    with database.write() as conn:
        from digest.store.schema import deliveries

        conn.execute(deliveries.delete().where(deliveries.c.subscriber_id == 1))
    assert not tally(database, issue).holds


def test_earlier_messages_are_counted_for_daily_limits(database):
    """Attempts are counted by when they were, over all issues."""
    issue = an_issue(database)
    readers(database, addresses(3))
    frozen(database, issue)
    hour = timedelta(hours=1)
    for moment in (NOW - hour / 2, NOW - 3 * hour / 2):
        rows = claimed(database, issue, size=1)
        attempted(database, issue, rows)
        settled(database, issue, rows[0].recipient.subscriber, at=moment)
    with database.read() as conn:
        counts = ledger.attempted_between(conn, [NOW - 2 * hour, NOW - hour, NOW])
    assert counts == [1, 1]
