"""The store of readers, on both databases."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

from sqlalchemy import Connection, select

from digest.model import DeliveryState, SubscriptionState
from digest.store import (
    Database,
    bounces,
    consents,
    erasing,
    outbox,
    readers,
    subscribers,
    subscriptions,
    suppressions,
)
from digest.store.schema import deliveries
from digest.store.schema import subscriptions as subscription_rows
from tests.audience import NEWSLETTER, NOW, addresses, an_issue, frozen
from tests.audience import readers as subscribed

LATER = NOW + timedelta(hours=1)


def a_person(conn: Connection, address: str, **told: Any) -> int:
    """Somebody with a subscription; their number."""
    person = {"address": address, "address_key": address.casefold(), "created_at": NOW}
    subscribers.add(conn, [{**person, **told}])
    number = subscribers.numbers(conn, [address.casefold()])[address.casefold()]
    consented = {"newsletter": NEWSLETTER, "state": SubscriptionState.ACTIVE, "source": "a test"}
    subscriptions.add(conn, [{**consented, "subscriber_id": number, "changed_at": NOW}])
    return number


def test_adding_again_keeps_who_is_there(database: Database) -> None:
    """A second person of the same address, or a second subscription, changes nothing."""
    with database.write() as conn:
        first = a_person(conn, "Ana@example.org", name="Ana", language="pt")
        assert a_person(conn, "ana@example.org", name="Another") == first
        person = subscribers.by_address(conn, "ana@example.org")
        assert person == subscribers.by_id(conn, first)
        assert person is not None
        assert (person.address, person.name, person.language) == ("Ana@example.org", "Ana", "pt")
        assert person.created_at == NOW
        assert len(subscriptions.of_subscriber(conn, first)) == 1


def test_nothing_is_written_for_nobody(database: Database) -> None:
    """Empty batches are no error."""
    with database.write() as conn:
        subscribers.add(conn, [])
        subscriptions.add(conn, [])
        consents.prove(conn, NEWSLETTER, [])
        assert readers.known(conn, NEWSLETTER, []) == {}
        assert subscribers.numbers(conn, []) == {}
        assert suppressions.among(conn, []) == set()


def test_known_tells_persons_from_readers(database: Database) -> None:
    """A person without a subscription to that newsletter is known, with none."""
    with database.write() as conn:
        a_person(conn, "ana@example.org")
        subscribers.add(conn, [{"address": "b@example.org", "address_key": "b@example.org",
                            "created_at": NOW}])  # fmt: skip
        found = readers.known(conn, NEWSLETTER, ["ana@example.org", "b@example.org", "c@c.test"])
        other = readers.known(conn, "another", ["ana@example.org"])
    assert sorted(found) == ["ana@example.org", "b@example.org"]
    assert found["ana@example.org"].subscription is not None
    assert found["b@example.org"].subscription is None
    assert other["ana@example.org"].subscription is None


def test_pages_hold_each_reader_once(database: Database) -> None:
    """Page after page, by number, everybody comes once, also while others join."""
    subscribed(database, addresses(25))
    seen: list[str] = []
    after = 0
    while True:
        with database.read() as conn:
            page = readers.listed(conn, NEWSLETTER, after=after, limit=10)
        if not page:
            break
        seen += [reader.subscriber.address for reader in page]
        after = page[-1].subscriber.id
        if len(seen) == 10:
            subscribed(database, ["late@example.org"])
    assert seen == [*addresses(25), "late@example.org"]


def test_pages_can_be_of_some_states(database: Database) -> None:
    """Only those whose state is asked for."""
    subscribed(database, ["ana@example.org"])
    subscribed(database, ["ben@example.org"], state=SubscriptionState.LEFT)
    with database.read() as conn:
        left = readers.listed(conn, NEWSLETTER, states=[SubscriptionState.LEFT])
    assert [reader.subscriber.address for reader in left] == ["ben@example.org"]


def test_a_change_is_seen_by_a_sender(database: Database) -> None:
    """Every change moves `changed_at`, by which a sender at work sees who left."""
    (reader,) = subscribed(database, ["ana@example.org"])
    with database.write() as conn:
        state = SubscriptionState.LEFT
        subscriptions.change(conn, reader, NEWSLETTER, at=LATER, state=state, left_at=LATER)
        changed = conn.execute(select(subscription_rows.c.changed_at)).scalar_one()
        one = subscriptions.find(conn, reader, NEWSLETTER)
    assert changed == LATER
    assert one is not None
    assert (one.state, one.left_at) == (state, LATER)


def test_proofs_come_in_order(database: Database) -> None:
    """What was written down of a subscription comes back whole, oldest first."""
    with database.write() as conn:
        ana, ben = a_person(conn, "ana@example.org"), a_person(conn, "ben@example.org")
        act = {"subscriber": ana, "at": NOW, "source": "form"}
        proof = {"form": "v2", "line": 3}
        consents.prove(conn, NEWSLETTER, [{**act, "what": "asked", "proof": proof},
                                         {**act, "what": "confirmed", "at": LATER}])  # fmt: skip
        found = consents.proofs(conn, ana, NEWSLETTER)
        assert consents.proofs(conn, ben, NEWSLETTER) == []
    assert [(c.what, c.at, c.proof) for c in found] == [
        ("asked", NOW, proof),
        ("confirmed", LATER, {}),
    ]


def test_a_suppression_keeps_its_first_reason(database: Database) -> None:
    """Suppressing twice keeps the first time; lifting twice is lifting once."""
    with database.write() as conn:
        suppressions.add(conn, "0" * 64, reason="complaint", at=NOW)
        suppressions.add(conn, "0" * 64, reason="imported", at=LATER)
        assert suppressions.since(conn, "0" * 64) == NOW
        assert suppressions.among(conn, ["0" * 64, "1" * 64]) == {"0" * 64}
        for _ in range(2):
            suppressions.lift(conn, "0" * 64)
            assert suppressions.since(conn, "0" * 64) is None


def test_who_is_barred_gets_no_issue(database: Database) -> None:
    """A freeze leaves out who was barred, in every newsletter."""
    ana, _ = subscribed(database, ["ana@example.org", "ben@example.org"])
    with database.write() as conn:
        suppressions.bar(conn, ana, at=LATER)
    count, excluded = frozen(database, an_issue(database))
    assert (count, excluded) == (1, {"suppressed": 1})


def test_an_erased_person_stays_in_the_sums(database: Database) -> None:
    """Deliveries keep their state without the address; waiting mail to the person is gone."""
    (ana,) = subscribed(database, ["ana@example.org"])
    issue = an_issue(database)
    frozen(database, issue)
    with database.write() as conn:
        letter = {
            "newsletter": NEWSLETTER,
            "kind": "confirm",
            "subject": "",
            "html": "",
            "text": "",
        }
        for address in ("ana@example.org", "ben@example.org"):
            outbox.put(conn, idempotency_key=f"confirm {address}", address=address,
                       due_at=NOW, now=NOW, **letter)  # fmt: skip
        for _ in range(2):
            erasing.erase(conn, ana, at=LATER)
        row = conn.execute(select(deliveries)).one()
        assert (row.subscriber_id, row.state, row.address) == (ana, DeliveryState.PENDING, None)
        assert not outbox.holds(conn, "confirm ana@example.org")
        assert outbox.holds(conn, "confirm ben@example.org")
        assert subscribers.by_id(conn, ana) is None
        assert subscribers.by_address(conn, "ana@example.org") is None
        assert readers.listed(conn, NEWSLETTER) == []


def test_erasing_again_forgets_nothing_of_others(database: Database) -> None:
    """What came back keeps the server's words after its address was dropped for its age."""
    with database.write() as conn:
        ana = a_person(conn, "ana@example.org")
        told = {"key": "<1@x>", "at": NOW, "kind": "bounce", "outcome": "counted"}
        bounces.keep(conn, bounces.Fact(**told, said="550 no such user"))
        for _ in range(2):
            erasing.erase(conn, ana, at=LATER)
        (fact,) = bounces.listed(conn)
        assert fact.said == "550 no such user"


def test_instants_come_back_aware(database: Database) -> None:
    """An instant written in another zone is read in UTC."""
    eastern = datetime.fromisoformat("2026-05-01T08:00:00-04:00")
    (reader,) = subscribed(database, ["ana@example.org"], consented_at=eastern)
    with database.read() as conn:
        one = subscriptions.find(conn, reader, NEWSLETTER)
    assert one is not None
    assert one.consented_at == eastern
    assert one.consented_at.tzinfo is UTC
