"""A line that takes its time each way, or that ends TLS before a server without it."""

from __future__ import annotations

import asyncio
import ssl
import sys
from contextlib import suppress

from bench.sending.world import TLS


async def _carry(
    reader: asyncio.StreamReader, writer: asyncio.StreamWriter, seconds: float
) -> None:
    """Hand on what comes, each piece so much later, without holding up those behind it."""
    loop = asyncio.get_running_loop()
    with suppress(OSError):
        while data := await reader.read(65536):
            if seconds:
                loop.call_later(seconds, writer.write, data)
            else:
                writer.write(data)
                await writer.drain()
    loop.call_later(seconds, writer.close)


async def _serve(port: int, to: int, seconds: float, context: ssl.SSLContext | None) -> None:
    async def join(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        far_reader, far_writer = await asyncio.open_connection("127.0.0.1", to)
        await asyncio.gather(
            _carry(reader, far_writer, seconds), _carry(far_reader, writer, seconds)
        )

    server = await asyncio.start_server(join, "127.0.0.1", port, ssl=context)
    await server.serve_forever()


def main() -> None:
    port, to, delay_ms, kind = sys.argv[1:]
    context = None
    if kind == "tls":
        context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
        context.load_cert_chain(TLS / "server.pem")
    asyncio.run(_serve(int(port), int(to), float(delay_ms) / 1000, context))


if __name__ == "__main__":
    main()
