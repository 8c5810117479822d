"""`digest init`: a folder for a newsletter of one's own, from five answers."""

from __future__ import annotations

import os
import re
import unicodedata
from collections.abc import Callable, Mapping
from dataclasses import dataclass, fields
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from digest.errors import DigestError, StoreError

if TYPE_CHECKING:
    from digest.cli.context import Installation

_CONFIG = """\
# {title}. Secrets live in .env beside this file; `digest doctor` finds what is amiss.

public_url: http://127.0.0.1:8000   # where readers reach you; https in earnest
smtp:
  host: 127.0.0.1                   # `digest inbox` listens here and keeps what it gets;
  port: 2525                        # put your relay in its place, with tls: starttls
  tls: none

newsletters:
  {key}:
    title: {title}
    from: {from_}
    postal_address: {postal_address}
    timezone: {timezone}
    closes: friday 06:00            # what is published later belongs to the next week
    sends: friday 09:00
    feeds:
      - {feed}
"""
_ENVIRONMENT = """\
# Secrets of this newsletter: not for git, and for your eyes only.
# The key signs every unsubscribe link. Whoever changes it breaks the links already sent.
TOKEN_KEY={token_key}
# SMTP_USER=
# SMTP_PASSWORD=
"""
_IGNORED = (".env", "/var/", "/subscribers/*.csv")
_TEMPLATES = """\
# Templates of your own

The program brings its templates along. A file here takes the place of the one with the
same path: `templates/mail/recap/body.mjml` that of the weekly mail, `templates/web/…`
those of the pages. After each change run `digest templates check`.
"""
_SUBSCRIBERS = """\
# Readers

Lists that you keep by hand, as CSV; git ignores them. The first line names the columns;
only `email` must be there. One address a line, without such a first line, will do too:

    email,name,topics,rhythm
    ana@example.org,Ana,,weekly

`digest subscribers import subscribers/FILE.csv --source "where their consent came from"`
takes one in. Import only people who asked for this newsletter.
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class Answers:
    """What the five questions were answered with."""

    title: str
    from_: str
    postal_address: str
    feed: str
    timezone: str


def init(
    folder: Annotated[Path, typer.Argument(metavar="DIR", help="Made if it is not there.")],
    title: Annotated[str | None, typer.Option(help="The newsletter's title.")] = None,
    from_: Annotated[str | None, typer.Option("--from", help="The address it comes from.")] = None,
    postal_address: Annotated[
        str | None, typer.Option(help="Where the sender can be found, as the law asks.")
    ] = None,
    feed: Annotated[str | None, typer.Option(help="Address of the first feed.")] = None,
    timezone: Annotated[
        str | None, typer.Option(help="Its time zone. Default: this machine's.")
    ] = None,
    yes: Annotated[
        bool, typer.Option("--yes", help="Ask nothing; the options say it all.")
    ] = False,
) -> None:
    """
    Make a folder for a newsletter of your own. Nothing that exists is overwritten.

    \b
    Examples:
      digest init my-recap
      digest init my-recap --yes --title "My Recap" --from me@example.org
        --postal-address "12 Harbour Road, Springfield" --feed https://example.org/feed.xml
    """
    _refuse_to_overwrite(folder)
    given = {
        "title": title,
        "from_": from_,
        "postal_address": postal_address,
        "feed": feed,
        "timezone": timezone,
    }
    answers = _complete(given) if yes else _asked(given)
    write_folder(folder, answers)
    _tell(folder, answers)


def write_folder(folder: Path, answers: Answers) -> None:
    """
    Write the files of a new newsletter folder; those there stay as they are.

    Raises DigestError where the disk refuses, ConfigError where an answer cannot be used.
    """
    from digest.config import load

    try:
        for name in ("templates", "subscribers"):
            (folder / name).mkdir(parents=True, exist_ok=True)
        ensure_environment(folder)
        _ignore(folder / ".gitignore")
        _write_new(folder / "templates" / "README.md", _TEMPLATES)
        _write_new(folder / "subscribers" / "README.md", _SUBSCRIBERS)
        # Last, so that a folder with config.yaml is a whole one.
        _write_new(folder / "config.yaml", config_text(answers))
    except OSError as e:
        raise DigestError(
            f"{e.filename}: cannot be written ({e.strerror})", remedy="Name another folder."
        ) from e
    load(folder / "config.yaml", {})


def ensure_environment(folder: Path) -> None:
    """Write `.env` with a fresh TOKEN_KEY, readable by its owner alone; one there stays."""
    import secrets

    path = folder / ".env"
    if path.exists():
        return
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(descriptor, "w", encoding="utf-8") as file:
        file.write(_ENVIRONMENT.format(token_key=secrets.token_hex(32)))


def config_text(answers: Answers) -> str:
    """Return config.yaml for *answers*, commented, with quotes only where YAML needs them."""
    values = {name: _scalar(value) for name, value in _by_name(answers).items()}
    heading = " ".join(answers.title.split())
    text = _CONFIG.format(**values, key=key_of(answers.title))
    return text.replace(f"# {values['title']}.", f"# {heading}.", 1)


def key_of(title: str) -> str:
    """Return a newsletter's key made from its title: ``Älteste Woche`` is ``alteste-woche``."""
    plain = unicodedata.normalize("NFKD", title).encode("ascii", "ignore").decode().lower()
    return re.sub(r"[^a-z0-9]+", "-", plain).strip("-")[:60].strip("-") or "newsletter"


