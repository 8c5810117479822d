"""`digest serve` as a process: it ends when it is told to."""

from __future__ import annotations

import os
import shutil
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from subprocess import Popen
from threading import Event, Timer

import pytest
import uvicorn

from digest.cli import serve

CONFIG = """\
public_url: http://127.0.0.1:8000
newsletters:
  weekly:
    title: A Week
    from: A Week <week@example.org>
    postal_address: 1 Sample Street, Springfield
"""

#: The program, with a bell whose sender waits for a mail server that never answers.
BUSY = """
import sys, time
import digest.schedule

class Busy(digest.schedule.Bell):
    def start(self): print("ringing", flush=True)
    def stop(self):
        print("waiting", flush=True)
        time.sleep(60)

digest.schedule.Bell = Busy
sys.argv = ["digest", "serve", "--port", sys.argv[1]]
from digest.__main__ import main
main()
"""


@pytest.fixture
def busy(tmp_path: Path, _sqlite_template: Path) -> Iterator[Popen[str]]:
    (tmp_path / "config.yaml").write_text(CONFIG, encoding="utf-8")
    environ = {**os.environ, "TOKEN_KEY": "0" * 64}
    (tmp_path / "var").mkdir()
    shutil.copyfile(_sqlite_template, tmp_path / "var" / "recap.db")
    with socket.create_server(("127.0.0.1", 0)) as place:
        port = place.getsockname()[1]
    with Popen(
        [sys.executable, "-c", BUSY, str(port)],
        cwd=tmp_path,
        env=environ,
        stdout=subprocess.PIPE,
        text=True,
    ) as process:
        # A process that does not end would hold the test for ever.
        alarm = Timer(120, process.kill)
        alarm.start()
        yield process
        alarm.cancel()
        process.kill()


def told(process: Popen[str], word: str) -> None:
    """Wait until the process prints *word*."""
    assert process.stdout
    assert word in (line.strip() for line in process.stdout)


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_second_signal_ends_it_at_once(busy: Popen[str], number: signal.Signals) -> None:
    """The first one, however early, waits for what is under way; nobody has to wait with it."""
    told(busy, "ringing")
    busy.send_signal(number)
    told(busy, "waiting")
    busy.send_signal(number)
    assert busy.wait(timeout=30) == -number


def test_the_signal_that_ends_the_server_ends_its_streams() -> None:
    """A browser that follows a sending would otherwise keep the server waiting for ever."""
    server = uvicorn.Server(uvicorn.Config(app=None, log_config=None))
    closing = Event()
    serve._end_streams(server, closing)
    server.handle_exit(signal.SIGTERM, None)
    assert closing.is_set()
    assert server.should_exit
