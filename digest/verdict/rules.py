"""The words of both tables: phases, verdicts, and what a row looks like."""

from __future__ import annotations

import re
from collections.abc import Collection
from dataclasses import dataclass
from enum import StrEnum


class Phase(StrEnum):
    """Where in the conversation a server answered."""

    GREETING = "greeting"
    HELLO = "hello"
    STARTTLS = "starttls"
    AUTH = "auth"
    MAIL = "mail"
    RCPT = "rcpt"
    DATA = "data"
    CONTENT = "content"  #: after the final dot


class Verdict(StrEnum):
    """What follows from an answer. Only `DEAD` ever says something about an address."""

    ACCEPTED = "accepted"  #: the server took responsibility
    LATER = "later"  #: a passing refusal; the same message may be taken later
    THROTTLED = "throttled"  #: too fast for this domain; pause it, then go on
    FULL = "full"  #: the mailbox is full; passing with a 4yz, final for this issue with a 5yz
    DEAD = "dead"  #: the address does not exist
    REFUSED = "refused"  #: this reader's server said no, for a reason that may pass
    OURS = "ours"  #: sender, credentials, content or reputation: pause the run, ask a person


#: Phases that concern the message as a whole: a 5yz there would meet every reader.
BEFORE_READERS = frozenset({Phase.GREETING, Phase.HELLO, Phase.STARTTLS, Phase.AUTH, Phase.MAIL})
AT_READER = frozenset({Phase.RCPT})
WITH_BYTES = frozenset({Phase.DATA, Phase.CONTENT})
EVERYWHERE = frozenset(Phase)


@dataclass(frozen=True, slots=True)
class Rule:
    """A row: it fits where all that it names does; what it leaves empty fits everything."""

    phases: Collection[Phase]
    verdict: Verdict
    #: In a sentence, for who reads the table.
    why: str
    codes: str = ""
    enhanced: str = ""
    words: str = ""

    def fits(self, phase: Phase | None, code: int, enhanced: str, text: str) -> bool:
        """Tell whether the row says something of this answer; no *phase*: it is not known."""
        if phase not in self.phases and not (phase is None and self.phases is EVERYWHERE):
            return False
        if self.codes and not re.fullmatch(self.codes, str(code)):
            return False
        if self.enhanced and not re.fullmatch(self.enhanced, enhanced):
            return False
        return not self.words or bool(re.search(self.words, text, re.IGNORECASE))
