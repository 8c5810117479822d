"""`digest restore`: everything back from a backup, and nothing sent a second time by it."""

from __future__ import annotations

import os
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated

import typer

from digest.cli.context import AsJson


def restore(
    file: Annotated[Path, typer.Argument(help="What `digest backup` wrote.")],
    folder: Annotated[Path, typer.Argument(help="Where config.yaml is to be.")] = Path(),
    database_only: Annotated[
        bool, typer.Option("--database-only", help="Keep the folder's own files.")
    ] = False,
    json: AsJson = False,
) -> None:
    """
    Put back what a backup holds; nothing that is there is overwritten.

    An issue that was going out is stopped, and one that was due since is held: readers
    may have got it after the backup. Stop `digest serve` before.

    Example: digest restore recap-backup-2026-05-01-0300.tar.gz my-recap
    """
    from digest import backup as backups
    from digest.cli import terminal

    done = backups.restore(
        file, folder, environ=os.environ, now=datetime.now(UTC), database_only=database_only
    )
    if json:
        terminal.as_json(
            {
                **backups.facts(done.manifest),
                "database": done.place,
                "doubted": [str(issue.of) for issue in done.doubted],
                "foreign_key": done.foreign_key,
            }
        )
        return
    terminal.facts(
        [
            (
                "Restored",
                f"as of {datetime.fromisoformat(done.manifest.saved_at):%Y-%m-%d %H:%M %Z}",
            ),
            ("Database", done.place),
            *((str(issue.of.key), f"{issue.state}: {issue.reasons[0]}") for issue in done.doubted),
            ("Next", "digest doctor"),
        ]
    )
    if done.doubted:
        terminal.warn("Let the mail server's log tell who got an issue: digest issue reconcile LOG")
    if done.foreign_key:
        terminal.warn(
            "TOKEN_KEY here is not the backup's: links in mails already sent do not work. "
            "Put the backup's in front of it, or behind it with a comma between."
        )
