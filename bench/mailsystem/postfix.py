"""Postfix and postgrey under a folder of their own, on free ports of this machine alone."""

from __future__ import annotations

import os
import pwd
import shutil
import socket
import subprocess
import tempfile
import time
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

#: What each kind of address is answered at RCPT.
ANSWERS = {
    r"/^nouser@/": "550 5.1.1 No such user here",
    r"/^full@/": "452 4.2.2 Mailbox full",
    r"/^quota@/": "552 5.2.2 Over quota",
    r"/^policy@/": "550 5.7.1 Message content rejected",
    r"/^slow@/": "451 4.7.1 Try again later",
    r"/^throttle@/": "421 4.7.0 Too many messages, closing",
    r"/@dead\.test$/": "550 5.1.1 The account that you tried to reach does not exist",
    r"/@full\.test$/": "452 4.2.2 The recipient inbox is out of storage space",
    r"/@grey\.test$/": "greylist",
}

_MAIN = """\
compatibility_level = 3.6
queue_directory = {folder}/queue
data_directory = {folder}/data
command_directory = /usr/sbin
daemon_directory = /usr/lib/postfix/sbin
maillog_file = {folder}/maillog
maillog_file_prefixes = {folder}
myhostname = mail.test
mydestination =
mynetworks = 127.0.0.1/32
inet_interfaces = 127.0.0.1
inet_protocols = ipv4
virtual_mailbox_domains = inbox.test, grey.test, bounces.test
virtual_mailbox_base = {boxes}
virtual_mailbox_maps = regexp:{folder}/etc/boxes
virtual_uid_maps = static:{uid}
virtual_gid_maps = static:{gid}
virtual_minimum_uid = 1
recipient_delimiter = +
default_transport = smtp:[127.0.0.1]:{front}
smtp_tls_security_level = none
smtp_host_lookup = native
smtputf8_enable = yes
maximal_queue_lifetime = 8s
bounce_queue_lifetime = 8s
minimal_backoff_time = 2s
maximal_backoff_time = 2s
queue_run_delay = 2s
smtpd_error_sleep_time = 0
smtpd_relay_restrictions = permit
smtpd_restriction_classes = greylist
answers = check_recipient_access regexp:{folder}/etc/answers, reject_unauth_destination
greylist = check_policy_service inet:127.0.0.1:{grey}
"""

_MASTER = """\
127.0.0.1:{front} inet n - n - - smtpd
  -o smtpd_recipient_restrictions=$answers
127.0.0.1:{relay} inet n - n - - smtpd
  -o smtpd_recipient_restrictions=permit_mynetworks,reject
cleanup unix n - n - 0 cleanup
qmgr unix n - n 300 1 qmgr
tlsmgr unix - - n 1000? 1 tlsmgr
rewrite unix - - n - - trivial-rewrite
bounce unix - - n - 0 bounce
defer unix - - n - 0 bounce
trace unix - - n - 0 bounce
verify unix - - n - 1 verify
proxymap unix - - n - - proxymap
smtp unix - - n - - smtp
error unix - - n - - error
retry unix - - n - - error
virtual unix - n n - - virtual
anvil unix - - n - 1 anvil
scache unix - - n - 1 scache
postlog unix-dgram n - n - 1 postlogd
"""


@dataclass(frozen=True)
class Postfix:
    """Its ports, and where the mail lies that it took."""

    folder: Path
    #: Answers each kind of address at once.
    front: int
    #: Takes everything, and brings what it cannot deliver back by mail.
    relay: int
    boxes: Path

    def copies(self, box: str) -> int:
        """How many mails are in that mailbox."""
        return len(list((self.boxes / box / "new").glob("*")))

    def queued(self) -> int:
        """How many mails wait in its queue."""
        waiting = (self.folder / "queue" / name for name in ("active", "deferred", "incoming"))
        return sum(1 for place in waiting for file in place.rglob("*") if file.is_file())


def missing() -> list[str]:
    """Return the Debian packages whose programs are not there."""
    path = f"{os.environ.get('PATH', '')}:/usr/sbin"
    programs = {"postfix": "postfix", "dovecot": "dovecot-imapd", "postgrey": "postgrey"}
    return [package for name, package in programs.items() if not shutil.which(name, path=path)]


@contextmanager
def running(boxes: Path, names: Iterable[str]) -> Iterator[Postfix]:
    """
    Run both; mail to each of *names* goes into a maildir of that name under *boxes*.

    Mail for bounces.test, whatever its tag, goes into the maildir ``mail``.
    """
    place = Path(tempfile.mkdtemp(prefix="postfix-"))
    place.chmod(0o755)
    front, relay, grey = (_free() for _ in range(3))
    nobody = pwd.getpwnam("nobody")
    told = {"folder": place, "boxes": boxes, "front": front, "relay": relay, "grey": grey}
    told |= {"uid": nobody.pw_uid, "gid": nobody.pw_gid}
    for name in ("etc", "queue", "data", "grey"):
        (place / name).mkdir()
    shutil.chown(place / "data", "postfix")
    shutil.chown(place / "grey", "postgrey", "postgrey")
    etc = place / "etc"
    (etc / "main.cf").write_text(_MAIN.format(**told))
    # Postfix splits options at blanks; its lists take commas as well.
    (etc / "master.cf").write_text(_MASTER.format(**told))
    (etc / "answers").write_text("".join(f"{who} {what}\n" for who, what in ANSWERS.items()))
    # Postfix's virtual(8) takes no $1 in what a pattern leads to.
    lines = [r"/^bounces(\+.*)?@/ mail/", *(f"/^{name}@/ {name}/" for name in names)]
    (etc / "boxes").write_text("\n".join(lines) + "\n")
    greylisting = subprocess.Popen(
        [
            *("postgrey", f"--inet=127.0.0.1:{grey}", "--delay=5", f"--dbdir={place / 'grey'}"),
            *(f"--pidfile={place / 'grey' / 'pid'}", "--user=postgrey", "--group=postgrey"),
        ],
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    control = ["postfix", "-c", str(etc)]
    try:
        subprocess.run([*control, "start"], check=True, capture_output=True)
        for port in (front, relay, grey):
            _wait(port)
        yield Postfix(place, front, relay, boxes)
    finally:
        subprocess.run([*control, "stop"], check=False, capture_output=True)
        greylisting.terminate()
        greylisting.wait(10)
        shutil.rmtree(place, ignore_errors=True)


def _free() -> int:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        return int(free.getsockname()[1])


def _wait(port: int) -> None:
    for _ in range(100):
        try:
            socket.create_connection(("127.0.0.1", port), 1).close()
        except OSError:
            time.sleep(0.1)
        else:
            return
    raise RuntimeError(f"nothing listens on port {port}")
