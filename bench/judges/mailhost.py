"""
Hand messages to Exim and Postfix and read them back through Dovecot, in a network of their own.

    unshare --net --mount python mailhost.py FOLDER EXIM MESSAGE…

Prints one JSON object: what each server said of each message, and what came back. Nothing of
the machine's own mail system is read or changed: accounts and configuration lie in FOLDER.
"""

from __future__ import annotations

import email
import json
import os
import shutil
import smtplib
import subprocess
import sys
import time
from email.message import Message
from pathlib import Path

READER = "reader@inbox.test"
ENVELOPE = (
    b"EHLO sender.test\r\nMAIL FROM:<recap@example.org>\r\n"
    b"RCPT TO:<%s>\r\nDATA\r\n" % READER.encode()
)

EXIM = """\
primary_hostname = mx.inbox.test
spool_directory = {folder}/spool
log_file_path = {folder}/log/%slog
smtputf8_advertise_hosts = *
host_lookup =
rfc1413_hosts =
queue_only
acl_smtp_rcpt = accept
acl_smtp_data = data
begin acl
data:
  deny !verify = header_syntax
    message = header syntax: $acl_verify_message
  deny condition = ${{if > {{$max_received_linelength}}{{998}}}}
    message = a line of $max_received_linelength octets
  deny condition = ${{if !def:h_Message-ID:}}
    message = no Message-ID
  accept
begin routers
nowhere:
  driver = redirect
  data = :blackhole:
begin transports
begin retry
* * F,1h,1m
"""

POSTFIX = """\
compatibility_level = 3.6
queue_directory = {folder}/queue
data_directory = {folder}/data
command_directory = /usr/sbin
daemon_directory = /usr/lib/postfix/sbin
mail_owner = postfix
setgid_group = postdrop
maillog_file = {folder}/maillog
maillog_file_prefixes = {folder}
myhostname = mx.inbox.test
inet_interfaces = 127.0.0.1
inet_protocols = ipv4
mydestination =
alias_maps =
alias_database =
virtual_mailbox_domains = inbox.test
virtual_mailbox_base = {folder}/boxes
virtual_mailbox_maps = static:reader/
virtual_uid_maps = static:65534
virtual_gid_maps = static:65534
smtputf8_enable = yes
strict_rfc821_envelopes = yes
strict_8bitmime = yes
strict_mime_encoding_domain = yes
smtpd_forbid_bare_newline = reject
smtpd_relay_restrictions = reject_unauth_destination
smtpd_data_restrictions = reject_unauth_pipelining
"""

MASTER = """\
smtp inet n - n - - smtpd
cleanup unix n - n - 0 cleanup
qmgr unix n - n 300 1 qmgr
rewrite unix - - n - - trivial-rewrite
bounce unix - - n - 0 bounce
defer unix - - n - 0 bounce
proxymap unix - - n - - proxymap
error unix - - n - - error
retry unix - - n - - error
virtual unix - n n - - virtual
anvil unix - - n - 1 anvil
postlog unix-dgram n - n - 1 postlogd
"""


def main(folder: Path, exim: str, messages: list[Path]) -> None:
    accounts(folder)
    subprocess.run(["ip", "link", "set", "lo", "up"], check=True)
    told = {"exim": through_exim(folder, exim, messages)}
    told["postfix"], told["dovecot"] = through_postfix(folder, messages)
    print(json.dumps(told))


def accounts(folder: Path) -> None:
    """Give Exim the account that its package would make, in this mount namespace alone."""
    for name, line in (
        ("passwd", "Debian-exim:x:65532:65532::/nonexistent:/usr/sbin/nologin"),
        ("group", "Debian-exim:x:65532:"),
    ):
        known = Path("/etc", name).read_text()
        if "Debian-exim" not in known:
            (folder / name).write_text(f"{known.rstrip()}\n{line}\n")
            subprocess.run(["mount", "--bind", folder / name, f"/etc/{name}"], check=True)


