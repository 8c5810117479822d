"""
One-click unsubscribes as mail providers send them, in an open loop: SQLite, one process.

A reader's POST begins at its appointed instant whether or not the ones before are answered,
and its time counts from that instant. Bodies alternate between urlencoded and multipart;
every fourth POST has a connection of its own. Afterwards the database says who has left.
Targets: 200 a second, p95 at most 50 ms; 1,000 a second for 30 s, all of them honoured.

    python bench/oneclick.py [--rates 200,1000] [--seconds 30] [--url postgresql://…]
"""

from __future__ import annotations

import argparse
import asyncio
import os
import socket
import subprocess
import sys
import tempfile
from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from time import monotonic, perf_counter, sleep

from sqlalchemy import func, insert, select

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from digest.store import Database, upgrade
from digest.store.schema import subscribers, subscriptions
from tests.website import NOW, unsubscribe_token

ROOT = Path(__file__).resolve().parents[1]
TARGET_MS = {200: 50}
#: Connections that are kept open, as a provider's proxies keep theirs.
KEPT = 64
#: At most so many at once; who waits for one of them waits since their own instant.
MOST_CONNECTIONS = 256
#: More than that at once is refused: a generator must not take the machine down.
MOST_RATE, MOST_SECONDS = 2_000, 120
HOST = "127.0.0.1"

BOUNDARY = "one-click"
BODIES = (
    ("application/x-www-form-urlencoded", b"List-Unsubscribe=One-Click"),
    (
        f"multipart/form-data; boundary={BOUNDARY}",
        (
            f'--{BOUNDARY}\r\nContent-Disposition: form-data; name="List-Unsubscribe"\r\n\r\n'
            f"One-Click\r\n--{BOUNDARY}--\r\n"
        ).encode(),
    ),
)

SERVER = """
import logging, sys
from pathlib import Path
import uvicorn
from digest.store import Database
from digest.web import application
from tests.website import a_loaded
loaded = a_loaded(Path(sys.argv[2]))
app = application(Database(sys.argv[1]), lambda: loaded)
uvicorn.run(app, host="127.0.0.1", port=int(sys.argv[3]), log_level="error", access_log=False,
            lifespan="off", ws="none")
"""


def main() -> None:
    arguments = argparse.ArgumentParser(description=__doc__)
    arguments.add_argument("--rates", default="200,1000")
    arguments.add_argument("--seconds", type=int, default=30)
    arguments.add_argument("--url", help="an empty database; default: a new SQLite file")
    told = arguments.parse_args()
    rates = [min(int(rate), MOST_RATE) for rate in told.rates.split(",")]
    seconds = min(told.seconds, MOST_SECONDS)
    with tempfile.TemporaryDirectory() as folder:
        url = told.url or f"sqlite:///{folder}/recap.db"
        readers = fill(url, sum(rates) * seconds)
        port = a_port()
        server = subprocess.Popen([sys.executable, "-c", SERVER, url, folder, str(port)], cwd=ROOT)
        try:
            wait_for(port)
            failed = [say for rate in rates for say in tried(server, port, readers, rate, seconds)]
        finally:
            server.terminate()
            server.wait(20)
        left, asked = has_left(url), sum(rates) * seconds
    print(f"left, by the database: {left:,} of {asked:,}")
    failed += [] if left == asked else [f"{asked - left} were not honoured"]
    sys.exit("; ".join(failed) if failed else 0)


def fill(url: str, count: int) -> deque[int]:
    """Make *count* active readers; return their row numbers."""
    database = Database(url)
    upgrade.upgrade(database)
    numbers = range(1, count + 1)
    person = {"attributes": {}, "created_at": NOW}
    active = {
        "newsletter": "recap",
        "state": "active",
        "rhythm": "weekly",
        "source": "bench",
        "topics": [],
        "lists": [],
        "changed_at": NOW,
    }
    with database.write() as conn:
        for at in range(0, count, 1000):
            part = numbers[at : at + 1000]
            addresses = [(n, f"reader{n}@example.org") for n in part]
            rows = [{"id": n, "address": a, "address_key": a, **person} for n, a in addresses]
            conn.execute(insert(subscribers), rows)
            conn.execute(insert(subscriptions), [{"subscriber_id": n, **active} for n in part])
    database.close()
    return deque(numbers)


def has_left(url: str) -> int:
    database = Database(url)
    with database.read() as conn:
        query = select(func.count()).where(subscriptions.c.state == "left")
        count = int(conn.execute(query).scalar_one())
    database.close()
    return count


