"""People, their subscriptions, and what proves their consent."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import (
    Column,
    ColumnElement,
    Connection,
    Row,
    Select,
    Text,
    and_,
    any_,
    bindparam,
    delete,
    func,
    literal,
    or_,
    select,
    true,
    update,
)
from sqlalchemy.dialects import postgresql, sqlite

from digest.conditions import Condition
from digest.model import Format, Rhythm, Subscriber, Subscription, SubscriptionState
from digest.store import hooks, segments
from digest.store.schema import (
    bounces,
    consents,
    deliveries,
    issues,
    outbox,
    subscribers,
    subscriptions,
    suppressions,
)

#: Databases limit the values of one statement.
_AT_ONCE = 5000

AnyRow = Row[*tuple[Any, ...]]


@dataclass(frozen=True, slots=True, kw_only=True)
class Reader:
    """A person with the one subscription that is asked about; None if there is none."""

    subscriber: Subscriber
    subscription: Subscription | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Consent:
    """One act on a subscription, and what proves it."""

    at: datetime
    what: str
    source: str
    proof: dict[str, Any]


# --- finding ------------------------------------------------------------------------------


def by_address(conn: Connection, address_key: str) -> Subscriber | None:
    """Return who has that address (`digest.identity.address_key`); None if nobody."""
    row = conn.execute(
        select(subscribers).where(subscribers.c.address_key == address_key)
    ).one_or_none()
    return _subscriber(row) if row else None


def by_id(conn: Connection, subscriber: int) -> Subscriber | None:
    """Return the person of that number; None if nobody is, or an erased one."""
    row = conn.execute(
        select(subscribers).where(
            subscribers.c.id == subscriber, subscribers.c.address.is_not(None)
        )
    ).one_or_none()
    return _subscriber(row) if row else None


def has(conn: Connection, subscriber: int) -> bool:
    """Tell whether that number is somebody's, erased or not."""
    return conn.execute(select(1).where(subscribers.c.id == subscriber)).first() is not None


def people(conn: Connection, *, after: int = 0, limit: int = 1000) -> list[Subscriber]:
    """Return a page of everybody, by number, those after the number *after*; not the erased."""
    query = (
        select(subscribers)
        .where(subscribers.c.id > after, subscribers.c.address.is_not(None))
        .order_by(subscribers.c.id)
        .limit(limit)
    )
    return [_subscriber(row) for row in conn.execute(query)]


def numbers(conn: Connection, address_keys: Collection[str]) -> dict[str, int]:
    """Return the number of each person of *address_keys* who is known."""
    query = select(subscribers.c.address_key, subscribers.c.id).where(
        subscribers.c.address_key.in_(list(address_keys))
    )
    return {row.address_key: row.id for row in conn.execute(query)}


def subscription(conn: Connection, subscriber: int, newsletter: str) -> Subscription | None:
    """Return that person's consent to that newsletter; None if they never gave one."""
    row = conn.execute(
        select(subscriptions).where(
            subscriptions.c.subscriber_id == subscriber, subscriptions.c.newsletter == newsletter
        )
    ).one_or_none()
    return _subscription(row) if row else None


def subscribed_to(conn: Connection, subscriber: int) -> list[Subscription]:
    """Return all consents of that person, by newsletter."""
    query = (
        select(subscriptions)
        .where(subscriptions.c.subscriber_id == subscriber)
        .order_by(subscriptions.c.newsletter)
    )
    return [_subscription(row) for row in conn.execute(query)]


def subscriptions_of(
    conn: Connection, subscribers: Collection[int]
) -> dict[tuple[int, str], Subscription]:
    """Return all consents of those people, by person and newsletter."""
    query = select(subscriptions).where(subscriptions.c.subscriber_id.in_(list(subscribers)))
    found = (_subscription(row) for row in conn.execute(query))
    return {(one.subscriber, one.newsletter): one for one in found}


def addresses(conn: Connection, numbers: Collection[int]) -> dict[int, str]:
    """Return the addresses of those people; who is erased is left out."""
    query = select(subscribers.c.id, subscribers.c.address).where(
        subscribers.c.id.in_(list(numbers)), subscribers.c.address.is_not(None)
    )
    return {row.id: row.address for row in conn.execute(query)}


def languages(conn: Connection, subscribers_: Collection[int]) -> dict[int, str]:
    """Return in which language each of those people wants our words, if they said it."""
    query = select(subscribers.c.id, subscribers.c.language).where(
        subscribers.c.id.in_(list(subscribers_)), subscribers.c.language.is_not(None)
    )
    return {row.id: row.language for row in conn.execute(query)}


