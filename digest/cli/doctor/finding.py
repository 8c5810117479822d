"""What a check finds: how a thing stands, in a sentence with its remedy."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

from digest.errors import DigestError


class Health(StrEnum):
    """How a thing stands."""

    OK = "ok"
    WARNING = "warning"  #: mend it, but issues go out
    BROKEN = "broken"  #: nothing goes out until it is mended


@dataclass(frozen=True, slots=True, kw_only=True)
class Finding:
    """What one check found, as a sentence with its remedy."""

    check: str
    health: Health
    sentence: str
    remedy: str = ""


def ok(check: str, sentence: str) -> Finding:
    """Return that it is well."""
    return Finding(check=check, health=Health.OK, sentence=sentence)


def broken(check: str, error: DigestError) -> Finding:
    """Return that *error* came of it, with its remedy."""
    return _fault(check, error, Health.BROKEN)


def warning(check: str, error: DigestError) -> Finding:
    """Return that *error* came of it, with its remedy, and that issues go out all the same."""
    return _fault(check, error, Health.WARNING)


def _fault(check: str, error: DigestError, health: Health) -> Finding:
    from digest.cli import terminal

    return Finding(
        check=check,
        health=health,
        sentence=terminal.ended(str(error)),
        # What sends people here is no remedy here.
        remedy="" if "digest doctor" in error.remedy else error.remedy,
    )
