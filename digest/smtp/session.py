"""A connection to the mail server: opened safely, used for many messages, closed politely."""

from __future__ import annotations

import asyncio
import re
import socket
import ssl
from collections.abc import Sequence
from ipaddress import ip_address
from pathlib import Path
from typing import NoReturn

import aiosmtplib
import idna

from digest.errors import SenderFault, SendError, Unreachable
from digest.model.settings import SmtpSettings
from digest.smtp.transaction import RSET_SECONDS, Dropped, Reply, Wire, transact
from digest.verdict import Phase

#: A host that does not take a connection in this time is down, whatever RFC 5321 allows
#: a server for its greeting (§4.5.3.2.1: five minutes).
CONNECT_SECONDS = 30
GREETING_SECONDS = 300

_REPEAT = "Run the command again: nothing was lost."


async def connect(settings: SmtpSettings, *, folder: Path) -> Session:
    """
    Return an open, encrypted, authenticated connection.

    *folder* is where a relative `ca_file` starts. Unreachable for what may pass (no
    answer, 4yz), SenderFault for what a person must mend: no STARTTLS, a certificate
    that is not trusted, a refused password.
    """
    place = f"{settings.host}:{settings.port}"
    context = _trust(settings, folder)
    sock = await _connected(settings, place)
    client = aiosmtplib.SMTP(
        hostname=settings.host,
        sock=sock,
        local_hostname=settings.helo or _own_name(sock),
        use_tls=settings.tls == "implicit",
        start_tls=False,
        tls_context=context,
        timeout=GREETING_SECONDS,
    )
    try:
        await client.connect()
        await client.ehlo()
        if settings.tls == "starttls":
            await _encrypt(client, place)
        if settings.user is not None:
            await client.login(settings.user, settings.password or "")
        return Session(client)
    except (aiosmtplib.SMTPException, OSError, ValueError) as e:
        await _abandon(client, sock)
        _explain(e, place)
    except BaseException:
        await _abandon(client, sock)
        raise


async def _abandon(client: aiosmtplib.SMTP, sock: socket.socket) -> None:
    if isinstance(client.transport, asyncio.Transport):
        client.transport.abort()
    client.close()
    # The loop takes the socket out of its selector in its next rounds, and must before it closes.
    for _ in range(3):
        await asyncio.sleep(0)
    sock.close()


async def _connected(settings: SmtpSettings, place: str) -> socket.socket:
    def dial() -> socket.socket:
        return socket.create_connection((settings.host, settings.port), CONNECT_SECONDS)

    try:
        sock = await asyncio.to_thread(dial)
    except OSError as e:
        raise Unreachable(
            f"{place}: the mail server does not answer ({e.strerror or str(e) or 'timed out'})",
            remedy=f"See that it runs and that smtp.host and smtp.port are right. {_REPEAT}",
        ) from e
    if settings.tls == "none" and not ip_address(sock.getpeername()[0].split("%")[0]).is_loopback:
        sock.close()
        raise SenderFault(
            f"{place}: mail would leave this machine unencrypted (smtp.tls: none)",
            remedy="Write `tls: starttls` (port 587) or `tls: implicit` (port 465).",
        )
    sock.setblocking(False)
    return sock


def _own_name(sock: socket.socket) -> str:
    """Return a name to greet with: a full host name, or the address (RFC 5321 §4.1.3)."""
    name = socket.gethostname()
    if re.fullmatch(r"[A-Za-z0-9-]+(\.[A-Za-z0-9-]+)+", name):
        return name
    address = ip_address(sock.getsockname()[0].split("%")[0])
    return f"[IPv6:{address}]" if address.version == 6 else f"[{address}]"


def _trust(settings: SmtpSettings, folder: Path) -> ssl.SSLContext | None:
    if settings.tls == "none":
        return None
    context = ssl.create_default_context()
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    if settings.ca_file:
        path = folder / settings.ca_file
        try:
            context.load_verify_locations(cafile=path)
        except OSError as e:
            raise SenderFault(
                f"{path}: no certificates can be read from it ({e.strerror or e})",
                remedy="Name a PEM file of authorities under smtp.ca_file, or leave it out.",
            ) from e
    return context


async def _encrypt(client: aiosmtplib.SMTP, place: str) -> None:
    if not client.supports_extension("starttls"):
        raise SenderFault(
            f"{place}: the server does not offer STARTTLS, or somebody on the way removes it",
            remedy="Nothing was sent. Ask its operator, or write `tls: implicit` (port 465).",
        )
    await client.starttls()
    await client.ehlo()


