"""What followed from a mail that came back."""

from __future__ import annotations

from enum import StrEnum


class Outcome(StrEnum):
    """What followed from a mail."""

    SUPPRESSED = "suppressed"  #: the reader gets nothing any more
    COUNTED = "counted"  #: it may pass; too many of them in a row suppress
    OURS = "ours"  #: our fault or our reputation; no reader's
    NOTED = "noted"  #: nothing follows: it waits, it arrived, or it is out of date
    UNPROVEN = "unproven"  #: it names a reader and proves nothing
    UNKNOWN = "unknown"  #: it is about nobody of ours
    LEFT = "left"  #: asked to leave, with their link's token
    TASK = "task"  #: asks for something that a person must look at
    FORWARDED = "forwarded"  #: a person's words, passed on to the editors
