"""
How long a list of a million readers takes to come in, and how much memory.

`python -m bench.importing [ROWS]` writes a list of that many rows with names, attributes,
states and 21,000 different domains, one bad row in a thousand, and imports it into SQLite and
into a PostgreSQL of its own, each in a process of its own; both as they come, with every
commit on the disk. Target: a million in two minutes, 8,400 rows a second, within 200 MB.
"""

from __future__ import annotations

import json
import os
import random
import resource
import subprocess
import sys
import tempfile
import time
from datetime import UTC, datetime
from pathlib import Path
from uuid import uuid4

ROWS = 1_000_000
SAFE = {"fsync": "on", "synchronous_commit": "on", "full_page_writes": "on", "autovacuum": "on"}


def main() -> None:
    from tests import cluster

    rows = int(sys.argv[1]) if len(sys.argv) > 1 else ROWS
    cluster.SETTINGS.update(SAFE)
    cluster.plan()
    try:
        with tempfile.TemporaryDirectory() as folder:
            file = Path(folder) / "list.csv"
            write(file, rows)
            name = f"bench_{uuid4().hex}"
            cluster.administer(f"CREATE DATABASE {name}")
            for kind, url in (
                ("SQLite", f"sqlite:///{folder}/recap.db"),
                ("PostgreSQL", cluster.url(name)),
            ):
                tell(kind, rows, measured(url, file))
    finally:
        cluster.stop()


def write(file: Path, rows: int) -> None:
    """Write a list in which most readers are at few domains, as in life."""
    luck = random.Random(7)
    few = [f"mail{n}.example.org" for n in range(50)]
    many = [f"dept{n}.uni{n % 900}.example.org" for n in range(21_000)]
    names = ("Ana", "Ben", "Łucja", "Cy", "Dee", "Eve", "Fay", "Gus", "Hal", "Ida")
    with file.open("w", encoding="utf-8") as written:
        written.write("email,first name,last name,country,language,optin time,status\n")
        for n in range(rows):
            domain = luck.choice(few if luck.random() < 0.7 else many)
            address = f"reader.{n}@{domain}" if n % 1000 else f"reader {n} at {domain}"
            status = "unsubscribed" if n % 50 == 7 else "subscribed"
            written.write(
                f"{address},{names[n % 10]},Reader{n % 5000},{'DE' if n % 3 else 'FR'},en,"
                f"2024-01-{1 + n % 28:02} 10:00:00,{status}\n"
            )


def measured(url: str, file: Path) -> dict[str, float]:
    """Return what the import in a process of its own says of itself."""
    words = [sys.executable, "-m", "bench.importing", "--one", url, str(file)]
    told = subprocess.run(words, check=True, capture_output=True, text=True, env=os.environ)
    found: dict[str, float] = json.loads(told.stdout)
    return found


def one(url: str, file: Path) -> None:
    """Import *file* into the database of *url*, and print what it took as JSON."""
    from digest import readership
    from digest.store import Database, upgrade
    from tests.readership import NEWSLETTER, installed

    database, loaded = Database(url), installed(file.parent)
    upgrade.upgrade(database)
    told = readership.List(files=(file,), source="a bench", attributes=("country",))
    wall, cpu = time.perf_counter(), time.process_time()
    report = readership.import_list(database, loaded, NEWSLETTER, told, now=datetime.now(UTC))
    took = {
        "rows": report.rows,
        "refused": report.refused,
        "seconds": time.perf_counter() - wall,
        "cpu_seconds": time.process_time() - cpu,
        "megabytes": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024,
    }
    database.close()
    print(json.dumps(took))


def tell(kind: str, rows: int, took: dict[str, float]) -> None:
    print(
        f"{kind:<11} {rows:,} rows in {took['seconds']:.1f} s ({rows / took['seconds']:,.0f} a "
        f"second, {took['cpu_seconds'] / rows * 1e6:.0f} µs of our processor each), "
        f"{took['megabytes']:.0f} MB, {took['refused']:,.0f} refused"
    )


if __name__ == "__main__":
    if sys.argv[1:2] == ["--one"]:
        one(sys.argv[2], Path(sys.argv[3]))
    else:
        main()
