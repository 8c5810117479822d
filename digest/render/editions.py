"""A recap rendered: subject, HTML and text, without anything of a reader's."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any
from urllib.parse import quote

from digest.identity import topic_key
from digest.model import Edition, Recap
from digest.model.colours import legible
from digest.model.settings import NewsletterSettings
from digest.render import fragments, languages
from digest.render.compiled import compiled
from digest.render.fit import Fit, fitted
from digest.render.plain import link, plain
from digest.render.shown import Shown, shown
from digest.render.templates import filled


def render(
    recap: Recap,
    *,
    newsletter: NewsletterSettings,
    newsletter_key: str,
    issue_key: str,
    number: int,
    public_url: str,
    templates: Sequence[Path],
    topics: Sequence[str] = (),
) -> Edition:
    """
    Return the edition of *recap*: the same input gives the same bytes.

    That of a topic set leads to the page of the same *topics*, for whoever opens it.

    What does not fit into `fit.BUDGET_BYTES` of HTML is shortened or left to the page in the
    browser; the edition's notes say so. TemplateError, with file and line, if a template
    cannot be rendered.
    """
    archive_url = f"{public_url.rstrip('/')}/issues/{newsletter_key}"
    urls = {
        "archive_url": archive_url,
        "web_url": f"{archive_url}/{issue_key}{f'?topics={topics_key(topics)}' if topics else ''}",
        "pictures_url": f"{public_url.rstrip('/')}/pictures/{newsletter_key}",
    }

    def rendered(fit: Fit) -> Edition:
        issue = shown(recap, newsletter, number, fit, issue_key=issue_key)
        return _rendered(recap, issue, newsletter, urls, templates, fit)

    return fitted(rendered, recap, newsletter.look.layout)


def topics_key(topics: Iterable[str]) -> str:
    """Return what an address calls a set of topics: the same in any order and spelling."""
    return ",".join(sorted({quote(topic_key(topic)) for topic in topics}))


def _rendered(
    recap: Recap,
    issue: Shown,
    newsletter: NewsletterSettings,
    urls: dict[str, str],
    templates: Sequence[Path],
    fit: Fit,
) -> Edition:
    seal = _seal(recap)
    values = _values(issue, newsletter, urls, seal)
    subject = plain(filled(templates, "mail/recap/subject.txt", values))
    text = filled(templates, "mail/recap/body.txt", values)
    mjml = filled(templates, "mail/recap/body.mjml", values)
    html = compiled(mjml, file="mail/recap/body.mjml")
    html, text = _marked(html, seal), tidy(_marked(text, seal))
    return Edition(
        subject=subject,
        html=html,
        text=text,
        digest=fingerprint(subject, html, text),
        notes=(*issue.notes, *fit.notes(newsletter.look.layout)),
    )


def _values(
    issue: Shown, newsletter: NewsletterSettings, urls: dict[str, str], seal: str
) -> dict[str, Any]:
    its = newsletter.look
    return {
        "issue": issue,
        **urls,
        "logo": _address(its.logo, f"{urls['pictures_url']}/logo"),
        "header": _address(its.header, f"{urls['pictures_url']}/header"),
        "slots": {name: f"slot{seal}{name}{seal}" for name in fragments.SLOTS},
        "part": lambda name: f"part{seal}{_word(name)}{seal}",
        **look(newsletter),
    }


def _address(picture: str | None, ours: str) -> str | None:
    """Return where readers find a picture of the newsletter's own: there, or at *ours*."""
    if picture is None or re.match("https?:", picture):
        return link(picture)
    return link(ours)


def _word(name: str) -> str:
    """Return *name* as a comment can hold it: two dashes in a row would end one."""
    return re.sub("[^a-z0-9]+", "-", name.lower()).strip("-") or "part"


def look(newsletter: NewsletterSettings) -> dict[str, Any]:
    """Return what every mail of the newsletter shares: its words, colours, fonts and footer."""
    its = newsletter.look
    words = languages.words(newsletter.language)
    direction = languages.direction(newsletter.language)
    # A letter has no card to stand on.
    on_paper = {"ground": its.light.paper, "ground_dark": its.dark.paper}
    return {
        "newsletter": {
            "title": plain(newsletter.title),
            "language": plain(newsletter.language),
            "direction": direction,
            "postal_address": plain(newsletter.postal_address),
            "notice": plain(newsletter.notice),
            "footer": plain(its.footer),
            "counts_links": newsletter.count_links,
            "layout": its.layout,
        },
        "_": words.gettext,
        "ngettext": words.ngettext,
        "start": "right" if direction == "rtl" else "left",
        "end": "left" if direction == "rtl" else "right",
        # Spaced letters are torn apart where a script joins them.
        "spacing": "0" if direction == "rtl" else "1px",
        "fonts": languages.fonts(newsletter.language, its.fonts),
        "light": its.light,
        "dark": its.dark,
        "ground": its.light.ground,
        "ground_dark": its.dark.ground,
        **(on_paper if its.layout == "text" else {}),
        "accent": its.light.accent or its.accent,
        "accent_dark": its.dark.accent or legible(its.accent, its.dark.paper),
    }


def _seal(recap: Recap) -> str:
    """Return letters that the recap cannot contain, being made from all of it."""
    return hashlib.sha256(repr(recap).encode("utf-8", "backslashreplace")).hexdigest()[:24]


def _marked(text: str, seal: str) -> str:
    """Put marks where *seal* is, which went through MJML and premailer as mere letters."""
    text = re.sub(
        rf"(?:<!--)?part{seal}([a-z0-9-]+?){seal}(?:-->)?", lambda at: fragments.part(at[1]), text
    )
    return re.sub(rf"slot{seal}([a-z_]+?){seal}", lambda at: fragments.slot(at[1]), text)


def tidy(text: str) -> str:
    """Return *text* without space at line ends and with one blank line at most in a row."""
    # "-- " on a line of its own is the signature's mark, and its space is part of it.
    kept = (
        line if fragments.unmarked(line) == "-- " else line.rstrip()
        for line in text.strip("\n").split("\n")
    )
    return re.sub(r"\n{3,}", "\n\n", "\n".join(kept)) + "\n"


def fingerprint(subject: str, html: str, text: str) -> str:
    """Return what an approval approves: the SHA-256 over an edition's parts, in hexadecimal."""
    over = hashlib.sha256()
    for part in (subject, html, text):
        body = part.encode()
        # The length before each part: words cannot move from one to the next unnoticed.
        over.update(len(body).to_bytes(8, "big") + body)
    return over.hexdigest()


def web(edition: Edition) -> str:
    """Return the public page: the mail's HTML without the parts that only a reader's has."""
    public = "".join(
        content
        for name, content in fragments.parts(edition.html)
        if not name.startswith(fragments.MAIL_ONLY)
    )
    return fragments.filled(public, dict.fromkeys(fragments.SLOTS, ""), escape=True)


#: The values of a reader who does not exist.
EXAMPLE = {
    name: f"https://example.org/{name.removesuffix('_url')}/example" for name in fragments.SLOTS
}


def sample(edition: Edition) -> tuple[str, str]:
    """Return HTML and text as a reader would get them, with a reader who does not exist."""
    return (
        fragments.filled(fragments.in_mail(edition.html), EXAMPLE, escape=True),
        fragments.filled(fragments.in_mail(edition.text), EXAMPLE, escape=False),
    )
