"""Small mails, one to one: confirmations, and what editors are told."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

from digest.model.settings import NewsletterSettings
from digest.render.compiled import compiled
from digest.render.editions import look, tidy
from digest.render.plain import plain
from digest.render.templates import filled


@dataclass(frozen=True, slots=True)
class Notice:
    """A small mail, ready for the outbox."""

    subject: str
    html: str
    text: str


def notice(
    name: str,
    values: Mapping[str, Any],
    *,
    newsletter: NewsletterSettings,
    public_url: str,
    templates: Sequence[Path],
) -> Notice:
    """
    Return the small mail *name* (a folder of ``templates/mail``) with *values*.

    Strings among the values are cleaned like everything from outside; instants are shown
    in the newsletter's zone. TemplateError for an unknown name or a value it lacks.
    """
    said = _cleaned(values, newsletter) | look(newsletter) | {"public_url": public_url}
    folder = f"mail/{name}"
    mjml = filled(templates, f"{folder}/body.mjml", said)
    return Notice(
        subject=plain(filled(templates, f"{folder}/subject.txt", said)),
        html=compiled(mjml, file=f"{folder}/body.mjml"),
        text=tidy(filled(templates, f"{folder}/body.txt", said)),
    )


def _cleaned(values: Mapping[str, Any], newsletter: NewsletterSettings) -> dict[str, Any]:
    def clean(value: Any) -> Any:
        match value:
            case str():
                return plain(value)
            case datetime():
                return value.astimezone(newsletter.zone)
            case list() | tuple():
                return [clean(each) for each in value]
        return value

    return {name: clean(value) for name, value in values.items()}
