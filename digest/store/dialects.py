"""What each kind of database is told in words of its own; nobody else need know which it is."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from typing import Any

from sqlalchemy import Column, ColumnElement, Connection, Table, Text, any_, literal
from sqlalchemy.dialects import postgresql, sqlite


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