def _scalar(value: str) -> str:
    """Return *value* as YAML that reads back as the same text, in quotes only if it must be."""
    import json

    single = "'" + value.replace("'", "''") + "'"
    return next(
        (written for written in (value, single) if _reads_back(written, value)),
        json.dumps(value),
    )


def _reads_back(written: str, value: str) -> bool:
    from digest.config.document import read
    from digest.errors import ConfigError

    try:
        return read(f"key: {written}".encode(), "").values == {"key": value}
    except ConfigError:
        return False


def _by_name(answers: Answers) -> dict[str, str]:
    return {field.name: getattr(answers, field.name) for field in fields(answers)}


def _refuse_to_overwrite(folder: Path) -> None:
    there = [name for name in ("config.yaml", ".env") if (folder / name).exists()]
    if there:
        raise DigestError(
            f"{folder} has {' and '.join(there)} already; nothing was changed",
            remedy="Name another folder, or move the files away.",
        )


def _complete(given: Mapping[str, str | None]) -> Answers:
    """Return the options as answers; a missing or bad one is a mistake in the words typed."""
    told = {**given, "timezone": given["timezone"] or local_zone()}
    missing = [_option(name) for name, value in told.items() if not value]
    if missing:
        raise typer.BadParameter(f"with --yes, name {', '.join(missing)} too")
    checked = {}
    for name, value in told.items():
        try:
            checked[name] = _checked(name, value or "", title=told["title"] or "")
        except ValueError as e:
            raise typer.BadParameter(str(e), param_hint=_option(name)) from e
    return Answers(**checked)


def _asked(given: Mapping[str, str | None]) -> Answers:
    """Ask for what was not given, again and again until the answer can be used."""
    answers: dict[str, str] = {}
    for name, question, default in (
        ("title", "Title of the newsletter", None),
        ("from_", "It comes from (an address)", None),
        ("postal_address", "Postal address of the sender (the law asks for it)", None),
        ("feed", "Address of the first feed", None),
        ("timezone", "Time zone", local_zone()),
    ):
        check = partial(_checked, name, title=answers.get("title", ""))
        answers[name] = _answer(question, default, given[name], check)
    return Answers(**answers)


def _answer(
    question: str, default: str | None, given: str | None, check: Callable[[str], str]
) -> str:
    while True:
        # With "" for a default, an empty answer comes back, and is told what is wanted.
        value = given or typer.prompt(question, default=default or "", show_default=bool(default))
        try:
            return check(value)
        except ValueError as e:
            typer.echo(f"  {e}", err=True)
            given = None


def _checked(name: str, value: str, *, title: str) -> str:
    """Return *value* as the settings take it; ValueError says why they do not."""
    from pydantic import ValidationError

    from digest.config.faults import sentence
    from digest.model.settings import NewsletterSettings, is_placeholder

    if not value.strip():
        raise ValueError(f"this is needed; an example: {_EXAMPLES[name]}")
    if len(value) > _LONGEST_ANSWER or any(map(_is_control, value.strip())):
        raise ValueError(
            f"write it in one line of at most {_LONGEST_ANSWER} letters, without control signs"
        )
    key = {"from_": "from", "feed": "feeds"}.get(name, name)
    told = {**_ANY_NEWSLETTER, key: [value.strip()] if name == "feed" else value.strip()}
    try:
        newsletter = NewsletterSettings.model_validate(told)
    except ValidationError as e:
        raise ValueError(sentence(e.errors()[0])) from e
    if name == "postal_address" and is_placeholder(value):
        raise ValueError("write the address itself")
    if name == "from_" and "<" not in newsletter.from_ and title:
        return _checked("from_", f"{_quoted(title)} <{newsletter.from_}>", title="")
    return _source(newsletter.feeds[0].url) if name == "feed" else str(getattr(newsletter, name))


