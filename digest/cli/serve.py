"""`digest serve`: desk, readers' pages, bell and sender in one process."""

from __future__ import annotations

import gc
import os
import signal
import socket
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Annotated

import typer

from digest.errors import DigestError

if TYPE_CHECKING:
    from threading import Event
    from types import FrameType

    import uvicorn

    from digest.config import Loaded

#: Connections that wait to be taken, as uvicorn has it.
BACKLOG = 2048


def serve(
    host: Annotated[str | None, typer.Option(help="Default: web.host in config.yaml.")] = None,
    port: Annotated[
        int | None, typer.Option(min=1, max=65535, help="Default: web.port in config.yaml.")
    ] = None,
    bell: Annotated[
        bool, typer.Option(help="Ring in this process; without, another one rings.")
    ] = True,
) -> None:
    """
    Run desk, readers' pages, bell and sender until Ctrl-C.

    Example: digest serve --port 8000
    """
    import uvicorn

    from digest import staff
    from digest.cli import context, logs, terminal
    from digest.config import Watched
    from digest.schedule import Bell, Watch
    from digest.web.app import application

    logs.to_stderr()
    collect_seldom()
    installation = context.open_installation()
    # From here the doctor counts how old they are.
    staff.secrets_in_use(installation.database, installation.settings, now=_clock())
    watched = Watched(installation.loaded, os.environ, tell=logs.alert)

    def current() -> Loaded:
        watched.refresh()
        return watched.loaded

    web = installation.settings.web
    web = web.model_copy(update={"host": host or web.host, "port": port or web.port})
    # Before anything rings: where somebody else listens, nothing begins.
    listening = _listening(web.host, web.port)
    app = application(installation.database, current, clock=_clock)
    server = uvicorn.Server(
        uvicorn.Config(
            app,
            host=web.host,
            port=web.port,
            log_level="error",
            proxy_headers=False,
            server_header=False,
        )
    )
    ringing = Bell(installation.database, current, clock=_clock) if bell else None
    terminal.facts(
        [
            ("Desk", f"http://{web.place}/"),
            ("Sign in", "digest people link ADDRESS   prints a one-time link"),
            ("Health", f"http://{web.place}/readyz"),
            ("Bell", "rings in this process" if bell else "is elsewhere"),
            ("Stop", "Ctrl-C"),
        ]
    )
    _end_streams(server, app.state.closing)
    _survive_signals(server)
    watch = Watch(installation.database, current, clock=_clock)
    try:
        watch.start()
        if ringing:
            ringing.start()
        server.run(sockets=[listening])
    finally:
        listening.close()
        watch.stop()
        if ringing:
            terminal.warn("Stopping after what is under way; Ctrl-C again ends it at once.")
            _yield_to_signals()
            ringing.stop()


def _listening(host: str, port: int) -> socket.socket:
    """Return a socket that takes connections there; DigestError if there is none to be had."""
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    try:
        return socket.create_server((host, port), family=family, backlog=BACKLOG)
    except OSError as e:
        raise DigestError(
            f"cannot listen on {host}:{port}: {e.strerror or e}",
            remedy="End what is there, or name another place with --host and --port.",
        ) from e


def _clock() -> datetime:
    return datetime.now(UTC)


def collect_seldom() -> None:
    """
    Let the interpreter look through all objects for lost cycles a tenth as often.

    A page of hundreds of rows makes so many objects that every third one waited 0.13 s for
    that; nearly all of them are let go without it.
    """
    gc.set_threshold(10_000, 10, 10)


def _end_streams(server: uvicorn.Server, closing: Event) -> None:
    """Let the signal that ends the server end its streams too; else it would wait for them."""
    usual = server.handle_exit

    def handle_exit(number: int, frame: FrameType | None) -> None:
        closing.set()
        usual(number, frame)

    server.handle_exit = handle_exit  # type: ignore[assignment, method-assign]


def _survive_signals(server: uvicorn.Server) -> None:
    """
    Let a signal end the server, even one that has not begun to listen; not the process.

    uvicorn stops gracefully at a signal and then raises it again; without a handler of our
    own that would kill the sender before it wrote down what the mail server answered.
    """

    def end(*_: object) -> None:
        server.should_exit = True

    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, end)


def _yield_to_signals() -> None:
    """
    Let the next signal end the process while it waits for what is under way.

    A mail server that never answers is waited for up to ten minutes; the ledger takes up
    what a process left behind.
    """
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, signal.SIG_DFL)
