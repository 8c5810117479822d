"""`digest inbox`: a mail server that keeps what it gets and shows it in a browser."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

app = typer.Typer()


@app.command("inbox")
def inbox(
    smtp_port: Annotated[
        int, typer.Option("--smtp-port", min=0, max=65535, help="Where it takes mail; 0: any free.")
    ] = 2525,
    web_port: Annotated[
        int, typer.Option("--web-port", min=0, max=65535, help="Where it shows it; 0: any free.")
    ] = 8025,
    keep: Annotated[
        Path, typer.Option("--keep", help="Folder for the .eml files.", file_okay=False)
    ] = Path("var/inbox"),
) -> None:
    """
    Take every mail, pass none on, show them in a browser. Ctrl-C ends it.

    Example: digest inbox --smtp-port 2525 --web-port 8025 --keep var/inbox

    In config.yaml, for trying things out: smtp: {host: 127.0.0.1, port: 2525, tls: none}
    """
    import threading
    from contextlib import suppress

    from digest import inbox as built_in
    from digest.cli import terminal

    with (
        suppress(KeyboardInterrupt),
        built_in.running(keep, smtp_port=smtp_port, web_port=web_port) as running,
    ):
        terminal.facts(
            {
                "Mail": f"smtp://{running.host}:{running.port}",
                "Look": running.web_url,
                "Kept": str(keep),
                "Next": "digest issue test, or any program that sends mail. Ctrl-C ends it.",
            }
        )
        threading.Event().wait()
