"""What each kind of database is told in words of its own; nobody else need know which it is."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from typing import Any, TypeVar

from sqlalchemy import Column, ColumnElement, Connection, Table, Text, any_, literal
from sqlalchemy.dialects import postgresql, sqlite

#: Values in one IN list: SQLite takes 32,766, and plans are kept for equal lengths.
CHUNK = 500

T = TypeVar("T")


def chunks(values: Iterable[T], most: int = CHUNK) -> Iterator[list[T]]:
    """Cut *values* into lists of at most so many; by itself what any database takes at once."""
    told = list(values)
    for at in range(0, len(told), most):
        yield told[at : at + most]


def insert(conn: Connection, table: Table) -> postgresql.Insert | sqlite.Insert:
    """Return an INSERT into *table* that can be told what to do ``on_conflict``."""
    if conn.dialect.name == "postgresql":
        return postgresql.insert(table)
    return sqlite.insert(table)


def insert_all(conn: Connection, insert: Any, rows: Sequence[Mapping[str, Any]]) -> None:
    """Insert many rows, in as few round trips as the database allows."""
    if conn.dialect.name == "postgresql":
        # SQLAlchemy joins rows into one statement only where something is returned.
        insert = insert.returning(insert.table.c.id)
    conn.execute(insert, rows)


def among(conn: Connection, column: Column[Any], values: Collection[str]) -> ColumnElement[bool]:
    """Return the condition that *column* has one of *values*."""
    if conn.dialect.name == "postgresql":
        # One parameter: thousands of them cost more to write down than to look up.
        return column == any_(literal(list(values), postgresql.ARRAY(Text)))
    return column.in_(list(values))
