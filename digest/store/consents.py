"""What people did about their subscriptions, and what proves it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, select

from digest.store import dialects, hooks, turnover
from digest.store.schema import consents, subscriptions


@dataclass(frozen=True, slots=True, kw_only=True)
class Consent:
    """One act on a subscription, and what proves it."""

    at: datetime
    what: str
    source: str
    proof: dict[str, Any]


#: Acts that other programs may be told of.
_HEARD_OF = {
    "confirmed": hooks.JOINED,
    "undone": hooks.JOINED,
    "left": hooks.LEFT,
    "suppressed": hooks.BOUNCED,
}


def prove(conn: Connection, newsletter: str, acts: Sequence[Mapping[str, Any]]) -> None:
    """
    Write down acts of people on their subscription to *newsletter*, with what proves them.

    Each has ``subscriber``, ``at``, ``what``, ``source`` and, where told, ``proof``.
    """
    if not acts:
        return
    query = select(subscriptions.c.id, subscriptions.c.subscriber_id).where(
        subscriptions.c.newsletter == newsletter,
        subscriptions.c.subscriber_id.in_({act["subscriber"] for act in acts}),
    )
    of = {row.subscriber_id: row.id for row in conn.execute(query)}
    hooks.note(
        conn,
        [
            {
                "at": act["at"],
                "what": told,
                "newsletter": newsletter,
                "subscriber_id": act["subscriber"],
                "detail": {"source": act["source"]},
            }
            for act in acts
            if (told := _HEARD_OF.get(str(act["what"])))
        ],
    )
    rows = [
        {
            "subscription_id": of[act["subscriber"]],
            "at": act["at"],
            "what": act["what"],
            "source": act["source"],
            "proof": dict(act.get("proof", {})),
        }
        for act in acts
    ]
    dialects.insert_all(conn, dialects.insert(conn, consents), rows)
    turnover.note(conn, newsletter, ((act["at"], act["what"]) for act in acts))


def proofs(conn: Connection, subscriber: int, newsletter: str) -> list[Consent]:
    """Return what was written down of that subscription, oldest first."""
    query = (
        select(consents.c.at, consents.c.what, consents.c.source, consents.c.proof)
        .join(subscriptions, subscriptions.c.id == consents.c.subscription_id)
        .where(
            subscriptions.c.subscriber_id == subscriber, subscriptions.c.newsletter == newsletter
        )
        .order_by(consents.c.id)
    )
    return [Consent(**row._asdict()) for row in conn.execute(query)]
