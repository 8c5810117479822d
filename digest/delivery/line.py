"""A sender's line to the mail server: the connection it has, and the next one when that ends."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Protocol

from digest.errors import Unreachable
from digest.model.settings import SmtpSettings
from digest.smtp import Envelope, Outcome, Session, connect

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
        self._settings = settings
        self._folder = folder
        self._session: Session | None = None
        self._worked = False
        #: The server was found not to keep what it offers.
        self._lockstep = False
        #: Set whenever a message was decided.
        self._decided = asyncio.Event()

    async def ready(self) -> Session:
        """Return an open connection with room for a message. Unreachable, SenderFault."""
        while (session := self._session) and session.usable and session.load:
            if session.has_room and not self._is_worn(session):
                return session
            await self._one_decided()
        if session is None or not session.usable or self._is_worn(session):
            await self.close()
            session = self._session = await self._connected()
        return session

    def _is_worn(self, session: Session) -> bool:
        return session.messages >= self._settings.messages_per_connection

    async def _one_decided(self) -> None:
        self._decided.clear()
        await self._decided.wait()

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

    def offer(
        self,
        session: Session,
        envelope: Envelope,
        letter: Letter,
        done: Callable[[Outcome], None],
        *,
        begin_by: float,
    ) -> None:
        """Offer *letter* over *session*, which `ready` gave; as `Session.offer`."""

        def decided(outcome: Outcome) -> None:
            self._decided.set()
            done(outcome)

        session.offer(envelope, letter.segments, decided, begin_by=begin_by)

    async def close(self) -> None:
        """Wait for what is on its way, and close; calling twice is safe."""
        if self._session is None:
            return
        while self._session.usable and self._session.load:
            await self._one_decided()
        self._lockstep = self._lockstep or self._session.lied
        await self._session.close()
        self._session = None
