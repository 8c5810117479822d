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
#: The server says nothing any more, and keeps the connection.
SILENT = "silent"
#: The server goes on without this answer.
SKIP = "skip"
#: An answer that breaks off in the middle of its line, with the connection.
HALF = "half "
#: The answer comes two times.
TWICE = "twice "

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
    #: Seconds that it takes over each message, and before each answer.
    delay: float = 0.0
    hesitation: float = 0.0
    #: It throws away what has come in together with a command, whatever it offers.
    deaf: bool = False
    implicit_tls: bool = False
    starttls: bool = False
    #: Certificate and key that it shows; read anew for each STARTTLS.
    certificate: Path = TLS / "server.pem"
    port: int = 0
    mails: list[Mail] = field(default_factory=list)
    connections: int = 0
    #: Connections that are open now.
    conversations: int = 0
    commands: list[str] = field(default_factory=list)

    @property
    def recipients(self) -> list[str]:
        return [mail.recipient for mail in self.mails]


@contextmanager
def running(server: MailServer, *, port: int = 0) -> Iterator[MailServer]:
    """Run *server* on a free port of this machine."""
    loop = asyncio.new_event_loop()
    context = _context(server) if server.implicit_tls else None

    async def converse(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        server.connections += 1
        server.conversations += 1
        try:
            with suppress(OSError, EOFError, _Over):
                await _Conversation(server, reader, writer).hold()
        finally:
            server.conversations -= 1
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


@contextmanager
def cut_off(
    server: MailServer, *, heard: int | None = None, said: int | None = None
) -> Iterator[int]:
    """
    Run a line to *server* that breaks after so many bytes *heard* from the client, or *said* to it.

    Yields its port. Only the first connection breaks; later ones stand.
    """
    loop = asyncio.new_event_loop()
    left = [(heard, said)]

    async def join(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        there, back = left.pop() if left else (None, None)
        far_reader, far_writer = await asyncio.open_connection("127.0.0.1", server.port)
        ways = (_carry(reader, far_writer, there), _carry(far_reader, writer, back))
        carrying = [asyncio.ensure_future(way) for way in ways]
        try:
            # Cancelled when everything ends: then nothing is left to be drained.
            with suppress(OSError, asyncio.CancelledError):
                await asyncio.wait(carrying, return_when=asyncio.FIRST_COMPLETED)
                await asyncio.gather(writer.drain(), far_writer.drain())
        finally:
            for task in carrying:
                task.cancel()
            writer.close()
            far_writer.close()

    listening = loop.run_until_complete(asyncio.start_server(join, "127.0.0.1", 0))
    thread = Thread(target=loop.run_forever, daemon=True)
    thread.start()
    try:
        yield listening.sockets[0].getsockname()[1]
    finally:
        asyncio.run_coroutine_threadsafe(_ended(listening), loop).result(10)
        loop.call_soon_threadsafe(loop.stop)
        thread.join()
        loop.close()


async def _carry(
    reader: asyncio.StreamReader, writer: asyncio.StreamWriter, limit: int | None
) -> None:
    """Hand on what comes until the end, or *limit* bytes."""
    left = 2**40 if limit is None else limit
    with suppress(OSError):
        while left and (data := await reader.read(min(65536, left))):
            left -= len(data)
            writer.write(data)
            await writer.drain()


async def _ended(listening: asyncio.Server) -> None:
    listening.close()
    others = asyncio.all_tasks() - {asyncio.current_task()}
    for task in others:
        task.cancel()
    await asyncio.gather(*others, return_exceptions=True)
    # The loop closes the sockets in its next rounds.
    for _ in range(3):
        await asyncio.sleep(0)


def _context(server: MailServer) -> ssl.SSLContext:
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    context.load_cert_chain(server.certificate)
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
        await self.answer(answer, usual)
        return answer is None or answer[0] not in "45"

    async def answer(self, answer: str | None, usual: str) -> None:
        """Say *answer*, or what is *usual*; or whatever else *answer* asks for."""
        await asyncio.sleep(self.server.hesitation)
        if self.server.deaf:
            with suppress(TimeoutError):
                await asyncio.wait_for(self.reader.read(2**20), 0.03)
        said = answer or usual
        if answer == SILENT:
            await self.reader.read()
            raise _Over
        if answer == SKIP:
            return
        if answer and answer.startswith(HALF):
            self.writer.write(answer.removeprefix(HALF).encode())
            await self.writer.drain()
            raise _Over
        times = 2 if said.startswith(TWICE) else 1
        said = said.removeprefix(TWICE)
        self.writer.write((said.replace("\n", "\r\n").encode() + b"\r\n") * times)
        await self.writer.drain()
        if said.startswith("421"):
            raise _Over

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
            await self.writer.start_tls(_context(self.server))
            self.encrypted = True

    async def on_auth(self, argument: str) -> None:
        await self.say("auth", argument, "235 2.7.0 welcome")

    async def on_mail(self, argument: str) -> None:
        self.sender, self.options = _address(argument)
        self.recipient = ""
        if not await self.say("mail", argument, "250 2.1.0 ok"):
            self.sender = ""

    async def on_rcpt(self, argument: str) -> None:
        recipient, options = _address(argument)
        self.options = f"{self.options} {options}".strip()
        if not self.sender:
            await self.say("rcpt without mail", recipient, "503 5.5.1 no sender")
        elif await self.say("rcpt", recipient, "250 2.1.5 ok"):
            self.recipient = recipient

    async def on_data(self, argument: str) -> None:
        if not self.recipient:
            await self.say("data without rcpt", argument, "554 5.5.1 no recipients")
            return
        if not await self.say("data", self.recipient, "354 go on"):
            return
        content = await self.reader.readuntil(b"\n.\r\n")
        await self.take(content[:-3])

    async def on_bdat(self, argument: str) -> None:
        size, _, last = argument.partition(" ")
        assert last == "LAST", argument
        content = await self.reader.readexactly(int(size))
        if self.recipient:
            await self.take(content)
        else:
            await self.say("bdat", argument, "503 5.5.1 no recipients")

    async def take(self, content: bytes) -> None:
        """Keep a message, or not, and answer."""
        await asyncio.sleep(self.server.delay)
        whom, self.recipient = self.recipient, ""
        answer = self.server.script("content", whom)
        is_kept = answer is None or answer in (CUT_AFTER, SKIP) or answer.startswith(("2", TWICE))
        if is_kept:
            self.server.mails.append(Mail(self.sender, whom, self.options, content))
        if answer in (CUT, CUT_AFTER):
            raise _Over
        await self.answer(answer, "250 2.0.0 queued")

    async def on_rset(self, argument: str) -> None:
        self.sender = self.recipient = ""
        await self.say("rset", argument, "250 2.0.0 ok")

    async def on_quit(self, argument: str) -> None:
        await self.say("quit", argument, "221 2.0.0 bye")
        raise _Over


def _address(argument: str) -> tuple[str, str]:
    found = re.fullmatch(r"(?:FROM|TO):<([^>]*)>(.*)", argument, re.IGNORECASE)
    assert found, argument
    return found[1], found[2].strip()
