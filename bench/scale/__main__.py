"""
Measure a fleet, and print the tables of `docs/why/scale.md`.

``python -m bench.scale`` lets 1, 2 and 4 `digest worker` send the same issue to a mail server
that takes 50 ms over each message, so that no processor is the limit; then it freezes an issue
for a million readers. Everything is on one PostgreSQL that waits for its disk. About ten
minutes, and 2 GB of disk.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path

from sqlalchemy import text

from bench.scale import installation, processes, sink
from bench.sending import world
from digest import weekly
from digest.config import Loaded
from digest.model import Issue
from digest.store import Database
from tests import cluster

DIGEST = Path(sys.executable).with_name("digest")
#: What a worker opens unless it is told otherwise.
CONNECTIONS = 4
#: So long a worker takes at most to be there at all; one that waits for a job is told at once.
START_SECONDS = 60.0
#: So long after the last one came, none is busy with itself.
CALM_SECONDS = 2.0


def main() -> None:
    asked = _arguments()
    with ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="recap-scale-")))
        stack.enter_context(world.durable_postgresql())
        runs = [_run(folder, count, asked) for count in asked.workers]
        frozen = _freeze(folder, asked.freeze) if asked.freeze else None
    _tell(runs, asked)
    if frozen:
        _tell_frozen(frozen, asked.freeze)


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m bench.scale", description=__doc__)
    parser.add_argument("--workers", type=int, nargs="*", default=[1, 2, 4])
    parser.add_argument("--readers", type=int, default=8_000, help="of one run")
    parser.add_argument("--seconds", type=float, default=0.05, help="of the mail server, a mail")
    parser.add_argument("--freeze", type=int, default=1_000_000, help="readers; 0: no freeze")
    return parser.parse_args()


@dataclass(frozen=True, slots=True, kw_only=True)
class Run:
    """What one fleet took to send one issue, from the freeze to the last mail."""

    workers: int
    rate: float
    #: Microseconds of processor time a mail.
    worker_us: float
    server_us: float
    peak_mb: float
    sessions: int
    commits: float
    written: float
    wal_bytes: float
    #: Bytes of the ledger with its indexes, a reader, once everybody was sent to.
    ledger_bytes: float


def _run(folder: Path, workers: int, asked: argparse.Namespace) -> Run:
    home = folder / f"fleet{workers}"
    home.mkdir()
    record = home / "record"
    with ExitStack() as stack:
        port = stack.enter_context(_slow_server(record, asked.seconds))
        database = stack.enter_context(_fresh_database(f"fleet{workers}"))
        smtp = {"host": "127.0.0.1", "port": port, "tls": "none", "connections": CONNECTIONS}
        loaded = installation.make(home, database.url, smtp)
        issue = _owed(database, loaded, asked.readers)
        working = [stack.enter_context(_worker(home)) for _ in range(workers)]
        _await_workers(database, workers)
        before, cpu = _counted(database), _cpu(working)
        with processes.watching(_postmaster()) as peak:
            began = time.monotonic()
            issue = weekly.freeze(database, loaded, issue, now=issue.sends_at)
            _await_end(database, issue, asked.readers, record)
        taken = sink.read(record)
        after, used = _counted(database), _cpu(working)
        size = _size(database, "deliveries")
        memory = max(processes.memory_mb(each.pid, "VmHWM") for each in working)
    if len({each.address for each in taken}) != len(taken) or len(taken) != asked.readers:
        sys.exit(f"{len(taken)} mails for {asked.readers} readers")
    each = 1 / asked.readers
    return Run(
        workers=workers,
        rate=asked.readers / (taken[-1].at - began),
        worker_us=(used[0] - cpu[0]) * each * 1e6,
        server_us=(used[1] - cpu[1]) * each * 1e6,
        peak_mb=memory,
        sessions=peak.sessions,
        commits=(after[0] - before[0]) * each,
        written=(after[1] - before[1]) * each,
        wal_bytes=(after[2] - before[2]) * each,
        ledger_bytes=size * each,
    )


def _owed(database: Database, loaded: Loaded, readers: int) -> Issue:
    installation.populate(database, readers=readers)
    return installation.approved(database, loaded)


def _await_workers(database: Database, count: int) -> None:
    """Return once so many workers wait for a job: one that came late would be measured as slow."""
    deadline = time.monotonic() + START_SECONDS
    known = text("SELECT count(*) FROM procrastinate_workers")
    while True:
        with database.read() as conn:
            if conn.execute(known).scalar_one() >= count:
                break
        if time.monotonic() > deadline:
            sys.exit(f"after {START_SECONDS:.0f} s there are fewer than {count} workers")
        time.sleep(0.2)
    time.sleep(CALM_SECONDS)


def _await_end(database: Database, issue: Issue, readers: int, record: Path) -> None:
    deadline = time.monotonic() + 60 + readers * 0.05
    state = text("SELECT state FROM issues WHERE id = :issue")
    while time.monotonic() < deadline:
        with database.read() as conn:
            if conn.execute(state, {"issue": issue.id}).scalar_one() == "finished":
                return
        time.sleep(1)
    sys.exit(f"after {deadline:.0f} s {len(sink.read(record))} of {readers} were sent to")


def _counted(database: Database) -> tuple[int, int, int]:
    """Return commits, rows written and bytes of the write-ahead log, since the server began."""
    with database.read() as conn:
        row = conn.execute(
            text(
                "SELECT xact_commit, tup_inserted + tup_updated + tup_deleted,"
                " pg_current_wal_insert_lsn() - '0/0' FROM pg_stat_database"
                " WHERE datname = current_database()"
            )
        ).one()
    return int(row[0]), int(row[1]), int(row[2])


def _size(database: Database, table: str) -> int:
    with database.read() as conn:
        size = text("SELECT pg_total_relation_size(CAST(:table AS regclass))")
        return int(conn.execute(size, {"table": table}).scalar_one())


def _cpu(working: list[subprocess.Popen[bytes]]) -> tuple[float, float]:
    senders = sum(processes.cpu_seconds(each.pid) for each in working)
    return senders, processes.server_cpu(_postmaster())


def _postmaster() -> int:
    return int((cluster.socket() / "data" / "postmaster.pid").read_text().split()[0])


@contextmanager
def _fresh_database(name: str) -> Iterator[Database]:
    cluster.administer(f"CREATE DATABASE {name}")
    database = Database(cluster.url(name))
    try:
        yield database
    finally:
        database.close()


@contextmanager
def _slow_server(record: Path, seconds: float) -> Iterator[int]:
    port = world.free_port()
    record.touch()
    told = [sys.executable, "-m", "bench.scale.sink", "127.0.0.1", str(port), str(seconds)]
    with world.running([*told, str(record)], port):
        yield port


@contextmanager
def _worker(home: Path) -> Iterator[subprocess.Popen[bytes]]:
    with (home / "workers.log").open("ab") as log:
        process = subprocess.Popen(
            [DIGEST, "worker"], cwd=home, env=installation.environment(), stdout=log, stderr=log
        )
    try:
        yield process
    finally:
        process.terminate()
        process.wait(60)


# --- a million readers --------------------------------------------------------------------


@dataclass(frozen=True, slots=True, kw_only=True)
class Frozen:
    """What a freeze took, and what it left in the database."""

    seconds: float
    peak_mb: float
    session_mb: float
    #: Megabytes of each table with its indexes.
    sizes: dict[str, float]


def _freeze(folder: Path, readers: int) -> Frozen:
    home = folder / "million"
    home.mkdir()
    with _fresh_database("million") as database:
        smtp = {"host": "127.0.0.1", "port": 2525, "tls": "none"}
        loaded = installation.make(home, database.url, smtp)
        issue = _owed(database, loaded, readers)
        command = [sys.executable, "-m", "bench.scale.freezing", str(home), str(issue.id)]
        with processes.watching(_postmaster()) as peak:
            done = subprocess.run(
                command, cwd=world.ROOT, check=True, capture_output=True, text=True
            )
        told = json.loads(done.stdout)
        tables = ("subscribers", "subscriptions", "deliveries")
        sizes = {table: _size(database, table) / 1e6 for table in tables}
    return Frozen(seconds=told["seconds"], peak_mb=told["peak_mb"], session_mb=peak.mb, sizes=sizes)


# --- the tables ---------------------------------------------------------------------------


def _tell(runs: list[Run], asked: argparse.Namespace) -> None:
    print(
        f"{asked.readers:,} readers, {asked.seconds * 1000:.0f} ms a mail, "
        f"{CONNECTIONS} connections a worker.\n"
    )
    print(
        "| workers | mails/s | times one | of what the server allows | µs of a worker, a mail "
        "| µs of PostgreSQL, a mail | sessions | commits a mail | rows written a mail "
        "| WAL bytes a mail | ledger bytes a reader | peak MB of a worker |"
    )
    print("| --- |" + " --- |" * 11)
    for run in runs:
        allowed = run.workers * CONNECTIONS / (asked.seconds or 1e-3)
        print(
            f"| {run.workers} | {run.rate:,.0f} | {run.rate / runs[0].rate:.2f} "
            f"| {run.rate / allowed:.0%} | {run.worker_us:,.0f} | {run.server_us:,.0f} "
            f"| {run.sessions} | {run.commits:.2f} | {run.written:.2f} | {run.wal_bytes:,.0f} "
            f"| {run.ledger_bytes:,.0f} | {run.peak_mb:,.0f} |"
        )


def _tell_frozen(frozen: Frozen, readers: int) -> None:
    print(
        f"\n{readers:,} readers frozen: {frozen.seconds:.1f} s, {frozen.peak_mb:.0f} MB at most "
        f"in the process that freezes, {frozen.session_mb:.0f} MB in a session of PostgreSQL."
    )
    print(
        "MB with indexes: "
        + ", ".join(f"{name} {size:,.0f}" for name, size in frozen.sizes.items())
    )


if __name__ == "__main__":
    main()
