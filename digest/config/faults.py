"""What pydantic found wrong, told with file, line, key, what is allowed, and the nearest match."""

from __future__ import annotations

from collections.abc import Mapping
from difflib import get_close_matches
from types import UnionType
from typing import Annotated, Any, Union, get_args, get_origin
from zoneinfo import available_timezones

from pydantic import BaseModel, ValidationError
from pydantic_core import ErrorDetails

from digest import conditions
from digest.config.document import Document, key_name
from digest.config.environment import SECRETS, VARIABLES, Given
from digest.errors import ConditionError, ConfigError
from digest.model.settings import Settings

_Path = tuple[str | int, ...]
#: Settings whose value is never repeated in an error: a database's address may hold a password.
_SECRET = {*SECRETS.values(), ("database",)}
_SECRET_KEYS = {place[-1] for place in SECRETS.values()}


def told(
    error: ValidationError,
    document: Document,
    file: str,
    given: Mapping[str, Given],
    *,
    of: type[BaseModel] = Settings,
) -> list[ConfigError]:
    """Return one ConfigError for each thing wrong in what should be an *of*."""
    return [
        _told(detail, document, file, given, of)
        for detail in error.errors(include_url=False, include_context=True)
    ]


def _told(
    detail: ErrorDetails,
    document: Document,
    file: str,
    given: Mapping[str, Given],
    of: type[BaseModel],
) -> ConfigError:
    path = _existing(detail["loc"], document.values)
    for name, target in VARIABLES.items():
        if name in given and target == detail["loc"]:
            place = given[name].file or "environment"
            return ConfigError(sentence(detail, of), file=place, line=given[name].line, key=name)
    if detail["type"] in ("missing", "extra_forbidden"):
        path = (*path, *detail["loc"][len(path) :])
    return ConfigError(
        sentence(detail, of), file=file, line=_line(path, document), key=key_name(path)
    )


def in_conditions(settings: Settings, document: Document, file: str) -> list[ConfigError]:
    """Return one ConfigError for each condition on readers that cannot be read."""
    found = []
    for key, newsletter in settings.newsletters.items():
        told: dict[_Path, str] = {
            ("segments", name): text for name, text in newsletter.segments.items()
        }
        if newsletter.only is not None:
            told[("only",)] = newsletter.only
        for path, text in told.items():
            try:
                conditions.parse(text, newsletter.segments)
            except ConditionError as e:
                where: _Path = ("newsletters", key, *path)
                line = _line(where, document)
                shown = "\n".join(("", *e.shown))
                found.append(ConfigError(f"{e}{shown}", file=file, line=line, key=key_name(where)))
    return found


def _existing(loc: _Path, values: Any) -> _Path:
    """Return the part of *loc* that is in the file; pydantic adds tags of its own to it."""
    path: list[str | int] = []
    for part in loc:
        try:
            values = values[part]
        except (KeyError, IndexError, TypeError):
            break
        path.append(part)
    return tuple(path)


def _line(path: _Path, document: Document) -> int:
    while path and path not in document.lines:
        path = path[:-1]
    return document.lines.get(path, 1)


def sentence(detail: ErrorDetails, of: type[BaseModel] = Settings) -> str:
    """Return what is wrong with one value: what is allowed, what was given, what is near."""
    shown = "" if tuple(detail["loc"]) in _SECRET else f", not {_shown(detail['input'])}"
    context = detail.get("ctx", {})
    match detail["type"]:
        case "extra_forbidden":
            return _unknown(detail["loc"], of)
        case "missing":
            return "is missing, and has no default"
        case _ if detail["input"] is None:
            return "has no value (a # begins a comment unless it stands in quotes)"
        case "literal_error":
            return _one_of(context["expected"].replace("'", "").replace(" or ", ", "), detail)
        case "zone":
            return detail["msg"] + _near(str(detail["input"]), available_timezones())
        case "value_error":
            return str(context["error"])
        case "greater_than_equal":
            return f"must be at least {context['ge']}{shown}"
        case "less_than_equal":
            return f"must be at most {context['le']}{shown}"
        case "greater_than":
            return f"must be more than {context['gt']}{shown}"
    return _wrong_type(detail, shown)


def _too_short(letters: int | None) -> str:
    return "must not be empty" if letters == 1 else f"must have at least {letters} letters"


def _wrong_type(detail: ErrorDetails, shown: str) -> str:
    kind = detail["type"]
    for sign, words in (
        ("string_too_short", _too_short(detail.get("ctx", {}).get("min_length"))),
        ("string_too_long", f"must have at most {detail.get('ctx', {}).get('max_length')} letters"),
        ("too_short", "must have at least one entry"),
        ("string", f"must be text{shown}"),
        ("int", f"must be a whole number{shown}"),
        ("float", f"must be a number{shown}"),
        ("finite", f"must be a number{shown}"),
        ("bool", f"must be true or false{shown}"),
        ("date", f"must be a day like 2026-05-31{shown}"),
        ("tuple", f"must be a list, each item after a dash{shown}"),
        ("dict", f"must be keys with values{shown}"),
        ("model", f"must be keys with values{shown}"),
    ):
        if kind.startswith(sign):
            return words
    return detail["msg"]


def _shown(value: Any) -> str:
    if isinstance(value, dict):
        return "keys with values"
    if isinstance(value, list):
        return "a list"
    text = str(value)
    return repr(text if len(text) <= 60 else text[:59] + "…")


def _one_of(allowed: str, detail: ErrorDetails) -> str:
    return f"must be one of {allowed}, not {_shown(detail['input'])}" + _near(
        str(detail["input"]), allowed.split(", ")
    )


def _unknown(loc: _Path, of: type[BaseModel]) -> str:
    allowed = _allowed(loc[:-1], of)
    near = _near(str(loc[-1]), allowed)
    return f"unknown key{near}" if near else f"unknown key; allowed: {', '.join(allowed)}"


def _near(word: str, words: Any) -> str:
    by_lower = {known.lower(): known for known in sorted(words)}
    near = get_close_matches(word.lower(), by_lower, n=1, cutoff=0.6)
    return f"; did you mean `{by_lower[near[0]]}`?" if near else ""


def _allowed(loc: _Path, of: type[BaseModel]) -> list[str]:
    """Return the keys that may stand at *loc*, found along the types of the settings."""
    annotation: Any = of
    for part in loc:
        annotation = _plain(annotation)
        if _is_model(annotation):
            fields = {field.alias or name: field for name, field in annotation.model_fields.items()}
            annotation = fields[str(part)].annotation
        elif get_origin(annotation) is dict:
            annotation = get_args(annotation)[1]
        else:
            annotation = get_args(annotation)[0]
    annotation = _plain(annotation)
    if not _is_model(annotation):
        return []
    return [
        field.alias or name
        for name, field in annotation.model_fields.items()
        if name not in _SECRET_KEYS
    ]


def _plain(annotation: Any) -> Any:
    """Return *annotation* without Annotated and None."""
    while get_origin(annotation) in (Annotated, Union, UnionType):
        told = [one for one in get_args(annotation) if one is not type(None)]
        annotation = next((one for one in told if _is_model(one)), told[0])
    return annotation


def _is_model(annotation: Any) -> bool:
    return isinstance(annotation, type) and issubclass(annotation, BaseModel)
