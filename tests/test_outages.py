"""What an issue on its way makes of an outage; docs/how-to/outages.md tells each outcome."""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from copy import copy
from datetime import UTC, datetime, timedelta
from pathlib import Path

import httpx
import pytest
from sqlalchemy import text

from bench.chaos import programs
from bench.chaos.network import Here
from digest import delivery, staff, tokens, weekly
from digest.config import Loaded
from digest.errors import AlreadySending, SenderFault, StoreAway, StoreFull
from digest.model import DeliveryState, IssueState
from digest.store import Database, issues, jobs, ledger, upgrade
from digest.web.desk import sending
from tests import certificates, cluster
from tests.audience import addresses, an_issue, frozen, readers
from tests.mailserver import MailServer, running
from tests.test_delivery import letter, loaded
from tests.test_fleet import WORKER
from tests.website import Site, a_draft, put_into, served

READERS = 300
SENT, UNCERTAIN = DeliveryState.SENT, DeliveryState.UNCERTAIN


class Friday:
    """An issue that goes out in a thread of its own, while the world is broken around it."""

    def __init__(
        self, database: Database, server: MailServer, *, fleet: bool = False, **smtp: object
    ) -> None:
        self.database = database
        self.server = server
        self.issue = an_issue(database)
        readers(database, addresses(READERS))
        frozen(database, self.issue, due_at=datetime.now(UTC))
        self.fault: Exception | None = None
        self.clock: Callable[[], datetime] = lambda: datetime.now(UTC)
        self._smtp = {"connections": 4} | smtp
        self._fleet = fleet

    def beside(self, *, clock: Callable[[], datetime]) -> Friday:
        """Return another sender of the same issue, with a clock of its own."""
        other = copy(self)
        other.clock = clock
        return other

    def settle(self) -> None:
        """Send to whom is owed it; what ends the run is kept in `fault`."""
        try:
            delivery.settle(
                self.database,
                self._loaded(),
                self.issue,
                clock=lambda: self.clock(),
                write=letter,
            )
        except Exception as e:  # noqa: BLE001 - the test looks at it
            self.fault = e

    def sweep(self) -> None:
        """Look after the issue, as the bells of a fleet do."""
        delivery.sweep(
            self.database, self._loaded(), clock=lambda: self.clock(), stop=threading.Event()
        )

    def _loaded(self) -> Loaded:
        told = loaded(self.server.port, **self._smtp)
        return Loaded(
            told.settings.model_copy(update={"fleet": self._fleet}), told.folder, told.path
        )

    @contextmanager
    def going_out(self, *, after: int = 30) -> Iterator[None]:
        """Begin; the body runs once so many mails were taken. Wait for the end after it."""
        sending = threading.Thread(target=self.settle)
        sending.start()
        try:
            self.await_mails(after)
            yield
        finally:
            sending.join(120)
        assert not sending.is_alive()

    def await_mails(self, count: int) -> None:
        deadline = time.monotonic() + 60
        while len(self.server.mails) < count:
            assert time.monotonic() < deadline, (count, len(self.server.mails), self.fault)
            time.sleep(0.01)

    @property
    def state(self) -> IssueState:
        with self.database.read() as conn:
            return issues.by_id(conn, self.issue).state

    @property
    def senders(self) -> list[str]:
        with self.database.read() as conn:
            return [holder for holder, _ in ledger.senders_of(conn, self.issue)]

    def count(self, *states: DeliveryState) -> int:
        with self.database.read() as conn:
            return ledger.tally(conn, self.issue).count(*states)

    def assert_each_once(self, *, uncertain: int = 0) -> None:
        """Finished; everybody has it, but for so many at most who are listed."""
        assert self.state is IssueState.FINISHED
        assert self.count(UNCERTAIN) <= uncertain
        assert self.count(SENT, UNCERTAIN) == READERS
        copies = Counter(self.server.recipients)
        assert max(copies.values()) == 1
        assert len(copies) >= self.count(SENT)


