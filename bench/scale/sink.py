"""
A mail server that takes its time over each message, keeps none, and writes down whose it was.

``python -m bench.scale.sink ADDRESS PORT SECONDS RECORD [CERTIFICATE]``: after a message has
come in whole, a line of *RECORD* tells when (by this machine's monotonic clock), for whom, and
its Message-ID; the answer follows so many seconds later. With a certificate it speaks TLS from
the first byte.
"""

from __future__ import annotations

import asyncio
import re
import ssl
import sys
import time
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import IO

GREETING = b"220 sink.example.org ready\r\n"
HELLO = (
    b"250-sink.example.org\r\n250-PIPELINING\r\n250-8BITMIME\r\n250-SMTPUTF8\r\n"
    b"250-ENHANCEDSTATUSCODES\r\n250 SIZE 10000000\r\n"
)
#: No message of ours has more bytes of headers.
HEADERS = 10_000
_MESSAGE_ID = re.compile(rb"^Message-ID: (<[^>]+>)", re.IGNORECASE | re.MULTILINE)
_RECIPIENT = re.compile(rb"RCPT TO:<([^>]*)>", re.IGNORECASE)


async def converse(
    reader: asyncio.StreamReader, writer: asyncio.StreamWriter, seconds: float, record: IO[bytes]
) -> None:
    """Hold one conversation until the client leaves."""
    writer.write(GREETING)
    whom = b""
    with suppress(OSError, EOFError):
        while line := await reader.readuntil(b"\r\n"):
            verb = line[:4].upper()
            if verb == b"EHLO":
                writer.write(HELLO)
            elif verb == b"DATA":
                writer.write(b"354 go on\r\n")
                content = await reader.readuntil(b"\r\n.\r\n")
                (name,) = _MESSAGE_ID.findall(content, 0, HEADERS)
                record.write(b"%.6f %s %s\n" % (time.monotonic(), whom, name))
                await asyncio.sleep(seconds)
                writer.write(b"250 2.0.0 taken\r\n")
            elif verb == b"QUIT":
                writer.write(b"221 2.0.0 bye\r\n")
                break
            else:
                if found := _RECIPIENT.match(line):
                    whom = found[1]
                writer.write(b"250 2.1.0 ok\r\n")
    writer.close()


async def serve(
    address: str, port: int, seconds: float, record: IO[bytes], certificate: str | None
) -> None:
    context = None
    if certificate:
        context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
        context.load_cert_chain(certificate)

    async def join(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await converse(reader, writer, seconds, record)

    server = await asyncio.start_server(join, address, port, ssl=context, limit=2**22)
    await server.serve_forever()


@dataclass(frozen=True, slots=True)
class Taken:
    """One message that the sink took."""

    at: float
    address: str
    message_id: str


def read(record: Path) -> list[Taken]:
    """Return what a sink has written down so far, in its order."""
    lines = (line.split() for line in record.read_text().splitlines())
    return [Taken(float(at), address, name) for at, address, name in lines]


def main() -> None:
    address, port, seconds, record, *certificate = sys.argv[1:]
    with Path(record).open("ab", buffering=0) as written:
        asyncio.run(
            serve(address, int(port), float(seconds), written, next(iter(certificate), None))
        )


if __name__ == "__main__":
    main()
