"""Secrets and places from the environment, and from `.env` beside config.yaml."""

from __future__ import annotations

import re
import stat
from collections.abc import Mapping
from dataclasses import dataclass
from difflib import get_close_matches
from pathlib import Path

from digest.config.remarks import Remark
from digest.errors import ConfigError

#: Which setting each variable lays its value over.
VARIABLES: dict[str, tuple[str, ...]] = {
    "SMTP_HOST": ("smtp", "host"),
    "SMTP_PORT": ("smtp", "port"),
    "SMTP_TLS": ("smtp", "tls"),
    "SMTP_USER": ("smtp", "user"),
    "SMTP_PASSWORD": ("smtp", "password"),
    "BOUNCES_USER": ("bounces", "user"),
    "BOUNCES_PASSWORD": ("bounces", "password"),
    "TOKEN_KEY": ("token_key",),
    "METRICS_TOKEN": ("metrics_token",),
    "WEBHOOK_SECRET": ("webhook_secret",),
    "API_TOKEN": ("api_token",),
    "OIDC_CLIENT_SECRET": ("oidc_client_secret",),
    "DATABASE_URL": ("database",),
    "PUBLIC_URL": ("public_url",),
}
#: Those that config.yaml may say as well.
_OPEN = {"SMTP_HOST", "SMTP_PORT", "SMTP_TLS", "DATABASE_URL", "PUBLIC_URL"}
#: What is told by the environment alone, so that config.yaml can be shown to anyone.
SECRETS = {name: place for name, place in VARIABLES.items() if name not in _OPEN}

_LINE = re.compile(r"(?:export\s+)?([A-Za-z_][A-Za-z0-9_]*)\s*=(.*)")


@dataclass(frozen=True, slots=True)
class Given:
    """A variable's value and where it was found."""

    value: str
    #: "" for the process environment.
    file: str = ""
    line: int | None = None


def overrides(
    dotenv: Path, environ: Mapping[str, str]
) -> tuple[dict[str, Given], tuple[Remark, ...]]:
    """
    Return our variables by name, and what to mend.

    The process environment goes before *dotenv*, which need not exist. An empty value
    counts as not given. Raises ConfigError if *dotenv* cannot be read.
    """
    given, remarks = _file(dotenv)
    given |= {name: Given(environ[name]) for name in VARIABLES if environ.get(name)}
    return given, remarks


def readable_by_others(path: Path) -> bool:
    """Tell whether more than its owner may read *path*."""
    return bool(path.stat().st_mode & (stat.S_IRWXG | stat.S_IRWXO))


def _file(path: Path) -> tuple[dict[str, Given], tuple[Remark, ...]]:
    if not path.exists():
        return {}, ()
    try:
        text = path.read_text("utf-8-sig")
    except OSError as e:
        raise ConfigError(
            f"cannot be read ({e.strerror})",
            file=str(path),
            remedy="It must belong to the user that runs this: chown USER, then chmod 600.",
        ) from e
    except UnicodeDecodeError as e:
        raise ConfigError(
            f"is not UTF-8 ({e.reason})", file=str(path), remedy="Save it as UTF-8."
        ) from e
    given, remarks = _parsed(text, str(path))
    if readable_by_others(path):
        open_to_all = Remark(str(path), "others may read your secrets", f"Run: chmod 600 {path}")
        remarks.insert(0, open_to_all)
    return given, tuple(remarks)


def _parsed(text: str, file: str) -> tuple[dict[str, Given], list[Remark]]:
    """Return the variables of ours in *text*: ``NAME=value`` lines, taken literally."""
    given: dict[str, Given] = {}
    remarks: list[Remark] = []
    for line, content in enumerate(text.splitlines(), 1):
        if not content.strip() or content.lstrip().startswith("#"):
            continue
        match = _LINE.fullmatch(content.strip())
        if not match:
            raise ConfigError("not a line like NAME=value", file=file, line=line)
        name, value = match[1], _unquoted(match[2].strip(), file, line, match[1])
        if name in given:
            raise ConfigError(
                f"written twice; first in line {given[name].line}", file=file, line=line, key=name
            )
        if name in VARIABLES and value:
            given[name] = Given(value, file, line)
        elif near := [] if name in VARIABLES else get_close_matches(name, VARIABLES, 1, 0.8):
            unread = Remark(f"{file}:{line}", f"{name} is not read", f"Did you mean {near[0]}?")
            remarks.append(unread)
    return given, remarks


def _unquoted(value: str, file: str, line: int, name: str) -> str:
    if value[:1] not in ("'", '"'):
        return value
    if len(value) < 2 or value[-1] != value[0]:
        raise ConfigError("the quote is never closed", file=file, line=line, key=name)
    return value[1:-1]
