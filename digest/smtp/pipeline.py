"""
Mail transactions on a live connection, one behind the other without waiting.

In a pipeline (RFC 2920) the commands of the next message leave in one write with the final
dot of this one, so that a message costs one round trip instead of four. With BDAT
(RFC 3030) nothing is waited for between messages at all. Towards a server that offers
neither, the same transactions run in lockstep.

Replies carry no number, only their order. So that a server which swallows a command or
answers twice cannot make one reader's answer look like another's, each command has its
place in a queue of expected replies. Only DATA is answered 354: a result is believed once
that came where it belongs, and the first reply that does not fit ends the connection with
those in doubt named. The replies of BDAT have no such mark; there the first message goes
alone, and its replies must be as many as its commands.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Iterable
from enum import Enum

from digest.smtp.transaction import (
    SECONDS,
    Dropped,
    Outcome,
    Replies,
    Reply,
    Stale,
    Transaction,
    parsed,
)
from digest.verdict import Phase

#: A server that takes no byte in this time is gone (RFC 5321 §4.5.3.2.5).
BLOCK_SECONDS = 180.0
QUIT_SECONDS = 5.0

#: Until a server has shown that it can pipeline, its silence is taken for a lie after this
#: time. Nothing is lost by that: no content is on its way then.
PROOF_SECONDS = 30.0

#: How often deadlines are looked at.
TICK_SECONDS = 1.0


class Style(Enum):
    """How far ahead a server lets us speak."""

    LOCKSTEP = "lockstep"  #: a command, its reply, the next command
    PIPELINED = "pipelined"  #: up to each DATA without waiting (RFC 2920)
    CHUNKED = "chunked"  #: whole messages without waiting (RFC 3030)


class Pipeline(asyncio.Protocol):
    """Takes over a transport and runs transactions on it, in the order they are offered."""

    def __init__(self, transport: asyncio.Transport, style: Style) -> None:
        """Take over *transport*, plain or TLS; its protocol hears no more of it."""
        self.style = style
        #: The server does not do what it offers: speak in lockstep to it.
        self.lied = False
        self._transport = transport
        self._loop = asyncio.get_running_loop()
        self._closed = self._loop.create_future()
        self._ended = False
        self._quitting = False
        self._replies = Replies()
        #: What each reply to come answers; no transaction: one that nobody asks about.
        self._expected: deque[tuple[Phase, Transaction | None]] = deque()
        #: Of these so many, the last ones, answer commands that have not left yet.
        self._unsaid = 0
        self._waiting: deque[Transaction] = deque()
        self._begun: deque[Transaction] = deque()
        #: The one whose commands are out and whose content is not.
        self._asking: Transaction | None = None
        #: Commands of it that are still to be said, in lockstep.
        self._steps: deque[tuple[Phase, bytes]] = deque()
        #: Results that are not believed yet, and those that are to be told.
        self._held: list[tuple[Transaction, Outcome]] = []
        self._known: list[tuple[Transaction, Outcome]] = []
        #: A refused transaction may still be open: RSET comes before the next.
        self._unclean = False
        #: How many groups of commands the server has answered to the last one.
        self._proofs = 0
        self._out: list[bytes] = []
        self._handed = 0
        self._due = 0.0
        self._blocked: tuple[float, int] | None = None
        self._timer: asyncio.TimerHandle | None = None
        self._receiving = False
        transport.set_protocol(self)
        transport.set_write_buffer_limits(high=0)

    @property
    def usable(self) -> bool:
        return not (self._ended or self._quitting or self._transport.is_closing())

    @property
    def load(self) -> int:
        """How many transactions were offered and are not decided."""
        return len(self._waiting) + len(self._begun)

    def offer(self, transaction: Transaction) -> None:
        """Run *transaction* as soon as its turn comes; Dropped if the connection has ended."""
        if not self.usable:
            raise Dropped("the connection to the mail server has ended", after_content=False)
        self._waiting.append(transaction)
        self._pump()
        if not self._receiving:
            self._flush()
            self._tell()

    async def quit(self) -> None:
        """Say good-bye and close; a server that does not answer is not waited for long."""
        if self.usable and not self._expected:
            self._quitting = True
            self._write(b"QUIT\r\n")
            self._flush()
            await asyncio.wait({self._closed}, timeout=QUIT_SECONDS)
        self._break("we closed it")
        await asyncio.wait({self._closed}, timeout=QUIT_SECONDS)

    # --- what we say ---

    def _pump(self) -> None:
        while self._waiting and self._may_begin():
            transaction = self._waiting.popleft()
            if self._loop.time() > transaction.begin_by:
                self._known.append((transaction, Stale()))
                continue
            self._begun.append(transaction)
            if self.style is Style.CHUNKED:
                self._begin_chunked(transaction)
                continue
            self._asking = transaction
            if self.style is Style.PIPELINED:
                self._say_together(transaction)
            else:
                self._steps += self._commands(transaction)
                self._say_next()

    def _may_begin(self) -> bool:
        if self.style is Style.PIPELINED:
            return self._asking is None
        if self.style is Style.CHUNKED and self._proofs:
            return True
        return len(self._begun) == 0

    def _say_together(self, transaction: Transaction) -> None:
        self._clean_up()
        self._expect(
            (Phase.MAIL, transaction), (Phase.RCPT, transaction), (Phase.DATA, transaction)
        )
        self._write(b"%b\r\n%b\r\nDATA\r\n" % (transaction.mail, transaction.rcpt))

    def _clean_up(self) -> None:
        if self._unclean:
            self._unclean = False
            self._expect((Phase.MAIL, None))
            self._write(b"RSET\r\n")

    def _commands(self, transaction: Transaction) -> Iterable[tuple[Phase, bytes]]:
        if self._unclean:
            self._unclean = False
            yield Phase.MAIL, b"RSET"
        yield Phase.MAIL, transaction.mail
        yield Phase.RCPT, transaction.rcpt
        yield Phase.DATA, b"DATA"

    def _say_next(self) -> None:
        phase, line = self._steps.popleft()
        self._expect((phase, None if line == b"RSET" else self._asking))
        self._write(line + b"\r\n")

    def _begin_chunked(self, transaction: Transaction) -> None:
        # What becomes of the message before is not known yet: whatever it is, RSET ends it.
        self._unclean = self._unclean or len(self._begun) > 1
        self._clean_up()
        self._expect(
            (Phase.MAIL, transaction), (Phase.RCPT, transaction), (Phase.CONTENT, transaction)
        )
        told = (transaction.mail, transaction.rcpt, transaction.size)
        self._write(b"%b\r\n%b\r\nBDAT %d LAST\r\n" % told)
        self._write_content(transaction)

    def _say_content(self, transaction: Transaction) -> None:
        self._expect((Phase.CONTENT, transaction))
        self._write_content(transaction, b".\r\n")

    def _write_content(self, transaction: Transaction, end: bytes = b"") -> None:
        self._out += transaction.segments
        self._handed += transaction.size
        if end:
            self._write(end)
        transaction.ends_at = self._handed

    def _write(self, line: bytes) -> None:
        self._out.append(line)
        self._handed += len(line)

    def _flush(self) -> None:
        if self._out and not self._ended:
            out, self._out = self._out, []
            self._unsaid = 0
            self._transport.writelines(out)

    def _expect(self, *replies: tuple[Phase, Transaction | None]) -> None:
        begins = not self._expected
        self._expected += replies
        self._unsaid += len(replies)
        if begins:
            self._set_deadline()

    # --- what the server says ---

    def data_received(self, data: bytes) -> None:
        if self._ended:
            return
        if self._quitting:
            self._break("we closed it")
            return
        self._receiving, heard = True, False
        try:
            for lines in self._replies.feed(data):
                heard = True
                self._reply(lines)
                if self._ended:
                    return
        except ValueError as e:
            self._break(str(e), doubt=True)
            return
        finally:
            self._receiving = False
        if heard:
            self._set_deadline()
        if self.style is Style.CHUNKED or len(self._expected) == self._unsaid:
            # No reply too many came with them.
            self._believe()
        self._flush()
        # While whoever hears of it makes up their mind, the server has something to do.
        self._tell()

    def _reply(self, lines: list[str]) -> None:
        code = int(lines[-1][:3])
        if len(self._expected) == self._unsaid:
            said = " ".join(lines)[:200]
            self._break(f"it said unasked: {said}", doubt=code != 421)
            return
        phase, transaction = self._expected.popleft()
        if code == 421:
            self._say_it_closes(transaction, parsed(phase, lines))
        elif not _fits(code, phase):
            self._break(f"{lines[0][:80]!r} does not answer {phase}", doubt=True)
        elif transaction is None:
            self._nobody_asked(phase, code)
        elif phase is Phase.CONTENT:
            self._content_answered(transaction, parsed(phase, lines))
        elif phase is Phase.DATA:
            self._data_answered(transaction, code, lines)
        else:
            self._command_answered(transaction, phase, code, lines)
        self._pump()

    def _say_it_closes(self, transaction: Transaction | None, reply: Reply) -> None:
        if transaction is not None:
            self._finish(transaction, transaction.refusal or reply)
        self._break(f"the mail server closed it: {reply}", announced=True)

    def _nobody_asked(self, phase: Phase, code: int) -> None:
        """Take the answer to RSET, or to content for nobody."""
        if phase is Phase.MAIL and code // 100 != 2:
            self._break(f"RSET was answered {code}")
        elif self._steps:
            self._say_next()

    def _command_answered(
        self, transaction: Transaction, phase: Phase, code: int, lines: list[str]
    ) -> None:
        if code // 100 != 2 and transaction.refusal is None:
            transaction.refusal = parsed(phase, lines)
        if self.style is not Style.LOCKSTEP:
            return
        if transaction.refusal is None:
            self._say_next()
        else:
            self._steps.clear()
            self._give_up(transaction, transaction.refusal)

    def _data_answered(self, transaction: Transaction, code: int, lines: list[str]) -> None:
        self._proofs += 1
        self._believe()
        refusal = transaction.refusal
        if code != 354:
            self._give_up(transaction, refusal or parsed(Phase.DATA, lines))
        elif refusal is None:
            self._asking = None
            self._say_content(transaction)
        elif refusal.phase is Phase.RCPT:
            # RFC 2920, 3.1: content is wanted for nobody; nothing but its end is sent.
            self._expect((Phase.CONTENT, None))
            self._write(b".\r\n")
            self._asking = None
            self._finish(transaction, refusal)
        else:
            self._break("it wants the content of a message that it refused", doubt=True)

    def _content_answered(self, transaction: Transaction, reply: Reply) -> None:
        if self.style is Style.CHUNKED:
            if transaction.refusal is None and reply.code in (500, 501, 502, 503, 504):
                self._break(f"it offers BDAT, and answers {reply}", doubt=True)
                return
            self._unclean = self._unclean or reply.code // 100 != 2
            # The first message goes alone: only then a reply too few or too many shows.
            self._proofs += bool(self._proofs) or not self._expected
        self._finish(transaction, transaction.refusal or reply)

    def _give_up(self, transaction: Transaction, refusal: Reply) -> None:
        """End a transaction whose content was not sent."""
        self._asking = None
        self._unclean = True
        self._finish(transaction, refusal)

    def _finish(self, transaction: Transaction, outcome: Outcome) -> None:
        self._begun.remove(transaction)
        # Of BDAT's replies none tells that the ones before it were no answers too many.
        if self.style is Style.CHUNKED or (self.style is Style.PIPELINED and self._expected):
            self._held.append((transaction, outcome))
        else:
            self._known.append((transaction, outcome))

    def _believe(self) -> None:
        self._known += self._held
        self._held.clear()

    def _tell(self) -> None:
        while self._known:
            known, self._known = self._known, []
            for transaction, outcome in known:
                transaction.done(outcome)

    # --- how it ends ---

    def _break(self, why: str, *, doubt: bool = False, announced: bool = False) -> None:
        """
        End the connection, and every transaction with what is known of it.

        *doubt* says that a reply did not fit: then the results that were not believed yet
        are none. *announced*: the server said that it closes.
        """
        if self._ended:
            return
        self._ended = True
        left = self._handed - self._transport.get_write_buffer_size() - sum(map(len, self._out))
        self.lied = self.style is not Style.LOCKSTEP and (
            doubt or (self._is_unproven and bool(self._expected) and not announced)
        )
        if self._timer is not None:
            self._timer.cancel()
        self._transport.abort()
        if not doubt:
            self._believe()
        self._tell()
        undecided = [*(held for held, _ in self._held), *self._begun, *self._waiting]
        self._held.clear()
        self._begun.clear()
        self._waiting.clear()
        for transaction in undecided:
            said = f"the connection to the mail server broke: {why}"
            may_be_taken = 0 < transaction.ends_at <= left
            transaction.done(Dropped(said, after_content=may_be_taken))

    def eof_received(self) -> None:
        self._break("it was closed")

    def connection_lost(self, exc: Exception | None) -> None:
        self._break(str(exc) if exc else "it was closed")
        if not self._closed.done():
            self._closed.set_result(None)

    def pause_writing(self) -> None:
        self._blocked = (self._loop.time(), self._transport.get_write_buffer_size())

    def resume_writing(self) -> None:
        self._blocked = None
        self._set_deadline()

    @property
    def _is_unproven(self) -> bool:
        # The second proof is that of a group which followed a final dot.
        return self.style is not Style.LOCKSTEP and self._proofs < len(("first", "behind a dot"))

    def _set_deadline(self) -> None:
        """Give the reply that is expected next the time of its phase, from now on."""
        if not self._expected:
            return
        phase = self._expected[0][0]
        seconds = SECONDS[phase]
        if self._is_unproven and phase is not Phase.CONTENT:
            seconds = min(seconds, PROOF_SECONDS)
        self._due = self._loop.time() + seconds
        if self._timer is None:
            self._timer = self._loop.call_later(min(TICK_SECONDS, seconds), self._tick)

    def _tick(self) -> None:
        self._timer = None
        if self._ended or not self._expected:
            return
        now = self._loop.time()
        if self._is_blocked(now):
            self._break("it takes no more bytes")
        elif self._blocked is None and now >= self._due:
            self._break("no answer in time")
        else:
            self._timer = self._loop.call_later(TICK_SECONDS, self._tick)

    def _is_blocked(self, now: float) -> bool:
        """Tell whether bytes wait in our memory, none of which left for too long."""
        if self._blocked is None:
            return False
        since, size = self._blocked
        left = self._transport.get_write_buffer_size()
        if left != size:
            self._blocked = (now, left)
            return False
        return now - since >= BLOCK_SECONDS


def _fits(code: int, phase: Phase) -> bool:
    """Tell whether a reply of *code* can stand where *phase* is answered: 354 is DATA's alone."""
    if phase is Phase.DATA:
        return code == 354 or code // 100 in (4, 5)
    return code // 100 != 3