def known(conn: Connection, newsletter: str, address_keys: Collection[str]) -> dict[str, Reader]:
    """Return who of *address_keys* is known, with their subscription to *newsletter*."""
    query = (
        select(subscribers, *(c.label(f"s_{c.name}") for c in subscriptions.c))
        .outerjoin(
            subscriptions,
            (subscriptions.c.subscriber_id == subscribers.c.id)
            & (subscriptions.c.newsletter == newsletter),
        )
        .where(_among(conn, subscribers.c.address_key, address_keys))
    )
    return {row.address_key: _reader(row) for row in conn.execute(query)}


def _among(conn: Connection, column: Column[Any], values: Collection[str]) -> ColumnElement[bool]:
    """Return the condition that *column* has one of *values*."""
    if conn.dialect.name == "postgresql":
        # One parameter: thousands of them cost more to write down than to look up.
        return column == any_(literal(list(values), postgresql.ARRAY(Text)))
    return column.in_(list(values))


def listed(
    conn: Connection,
    newsletter: str,
    *,
    states: Collection[SubscriptionState] = (),
    where: Condition | None = None,
    after: int = 0,
    limit: int = 1000,
) -> list[Reader]:
    """
    Return a page of readers by number, those after the number *after*; the erased are out.

    With *states* or *where*, only those who are in one and meet the other.
    """
    query = (
        _joined(newsletter)
        .where(subscribers.c.id > after, subscribers.c.address.is_not(None))
        .order_by(subscribers.c.id)
        .limit(limit)
    )
    if states:
        query = query.where(subscriptions.c.state.in_(list(states)))
    if where is not None:
        query = query.where(segments.clause(conn, where))
    return [_reader(row) for row in conn.execute(query)]


def found(
    conn: Connection,
    newsletter: str,
    *,
    parts: Sequence[str] = (),
    state: SubscriptionState | None = None,
    after: int | None = None,
    most: int,
) -> list[Reader]:
    """
    Return at most *most* readers whose address has one of *parts*, those after the one *after*.

    In the order of their addresses; in a *state* that few are in, or without *parts*, in
    the order in which they came. *parts* are as `digest.identity.address_parts` has them.
    The erased are out.
    """
    if state and (not parts or _few_are(conn, newsletter, state)):
        return _in_state(conn, newsletter, state, parts, after or 0, most)
    query = _joined(newsletter).order_by(subscribers.c.address_key).limit(most)
    query = query.where(_has_part(parts))
    if state:
        query = query.where(subscriptions.c.state == state)
    if after is not None:
        last = select(subscribers.c.address_key).where(subscribers.c.id == after)
        query = query.where(subscribers.c.address_key > last.scalar_subquery())
    return [_reader(row) for row in conn.execute(query)]


def _in_state(
    conn: Connection,
    newsletter: str,
    state: SubscriptionState,
    parts: Sequence[str],
    after: int,
    most: int,
) -> list[Reader]:
    """Return a page by number: of each rhythm a stretch of the index that freezes use."""
    numbers: list[int] = []
    for rhythm in Rhythm:
        stretch = (
            select(subscriptions.c.subscriber_id)
            .join(subscribers, subscribers.c.id == subscriptions.c.subscriber_id)
            .where(
                subscriptions.c.newsletter == newsletter,
                subscriptions.c.rhythm == rhythm,
                subscriptions.c.state == state,
                subscriptions.c.subscriber_id > after,
                _has_part(parts),
            )
            .order_by(subscriptions.c.subscriber_id)
            .limit(most)
        )
        numbers += conn.execute(stretch).scalars()
    page = sorted(numbers)[:most]
    query = _joined(newsletter).where(subscribers.c.id.in_(page)).order_by(subscribers.c.id)
    return [_reader(row) for row in conn.execute(query)]


#: Looking at so many one by one is faster than looking through all addresses.
_FEW = 20_000


def _few_are(conn: Connection, newsletter: str, state: SubscriptionState) -> bool:
    """Tell whether at most `_FEW` readers are in that state; more are not counted."""
    some = (
        select(literal(1).label("one"))
        .where(
            subscriptions.c.newsletter == newsletter,
            subscriptions.c.rhythm.in_(list(Rhythm)),
            subscriptions.c.state == state,
        )
        .limit(_FEW + 1)
        .subquery()
    )
    return conn.execute(select(func.count()).select_from(some)).scalar_one() <= _FEW


