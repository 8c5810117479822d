"""An edition addressed to one reader, and small mails whole: bytes that SMTP can take."""

from __future__ import annotations

import hashlib
import re
from dataclasses import dataclass, field
from datetime import datetime
from functools import lru_cache

from digest.model import Recipient
from digest.model.settings import NewsletterSettings
from digest.render import fragments, headers
from digest.render.fragments import Fragment, Fragments, addressed


@dataclass(frozen=True, slots=True)
class Message:
    """
    A mail ready for one SMTP transaction.

    The bytes of *segments*, one after the other, are the whole content: CRLF only, no
    line over 998 octets, none that begins with a dot, a CRLF at the end.
    """

    envelope_from: str
    #: As RCPT TO takes it.
    recipient: str
    segments: list[bytes] = field(repr=False)
    #: True if the server must offer SMTPUTF8: the local part is not ASCII (RFC 6531, 3.4).
    smtputf8: bool = False

    def __bytes__(self) -> bytes:
        return b"".join(self.segments)


def address(
    fragments: Fragments,
    recipient: Recipient,
    *,
    newsletter: NewsletterSettings,
    newsletter_key: str,
    issue_key: str,
    public_url: str,
    unsubscribe_url: str,
    preferences_url: str,
    message_id: str,
    date: datetime,
    envelope_from: str | None = None,
    unsubscribe_mail: str | None = None,
) -> Message:
    """
    Return the edition as this reader gets it. Nothing is rendered or encoded but their values.

    *date* is the moment of sending, *message_id* the same on every attempt. Without
    *envelope_from* bounces come to the From address; *unsubscribe_mail* is a mailto: for
    programs that cannot post (RFC 2369, 3.2). ReaderError if the recipient's address
    cannot be written; ValueError for a URL or an id that no header can hold.
    """
    to = headers.wire_address(recipient.address)
    letterhead, sender = _letterhead(
        newsletter.from_,
        newsletter.reply_to or "",
        newsletter.title,
        newsletter_key,
        issue_key,
        public_url.rstrip("/"),
        fragments.subject,
        fragments.boundary,
    )
    leaving = _ways_out(unsubscribe_url, unsubscribe_mail)
    own = _own_headers(recipient.name, to, leaving, message_id, date)
    values = {"unsubscribe_url": unsubscribe_url, "preferences_url": preferences_url}
    return Message(
        envelope_from=envelope_from or sender,
        recipient=to,
        segments=[own + letterhead, *addressed(fragments, values)],
        smtputf8=not to.isascii(),
    )


def _ways_out(page: str, mail: str | None) -> str:
    """Return the addresses to unsubscribe at, the page first (RFC 8058, 3.1)."""
    if not _PAGE.fullmatch(page):
        raise ValueError(f"not a page to unsubscribe at: {page!r}")
    if mail is None:
        return f"<{page}>"
    if not _MAIL.fullmatch(mail):
        raise ValueError(f"not an address to unsubscribe at: {mail!r}")
    return f"<{page}>, <{mail}>"


_PAGE = re.compile(r"https?://[!-;=?-~]+")
_MAIL = re.compile(r"mailto:[!-;=?-~]+")


def _own_headers(name: str, to: str, leaving: str, message_id: str, date: datetime) -> bytes:
    """The reader's own fields; in front, so that what all share stays one piece."""
    return (
        headers.date(date)
        + _message_id(message_id)
        + headers.mailbox("To", name, to)
        + headers.line("List-Unsubscribe", leaving)
    ).encode()


def _message_id(message_id: str) -> str:
    if not headers.is_message_id(message_id):
        raise ValueError(f"not a Message-ID: {message_id!r}")
    return headers.line("Message-ID", message_id)


@lru_cache(maxsize=64)
def _letterhead(
    from_: str,
    reply_to: str,
    title: str,
    newsletter_key: str,
    issue_key: str,
    public_url: str,
    subject: str,
    boundary: str,
) -> tuple[bytes, str]:
    """Return the fields that all readers of an issue share, and the sender's address."""
    name, sender = headers.parsed(from_)
    domain = sender.rpartition("@")[2]
    reply = headers.parsed(reply_to) if reply_to else (name, sender)
    stream = re.sub(r"[^A-Za-z0-9+.-]", "-", newsletter_key)
    campaign = re.sub(r"[^A-Za-z0-9+.-]", "-", issue_key)
    fields = (
        headers.mailbox("From", name, sender)
        + headers.mailbox("Reply-To", *reply)
        + headers.text("Subject", subject)
        + headers.mailbox("List-Id", title, f"{stream}.{domain}")
        + headers.line("List-Unsubscribe-Post", "List-Unsubscribe=One-Click")
        + headers.line("List-Archive", f"<{public_url}/issues/{newsletter_key}>")
        + headers.line("List-Help", f"<mailto:{reply[1]}?subject=help>")
        + headers.line("List-Post", "NO")
        + headers.line("Precedence", "bulk")
        + _AUTOMATIC
        # Gmail's feedback loop: what, which stream, which kind, who; nobody's person.
        + headers.line("Feedback-ID", f"{campaign}:{stream}:recap:{domain.replace('.', '-')}")
        + _mime(boundary)
    )
    return fields.encode(), sender


#: RFC 3834, 5, and Microsoft's own: an absent reader's program does not answer.
_AUTOMATIC = headers.line("Auto-Submitted", "auto-generated") + headers.line(
    "X-Auto-Response-Suppress", "OOF, AutoReply"
)


def _mime(boundary: str) -> str:
    """Return the last fields and the line after them; without *boundary* of text alone."""
    kind = f'Content-Type: multipart/alternative;\r\n boundary="{boundary}"\r\n'
    if not boundary:
        kind = fragments.content("plain")
    return f"{headers.line('MIME-Version', '1.0')}{kind}\r\n"


def whole(
    subject: str,
    html: str,
    text: str,
    *,
    sender: str,
    recipient: Recipient,
    message_id: str,
    date: datetime,
    reply_to: str | None = None,
    picture: bytes = b"",
) -> list[bytes]:
    """
    Return a small mail to one person as byte segments; same promises as `Message`.

    Without *html* it is text alone, and no part of anything. *picture* is a PNG that the HTML
    shows as ``cid:picture`` (RFC 2387, RFC 2392).
    *sender* and *reply_to* are ``Name <address>`` or an address. ReaderError if the
    recipient's address cannot be written.
    """
    digest = hashlib.sha256(f"{subject}\0{html}\0{text}".encode()).hexdigest()
    boundary = f"=_{digest[:32]}" if html else ""
    fields = (
        headers.date(date)
        + _message_id(message_id)
        + headers.mailbox("From", *headers.parsed(sender))
        + headers.mailbox("To", recipient.name, headers.wire_address(recipient.address))
        + (headers.mailbox("Reply-To", *headers.parsed(reply_to)) if reply_to else "")
        + headers.text("Subject", subject)
        + _AUTOMATIC
        + _mime(boundary)
    )
    body = fragments.weave(
        _sole(text), _sole(html) if html else (), boundary=boundary, picture=picture
    )
    return [fields.encode(), *(piece for piece in body if isinstance(piece, bytes))]


def _sole(content: str) -> tuple[Fragment]:
    return (Fragment(name="", pieces=(fragments.encoded(content),)),)
