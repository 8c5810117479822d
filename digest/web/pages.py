"""What every page is made with: the database, the settings of this moment, the templates."""

from __future__ import annotations

import re
from collections.abc import Callable
from datetime import datetime
from functools import lru_cache
from pathlib import Path
from typing import Any

from jinja2 import Environment, FileSystemLoader, StrictUndefined
from markupsafe import Markup, escape
from starlette.responses import HTMLResponse

from digest import packaged
from digest.config import Loaded
from digest.model.settings import Look, NewsletterSettings
from digest.render import languages
from digest.render.languages import Translated
from digest.render.plain import link as safe_link
from digest.store import Database
from digest.web import words
from digest.web.guard import path_of


class Pages:
    """Makes pages. *loaded* is asked for each one, because the configuration reloads live."""

    def __init__(
        self, database: Database, loaded: Callable[[], Loaded], clock: Callable[[], datetime]
    ) -> None:
        self.database = database
        self._loaded = loaded
        self.now = clock

    @property
    def loaded(self) -> Loaded:
        return self._loaded()

    @property
    def prefix(self) -> str:
        """The path that every link of ours begins with; "" where `public_url` has none."""
        return path_of(self.loaded.settings.public_url)

    def newsletter(self, key: str) -> NewsletterSettings | None:
        return self.loaded.settings.newsletters.get(key)

    def title(self, key: str) -> str:
        """Return the newsletter's title; its key where the configuration no longer has it."""
        settings = self.newsletter(key)
        return settings.title if settings else key

    def page(
        self,
        template: str,
        *,
        newsletter: str = "",
        status: int = 200,
        headers: dict[str, str] | None = None,
        **values: Any,
    ) -> HTMLResponse:
        """Return the page of *template*, in the colours of *newsletter*, in its words' language."""
        body = self.fragment(template, newsletter=newsletter, **values)
        return HTMLResponse(body, status_code=status, headers=headers)

    def spoken(self, newsletter: str, language: str | None = None) -> Translated:
        """Return the words for a reader of *newsletter* who asked for *language*, if for any."""
        settings = self.newsletter(newsletter)
        return spoken(language, settings.language if settings else None)

    def fragment(
        self, template: str, *, newsletter: str = "", language: str | None = None, **values: Any
    ) -> str:
        """Return what *template* makes of *values*, as HTML."""
        settings = self.newsletter(newsletter)
        words = self.spoken(newsletter, language)
        return self.templates.get_template(template).render(
            prefix=self.prefix,
            accent=(settings.look if settings else Look()).accent.removeprefix("#").lower(),
            newsletter=newsletter,
            newsletter_title=self.title(newsletter) if newsletter else "Weekly Recap",
            language=words.tag,
            direction=languages.direction(words.tag),
            _=words.gettext,
            ngettext=words.ngettext,
            **values,
        )

    @property
    def templates(self) -> Environment:
        return _environment(packaged.templates(self.loaded.folder))


def spoken(*tags: str | None) -> Translated:
    """Return the words of the first language that readers' pages have; else English ones."""
    return languages.words(next((tag for tag in tags if tag and languages.has_pages(tag)), "en"))


@lru_cache(maxsize=4)
def _environment(folders: tuple[Path, ...]) -> Environment:
    environment = Environment(
        loader=FileSystemLoader([folder / "web" for folder in folders]),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters |= {
        "coded": _coded,
        "count": words.count,
        "counting": _counting,
        "date": words.date,
        "day": words.day,
        "distance": words.distance,
        "hour": words.hour,
        "invariant": words.invariant,
        "kilobytes": words.kilobytes,
        "lasted": words.lasted,
        "moment": words.moment,
        "percent": words.percent,
        "place": words.place,
        "quoted": words.quoted,
        "rate": words.rate,
        "safe_link": safe_link,
        "sentence": words.sentence,
        "short": words.short,
        "span": words.span,
        "stretch": words.stretch,
        "without_secret": words.without_secret,
    }
    return environment


def _coded(text: str) -> Markup:
    """Return *text* for HTML, with what stands between backticks as code."""
    return Markup(re.sub("`([^`]+)`", r"<code>\1</code>", str(escape(text))))  # noqa: S704 - escaped


def _counting(text: str, at: datetime, now: datetime) -> Markup:
    """Return *text* for HTML, its words for the time until *at* marked to be kept true."""
    left = str(escape(words.distance(at - now)))
    clock = f'<time datetime="{at.isoformat()}" data-countdown>{left}</time>'
    return Markup(str(escape(text)).replace(left, clock, 1))  # noqa: S704 - escaped


def told(
    pages: Pages, status: int, *, newsletter: str = "", language: str | None = None, **said: Any
) -> HTMLResponse:
    """
    Return the page that says what did not happen: *title*, *text* and what to do next.

    They are in English, or in the words of `Pages.spoken` for *newsletter* and *language*.
    """
    facts = {"title": "", "text": "", "remedy": "", "reference": "", "home": ""}
    headers = {"x-robots-tag": "noindex"}
    return pages.page(
        "told.html",
        newsletter=newsletter,
        language=language,
        status=status,
        headers=headers,
        **(facts | said),
    )
