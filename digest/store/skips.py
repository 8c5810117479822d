"""Days that editors left out of a newsletter's calendar, beside the holidays of config.yaml."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, datetime
from typing import Any

from sqlalchemy import Connection, select

from digest.store.schema import skips


@dataclass(frozen=True, slots=True, kw_only=True)
class Skip:
    """A day on which the newsletter's issue does not go out."""

    #: In the newsletter's zone.
    day: date
    #: "" where nobody said why.
    reason: str
    decided_by: str
    decided_at: datetime


def listed(conn: Connection, newsletter: str) -> list[Skip]:
    """Return the newsletter's days, the earliest first; past ones too."""
    query = select(skips).where(skips.c.newsletter == newsletter).order_by(skips.c.day)
    return [
        Skip(
            day=date.fromisoformat(row.day),
            reason=row.reason,
            decided_by=row.decided_by,
            decided_at=row.decided_at,
        )
        for row in conn.execute(query)
    ]


def add(conn: Connection, newsletter: str, skip: Skip) -> None:
    """Leave the day out from now on, for the reason given last."""
    remove(conn, newsletter, skip.day)
    values: dict[str, Any] = {
        "newsletter": newsletter,
        "day": skip.day.isoformat(),
        "reason": skip.reason,
        "decided_by": skip.decided_by,
        "decided_at": skip.decided_at,
    }
    conn.execute(skips.insert().values(**values))


def remove(conn: Connection, newsletter: str, day: date) -> bool:
    """Leave the day out no longer; tell whether it was."""
    which = (skips.c.newsletter == newsletter) & (skips.c.day == day.isoformat())
    return conn.execute(skips.delete().where(which)).rowcount > 0