@pytest.fixture
def slow_server() -> Iterator[MailServer]:
    with running(MailServer(delay=0.02)) as server:
        yield server


# --- the database, and who opens a page meanwhile -----------------------------------------


@pytest.fixture
def site(server, tmp_path) -> Iterator[Site]:
    """Pages over a database that can be taken away."""
    database = Database(server.url())
    upgrade.upgrade(database)
    with served(database, tmp_path) as site:
        site.settings(
            newsletters={
                key: told.model_copy(update={"language": "de"})
                for key, told in site.loaded.settings.newsletters.items()
            }
        )
        yield site
    database.close()


def _token(site: Site) -> str:
    account = staff.add(site.database, "ana@example.org", staff.Role.ADMIN, now=site.now)
    scopes = ["issues:read"]
    return staff.make_token(
        site.database,
        site.loaded,
        account,
        name="a script",
        scopes=scopes,
        lasts=None,
        now=site.now,
    )


@pytest.mark.slow
def test_pages_without_their_database_ask_for_patience_and_come_back(site, server, capfd):
    """Each says 503, when to come back and that nothing changed; once it is there, all works."""
    leave = f"/unsubscribe/{tokens.make(site.loaded.settings.token_key, tokens.LEAVE, 1, 'recap')}"
    one_click = {"List-Unsubscribe": "One-Click"}
    program = site.browser(headers={"authorization": f"Bearer {_token(site)}"})
    reader, editor = site.browser(), site.browser("editor")
    askings = {
        "a reader's page": lambda: reader.get(leave),
        "one click": lambda: reader.post(leave, data=one_click),
        "the archive": lambda: reader.get("/issues/recap"),
        "the desk": lambda: editor.get("/"),
        "a page of the desk": lambda: editor.get("/desk/feeds"),
        "the API": lambda: reader.get("/api/v1/newsletters/recap/issues"),
        "the desk's API": lambda: program.get("/api/v1/desk/me"),
    }

    def told() -> dict[str, httpx.Response]:
        return {name: ask() for name, ask in askings.items()}

    well = dict.fromkeys(askings, 200)
    assert {name: answer.status_code for name, answer in told().items()} == well
    with server.away():
        away = told()
        ready = reader.get("/readyz")
    for name, answer in away.items():
        assert (name, answer.status_code) == (name, 503)
        assert answer.headers["retry-after"] == "60"
        for word in ("Traceback", "psycopg", "OperationalError", "socket"):
            assert word not in answer.text
    assert "Es wurde nichts geändert" in away["a reader's page"].text
    assert "Nothing was changed" in away["the desk"].text
    assert away["the API"].json()["status"] == 503
    assert (ready.status_code, ready.json()["status"]) == (503, "down")
    assert "Traceback" not in "".join(capfd.readouterr())

    server.await_answer()
    assert {name: answer.status_code for name, answer in told().items()} == well
    assert reader.get("/readyz").status_code == 200


@pytest.mark.slow
def test_who_watches_an_issue_go_out_sees_it_go_on_after_an_outage(site, server, monkeypatch):
    """The desk's stream waits for the database, since a browser would not ask for it again."""
    monkeypatch.setattr(sending, "AWAY", 0.2)
    issue = put_into(site.database, a_draft(site.database), IssueState.SENDING, loaded=site.loaded)
    place = f"/desk/issues/{issue.id}/progress?version={issue.version}"
    with site.browser("editor").stream("GET", place) as stream:
        lines = stream.iter_lines()
        assert next(lines) == "event: progress"
        with server.away():
            time.sleep(2)
        server.await_answer()
        with site.database.write() as conn:
            issues.set_state(
                conn, issue.id, (IssueState.SENDING,), IssueState.STOPPED,
                now=site.now, actor="a test",
            )  # fmt: skip
        assert "event: changed" in lines


# --- the database, and who is being sent to -----------------------------------------------


