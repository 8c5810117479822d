"""A real IMAP server for the tests: Dovecot, on this machine alone, with one mailbox."""

from __future__ import annotations

import imaplib
import os
import pwd
import shutil
import socket
import subprocess
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

_CONFIG = """\
base_dir = {folder}/run
log_path = {folder}/log
protocols = imap
listen = 127.0.0.1
disable_plaintext_auth = no
mail_location = maildir:{folder}/box/mail
first_valid_uid = 1
ssl = no
passdb {{
  driver = static
  args = password=s3cret
}}
userdb {{
  driver = static
  args = uid={uid} gid={gid} home={folder}/box
}}
service imap-login {{
  inet_listener imap {{
    port = {port}
  }}
  inet_listener imaps {{
    port = 0
  }}
}}
"""


@dataclass
class ImapServer:
    """Its port, and what a mail server or a person does with its mailbox."""

    folder: Path
    port: int

    def deliver(self, *mails: bytes) -> None:
        """Put mails into the mailbox, in this order."""
        client = self._client()
        for mail in mails:
            client.append("INBOX", "", None, mail)  # type: ignore[arg-type]
        client.logout()

    def seen(self) -> int:
        """How many mails of the mailbox are marked as seen."""
        client = self._client()
        client.select("INBOX", readonly=True)
        _, found = client.search(None, "SEEN")
        client.logout()
        return len(found[0].split())

    def begin_anew(self) -> None:
        """Delete the mailbox and make it again, as after a crash of the server's disk."""
        shutil.rmtree(self.folder / "box" / "mail")
        # Dovecot takes the clock's second for UIDVALIDITY.
        time.sleep(1.1)

    def _client(self) -> imaplib.IMAP4:
        client = imaplib.IMAP4("127.0.0.1", self.port, timeout=5)
        client.login("bounces", "s3cret")
        return client


@contextmanager
def running(needs: Callable[[str, str], None]) -> Iterator[ImapServer]:
    """Run Dovecot in a folder of its own; a test without it is skipped and says so."""
    program = shutil.which("dovecot", path=f"{os.environ.get('PATH', '')}:/usr/sbin")
    if program is None:
        needs("dovecot", "Dovecot is not there: apt-get install dovecot-imapd")
    if os.getuid() != 0:
        needs("dovecot", "Dovecot starts as root only")
    nobody = pwd.getpwnam("nobody")
    # Not under the test's folder: Dovecot leaves root's rights behind, and could not enter.
    place = Path(tempfile.mkdtemp(prefix="imap-"))
    place.chmod(0o755)
    (place / "box").mkdir()
    os.chown(place / "box", nobody.pw_uid, nobody.pw_gid)
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    config = place / "dovecot.conf"
    names = {"uid": nobody.pw_uid, "gid": nobody.pw_gid}
    config.write_text(_CONFIG.format(folder=place, port=port, **names))
    process = subprocess.Popen(
        [program, "-F", "-c", config], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
    )
    server = ImapServer(place, port)
    try:
        _wait(server, process)
        yield server
    finally:
        process.terminate()
        process.wait(10)
        shutil.rmtree(place)


def _wait(server: ImapServer, process: subprocess.Popen[bytes]) -> None:
    for _ in range(100):
        try:
            server._client().logout()
        except (OSError, imaplib.IMAP4.error):
            if process.poll() is not None:
                break
            time.sleep(0.1)
        else:
            return
    log = server.folder / "log"
    raise RuntimeError(log.read_text() if log.exists() else "Dovecot did not start")
