"""One mail transaction on an open connection, and the server's replies."""

from __future__ import annotations

import asyncio
import re
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass

from digest.errors import Unreachable
from digest.verdict import Phase

#: Longest line and longest reply that we read; RFC 5321 §4.5.3.1.5 asks for 512 octets.
LINE_BYTES = 8192
REPLY_LINES = 128

#: RFC 5321 §4.5.3.2. The last one is long on purpose: a server may be at work on the
#: message, and giving up early makes duplicates.
SECONDS = {
    Phase.MAIL: 300.0,
    Phase.RCPT: 300.0,
    Phase.DATA: 120.0,
    Phase.CONTENT: 600.0,
}
BLOCK_SECONDS = 180.0
RSET_SECONDS = 60.0
QUIT_SECONDS = 5.0

_ENHANCED = re.compile(r"([245])\.(\d{1,3})\.(\d{1,3})(?:\s+|$)")


@dataclass(frozen=True, slots=True)
class Reply:
    """What the server said, and where; ``str()`` gives it as one line for the ledger."""

    phase: Phase
    code: int
    #: "" if the server gave none.
    enhanced: str
    text: str

    def __str__(self) -> str:
        return " ".join(part for part in (str(self.code), self.enhanced, self.text) if part)


class Dropped(Unreachable):
    """
    The connection broke in a transaction.

    *after_content* tells that the final dot was on its way: the server may have taken
    the message, or not.
    """

    def __init__(self, message: str, *, after_content: bool) -> None:
        super().__init__(message, remedy="Run the command again: nothing was lost.")
        self.after_content = after_content


class Wire:
    """Lines and replies over a transport, in lockstep: a command, its reply, the next."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._reader = reader
        self._writer = writer

    @classmethod
    def over(cls, transport: asyncio.Transport) -> Wire:
        """Take over a live *transport*, plain or TLS; its protocol hears no more of it."""
        loop = asyncio.get_running_loop()
        reader = asyncio.StreamReader(limit=LINE_BYTES, loop=loop)
        protocol = asyncio.StreamReaderProtocol(reader, loop=loop)
        transport.set_protocol(protocol)
        protocol.connection_made(transport)
        return cls(reader, asyncio.StreamWriter(transport, protocol, reader, loop))

    @property
    def broken(self) -> bool:
        return self._writer.is_closing() or self._reader.at_eof()

    async def ask(self, line: bytes, phase: Phase, seconds: float | None = None) -> Reply:
        """Send one command line and return its reply; Dropped if none comes."""
        await self.write((line, b"\r\n"), phase)
        return await self.reply(phase, seconds or SECONDS[phase])

    async def write(self, segments: Sequence[bytes], phase: Phase) -> None:
        """Hand *segments* over as they are; returns when most of them have left."""
        try:
            self._writer.writelines(segments)
            await asyncio.wait_for(self._writer.drain(), BLOCK_SECONDS)
        except OSError as e:
            raise self._dropped(phase, e, after_content=False) from e

    async def reply(self, phase: Phase, seconds: float, *, after_content: bool = False) -> Reply:
        """Return the server's next reply, of however many lines."""
        try:
            lines = await asyncio.wait_for(self._lines(), seconds)
        except (OSError, EOFError, ValueError, asyncio.LimitOverrunError) as e:
            raise self._dropped(phase, e, after_content=after_content) from e
        return _parsed(phase, lines)

    async def _lines(self) -> list[str]:
        lines: list[str] = []
        while True:
            raw = await self._reader.readuntil(b"\n")
            line = raw.decode("utf-8", "replace").rstrip("\r\n")
            if not re.match(r"[2-5]\d\d(?=[ -]|$)", line) or len(lines) == REPLY_LINES:
                raise ValueError(f"this is no SMTP reply: {line[:80]!r}")
            lines.append(line)
            if line[3:4] != "-":
                return lines

    def _dropped(self, phase: Phase, e: Exception, *, after_content: bool) -> Dropped:
        self.abort()
        why = str(e) or ("no answer in time" if isinstance(e, TimeoutError) else type(e).__name__)
        if isinstance(e, EOFError):
            why = "it was closed"
        said = f"the connection to the mail server broke ({phase}): {why}"
        return Dropped(said, after_content=after_content)

    def abort(self) -> None:
        """Close at once; what was not sent yet is thrown away."""
        self._writer.transport.abort()

    async def quit(self) -> None:
        """Say good-bye and close; a server that does not answer is not waited for long."""
        # The connection is given up either way, and no message hangs on it.
        with suppress(OSError, ValueError):
            if not self.broken:
                self._writer.write(b"QUIT\r\n")
                await asyncio.wait_for(self._reader.readline(), QUIT_SECONDS)
        self.abort()
        with suppress(OSError):
            await asyncio.wait_for(self._writer.wait_closed(), QUIT_SECONDS)


def _parsed(phase: Phase, lines: Sequence[str]) -> Reply:
    code = int(lines[-1][:3])
    texts = [line[4:].strip() for line in lines]
    found = _ENHANCED.match(texts[0])
    enhanced = ".".join(found.groups()) if found else ""
    # Each line of a reply repeats the enhanced code (RFC 2034 §4).
    words = (_ENHANCED.sub("", text, count=1) if enhanced else text for text in texts)
    said = "".join(c if c.isprintable() else " " for c in " ".join(words)).strip()
    return Reply(phase, code, enhanced, said[:500])


async def transact(wire: Wire, mail: bytes, rcpt: bytes, segments: Sequence[bytes]) -> Reply:
    """
    Offer one message to one recipient and return the reply that decided.

    *mail* and *rcpt* are the command lines. *segments* leave as they are: lines end in
    CRLF, none begins with a dot. Raises Dropped if the connection breaks.
    """
    for line, phase in ((mail, Phase.MAIL), (rcpt, Phase.RCPT)):
        reply = await wire.ask(line, phase)
        if not 200 <= reply.code < 300:
            return reply
    reply = await wire.ask(b"DATA", Phase.DATA)
    if reply.code != 354:
        return reply
    await wire.write(segments, Phase.DATA)
    ending = b".\r\n" if not segments or segments[-1].endswith(b"\r\n") else b"\r\n.\r\n"
    try:
        await wire.write((ending,), Phase.CONTENT)
    except Dropped as e:
        raise Dropped(str(e), after_content=True) from e
    return await wire.reply(Phase.CONTENT, SECONDS[Phase.CONTENT], after_content=True)