@pytest.fixture
def open_folder() -> Iterator[Path]:
    """A folder that other users may walk through, as pytest's own may not be."""
    with tempfile.TemporaryDirectory(prefix="recap-outage-") as made:
        Path(made).chmod(0o711)
        yield Path(made)


@pytest.fixture
def server(needs, open_folder) -> Iterator[programs.Postgres]:
    """A PostgreSQL of this test's own, which comes back whenever it ends."""
    folder = open_folder / "postgres"
    folder.mkdir()
    programs.give(folder)
    try:
        postgres = programs.Postgres(Here("db"), folder, listen="")
        postgres.prepare()
    except cluster.NoCluster as e:
        needs("postgres", str(e))
    with programs.running(postgres):
        postgres.await_answer()
        yield postgres


@pytest.fixture
def on_postgresql(server, slow_server) -> Iterator[Friday]:
    database = Database(server.url())
    upgrade.upgrade(database)
    yield Friday(database, slow_server)
    database.close()


@pytest.mark.slow
@pytest.mark.parametrize("manner", ["restart", "kill"])
def test_a_database_that_is_started_anew_is_waited_for(server, on_postgresql, manner):
    """Stopped in order or killed, it is back after a moment: the same run goes on by itself."""
    it = on_postgresql
    with it.going_out():
        getattr(server, manner)()
    assert it.fault is None
    it.assert_each_once(uncertain=delivery.IN_FLIGHT)


@pytest.fixture
def workers(server, slow_server) -> Iterator[list[subprocess.Popen[bytes]]]:
    """Two workers on that PostgreSQL, as they wait for an issue."""
    with working(server, slow_server.port) as started:
        yield started


@contextmanager
def working(server: programs.Postgres, port: int) -> Iterator[list[subprocess.Popen[bytes]]]:
    database = Database(server.url())
    upgrade.upgrade(database)
    jobs.prepare(database)
    told = [sys.executable, "-c", WORKER, database.url, str(port)]
    root = Path(__file__).parents[1]
    started = [subprocess.Popen(told, cwd=root, stderr=subprocess.PIPE) for _ in range(2)]
    try:
        _await_workers(database, len(started))
        yield started
    finally:
        for each in started:
            each.kill()
            each.communicate()
        database.close()


def _await_workers(database: Database, count: int) -> None:
    deadline = time.monotonic() + 60
    known = 0
    while known < count:
        assert time.monotonic() < deadline, "the workers did not come"
        with suppress(StoreAway), database.read() as conn:
            known = conn.execute(text("SELECT count(*) FROM procrastinate_workers")).scalar_one()
        time.sleep(0.1)


@pytest.mark.slow
def test_a_fleet_waits_for_its_database(server, slow_server, workers):
    """A database that is killed takes along what says that a sender lives: nobody is found dead
    for that, each goes on with what it had, and of nobody is it uncertain what they got."""
    database = Database(server.url())
    server.kill()
    server.await_answer()
    it = Friday(database, slow_server, fleet=True)
    with database.write() as conn:
        jobs.announce(conn, it.issue, READERS)
    it.await_mails(30)
    server.kill()
    server.await_answer()
    before = it.senders
    it.sweep()
    assert it.senders == before != []
    deadline = time.monotonic() + 60
    while it.state is IssueState.SENDING and time.monotonic() < deadline:
        time.sleep(0.1)
    it.assert_each_once()
    database.close()
    _stop(workers)


def _until_finished(it: Friday, *, seconds: float) -> None:
    deadline = time.monotonic() + seconds
    while it.state is IssueState.SENDING:
        assert time.monotonic() < deadline, (len(it.server.mails), it.senders)
        time.sleep(0.5)


def _stop(workers: list[subprocess.Popen[bytes]]) -> None:
    """Tell them to end; each was there all the while, and does."""
    assert [each.poll() for each in workers] == [None, None]
    for each in workers:
        each.terminate()
    assert [each.wait(30) for each in workers] == [0, 0]