def _explain(e: Exception, place: str) -> NoReturn:
    """Raise *e* as what it means to an operator."""
    cause = e if isinstance(e, ssl.SSLError) else e.__cause__
    if isinstance(cause, ssl.SSLCertVerificationError):
        raise SenderFault(
            f"{place}: its certificate is not trusted ({cause.verify_message})",
            remedy="If the server is yours, name its authority under smtp.ca_file.",
        ) from e
    if isinstance(cause, ssl.SSLError):
        raise SenderFault(
            f"{place}: no encrypted connection ({cause.reason or cause})",
            remedy="Port 465 wants `tls: implicit`, port 587 `tls: starttls`.",
        ) from e
    if isinstance(e, aiosmtplib.SMTPResponseException):
        raise _refused(e, place) from e
    if isinstance(e, TimeoutError | OSError):
        raise Unreachable(f"{place}: {str(e) or 'no answer in time'}", remedy=_REPEAT) from e
    raise SenderFault(f"{place}: {e}", remedy="Run: digest doctor") from e


def _refused(e: aiosmtplib.SMTPResponseException, place: str) -> SendError:
    said = f"{place}: {e.code} {' '.join(e.message.split())[:300]}"
    if 400 <= e.code < 500:
        return Unreachable(said, remedy=_REPEAT)
    if isinstance(e, aiosmtplib.SMTPAuthenticationError):
        return SenderFault(said, remedy="Check SMTP_USER and SMTP_PASSWORD in .env.")
    return SenderFault(said, remedy="The server will not take our mail; ask its operator.")


class Session:
    """An open connection; one message at a time. Not for two tasks at once."""

    def __init__(self, client: aiosmtplib.SMTP) -> None:
        """Take over the connection that *client* has set up."""
        transport = client.transport
        assert isinstance(transport, asyncio.Transport)  # noqa: S101 - narrows for mypy
        self._extensions = dict(client.esmtp_extensions)
        self._wire = Wire.over(transport)
        # How many messages were offered over it.
        self.messages = 0

    @property
    def usable(self) -> bool:
        """False once the server or an error has closed it."""
        return not self._wire.broken

    async def send(self, sender: str, recipient: str, segments: Sequence[bytes]) -> Reply:
        """
        Offer one message and return the reply that decided, whatever it says.

        *segments* are sent byte for byte: their lines end in CRLF and none begins with a
        dot. A recipient that this server cannot be told gets a 553 of our own. Raises
        Dropped if the connection breaks; SenderFault if the message fits no
        transaction with this server (its size, its 8-bit bytes).
        """
        self.messages += 1
        envelope = _envelope(recipient)
        if envelope is None:
            return Reply(Phase.RCPT, 553, "5.1.3", "not a mail address (nothing was sent)")
        if not envelope.isascii() and "smtputf8" not in self._extensions:
            return Reply(
                Phase.RCPT,
                553,
                "5.6.7",
                "the mail server takes no addresses with letters beyond ASCII before the @ "
                "(no SMTPUTF8; nothing was sent)",
            )
        mail = self._mail(sender, segments, utf8=not envelope.isascii())
        reply = await transact(self._wire, mail, b"RCPT TO:<%b>" % envelope.encode(), segments)
        await self._after(reply)
        return reply

    def _mail(self, sender: str, segments: Sequence[bytes], *, utf8: bool) -> bytes:
        line = b"MAIL FROM:<%b>" % (_envelope(sender) or "").encode()
        size = sum(map(len, segments))
        if "size" in self._extensions:
            line += b" SIZE=%d" % size
        limit = self._extensions.get("size", "0").strip()
        if limit.isdecimal() and 0 < int(limit) < size:
            raise SenderFault(
                f"the message has {size} bytes, the mail server takes {limit}",
                remedy="Show fewer items or smaller summaries, and approve the issue again.",
            )
        if not all(segment.isascii() for segment in segments):
            if "8bitmime" not in self._extensions:
                raise SenderFault(
                    "the message has 8-bit bytes, the mail server offers no 8BITMIME",
                    remedy="Use a server with 8BITMIME (RFC 6152).",
                )
            line += b" BODY=8BITMIME"
        return line + (b" SMTPUTF8" if utf8 else b"")

    async def _after(self, reply: Reply) -> None:
        """Leave the connection ready for the next message, or closed."""
        if reply.code == 421:
            self._wire.abort()
        elif reply.phase is not Phase.CONTENT:
            try:
                rset = await self._wire.ask(b"RSET", Phase.MAIL, RSET_SECONDS)
            except Dropped:
                return  # the reply stands; the next message gets a connection of its own
            if rset.code != 250:
                self._wire.abort()

    async def close(self) -> None:
        """Say QUIT if the line still stands, and close; calling twice is safe."""
        await self._wire.quit()


def _envelope(address: str) -> str | None:
    """Return *address* for an SMTP command, its domain as A-labels; None if it cannot be one."""
    local, at, domain = address.rpartition("@")
    if not at or not local or re.search(r"[\s<>\x00-\x1f\x7f]", address):
        return None
    try:
        ascii_domain = domain if domain.isascii() else idna.encode(domain, uts46=True).decode()
    except idna.IDNAError:
        return None
    return f"{local}@{ascii_domain}" if ascii_domain else None
