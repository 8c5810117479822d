"""A sender's line to the mail server: the connection it has, and the next one when that ends."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from pathlib import Path
from typing import Protocol

from digest.errors import Unreachable
from digest.model.settings import SmtpSettings
from digest.smtp import Session, connect

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
        #: Why it is of no use any more: it took nothing of a message, time and again.
        self.fault: Unreachable | None = None
        #: It is being given messages.
        self.feeding = False
        self._settings = settings
        self._folder = folder
        self._session: Session | None = None
        self._worked = False
        #: The server was found not to keep what it offers.
        self._lockstep = False
        #: Set whenever a message was decided.
        self._decided = asyncio.Event()
        #: Set when its connection is of no more use.
        self._left = asyncio.Event()

    async def open(self) -> None:
        """Have a connection that takes messages. Unreachable, SenderFault."""
        if self._session is None or self._is_spent(self._session):
            await self.close()
            self._session = await self._connected()
        self._left.clear()

    @property
    def session(self) -> Session | None:
        """The connection, if it has room for a message now."""
        session = self._session
        if session is None or self._left.is_set() or not session.has_room:
            return None
        if self._is_spent(session):
            self.leave()
            return None
        return session

    @property
    def load(self) -> int:
        """How many messages are offered and not decided."""
        return self._session.load if self._session else 0

    async def in_use(self) -> None:
        """Return when the connection has ended or is worn out, or somebody says `leave`."""
        await self._left.wait()

    def leave(self) -> None:
        """Give up the connection; what is on its way is waited for."""
        self._left.set()

    def _is_spent(self, session: Session) -> bool:
        return not session.usable or session.messages >= self._settings.messages_per_connection

    async def _connected(self) -> Session:
        for pause in PAUSES if self._worked else ():
            try:
                return await self._connect()
            except Unreachable:
                await asyncio.sleep(pause)
        session = await self._connect()
        self._worked = True
        return session

    async def _connect(self) -> Session:
        return await connect(self._settings, folder=self._folder, lockstep=self._lockstep)

    def decided(self) -> None:
        """Take notice that a message over its connection was decided."""
        self._decided.set()

    async def close(self) -> None:
        """Wait for what is on its way, and close; calling twice is safe."""
        if self._session is None:
            return
        while self._session.usable and self._session.load:
            self._decided.clear()
            await self._decided.wait()
        self._lockstep = self._lockstep or self._session.lied
        await self._session.close()
        self._session = None
