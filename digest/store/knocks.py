"""Who asked to join, as far as it takes to hold back a storm: hashes, domains, prefixes."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import Connection, delete, func, insert, select, update

from digest.store.schema import knocks


@dataclass(frozen=True, slots=True, kw_only=True)
class Counts:
    """What happened since an instant."""

    #: Confirmation mails in all, and to one domain.
    mailed: int
    to_domain: int
    #: Askings from one prefix, mailed or not.
    from_prefix: int


def counts(conn: Connection, *, since: datetime, domain: str, prefix: str) -> Counts:
    """Return how many came and were mailed after *since*."""
    row = conn.execute(
        select(
            func.count().filter(knocks.c.mailed).label("mailed"),
            func.count().filter(knocks.c.mailed, knocks.c.domain == domain).label("to_domain"),
            func.count().filter(knocks.c.prefix == prefix).label("from_prefix"),
        ).where(knocks.c.at > since)
    ).one()
    return Counts(mailed=row.mailed, to_domain=row.to_domain, from_prefix=row.from_prefix)


def mailed(
    conn: Connection, address_hash: str, *, since: datetime | None = None, unanswered: bool = False
) -> int:
    """Return how many confirmation mails went to that address, of all or of those meant."""
    query = select(func.count()).where(knocks.c.address_hash == address_hash, knocks.c.mailed)
    if since is not None:
        query = query.where(knocks.c.at > since)
    if unanswered:
        query = query.where(~knocks.c.answered)
    return int(conn.execute(query).scalar_one())


def add(
    conn: Connection, *, at: datetime, address_hash: str, domain: str, prefix: str, mailed: bool
) -> None:
    """Write down that somebody asked; without a mail, neither address nor domain is kept."""
    conn.execute(
        insert(knocks).values(
            at=at,
            address_hash=address_hash if mailed else "",
            domain=domain if mailed else "",
            prefix=prefix,
            mailed=mailed,
            answered=False,
        )
    )


def answer(conn: Connection, address_hash: str) -> None:
    """Write down that the owner of the address confirmed: what was mailed was wanted."""
    conn.execute(
        update(knocks)
        .where(knocks.c.address_hash == address_hash, ~knocks.c.answered)
        .values(answered=True)
    )


def forget(conn: Connection, *, before: datetime) -> None:
    """Drop what counts for nothing any more: knocks without a mail, and all prefixes."""
    conn.execute(delete(knocks).where(knocks.c.at < before, ~knocks.c.mailed))
    conn.execute(
        update(knocks).where(knocks.c.at < before, knocks.c.prefix != "").values(prefix="")
    )
