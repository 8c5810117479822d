"""One freeze, in a process of its own: ``python -m bench.scale.freezing FOLDER ISSUE``."""

from __future__ import annotations

import json
import sys
import time
from datetime import UTC, datetime
from pathlib import Path

from digest import config, weekly
from digest.store import Database, issues


def main() -> None:
    """Freeze the issue; print as JSON the seconds that it took, and those of the processor."""
    loaded = config.load(Path(sys.argv[1]) / "config.yaml", {})
    database = Database(loaded.settings.database)
    with database.read() as conn:
        issue = issues.by_id(conn, int(sys.argv[2]))
    began, worked = time.monotonic(), time.process_time()
    weekly.freeze(database, loaded, issue, now=datetime.now(UTC))
    took, processor = time.monotonic() - began, time.process_time() - worked
    database.close()
    json.dump({"seconds": took, "processor": processor, "peak_mb": _peak_mb()}, sys.stdout)


def _peak_mb() -> float:
    for line in Path("/proc/self/status").read_text().splitlines():
        if line.startswith("VmHWM"):
            return int(line.split()[1]) / 1024
    return 0.0


if __name__ == "__main__":
    main()
