"""What a newsletter published before, counted: kept in memory from one draft to the next."""

from __future__ import annotations

from datetime import datetime
from threading import Lock
from typing import TYPE_CHECKING

from sqlalchemy import Connection

from digest.model import Wording
from digest.store import publications

if TYPE_CHECKING:
    from digest.themes import Counted

#: So many publications back; more change no label.
LIMIT = 2000
#: Histories kept, the last used ones: one takes a few megabytes.
_MOST = 16

_lock = Lock()
_kept: dict[tuple[str, int], tuple[frozenset[Wording], Counted]] = {}


def counted(
    conn: Connection, newsletter_key: str, *, before: datetime, limit: int = LIMIT
) -> Counted:
    """
    Return what the newsletter's publications before then say, counted.

    Only what came, went or was rewritten since the last call is read; the answer is the
    same as if all were. Several threads may call it.
    """
    from digest.themes import Counted

    said = frozenset(publications.history(conn, newsletter_key, before=before, limit=limit))
    key = (newsletter_key, limit)
    with _lock:
        then, known = _kept.pop(key, (frozenset(), Counted()))
        _kept[key] = then, known
    now = known.changed(more=said - then, less=then - said)
    with _lock:
        _kept.pop(key, None)
        _kept[key] = said, now
        while len(_kept) > _MOST:
            del _kept[next(iter(_kept))]
    return now
