"""The schedule by which what is known of people goes, and keeping it."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import TYPE_CHECKING

from sqlalchemy import Connection

from digest.identity import address_key
from digest.model.settings import Retention
from digest.readership import uploads
from digest.readership.people import address_hash
from digest.store import Database, erasing, hooks, retention, sessions, suppressions, turnover

if TYPE_CHECKING:
    from digest.config import Loaded

#: So long the hash of an address that was sent a confirmation holds back further ones.
KNOCKS_KEPT = timedelta(days=365)


@dataclass(frozen=True, slots=True, kw_only=True)
class Rule:
    """One line of the schedule, as it stands."""

    #: The key under `retention` in config.yaml.
    key: str
    #: What goes, and after how long.
    sentence: str
    #: How many should have gone by now: the bell takes them within an hour.
    due: int


def keep_schedule(database: Database, loaded: Loaded, *, now: datetime) -> dict[str, int]:
    """
    Let go what `retention` in config.yaml keeps no longer; return how much of each.

    In many small transactions, so that it may run while an issue goes out. Calling twice
    is safe. The counts of who came and went are summed up by the day meanwhile.
    """
    kept = loaded.settings.retention
    gone = {
        "pending": _all(database, lambda conn: _pending(conn, now - kept.pending)),
        "addresses": _all(
            database, lambda conn: retention.drop_addresses(conn, before=now - kept.addresses)
        ),
        "bounced": _all(
            database,
            lambda conn: retention.drop_bounced_addresses(conn, before=now - kept.addresses),
        ),
        "mails": _all(database, lambda conn: retention.drop_mails(conn, before=now - kept.mails)),
        "tasks": _all(database, lambda conn: retention.drop_tasks(conn, before=now - kept.tasks)),
    }
    if kept.left is not None:
        before = now - kept.left
        gone["left"] = _all(database, lambda conn: _left(conn, loaded, before, now))
    gone["uploads"] = uploads.tidy(database, loaded, now=now)
    gone["happenings"] = _all(database, lambda conn: hooks.drop(conn, before=now - kept.mails))
    with database.write() as conn:
        gone["sessions"] = sessions.forget_expired(conn, now=now)
        gone["knocks"] = retention.drop_knocks(conn, before=now - KNOCKS_KEPT)
        turnover.sum_up(conn, before=now)
    return {name: count for name, count in gone.items() if count}


def schedule(database: Database, loaded: Loaded, *, now: datetime) -> Iterator[Rule]:
    """Yield the schedule with what is due by it."""
    kept = loaded.settings.retention
    with database.read() as conn:
        due = retention.due(
            conn,
            pending_before=now - kept.pending,
            addresses_before=now - kept.addresses,
            mails_before=now - kept.mails,
            tasks_before=now - kept.tasks,
            left_before=now - kept.left if kept.left is not None else None,
            ledgers_before=now - kept.ledger if kept.ledger is not None else None,
        )
    for key, sentence in _sentences(kept):
        yield Rule(key=key, sentence=sentence, due=due.get(key, 0))


def _sentences(kept: Retention) -> Iterator[tuple[str, str]]:
    yield "pending", f"Who asked and never confirmed is forgotten after {_days(kept.pending)}."
    yield "addresses", f"The ledger drops addresses {_days(kept.addresses)} after an issue's end."
    if kept.ledger is None:
        yield "ledger", "The ledgers of all issues stay in the database."
    else:
        yield (
            "ledger",
            f"A ledger goes into a file in var/ledgers {_days(kept.ledger)} after its issue's end.",
        )
    yield "mails", f"Confirmations and notices are kept for {_days(kept.mails)}."
    yield "tasks", f"Checks and rehearsals asked for at the desk are kept for {_days(kept.tasks)}."
    if kept.left is None:
        yield "left", "Who left stays known, since their consent may have to be proved."
    else:
        yield "left", f"Who left is forgotten after {_days(kept.left)}, but for a keyed hash."


def _days(duration: timedelta) -> str:
    days = duration / timedelta(days=1)
    return f"{days:g} {'day' if days == 1 else 'days'}"


def _all(database: Database, step: Callable[[Connection], int]) -> int:
    """Repeat *step* in transactions of its own until there is nothing left."""
    total = 0
    while True:
        with database.write() as conn:
            count = step(conn)
        total += count
        if not count:
            return total


def _pending(conn: Connection, before: datetime) -> int:
    found = retention.pending(conn, before=before)
    if found:
        retention.forget_pending(conn, found)
    return len(found)


def _left(conn: Connection, loaded: Loaded, before: datetime, now: datetime) -> int:
    found = retention.gone(conn, before=before)
    for subscriber, address in found:
        hashed = address_hash(loaded, address_key(address))
        suppressions.add(conn, hashed, reason="left", at=now)
        erasing.erase(conn, subscriber, at=now)
    return len(found)
