"""`digest serve`: desk, readers' pages, bell and sender in one process."""

from __future__ import annotations

import os
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Annotated

import typer

from digest.errors import DigestError

if TYPE_CHECKING:
    from digest.config import Loaded


def serve(
    host: Annotated[str | None, typer.Option(help="Default: web.host in config.yaml.")] = None,
    port: Annotated[int | None, typer.Option(help="Default: web.port in config.yaml.")] = None,
    bell: Annotated[
        bool, typer.Option(help="--no-bell: only the web; another process rings.")
    ] = True,
) -> None:
    """
    Run desk, readers' pages, bell and sender until Ctrl-C.

    Example: digest serve --port 8000
    """
    import uvicorn

    from digest.cli import context, terminal
    from digest.config import Watched
    from digest.schedule import Bell
    from digest.web.app import application

    def clock() -> datetime:
        return datetime.now(UTC)

    installation = context.open_installation()
    watched = Watched(installation.loaded, os.environ)

    def current() -> Loaded:
        watched.refresh()
        return watched.loaded

    web = installation.settings.web
    host, port = host or web.host, port or web.port
    app = application(installation.database, current, clock=clock)
    server = uvicorn.Server(
        uvicorn.Config(app, host=host, port=port, log_level="warning", proxy_headers=False)
    )
    ringing = Bell(installation.database, current, clock=clock) if bell else None
    terminal.facts(
        [
            ("Desk", f"http://{host}:{port}/"),
            ("Sign in", "digest people link ADDRESS   prints a one-time link"),
            ("Health", f"http://{host}:{port}/healthz"),
            ("Bell", "rings in this process" if bell else "is elsewhere"),
            ("Stop", "Ctrl-C"),
        ]
    )
    try:
        if ringing:
            ringing.start()
        server.run()
    except SystemExit as e:
        raise DigestError(
            f"cannot listen on {host}:{port}",
            remedy="Another program may be there: name another port with --port.",
        ) from e
    finally:
        if ringing:
            ringing.stop()
