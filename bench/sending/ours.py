"""One measured run of the sender: a process of its own, as `digest issue send` is one."""

from __future__ import annotations

import json
import re
import resource
import sys
import time
from datetime import UTC, datetime
from pathlib import Path

from bench.sending.world import loaded
from digest import delivery
from digest.store import Database


def main() -> None:
    """Settle the issue in the database named; print what it took as JSON."""
    url, port, smtp = sys.argv[1], int(sys.argv[2]), json.loads(sys.argv[3])
    database = Database(url)
    settled: list[tuple[float, int]] = []
    before, began = resource.getrusage(resource.RUSAGE_SELF), time.monotonic()
    tally = delivery.settle(
        database,
        loaded(port, **smtp),
        1,
        clock=lambda: datetime.now(UTC),
        progress=lambda count: settled.append((time.monotonic(), count)),
    )
    seconds = time.monotonic() - began
    after = resource.getrusage(resource.RUSAGE_SELF)
    cpu = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
    sent = tally.by_state
    json.dump(
        {
            "messages": tally.frozen,
            "by_state": sent,
            "seconds": seconds,
            "cpu_us": cpu / max(tally.frozen, 1) * 1e6,
            "rss_mb": _peak_mb(),
            "last_to_first_tenth": _last_to_first(settled, tally.frozen, began),
        },
        sys.stdout,
    )


def _peak_mb() -> float:
    """Return the most memory this program ever had; rusage would count its parent's too."""
    status = Path("/proc/self/status").read_text()
    return int(re.findall(r"VmHWM:\s+(\d+) kB", status)[0]) / 1024


def _last_to_first(settled: list[tuple[float, int]], total: int, began: float) -> float:
    """Return the rate of the last tenth of all messages, as a share of the first tenth's."""
    marks: dict[int, float] = {}
    done = 0
    for moment, count in settled:
        done += count
        marks.setdefault(done * 10 // total, moment)
    if not {1, 9, 10} <= set(marks):
        return 0.0
    return (marks[1] - began) / (marks[10] - marks[9])


if __name__ == "__main__":
    main()
