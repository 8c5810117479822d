"""What the measurements run in: an issue that is owed, mail servers, lines that are slow."""

from __future__ import annotations

import os
import shutil
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from digest.config import Loaded
from digest.delivery.author import author
from digest.model import IssueState, Rhythm, SubscriptionState
from digest.model.settings import Settings
from digest.render import fragments
from digest.store import Database, editions, issues, ledger, tallies, upgrade
from digest.store.schema import editions as edition_rows
from digest.store.schema import issues as issues_table
from digest.store.schema import subscribers, subscriptions, variants
from tests import cluster

ROOT = Path(__file__).resolve().parents[2]
TLS = ROOT / "tests" / "tls"
NEWSLETTER = "weekly-recap"

#: The unsubscribe link stands in text and HTML; with the headers a message has 30 KB.
_LINK = fragments.slot("unsubscribe_url")
HTML = (
    "<!doctype html><html><body>"
    + "<p>Why the week was as it was, in a sentence of usual length.</p>\n" * 386
    + f'<a href="{_LINK}">Unsubscribe</a></body></html>'
)
TEXT = "Why the week was as it was, in a sentence of usual length.\n" * 50 + _LINK + "\n"


def loaded(port: int, **smtp: Any) -> Loaded:
    """Return a configuration that sends to this machine's *port*."""
    settings = Settings.model_validate(
        {
            "public_url": "https://recap.example.org",
            "smtp": {"host": "127.0.0.1", "port": port, "tls": "none"} | smtp,
            "token_key": "k" * 64,
            "newsletters": {
                NEWSLETTER: {
                    "title": "RAND Weekly Recap",
                    "from": "RAND Weekly Recap <recap@example.org>",
                    "postal_address": "1 Sample Street, Springfield",
                }
            },
        }
    )
    return Loaded(settings=settings, folder=ROOT, path=ROOT / "config.yaml")


def fill(url: str, readers: int) -> float:
    """Make a database at *url* with an issue owed to *readers*; return the freeze's seconds."""
    now = datetime.now(UTC)
    database = Database(url)
    upgrade.upgrade(database)
    for start in range(0, readers, 50_000):
        _add_readers(database, range(start + 1, min(start + 50_000, readers) + 1), now)
    issue, edition = _issue(database, now)
    began = time.monotonic()
    with database.write() as conn:
        count, excluded = ledger.freeze(
            conn,
            issue,
            newsletter=NEWSLETTER,
            rhythm=Rhythm.WEEKLY,
            edition_id=edition,
            variants=editions.variants_of(conn, edition),
            due_at=now,
        )
        tallies.count(conn, issue, frozen=count, excluded=excluded)
    took = time.monotonic() - began
    database.close()
    return took


def _add_readers(database: Database, numbers: range, now: datetime) -> None:
    people = [
        {
            "id": number,
            "address": f"reader{number}@example.org",
            "address_key": f"reader{number}@example.org",
            "name": f"Reader {number}",
            "attributes": {},
            "created_at": now,
        }
        for number in numbers
    ]
    taken = [
        {
            "subscriber_id": number,
            "newsletter": NEWSLETTER,
            "state": SubscriptionState.ACTIVE,
            "rhythm": Rhythm.WEEKLY,
            "topics": [],
            "lists": [],
            "source": "import",
            "changed_at": now,
        }
        for number in numbers
    ]
    with database.write() as conn:
        conn.execute(subscribers.insert(), people)
        conn.execute(subscriptions.insert(), taken)


def _issue(database: Database, now: datetime) -> tuple[int, int]:
    record = {
        "newsletter": NEWSLETTER,
        "rhythm": Rhythm.WEEKLY,
        "key": "2023-09-22",
        "number": 1,
        "window_start": now - timedelta(days=7),
        "window_end": now,
        "sends_at": now,
        "state": IssueState.SENDING,
        "version": 1,
        "reasons": [],
        "edits": {},
        "created_at": now,
        "approved_at": now,
        "frozen_at": now,
    }
    said = {"subject": "Three Themes: RAND Weekly Recap", "digest": "0" * 64}
    bodies = said | {"html": HTML, "text": TEXT}
    with database.write() as conn:
        issue = conn.execute(
            issues_table.insert().values(record).returning(issues_table.c.id)
        ).scalar_one()
        edition = conn.execute(
            edition_rows.insert()
            .values(issue_id=issue, number=1, notes=[], created_at=now, **bodies)
            .returning(edition_rows.c.id)
        ).scalar_one()
        empty = dict.fromkeys(("topics", "headline", "lead", "preheader"), "")
        conn.execute(variants.insert().values(edition_id=edition, items=[], **said, **empty))
    return issue, edition


