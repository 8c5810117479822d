"""One message offered to one recipient, and what a server answers."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from functools import lru_cache
from math import inf
from typing import NamedTuple, TypeAlias

from digest.errors import Unreachable
from digest.verdict import Phase

#: Longest line and longest reply that we read; RFC 5321 §4.5.3.1.5 asks for 512 octets.
LINE_BYTES = 8192
REPLY_LINES = 128

#: RFC 5321 §4.5.3.2. The last one is long on purpose: a server may be at work on the
#: message, and giving up early makes duplicates.
SECONDS = {
    Phase.MAIL: 300.0,
    Phase.RCPT: 300.0,
    Phase.DATA: 120.0,
    Phase.CONTENT: 600.0,
}

_ENHANCED = re.compile(r"([245])\.(\d{1,3})\.(\d{1,3})(?:\s+|$)")
_LINE = re.compile(r"[2-5]\d\d(?=[ -]|$)")


class Reply(NamedTuple):
    """What the server said, and where; ``str()`` gives it as one line for the ledger."""

    phase: Phase
    code: int
    #: "" if the server gave none.
    enhanced: str
    text: str

    def __str__(self) -> str:
        return " ".join([part for part in (str(self.code), self.enhanced, self.text) if part])


class Dropped(Unreachable):
    """
    The connection broke in a transaction.

    *after_content* tells that the final dot was on its way: the server may have taken
    the message, or not.
    """

    def __init__(self, message: str, *, after_content: bool) -> None:
        super().__init__(message, remedy="Run the command again: nothing was lost.")
        self.after_content = after_content


class Stale(Dropped):
    """The transaction's time to begin passed before its turn came; nothing was said of it."""

    def __init__(self) -> None:
        super().__init__("its turn came too late", after_content=False)


#: How a transaction ends: with the reply that decided, or with the connection.
Outcome: TypeAlias = Reply | Dropped


@dataclass(eq=False, slots=True, kw_only=True)
class Transaction:
    """One message for one recipient; *done* is called exactly once, in the event loop."""

    #: Command lines without their CRLF.
    mail: bytes
    rcpt: bytes
    #: Sent as they are: lines end in CRLF, the last one too, and none begins with a dot.
    segments: Sequence[bytes] = field(repr=False)
    size: int
    done: Callable[[Outcome], None] = field(repr=False)
    #: By the event loop's clock: not to be begun later, whoever permitted it must be asked again.
    begin_by: float = inf
    #: The first reply that refused it, while further ones are still to come.
    refusal: Reply | None = None
    #: Where in the stream its last byte stands; 0 while that was not handed over.
    ends_at: int = 0


class Replies:
    """Cuts what a server sends into replies, however it arrives."""

    def __init__(self) -> None:
        self._rest = b""
        self._lines: list[str] = []

    def feed(self, data: bytes) -> Iterator[list[str]]:
        """Yield the lines of each reply that is complete by now; ValueError for no reply."""
        *lines, self._rest = (self._rest + data).split(b"\n")
        if len(self._rest) > LINE_BYTES:
            raise ValueError("its reply has no end")
        for raw in lines:
            if len(self._lines) == REPLY_LINES:
                raise ValueError("its reply has no end")
            line = _line(raw)
            self._lines.append(line)
            if line[3:4] != "-":
                complete, self._lines = self._lines, []
                yield complete


#: Most of what a server says it says again and again.
@lru_cache(maxsize=32)
def _line(raw: bytes) -> str:
    """Return a line of a reply; ValueError if it is none."""
    line = raw.decode("utf-8", "replace").rstrip("\r")
    if not _LINE.match(line) or len(raw) > LINE_BYTES:
        raise ValueError(f"this is no SMTP reply: {line[:80]!r}")
    return line


def parsed(phase: Phase, lines: Sequence[str]) -> Reply:
    """Return the reply that *lines* are; their words as one line without control characters."""
    first = lines[0][4:].strip()
    found = _ENHANCED.match(first)
    enhanced = ".".join(found.groups()) if found else ""
    said = first[found.end() :] if found else first
    for line in lines[1:]:
        # Each line of a reply repeats the enhanced code (RFC 2034 §4).
        text = line[4:].strip()
        said += f" {_ENHANCED.sub('', text, count=1) if enhanced else text}"
    if not said.isprintable():
        said = "".join(c if c.isprintable() else " " for c in said)
    return Reply(phase, int(lines[-1][:3]), enhanced, said.strip()[:500])
