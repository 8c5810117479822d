"""`digest worker`: one of many senders, on PostgreSQL."""

from __future__ import annotations

import os
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from digest.errors import ConfigError

if TYPE_CHECKING:
    from digest.config import Loaded


def worker() -> None:
    """
    Send what is announced, beside any number of others; Ctrl-C ends it after what is in flight.

    Needs `fleet: true` in config.yaml, and PostgreSQL. Start as many as you like, on as
    many machines, also while an issue goes out; kill any of them at any time.

    Example: digest worker
    """
    from digest.cli import context, logs, terminal
    from digest.config import Watched
    from digest.store import jobs
    from digest.worker import Worker

    installation = context.open_installation()
    if not installation.settings.fleet:
        raise ConfigError(
            "this installation has no fleet: digest serve sends by itself",
            file=str(installation.path),
            key="fleet",
            remedy="Write `fleet: true`, then run: digest db upgrade",
        )
    jobs.require(installation.database)
    logs.to_stderr()
    watched = Watched(installation.loaded, os.environ, tell=logs.alert)

    def current() -> Loaded:
        watched.refresh()
        return watched.loaded

    working = Worker(installation.database, current, clock=lambda: datetime.now(UTC))
    terminal.facts([("Worker", "waits for issues"), ("Stop", "Ctrl-C")])
    working.run()
