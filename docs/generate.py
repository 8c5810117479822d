"""
Write docs/reference from the code: the commands with their options, the keys of config.yaml,
what answers of mail servers mean.

    python docs/generate.py          writes the pages
    python docs/generate.py --check  exit 1 and a line for each page that is not up to date
"""

from __future__ import annotations

import ast
import inspect
import re
import sys
import textwrap
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType
from typing import Any, get_args, get_origin

REFERENCE = Path(__file__).parent / "reference"
MADE = "<!-- Made by docs/generate.py from the code; edit the code. -->\n"


def main(arguments: list[str]) -> int:
    # The code beside this file, whichever is installed.
    sys.path.insert(0, str(REFERENCE.parents[1]))
    pages = {"commands.md": commands(), "config.md": config(), "verdicts.md": verdicts()}
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
        " what to do; 2 the words are wrong; 130 stopped by you.",
        "`digest --config FILE …` names another config.yaml; without it, `DIGEST_CONFIG` does,"
        " else it is the one in this folder.",
        "`DIGEST_TRACE=1` shows where an error came from.\n",
    ]
    for name in cli.DOORS:
        parts += _command(cli.load(name), f"digest {name}")
    return "\n".join(parts).rstrip() + "\n"


def leaves(command: Any, words: str) -> Iterator[tuple[str, Any]]:
    """Yield every command below *command* that does something, with the words that call it."""
    below = getattr(command, "commands", None)
    if below is None:
        yield words, command
    for name, each in (below or {}).items():
        yield from leaves(each, f"{words} {name}")


def _command(command: Any, words: str) -> Iterator[str]:
    from digest import cli

    below = getattr(command, "commands", None)
    arguments = "".join(f" {_metavar(p)}" for p in command.params if _is_argument(p))
    yield f"{'##' if words.count(' ') == 1 else '###'} {words}{arguments}\n"
    if below is not None:
        yield cli.GROUPS.get(str(command.name), inspect.cleandoc(command.help or "")) + "\n"
        for name, each in below.items():
            yield from _command(each, f"{words} {name}")
        return
    yield _prose(command.help or "")
    told = [p for p in command.params if p.name != "help" and not getattr(p, "hidden", False)]
    if told:
        yield "| word | default | meaning |\n| --- | --- | --- |"
        yield "\n".join(f"| `{_word(p)}` | {_usual(p)} | {_cell(p.help)} |" for p in told) + "\n"


def _is_argument(parameter: Any) -> bool:
    return bool(parameter.param_type_name == "argument")


def _metavar(parameter: Any) -> str:
    name = (parameter.metavar or parameter.name or "").upper().strip("[]")
    return name if parameter.required else f"[{name}]"


def _word(parameter: Any) -> str:
    if _is_argument(parameter):
        return _metavar(parameter)
    value = "" if parameter.is_flag else f" {parameter.metavar or '…'}"
    return " / ".join([*parameter.opts, *parameter.secondary_opts]) + value


def _usual(parameter: Any) -> str:
    """Return the default where the help does not tell it already."""
    value = parameter.default
    if parameter.required:
        return "required"
    if value is True and parameter.secondary_opts:
        return f"`{parameter.opts[0]}`"
    return "" if value in (None, False, "", (), []) or callable(value) else f"`{value}`"


def _prose(text: str) -> str:
    """Return a help text as Markdown: its examples become blocks of code."""
    text = inspect.cleandoc(text.replace("\b", ""))
    paragraphs = [part for part in text.split("\n\n") if part.strip()]
    return "\n\n".join(_paragraph(part.strip("\n")) for part in paragraphs) + "\n"


def _paragraph(text: str) -> str:
    before, found, examples = text.partition("Example")
    if not found or ":" not in examples:
        return text
    lines = textwrap.dedent(examples.partition(":")[2].strip("\n")).splitlines()
    code = "\n".join(line.strip() if not line.startswith(" ") else line for line in lines)
    # An example that goes on in the next line is one command.
    code = re.sub(r"\n(?=\s)", " \\\\\n", code.strip())
    return f"{before.strip()}\n\n```\n{code}\n```".strip()


def _cell(text: str | None) -> str:
    return " ".join((text or "").split()).replace("|", "\\|")


# --- config -------------------------------------------------------------------------------


def config() -> str:
    """Return the page of all keys of config.yaml, in the order of the settings' classes."""
    from digest.config import VARIABLES
    from digest.model import settings

    remarks = said_above(settings)
    sample = (REFERENCE.parents[1] / "config.yaml").read_text(encoding="utf-8")
    parts = [
        "# config.yaml\n",
        MADE,
        "Durations are a number and a unit (`15m`, `10d`); wall times a weekday and a time"
        " (`friday 06:00`) or another way to recur (`last friday 06:00`), read on the"
        " newsletter's clock.",
        "An unknown key is an error that names file, line and key.",
        "`digest serve` reads the file again when it changes; a file with a mistake is not taken,"
        " and the old one stays in force.\n",
        "This is the sample, whole:\n",
        f"```yaml\n{sample.rstrip()}\n```\n",
    ]
    parts += _keys(settings.Settings, "", remarks, title="At the top")
    parts += ["## Environment\n", "| variable | lies over |", "| --- | --- |"]
    parts += [f"| `{name}` | {_over(place)} |" for name, place in VARIABLES.items()]
    parts += ["", "They come from the process or from `.env` beside config.yaml.", ""]
    return "\n".join(parts)


def _over(place: Any) -> str:
    return "`" + ".".join(place if isinstance(place, tuple | list) else [str(place)]) + "`"


