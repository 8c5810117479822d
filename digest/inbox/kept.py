"""Mails in a folder: one .eml file each, numbered in the order of their coming."""

from __future__ import annotations

import re
from dataclasses import dataclass
from email import message_from_bytes, policy
from email.message import EmailMessage
from pathlib import Path
from threading import Lock

from digest.errors import DigestError

#: A header may be endless; what a list shows of it is not.
SHOWN = 300


@dataclass(frozen=True, slots=True, kw_only=True)
class Kept:
    """A mail that came."""

    number: int
    path: Path

    @property
    def source(self) -> bytes:
        return self.path.read_bytes()

    @property
    def message(self) -> EmailMessage:
        return message_from_bytes(self.source, _class=EmailMessage, policy=policy.default)

    def header(self, name: str) -> str:
        """Return a header's text in one line, "" if the mail has none that can be read."""
        try:
            value = str(self.message.get(name, ""))
        except Exception:  # noqa: BLE001 - the parser breaks on some hostile headers
            return "(unreadable)"
        return " ".join(value.split())[:SHOWN]

    def body(self, kind: str) -> str | None:
        """Return the ``html`` or ``plain`` part as text; None if there is none."""
        try:
            part = self.message.get_body((kind,))
            content = part.get_content() if part else None
        except Exception:  # noqa: BLE001 - unknown charsets, broken encodings: show the source
            return None
        return content if isinstance(content, str) else None


class MailFolder:
    """A folder of mails. Several threads may add to it."""

    def __init__(self, path: Path) -> None:
        """
        Use *path*, made if it is not there; what lies in it is counted on.

        DigestError if it cannot be made.
        """
        self.path = path
        self._lock = Lock()
        try:
            path.mkdir(parents=True, exist_ok=True)
        except OSError as e:
            raise DigestError(
                f"{path}: cannot be made ({e.strerror})",
                remedy="Name another folder with --keep, or give this user the right to write.",
            ) from e
        self._last = max((mail.number for mail in self.mails()), default=0)

    def add(self, content: bytes, *, envelope_from: str, recipients: list[str]) -> Kept:
        """
        Keep a mail; in front of it stands how it came, as a mail server writes it.

        OSError if it cannot be kept; nothing half-written is left under its name then.
        """
        envelope = f"Return-Path: <{envelope_from}>\r\n"
        envelope += "".join(f"Delivered-To: {address}\r\n" for address in recipients)
        with self._lock:
            number = self._last + 1
            path = self.path / f"{number:06d}.eml"
            partial = path.with_suffix(".partial")
            partial.write_bytes(envelope.encode() + content)
            partial.replace(path)
            self._last = number
        return Kept(number=number, path=path)

    def mails(self) -> list[Kept]:
        """Return the mails in the order of their coming."""
        found = (
            Kept(number=int(path.stem), path=path)
            for path in self.path.iterdir()
            if re.fullmatch(r"\d{1,9}\.eml", path.name)
        )
        return sorted(found, key=lambda mail: mail.number)

    def mail(self, number: int) -> Kept | None:
        path = self.path / f"{number:06d}.eml"
        return Kept(number=number, path=path) if path.is_file() else None
