"""
How long it takes until everybody who is owed an issue stands in the ledger.

`python -m bench.freezing [READERS]` makes so many readers, half a million unless told, on
SQLite and on a PostgreSQL that waits for its disk, approves an issue, and freezes it in a
process of its own. Target: 5 s on SQLite, 15 s on PostgreSQL, within 200 MB.
"""

from __future__ import annotations

import json
import subprocess
import sys
import tempfile
from pathlib import Path

READERS = 500_000
TARGET_SECONDS = {"SQLite": 5, "PostgreSQL": 15}


def main() -> None:
    from bench.sending import world
    from tests import cluster

    readers = int(sys.argv[1]) if len(sys.argv) > 1 else READERS
    met = True
    with tempfile.TemporaryDirectory(prefix="recap-freeze-") as made, world.durable_postgresql():
        cluster.administer("CREATE DATABASE freezing")
        urls = {"SQLite": f"sqlite:///{made}/recap.db", "PostgreSQL": cluster.url("freezing")}
        for kind, url in urls.items():
            folder = Path(made) / kind
            folder.mkdir()
            seconds, processor, megabytes = frozen(folder, url, readers)
            print(
                f"{kind:<10}  {readers:,} readers frozen in {seconds:.1f} s, "
                f"{processor:.1f} s of processor in our process, {megabytes:.0f} MB"
            )
            met = met and seconds <= TARGET_SECONDS[kind] * readers / READERS
    sys.exit(0 if met else f"wanted: {TARGET_SECONDS} s for {READERS:,}")


def frozen(folder: Path, url: str, readers: int) -> tuple[float, float, float]:
    """Freeze an issue for so many; return seconds, those of the processor, and megabytes."""
    from bench.scale import installation
    from bench.sending import world
    from digest.store import Database

    loaded = installation.make(folder, url, {"host": "127.0.0.1", "port": 2525, "tls": "none"})
    database = Database(url)
    installation.populate(database, readers=readers)
    issue = installation.approved(database, loaded)
    database.close()
    command = [sys.executable, "-m", "bench.scale.freezing", str(folder), str(issue.id)]
    done = subprocess.run(command, cwd=world.ROOT, check=True, capture_output=True, text=True)
    told = json.loads(done.stdout)
    return told["seconds"], told["processor"], told["peak_mb"]


if __name__ == "__main__":
    sys.path.insert(0, str(Path(__file__).resolve().parents[1]))
    main()
