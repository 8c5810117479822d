"""
Measure sending against other programs, and print the table of `docs/benchmarks.md`.

``python -m bench.sending`` runs every contender in interleaved rounds on this machine,
discards the first, and shows medians. Machines differ and other work disturbs: what counts
is the ratio, which is taken within each round. ``--quick`` takes a minute and says less.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import subprocess
import sys
import tempfile
from collections.abc import Callable, Mapping
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from statistics import median
from typing import Any

from bench.sending import peers, world

#: One connection for as long as it lasts, as the peers do it.
_OURS = {"connections": 10, "messages_per_connection": 1_000_000}

Measure = Callable[[], float]


@dataclass(frozen=True, slots=True)
class Row:
    """One line of the table: ours against another, and the ratio that it must reach."""

    what: str
    ours: str
    other: str
    ratio: float
    wanted: str


def main() -> None:
    asked = _arguments()
    with ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="recap-bench-")))
        stack.enter_context(world.durable_postgresql())
        bench = Bench(folder, messages=asked.messages, rounds=asked.rounds)
        rows = [*bench.against_peers(), *bench.one_connection(), *bench.far_away()]
        rows += [*bench.on_postgresql(), *bench.encrypted()]
        rows += bench.many(asked.many) if asked.many else []
    _tell(rows, asked)


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m bench.sending", description=__doc__)
    parser.add_argument("--quick", action="store_true", help="few messages, few rounds")
    parser.add_argument("--messages", type=int, help="of one measurement")
    parser.add_argument("--rounds", type=int, help="that count; one more goes before them")
    parser.add_argument("--many", type=int, help="readers of the long run; 0: none")
    asked = parser.parse_args()
    usual = (5_000, 3, 100_000) if asked.quick else (20_000, 5, 1_000_000)
    for name, value in zip(("messages", "rounds", "many"), usual, strict=True):
        if getattr(asked, name) is None:
            setattr(asked, name, value)
    return asked


class Bench:
    """Runs the measurements, each against a mail server of its own."""

    def __init__(self, folder: Path, *, messages: int, rounds: int) -> None:
        self._folder = folder
        self._messages = messages
        self._rounds = rounds
        self._ledgers = world.Ledgers(folder, messages)
        self._size = world.message_size(self._ledgers.fresh("sqlite"))

    def against_peers(self) -> list[Row]:
        nodemailer = peers.Nodemailer(self._folder)
        few = max(self._messages // 5, 1000)
        with world.smtp_sink() as port:
            found = self._rounds_of(
                {
                    "ours": lambda: self._sent_per_second(port, **_OURS),
                    "smtp-source": lambda: peers.smtp_source(port, self._messages, 10, self._size),
                    "composing": lambda: nodemailer.rate(port, few, 10, "compose"),
                    "raw": lambda: nodemailer.rate(port, few, 10, "raw"),
                }
            )
        what = f"{self._size // 1000} KB, personal, ledger on disk, 10 connections"
        pooled = f"nodemailer {nodemailer.version}, pooled"
        return [
            _row(what, found, "smtp-source", "smtp-source -d -s 10", "≥ 1.0"),
            _row(what, found, "composing", f"{pooled}, composing", "≥ 8"),
            _row(what, found, "raw", f"{pooled}, bytes made before", "≥ 3.5"),
        ]

    def one_connection(self) -> list[Row]:
        told = {**_OURS, "connections": 1}
        with world.smtp_sink() as port:
            found = self._rounds_of(
                {
                    "ours": lambda: self._sent_per_second(port, **told),
                    "one": lambda: peers.smtp_source(port, self._messages, 1, self._size),
                }
            )
        return [_row("the same, 1 connection", found, "one", "smtp-source -d -s 1", "≥ 1.5")]

    def far_away(self) -> list[Row]:
        told = {**_OURS, "connections": 1}
        few = world.Ledgers(self._folder, 300)
        with world.smtp_sink() as sink, world.proxy(sink, delay_ms=2.5) as port:
            found = self._rounds_of(
                {
                    "ours": lambda: self._sent_per_second(port, few, **told),
                    "smtplib": lambda: peers.smtplib_lockstep(port, 100, self._size),
                }
            )
        what = "1 connection, 5 ms round trip"
        return [_row(what, found, "smtplib", "smtplib, bytes made before", "≥ 3")]

    def on_postgresql(self) -> list[Row]:
        with world.smtp_sink() as port:
            found = self._rounds_of(
                {
                    "ours": lambda: self._sent_per_second(port, kind="postgresql", **_OURS),
                    "sqlite": lambda: self._sent_per_second(port, **_OURS),
                }
            )
        return [_row("10 connections, PostgreSQL", found, "sqlite", "the same, SQLite", "≥ 0.8")]

    def encrypted(self) -> list[Row]:
        tls = {"tls": "implicit", "host": "localhost", "ca_file": str(world.TLS / "authority.pem")}
        with ExitStack() as stack:
            sink = stack.enter_context(world.smtp_sink())
            plain = stack.enter_context(world.proxy(sink))
            secure = stack.enter_context(world.proxy(sink, tls=True))
            found = self._rounds_of(
                {
                    "ours": lambda: self._run(secure, **_OURS, **tls)["cpu_us"],
                    "plain": lambda: self._run(plain, **_OURS)["cpu_us"],
                }
            )
        what = "µs of CPU a message, implicit TLS, 10 connections"
        return [_row(what, found, "plain", "the same without TLS", "≤ 2")]

    def many(self, readers: int) -> list[Row]:
        ledgers = world.Ledgers(self._folder, readers)
        with world.smtp_sink() as port:
            run = self._run(port, ledgers, **_OURS)
        rate = f"{readers / run['seconds']:,.0f} /s"
        what = f"{readers:,} readers"
        tenth = run["last_to_first_tenth"]
        return [
            Row(f"{what}: the last tenth", rate, "the first tenth", tenth, "≥ 0.9"),
            Row(
                f"{what}: peak memory",
                f"{run['rss_mb']:.0f} MB",
                "150 MB",
                run["rss_mb"] / 150,
                "≤ 1",
            ),
        ]

    def _rounds_of(self, measures: Mapping[str, Measure]) -> dict[str, list[float]]:
        found: dict[str, list[float]] = {name: [] for name in measures}
        for number in range(self._rounds + 1):
            for name, measure in measures.items():
                value = measure()
                print(f"  {name} {value:,.0f}", file=sys.stderr, flush=True)
                if number:  # the first round warms up
                    found[name].append(value)
        return found

    def _sent_per_second(
        self, port: int, ledgers: world.Ledgers | None = None, kind: str = "sqlite", **smtp: Any
    ) -> float:
        run = self._run(port, ledgers, kind, **smtp)
        return float(run["messages"] / run["seconds"])

    def _run(
        self, port: int, ledgers: world.Ledgers | None = None, kind: str = "sqlite", **smtp: Any
    ) -> dict[str, Any]:
        """Send an issue in a process of its own; return what that measured of itself."""
        url = (ledgers or self._ledgers).fresh(kind)
        command = [sys.executable, "-m", "bench.sending.ours", url, str(port), json.dumps(smtp)]
        done = subprocess.run(command, cwd=world.ROOT, check=True, capture_output=True, text=True)
        run: dict[str, Any] = json.loads(done.stdout)
        if run["by_state"] != {"sent": run["messages"]}:
            sys.exit(f"not everybody was sent to: {run}")
        return run


def _row(what: str, found: Mapping[str, list[float]], name: str, other: str, wanted: str) -> Row:
    pairs = zip(found["ours"], found[name], strict=True)
    ratio = median(ours / theirs for ours, theirs in pairs)
    ours, theirs = f"{median(found['ours']):,.0f}", f"{median(found[name]):,.0f}"
    return Row(what, ours, f"{other}: {theirs}", ratio, wanted)


def _tell(rows: list[Row], asked: argparse.Namespace) -> None:
    try:
        import uvloop

        loop = f"uvloop {uvloop.__version__}"
    except ImportError:
        loop = "asyncio's own loop"
    print(
        f"Python {platform.python_version()}, {loop}, {os.cpu_count()} cores, "
        f"{asked.messages:,} messages, medians of {asked.rounds} rounds.\n"
    )
    print("| measure | ours | against | ratio | wanted |")
    print("| --- | --- | --- | --- | --- |")
    for row in rows:
        print(f"| {row.what} | {row.ours} | {row.other} | {row.ratio:.2f} | {row.wanted} |")


if __name__ == "__main__":
    main()
