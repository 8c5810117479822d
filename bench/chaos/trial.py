"""An installation on seven machines, what is done to it, and what became of each reader."""

from __future__ import annotations

import random
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path

from bench.chaos import programs
from bench.chaos.network import Network
from bench.scale import installation, sink
from digest import tokens, weekly
from digest.config import Loaded
from digest.model import Delivery, DeliveryState, Issue, IssueState
from digest.store import Database, issues, ledger
from tests import certificates

SMTP_PORT, WEB_PORT = 465, 8000
#: How long a pulled cable or a standstill lasts, and the quiet between two faults.
FAULT_SECONDS, QUIET_SECONDS = (1.0, 5.0), (1.0, 4.0)


@dataclass(kw_only=True)
class Outcome:
    """What became of one issue."""

    readers: int
    seconds: float
    sent: int
    uncertain: int
    #: Message-IDs that the mail server took more than once.
    twice: list[str]
    #: Addresses that are sent to by the ledger, and of which the mail server knows nothing.
    lost: list[str]
    #: Whoever is neither sent to nor uncertain, by state.
    others: Counter[str]
    #: Uncertain ones whose mail was taken.
    uncertain_taken: int
    holds: bool
    #: What was done to whom meanwhile.
    faults: Counter[str] = field(default_factory=Counter)

    @property
    def is_right(self) -> bool:
        """Nobody lost, nobody twice, and everybody accounted for."""
        settled = self.sent + self.uncertain == self.readers
        return self.holds and settled and not (self.twice or self.lost or self.others)