# --- asking -------------------------------------------------------------------------------


@dataclass
class Clicks:
    """What became of the POSTs of one rate."""

    milliseconds: list[float] = field(default_factory=list)
    refused: list[str] = field(default_factory=list)


def tried(
    server: subprocess.Popen[bytes], port: int, readers: deque[int], rate: int, seconds: int
) -> list[str]:
    """Send at *rate* for *seconds*, print what came of it, and return what missed its target."""
    tokens = [unsubscribe_token(readers.popleft()) for _ in range(rate * seconds)]
    before = computed(server.pid)
    clicks = asyncio.run(clicked(port, tokens, rate))
    times = sorted(clicks.milliseconds)
    share = (computed(server.pid) - before) * 1000 / len(tokens)
    if not times:
        raise SystemExit(f"no POST was answered: {clicks.refused[0]}")
    p50, p95, p99 = (times[int(len(times) * part) - 1] for part in (0.5, 0.95, 0.99))
    print(
        f"{rate:,} a second, {len(tokens):,} POSTs: {len(times):,} answered 200; "
        f"p50 {p50:.1f}, p95 {p95:.1f}, p99 {p99:.1f}, most {times[-1]:.1f} ms; "
        f"the server's processor {share:.2f} ms each"
    )
    failed = [f"{rate}/s: {clicks.refused[0]}"] if clicks.refused else []
    if p95 > TARGET_MS.get(rate, float("inf")):
        failed.append(f"{rate}/s: p95 {p95:.0f} ms")
    return failed


async def clicked(port: int, tokens: Sequence[str], rate: int) -> Clicks:
    clicks, kept = Clicks(), deque[tuple[asyncio.StreamReader, asyncio.StreamWriter]]()
    room = asyncio.Semaphore(MOST_CONNECTIONS)

    async def one(token: str, turn: int, due: float) -> None:
        async with room:
            await click(port, token, turn, due, kept, clicks)

    begun, tasks = perf_counter(), set()
    for turn, token in enumerate(tokens):
        due = begun + turn / rate
        if (early := due - perf_counter()) > 0:
            await asyncio.sleep(early)
        task = asyncio.create_task(one(token, turn, due))
        tasks.add(task)
        task.add_done_callback(tasks.discard)
    await asyncio.gather(*tasks)
    for _, writer in kept:
        writer.close()
    return clicks


async def click(
    port: int,
    token: str,
    turn: int,
    due: float,
    kept: deque[tuple[asyncio.StreamReader, asyncio.StreamWriter]],
    clicks: Clicks,
) -> None:
    """Send one POST and note how long after *due* its whole answer was there."""
    kind, body = BODIES[turn % 2]
    alone = turn % 4 == 0
    try:
        line = await asyncio.open_connection(HOST, port) if alone or not kept else kept.popleft()
        reader, writer = line
        writer.write(
            f"POST /unsubscribe/{token} HTTP/1.1\r\nHost: recap.example.org\r\n"
            f"Content-Type: {kind}\r\nContent-Length: {len(body)}\r\n"
            f"Origin: https://mail{turn}.example.test\r\n\r\n".encode()
            + body
        )
        head = await reader.readuntil(b"\r\n\r\n")
        length = next(
            int(told.split(b":")[1])
            for told in head.split(b"\r\n")
            if told.lower().startswith(b"content-length")
        )
        await reader.readexactly(length)
    except (OSError, asyncio.IncompleteReadError) as e:
        clicks.refused.append(f"{type(e).__name__}: {e}")
        return
    took = (perf_counter() - due) * 1000
    if head.startswith(b"HTTP/1.1 200 "):
        clicks.milliseconds.append(took)
    else:
        clicks.refused.append(head.split(b"\r\n")[0].decode())
    if alone or len(kept) >= KEPT:
        writer.close()
    else:
        kept.append(line)


# --- the server ---------------------------------------------------------------------------


def a_port() -> int:
    with socket.create_server((HOST, 0)) as free:
        return int(free.getsockname()[1])


def wait_for(port: int) -> None:
    until = monotonic() + 60
    while monotonic() < until:
        try:
            socket.create_connection((HOST, port), 1).close()
            return
        except OSError:
            sleep(0.1)
    raise SystemExit("the server did not begin to listen")


def computed(pid: int) -> float:
    """Return the processor seconds that the process has taken (Linux, proc(5))."""
    told = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(told[11]) + int(told[12])) / os.sysconf("SC_CLK_TCK")


if __name__ == "__main__":
    main()