def _has_part(parts: Sequence[str]) -> ColumnElement[bool]:
    """Return the condition that somebody has an address, with one of *parts* if there are any."""
    key = subscribers.c.address_key
    named = [key.contains(part, autoescape=True) for part in parts]
    return and_(key.is_not(None), or_(*named) if named else true())


def _joined(newsletter: str) -> Select[Any]:
    return (
        select(subscribers, *(c.label(f"s_{c.name}") for c in subscriptions.c))
        .join(subscriptions, subscriptions.c.subscriber_id == subscribers.c.id)
        .where(subscriptions.c.newsletter == newsletter)
    )


def _reader(row: AnyRow) -> Reader:
    there = row.s_id is not None
    return Reader(
        subscriber=_subscriber(row), subscription=_subscription(row, "s_") if there else None
    )


def _subscriber(row: AnyRow) -> Subscriber:
    return Subscriber(
        id=row.id,
        address=row.address or "",
        name=row.name,
        language=row.language,
        attributes=row.attributes,
        created_at=row.created_at,
    )


def _subscription(row: AnyRow, prefix: str = "") -> Subscription:
    told = {name.removeprefix(prefix): value for name, value in row._mapping.items()}
    return Subscription(
        subscriber=told["subscriber_id"],
        newsletter=told["newsletter"],
        state=SubscriptionState(told["state"]),
        rhythm=Rhythm(told["rhythm"]),
        topics=tuple(told["topics"]),
        format=Format(told["format"]),
        timezone=told["timezone"],
        lists=tuple(told["lists"]),
        source=told["source"],
        consented_at=told["consented_at"],
        confirmed_at=told["confirmed_at"],
        paused_until=told["paused_until"],
        left_at=told["left_at"],
        left_reason=told["left_reason"],
    )


# --- writing ------------------------------------------------------------------------------


def add(conn: Connection, people: Sequence[Mapping[str, Any]]) -> None:
    """
    Add people who are not known yet; who is, stays as they are.

    Each has ``address``, ``address_key``, ``created_at`` and, where told, ``name``,
    ``language``, ``attributes``.
    """
    if people:
        told = [{"name": "", "language": None, "attributes": {}, **person} for person in people]
        insert = _insert(conn, subscribers).on_conflict_do_nothing(index_elements=["address_key"])
        _write(conn, insert, told)


def subscribe(conn: Connection, consented: Sequence[Mapping[str, Any]]) -> None:
    """
    Add subscriptions where a person has none to that newsletter; who has one, keeps it.

    Each has ``subscriber_id``, ``newsletter``, ``state``, ``source``, ``changed_at`` and,
    where told, the other columns.
    """
    if consented:
        usual: dict[str, Any] = {
            "rhythm": Rhythm.WEEKLY,
            "topics": [],
            "lists": [],
            "consented_at": None,
            "confirmed_at": None,
            "left_at": None,
        }
        insert = _insert(conn, subscriptions).on_conflict_do_nothing(
            index_elements=["subscriber_id", "newsletter"]
        )
        _write(conn, insert, [{**usual, **one} for one in consented])


def rename(conn: Connection, subscriber: int, name: str) -> None:
    conn.execute(update(subscribers).where(subscribers.c.id == subscriber).values(name=name))


def speak(conn: Connection, subscriber: int, language: str | None) -> None:
    """Keep in which language that person wants small mails; None: the newsletter's."""
    conn.execute(
        update(subscribers).where(subscribers.c.id == subscriber).values(language=language)
    )


def want(conn: Connection, subscriber: int, address: str | None) -> None:
    """Keep where that person wants to move, until they confirmed it there; None: nowhere."""
    conn.execute(
        update(subscribers).where(subscribers.c.id == subscriber).values(wanted_address=address)
    )


def wanted(conn: Connection, subscriber: int) -> str:
    """Return where that person wants to move; "" if nowhere."""
    query = select(subscribers.c.wanted_address).where(subscribers.c.id == subscriber)
    return conn.execute(query).scalar_one_or_none() or ""


def move(conn: Connection, subscriber: int, address: str, address_key: str) -> None:
    """Give that person another address; an issue under way goes there from now on."""
    conn.execute(
        update(subscribers)
        .where(subscribers.c.id == subscriber)
        .values(address=address, address_key=address_key, wanted_address=None)
    )


def describe(conn: Connection, subscriber: int, attributes: Mapping[str, str]) -> None:
    """Set all attributes of that person."""
    conn.execute(
        update(subscribers).where(subscribers.c.id == subscriber).values(attributes=attributes)
    )