class Trial:
    """Three workers, two web processes, a PostgreSQL and a mail server, each with its address."""

    def __init__(self, network: Network, folder: Path, *, readers: int, seconds: float) -> None:
        """*seconds* is what the mail server takes over a mail."""
        folder.chmod(0o711)
        self._readers = readers
        self._record = folder / "record"
        self._record.touch()
        self._issues = 0
        self._stack = ExitStack()
        server, mail = network.plug_in("db"), network.plug_in("mail")
        shown = certificates.issue(folder, mail.address)
        self._sink = mail.command(
            *(sys.executable, "-m", "bench.scale.sink", mail.address, str(SMTP_PORT)),
            *(str(seconds), str(self._record), str(shown.server)),
        )
        home = folder / "postgres"
        home.mkdir()
        programs.give(home)
        self._postgres = programs.Postgres(server, home)
        smtp = {
            "host": mail.address,
            "port": SMTP_PORT,
            "tls": "implicit",
            "ca_file": str(shown.authority),
        }
        url = self._postgres.url(host=server.address)
        self._loaded: Loaded = installation.make(folder, url, smtp)
        env = installation.environment()
        told = {"folder": folder, "env": env}
        self._workers = [
            programs.digest(network.plug_in(f"worker{n}"), "worker", **told) for n in (1, 2, 3)
        ]
        self._webs = []
        for name in ("web1", "web2"):
            place = network.plug_in(name)
            words = ("serve", "--host", place.address, "--port", str(WEB_PORT))
            self._webs.append(programs.digest(place, *words, **told))

    def __enter__(self) -> Trial:
        with self._stack as stack:
            self._postgres.prepare()
            stack.enter_context(programs.running(self._postgres))
            self._postgres.await_answer()
            self._database = Database(self._postgres.url())
            stack.callback(self._database.close)
            installation.populate(self._database, readers=self._readers)
            taking = subprocess.Popen(self._sink, cwd=programs.ROOT)
            stack.callback(taking.wait)
            stack.callback(taking.kill)
            stack.enter_context(programs.running(*self._webs, *self._workers))
            self._await_webs()
            self._stack = stack.pop_all()
        return self

    def __exit__(self, *_: object) -> None:
        self._stack.close()

    @property
    def ends(self) -> dict[str, int]:
        """How often each program ended, killed or by itself."""
        everything = (self._postgres, *self._workers, *self._webs)
        return {program.place.name: program.ends for program in everything}

    # --- one issue ---

    def send(self, *, disturbed_by: random.Random | None = None, patience: float) -> Outcome:
        """
        Freeze an issue and see it out; with luck, break something every few seconds.

        TimeoutError if it is not finished after so many seconds.
        """
        issue = installation.approved(self._database, self._loaded, weeks_ago=self._issues)
        self._issues += 1
        faults: Counter[str] = Counter()
        began = time.monotonic()
        issue = weekly.freeze(self._database, self._loaded, issue, now=datetime.now(UTC))
        deadline = began + patience
        while not self._is_finished(issue):
            if time.monotonic() > deadline:
                raise TimeoutError(f"not finished after {patience:.0f} s: {self._tally(issue)}")
            if disturbed_by is not None:
                faults[self._disturb(disturbed_by)] += 1
                time.sleep(disturbed_by.uniform(*QUIET_SECONDS))
            else:
                time.sleep(0.5)
        seconds = time.monotonic() - began
        return self._outcome(issue, seconds, faults)

    def _is_finished(self, issue: Issue) -> bool:
        # The server may be on its way back: then this is no moment to tell.
        self._postgres.await_answer()
        with self._database.read() as conn:
            return issues.by_id(conn, issue.id).state is IssueState.FINISHED

    def _tally(self, issue: Issue) -> str:
        with self._database.read() as conn:
            return str(ledger.tally(conn, issue.id))

    def _outcome(self, issue: Issue, seconds: float, faults: Counter[str]) -> Outcome:
        copies = Counter(taken.message_id for taken in sink.read(self._record))
        with self._database.read() as conn:
            tally = ledger.tally(conn, issue.id)
            rows = ledger.listed(conn, issue.id, limit=self._readers + 1)
        by_state = Counter(str(row.state) for row in rows)
        sent, uncertain = by_state.pop(str(DeliveryState.SENT), 0), by_state.pop("uncertain", 0)
        taken = {row.recipient.address: copies[self._name(issue, row)] for row in rows}
        states = {row.recipient.address: row.state for row in rows}
        return Outcome(
            readers=self._readers,
            seconds=seconds,
            sent=sent,
            uncertain=uncertain,
            twice=[name for name, count in copies.items() if count > 1],
            lost=[
                address
                for address, state in states.items()
                if state is DeliveryState.SENT and not taken[address]
            ],
            others=by_state,
            uncertain_taken=sum(
                taken[address]
                for address, state in states.items()
                if state is DeliveryState.UNCERTAIN
            ),
            holds=tally.holds,
            faults=faults,
        )

    def _name(self, issue: Issue, row: Delivery) -> str:
        key = installation.ENVIRONMENT["TOKEN_KEY"]
        return tokens.message_id(key, issue.id, row.recipient.subscriber, "example.org")

    # --- what is done to it ---

    def _disturb(self, luck: random.Random) -> str:
        """Break something at random for a while; return what it was. It is mended after that."""
        victim = luck.choice([self._postgres, *self._workers, *self._webs])
        manner = luck.choice(list(_MANNERS))
        with _MANNERS[manner](victim):
            time.sleep(luck.uniform(*FAULT_SECONDS) if manner != "killed" else 0)
        return f"{victim.place.name} {manner}"

    def _await_webs(self) -> None:
        for web in self._webs:
            self.await_page(web)

    def await_page(self, web: programs.Program, *, seconds: float = 60) -> None:
        """Return once a web process says that it can do its work; TimeoutError if it never does."""
        deadline = time.monotonic() + seconds
        ask = (
            "import sys, urllib.request; "
            f"urllib.request.urlopen('http://{web.place.address}:{WEB_PORT}/readyz', timeout=5)"
        )
        command = web.place.command(sys.executable, "-S", "-c", ask)
        while subprocess.run(command, capture_output=True).returncode:
            if time.monotonic() > deadline:
                raise TimeoutError(f"{web.place.name} does not answer")
            time.sleep(0.5)

    def await_recovery(self) -> None:
        """Return once both web processes can do their work again."""
        self._await_webs()


@contextmanager
def _killed(victim: programs.Program) -> Iterator[None]:
    victim.kill()
    yield


@contextmanager
def _cut_off(victim: programs.Program) -> Iterator[None]:
    victim.place.pull()
    try:
        yield
    finally:
        victim.place.push()


@contextmanager
def _stood_still(victim: programs.Program) -> Iterator[None]:
    victim.freeze()
    try:
        yield
    finally:
        victim.thaw()


_MANNERS: dict[str, Callable[[programs.Program], object]] = {
    "killed": _killed,
    "cut off": _cut_off,
    "stood still": _stood_still,
}
