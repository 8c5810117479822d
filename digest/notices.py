"""All mail but the issues: written into the outbox with what caused it, sent afterwards."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping
from datetime import datetime, timedelta
from email.utils import parseaddr
from functools import cached_property
from typing import TYPE_CHECKING, Any
from uuid import uuid4

from sqlalchemy import Connection

from digest import packaged
from digest.errors import DigestError, ReaderError
from digest.model import DeliveryState, Format, Recipient
from digest.smtp import Dropped, Reply, Session, connect
from digest.store import Database, outbox
from digest.verdict import Patience, Verdict, is_final, verdict

if TYPE_CHECKING:
    from digest.config import Loaded
    from digest.render.signature import Signer

#: Longer than a server may take for its last answer (ten minutes).
LEASE = timedelta(minutes=15)

#: So many mails are taken at a time.
BATCH = 20

#: After a fault of ours the mails wait this long: the same fault would meet them all.
FAULT_WAIT = timedelta(minutes=5)


def post(
    conn: Connection,
    loaded: Loaded,
    *,
    newsletter_key: str,
    kind: str,
    address: str,
    idempotency_key: str,
    values: Mapping[str, Any],
    now: datetime,
    language: str | None = None,
    sort: Format = Format.HTML,
    picture: bytes | None = None,
) -> int:
    """
    Render the notice called *kind* and put it into the outbox; 1, or 0 if it was there.

    It leaves only after the caller's transaction is committed. *idempotency_key* is what
    makes this mail this mail: calling twice is safe. It is written in *language*, else in
    the newsletter's; *sort* says whether HTML stands beside the text, and *picture* is a PNG
    that the HTML shows as ``cid:picture``. TemplateError if it cannot be rendered.
    """
    if outbox.holds(conn, idempotency_key):
        return 0
    from digest.render import notice

    newsletter = loaded.settings.newsletters[newsletter_key]
    said = notice(
        kind,
        values,
        newsletter=newsletter.model_copy(update={"language": language or newsletter.language}),
        public_url=loaded.settings.public_url,
        templates=packaged.templates(loaded.folder),
    )
    return int(
        outbox.put(
            conn,
            idempotency_key=idempotency_key,
            newsletter=newsletter_key,
            kind=kind,
            address=address,
            subject=said.subject,
            html=said.html if sort is Format.HTML else "",
            text=said.text,
            picture=picture,
            due_at=now,
            now=now,
        )
    )


def deliver_outbox(database: Database, loaded: Loaded, *, clock: Callable[[], datetime]) -> int:
    """
    Send the mails that are due; return how many the server took.

    Two processes may do this at once, each mail is taken by one. Unreachable and
    SenderFault when the server does not work with us: nothing is lost, the mails wait.
    """
    return asyncio.run(_Round(database, loaded, clock).deliver())


class _Round:
    """One time through the outbox, over one connection."""

    def __init__(self, database: Database, loaded: Loaded, clock: Callable[[], datetime]) -> None:
        self._database = database
        self._loaded = loaded
        self._clock = clock
        self._holder = uuid4().hex
        self._session: Session | None = None

    async def deliver(self) -> int:
        sent = 0
        try:
            while letters := self._claimed():
                sent += await self._batch(letters)
        finally:
            if self._session:
                await self._session.close()
        return sent

    def _claimed(self) -> list[outbox.Letter]:
        now = self._clock()
        with self._database.read() as conn:
            if not outbox.owed(conn, now=now):
                return []
        with self._database.write() as conn:
            return outbox.claim(conn, self._holder, now=now, lease=LEASE, size=BATCH)

    async def _batch(self, letters: list[outbox.Letter]) -> int:
        sent = 0
        for position, letter in enumerate(letters):
            try:
                sent += await self._one(letter)
            except BaseException:
                rest = [each.id for each in letters[position:]]
                with self._database.write() as conn:
                    outbox.release(conn, rest, self._holder)
                raise
        return sent

    async def _one(self, letter: outbox.Letter) -> bool:
        """Send one mail and write down what became of it; True if the server took it."""
        try:
            sender, segments = self._written(letter)
        except ReaderError as e:
            self._settle(letter, DeliveryState.FAILED, str(e))
            return False
        session = await self._ready()
        try:
            reply = await session.send(sender, letter.address, segments)
        except Dropped as e:
            self._wait(letter, str(e))
            return False
        except DigestError as e:
            self._settle(letter, DeliveryState.DEFERRED, str(e), after=FAULT_WAIT)
            raise
        return self._judged(letter, reply)

    async def _ready(self) -> Session:
        smtp = self._loaded.settings.smtp
        session = self._session
        if session and session.usable and session.messages < smtp.messages_per_connection:
            return session
        if session:
            await session.close()
        self._session = await connect(smtp, folder=self._loaded.folder)
        return self._session

    def _written(self, letter: outbox.Letter) -> tuple[str, list[bytes]]:
        from digest import tokens
        from digest.render import message

        settings = self._loaded.settings
        newsletter = settings.newsletters.get(letter.newsletter)
        if newsletter is None:
            raise ReaderError(f"the newsletter {letter.newsletter!r} is not configured any more")
        sender = parseaddr(newsletter.from_)[1]
        # An issue's number is positive: 0 keeps the outbox's ids apart from theirs.
        message_id = tokens.message_id(settings.token_key, 0, letter.id, sender.rpartition("@")[2])
        now = self._clock()
        segments = message.whole(
            letter.subject,
            letter.html,
            letter.text,
            sender=newsletter.from_,
            recipient=Recipient(subscriber=0, address=letter.address),
            message_id=message_id,
            date=now,
            reply_to=newsletter.reply_to,
            picture=letter.picture or b"",
        )
        return sender, self._signer.signed(segments, at=now) if self._signer else segments

    @cached_property
    def _signer(self) -> Signer | None:
        from digest.render import signature

        dkim = self._loaded.settings.dkim
        return signature.signer(dkim, folder=self._loaded.folder) if dkim else None

    def _judged(self, letter: outbox.Letter, reply: Reply) -> bool:
        found = verdict(reply.phase, reply.code, reply.enhanced, reply.text)
        if found is Verdict.ACCEPTED:
            self._settle(letter, DeliveryState.SENT, str(reply))
        elif is_final(found, reply.code, reply.enhanced):
            self._settle(letter, DeliveryState.FAILED, str(reply))
        else:
            # Also a fault of ours: waiting costs nothing, and a person may mend it meanwhile.
            self._wait(letter, str(reply))
        return found is Verdict.ACCEPTED

    def _wait(self, letter: outbox.Letter, answer: str) -> None:
        patience = Patience.of(self._loaded.settings.smtp.retries)
        wait = patience.wait(letter.attempts, letter.idempotency_key)
        if wait is None:
            self._settle(letter, DeliveryState.FAILED, patience.given_up(answer))
        else:
            self._settle(letter, DeliveryState.DEFERRED, answer, after=wait)

    def _settle(
        self,
        letter: outbox.Letter,
        state: DeliveryState,
        answer: str,
        *,
        after: timedelta | None = None,
    ) -> None:
        now = self._clock()
        due_at = now + after if after else None
        with self._database.write() as conn:
            outbox.settle(conn, letter.id, self._holder, state, answer, now=now, due_at=due_at)
