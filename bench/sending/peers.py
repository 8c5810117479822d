"""What we measure ourselves against: programs that others wrote, and the usual way in Python."""

from __future__ import annotations

import json
import shutil
import smtplib
import subprocess
import sys
import time
from pathlib import Path

from bench.sending import world


def smtp_source(port: int, messages: int, connections: int, size: int) -> float:
    """Return the messages per second of Postfix's load generator: constant bytes, lockstep."""
    command = world.smtp_source(port, messages=messages, size=size, connections=connections)
    began = time.monotonic()
    subprocess.run(command, check=True, stdout=subprocess.DEVNULL)
    return messages / (time.monotonic() - began)


def smtplib_lockstep(port: int, messages: int, size: int) -> float:
    """Return the messages per second of the standard library over one connection."""
    content = (b"Subject: Three Themes\r\n\r\n" + b"A sentence of usual length.\r\n" * size)[:size]
    with smtplib.SMTP("127.0.0.1", port) as client:
        client.ehlo()
        began = time.monotonic()
        for number in range(messages):
            client.sendmail("recap@example.org", f"reader{number}@example.org", content)
        return messages / (time.monotonic() - began)


class Nodemailer:
    """Nodemailer from npm, installed into a folder of its own."""

    def __init__(self, folder: Path) -> None:
        npm = shutil.which("npm")
        if npm is None:
            sys.exit("npm is missing. As root, type: apt-get install npm")
        subprocess.run(
            [npm, "install", "--silent", "--no-audit", "--prefix", folder, "nodemailer"],
            check=True,
            stdout=subprocess.DEVNULL,
        )
        shutil.copy(Path(__file__).with_name("nodemailer.mjs"), folder)
        self._folder = folder
        told = {"html": _linked(world.HTML), "text": _linked(world.TEXT)}
        (folder / "content.json").write_text(json.dumps(told))

    @property
    def version(self) -> str:
        package = self._folder / "node_modules" / "nodemailer" / "package.json"
        return str(json.loads(package.read_text())["version"])

    def rate(self, port: int, messages: int, connections: int, kind: str) -> float:
        """Return its messages per second; *kind* is ``compose`` or ``raw``."""
        told = [str(port), str(messages), str(connections), kind, "content.json"]
        command = ["node", "nodemailer.mjs", *told]
        done = subprocess.run(command, cwd=self._folder, check=True, capture_output=True, text=True)
        return messages / float(done.stdout)


def _linked(content: str) -> str:
    return world.fragments.filled(content, {"unsubscribe_url": "[LINK]"}, escape=False)