def message_size(url: str) -> int:
    """Return how many bytes the first reader's message has."""
    database = Database(url)
    with database.read() as conn:
        issue = issues.by_id(conn, 1)
        row = ledger.listed(conn, 1, limit=1)[0]
    write = author(database, loaded(25), issue, clock=lambda: datetime.now(UTC))
    size = sum(map(len, write(row).segments))
    database.close()
    return size


class Ledgers:
    """Databases with the same issue, as often as wanted, of either kind."""

    def __init__(self, folder: Path, readers: int) -> None:
        self.readers = readers
        self._folder = folder
        self._made = 0
        self._templates: dict[str, str] = {}

    def fresh(self, kind: str) -> str:
        """Return the URL of a new database of *kind* in which nobody was sent to yet."""
        self._made += 1
        name = f"{kind}_{self.readers}_{self._made}"
        template = self._template(kind)
        if kind == "postgresql":
            cluster.administer(f"CREATE DATABASE {name} TEMPLATE {template}")
            return cluster.url(name)
        shutil.copyfile(template, self._folder / f"{name}.db")
        return f"sqlite:///{self._folder / name}.db"

    def _template(self, kind: str) -> str:
        if kind in self._templates:
            return self._templates[kind]
        name = f"{kind}_{self.readers}"
        if kind == "postgresql":
            cluster.administer(f"CREATE DATABASE {name}")
            fill(cluster.url(name), self.readers)
        else:
            name = str(self._folder / f"{name}.db")
            fill(f"sqlite:///{name}", self.readers)
        self._templates[kind] = name
        return name


@contextmanager
def durable_postgresql() -> Iterator[None]:
    """Run a cluster that waits for the disk, as one in use does."""
    cluster.SETTINGS.update(
        fsync="on",
        synchronous_commit="on",
        full_page_writes="on",
        wal_level="replica",
        autovacuum="on",
        shared_buffers="512MB",
    )
    cluster.plan()
    try:
        yield
    finally:
        cluster.stop()


def free_port() -> int:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        return int(free.getsockname()[1])


@contextmanager
def smtp_sink() -> Iterator[int]:
    """Run Postfix's smtp-sink; yield its port."""
    port = free_port()
    user = ["-u", "nobody"] if os.geteuid() == 0 else []
    with running([_program("smtp-sink"), *user, f"127.0.0.1:{port}", "1000"], port):
        yield port


@contextmanager
def proxy(to: int, *, delay_ms: float = 0.0, tls: bool = False) -> Iterator[int]:
    """Run a line to port *to* that takes *delay_ms* each way, or ends TLS; yield its port."""
    port = free_port()
    told = [sys.executable, "-m", "bench.sending.proxy", str(port), str(to), str(delay_ms)]
    with running([*told, "tls" if tls else "plain"], port):
        yield port


@contextmanager
def running(command: list[str], port: int) -> Iterator[None]:
    process = subprocess.Popen(command, cwd=ROOT, stderr=subprocess.DEVNULL)
    try:
        _await_port(port, process)
        yield
    finally:
        process.kill()
        process.wait()


def _await_port(port: int, process: subprocess.Popen[bytes]) -> None:
    for _ in range(500):
        with socket.socket() as probe:
            if probe.connect_ex(("127.0.0.1", port)) == 0:
                return
        if process.poll() is not None:
            break
        time.sleep(0.02)
    sys.exit(f"{process.args!r} did not start")


def _program(name: str) -> str:
    path = os.environ.get("PATH", "") + ":/usr/sbin"
    found = shutil.which(name, path=path)
    if found is None:
        sys.exit(f"{name} is missing. As root, type: apt-get install postfix")
    return found


def smtp_source(port: int, *, messages: int, size: int, connections: int) -> list[str]:
    """Return the command of Postfix's own load generator, which keeps its connections."""
    told = ["-d", "-s", str(connections), "-m", str(messages), "-l", str(size)]
    envelope = ["-f", "recap@example.org", "-t", "reader@example.org"]
    return [_program("smtp-source"), *told, *envelope, f"127.0.0.1:{port}"]
