"""A real SMTP server for the tests: keeps what it gets, and misbehaves where it is told to."""

from __future__ import annotations

import asyncio
import re
import ssl
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from threading import Thread

TLS = Path(__file__).parent / "tls"
AUTHORITY = TLS / "authority.pem"

#: An answer that is none: the server closes the connection without a word.
CUT = "cut"
#: The server does what the phase asks for, and closes without telling.
CUT_AFTER = "cut after"

#: Returns what the server says in a phase ("rcpt", "content", …), given the command's
#: argument; None for the usual.
Script = Callable[[str, str], str | None]


@dataclass
class Mail:
    """What one transaction brought."""

    sender: str
    recipient: str
    #: What followed the address on MAIL.
    options: str
    content: bytes


@dataclass
class MailServer:
    """Its record, and how it behaves; change `script` at any time."""

    script: Script = lambda _phase, _argument: None
    extensions: tuple[str, ...] = ("8BITMIME", "SIZE 10000000", "SMTPUTF8", "ENHANCEDSTATUSCODES")
    #: Seconds that it takes over each message.
    delay: float = 0.0
    implicit_tls: bool = False
    starttls: bool = False
    port: int = 0
    mails: list[Mail] = field(default_factory=list)
    connections: int = 0
    commands: list[str] = field(default_factory=list)

    @property
    def recipients(self) -> list[str]:
        return [mail.recipient for mail in self.mails]


@contextmanager
def running(server: MailServer, *, port: int = 0) -> Iterator[MailServer]:
    """Run *server* on a free port of this machine."""
    loop = asyncio.new_event_loop()
    context = _context() if server.implicit_tls else None

    async def converse(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        server.connections += 1
        try:
            with suppress(OSError, EOFError, _Over):
                await _Conversation(server, reader, writer).hold()
        finally:
            writer.close()

    listening = loop.run_until_complete(
        asyncio.start_server(converse, "127.0.0.1", port, ssl=context, limit=2**22)
    )
    server.port = listening.sockets[0].getsockname()[1]
    thread = Thread(target=loop.run_forever, daemon=True)
    thread.start()
    try:
        yield server
    finally:
        asyncio.run_coroutine_threadsafe(_ended(listening), loop).result(10)
        loop.call_soon_threadsafe(loop.stop)
        thread.join()
        loop.close()


async def _ended(listening: asyncio.Server) -> None:
    listening.close()
    others = asyncio.all_tasks() - {asyncio.current_task()}
    for task in others:
        task.cancel()
    await asyncio.gather(*others, return_exceptions=True)
    # The loop closes the sockets in its next rounds.
    for _ in range(3):
        await asyncio.sleep(0)


def _context() -> ssl.SSLContext:
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    context.load_cert_chain(TLS / "server.pem")
    return context


class _Over(Exception):
    """The conversation has ended."""


class _Conversation:
    def __init__(
        self, server: MailServer, reader: asyncio.StreamReader, writer: asyncio.StreamWriter
    ) -> None:
        self.server, self.reader, self.writer = server, reader, writer
        self.encrypted = server.implicit_tls
        self.sender = self.options = self.recipient = ""

    async def hold(self) -> None:
        await self.say("connect", "", "220 mail.example.org ready")
        while True:
            line = (await self.reader.readuntil(b"\r\n")).decode().rstrip("\r\n")
            self.server.commands.append(line)
            verb, _, argument = line.partition(" ")
            await getattr(self, f"on_{verb.lower()}", self.unknown)(argument)

    async def say(self, phase: str, argument: str, usual: str) -> bool:
        """Answer; False if the answer was a refusal."""
        answer = self.server.script(phase, argument)
        if answer in (CUT, CUT_AFTER):
            raise _Over
        said = answer or usual
        self.writer.write(said.replace("\n", "\r\n").encode() + b"\r\n")
        await self.writer.drain()
        if said.startswith("421"):
            raise _Over
        return said[0] in "23"

    async def unknown(self, argument: str) -> None:
        await self.say("unknown", argument, "500 5.5.2 what?")

    async def on_ehlo(self, argument: str) -> None:
        names = [*self.server.extensions]
        if self.server.starttls and not self.encrypted:
            names.append("STARTTLS")
        lines = ["mail.example.org", *names]
        usual = "\n".join(
            f"250{' ' if n == len(lines) - 1 else '-'}{lines[n]}" for n in range(len(lines))
        )
        await self.say("ehlo", argument, usual)

    async def on_starttls(self, argument: str) -> None:
        if await self.say("starttls", argument, "220 go"):
            await self.writer.start_tls(_context())
            self.encrypted = True

    async def on_auth(self, argument: str) -> None:
        await self.say("auth", argument, "235 2.7.0 welcome")

    async def on_mail(self, argument: str) -> None:
        self.sender, self.options = _address(argument)
        await self.say("mail", argument, "250 2.1.0 ok")

    async def on_rcpt(self, argument: str) -> None:
        self.recipient, _ = _address(argument)
        await self.say("rcpt", self.recipient, "250 2.1.5 ok")

    async def on_data(self, argument: str) -> None:
        if not await self.say("data", self.recipient, "354 go on"):
            return
        content = await self.reader.readuntil(b"\r\n.\r\n")
        await asyncio.sleep(self.server.delay)
        answer = self.server.script("content", self.recipient)
        if answer in (None, CUT_AFTER) or str(answer).startswith("2"):
            mail = Mail(self.sender, self.recipient, self.options, content[:-3])
            self.server.mails.append(mail)
        if answer in (CUT, CUT_AFTER):
            raise _Over
        self.writer.write(f"{answer or '250 2.0.0 queued'}\r\n".encode())
        await self.writer.drain()
        if answer and answer.startswith("421"):
            raise _Over

    async def on_rset(self, argument: str) -> None:
        await self.say("rset", argument, "250 2.0.0 ok")

    async def on_quit(self, argument: str) -> None:
        await self.say("quit", argument, "221 2.0.0 bye")
        raise _Over


def _address(argument: str) -> tuple[str, str]:
    found = re.fullmatch(r"(?:FROM|TO):<([^>]*)>(.*)", argument, re.IGNORECASE)
    assert found, argument
    return found[1], found[2].strip()