def change(
    conn: Connection, subscriber: int, newsletter: str, *, at: datetime, **values: Any
) -> None:
    """Set columns of a subscription; a sender at work sees it before its next transaction."""
    conn.execute(
        update(subscriptions)
        .where(
            subscriptions.c.subscriber_id == subscriber, subscriptions.c.newsletter == newsletter
        )
        .values(**values, changed_at=at)
    )


def change_all(conn: Connection, changed: Sequence[Mapping[str, Any]]) -> None:
    """
    Set ``state``, ``left_at``, ``left_reason`` and ``changed_at`` of many subscriptions.

    Each has these and whose it is, ``subscriber`` and ``newsletter``.
    """
    if changed:
        theirs = subscriptions.c.subscriber_id == bindparam("subscriber")
        statement = update(subscriptions).where(
            theirs, subscriptions.c.newsletter == bindparam("whose")
        )
        conn.execute(statement, [_renamed(one) for one in changed])


def _renamed(changed: Mapping[str, Any]) -> dict[str, Any]:
    """Return *changed* with a name for its newsletter that no column has."""
    return {("whose" if name == "newsletter" else name): told for name, told in changed.items()}


#: Acts that other programs may be told of.
_HEARD_OF = {
    "confirmed": hooks.JOINED,
    "undone": hooks.JOINED,
    "left": hooks.LEFT,
    "suppressed": hooks.BOUNCED,
}


def prove(conn: Connection, newsletter: str, acts: Sequence[Mapping[str, Any]]) -> None:
    """
    Write down acts of people on their subscription to *newsletter*, with what proves them.

    Each has ``subscriber``, ``at``, ``what``, ``source`` and, where told, ``proof``.
    """
    if not acts:
        return
    query = select(subscriptions.c.id, subscriptions.c.subscriber_id).where(
        subscriptions.c.newsletter == newsletter,
        subscriptions.c.subscriber_id.in_({act["subscriber"] for act in acts}),
    )
    of = {row.subscriber_id: row.id for row in conn.execute(query)}
    hooks.note(
        conn,
        [
            {
                "at": act["at"],
                "what": told,
                "newsletter": newsletter,
                "subscriber_id": act["subscriber"],
                "detail": {"source": act["source"]},
            }
            for act in acts
            if (told := _HEARD_OF.get(str(act["what"])))
        ],
    )
    rows = [
        {
            "subscription_id": of[act["subscriber"]],
            "at": act["at"],
            "what": act["what"],
            "source": act["source"],
            "proof": dict(act.get("proof", {})),
        }
        for act in acts
    ]
    _write(conn, _insert(conn, consents), rows)


def proofs(conn: Connection, subscriber: int, newsletter: str) -> list[Consent]:
    """Return what was written down of that subscription, oldest first."""
    query = (
        select(consents.c.at, consents.c.what, consents.c.source, consents.c.proof)
        .join(subscriptions, subscriptions.c.id == consents.c.subscription_id)
        .where(
            subscriptions.c.subscriber_id == subscriber, subscriptions.c.newsletter == newsletter
        )
        .order_by(consents.c.id)
    )
    return [Consent(**row._asdict()) for row in conn.execute(query)]


@dataclass(frozen=True, slots=True, kw_only=True)
class Received:
    """What became of one issue for one reader."""

    newsletter: str
    issue: str
    state: str
    #: When that was; None while it waits.
    at: datetime | None
    #: The address it went to; "" once retention has dropped it.
    address: str
    answer: str


def deliveries_to(conn: Connection, subscriber: int) -> list[Received]:
    """Return what became of every issue for that person, oldest first."""
    query = (
        select(
            issues.c.newsletter,
            issues.c.key.label("issue"),
            deliveries.c.state,
            deliveries.c.changed_at.label("at"),
            func.coalesce(deliveries.c.address, "").label("address"),
            deliveries.c.answer,
        )
        .join(issues, issues.c.id == deliveries.c.issue_id)
        .where(deliveries.c.subscriber_id == subscriber)
        .order_by(deliveries.c.issue_id)
    )
    return [Received(**row._asdict()) for row in conn.execute(query)]


@dataclass(frozen=True, slots=True, kw_only=True)
class Return:
    """A mail that came back, or came from a reader."""

    at: datetime
    kind: str
    said: str
    outcome: str


def returns_of(conn: Connection, subscriber: int) -> list[Return]:
    """Return what came back of mail to that person, or from them, oldest first."""
    query = (
        select(bounces.c.at, bounces.c.kind, bounces.c.said, bounces.c.outcome)
        .where(bounces.c.subscriber_id == subscriber)
        .order_by(bounces.c.at, bounces.c.id)
    )
    return [Return(**row._asdict()) for row in conn.execute(query)]


