"""What an editor should know of an edition, and what to do about it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal


@dataclass(frozen=True, slots=True)
class Finding:
    """Something about an edition that an editor should know."""

    #: An error keeps the issue from going out on its own.
    level: Literal["error", "warning"]
    #: A stable word for programs.
    code: str
    sentence: str
    remedy: str
    #: The part of the mail it is about (``item-12``, ``block-sponsor``, ``subject``); "" where
    #: it is about no single one.
    place: str = ""


def error(code: str, sentence: str, remedy: str, place: str = "") -> Finding:
    return Finding("error", code, sentence, remedy, place)


def warning(code: str, sentence: str, remedy: str, place: str = "") -> Finding:
    return Finding("warning", code, sentence, remedy, place)
