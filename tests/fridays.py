"""Fridays in fast time: two desks and two bells on one database, killed whenever it suits."""

from __future__ import annotations

import email
import os
import random
import re
import signal
import socket
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from pathlib import Path
from types import TracebackType

import httpx
from sqlalchemy import update

from digest import staff
from digest.config import Loaded
from digest.model import DeliveryState, Issue, IssueState
from digest.store import Database, issues, ledger, ticks
from digest.store.schema import feeds
from tests.friday import a_loaded, publish, sent_before, subscribe
from tests.mailserver import MailServer, running

#: The first Friday's send hour is 09:00 in New York; weeks follow it by the calendar.
WEEK = timedelta(days=7)
READERS = 12
#: Fewer weeks prove nothing.
LEAST = 3
#: Fridays of a year.
YEAR = 52
#: Bells and desks; each is killed as often as the others.
BELLS, DESKS = 2, 2
#: So often a bell looks at the clock, in seconds, and so long it rests while that stands still.
LOOK, REST = 0.01, 0.1
#: After so many seconds at most somebody dies, once the clock has moved or an editor has asked:
#: about as long as what they do then takes.
SOON = 0.15
#: What an editor sometimes types.
HEADLINE = "A Headline by Hand"

#: Forks a process of the sort that each line names, ``bell`` or ``desk PORT``. What a parent
#: of many threads must not do, a child of it may: fork, again and again.
NURSERY = """
import os, signal, sys, tempfile, time
from datetime import UTC, datetime
from pathlib import Path

import uvicorn
from digest.schedule import Bell
from digest.store import Database, upgrade
from digest.web import application
from tests.friday import sent_before
from tests.fridays import LOOK, REST, loaded

url, folder, port = sys.argv[1:]
here = Path(folder)

def clock():
    return datetime.fromtimestamp(float((here / "clock").read_text()), UTC)

known = loaded(here, int(port))
# They open no connection yet, so that each child has its own.
bell = Bell(Database(url), lambda: known, clock=clock)
app = application(Database(url), lambda: known, clock=clock)

def ring():
    at_work = here / f"at work {os.getpid()}"
    while True:
        struck = clock()
        at_work.touch()
        for name in ("week", "announce", "send", "outbox"):
            bell.ring(name)
        at_work.unlink()
        again = time.monotonic() + REST
        while clock() == struck and time.monotonic() < again:
            time.sleep(LOOK)

def serve(at):
    uvicorn.run(app, port=at, lifespan="off", log_level="critical", ws="none")

def warm():
    # Whoever is born here has loaded by then what an issue takes: that costs seconds.
    with tempfile.TemporaryDirectory() as place:
        database = Database(f"sqlite:///{place}/recap.db")
        upgrade.upgrade(database)
        sent_before(database, loaded(Path(place), 1))
        database.close()

warm()
signal.signal(signal.SIGCHLD, signal.SIG_IGN)
for line in sys.stdin:
    sort, *told = line.split()
    child = os.fork()
    if not child:
        signal.signal(signal.SIGCHLD, signal.SIG_DFL)
        os.dup2(2, 1)  # what is logged is no process number
        ring() if sort == "bell" else serve(int(told[0]))
        os._exit(0)
    print(child, flush=True)
"""


def fast(
    database: Database,
    folder: Path,
    *,
    seconds: float,
    least: int = LEAST,
    seed: int | None = None,
) -> Outcome:
    """Let Fridays pass for so many seconds, and *least* of them; return what became of them."""
    deadline = time.monotonic() + seconds
    with (
        running(MailServer(delay=0.005)) as server,
        Fridays(database, folder, server, seed=seed) as fridays,
    ):
        while time.monotonic() < deadline or fridays.outcome.weeks < least:
            fridays.friday()
        return fridays.judged()


def loaded(folder: Path, port: int) -> Loaded:
    """The newsletter, with a mail server on *port*."""
    made = a_loaded(folder)
    smtp = made.settings.smtp.model_copy(
        update={"host": "127.0.0.1", "port": port, "tls": "none", "connections": 2}
    )
    settings = made.settings.model_copy(
        update={"smtp": smtp, "public_url": "http://127.0.0.1:8000"}
    )
    return replace(made, settings=settings)


@dataclass
class Outcome:
    """What became of all the Fridays."""

    weeks: int = 0
    kills: int = 0
    #: Of each sort: ``bell``, ``desk``.
    killed: Counter[str] = field(default_factory=Counter)
    #: Of these, bells in the middle of a tick, and any while an editor waited for a desk.
    at_work: int = 0
    while_asked: int = 0
    states: Counter[str] = field(default_factory=Counter)
    #: Approvals and edits that a desk took.
    approved: int = 0
    edited: int = 0
    mails: int = 0
    uncertain: int = 0
    faults: list[str] = field(default_factory=list)

    def __str__(self) -> str:
        states = ", ".join(f"{count} {state}" for state, count in sorted(self.states.items()))
        return (
            f"{self.weeks} Fridays ({states}), {self.kills} kills"
            f" ({self.killed['bell']} bells, {self.at_work} of them in the middle of a tick,"
            f" and {self.killed['desk']} desks; {self.while_asked} while an editor waited),"
            f" {self.edited} edits and {self.approved} approvals at a desk, {self.mails} mails,"
            f" {self.uncertain} uncertain, {len(self.faults)} faults"
        )


