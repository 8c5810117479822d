"""A connection to the mail server: opened safely, used for many messages, closed politely."""

from __future__ import annotations

import asyncio
import re
import socket
import ssl
from collections.abc import Callable, Collection, Mapping, Sequence
from datetime import UTC, datetime
from ipaddress import ip_address
from math import inf
from pathlib import Path
from typing import NamedTuple, NoReturn, cast

import aiosmtplib
import idna

from digest.errors import SenderFault, SendError, Unreachable
from digest.model.settings import SmtpSettings, is_loopback
from digest.smtp.pipeline import Pipeline, Style
from digest.smtp.transaction import Dropped, Outcome, Reply, Transaction
from digest.verdict import Phase

#: A host that does not take a connection in this time is down, whatever RFC 5321 allows
#: a server for its greeting (§4.5.3.2.1: five minutes).
CONNECT_SECONDS = 30
GREETING_SECONDS = 300

_REPEAT = "Run the command again: nothing was lost."


async def connect(settings: SmtpSettings, *, folder: Path, lockstep: bool = False) -> Session:
    """
    Return an open, encrypted, authenticated connection.

    *lockstep* waits for each reply, whatever the server offers.

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
        return Session(client, window=1 if lockstep else settings.window)
    except (aiosmtplib.SMTPException, OSError, ValueError) as e:
        await _abandon(client, sock)
        _explain(e, place)
    except BaseException:
        await _abandon(client, sock)
        raise


async def _abandon(client: aiosmtplib.SMTP, sock: socket.socket) -> None:
    if client.transport is not None:
        cast("asyncio.Transport", client.transport).abort()
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
            remedy=f"See that it runs, and smtp.host and smtp.port are right. {_trial(settings)}",
        ) from e
    if settings.tls == "none" and not ip_address(sock.getpeername()[0].split("%")[0]).is_loopback:
        sock.close()
        raise SenderFault(
            f"{place}: mail would leave this machine unencrypted (smtp.tls: none)",
            remedy="Write `tls: starttls` (port 587) or `tls: implicit` (port 465).",
        )
    sock.setblocking(False)
    return sock


def _trial(settings: SmtpSettings) -> str:
    """Return what to do next; beside a newsletter that is being tried, an inbox may not run yet."""
    if is_loopback(settings.host):
        return f"For a trial, run beside it: digest inbox. {_REPEAT}"
    return _REPEAT


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


class Envelope(NamedTuple):
    """From whom and to whom, as SMTP is told."""

    sender: str
    recipient: str
    #: What a delivery report names the message by (RFC 3461, 4.4); "" for nothing.
    id: str = ""


class Session:
    """An open connection; messages are offered in order, several ahead where it allows."""

    def __init__(self, client: aiosmtplib.SMTP, *, window: int) -> None:
        """
        Take over the connection that *client* has set up.

        *window*: so many messages at most may be offered and undecided; with 1, or where
        the server does not pipeline, each waits for the one before.
        """
        # Not to be asked for its class: uvloop's transports have another one.
        transport = cast("asyncio.Transport", client.transport)
        offered = client.esmtp_extensions
        self._takes_size, self._takes_8bit, self._takes_utf8, self._reports = (
            each in offered for each in ("size", "8bitmime", "smtputf8", "dsn")
        )
        limit = offered.get("size", "").strip()
        #: The largest message that it takes.
        self._limit = (int(limit) if limit.isdecimal() else 0) or inf
        style, self._window = _style(offered, window)
        self._pipeline = Pipeline(transport, style)
        #: When the server's certificate expires; None without TLS.
        self.trusted_until = _expiry(transport.get_extra_info("peercert"))
        # How many messages were offered over it.
        self.messages = 0

    @property
    def usable(self) -> bool:
        """False once the server or an error has closed it."""
        return self._pipeline.usable

    @property
    def lied(self) -> bool:
        """True if the server does not keep what it offers: the next one in lockstep."""
        return self._pipeline.lied

    @property
    def load(self) -> int:
        """How many messages are offered and not decided."""
        return self._pipeline.load

    @property
    def has_room(self) -> bool:
        return self._pipeline.load < self._window

    def offer(
        self,
        envelope: Envelope,
        segments: Sequence[bytes],
        done: Callable[[Outcome], None],
        *,
        begin_by: float = inf,
    ) -> None:
        """
        Offer one message; *done* gets the reply that decided, or Dropped, once, perhaps at once.

        It gets Stale if those before it take until after *begin_by*, by the loop's clock.

        *segments* are sent byte for byte: their lines end in CRLF, the last one too, and
        none begins with a dot. A recipient that this server cannot be told gets a 553 of
        our own. Raises Dropped if the connection has ended; SenderFault if the message
        fits no transaction with this server (its size, its 8-bit bytes).
        """
        self.messages += 1
        recipient = _address(envelope.recipient)
        utf8 = recipient is not None and not recipient.isascii()
        if recipient is None:
            done(Reply(Phase.RCPT, 553, "5.1.3", "not a mail address (nothing was sent)"))
        elif utf8 and not self._takes_utf8:
            done(Reply(Phase.RCPT, 553, "5.6.7", _NO_SMTPUTF8))
        else:
            size, plain = sum(map(len, segments)), all(map(bytes.isascii, segments))
            self._check(size, plain=plain)
            self._pipeline.offer(
                Transaction(
                    mail=self._mail(envelope, size, plain=plain, utf8=utf8),
                    rcpt=self._rcpt(recipient),
                    segments=segments,
                    size=size,
                    done=done,
                    begin_by=begin_by,
                )
            )

    async def send(self, sender: str, recipient: str, segments: Sequence[bytes]) -> Reply:
        """Offer one message and return the reply that decided; Dropped if none came."""
        decided: asyncio.Future[Outcome] = asyncio.get_running_loop().create_future()

        def done(outcome: Outcome) -> None:
            if not decided.done():
                decided.set_result(outcome)

        self.offer(Envelope(sender, recipient), segments, done)
        outcome = await decided
        if isinstance(outcome, Dropped):
            raise outcome
        return outcome

    def _check(self, size: int, *, plain: bool) -> None:
        if size > self._limit:
            raise SenderFault(
                f"the message has {size} bytes, the mail server takes {self._limit}",
                remedy="Show fewer items or smaller summaries, and approve the issue again.",
            )
        if not (plain or self._takes_8bit):
            raise SenderFault(
                "the message has 8-bit bytes, the mail server offers no 8BITMIME",
                remedy="Use a server with 8BITMIME (RFC 6152).",
            )

    def _mail(self, envelope: Envelope, size: int, *, plain: bool, utf8: bool) -> bytes:
        line = b"MAIL FROM:<%b>" % (_address(envelope.sender) or "").encode()
        if self._takes_size:
            line += b" SIZE=%d" % size
        if not plain:
            line += b" BODY=8BITMIME"
        if utf8:
            line += b" SMTPUTF8"
        if self._reports:
            line += b" RET=HDRS"
            line += b" ENVID=%b" % _xtext(envelope.id) if envelope.id else b""
        return line

    def _rcpt(self, recipient: str) -> bytes:
        line = b"RCPT TO:<%b>" % recipient.encode()
        if not self._reports:
            return line
        line += b" NOTIFY=FAILURE"
        # One beyond ASCII needs RFC 6533's own form; a report finds the reader without it.
        return line + b" ORCPT=rfc822;%b" % _xtext(recipient) if recipient.isascii() else line

    async def close(self) -> None:
        """Say QUIT if the line still stands, and close; calling twice is safe."""
        await self._pipeline.quit()


_NO_SMTPUTF8 = (
    "the mail server takes no addresses with letters beyond ASCII before the @ "
    "(no SMTPUTF8; nothing was sent)"
)


def _expiry(certificate: Mapping[str, str] | None) -> datetime | None:
    until = certificate.get("notAfter") if certificate else None
    return datetime.fromtimestamp(ssl.cert_time_to_seconds(until), UTC) if until else None


def _style(extensions: Collection[str], window: int) -> tuple[Style, int]:
    """Return how far ahead a server with these *extensions* lets us speak, in messages."""
    if window == 1 or "pipelining" not in extensions:
        return Style.LOCKSTEP, 1
    if window > 2 and "chunking" in extensions:
        return Style.CHUNKED, window
    # One whose content is out, one whose commands are, and one to follow in the same write.
    return Style.PIPELINED, 3


def _xtext(text: str) -> bytes:
    """Return *text* as RFC 3461, 4 wants it in a command."""
    if re.fullmatch(r"[!-*,-<>-~]*", text):
        return text.encode()
    return "".join(
        c if "!" <= c <= "~" and c not in "+=" else f"+{ord(c):02X}" for c in text
    ).encode()


#: An address that a command takes as it is.
_USUAL = re.compile(r"[!-;=?-~]+@[!-;=?A-~]+")


def _address(address: str) -> str | None:
    """Return *address* for an SMTP command, its domain as A-labels; None if it cannot be one."""
    if _USUAL.fullmatch(address):
        return address
    local, at, domain = address.rpartition("@")
    if not at or not local or re.search(r"[\s<>\x00-\x1f\x7f]", address):
        return None
    try:
        ascii_domain = domain if domain.isascii() else idna.encode(domain, uts46=True).decode()
    except idna.IDNAError:
        return None
    return f"{local}@{ascii_domain}" if ascii_domain else None
