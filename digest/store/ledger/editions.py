"""Which edition of an issue each reader got, or will get."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from sqlalchemy import Connection, Select, case, func, literal, select, update

from digest.model import DeliveryState, Format, Variant
from digest.store.ledger.reading import WAITING
from digest.store.schema import deliveries, editions

#: They have it in hand, or may have.
_HAVE = (DeliveryState.SENT, DeliveryState.UNCERTAIN)


@dataclass(frozen=True, slots=True, kw_only=True)
class Reach:
    """How far an issue's editions have come."""

    #: Readers who got an edition that is not the newest one.
    wrong: int
    #: And of whom nobody knows whether they did.
    unsure: int
    #: Readers who wait for the issue.
    waiting: int


def reach(conn: Connection, issue_id: int, *, but: int | None = None) -> Reach:
    """Return how many readers have any edition of the issue other than *but*, and who waits."""
    query = (
        select(deliveries.c.state, func.count())
        .where(deliveries.c.issue_id == issue_id)
        .group_by(deliveries.c.state)
    )
    if but is not None:  # Without it the index alone tells, which takes a fifth of the time.
        query = query.where((deliveries.c.edition_id != but) | deliveries.c.state.not_in(_HAVE))
    counts: dict[str, int] = {state: int(count) for state, count in conn.execute(query)}
    waiting = (*WAITING, DeliveryState.CLAIMED)
    return Reach(
        wrong=counts.get(DeliveryState.SENT, 0),
        unsure=counts.get(DeliveryState.UNCERTAIN, 0),
        waiting=sum(counts.get(state, 0) for state in waiting),
    )


def has_wrong(issue_id: int, edition_id: int) -> Select[tuple[int]]:
    """Select the readers who got, or may have got, another edition of the issue than that one."""
    return select(deliveries.c.subscriber_id).where(
        deliveries.c.issue_id == issue_id,
        deliveries.c.edition_id != edition_id,
        deliveries.c.state.in_(_HAVE),
    )


def hand_out(
    conn: Connection,
    issue_id: int,
    edition_id: int,
    old: Mapping[int, Variant],
    new: Mapping[int, Variant],
) -> int:
    """
    Let everybody who waits get that edition, in the variant that they would have got; how many.

    *old* are the variants of all editions before and *new* those of this one, by row number.
    Whose topics have no variant any more gets the full issue.
    """
    ids = {(each.topics, each.format): one for one, each in new.items()}
    now = {
        one: ids.get((each.topics, each.format)) or ids.get(((), each.format), ids[(), Format.HTML])
        for one, each in old.items()
    }
    variant = case(
        *((deliveries.c.variant_id == one, literal(other)) for one, other in now.items()),
        else_=literal(ids[(), Format.HTML]),
    )
    return conn.execute(
        update(deliveries)
        .where(
            deliveries.c.issue_id == issue_id,
            deliveries.c.edition_id != edition_id,
            deliveries.c.state.in_(WAITING),
        )
        .values(edition_id=edition_id, variant_id=variant)
    ).rowcount


def by_edition(conn: Connection, issue_id: int) -> dict[int, dict[DeliveryState, int]]:
    """Return how many readers are in which state, by the number of their edition."""
    query = (
        select(editions.c.number, deliveries.c.state, func.count())
        .join(editions, editions.c.id == deliveries.c.edition_id)
        .where(deliveries.c.issue_id == issue_id)
        .group_by(editions.c.number, deliveries.c.state)
        .order_by(editions.c.number)
    )
    found: dict[int, dict[DeliveryState, int]] = {}
    for number, state, count in conn.execute(query):
        found.setdefault(number, {})[DeliveryState(state)] = int(count)
    return found