def through_exim(folder: Path, exim: str, messages: list[Path]) -> dict[str, str]:
    """Speak SMTP with Exim on its standard input; return its answer to each message's end."""
    for name in ("spool", "log"):
        (folder / name).mkdir()
        (folder / name).chmod(0o777)
    config = folder / "exim.conf"
    config.write_text(EXIM.format(folder=folder))
    libraries = str(Path(exim).parents[1] / "lib" / "x86_64-linux-gnu")
    told = {}
    for message in messages:
        done = subprocess.run(
            [exim, "-C", str(config), "-bs"],
            input=ENVELOPE + message.read_bytes() + b".\r\nQUIT\r\n",
            capture_output=True,
            check=False,
            env={**os.environ, "LD_LIBRARY_PATH": libraries},
        )
        answers = [line for line in done.stdout.decode().splitlines() if line[3:4] == " "]
        told[message.stem] = answers[5] if len(answers) > 5 else done.stderr.decode()[:200]
    return told


def through_postfix(folder: Path, messages: list[Path]) -> tuple[dict[str, str], dict[str, str]]:
    """Return what Postfix said of each, and how it differs where Dovecot gives it back."""
    etc = folder / "etc"
    for name in ("etc", "queue", "data", "boxes"):
        (folder / name).mkdir()
    (etc / "main.cf").write_text(POSTFIX.format(folder=folder))
    (etc / "master.cf").write_text(MASTER)
    shutil.chown(folder / "data", "postfix")
    os.chown(folder / "boxes", 65534, 65534)
    subprocess.run(["postfix", "-c", etc, "start"], check=True, capture_output=True)
    try:
        said = {message.stem: sent(message) for message in messages}
        box = folder / "boxes" / "reader"
        for _ in range(100):
            if box.is_dir() and len(list((box / "new").iterdir())) == len(messages):
                break
            time.sleep(0.2)
    finally:
        subprocess.run(["postfix", "-c", etc, "stop"], check=False, capture_output=True)
    return said, came_back(folder, box, messages)


def sent(message: Path) -> str:
    for _ in range(50):
        try:
            with smtplib.SMTP("127.0.0.1", 25, timeout=20) as server:
                server.ehlo("sender.test")
                server.mail("recap@example.org")
                server.rcpt(READER)
                code, answer = server.data(message.read_bytes())
                return f"{code} {answer.decode()}"
        except ConnectionRefusedError:
            time.sleep(0.1)
        except smtplib.SMTPException as e:
            return str(e)
    return "no answer"


def came_back(folder: Path, box: Path, messages: list[Path]) -> dict[str, str]:
    """Fetch all by Dovecot and compare with what was sent; "" where nothing differs."""
    config = folder / "dovecot.conf"
    old = subprocess.run(["dovecot", "--version"], capture_output=True, text=True, check=True)
    place = f"mail_location = maildir:{box}\n"
    if not old.stdout.startswith("2.3"):
        place = "dovecot_config_version = 2.4.0\ndovecot_storage_version = 2.4.0\n"
        place += f"mail_driver = maildir\nmail_path = {box}\n"
    config.write_text(
        f"{place}base_dir = {folder}/run\nlog_path = {folder}/dovecot.log\nssl = no\n"
        "mail_uid = 65534\nmail_gid = 65534\nfirst_valid_uid = 1\n"
    )
    fetched = subprocess.run(
        ["doveadm", "-c", config, "-f", "json", "fetch", "text", "mailbox", "INBOX"],
        capture_output=True,
        text=True,
        check=False,
        env={**os.environ, "USER": "nobody", "HOME": str(folder)},
    )
    try:
        got = [email.message_from_string(each["text"]) for each in json.loads(fetched.stdout)]
    except (ValueError, KeyError):
        return {message.stem: fetched.stderr[-300:] or "nothing" for message in messages}
    back = [facts(each) for each in got]
    told = {}
    for message in messages:
        source = facts(email.message_from_bytes(message.read_bytes()))
        told[message.stem] = "" if source in back else "changed or lost"
    return told


def facts(message: Message) -> list[object]:
    """Return what must come back as it left: the fields that we wrote, and the bodies."""
    fields = [
        " ".join(str(message[name]).split())
        for name in ("From", "To", "Subject", "Date", "List-Unsubscribe", "DKIM-Signature")
    ]
    bodies = [part.get_payload(decode=True) for part in message.walk() if not part.is_multipart()]
    return [*fields, *[body.replace(b"\r\n", b"\n") for body in bodies if isinstance(body, bytes)]]


if __name__ == "__main__":
    main(Path(sys.argv[1]), sys.argv[2], [Path(each) for each in sys.argv[3:]])