@pytest.mark.slow
def test_a_fleet_outlives_a_relay_that_is_away_for_longer_than_a_share_waits(server):
    """Shares end with the reason and are announced anew, no worker ends, no reader is marked;
    once the relay is back the rest goes out. In doubt is only who was in flight as it went."""
    relay = MailServer(delay=0.02)
    with running(relay):
        port = relay.port
    with working(server, port) as workers:
        database = Database(server.url())
        it = Friday(database, relay, fleet=True)
        with running(relay, port=port):
            with database.write() as conn:
                jobs.announce(conn, it.issue, READERS)
            it.await_mails(30)
        # A line tries again for 15 s, and a worker then rests for 10 s: twice that, and more.
        time.sleep(60)
        assert it.state is IssueState.SENDING
        assert it.count(DeliveryState.FAILED) == 0
        with running(relay, port=port):
            _until_finished(it, seconds=120)
        it.assert_each_once(uncertain=2 * delivery.IN_FLIGHT)
        database.close()
        _stop(workers)


@pytest.mark.slow
def test_a_fleet_outlives_a_database_that_is_away_for_longer_than_a_run_waits(
    server, slow_server, workers
):
    """Runs end, workers wait; once it is back they go on, and in doubt is who was in flight."""
    database = Database(server.url())
    it = Friday(database, slow_server, fleet=True)
    with database.write() as conn:
        jobs.announce(conn, it.issue, READERS)
    it.await_mails(30)
    with server.away():
        time.sleep(50)  # answers are kept for half a minute
    server.await_answer()
    _until_finished(it, seconds=120)
    it.assert_each_once(uncertain=2 * delivery.IN_FLIGHT)
    database.close()
    _stop(workers)


@pytest.mark.slow
def test_a_database_that_stands_still_is_waited_for(server, on_postgresql):
    """For half a minute nothing is written, so nothing leaves; then it goes on."""
    it = on_postgresql
    with it.going_out():
        server.freeze()
        time.sleep(1)
        before = len(it.server.mails)
        time.sleep(29)
        assert len(it.server.mails) == before
        server.thaw()
    assert it.fault is None
    it.assert_each_once()


@pytest.mark.slow
def test_what_is_away_for_long_ends_the_run(server, on_postgresql, monkeypatch):
    """It ends with the reason; answers that came meanwhile are not believed, but listed. Once
    the database is back, a later run goes on with the rest."""
    monkeypatch.setattr("digest.delivery.recorder.PAUSES", (0.1, 0.2, 0.3))
    server.pause = 5.0
    it = on_postgresql
    with it.going_out():
        server.kill()
    assert isinstance(it.fault, StoreAway)
    assert "could not be written down" in it.fault.remedy

    server.await_answer()
    it.settle()
    it.assert_each_once(uncertain=delivery.IN_FLIGHT)


# --- the disk -----------------------------------------------------------------------------


@pytest.fixture
def small_disk(needs, open_folder) -> Iterator[Path]:
    """A disk of 64 MB of this test's own."""
    disk = open_folder / "disk"
    disk.mkdir()
    mount = ["mount", "-t", "tmpfs", "-o", "size=64m,mode=0711", "recap", str(disk)]
    try:
        done = subprocess.run(mount, capture_output=True, text=True, check=False)
    except FileNotFoundError:
        needs("root", "no mount: apt-get install mount")
    if done.returncode:
        needs("root", f"only root can make a disk of its own: {done.stderr.strip()}")
    yield disk
    subprocess.run(["umount", "--lazy", str(disk)], check=True)


def fill(disk: Path, *, leave: int) -> Path:
    """Fill *disk* but for so many bytes; return the file to remove."""
    ballast = disk / "ballast"
    # Others write meanwhile: the last bytes may be theirs.
    with ballast.open("wb", buffering=0) as written, suppress(OSError):
        while (room := _free(disk) - leave) > 0:
            written.write(bytes(min(room, 2**20)))
    return ballast


