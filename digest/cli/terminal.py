"""Facts and tables for a person or a program; complaints; progress."""

from __future__ import annotations

import dataclasses
import json
import os
import sys
import time
import unicodedata
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import date, datetime, timedelta
from enum import Enum
from pathlib import Path
from shutil import get_terminal_size
from typing import Any, TextIO

import typer

#: A progress bar appears when the work has taken this long.
PATIENCE_SECONDS = 2.0
#: Between two columns.
GAP = "  "


def say(text: str = "") -> None:
    """Print a line on standard output."""
    typer.echo(printable(text))


def facts(pairs: Mapping[str, object] | Sequence[tuple[str, object]]) -> None:
    """Print one fact a line, values aligned: ``Headline  …``."""
    pairs = list(pairs.items()) if isinstance(pairs, Mapping) else list(pairs)
    broad = max((width(name) for name, _ in pairs), default=0)
    for name, value in pairs:
        first, *more = _cell(value).split("\n")
        say(f"{padded(name, broad)}{GAP}{first}".rstrip())
        for line in more:
            say(f"{' ' * broad}{GAP}{line}")


def table(headers: Sequence[str], rows: Sequence[Sequence[object]]) -> None:
    """
    Print *rows* in aligned columns under *headers*; columns of numbers stand right.

    On a terminal the broadest text column is cut to fit; into a pipe nothing is cut.
    """
    cells = [[_one_line(_cell(value)) for value in row] for row in rows]
    right = [_is_numeric([row[i] for row in rows]) for i in range(len(headers))]
    broad = [
        max([width(header), *(width(row[i]) for row in cells)]) for i, header in enumerate(headers)
    ]
    broad = _fitted(broad, right)
    for row in [list(headers), *cells]:
        line = (padded(cut(cell, broad[i]), broad[i], right=right[i]) for i, cell in enumerate(row))
        say(GAP.join(line).rstrip())


def as_json(value: Any) -> None:
    """Print *value* as JSON; dataclasses, instants, days, durations, enums and paths are known."""
    typer.echo(json.dumps(value, ensure_ascii=False, indent=2, default=_plain))


def complain(*lines: str) -> None:
    """Print each of *lines* as one line on standard error, in red where colour is wanted."""
    for line in lines:
        text = printable(_one_line(line))
        typer.echo(styled(text, typer.colors.RED, sys.stderr), err=True)


def ended(text: str) -> str:
    """Return *text* with a full stop, if it does not end a sentence already."""
    return text if text.endswith((".", "?", "!", "…")) else f"{text}."


def warn(*lines: str) -> None:
    """Tell a person at a terminal; a log or a pipe is not told again and again."""
    if sys.stderr.isatty():
        for line in lines:
            typer.echo(styled(printable(line), typer.colors.YELLOW, sys.stderr), err=True)


def styled(text: str, colour: str, stream: TextIO) -> str:
    return typer.style(text, fg=colour) if wants_colour(stream) else text


def wants_colour(stream: TextIO) -> bool:
    """Tell whether *stream* is a terminal whose user has not declined colour (no-color.org)."""
    return stream.isatty() and not os.environ.get("NO_COLOR") and os.environ.get("TERM") != "dumb"


def printable(text: str) -> str:
    """Return *text* without what could command a terminal: escapes, controls, direction marks."""
    return "".join("�" if _is_unsafe(c) else c for c in text)


def _is_unsafe(c: str) -> bool:
    if c in "\n\t":
        return False
    return unicodedata.category(c) in ("Cc", "Cs") or c in _DIRECTION_MARKS


#: Letters after one of these would be shown in another order than they stand.
_DIRECTION_MARKS = "\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069"


def width(text: str) -> int:
    """Return how many columns *text* takes: 2 for wide letters, 0 for combining marks."""
    return sum(_columns(c) for c in text)


def _columns(c: str) -> int:
    if unicodedata.category(c) in ("Mn", "Me", "Cf"):
        return 0
    return 2 if unicodedata.east_asian_width(c) in "WF" else 1


def padded(text: str, columns: int, *, right: bool = False) -> str:
    """Return *text* with spaces up to so many columns, behind it or, with *right*, before it."""
    space = " " * (columns - width(text))
    return space + text if right else text + space


def cut(text: str, columns: int) -> str:
    """Return *text* in at most *columns* columns, ending in … if it was cut."""
    if width(text) <= columns:
        return text
    kept, taken = [], 0
    for c in text:
        taken += _columns(c)
        if taken > columns - 1:
            break
        kept.append(c)
    return "".join(kept).rstrip() + "…"


@contextmanager
def progress(what: str, total: int | None = None) -> Iterator[Callable[[int], None]]:
    """
    Give a function to call with how much more is done; a line shows it after two seconds.

    Nothing is drawn where standard error is not a terminal.
    """
    bar = _Bar(what, total)
    try:
        yield bar.advance
    finally:
        bar.clear()


class _Bar:
    def __init__(self, what: str, total: int | None) -> None:
        self.what, self.total, self.done = what, total, 0
        self.began = self.drawn = time.monotonic()
        self.visible = False

    def advance(self, by: int = 1) -> None:
        self.done += by
        now = time.monotonic()
        if sys.stderr.isatty() and now - self.began > PATIENCE_SECONDS and now - self.drawn > 0.1:
            self.drawn, self.visible = now, True
            sys.stderr.write(f"\r\x1b[K{self._line()}")
            sys.stderr.flush()

    def _line(self) -> str:
        if not self.total:
            return f"{self.what}  {self.done:,}"
        part = min(1.0, self.done / self.total)
        full = round(part * 20)
        return f"{self.what}  {'━' * full}{'─' * (20 - full)}  {self.done:,} of {self.total:,}"

    def clear(self) -> None:
        if self.visible:
            sys.stderr.write("\r\x1b[K")
            sys.stderr.flush()


def _cell(value: object) -> str:
    match value:
        case None:
            return ""
        case bool():
            return "yes" if value else "no"
        case int():
            return f"{value:,}"
        case Enum():
            return str(value.value)
        case datetime():
            return value.strftime("%Y-%m-%d %H:%M %Z").strip()
        case list() | tuple():
            return ", ".join(_cell(one) for one in value)
    return str(value)


def _one_line(text: str) -> str:
    return " ".join(text.split("\n"))


def _is_numeric(column: Sequence[object]) -> bool:
    told = [value for value in column if value is not None]
    return bool(told) and all(
        isinstance(value, int | float) and not isinstance(value, bool) for value in told
    )


def _fitted(broad: list[int], right: list[bool]) -> list[int]:
    """Take from the broadest text column what does not fit on the terminal."""
    over = sum(broad) + len(GAP) * (len(broad) - 1) - get_terminal_size().columns
    texts = [i for i, is_number in enumerate(right) if not is_number]
    if over <= 0 or not texts or not sys.stdout.isatty():
        return broad
    broadest = max(texts, key=lambda i: broad[i])
    return [max(12, n - over) if i == broadest else n for i, n in enumerate(broad)]


def _plain(value: Any) -> Any:
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        # Not asdict(): it would copy what this function must see.
        return {field.name: getattr(value, field.name) for field in dataclasses.fields(value)}
    match value:
        case date():
            return value.isoformat()
        case timedelta():
            return value.total_seconds()
        case Enum():
            return value.value
        case Path():
            return str(value)
        case set() | frozenset():
            return sorted(value)
    if hasattr(value, "model_dump"):
        return value.model_dump(mode="json", by_alias=True)
    raise TypeError(f"{type(value).__name__} has no JSON form")
