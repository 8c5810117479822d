"""
A mail server for trying things out: takes every mail, keeps it, shows it in a browser.

Nothing that it takes goes anywhere else. It listens on this machine only, unless told
otherwise, and asks nobody who they are.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path

from digest.inbox.kept import Kept, MailFolder
from digest.inbox.pages import serving
from digest.inbox.server import receiving

__all__ = ["Inbox", "Kept", "running"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Inbox:
    """A running inbox."""

    host: str
    #: Where it takes mail.
    port: int
    web_port: int
    #: Where every mail lies as an .eml file, byte for byte as it came.
    folder: Path

    @property
    def web_url(self) -> str:
        host = f"[{self.host}]" if ":" in self.host else self.host
        return f"http://{host}:{self.web_port}/"

    def mails(self) -> list[Kept]:
        """Return what came, in that order."""
        return MailFolder(self.folder).mails()


@contextmanager
def running(
    folder: Path, *, host: str = "127.0.0.1", smtp_port: int = 0, web_port: int = 0
) -> Iterator[Inbox]:
    """
    Run an inbox that keeps its mail in *folder*; port 0 takes a free one.

    Mail that is in *folder* already stays and is shown. DigestError if a port is taken.
    """
    kept = MailFolder(folder)
    with ExitStack() as stack:
        port = stack.enter_context(receiving(kept, host, smtp_port))
        seen_at = stack.enter_context(serving(kept, host, web_port))
        yield Inbox(host=host, port=port, web_port=seen_at, folder=folder)
