"""What processes have used, as Linux tells it in /proc."""

from __future__ import annotations

import os
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

TICKS = os.sysconf("SC_CLK_TCK")


def cpu_seconds(pid: int, *, with_ended: bool = False) -> float:
    """Return the processor time of *pid*; with that of its children which have ended."""
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return sum(map(int, fields[11 : 15 if with_ended else 13])) / TICKS


def children(pid: int) -> list[int]:
    """Return the processes that *pid* has started and that are there now."""
    tasks = Path(f"/proc/{pid}/task/{pid}/children")
    return [int(child) for child in tasks.read_text().split()]


def memory_mb(pid: int, kind: str) -> float:
    """Return a figure of /proc/PID/status: ``VmHWM`` the peak, ``RssAnon`` what is its own."""
    try:
        lines = Path(f"/proc/{pid}/status").read_text().splitlines()
    except (FileNotFoundError, ProcessLookupError):
        return 0.0
    return next((int(line.split()[1]) / 1024 for line in lines if line.startswith(kind)), 0.0)


def server_cpu(postmaster: int) -> float:
    """Return what a PostgreSQL server has used, its sessions and those that ended with it."""
    living = sum(_cpu_or_none(child) for child in children(postmaster))
    return living + cpu_seconds(postmaster, with_ended=True)


def _cpu_or_none(pid: int) -> float:
    try:
        return cpu_seconds(pid)
    except (FileNotFoundError, ProcessLookupError):
        return 0.0  # it ended between the two looks, and counts as its parent's from now on


class Peak:
    """The most private memory that one session of the server had, and how many there were."""

    mb = 0.0
    sessions = 0


@contextmanager
def watching(postmaster: int, *, every: float = 0.2) -> Iterator[Peak]:
    """Look at the server's sessions again and again for as long as the context lasts."""
    peak, over = Peak(), threading.Event()

    def look() -> None:
        while not over.wait(every):
            sessions = children(postmaster)
            peak.sessions = max(peak.sessions, len(sessions))
            peak.mb = max([peak.mb, *(memory_mb(each, "RssAnon") for each in sessions)])

    looking = threading.Thread(target=look, daemon=True)
    looking.start()
    try:
        yield peak
    finally:
        over.set()
        looking.join()
