"""A sender's line to the mail server: the connection it has, and the next one when that ends."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from pathlib import Path
from typing import Protocol

from digest.errors import Unreachable
from digest.model.settings import SmtpSettings
from digest.smtp import Dropped, Reply, Session, connect
from digest.verdict import Phase

#: On so many connections one message is offered before its row is given back.
OFFERS = 3

#: A server that worked and went away is asked again after these seconds: it may restart.
PAUSES = (1, 2, 4, 8)


class Letter(Protocol):
    """A message as a line needs it; `digest.render.message.Message` is one."""

    @property
    def envelope_from(self) -> str: ...
    @property
    def recipient(self) -> str: ...
    @property
    def segments(self) -> Sequence[bytes]: ...


class Line:
    """Keeps one connection open, and opens the next where the server or the cap ends it."""

    def __init__(self, settings: SmtpSettings, *, folder: Path) -> None:
        self._settings = settings
        self._folder = folder
        self._session: Session | None = None
        self._worked = False

    async def ready(self) -> Session:
        """Return an open connection with room for a message. Unreachable, SenderFault."""
        session = self._session
        if session and session.usable and session.messages < self._settings.messages_per_connection:
            return session
        await self.close()
        self._session = await self._connected()
        self._worked = True
        return self._session

    async def _connected(self) -> Session:
        for pause in PAUSES if self._worked else ():
            try:
                return await connect(self._settings, folder=self._folder)
            except Unreachable:
                await asyncio.sleep(pause)
        return await connect(self._settings, folder=self._folder)

    async def send(self, letter: Letter) -> Reply:
        """
        Offer *letter* and return the reply that decided.

        A connection that ends before the server can have taken it costs nothing: it is
        offered again on the next one. Dropped once that does not help, or if the
        message may have been taken.
        """
        last: Reply | None = None
        for offer in range(OFFERS):
            session = await self.ready()
            try:
                reply = await session.send(letter.envelope_from, letter.recipient, letter.segments)
            except Dropped as e:
                if e.after_content or offer == OFFERS - 1:
                    raise
                continue
            if reply.code != 421 or reply.phase is not Phase.MAIL:
                return reply
            last = reply
        raise Dropped(f"the mail server ends every connection: {last}", after_content=False)

    async def close(self) -> None:
        if self._session is not None:
            await self._session.close()
            self._session = None
