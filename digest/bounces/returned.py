"""What a mail that came back is, as a value."""

from __future__ import annotations

from dataclasses import dataclass
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