# --- suppression and erasure --------------------------------------------------------------


def suppress(
    conn: Connection, address_hash: str, *, reason: str, at: datetime, detail: str = ""
) -> None:
    """Keep that this address gets nothing; the first reason stays."""
    conn.execute(
        _insert(conn, suppressions)
        .values(address_hash=address_hash, reason=reason, at=at, detail=detail)
        .on_conflict_do_nothing(index_elements=["address_hash"])
    )


def suppressed(conn: Connection, address_hashes: Collection[str]) -> set[str]:
    """Return those of *address_hashes* that get nothing."""
    wanted = list(address_hashes)
    return {
        row.address_hash
        for i in range(0, len(wanted), _AT_ONCE)
        for row in conn.execute(
            select(suppressions.c.address_hash).where(
                _among(conn, suppressions.c.address_hash, wanted[i : i + _AT_ONCE])
            )
        )
    }


def suppresses(conn: Connection) -> bool:
    """Tell whether any address gets nothing: most lists begin without one."""
    return conn.execute(select(suppressions.c.address_hash).limit(1)).first() is not None


def bar(conn: Connection, subscriber: int, *, at: datetime) -> None:
    """Suppress all subscriptions of that person; a freeze looks at nothing else."""
    conn.execute(
        update(subscriptions)
        .where(
            subscriptions.c.subscriber_id == subscriber,
            subscriptions.c.state != SubscriptionState.SUPPRESSED,
        )
        .values(state=SubscriptionState.SUPPRESSED, changed_at=at)
    )


def suppressed_at(conn: Connection, address_hash: str) -> datetime | None:
    """Return since when this address gets nothing; None if it may be written to."""
    return conn.execute(
        select(suppressions.c.at).where(suppressions.c.address_hash == address_hash)
    ).scalar_one_or_none()


def lift(conn: Connection, address_hash: str) -> bool:
    """Let this address be written to again: its owner confirmed. False if it might be already."""
    lifted = delete(suppressions).where(suppressions.c.address_hash == address_hash)
    return conn.execute(lifted).rowcount > 0


def erase(conn: Connection, subscriber: int, *, at: datetime) -> None:
    """
    Forget the person: address, name, attributes and the mail to them; their number stays.

    Deliveries keep what became of them, so that an issue's sums still hold. Calling twice
    is safe.
    """
    address = conn.execute(
        select(subscribers.c.address).where(subscribers.c.id == subscriber)
    ).scalar_one()
    conn.execute(
        update(subscribers)
        .where(subscribers.c.id == subscriber)
        .values(
            address=None,
            address_key=None,
            wanted_address=None,
            name="",
            language=None,
            attributes={},
            erased_at=at,
        )
    )
    whose = select(subscriptions.c.id).where(subscriptions.c.subscriber_id == subscriber)
    read = [
        one.newsletter
        for one in subscribed_to(conn, subscriber)
        if one.state in (SubscriptionState.ACTIVE, SubscriptionState.PAUSED)
    ]
    left = {"at": at, "what": hooks.LEFT, "subscriber_id": subscriber}
    hooks.note(conn, [{**left, "newsletter": one, "detail": {"source": "erased"}} for one in read])
    conn.execute(delete(consents).where(consents.c.subscription_id.in_(whose)))
    conn.execute(
        update(subscriptions)
        .where(subscriptions.c.subscriber_id == subscriber)
        .values(
            state=SubscriptionState.LEFT, topics=[], lists=[], source="", left_at=at, changed_at=at
        )
    )
    conn.execute(
        update(deliveries)
        # By the issues, since the rows are in their order: no scan of the whole ledger.
        .where(
            deliveries.c.issue_id.in_(select(issues.c.id)), deliveries.c.subscriber_id == subscriber
        )
        .values(address=None, answer="")
    )
    conn.execute(
        update(bounces)
        .where((bounces.c.subscriber_id == subscriber) | (bounces.c.address == address))
        .values(address=None, said="")
    )
    # Mail that waits must not go, and of what went even the key may hold the address.
    conn.execute(delete(outbox).where(outbox.c.address == address))


def _insert(conn: Connection, table: Any) -> Any:
    return (postgresql if conn.dialect.name == "postgresql" else sqlite).insert(table)


def _write(conn: Connection, insert: Any, rows: Sequence[Mapping[str, Any]]) -> None:
    """Insert many rows, in as few round trips as the database allows."""
    if conn.dialect.name == "postgresql":
        # SQLAlchemy joins rows into one statement only where something is returned.
        insert = insert.returning(insert.table.c.id)
    conn.execute(insert, rows)
