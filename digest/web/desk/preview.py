"""The views of an issue's mail: the bytes that go out, to a reader who does not exist."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from email import message_from_bytes, policy
from email.message import EmailMessage
from email.utils import parseaddr
from functools import cached_property

from digest import weekly
from digest.config import Loaded
from digest.model import Edition, Issue, Recipient
from digest.model.settings import NewsletterSettings
from digest.store import Database

#: The framed mail may show its own styles and pictures. It runs nothing and sends nothing.
MAIL_POLICY = (
    "default-src 'none'; style-src 'unsafe-inline'; img-src https: http:; "
    "form-action 'none'; base-uri 'none'; frame-ancestors 'self'; sandbox"
)
#: As a mail program that shows no pictures: not a byte of the mail is changed for it.
WITHOUT_PICTURES = MAIL_POLICY.replace("img-src https: http:; ", "")

#: Gmail shows so much of a mail's HTML and a link to the rest.
CLIPPED_BYTES = 102 * 1024

READER = Recipient(subscriber=0, address="reader@example.org", name="A Reader")


@dataclass(frozen=True, slots=True)
class View:
    """One way to look at a mail."""

    key: str
    name: str
    #: ``desktop`` or ``phone`` for a frame, "" for plain characters.
    frame: str = ""
    scheme: str = "light"
    pictures: bool = True
    clipped: bool = False

    @property
    def query(self) -> str:
        """What the frame asks for."""
        asked = {
            "scheme": self.scheme,
            **({} if self.pictures else {"pictures": "off"}),
            **({"clipped": "on"} if self.clipped else {}),
        }
        return "&".join(f"{name}={value}" for name, value in asked.items())


VIEWS = (
    View("desktop", "Desktop", "desktop"),
    View("desktop-dark", "Desktop, dark", "desktop", "dark"),
    View("phone", "Phone", "phone"),
    View("phone-dark", "Phone, dark", "phone", "dark"),
    View("pictures-off", "Pictures off", "desktop", pictures=False),
    View("clipped", "Clipped", "desktop", clipped=True),
    View("text", "Text"),
    View("headers", "Headers"),
    View("source", "Source"),
)
#: All that differs at one glance.
SIDE_BY_SIDE = View("side", "Side by side")
_TOGETHER = ("phone", "phone-dark", "pictures-off", "text")


def view(key: str) -> View:
    """Return the view of that key; the first one for a key that there is not."""
    return next((each for each in (*VIEWS, SIDE_BY_SIDE) if each.key == key), VIEWS[0])


def together() -> tuple[View, ...]:
    """Return the views that stand side by side."""
    return tuple(view(key) for key in _TOGETHER)


def in_scheme(html: str, scheme: str) -> str:
    """
    Return the mail as a client of that *scheme* (``light``, ``dark``) shows it.

    The browser's own preference would decide otherwise, and an editor in the dark
    would never see the light mail. Nothing but the question about it is changed.
    """
    holds = "(min-width:0)" if scheme == "dark" else "(max-width:0)"
    html = re.sub(r"\(\s*prefers-color-scheme\s*:\s*dark\s*\)", holds, html)
    html = re.sub(r"(color-scheme\s*:\s*)light dark", rf"\g<1>{scheme}", html)
    return re.sub(r'(name="color-scheme"\s+content=")[^"]*', rf"\g<1>{scheme}", html)


@dataclass(frozen=True, kw_only=True)
class Mail:
    """The mail as a reader would get it."""

    #: All of it, as it goes over the wire.
    raw: bytes
    sender: str
    #: The SHA-256 that an approval approves.
    digest: str
    #: True once approved: these are the bytes that go out.
    frozen: bool

    @cached_property
    def _message(self) -> EmailMessage:
        message = message_from_bytes(self.raw, policy=policy.default)
        assert isinstance(message, EmailMessage)  # noqa: S101 - what the default policy makes
        return message

    def _part(self, subtype: str) -> str:
        part = self._message.get_body((subtype,))
        return str(part.get_content()).replace("\r\n", "\n") if part else ""

    @property
    def subject(self) -> str:
        return str(self._message["subject"])

    @cached_property
    def html(self) -> str:
        return self._part("html")

    @cached_property
    def text(self) -> str:
        return self._part("plain")

    @property
    def headers(self) -> str:
        return self.raw.partition(b"\r\n\r\n")[0].decode("utf-8", "replace").replace("\r\n", "\n")

    @property
    def source(self) -> str:
        return self.raw.decode("utf-8", "replace").replace("\r\n", "\n")

    @property
    def html_bytes(self) -> int:
        return len(self.html.encode())

    @property
    def text_bytes(self) -> int:
        return len(self.text.encode())

    @property
    def clipped_bytes(self) -> int:
        """How many bytes of the HTML Gmail would not show at once."""
        return max(self.html_bytes - CLIPPED_BYTES, 0)

    @property
    def clipped(self) -> str:
        """The HTML as far as Gmail shows it."""
        return self.html.encode()[:CLIPPED_BYTES].decode("utf-8", "ignore")


def mail(
    database: Database,
    loaded: Loaded,
    issue: Issue,
    topics: Sequence[str] = (),
    *,
    now: datetime,
) -> Mail:
    """
    Return the issue's mail as readers of *topics* get it, or of all, made as the sender does.

    Only what is a reader's own is an example's: address, links, Message-ID; and where we sign
    mail, the signature is not there yet. IssueError or TemplateError if there is none to show.
    """
    edition = weekly.preview(database, loaded, issue, topics)
    newsletter = loaded.settings.newsletters[issue.of.newsletter]
    return Mail(
        raw=addressed(edition, newsletter, issue, loaded, now=now),
        sender=newsletter.from_,
        digest=edition.digest,
        frozen=issue.edition_id is not None,
    )


def addressed(
    edition: Edition, newsletter: NewsletterSettings, issue: Issue, loaded: Loaded, *, now: datetime
) -> bytes:
    """Return the bytes of *edition* for a reader who does not exist."""
    from digest.render import fragments, message

    public_url = loaded.settings.public_url.rstrip("/")
    domain = parseaddr(newsletter.from_)[1].rpartition("@")[2]
    return bytes(
        message.address(
            fragments.cut(edition),
            READER,
            newsletter=newsletter,
            newsletter_key=issue.of.newsletter,
            issue_key=issue.of.key,
            public_url=public_url,
            unsubscribe_url=f"{public_url}/unsubscribe/example",
            preferences_url=f"{public_url}/preferences/example",
            message_id=f"<example@{domain}>",
            date=now,
        )
    )
