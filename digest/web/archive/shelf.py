"""What every page and feed of the archive starts from: a newsletter's part of it."""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import datetime
from functools import cached_property
from typing import Any
from urllib.parse import quote, urlencode

from digest.errors import NoSuchIssue
from digest.identity import topic_key
from digest.model import Rhythm
from digest.model.settings import NewsletterSettings
from digest.render.languages import Translated
from digest.render.plain import link, shortened
from digest.store import archive
from digest.web import words
from digest.web.pages import Pages, spoken

#: What newsletters, issues and topics can be called; a database need not see anything else.
_NAME = re.compile(r"[\w.+-]{1,80}")

#: A list shows so much of a summary; the rest is at the publication's own place.
_SUMMARY_LETTERS = 320

#: How long a browser or a proxy may show a page without asking again.
CACHE = "public, max-age=300"


@dataclass(frozen=True)
class Shelf:
    """A newsletter's part of the archive, at one moment."""

    key: str
    settings: NewsletterSettings
    public_url: str
    #: The path that every link begins with, `public_url`'s.
    prefix: str
    now: datetime

    @cached_property
    def words(self) -> Translated:
        """The words of its pages."""
        return spoken(self.settings.language)

    def day(self, at: datetime) -> str:
        """Return the newsletter's local day, as its language writes it."""
        return words.day_in(at, self.settings.zone, self.words.tag)

    @cached_property
    def view(self) -> archive.View:
        left_out = self.settings.exclude
        return archive.View(
            newsletter=self.key,
            now=self.now,
            without_kinds=tuple(kind.lower() for kind in left_out.kinds),
            without_topics=tuple(topic_key(topic) for topic in left_out.topics),
        )

    def path(self, *, topic: str = "", issue: str = "", part: str = "", **asked: Any) -> str:
        """Return the address of a page, with the prefix and without the host."""
        room = "topics" if topic or part == "topics" else "issues"
        steps = [room, self.key, topic or issue, "" if part == "topics" else part]
        query = urlencode({name: value for name, value in asked.items() if value})
        path = "/".join(quote(step, safe="+") for step in steps if step)
        return f"{self.prefix}/{path}" + (f"?{query}" if query else "")

    def address(self, **told: Any) -> str:
        """Return the address of a page as others may link to it."""
        return self.public_url + self.path(**told)[len(self.prefix) :]

    def entry(self, filed: archive.Filed, *, topic: str = "") -> dict[str, Any]:
        """Return *filed* as templates show it, on the page of *topic*."""
        if filed.issue is not None:
            return self._issue(filed.issue) | {"number": filed.id}
        assert filed.publication is not None  # noqa: S101 - one of the two is there
        one = filed.publication
        return {
            "number": filed.id,
            "label": one.kind,
            "title": one.title,
            "href": link(one.link) or "",
            "summary": shortened(one.summary, _SUMMARY_LETTERS),
            "authors": ", ".join(one.authors),
            "date": self.day(filed.dated),
            "machine_date": filed.dated.astimezone(self.settings.zone).date().isoformat(),
            "note": "",
            "topics": self._topics(one.topics, but=topic),
        }

    def _issue(self, sent: archive.Sent) -> dict[str, Any]:
        return {
            "label": self.label(sent) or self.settings.title,
            "title": title(sent, self.settings),
            "href": self.path(issue=sent.key),
            "summary": sent.lead,
            "authors": "",
            "date": self.day(sent.frozen_at),
            "machine_date": sent.frozen_at.astimezone(self.settings.zone).date().isoformat(),
            "note": self._correction(sent),
            "topics": [],
        }

    def note(self, sent: archive.Sent) -> str:
        """Return what a list says of a month's issue and of corrections; "" where there is none."""
        told = [self.label(sent), self._correction(sent)]
        return " · ".join(each for each in told if each)

    def label(self, sent: archive.Sent) -> str:
        """Return what a month's own issue is called; "" for each other one."""
        if sent.rhythm is not Rhythm.MONTHLY:
            return ""
        monthly = self.settings.monthly
        return (monthly.title if monthly else "") or self.words.gettext("Monthly issue")

    def _correction(self, sent: archive.Sent) -> str:
        _ = self.words.gettext
        if sent.corrects:
            return _("Corrects the issue of %(day)s", day=self.day(sent.window.end))
        if sent.corrected_at:
            return _("Corrected %(day)s", day=self.day(sent.corrected_at))
        return ""

    def _topics(self, names: tuple[str, ...], *, but: str) -> list[dict[str, str]]:
        known = {topic_key(name): name for name in names}
        for key in ("", but, *self.view.without_topics):
            known.pop(key, None)
        return [{"name": name, "href": self.path(topic=key)} for key, name in known.items()]


def shelf(pages: Pages, newsletter: str) -> Shelf:
    """Return the part of that newsletter; NoSuchIssue if the configuration has none of it."""
    settings = pages.newsletter(newsletter)
    if settings is None:
        raise NoSuchIssue(f"no newsletter is called {newsletter}")
    public_url = pages.loaded.settings.public_url
    return Shelf(newsletter, settings, public_url, pages.prefix, pages.now())


def title(sent: archive.Sent, settings: NewsletterSettings) -> str:
    """Return an issue's headline; its subject where no theme made one."""
    return sent.headline or sent.subject.removesuffix(f": {settings.title}")


def refuse_unnameable(*names: str) -> None:
    """Raise NoSuchIssue for what nothing of ours can be called."""
    if not all(_NAME.fullmatch(name) for name in names):
        raise NoSuchIssue("nothing is called that")
