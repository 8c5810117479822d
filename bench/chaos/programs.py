"""What runs on the machines, and how it is broken and mended."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from pathlib import Path

from bench.chaos.network import SUBNET, Place
from bench.scale import processes
from tests import cluster

ROOT = Path(__file__).resolve().parents[2]
#: A program that ended is started again after so long, as systemd does it.
RESTART_SECONDS = 1.0
START_SECONDS = 60.0


class Program:
    """A program on a machine, started again whenever it ended without having been told to."""

    def __init__(self, place: Place, *words: str, folder: Path, env: Mapping[str, str]) -> None:
        self.place = place
        self._words = words
        self._folder = folder
        self._env = dict(env)
        self._log = folder / f"{place.name}.log"
        self._over = threading.Event()
        self._may_run = threading.Event()
        self._may_run.set()
        self._process: subprocess.Popen[bytes] | None = None
        self._minding = threading.Thread(target=self._mind, daemon=True)
        #: So long after its end it is started again.
        self.pause = RESTART_SECONDS
        #: How often it ended.
        self.ends = 0

    def start(self) -> None:
        """Start it, and again whenever it ends."""
        self._minding.start()

    def stop(self) -> None:
        """End it for good."""
        self._over.set()
        self._may_run.set()
        self.thaw()
        if self._process is not None:
            self._process.terminate()
        self._minding.join(30)
        self._signal(signal.SIGKILL)

    def kill(self) -> None:
        """Let it end in the middle of what it does."""
        self._signal(signal.SIGKILL)

    def restart(self) -> None:
        """Tell it to end at once, in order; it comes back."""
        if self._process is not None:
            self._process.send_signal(signal.SIGINT)

    @contextmanager
    def away(self) -> Iterator[None]:
        """Tell it to end, in order; it comes back when the block ends."""
        self._may_run.clear()
        try:
            self.restart()
            if self._process is not None:
                self._process.wait(START_SECONDS)
            yield
        finally:
            self._may_run.set()

    def freeze(self) -> None:
        """Let it stand still, as a machine does that is being moved."""
        self._signal(signal.SIGSTOP)

    def thaw(self) -> None:
        self._signal(signal.SIGCONT)

    def _signal(self, number: int) -> None:
        for pid in self._pids():
            with suppress(ProcessLookupError):
                os.kill(pid, number)

    def _pids(self) -> list[int]:
        """Return the process and what it has started, itself first."""
        if self._process is None or self._process.poll() is not None:
            return []
        with suppress(FileNotFoundError):
            return [self._process.pid, *processes.children(self._process.pid)]
        return []

    def _mind(self) -> None:
        while not self._over.is_set():
            with self._log.open("ab") as log:
                self._process = subprocess.Popen(
                    self.place.command(*self._words),
                    cwd=self._folder,
                    env=self._env,
                    stdin=subprocess.DEVNULL,
                    stdout=log,
                    stderr=log,
                )
            self._process.wait()
            self.ends += 1
            self._over.wait(self.pause)
            self._may_run.wait()


class Postgres(Program):
    """A server with a cluster of its own, which loses nothing that it has committed."""

    def __init__(self, place: Place, folder: Path, *, listen: str = "*") -> None:
        """*listen* are the addresses that it takes connections at, beside its socket."""
        self._listen = listen
        self._data = folder / "data"
        self._socket = folder
        owner = cluster.owner()
        become = ("setpriv", f"--reuid={owner}", f"--regid={owner}", "--clear-groups")
        self._become = become if owner else ()
        words = (*self._become, str(cluster.programs() / "postgres"), "-D", str(self._data))
        super().__init__(place, *words, folder=folder, env={"PATH": os.environ["PATH"]})

    def prepare(self) -> None:
        """Make the cluster; it can be reached from every machine."""
        initdb = (str(cluster.programs() / "initdb"), f"--pgdata={self._data}")
        told = ("--username=postgres", "--auth=trust", "--encoding=UTF8", "--no-sync")
        subprocess.run(
            [*self._become, *initdb, *told], cwd=self._socket, check=True, capture_output=True
        )
        with (self._data / "postgresql.conf").open("a") as written:
            written.write(
                f"listen_addresses = '{self._listen}'\n"
                f"unix_socket_directories = '{self._socket}'\n"
                # Killed programs lose no page that the kernel has; only a machine would.
                "fsync = off\n"
                # As an operator sets them who wants to know of a client's death.
                "tcp_keepalives_idle = 10\ntcp_keepalives_interval = 5\n"
                "tcp_keepalives_count = 3\ntcp_user_timeout = 20000\n"
            )
        with (self._data / "pg_hba.conf").open("a") as written:
            written.write(f"host all all {SUBNET}.0/24 trust\n")

    def url(self, *, host: str = "") -> str:
        """Return its URL on the network, or by its socket for who is on this machine."""
        return f"postgresql+psycopg://postgres@{host}/postgres" + (
            "" if host else f"?host={self._socket}"
        )

    def await_answer(self) -> None:
        """Return once it takes connections."""
        import psycopg

        deadline = time.monotonic() + START_SECONDS
        while True:
            try:
                psycopg.connect(host=str(self._socket), user="postgres").close()
            except psycopg.OperationalError:
                if time.monotonic() > deadline:
                    raise
                time.sleep(0.1)
            else:
                return


@contextmanager
def running(*programs: Program) -> Iterator[None]:
    """Run them for as long as the context lasts."""
    try:
        for program in programs:
            program.start()
        yield
    finally:
        for program in reversed(programs):
            program.stop()


def digest(place: Place, *words: str, folder: Path, env: Mapping[str, str]) -> Program:
    """Return ``digest WORDS`` on a machine; *folder* holds its config.yaml."""
    command = str(Path(sys.executable).with_name("digest"))
    return Program(place, command, *words, folder=folder, env=env)


def give(folder: Path) -> None:
    """Give *folder* to the user that the database server runs as."""
    if owner := cluster.owner():
        shutil.chown(folder, owner)
        folder.chmod(0o711)
