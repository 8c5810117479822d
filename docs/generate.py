"""
Write docs/reference from the code: the commands with their options, the keys of config.yaml.

    python docs/generate.py          writes the pages
    python docs/generate.py --check  exit 1 and a line for each page that is not up to date
"""

from __future__ import annotations

import ast
import inspect
import re
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any, get_args

REFERENCE = Path(__file__).parent / "reference"
MADE = "<!-- Made by docs/generate.py from the code; edit the code. -->\n"


def main(arguments: list[str]) -> int:
    pages = {"commands.md": commands(), "config.md": config()}
    stale = [name for name, text in pages.items() if _now(REFERENCE / name) != text]
    if "--check" in arguments:
        for name in stale:
            sys.stderr.write(f"docs/reference/{name} is not up to date: run make reference\n")
        return 1 if stale else 0
    for name in stale:
        (REFERENCE / name).write_text(pages[name], encoding="utf-8")
    return 0


def _now(path: Path) -> str:
    return path.read_text(encoding="utf-8") if path.exists() else ""


# --- commands -----------------------------------------------------------------------------


def commands() -> str:
    """Return the page of all commands, in the order of `digest --help`."""
    from digest import cli

    parts = [
        "# Commands\n",
        MADE,
        "Exit codes: 0 done; 1 the thing asked for did not happen, with a line that says why and"
        " what to do; 2 the words are wrong.",
        "`digest --config FILE …` names another config.yaml;"
        " DIGEST_TRACE=1 shows where an error came from.\n",
    ]
    for name in cli.DOORS:
        parts += _command(cli.load(name), f"digest {name}")
    return "\n".join(parts)


def _command(command: Any, words: str) -> Iterator[str]:
    nested = getattr(command, "commands", None)
    level = "##" if words.count(" ") == 1 else "###"
    usage = words + "".join(f" {_metavar(p)}" for p in command.params if _is_argument(p))
    yield f"{level} {usage}\n"
    if nested:
        from digest import cli

        yield cli.GROUPS[command.name] + "\n"
        for name, each in nested.items():
            yield from _command(each, f"{words} {name}")
        return
    yield _prose(command.help or command.callback.__doc__ or "")
    options = [p for p in command.params if not _is_argument(p) and p.name != "help"]
    if options:
        yield "| option | meaning |\n| --- | --- |"
        yield "\n".join(
            f"| `{' / '.join([*p.opts, *p.secondary_opts])}` | {_cell(p.help)} |" for p in options
        )
        yield ""


def _is_argument(parameter: Any) -> bool:
    return bool(parameter.param_type_name == "argument")


def _metavar(parameter: Any) -> str:
    name = (parameter.metavar or parameter.name or "").upper()
    return name if parameter.required else f"[{name}]"


def _prose(text: str) -> str:
    text = inspect.cleandoc(text).replace("\b", "")
    return re.sub(r"Example: (.+)", r"Example: `\1`", text) + "\n"


def _cell(text: str | None) -> str:
    return (text or "").replace("|", "\\|").replace("\n", " ")


# --- config -------------------------------------------------------------------------------


def config() -> str:
    """Return the page of all keys of config.yaml, in the order of the settings' classes."""
    from digest.config import VARIABLES
    from digest.model import settings

    remarks = _remarks(Path(settings.__file__).read_text(encoding="utf-8"))
    parts = [
        "# config.yaml\n",
        MADE,
        "Durations are a number and a unit (`15m`, `10d`); wall times a weekday and a time"
        " (`friday 06:00`), read on the newsletter's clock.",
        "An unknown key is an error that names file, line and key.\n",
    ]
    parts += _keys(settings.Settings, "", remarks, level=2, title="At the top")
    parts += ["## Environment\n", "| variable | lies over |", "| --- | --- |"]
    parts += [f"| `{name}` | {_over(place)} |" for name, place in VARIABLES.items()]
    parts += ["", "They come from the process or from `.env` beside config.yaml.", ""]
    return "\n".join(parts)


def _over(place: Any) -> str:
    return "`" + ".".join(place if isinstance(place, tuple | list) else [str(place)]) + "`"


def _keys(
    model: Any, prefix: str, remarks: dict[tuple[str, str], str], *, level: int, title: str
) -> Iterator[str]:
    yield f"{'#' * level} {title}\n"
    if model.__doc__ and not model.__doc__.startswith(("Usage", "!!!")):
        yield inspect.cleandoc(model.__doc__).split("\n\n")[0].replace("\n", " ") + "\n"
    yield "| key | default | meaning |\n| --- | --- | --- |"
    below = []
    for name, field in model.model_fields.items():
        if field.exclude:
            continue
        key = field.alias or name
        yield f"| `{prefix}{key}` | {_default(field)} | {_meaning(model, name, remarks)} |"
        below += [(f"{prefix}{key}", inner) for inner in _models(field.annotation)]
    yield ""
    for key, inner in below:
        mapped = "newsletters" in key and inner.__name__ == "NewsletterSettings"
        start = "newsletters.KEY." if mapped else f"{key}."
        yield from _keys(inner, start, remarks, level=3, title=f"`{start.rstrip('.')}`")


def _default(field: Any) -> str:
    if field.is_required():
        return "required"
    value = field.default
    if value is None or value in ((), "", {}):
        return "none"
    shown = getattr(value, "model_dump", None)
    if shown and type(value).__name__ != "Weekly":
        return "see below"
    return f"`{_written(value)}`"


def _written(value: Any) -> str:
    from datetime import timedelta

    if isinstance(value, timedelta):
        seconds = int(value.total_seconds())
        for unit, size in {"d": 86400, "h": 3600, "m": 60}.items():
            if seconds % size == 0:
                return f"{seconds // size}{unit}"
        return f"{seconds}s"
    if isinstance(value, tuple):
        return "[" + ", ".join(_written(each) for each in value) + "]"
    if isinstance(value, dict):
        return "{" + ", ".join(f"{k}: {_written(v)}" for k, v in value.items()) + "}"
    return str(value).lower() if isinstance(value, bool) else str(value)


def _models(annotation: Any) -> Iterator[Any]:
    from pydantic import BaseModel

    if inspect.isclass(annotation) and issubclass(annotation, BaseModel):
        if annotation.__name__ != "Weekly":
            yield annotation
        return
    for inner in get_args(annotation):
        yield from _models(inner)


def _meaning(model: Any, name: str, remarks: dict[tuple[str, str], str]) -> str:
    field = model.model_fields[name]
    said = field.description or remarks.get((model.__name__, name), "")
    choices = [a for a in get_args(field.annotation) if isinstance(a, str)]
    allowed = "One of " + ", ".join(f"`{c}`" for c in choices) + "." if choices else ""
    return _cell(" ".join(part for part in (allowed, said) if part)).replace("``", "`")


def _remarks(source: str) -> dict[tuple[str, str], str]:
    """Return the `#:` remarks before a class's fields: {(class, field): text}."""
    lines = source.splitlines()
    found = {}
    for node in ast.parse(source).body:
        if not isinstance(node, ast.ClassDef):
            continue
        for each in node.body:
            if isinstance(each, ast.AnnAssign) and isinstance(each.target, ast.Name):
                found[node.name, each.target.id] = _above(lines, each.lineno - 1)
    return found


def _above(lines: list[str], index: int) -> str:
    said: list[str] = []
    while index and lines[index - 1].strip().startswith("#:"):
        index -= 1
        said.insert(0, lines[index].strip()[2:].strip())
    return " ".join(said)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
