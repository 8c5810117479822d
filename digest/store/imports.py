"""Lists on their way in: whole batches written at once, and how far each import has come."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, NamedTuple

from sqlalchemy import (
    JSON,
    Column,
    ColumnElement,
    Connection,
    FromClause,
    Integer,
    Table,
    Text,
    cast,
    func,
    insert,
    literal,
    select,
    update,
)
from sqlalchemy.dialects import postgresql, sqlite

from digest.errors import ReaderError
from digest.store.schema import Instant, consents, imports, subscribers, subscriptions


@dataclass(frozen=True, slots=True, kw_only=True)
class Standing:
    """How far an import has come."""

    id: int
    started_at: datetime
    #: Rows that are written, of those that could be taken.
    done: int
    #: What became of them: {outcome: count}.
    counts: dict[str, int]


def unfinished(conn: Connection, newsletter: str, fingerprint: str) -> Standing | None:
    """Return the import of that list that was stopped; None if there is none."""
    query = (
        select(imports)
        .where(
            imports.c.newsletter == newsletter,
            imports.c.fingerprint == fingerprint,
            imports.c.finished_at.is_(None),
        )
        .order_by(imports.c.id.desc())
        .limit(1)
    )
    row = conn.execute(query).one_or_none()
    return (
        Standing(id=row.id, started_at=row.started_at, done=row.done, counts=dict(row.counts))
        if row
        else None
    )


def begin(
    conn: Connection,
    newsletter: str,
    fingerprint: str,
    *,
    files: Sequence[str],
    source: str,
    now: datetime,
) -> Standing:
    """Write down that an import begins."""
    number = conn.execute(
        insert(imports)
        .values(
            newsletter=newsletter,
            fingerprint=fingerprint,
            files=list(files),
            source=source,
            started_at=now,
            done=0,
            counts={},
        )
        .returning(imports.c.id)
    ).scalar_one()
    return Standing(id=number, started_at=now, done=0, counts={})


def advance(
    conn: Connection, standing: Standing, *, done: int, counts: Mapping[str, int]
) -> Standing:
    """
    Write down how far an import has come, in the transaction that wrote its rows.

    ReaderError, and nothing is to be kept, if another process takes the same list in.
    """
    moved = conn.execute(
        update(imports)
        .where(imports.c.id == standing.id, imports.c.done == standing.done)
        .values(done=done, counts=dict(counts))
    )
    if moved.rowcount != 1:
        raise ReaderError(
            "another process imports the same list just now",
            remedy="Wait for it, or stop it and repeat the command.",
        )
    return Standing(id=standing.id, started_at=standing.started_at, done=done, counts=dict(counts))


def finish(conn: Connection, standing: Standing, *, now: datetime) -> None:
    conn.execute(update(imports).where(imports.c.id == standing.id).values(finished_at=now))


# --- a batch at once ----------------------------------------------------------------------


class Newcomer(NamedTuple):
    """Somebody who has no subscription to the newsletter yet."""

    address: str
    address_key: str
    name: str
    language: str | None
    attributes: Mapping[str, str]
    state: str
    rhythm: str
    topics: Sequence[str]
    lists: Sequence[str]
    source: str
    consented_at: datetime
    left_at: datetime | None
    proof: Mapping[str, Any]


def take_in(
    conn: Connection,
    newsletter: str,
    people: Sequence[Newcomer],
    *,
    acts: Sequence[str],
    now: datetime,
) -> None:
    """
    Write people, their subscriptions and the *acts* that made them: a few statements for all.

    Who is known as a person keeps name, language and attributes. Nobody of *people* may
    have a subscription to *newsletter*, or stand among them twice.
    """
    if not people:
        return
    told = _Told(conn, people)
    person = {
        "address": told.text("address"),
        "address_key": told.text("address_key"),
        "name": told.text("name"),
        "language": told.text("language"),
        "attributes": told.json("attributes"),
        "created_at": literal(now, Instant),
    }
    fresh = _insert(conn, subscribers, person, told.rows)
    conn.execute(fresh.on_conflict_do_nothing(index_elements=["address_key"]))
    # Everybody is there by now. Outer joins keep the order: SQLite would begin with all readers
    # of the newsletter and look each of them up among *people*.
    known = told.rows.outerjoin(subscribers, subscribers.c.address_key == told.text("address_key"))
    subscription = {
        "subscriber_id": subscribers.c.id,
        "newsletter": literal(newsletter),
        "state": told.text("state"),
        "rhythm": told.text("rhythm"),
        "topics": told.json("topics"),
        "lists": told.json("lists"),
        "source": told.text("source"),
        "consented_at": told.instant("consented_at"),
        "left_at": told.instant("left_at"),
        "changed_at": literal(now, Instant),
    }
    conn.execute(_insert(conn, subscriptions, subscription, known))
    subscribed = known.outerjoin(
        subscriptions,
        (subscriptions.c.subscriber_id == subscribers.c.id)
        & (subscriptions.c.newsletter == newsletter),
    )
    for act in acts:
        proof = {
            "subscription_id": subscriptions.c.id,
            "at": literal(now, Instant),
            "what": literal(act),
            "source": told.text("source"),
            "proof": told.json("proof"),
        }
        conn.execute(_insert(conn, consents, proof, subscribed))


def _insert(conn: Connection, table: Table, values: Mapping[str, Any], rows: FromClause) -> Any:
    made = (postgresql if conn.dialect.name == "postgresql" else sqlite).insert(table)
    # SQLite takes ON CONFLICT after a SELECT for part of its join, but not after a WHERE.
    columns = [value.label(name) for name, value in values.items()]
    chosen = select(*columns).select_from(rows).where(literal(1) == 1)
    return made.from_select(list(values), chosen, include_defaults=False)


class _Told:
    """
    People as one parameter of JSON, which the database itself takes apart into rows.

    A row a statement would cost as much as everything else that an import does.
    """

    def __init__(self, conn: Connection, people: Sequence[Newcomer]) -> None:
        self._on_postgresql = conn.dialect.name == "postgresql"
        told = literal(json.dumps(people, default=self._stored), Text)
        if self._on_postgresql:
            each = func.json_array_elements(cast(told, JSON))
        else:
            each = func.json_each(told)
        self.rows = (
            each.table_valued(Column("value", JSON)).render_derived()
            if (self._on_postgresql)
            else each.table_valued("value")
        )

    def _stored(self, value: object) -> str:
        """Return an instant as the database keeps it."""
        if not isinstance(value, datetime):
            raise TypeError(f"{type(value).__name__} is not kept of a reader")
        at = value.astimezone(UTC)
        return at.isoformat() if self._on_postgresql else f"{at:%Y-%m-%d %H:%M:%S.%f}"

    def text(self, name: str) -> ColumnElement[Any]:
        return self._cell(name, "->>")

    def json(self, name: str) -> ColumnElement[Any]:
        return self._cell(name, "->")

    def instant(self, name: str) -> ColumnElement[Any]:
        text = self.text(name)
        return cast(text, Instant) if self._on_postgresql else text

    def _cell(self, name: str, operator: str) -> ColumnElement[Any]:
        place = Newcomer._fields.index(name)
        if self._on_postgresql:
            return self.rows.c.value.op(operator)(literal(place, Integer))
        return func.json_extract(self.rows.c.value, f"$[{place}]")
