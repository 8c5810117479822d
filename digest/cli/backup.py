"""`digest backup`: one file that everything can be put back from."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated

import typer

from digest.cli.context import AsJson


def backup(
    file: Annotated[
        Path | None,
        typer.Argument(help="Where to. Default: recap-backup-DATE-TIME.tar.gz in this folder."),
    ] = None,
    json: AsJson = False,
) -> None:
    """
    Write database, configuration, secrets, templates and lists into one file.

    It may run while everything else does. The file holds the token key and readers'
    addresses: it is readable by you alone, and should be kept like that.

    Example: digest backup /mnt/safe/recap-2026-05-01.tar.gz
    """
    from digest import backup as backups
    from digest.cli import context, terminal

    now = datetime.now(UTC)
    to = file or Path(f"recap-backup-{now:%Y-%m-%d-%H%M%S}.tar.gz")
    installation = context.open_installation()
    manifest = backups.save(installation.database, installation.loaded, to, now=now)
    size = to.stat().st_size
    told = f"{size / 1e6:,.1f} MB" if size >= 1e6 else f"{size / 1e3:.0f} KB"
    if json:
        terminal.as_json({"file": str(to), "bytes": size, **backups.facts(manifest)})
        return
    terminal.facts(
        [
            ("Backup", f"{to}   {told}"),
            ("Holds", f"the database and {len(manifest.files) - 1} files beside it"),
            ("Back", f"digest restore {to} FOLDER"),
        ]
    )
    if ".env" not in manifest.files:
        terminal.warn(
            "There is no .env beside config.yaml: keep TOKEN_KEY yourself. "
            "Without it every link in mails already sent is dead."
        )
