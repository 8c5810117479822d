"""What a mail that came back is, as a value."""

from __future__ import annotations

from dataclasses import dataclass, replace
from enum import StrEnum

from digest.bounces.refusals import Refusal


class Kind(StrEnum):
    """What a mail is."""

    BOUNCE = "bounce"  #: a mail server could not deliver, or reports that it did
    COMPLAINT = "complaint"  #: a reader's provider passes on "this is spam" (RFC 5965)
    AUTOMATIC = "automatic"  #: a program answers for a person who is away (RFC 3834)
    REPLY = "reply"  #: a person wrote


@dataclass(frozen=True, slots=True, kw_only=True)
class Returned:
    """A mail in the mailbox of what comes back, as far as it matters. All of it is hostile."""

    kind: Kind
    #: The same for the same mail, whenever it is read: its Message-ID, or a hash of it.
    key: str
    #: Where it was sent: one of these may be a reader's own return address.
    sent_to: tuple[str, ...] = ()
    sender: str = ""
    subject: str = ""
    #: Of a reply, without HTML.
    text: str = ""
    refusals: tuple[Refusal, ...] = ()
    #: RFC 5965's Feedback-Type: ``abuse``, ``opt-out``, ``not-spam``, …; "" for no complaint.
    feedback: str = ""
    #: Whom a complaint names, where that was not blacked out.
    complained: tuple[str, ...] = ()
    #: Of the copy of our mail that came along; "" without one.
    message_id: str = ""
    #: Addresses in that copy's List-Unsubscribe: they hold a token of the reader.
    links: tuple[str, ...] = ()

    def plain(self) -> Returned:
        """Return the same with nothing in it that a database cannot hold: NUL, half characters."""
        return replace(
            self,
            sent_to=tuple(map(_plain, self.sent_to)),
            sender=_plain(self.sender),
            subject=_plain(self.subject),
            text="\n".join(map(_plain, self.text.split("\n"))),
            refusals=tuple(
                replace(one, address=_plain(one.address), said=_plain(one.said))
                for one in self.refusals
            ),
            feedback=_plain(self.feedback),
            complained=tuple(map(_plain, self.complained)),
            message_id=_plain(self.message_id),
            links=tuple(map(_plain, self.links)),
        )


def _plain(text: str) -> str:
    return "".join(c if c.isprintable() else " " for c in text)
