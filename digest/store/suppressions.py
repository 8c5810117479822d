"""Addresses that get nothing, known by their keyed hashes only."""

from __future__ import annotations

from collections.abc import Collection
from datetime import datetime

from sqlalchemy import Connection, delete, select, update

from digest.model import SubscriptionState
from digest.store import dialects
from digest.store.schema import subscriptions, suppressions

#: Databases limit the values of one statement.
_AT_ONCE = 5000


def add(
    conn: Connection, address_hash: str, *, reason: str, at: datetime, detail: str = ""
) -> None:
    """Keep that this address gets nothing; the first reason stays."""
    conn.execute(
        dialects.insert(conn, suppressions)
        .values(address_hash=address_hash, reason=reason, at=at, detail=detail)
        .on_conflict_do_nothing(index_elements=["address_hash"])
    )


def among(conn: Connection, address_hashes: Collection[str]) -> set[str]:
    """Return those of *address_hashes* that get nothing."""
    return {
        row.address_hash
        for some in dialects.chunks(address_hashes, _AT_ONCE)
        for row in conn.execute(
            select(suppressions.c.address_hash).where(
                dialects.among(conn, suppressions.c.address_hash, some)
            )
        )
    }


def exist(conn: Connection) -> bool:
    """Tell whether any address gets nothing: most lists begin without one."""
    return conn.execute(select(suppressions.c.address_hash).limit(1)).first() is not None


def since(conn: Connection, address_hash: str) -> datetime | None:
    """Return since when this address gets nothing; None if it may be written to."""
    return conn.execute(
        select(suppressions.c.at).where(suppressions.c.address_hash == address_hash)
    ).scalar_one_or_none()


def lift(conn: Connection, address_hash: str) -> bool:
    """Let this address be written to again: its owner confirmed. False if it might be already."""
    lifted = delete(suppressions).where(suppressions.c.address_hash == address_hash)
    return conn.execute(lifted).rowcount > 0


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
