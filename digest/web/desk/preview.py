"""The views of an issue's mail: the bytes that go out, with a reader who does not exist."""

from __future__ import annotations

import re
from dataclasses import dataclass

from digest import weekly
from digest.config import Loaded
from digest.model import Issue
from digest.store import Database

#: The framed mail may show its own styles and pictures. It runs nothing and sends nothing.
MAIL_POLICY = (
    "default-src 'none'; style-src 'unsafe-inline'; img-src https: http:; "
    "form-action 'none'; base-uri 'none'; frame-ancestors 'self'; sandbox"
)


@dataclass(frozen=True, slots=True)
class View:
    """One way to look at a mail."""

    key: str
    name: str
    #: ``desktop`` or ``phone`` for a frame, "" for plain characters.
    frame: str = ""
    scheme: str = "light"


VIEWS = (
    View("desktop", "Desktop", "desktop"),
    View("desktop-dark", "Desktop, dark", "desktop", "dark"),
    View("phone", "Phone", "phone"),
    View("phone-dark", "Phone, dark", "phone", "dark"),
    View("text", "Text"),
    View("source", "Source"),
)


def view(key: str) -> View:
    """Return the view of that key; the first one for a key that there is not."""
    return next((each for each in VIEWS if each.key == key), VIEWS[0])


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


@dataclass(frozen=True, slots=True, kw_only=True)
class Mail:
    """The mail as a reader would get it."""

    subject: str
    sender: str
    html: str
    text: str
    #: True once approved: these are the bytes that go out.
    frozen: bool

    @property
    def html_bytes(self) -> int:
        return len(self.html.encode())

    @property
    def text_bytes(self) -> int:
        return len(self.text.encode())


def mail(database: Database, loaded: Loaded, issue: Issue) -> Mail:
    """Return the issue's mail; IssueError or TemplateError if there is none to show."""
    from digest import render

    edition = weekly.preview(database, loaded, issue)
    html, text = render.sample(edition)
    return Mail(
        subject=edition.subject,
        sender=loaded.settings.newsletters[issue.of.newsletter].from_,
        html=html,
        text=text,
        frozen=issue.edition_id is not None,
    )
