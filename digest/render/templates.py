"""The templates' language: Jinja2 with our filters; every fault names file and line."""

from __future__ import annotations

import hashlib
import re
import traceback
import unicodedata
from collections.abc import Mapping, Sequence
from datetime import date, datetime
from functools import lru_cache
from pathlib import Path
from typing import Any

import jinja2
from markupsafe import Markup

from digest.errors import TemplateError
from digest.render import dates, languages

#: RFC 5322, 2.1.1: a line should have no more.
COLUMNS = 78


def environment(templates: Sequence[Path]) -> jinja2.Environment:
    """Return the environment over these folders, the first before the others; kept warm."""
    return _environment(tuple(str(folder) for folder in templates))


@lru_cache(maxsize=8)
def _environment(folders: tuple[str, ...]) -> jinja2.Environment:
    made = jinja2.Environment(
        loader=jinja2.FileSystemLoader(folders),
        autoescape=lambda name: bool(name) and not str(name).endswith(".txt"),  # noqa: S701
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=False,
    )
    made.filters |= {"wrap": wrapped, "short_day": _short_day, "moment": _moment}
    made.filters["number"] = _number
    made.globals["safe_html"] = Markup
    return made


@jinja2.pass_context
def _short_day(context: jinja2.runtime.Context, day: date) -> str:
    return dates.short(day, context["newsletter"]["language"])


@jinja2.pass_context
def _moment(context: jinja2.runtime.Context, at: datetime) -> str:
    return dates.moment(at, language=context["newsletter"]["language"])


@jinja2.pass_context
def _number(context: jinja2.runtime.Context, count: int) -> str:
    from babel.numbers import format_decimal

    return format_decimal(count, locale=languages.locale(context["newsletter"]["language"]))


def seal(templates: Sequence[Path]) -> str:
    """Return a hash of everything that the recap's mail is made of, in each of the folders."""
    over = hashlib.sha256()
    for folder in templates:
        for part in ("mail/recap", "mail/parts"):
            for file in sorted((folder / part).glob("*")):
                over.update(f"{part}/{file.name}\0".encode() + file.read_bytes() + b"\0")
    return over.hexdigest()


def filled(templates: Sequence[Path], name: str, values: Mapping[str, Any]) -> str:
    """Return the template *name* (``mail/recap/body.mjml``) with *values*; TemplateError."""
    try:
        return environment(templates).get_template(name).render(values)
    except jinja2.TemplateNotFound as e:
        raise TemplateError(
            f"there is no template {e.name}",
            remedy=f"It is looked for in: {', '.join(str(folder) for folder in templates)}.",
        ) from e
    except jinja2.TemplateSyntaxError as e:
        raise TemplateError(
            e.message or "cannot be read", file=e.filename or e.name or name, line=e.lineno
        ) from e
    except Exception as e:
        file, line = _place(e, templates, name)
        raise TemplateError(
            str(e), file=file, line=line, remedy="Run: digest templates check"
        ) from e


def _place(error: Exception, templates: Sequence[Path], name: str) -> tuple[str, int | None]:
    """Return file and line of the template in which *error* was raised."""
    folders = [str(folder) for folder in templates]
    for frame in reversed(traceback.extract_tb(error.__traceback__)):
        if any(frame.filename.startswith(folder) for folder in folders):
            return frame.filename, frame.lineno
    return name, None


#: What no line of a script without spaces may begin with.
_STAYS = "、。，．・：；？！）」』】》〉〕〗’”ー々"
_WITHOUT_SPACES = "\u2e80-\u30ff\u3400-\u9fff\uf900-\ufaff\uff00-\uffef"
#: A character of such a script with what must follow it, or a word of others between them.
_UNIT = re.compile(f"[{_WITHOUT_SPACES}][{_STAYS}]*|[^{_WITHOUT_SPACES}]+")


def wrapped(text: str, width: int = COLUMNS, indent: str = "") -> str:
    """
    Return *text* in lines of at most *width* columns, broken between words: URLs stay whole.

    Chinese and Japanese, which have no spaces, break between characters; each takes two
    columns.
    """
    lines: list[str] = []
    line, used = indent, len(indent)
    empty = True
    for word in text.split():
        for at, unit in enumerate(_UNIT.findall(word)):
            space = "" if empty or at else " "
            room = columns(space + unit)
            if not empty and used + room > width:
                lines.append(line)
                line, used, space = " " * len(indent), len(indent), ""
                room = columns(unit)
            line, used, empty = line + space + unit, used + room, False
    return "\n".join([*lines, line] if not empty else lines)


def columns(text: str) -> int:
    """Return how many columns of a terminal *text* takes."""
    if text.isascii():
        return len(text)
    return sum(
        0 if unicodedata.combining(c) else 2 if unicodedata.east_asian_width(c) in "WF" else 1
        for c in text
    )