def _free(disk: Path) -> int:
    found = os.statvfs(disk)
    return found.f_bavail * found.f_frsize


@pytest.fixture
def on_small_disk(small_disk, slow_server) -> Iterator[Friday]:
    database = Database(f"sqlite:///{small_disk}/recap.db")
    upgrade.upgrade(database)
    yield Friday(database, slow_server)
    database.close()


def test_a_ledger_whose_disk_gets_full_ends_the_run_in_order(small_disk, on_small_disk):
    """With 20 MB left it ends while it can still write: nobody is in doubt. With room again,
    the next run goes on with the rest."""
    it = on_small_disk
    with it.going_out():
        ballast = fill(small_disk, leave=20_000_000)
    assert isinstance(it.fault, StoreFull)
    assert it.count(UNCERTAIN) == 0
    assert it.count(SENT) == len(it.server.mails) < READERS

    ballast.unlink()
    it.settle()
    it.assert_each_once()


@pytest.mark.slow
def test_a_ledger_whose_disk_is_full_at_once_lets_nothing_leave(small_disk, on_small_disk):
    """Not a byte is left: what was answered is written as soon as there is room, and nothing
    leaves before that."""
    it = on_small_disk
    with it.going_out():
        ballast = fill(small_disk, leave=0)
        time.sleep(2)
        before = len(it.server.mails)
        time.sleep(1)
        assert len(it.server.mails) == before < READERS
        ballast.unlink()
    assert isinstance(it.fault, StoreFull)
    it.settle()
    it.assert_each_once(uncertain=delivery.IN_FLIGHT)


@pytest.mark.slow
def test_a_full_disk_of_postgresql_lets_nothing_leave(small_disk, server, slow_server):
    """The server refuses to write: nothing leaves; with room again the same run goes on."""
    programs.give(small_disk)
    database = Database(server.url())
    with database.engine.connect() as conn:
        conn = conn.execution_options(isolation_level="AUTOCOMMIT")
        conn.exec_driver_sql(f"CREATE TABLESPACE small LOCATION '{small_disk}'")
    upgrade.upgrade(database)
    with database.write() as conn:
        conn.exec_driver_sql("ALTER TABLE deliveries SET TABLESPACE small")
    it = Friday(database, slow_server)
    with it.going_out():
        ballast = fill(small_disk, leave=0)
        time.sleep(2)
        before = len(it.server.mails)
        time.sleep(1)
        assert len(it.server.mails) == before < READERS
        ballast.unlink()
    assert it.fault is None
    it.assert_each_once()
    database.close()


# --- the clock ----------------------------------------------------------------------------


@pytest.mark.parametrize("hours", [1, -1])
def test_a_clock_that_jumps_changes_nobodys_mail(database, slow_server, hours):
    """An hour forward and everybody gets it; an hour back, and who waits is owed it when the
    clock has come to the send hour again. Nobody is lost, and nobody gets two."""
    it = Friday(database, slow_server)
    real = it.clock
    with it.going_out():
        it.clock = lambda: real() + timedelta(hours=hours)
    assert it.fault is None
    if hours < 0:
        assert it.state is IssueState.SENDING
        assert 30 <= it.count(SENT) == len(it.server.mails) < READERS
        it.clock = real
        it.settle()
    it.assert_each_once()


@pytest.mark.parametrize("database", ["postgresql"], indirect=True)
def test_a_worker_whose_clock_is_wrong_takes_over_and_repeats_nobody(database, slow_server):
    """An hour ahead, it takes the others for dead: whom they had in flight is listed, they send
    no more, and nobody gets two."""
    it = Friday(database, slow_server, fleet=True)
    ahead = it.beside(clock=lambda: datetime.now(UTC) + timedelta(hours=1))
    with it.going_out():
        ahead.settle()
    assert ahead.fault is None
    assert isinstance(it.fault, AlreadySending)
    it.assert_each_once(uncertain=delivery.IN_FLIGHT)