def _keys(
    model: Any, prefix: str, remarks: dict[tuple[str, str], str], *, title: str
) -> Iterator[str]:
    yield f"## {title}\n"
    if model.__doc__ and not model.__doc__.startswith(("Usage", "!!!")):
        yield inspect.cleandoc(model.__doc__).split("\n\n")[0].replace("\n", " ") + "\n"
    yield "| key | default | meaning |\n| --- | --- | --- |"
    for name, field in model.model_fields.items():
        if not field.exclude:
            key = field.alias or name
            yield f"| `{key}` | {_default(field)} | {meaning(model, name, remarks)} |"
    yield ""
    for key, field, inner in _below(model):
        container = get_origin(field.annotation)
        place = f"{prefix}{key}" + (".KEY" if container is dict else "")
        each = "Each of " if container is tuple else ""
        yield from _keys(inner, f"{place}.", remarks, title=f"{each}`{place}`")


def _below(model: Any) -> Iterator[tuple[str, Any, Any]]:
    for name, field in model.model_fields.items():
        for inner in _models(field.annotation):
            yield field.alias or name, field, inner


def _default(field: Any) -> str:
    if field.is_required():
        return "required"
    value = field.default
    if value is None or value in ((), "", {}):
        return "none"
    from digest.model.settings import Recurrence

    shown = getattr(value, "model_dump", None)
    if shown and not isinstance(value, Recurrence):
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
    if isinstance(value, bool):
        return str(value).lower()
    return f'"{value}"' if str(value).startswith("#") else str(value)


def _models(annotation: Any) -> Iterator[Any]:
    from pydantic import BaseModel

    from digest.model.settings import Holiday, Recurrence

    if inspect.isclass(annotation) and issubclass(annotation, BaseModel):
        if not issubclass(annotation, Recurrence | Holiday):
            yield annotation
        return
    for inner in get_args(annotation):
        yield from _models(inner)


def meaning(model: Any, name: str, remarks: dict[tuple[str, str], str]) -> str:
    field = model.model_fields[name]
    said = field.description or remarks.get((model.__name__, name), "")
    choices = [a for a in get_args(field.annotation) if isinstance(a, str)]
    allowed = "One of " + ", ".join(f"`{c}`" for c in choices) + "." if choices else ""
    return _cell(" ".join(part for part in (allowed, said) if part)).replace("``", "`")


def said_above(package: ModuleType) -> dict[tuple[str, str], str]:
    """Return the `#:` remarks before the fields of a package's classes: {(class, field): text}."""
    found: dict[tuple[str, str], str] = {}
    for file in sorted(Path(package.__path__[0]).glob("*.py")):
        found |= _said_in(file.read_text(encoding="utf-8"))
    return found


def _said_in(source: str) -> dict[tuple[str, str], str]:
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


# --- verdicts -----------------------------------------------------------------------------


def verdicts() -> str:
    """Return the page of what a mail server's answer, or a bounce, means."""
    from digest import verdict
    from digest.model.settings import Retries

    tries = ", ".join(f"{wait.total_seconds() / 60:g}" for wait in Retries().after)
    parts = [
        "# What a mail server's answer means\n",
        MADE,
        "Of each table the first row that fits decides; a column left empty fits everything.",
        "`at` is where in the conversation the answer came: `mail` and before, `rcpt` (the"
        " reader is named), `data`, `content` (after the final dot).",
        "Codes are those of RFC 5321, enhanced codes those of RFC 3463 and RFC 5248.\n",
        *_legend(verdict.Verdict),
        "Every 2yz is `accepted`.",
        f"What is put off is offered again after {tries} minutes and so on, each spread by a"
        " fifth, for 48 hours; `smtp.retries` may say otherwise.\n",
        "## Answers that pass (4yz)\n",
        *_rules(verdict.PASSING),
        "## Answers for good (5yz)\n",
        "A 5yz with an enhanced code 4.y.z passes.",
        "Words count only where there is no enhanced code (RFC 2034).\n",
        *_rules(verdict.FINAL),
        "## Bounces that come by mail\n",
        "Only `dead` ends a subscription at once, and only where the bounce proves that it is"
        " about our mail.",
        "Words are looked at without the addresses and pages that they name.\n",
        *_rules(verdict.BOUNCED),
    ]
    return "\n".join(parts).rstrip() + "\n"


def _legend(words: Any) -> Iterator[str]:
    remarks = said_beside(Path(inspect.getfile(words)))
    yield "| word | meaning |\n| --- | --- |"
    yield "\n".join(f"| `{word}` | {_cell(remarks[word.name])} |" for word in words) + "\n"


def said_beside(file: Path) -> dict[str, str]:
    """Return the `#:` remarks at the end of lines ``NAME = …``."""
    found = re.findall(r"^ +([A-Z]+) = .*?#: (.*)$", file.read_text("utf-8"), re.MULTILINE)
    return dict(found)


def _rules(rules: Any) -> Iterator[str]:
    from digest.verdict.rules import EVERYWHERE, Phase

    yield "| means | at | code | enhanced | words | why |\n| --- | --- | --- | --- | --- | --- |"
    lines = []
    for rule in rules:
        at = "" if rule.phases is EVERYWHERE else " ".join(p for p in Phase if p in rule.phases)
        told = (_pattern(rule.codes), _pattern(rule.enhanced), _pattern(rule.words, 60))
        lines.append(f"| `{rule.verdict}` | {at} | {' | '.join(told)} | {_cell(rule.why)} |")
    yield "\n".join(lines) + "\n"


def _pattern(pattern: str, most: int = 200) -> str:
    shown = pattern if len(pattern) <= most else pattern[:most].rstrip() + "…"
    return f"`{shown}`".replace("|", "\\|") if shown else ""


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
