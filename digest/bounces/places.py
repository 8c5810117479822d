"""Where mail that came back lies: an IMAP folder, a maildir, a file, standard input."""

from __future__ import annotations

import imaplib
import mailbox
import re
import ssl
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

from digest.bounces.words import LARGEST
from digest.errors import SenderFault, Unreachable
from digest.model.settings import BounceSettings

#: So many mails are handed on, and kept in one transaction.
GROUP = 50
SECONDS = 60


@dataclass(frozen=True, slots=True, kw_only=True)
class Group:
    """A few mails of a mailbox; what is marked on the server only once they are kept."""

    mails: Sequence[bytes]
    #: IMAP's numbers of them, ascending.
    numbers: Sequence[int] = ()


# --- files --------------------------------------------------------------------------------


def in_file(content: bytes) -> list[bytes]:
    """Return the mails of a file: one, or the many of an mbox."""
    if not content.startswith(b"From "):
        return [content] if content.strip() else []
    # Its own separator only: a blank line, then the word and a date.
    starts = [0, *(m.start() + 1 for m in re.finditer(rb"(?<=\n)\nFrom [^\n]*\d\d:\d\d", content))]
    ends = [*starts[1:], len(content)]
    return [content[start:end].strip(b"\r\n") for start, end in zip(starts, ends, strict=True)]


def in_maildir(folder: Path) -> Iterator[tuple[bytes, Callable[[], None]]]:
    """
    Yield each unread mail of a maildir, with what marks it as read; call that once it is kept.

    Unreachable if *folder* is none.
    """
    if not (folder / "new").is_dir():
        raise Unreachable(
            f"{folder}: is no maildir", remedy="Name the folder that holds new, cur and tmp."
        )
    box = mailbox.Maildir(folder, create=False, factory=None)
    for key in box.keys():  # noqa: SIM118 - a maildir is no dict
        with suppress(KeyError):
            mail = box.get_message(key)
            if mail.get_subdir() == "new" or "S" not in mail.get_flags():
                yield box.get_bytes(key)[:LARGEST], _mark(box, key)


def _mark(box: mailbox.Maildir, key: str) -> Callable[[], None]:
    def mark() -> None:
        with suppress(KeyError):
            mail = box.get_message(key)
            mail.set_subdir("cur")
            mail.add_flag("S")
            box[key] = mail

    return mark


# --- IMAP ---------------------------------------------------------------------------------


class Folder:
    """An open folder of an IMAP server (RFC 9051)."""

    def __init__(self, client: imaplib.IMAP4, validity: int, place: str) -> None:
        """Take over *client*, whose folder is selected; faults name its server's *place*."""
        self._client = client
        self._place = place
        #: Numbers of another validity are of other mails.
        self.validity = validity

    def after(self, last: int) -> Iterator[Group]:
        """Yield the mails with a number above *last*, few at a time, without marking them."""
        found = self._said("search", None, f"UID {last + 1}:*")
        # A server answers n:* with its last mail where all numbers are below n.
        words = b" ".join(each for each in found if isinstance(each, bytes)).split()
        numbers = sorted(int(n) for n in words if int(n) > last)
        for start in range(0, len(numbers), GROUP):
            some = numbers[start : start + GROUP]
            yield Group(mails=[self._fetched(number) for number in some], numbers=some)

    def _fetched(self, number: int) -> bytes:
        found = self._said("fetch", str(number), f"(BODY.PEEK[]<0.{LARGEST}>)")
        return next((part[1] for part in found if isinstance(part, tuple)), b"")

    def mark(self, numbers: Sequence[int]) -> None:
        """Mark mails as seen, for people who look into the folder."""
        if numbers:
            joined = ",".join(map(str, numbers))
            self._said("store", joined, "+FLAGS.SILENT", r"(\Seen)")

    def _said(self, command: str, *words: str | None) -> list[bytes | tuple[bytes, bytes]]:
        with _connected_still(self._place):
            told, found = self._client.uid(command, *words)  # type: ignore[arg-type]
        if told != "OK":
            raise Unreachable(f"the IMAP server refused {command.upper()}: {found!r}")
        return found


@contextmanager
def folder(settings: BounceSettings, *, beside: Path) -> Iterator[Folder]:
    """
    Open the IMAP folder that *settings* name; *beside* is where a relative `ca_file` starts.

    Unreachable for what may pass; SenderFault for what a person must mend: no STARTTLS, a
    certificate that is not trusted, a refused password, no such folder.
    """
    place = f"{settings.imap}:{settings.port}"
    try:
        client = _connected(settings, beside)
    except ssl.SSLCertVerificationError as e:
        raise SenderFault(
            f"{place}: its certificate is not trusted ({e.verify_message})",
            remedy="If the server is yours, name its authority under bounces.ca_file.",
        ) from e
    except imaplib.IMAP4.error as e:
        raise SenderFault(f"{place}: {e}", remedy="Port 993 wants `tls: implicit`.") from e
    except OSError as e:
        raise Unreachable(
            f"{place}: the IMAP server does not answer ({e.strerror or str(e) or 'timed out'})",
            remedy="See that bounces.imap and bounces.port are right. Nothing was lost.",
        ) from e
    try:
        with _connected_still(place):
            opened = _opened(client, settings, place)
        yield opened
    finally:
        with suppress(imaplib.IMAP4.error, OSError):
            client.logout()


@contextmanager
def _connected_still(place: str) -> Iterator[None]:
    """Turn what breaks within, which only talks to the server at *place*, into Unreachable."""
    try:
        yield
    except (imaplib.IMAP4.error, OSError) as e:
        raise Unreachable(f"{place}: the connection broke ({e})", remedy="Run it again.") from e


def _connected(settings: BounceSettings, beside: Path) -> imaplib.IMAP4:
    assert settings.imap is not None  # noqa: S101 - whoever calls has looked
    if settings.tls == "none":
        return imaplib.IMAP4(settings.imap, settings.port, timeout=SECONDS)
    context = ssl.create_default_context()
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    if settings.ca_file:
        context.load_verify_locations(cafile=beside / settings.ca_file)
    if settings.tls == "implicit":
        return imaplib.IMAP4_SSL(settings.imap, settings.port, ssl_context=context, timeout=SECONDS)
    client = imaplib.IMAP4(settings.imap, settings.port, timeout=SECONDS)
    if "STARTTLS" not in client.capabilities:
        client.shutdown()
        raise SenderFault(
            f"{settings.imap}:{settings.port}: the IMAP server does not offer STARTTLS, or"
            " somebody on the way removes it",
            remedy="Ask its operator, or write `tls: implicit` (port 993).",
        )
    client.starttls(context)
    return client


def _opened(client: imaplib.IMAP4, settings: BounceSettings, place: str) -> Folder:
    try:
        client.login(settings.user or "", settings.password or "")
    except imaplib.IMAP4.error as e:
        raise SenderFault(
            f"{place}: {_words(e)}", remedy="Check BOUNCES_USER and BOUNCES_PASSWORD in .env."
        ) from e
    name = '"' + re.sub(r'([\\"])', r"\\\1", settings.folder) + '"'
    told, found = client.select(name)
    if told != "OK":
        raise SenderFault(
            f"{place}: there is no folder {settings.folder!r} ({found!r})",
            remedy="Name the folder under bounces.folder.",
        )
    _, validity = client.response("UIDVALIDITY")
    return Folder(client, int(validity[-1] or 0), place)


def _words(e: Exception) -> str:
    said = e.args[0] if e.args else ""
    return said.decode("utf-8", "replace") if isinstance(said, bytes) else str(said)
