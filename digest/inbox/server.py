"""The inbox's SMTP side, on aiosmtpd in a thread of its own."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from contextlib import contextmanager
from threading import Thread
from typing import Any

from digest.errors import DigestError
from digest.inbox.kept import MailFolder

#: Larger mails are refused (552), as every real server does.
SIZE_BYTES = 32 * 2**20


@contextmanager
def receiving(folder: MailFolder, host: str, port: int) -> Iterator[int]:
    """Take mail into *folder* until left; gives the port that it listens on."""
    loop = asyncio.new_event_loop()
    try:
        server = loop.run_until_complete(_listening(loop, folder, host, port))
    except OSError as e:
        loop.close()
        raise taken(host, port, e, option="--smtp-port") from e
    thread = Thread(target=loop.run_forever, name="inbox", daemon=True)
    thread.start()
    try:
        yield int(server.sockets[0].getsockname()[1])
    finally:
        asyncio.run_coroutine_threadsafe(_ended(server), loop).result(timeout=10)
        loop.call_soon_threadsafe(loop.stop)
        thread.join()
        loop.close()


def taken(host: str, port: int, e: OSError, *, option: str) -> DigestError:
    return DigestError(
        f"cannot listen on {host}:{port}: {e.strerror or e}",
        remedy=f"Choose another port with {option}, or 0 for a free one.",
    )


async def _listening(
    loop: asyncio.AbstractEventLoop, folder: MailFolder, host: str, port: int
) -> asyncio.Server:
    from aiosmtpd.smtp import SMTP

    def conversation() -> Any:
        return SMTP(
            _Handler(folder),
            data_size_limit=SIZE_BYTES,
            enable_SMTPUTF8=True,
            hostname="inbox.test",
            ident="the inbox takes everything and passes nothing on",
            loop=loop,
        )

    return await loop.create_server(conversation, host, port)


async def _ended(server: asyncio.Server) -> None:
    server.close()
    tasks = asyncio.all_tasks() - {asyncio.current_task()}
    for task in tasks:
        task.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)
    # The loop closes the sockets in its next round.
    await asyncio.sleep(0)


class _Handler:
    """aiosmtpd calls these by name."""

    def __init__(self, folder: MailFolder) -> None:
        self._folder = folder

    async def handle_DATA(self, _server: Any, _session: Any, envelope: Any) -> str:  # noqa: N802
        try:
            kept = await asyncio.to_thread(
                self._folder.add,
                bytes(envelope.original_content),
                envelope_from=envelope.mail_from or "",
                recipients=list(envelope.rcpt_tos),
            )
        except OSError as e:
            return f"452 4.3.1 cannot keep it: {e.strerror or e}"
        return f"250 2.0.0 kept as {kept.path.name}"
