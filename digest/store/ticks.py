"""When the bell last did each thing, and whether it could."""

from __future__ import annotations

from datetime import datetime
from typing import NamedTuple

from sqlalchemy import Connection, select

from digest.store import dialects
from digest.store.schema import ticks


class Tick(NamedTuple):
    """The last time the bell did one thing; *error* is empty if it went well."""

    name: str
    at: datetime
    error: str


def record(conn: Connection, name: str, *, at: datetime, error: str) -> None:
    """Keep that *name* was done at *at*; the time before is forgotten."""
    told = {"at": at, "error": error}
    insert = dialects.insert(conn, ticks).values(name=name, **told)
    conn.execute(insert.on_conflict_do_update(index_elements=["name"], set_=told))


def listed(conn: Connection) -> list[Tick]:
    """Return the ticks by name."""
    return [Tick(*row) for row in conn.execute(select(ticks).order_by(ticks.c.name))]
