"""
What is kept in memory from one draft to the next: past publications counted, and the draft.

The bell asks for each open issue's draft twice a minute; most of the time nothing has changed.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime
from threading import Lock
from typing import TYPE_CHECKING

from sqlalchemy import Connection

from digest.model import Draft, IssueId, Wording
from digest.store import publications

if TYPE_CHECKING:
    from digest.themes import Counted

#: So many publications back; more change no label.
LIMIT = 2000
#: Histories kept, the last used ones: one takes a few megabytes.
_MOST = 16
#: Issues whose last draft is kept: what it is made of takes a megabyte where there is much.
_FEW = 8

_lock = Lock()
_kept: dict[tuple[str, int, datetime], tuple[frozenset[Wording], Counted]] = {}
_drafts: dict[IssueId, tuple[object, Draft]] = {}


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
    key = (newsletter_key, limit, before)
    with _lock:
        # Two issues that are open look back on nearly the same.
        near = [each for each in _kept if each[:2] == key[:2]]
        nearest = key if key in _kept else next(reversed(near), None)
        then, known = _kept[nearest] if nearest else (frozenset(), Counted())
    now = known.changed(more=said - then, less=then - said)
    with _lock:
        _kept.pop(key, None)
        _kept[key] = said, now
        while len(_kept) > _MOST:
            del _kept[next(iter(_kept))]
    return now


def draft(of: IssueId, made_of: object, make: Callable[[], Draft]) -> Draft:
    """
    Return what *make* returns; what it returned last for that issue if made of the same.

    *made_of* is all that the draft depends on, and nobody changes it afterwards. Several
    threads may call it.
    """
    with _lock:
        then, known = _drafts.get(of, (None, None))
    if known is not None and then == made_of:
        return known
    made = make()
    with _lock:
        _drafts.pop(of, None)
        _drafts[of] = made_of, made
        while len(_drafts) > _FEW:
            del _drafts[next(iter(_drafts))]
    return made
