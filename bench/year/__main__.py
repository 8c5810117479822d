"""
A year of Fridays in fast time: two desks and two bells on one database, killed at random.

    python -m bench.year [--minutes 10] [--seed N]

Half of the time goes to SQLite and half to PostgreSQL, and more where that is no year of
Fridays. Each issue must exist once, and be sent once to each reader or held with a reason;
exit 1 and a line for each that was not.
"""

from __future__ import annotations

import argparse
import sys
import tempfile
import time
from pathlib import Path

from digest.store import Database, upgrade
from tests import cluster
from tests.fridays import YEAR, Outcome, fast


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.strip().splitlines()[0])
    parser.add_argument("--minutes", type=float, default=10)
    parser.add_argument("--seed", type=int, help="Whom to kill when, and what editors do.")
    told = parser.parse_args()
    cluster.plan()
    try:
        return _both(told.minutes * 30, told.seed)
    finally:
        cluster.stop()


def _both(seconds: float, seed: int | None) -> int:
    faults = 0
    with tempfile.TemporaryDirectory() as folder:
        cluster.administer("CREATE DATABASE fridays")
        for kind, url in (
            ("SQLite", f"sqlite:///{folder}/recap.db"),
            ("PostgreSQL", cluster.url("fridays")),
        ):
            place = Path(folder) / kind
            place.mkdir()
            began = time.monotonic()
            outcome = _run(url, place, seconds, seed)
            took = time.monotonic() - began
            print(f"{kind}, {took:.0f} s: {outcome}", *outcome.faults, sep="\n  ", flush=True)
            faults += len(outcome.faults)
    return 1 if faults else 0


def _run(url: str, place: Path, seconds: float, seed: int | None) -> Outcome:
    database = Database(url)
    upgrade.upgrade(database)
    try:
        return fast(database, place, seconds=seconds, least=YEAR, seed=seed)
    finally:
        database.close()


if __name__ == "__main__":
    sys.exit(main())
