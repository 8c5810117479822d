"""Named leases: who holds one may do the work, until when."""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import Connection, delete, or_, select

from digest.store import dialects
from digest.store.schema import leases


def claim(conn: Connection, name: str, *, holder: str, at: datetime, until: datetime) -> bool:
    """
    Return whether *holder* alone has that lease until then; `release` ends it earlier.

    Claiming again is how a holder keeps it. *at* and *until* are the machine's clock, whatever
    week is being worked on: a holder that died must not hold for ever.
    """
    row = {"name": name, "holder": holder, "until": until}
    conn.execute(
        dialects.insert(conn, leases)
        .values(**row)
        .on_conflict_do_update(
            index_elements=["name"],
            set_={"holder": holder, "until": until},
            where=or_(leases.c.until < at, leases.c.holder == holder),
        )
    )
    held = select(leases.c.holder).where(leases.c.name == name)
    return bool(conn.execute(held).scalar_one() == holder)


def release(conn: Connection, name: str, *, holder: str) -> None:
    """End a claim; one that another holds by now is left alone."""
    conn.execute(delete(leases).where(leases.c.name == name, leases.c.holder == holder))
