"""What editors decided about proposals: kept until somebody takes it back."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import Connection, delete, select

from digest.store.schema import decisions


@dataclass(frozen=True, slots=True, kw_only=True)
class Decision:
    """An answer to a proposal."""

    #: The proposal's key.
    key: str
    #: What it changes, and what that is about: ``exclude-kind``, ``Podcast``.
    change: str
    about: str
    accepted: bool
    #: The question as it was asked.
    sentence: str
    decided_by: str
    decided_at: datetime


def listed(conn: Connection, newsletter: str) -> list[Decision]:
    """Return the newsletter's decisions, the newest first."""
    query = (
        select(*(each for each in decisions.c if each.name != "newsletter"))
        .where(decisions.c.newsletter == newsletter)
        .order_by(decisions.c.decided_at.desc(), decisions.c.key)
    )
    return [Decision(**row._asdict()) for row in conn.execute(query)]


def accepted(conn: Connection, newsletter: str) -> list[tuple[str, str]]:
    """Return (change, about) of what was accepted, the oldest first."""
    return [(each.change, each.about) for each in listed(conn, newsletter)[::-1] if each.accepted]


def keep(conn: Connection, newsletter: str, decision: Decision) -> None:
    """Keep *decision* in place of an earlier one on the same proposal."""
    forget(conn, newsletter, decision.key)
    values = {name: getattr(decision, name) for name in decision.__slots__}
    conn.execute(decisions.insert().values(newsletter=newsletter, **values))


def forget(conn: Connection, newsletter: str, key: str) -> Decision | None:
    """Take a decision back and return it; None if there was none."""
    found = next((each for each in listed(conn, newsletter) if each.key == key), None)
    conn.execute(
        delete(decisions).where(decisions.c.newsletter == newsletter, decisions.c.key == key)
    )
    return found
