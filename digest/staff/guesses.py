"""
Slowing down who guesses: passwords, codes of six digits, and how often a mail is asked for.

A guess is counted before it is judged, so that many at one moment do not pass. What is
counted is a keyed hash of whom it is about, whether there is such an account or not.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime, timedelta
from math import ceil
from typing import TYPE_CHECKING

from sqlalchemy import Connection

from digest import tokens
from digest.errors import ConfigError, TooManyGuesses
from digest.store import Database, locks
from digest.store import guesses as store

if TYPE_CHECKING:
    from digest.config import Loaded

#: The wait after the last free guess; each further one doubles it.
FIRST_WAIT = timedelta(seconds=15)
LONGEST_WAIT = timedelta(minutes=15)
#: Without a guess for that long, all is forgotten.
KEPT = timedelta(days=1)


@dataclass(frozen=True, slots=True)
class Limit:
    """What is counted, and how often it is free."""

    what: str
    whose: str
    free: int


def about(address_key: str) -> Limit:
    """Guesses at one account's password."""
    return Limit("password", address_key, free=5)


def from_network(prefix: str) -> Limit:
    """Guesses from one household or office, at whatever account."""
    return Limit("network", prefix, free=30)


def at_factor(account: int) -> Limit:
    """Guesses at one account's second factor."""
    return Limit("second factor", str(account), free=5)


def mails_to(address_key: str) -> Limit:
    """Mails to one address that anybody can ask for."""
    return Limit("reset", address_key, free=3)


def token_key(loaded: Loaded) -> str:
    """Return the key of hashes and second factors; ConfigError where there is none."""
    if not loaded.settings.token_key:
        raise ConfigError(
            "TOKEN_KEY is not set; without it guesses cannot be counted",
            file=str(loaded.folder / ".env"),
            remedy="Run: digest init, or put the key back from your backup.",
        )
    return loaded.settings.token_key


@contextmanager
def counted(database: Database, loaded: Loaded, *limits: Limit, now: datetime) -> Iterator[None]:
    """
    Count a guess under each of *limits*, then run the block, which judges it.

    Where the block ends without an error the guess was right: those about a person are
    forgotten, and the one from a network is not counted. TooManyGuesses, before the block
    runs and whatever it would say, for a guess within a wait.
    """
    count(database, loaded, *limits, now=now)
    yield
    with database.write() as conn:
        locks.take_turn(conn, locks.Turn.GUESSES)
        for limit in limits:
            _excuse(conn, limit, _name(loaded, limit), now)


def count(database: Database, loaded: Loaded, *limits: Limit, now: datetime) -> None:
    """Count one under each of *limits*; TooManyGuesses, and nothing is, within a wait."""
    names = {_name(loaded, limit): limit for limit in limits if limit.whose}
    with database.write() as conn:
        locks.take_turn(conn, locks.Turn.GUESSES)
        store.forget(conn, before=now - KEPT)
        _refuse_early(conn, names, now)
        for name, limit in names.items():
            _count(conn, limit, name, now)


def _name(loaded: Loaded, limit: Limit) -> str:
    return tokens.keyed_hash(token_key(loaded), f"guess: {limit.what}", limit.whose)


def _refuse_early(conn: Connection, names: Iterable[str], now: datetime) -> None:
    waits = [found.until for name in names if (found := store.known(conn, name))]
    if waits and max(waits) > now:
        raise TooManyGuesses(
            "there were too many wrong guesses", seconds=ceil((max(waits) - now).total_seconds())
        )


def _count(conn: Connection, limit: Limit, name: str, now: datetime) -> None:
    found = store.known(conn, name)
    failures = (found.failures if found else 0) + 1
    store.keep(conn, name, failures=failures, until=now + wait_after(limit, failures), now=now)


def _excuse(conn: Connection, limit: Limit, name: str, now: datetime) -> None:
    found = store.known(conn, name)
    if limit.what != "network" or found is None or found.failures <= 1:
        store.forgive(conn, name)
    else:
        # Who has an account must not wash a network clean between guesses at others.
        until = now + wait_after(limit, found.failures - 1)
        store.keep(conn, name, failures=found.failures - 1, until=until, now=now)


def wait_after(limit: Limit, failures: int) -> timedelta:
    """Return how long nothing is heard after so many guesses in a row."""
    beyond = failures - limit.free
    if beyond < 0:
        return timedelta(0)
    return min(FIRST_WAIT * int(2 ** min(beyond, 20)), LONGEST_WAIT)
