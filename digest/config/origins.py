"""Where each value in force comes from: a default, a line of config.yaml, or the environment."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import time, timedelta
from enum import StrEnum
from pathlib import Path
from typing import Any

from pydantic import BaseModel

from digest.config.document import Document, key_name
from digest.config.environment import SECRETS, VARIABLES, Given
from digest.model.settings import Recurrence, Settings

_Path = tuple[str | int, ...]


class Origin(StrEnum):
    """What a value came by."""

    DEFAULT = "default"
    FILE = "config.yaml"
    ENVIRONMENT = "environment"


@dataclass(frozen=True, slots=True, kw_only=True)
class Setting:
    """One value in force."""

    #: As a person writes it: ``newsletters.weekly.items.max``.
    key: str
    #: In words; a secret is only said to be set.
    value: str
    origin: Origin
    #: ``config.yaml, line 12``, ``.env, line 3``, ``SMTP_HOST``; "" for a default.
    place: str


def origins(
    settings: Settings, document: Document, given: Mapping[str, Given]
) -> tuple[Setting, ...]:
    """
    Return every value of *settings* with where it comes from, in the order of the keys.

    *document* is the file that they were read from, *given* the variables over it. Secrets
    are masked, and so are passwords within addresses.
    """
    variables: dict[_Path, tuple[str, Given]] = {
        VARIABLES[name]: (name, found) for name, found in given.items()
    }
    return tuple(_settings(settings, (), document, variables))


def _settings(
    model: BaseModel,
    above: _Path,
    document: Document,
    variables: Mapping[_Path, tuple[str, Given]],
) -> Iterator[Setting]:
    for name, field in type(model).model_fields.items():
        path = (*above, field.alias or name)
        value = getattr(model, name)
        inner = list(_within(value, path))
        for each, place in inner:
            yield from _settings(each, place, document, variables)
        if not inner:
            is_default = not field.is_required() and value == field.get_default(
                call_default_factory=True
            )
            yield _setting(path, value, document, variables, is_default, bool(field.exclude))


def _within(value: Any, path: _Path) -> Iterator[tuple[BaseModel, _Path]]:
    """Yield the settings that *value* holds, each with its place; nothing for a plain one."""
    match value:
        case Recurrence():
            return  # written in one line, and told in one
        case BaseModel():
            yield value, path
        case dict():
            for key, each in value.items():
                yield from _within(each, (*path, key))
        case tuple() | list():
            for number, each in enumerate(value):
                yield from _within(each, (*path, number))


def _setting(
    path: _Path,
    value: Any,
    document: Document,
    variables: Mapping[_Path, tuple[str, Given]],
    is_default: bool,
    is_secret: bool,
) -> Setting:
    said = _masked(value) if is_secret or path in SECRETS.values() else _said(path, value)
    if path in variables:
        name, found = variables[path]
        where = f"{name} in {Path(found.file).name}, line {found.line}" if found.file else name
        return Setting(key=key_name(path), value=said, origin=Origin.ENVIRONMENT, place=where)
    line = _line(path, document, is_default)
    if line is None:
        origin, place = (Origin.DEFAULT, "") if is_default else (Origin.FILE, "config.yaml")
    else:
        origin, place = Origin.FILE, f"config.yaml, line {line}"
    return Setting(key=key_name(path), value=said, origin=origin, place=place)


def _line(path: _Path, document: Document, is_default: bool) -> int | None:
    """
    Return the line that says the value; None where the file says nothing of it.

    One line may say several values: ``limit: 14/s, 50000/day``, or a feed by its address
    alone. Of those, what is as the default is a default.
    """
    if path in document.lines:
        return document.lines[path]
    for end in range(len(path) - 1, 0, -1):
        if path[:end] in document.lines:
            is_short = not isinstance(_at(document.values, path[:end]), dict)
            return document.lines[path[:end]] if is_short and not is_default else None
    return None


def _at(values: Any, path: _Path) -> Any:
    for part in path:
        try:
            values = values[part]
        except (KeyError, IndexError, TypeError):
            return None
    return values


#: User and password of a web address or a database's.
_CREDENTIALS = re.compile(r"(?<=//)[^/?#\s]*@")


def _masked(value: Any) -> str:
    return "set, and not shown" if value else "not set"


def _said(path: _Path, value: Any) -> str:
    said = _CREDENTIALS.sub("", _words(value))
    if path[0] == "webhooks" and path[-1] == "url":
        # Such addresses are often secrets as a whole.
        return f"{'/'.join(said.split('/')[:3])}/…"
    return said


def _words(value: Any) -> str:
    match value:
        case None | "" | () | [] | {}:
            return "none"
        case time():
            return f"{value:%H:%M}"
        case bool():
            return "yes" if value else "no"
        case timedelta():
            return _span(value)
        case tuple() | list() | set() | frozenset():
            return ", ".join(_words(each) for each in value)
        case dict():
            return ", ".join(f"{key}: {_words(each)}" for key, each in value.items())
    return str(value)


def _span(length: timedelta) -> str:
    """Return a duration as config.yaml has it: ``10d``, ``90m``."""
    seconds = int(length.total_seconds())
    for unit, size in (("d", 86400), ("h", 3600), ("m", 60)):
        if seconds and seconds % size == 0:
            return f"{seconds // size}{unit}"
    return f"{seconds}s"