def _source(feed: str) -> str:
    """Return a feed's web address, or the whole path of its file; ValueError if it is neither."""
    if "://" in feed:
        return feed
    if not _is_file(feed):
        raise ValueError(
            f"{feed!r} is no web address, and no file is called so; "
            "write it whole, such as https://example.org/feed.xml"
        )
    return str(Path(feed).resolve())


def _is_control(letter: str) -> bool:
    """Tell whether it is a control sign, or half of a letter that no encoding holds."""
    return unicodedata.category(letter) in ("Cc", "Cs")


def _is_file(path: str) -> bool:
    try:
        return Path(path).is_file()
    except (OSError, ValueError):  # a name that no file system takes
        return False


_LONGEST_ANSWER = 500
_EXAMPLES = {
    "title": "Harbour News",
    "from_": "recap@example.org",
    "postal_address": "12 Harbour Road, Springfield",
    "feed": "https://example.org/feed.xml",
    "timezone": "Europe/Berlin",
}
#: Values beside which one answer can be judged.
_ANY_NEWSLETTER = {
    "title": "Weekly",
    "from": "weekly@example.org",
    "postal_address": "12 Harbour Road, Springfield",
}


def _quoted(title: str) -> str:
    return '"' + re.sub(r'([\\"])', r"\\\1", title) + '"'


def _option(name: str) -> str:
    return f"--{name.strip('_').replace('_', '-')}"


def local_zone() -> str:
    """Return the name of this machine's time zone; UTC where it cannot be told."""
    for found in (os.environ.get("TZ", "").lstrip(":"), _linked_zone(), _named_zone()):
        if found and _is_zone(found):
            return found
    return "UTC"


def _linked_zone() -> str:
    target = str(Path("/etc/localtime").resolve())
    return target.partition("/zoneinfo/")[2]


def _named_zone() -> str:
    try:
        return Path("/etc/timezone").read_text().strip()
    except OSError:
        return ""


def _is_zone(name: str) -> bool:
    from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

    try:
        ZoneInfo(name)
    except (ZoneInfoNotFoundError, ValueError, OSError):
        return False
    return True


def _ignore(path: Path) -> None:
    """Add what git must never see to .gitignore, keeping what it has."""
    there = path.read_text().splitlines() if path.exists() else []
    missing = [line for line in _IGNORED if line not in there]
    if missing:
        path.write_text("\n".join([*there, *missing]) + "\n")


def _write_new(path: Path, text: str) -> None:
    if not path.exists():
        with path.open("x", encoding="utf-8") as file:
            file.write(text)


def _tell(folder: Path, answers: Answers) -> None:
    import shlex

    from digest.cli import context, terminal

    try:
        installation = context.open_installation(folder / "config.yaml", create=True)
    except StoreError as e:
        raise DigestError(
            str(e),
            remedy="The folder is made, its database is not. "
            f"Mend that, then: cd {shlex.quote(str(folder))} && digest db upgrade",
        ) from e
    terminal.facts(
        [
            ("Folder", folder),
            ("Config", folder / "config.yaml"),
            ("Secrets", f"{folder / '.env'}  readable by you alone"),
            ("Desk", _one_time_link(installation, answers)),
            ("Next", _next(folder)),
        ]
    )


def _next(folder: Path) -> str:
    steps = [
        *([f"cd {folder}"] if folder.resolve() != Path.cwd() else []),
        "digest feeds fetch        read the feed for the first time",
        "digest issue prepare      compose this week",
        "digest serve              desk and sender; open the link above",
    ]
    return "\n".join(steps)


def _one_time_link(installation: Installation, answers: Answers) -> str:
    """Return an address that signs the first editor in, once."""
    from email.utils import parseaddr

    from digest import staff

    return staff.one_time_link(
        installation.database,
        installation.loaded,
        parseaddr(answers.from_)[1],
        now=datetime.now(UTC),
    )
