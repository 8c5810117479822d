"""Lists that editors gave the desk, from the comparison to the import."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Any

from sqlalchemy import Connection, Row, insert, select, update

from digest.store.schema import uploads


class UploadState(StrEnum):
    """How far an uploaded list is: `COMPARING` and `IMPORTING` are at work."""

    COMPARING = "comparing"
    COMPARED = "compared"
    IMPORTING = "importing"
    IMPORTED = "imported"
    REFUSED = "refused"
    DROPPED = "dropped"


AT_WORK = (UploadState.COMPARING, UploadState.IMPORTING)
#: A file of theirs is of no use any more.
OVER = (UploadState.IMPORTED, UploadState.REFUSED, UploadState.DROPPED)


@dataclass(frozen=True, slots=True, kw_only=True)
class Upload:
    """One list that somebody uploaded."""

    id: int
    newsletter: str
    at: datetime
    #: Whose account it was.
    by: str
    #: As the file was called.
    name: str
    source: str
    list: str
    attributes: tuple[str, ...]
    state: UploadState
    #: Rows seen so far in this state.
    rows: int
    #: What the comparison found, and what the import came to; None before.
    compared: dict[str, Any] | None
    imported: dict[str, Any] | None
    #: Why it was refused, and what to do; "" otherwise.
    error: str
    changed_at: datetime


def add(
    conn: Connection,
    newsletter: str,
    *,
    by: str,
    name: str,
    source: str,
    list_name: str,
    attributes: Sequence[str],
    now: datetime,
) -> int:
    """Write down that a list came, to be compared; return its number."""
    told = {
        "newsletter": newsletter,
        "at": now,
        "by": by,
        "name": name,
        "source": source,
        "list": list_name,
        "attributes": list(attributes),
        "state": UploadState.COMPARING,
        "rows": 0,
        "error": "",
        "changed_at": now,
    }
    return int(conn.execute(insert(uploads).values(told).returning(uploads.c.id)).scalar_one())


def by_id(conn: Connection, number: int) -> Upload | None:
    """Return the upload of that number; None if there is none."""
    row = conn.execute(select(uploads).where(uploads.c.id == number)).one_or_none()
    return _upload(row) if row else None


def recent(conn: Connection, newsletter: str, *, limit: int) -> list[Upload]:
    """Return the newest ones of *newsletter*, the newest first."""
    query = select(uploads).where(uploads.c.newsletter == newsletter)
    return [_upload(row) for row in conn.execute(query.order_by(uploads.c.id.desc()).limit(limit))]


def in_states(
    conn: Connection, states: Collection[UploadState], *, changed_before: datetime | None = None
) -> list[Upload]:
    """Return those in any of *states*, the oldest first; with an instant, untouched since."""
    query = select(uploads).where(uploads.c.state.in_(list(states)))
    if changed_before is not None:
        query = query.where(uploads.c.changed_at < changed_before)
    return [_upload(row) for row in conn.execute(query.order_by(uploads.c.id))]


def change(
    conn: Connection, number: int, was: UploadState, *, now: datetime, **values: Any
) -> bool:
    """Write *values* of one that is in the state *was*; False if it is in another by now."""
    changed = conn.execute(
        update(uploads)
        .where(uploads.c.id == number, uploads.c.state == was)
        .values(changed_at=now, **values)
    )
    return changed.rowcount == 1


def _upload(row: Row[Any]) -> Upload:
    told = dict(row._mapping)
    state, attributes = UploadState(told.pop("state")), tuple(told.pop("attributes"))
    return Upload(**told, state=state, attributes=attributes)
