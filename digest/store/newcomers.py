"""People who have no subscription yet, a whole batch written with a few statements."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import Any, NamedTuple

from sqlalchemy import ColumnElement, Connection, FromClause, Table, Text, func, literal, select
from sqlalchemy.dialects import sqlite

from digest.store import turnover
from digest.store.schema import Instant, consents, subscribers, subscriptions


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
    format: str
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
    if people:
        take = _postgresql if conn.dialect.name == "postgresql" else _sqlite
        take(conn, newsletter, people, acts, now)
        turnover.note(conn, newsletter, ((now, act) for act in acts for _ in people))


# --- PostgreSQL: numbers drawn first, then whole columns ------------------------------------

_DRAWN = "SELECT nextval(pg_get_serial_sequence(%s, 'id')) FROM generate_series(1, %s)"
_NUMBERS = "SELECT address_key, id FROM subscribers WHERE address_key = ANY (%s::text[])"


def _insert_columns(table: str, fixed: Sequence[str], columns: Mapping[str, str]) -> str:
    """
    Return an INSERT of *fixed* values and of columns, told with their types, as arrays of JSON.

    The driver takes ten times as long to write an array of PostgreSQL's own.
    """
    spread = ", ".join(
        f"json_array_elements{'' if kind == 'json' else '_text'}(%s::json)"
        for kind in columns.values()
    )
    cells = ", ".join(f"r.{name}::{kind}" for name, kind in columns.items())
    return (
        f"INSERT INTO {table} ({', '.join((*fixed, *columns))}) "  # noqa: S608 - our own names
        f"SELECT {', '.join('%s' for _ in fixed)}, {cells} "
        f"FROM ROWS FROM ({spread}) AS r ({', '.join(columns)})"
    )


_PERSON = {
    "id": "bigint",
    "address": "text",
    "address_key": "text",
    "name": "text",
    "language": "text",
    "attributes": "json",
}
_SUBSCRIPTION = {
    "id": "bigint",
    "subscriber_id": "bigint",
    "state": "text",
    "rhythm": "text",
    "topics": "json",
    "format": "text",
    "lists": "json",
    "source": "text",
    "consented_at": "timestamptz",
    "left_at": "timestamptz",
}
_CONSENT = {"subscription_id": "bigint", "source": "text", "proof": "json"}
_PEOPLE = (
    _insert_columns("subscribers", ("created_at",), _PERSON)
    + " ON CONFLICT (address_key) DO NOTHING"
)
_SUBSCRIPTIONS = _insert_columns("subscriptions", ("newsletter", "changed_at"), _SUBSCRIPTION)
_CONSENTS = _insert_columns("consents", ("at", "what"), _CONSENT)


def _postgresql(
    conn: Connection,
    newsletter: str,
    people: Sequence[Newcomer],
    acts: Sequence[str],
    now: datetime,
) -> None:
    """
    Write each table's rows as one array a column.

    Their numbers are drawn before, so that no row has to be looked up again to refer to it:
    finding what an INSERT … SELECT has just written costs as much as writing it.
    """
    told: dict[str, list[Any]] = {
        name: [person[place] for person in people] for place, name in enumerate(Newcomer._fields)
    }
    told["subscriber_id"] = told["id"] = _drawn(conn, "subscribers", len(people))
    fresh = conn.exec_driver_sql(_PEOPLE, (now, *_arrays(told, _PERSON)))
    if fresh.rowcount < len(people):
        # Some are known from another newsletter, or joined a moment ago.
        found = conn.exec_driver_sql(_NUMBERS, (told["address_key"],))
        known: dict[str, int] = {row.address_key: row.id for row in found}
        told["subscriber_id"] = [known[key] for key in told["address_key"]]
    told["subscription_id"] = told["id"] = _drawn(conn, "subscriptions", len(people))
    conn.exec_driver_sql(_SUBSCRIPTIONS, (newsletter, now, *_arrays(told, _SUBSCRIPTION)))
    for act in acts:
        conn.exec_driver_sql(_CONSENTS, (now, act, *_arrays(told, _CONSENT)))


def _drawn(conn: Connection, table: str, count: int) -> list[int]:
    return list(conn.exec_driver_sql(_DRAWN, (table, count)).scalars())


def _arrays(told: Mapping[str, Sequence[Any]], columns: Mapping[str, str]) -> list[str]:
    return [json.dumps(told[name], default=datetime.isoformat) for name in columns]


# --- SQLite: one parameter of JSON ---------------------------------------------------------


def _sqlite(
    conn: Connection,
    newsletter: str,
    people: Sequence[Newcomer],
    acts: Sequence[str],
    now: datetime,
) -> None:
    told = _Told(people)
    person = {
        "address": told.cell("address"),
        "address_key": told.cell("address_key"),
        "name": told.cell("name"),
        "language": told.cell("language"),
        "attributes": told.cell("attributes"),
        "created_at": literal(now, Instant),
    }
    fresh = _insert(subscribers, person, told.rows)
    conn.execute(fresh.on_conflict_do_nothing(index_elements=["address_key"]))
    # Everybody is there by now. Outer joins keep the order: SQLite would begin with all readers
    # of the newsletter and look each of them up among *people*.
    known = told.rows.outerjoin(subscribers, subscribers.c.address_key == told.cell("address_key"))
    subscription = {
        "subscriber_id": subscribers.c.id,
        "newsletter": literal(newsletter),
        **{name: told.cell(name) for name in ("state", "rhythm", "topics", "format", "lists")},
        "source": told.cell("source"),
        "consented_at": told.cell("consented_at"),
        "left_at": told.cell("left_at"),
        "changed_at": literal(now, Instant),
    }
    conn.execute(_insert(subscriptions, subscription, known))
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
            "source": told.cell("source"),
            "proof": told.cell("proof"),
        }
        conn.execute(_insert(consents, proof, subscribed))


def _insert(table: Table, values: Mapping[str, Any], rows: FromClause) -> Any:
    # SQLite takes ON CONFLICT after a SELECT for part of its join, but not after a WHERE.
    columns = [value.label(name) for name, value in values.items()]
    chosen = select(*columns).select_from(rows).where(literal(1) == 1)
    return sqlite.insert(table).from_select(list(values), chosen, include_defaults=False)


class _Told:
    """
    People as one parameter of JSON, which the database itself takes apart into rows.

    A row a statement would cost as much as everything else that an import does.
    """

    def __init__(self, people: Sequence[Newcomer]) -> None:
        each = func.json_each(literal(json.dumps(people, default=_stored), Text))
        self.rows = each.table_valued("value")

    def cell(self, name: str) -> ColumnElement[Any]:
        return func.json_extract(self.rows.c.value, f"$[{Newcomer._fields.index(name)}]")


def _stored(value: object) -> str:
    """Return an instant as SQLite keeps it."""
    if not isinstance(value, datetime):
        raise TypeError(f"{type(value).__name__} is not kept of a reader")
    return f"{value.astimezone(UTC):%Y-%m-%d %H:%M:%S.%f}"
