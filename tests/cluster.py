"""A scratch PostgreSQL cluster of the tests' own, on a socket in a temporary folder."""

from __future__ import annotations

import contextlib
import fcntl
import os
import pwd
import re
import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import Any
from urllib.parse import quote

#: Where the cluster of this test run lives; workers of pytest-xdist inherit it.
FOLDER_VARIABLE = "DIGEST_TEST_CLUSTER"
START_SECONDS = 60
#: A lost test run loses nothing that anybody wants, so nothing waits for the disk.
SETTINGS = {
    "listen_addresses": "",
    "fsync": "off",
    "synchronous_commit": "off",
    "full_page_writes": "off",
    "wal_level": "minimal",
    "max_wal_senders": "0",
    "max_connections": "200",
    "shared_buffers": "32MB",
    "autovacuum": "off",
    "jit": "off",
    "timezone": "Asia/Kathmandu",  # no test may lean on the server's zone
}


class NoCluster(Exception):
    """PostgreSQL cannot be started here; the text says why and what to install."""


@cache
def programs() -> Path:
    """Return the folder of the newest PostgreSQL server's programs. Raises NoCluster."""
    known = sorted(
        Path("/usr/lib/postgresql").glob("*/bin/initdb"),
        key=lambda path: [int(n) for n in re.findall(r"\d+", str(path))],
    )
    found = str(known[-1]) if known else shutil.which("initdb")
    if not found:
        raise NoCluster("no PostgreSQL server programs: apt-get install postgresql")
    return Path(found).resolve().parent


def plan() -> None:
    """Choose the folder of this run's cluster; to be called once, before workers start."""
    os.environ[FOLDER_VARIABLE] = tempfile.mkdtemp(prefix="recap-pg-")


def socket() -> Path:
    """
    Return the socket folder of the running cluster, starting it if nobody has.

    One process starts it, the others wait for that one. Raises NoCluster.
    """
    folder = Path(os.environ[FOLDER_VARIABLE])
    with _alone(folder):
        if not (folder / "data" / "postmaster.pid").exists():
            _start(folder)
    return folder


def stop() -> None:
    """Stop the cluster if it runs and remove its folder; calling twice is safe."""
    folder = Path(os.environ.pop(FOLDER_VARIABLE, "/nonexistent"))
    if (folder / "data" / "postmaster.pid").exists():
        _control(folder, "stop", "--mode=immediate")
    shutil.rmtree(folder, ignore_errors=True)


def url(name: str) -> str:
    """Return the SQLAlchemy URL of the database *name* in the running cluster."""
    return f"postgresql+psycopg://postgres@/{name}?host={quote(str(socket()), safe='')}"


def administer(statement: str) -> None:
    """Run one statement that stands outside transactions. Raises NoCluster."""
    run_in("postgres", statement)


def run_in(name: str, statements: str) -> None:
    """Run SQL in the database *name*, on a connection of its own. Raises NoCluster."""
    with connected(name) as connection:
        connection.execute(statements)


def connected(name: str) -> Any:
    """Return a connection of its own to the database *name*. Raises NoCluster."""
    import psycopg

    options = {"host": str(socket()), "user": "postgres", "dbname": name}
    return psycopg.connect(**options, autocommit=True)


@contextlib.contextmanager
def _alone(folder: Path) -> Iterator[None]:
    with (folder / "lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield


def _start(folder: Path) -> None:
    data = folder / "data"
    if data.exists():
        raise NoCluster(f"PostgreSQL did not start; see {folder}/log")
    if user := owner():
        shutil.chown(folder, user)
        folder.chmod(0o711)
    options = ("--username=postgres", "--auth=trust", "--encoding=UTF8", "--no-sync")
    # Another order of letters than SQLite's: what must be in order has to say so in the query.
    _run(folder, "initdb", f"--pgdata={data}", *options, *_collation())
    with (data / "postgresql.conf").open("a") as written:
        written.writelines(f"{name} = '{value}'\n" for name, value in SETTINGS.items())
        written.write(f"unix_socket_directories = '{folder}'\n")
    _control(folder, "start", f"--log={folder}/log", f"--timeout={START_SECONDS}")


def _collation() -> tuple[str, ...]:
    """Return the options for English collation where the server can (15 and newer), else C."""
    said = subprocess.run([programs() / "initdb", "--help"], capture_output=True, text=True)
    icu = ("--locale=C", "--locale-provider=icu", "--icu-locale=en")
    return icu if "--icu-locale" in said.stdout else ("--locale=C",)


def _control(folder: Path, verb: str, *options: str) -> None:
    _run(folder, "pg_ctl", verb, f"--pgdata={folder}/data", "--wait", "--silent", *options)


def owner() -> str | None:
    """Return the user to become, as the server refuses root; None if we are not root."""
    if os.geteuid() != 0:
        return None
    known = {user.pw_name for user in pwd.getpwall()}
    return "postgres" if "postgres" in known else "nobody"


def _run(folder: Path, program: str, *arguments: str) -> None:
    """Run one of the server's programs as its owner. Raises NoCluster with what it said."""
    # Into a file: the server would keep a pipe open, and the reader would wait for its end.
    with (folder / "said").open("w+") as said:
        done = subprocess.run(
            [programs() / program, *arguments],
            cwd=folder,
            user=owner(),
            extra_groups=[] if owner() else None,
            stdin=subprocess.DEVNULL,
            stdout=said,
            stderr=subprocess.STDOUT,
            timeout=2 * START_SECONDS,
            check=False,
        )
        said.seek(0)
        if done.returncode:
            raise NoCluster(f"{program} failed: {said.read()[-500:]}")