class Fridays:
    """The processes, the clock that drives them, and the editor who comes by."""

    def __init__(
        self, database: Database, folder: Path, server: MailServer, *, seed: int | None = None
    ) -> None:
        self.database, self.folder, self.server = database, folder, server
        self.luck = random.Random(seed)
        self.outcome = Outcome()
        self.running: list[tuple[str, int]] = []
        self.first = datetime.fromisoformat("2024-01-05T14:00:00+00:00")
        self.ports = [_free_port() for _ in range(DESKS)]
        self.keys: list[str] = []
        #: One for all: to make one reads the system's certificates, and takes longer than a page.
        self.browser = httpx.Client(timeout=20)

    def __enter__(self) -> Fridays:
        self._prepare()
        with (self.folder / "said").open("w") as said:
            self.nursery = subprocess.Popen(
                [sys.executable, "-c", NURSERY, self.database.url, str(self.folder),
                 str(self.server.port)],
                cwd=Path(__file__).parents[1],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=said,
                text=True,
            )  # fmt: skip
        sorts = ["bell"] * BELLS + [f"desk {port}" for port in self.ports]
        self.running = [(sort, self._start(sort)) for sort in sorts]
        return self

    def __exit__(
        self,
        _kind: type[BaseException] | None,
        _fault: BaseException | None,
        _trace: TracebackType | None,
    ) -> None:
        self.browser.close()
        for _, process in self.running:
            _kill(process)
        self.nursery.kill()
        self.nursery.communicate()

    # --- beginning ---

    def _prepare(self) -> None:
        """Readers, an issue that went well before, and an account of the desk."""
        self.now = self.first - timedelta(days=6)
        self.loaded = loaded(self.folder, self.server.port)
        subscribe(self.database, READERS)
        sent_before(self.database, self.loaded)
        account = staff.add(self.database, "ana@example.org", staff.Role.PUBLISHER, now=self.now)
        self.account = account.address

    @property
    def now(self) -> datetime:
        return self._now

    @now.setter
    def now(self, at: datetime) -> None:
        self._now = at
        place = self.folder / "clock.new"
        place.write_text(str(at.timestamp()))
        place.replace(self.folder / "clock")

    def _start(self, sort: str) -> int:
        assert self.nursery.stdin
        assert self.nursery.stdout
        self.nursery.stdin.write(f"{sort}\n")
        self.nursery.stdin.flush()
        return int(self.nursery.stdout.readline())

    # --- one Friday ---

    def friday(self) -> None:
        """Let a week pass, with its publications, its hour, an editor, and kills at any moment."""
        hour = self.first + len(self.keys) * WEEK
        # New York's clocks are an hour ahead in summer: what matters is the order of things.
        key = f"{hour:%Y-%m-%d}"
        self.keys.append(key)
        self._fed(hour, f"No. {len(self.keys)}")
        for before in (timedelta(hours=30), timedelta(hours=5), timedelta(hours=2)):
            self._at(hour - before)
        self._editor(key)
        for after in (timedelta(0), timedelta(minutes=5), timedelta(hours=1), timedelta(hours=2)):
            self._at(hour + after)
        self._editor_after(key)
        self._at(hour + timedelta(hours=4))
        self.outcome.weeks += 1

    def _fed(self, hour: datetime, name: str) -> None:
        titles = [
            f"{what} {name}" for what in ("Tides of", "Harvests of", "Reports on", "Votes on")
        ]
        publish(self.database, *titles, on=hour - timedelta(days=2))

    def _at(self, moment: datetime) -> None:
        """Set the clock, kill somebody perhaps, and wait until a bell has rung since."""
        with self.database.write() as conn:
            fresh = moment - timedelta(minutes=5)
            conn.execute(update(feeds).values(enabled=True, succeeded_at=fresh, fetched_at=fresh))
        self.now = moment
        for _ in range(self.luck.choice((0, 0, 1, 1, 2))):
            time.sleep(self.luck.uniform(0, SOON))
            self._strike()
        self._until(lambda: self._rung(moment), f"no bell rang at {moment}")

    def _strike(self) -> None:
        place = self.luck.randrange(len(self.running))
        sort, process = self.running[place]
        _kill(process)
        with suppress(FileNotFoundError):
            (self.folder / f"at work {process}").unlink()
            self.outcome.at_work += 1
        self.outcome.kills += 1
        self.outcome.killed[sort.split()[0]] += 1
        self.running[place] = sort, self._start(sort)

    def _rung(self, moment: datetime) -> bool:
        with self.database.read() as conn:
            told = {tick.name: tick for tick in ticks.listed(conn)}
            sending = issues.listed(conn, "recap", states=(IssueState.SENDING,))
        both = all(name in told and told[name].at >= moment for name in ("week", "send"))
        return both and not any(self._owed(issue) for issue in sending)

    def _owed(self, issue: Issue) -> bool:
        with self.database.read() as conn:
            return ledger.tally(conn, issue.id).owed > 0

    def _until(self, holds: Callable[[], bool], otherwise: str, seconds: float = 60) -> None:
        deadline = time.monotonic() + seconds
        while not holds():
            if time.monotonic() > deadline:
                said = (self.folder / "said").read_text()[-2000:]
                raise AssertionError(f"{otherwise}\n{said}")
            time.sleep(0.02)

    # --- the editor ---

    def _editor(self, key: str) -> None:
        """Before the hour: nothing, an edit, an approval, an edit and an approval, or a hold."""
        what = self.luck.choice(("nothing", "nothing", "edit", "approve", "both", "hold"))
        if what in ("edit", "both"):
            self.outcome.edited += self._asked(key, "edit", act="words", headline=HEADLINE)
        if what in ("approve", "both"):
            self.outcome.approved += self._asked(key, "approve")
        if what == "hold":
            self._asked(key, "hold", reason="The lead story changed.")

    def _editor_after(self, key: str) -> None:
        """After the hour: what is held is approved now and then."""
        if self.luck.random() < 0.5 and self._issue(key).state is IssueState.HELD:
            self.outcome.approved += self._asked(key, "approve")

    def _asked(self, key: str, action: str, **told: str) -> bool:
        """Send a form from the issue's page, while somebody dies perhaps; tell if it was taken."""
        issue, ports = self._issue(key), self.luck.sample(self.ports, DESKS) * 2
        with ThreadPoolExecutor(1) as meanwhile:
            taken = meanwhile.submit(self._taken, issue, ports, action, told)
            if self.luck.random() < 0.5:
                time.sleep(self.luck.uniform(0, SOON))
                self.outcome.while_asked += not taken.done()
                self._strike()
            return taken.result()

    def _taken(self, issue: Issue, ports: list[int], action: str, told: dict[str, str]) -> bool:
        """Ask one desk after the other, until one answers; killed ones are asked again."""
        for port in ports:
            with suppress(httpx.TransportError):
                desk = f"http://127.0.0.1:{port}"
                secret = staff.link(self.database, self.account, now=self.now)
                self.browser.post(f"{desk}/sign-in/{secret}")
                page = self.browser.get(f"{desk}/desk/issues/{issue.id}").text
                form = dict(re.findall(r'name="(csrf|version)" value="([^"]+)"', page))
                if "version" not in form:
                    return False
                place = f"{desk}/desk/issues/{issue.id}/{action}"
                return self.browser.post(place, data=form | told).status_code == 303
            time.sleep(0.1)
        return False

    def _issue(self, key: str) -> Issue:
        with self.database.read() as conn:
            return next(each for each in issues.listed(conn, "recap") if each.of.key == key)

    # --- the end ---

    def judged(self) -> Outcome:
        """Let everything come to its end and say what was not as it should be."""
        self._at(self.now + timedelta(hours=3))
        outcome = self.outcome
        with self.database.read() as conn:
            known = [each for each in issues.listed(conn, "recap") if each.of.key in self.keys]
        outcome.states = Counter(str(issue.state) for issue in known)
        found = Counter(issue.of.key for issue in known)
        for key in self.keys:
            if found[key] != 1:
                outcome.faults.append(f"{key}: {found[key]} issues")
        copies = Counter(
            email.message_from_bytes(mail.content)["Message-ID"]
            for mail in self.server.mails
            if mail.recipient.startswith("reader")
        )
        outcome.mails = sum(copies.values())
        outcome.faults += [f"{one}: {many} copies" for one, many in copies.items() if many > 1]
        for issue in known:
            outcome.faults += self._wrong(issue)
        if outcome.mails > READERS * len(self.keys):
            outcome.faults.append(f"{outcome.mails} mails of {len(self.keys)} issues")
        return outcome

    def _wrong(self, issue: Issue) -> list[str]:
        """Return what is wrong with one issue: not sent to each reader once, nor told why not."""
        if issue.state is IssueState.HELD:
            return [] if issue.reasons else [f"{issue.of.key} is held without a reason"]
        if issue.state is not IssueState.FINISHED:
            return [f"{issue.of.key} is {issue.state}: {' '.join(issue.reasons)}"]
        with self.database.read() as conn:
            tally = ledger.tally(conn, issue.id)
        uncertain = tally.count(DeliveryState.UNCERTAIN)
        self.outcome.uncertain += uncertain
        if tally.frozen != READERS or not tally.holds:
            return [f"{issue.of.key}: {tally}"]
        if tally.count(DeliveryState.SENT) + uncertain != READERS:
            return [f"{issue.of.key}: {tally}"]
        return []


def _kill(process: int) -> None:
    with suppress(ProcessLookupError):
        os.kill(process, signal.SIGKILL)


def _free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as place:
        return int(place.getsockname()[1])