# --- the mail server ----------------------------------------------------------------------


def test_a_certificate_that_expires_stops_the_mail_and_nobody_is_marked(database, tmp_path):
    """Connections that are open go on; a new one is refused, with the reason and what to do.
    Once the certificate is renewed, the next run goes on with the rest."""
    shown = certificates.issue(tmp_path, "127.0.0.1")
    server = MailServer(starttls=True, certificate=shown.server, delay=0.01)
    with running(server):
        tls = {"tls": "starttls", "ca_file": str(shown.authority), "messages_per_connection": 20}
        it = Friday(database, server, **tls)
        valid = shown.server.read_bytes(), shown.authority.read_bytes()
        with it.going_out():
            certificates.issue(tmp_path, "127.0.0.1", days=(-90, -1))
        assert isinstance(it.fault, SenderFault)
        assert "expired" in str(it.fault)
        assert it.fault.remedy
        assert it.state is IssueState.STOPPED
        assert it.count(SENT) == len(server.mails) < READERS
        assert it.count(UNCERTAIN) == it.count(DeliveryState.FAILED) == 0

        shown.server.write_bytes(valid[0])
        shown.authority.write_bytes(valid[1])
        with database.read() as conn:
            stopped = issues.by_id(conn, it.issue)
        weekly.resume(database, stopped, by="editor", now=datetime.now(UTC))
        it.settle()
        it.assert_each_once()


SENDER = """
import sys
from datetime import UTC, datetime
from digest import delivery, staff, tokens, weekly
from digest.config import Loaded
from digest.store import Database
from tests.test_delivery import letter, loaded
from tests.website import Site, a_draft, put_into, served

url, issue, port = sys.argv[1:]
smtp = {"host": "relay.test", "connections": 2, "messages_per_connection": 10}
delivery.settle(
    Database(url), loaded(int(port), **smtp), int(issue), clock=lambda: datetime.now(UTC),
    write=letter,
)
"""
#: With files of its own for whom to ask for a name, and for the names that are known.
ELSEWHERE = """
mount --bind "$1/hosts" /etc/hosts && mount --bind "$1/resolv.conf" /etc/resolv.conf || exit 99
shift; exec "$@"
"""


@pytest.mark.slow
@pytest.mark.parametrize("seconds", [3, 60])
def test_a_relay_whose_name_is_gone_is_asked_for_again(
    database, slow_server, needs, tmp_path, seconds
):
    """For some seconds: the same run goes on. For longer: it ends, nobody is marked, and a
    later run goes on with the rest."""
    if os.geteuid():
        needs("root", "only root can take a name away")
    it = Friday(database, slow_server)
    hosts = tmp_path / "hosts"
    hosts.write_text("127.0.0.1 localhost relay.test\n")
    (tmp_path / "resolv.conf").write_text("nameserver 127.0.0.1\n")
    words = [sys.executable, "-c", SENDER, database.url, str(it.issue), str(slow_server.port)]
    command = ["unshare", "--mount", "sh", "-c", ELSEWHERE, "sh", str(tmp_path), *words]

    def send() -> subprocess.Popen[bytes]:
        return subprocess.Popen(command, cwd=Path(__file__).parents[1], stderr=subprocess.PIPE)

    sending = send()
    it.await_mails(30)
    hosts.write_text("127.0.0.1 localhost\n")
    for _ in range(seconds * 10):
        time.sleep(0.1)
        if sending.poll() is not None:
            break
    hosts.write_text("127.0.0.1 localhost relay.test\n")
    _, said = sending.communicate(timeout=60)
    if seconds == 60:
        assert b"Unreachable: relay.test" in said, said.decode()
        assert it.state is IssueState.SENDING
        assert it.count(UNCERTAIN, DeliveryState.FAILED) == 0
        sending = send()
        _, said = sending.communicate(timeout=60)
    assert sending.returncode == 0, said.decode()
    it.assert_each_once()
