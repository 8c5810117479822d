"""One sender per issue: a lock that the system gives back at the moment its holder dies."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from digest.errors import AlreadySending
from digest.store import Database, locks


@contextmanager
def only_sender(database: Database, issue_id: int) -> Iterator[Callable[[], object]]:
    """
    Hold the issue's sender lock; AlreadySending if another process or thread has it.

    What it gives is to be called now and then: it takes the lock again that a restarted
    server has lost.

    A file lock beside an SQLite database, a session's advisory lock on PostgreSQL:
    neither outlives its holder, so that after a SIGKILL the next sender starts at once.
    """
    file = database.file
    if file:
        with _file_lock(file, issue_id) as got:
            _refuse_second(issue_id, got)
            yield lambda: None
        return
    with locks.advisory(database, issue_id) as lock:
        _refuse_second(issue_id, lock.is_held)
        yield lock.keep


def _refuse_second(issue_id: int, got: bool) -> None:
    if not got:
        raise AlreadySending(
            f"another process is sending issue {issue_id} already",
            remedy="It goes on by itself; see: digest issue status",
        )


@contextmanager
def _file_lock(database_file: Path, issue_id: int) -> Iterator[bool]:
    import fcntl

    path = database_file.with_name(f"{database_file.name}.sending-{issue_id}")
    handle = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    try:
        try:
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            yield False
            return
        if not _still_at(path, handle):
            # The last holder removed the file between our open and our lock.
            yield False
            return
        try:
            yield True
        finally:
            path.unlink(missing_ok=True)
    finally:
        os.close(handle)


def _still_at(path: Path, handle: int) -> bool:
    try:
        return os.path.samestat(path.stat(), os.fstat(handle))
    except FileNotFoundError:
        return False
