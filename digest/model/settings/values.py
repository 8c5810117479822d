"""The kinds of value config.yaml may hold: each refuses what it cannot be, and says what can."""

from __future__ import annotations

import re
import unicodedata
from datetime import time, timedelta
from ipaddress import ip_address
from typing import Annotated, Any
from urllib.parse import urlsplit
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from email_validator import EmailNotValidError, validate_email
from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, Field
from pydantic_core import PydanticCustomError

from digest.model.settings.recurrence import (
    Holiday,
    Recurrence,
    clock,
    holiday,
    recurrence,
    sending,
)

#: Sections that a mail may have by name alone; the third takes how far it looks ahead.
SECTIONS = ("intro", "themes", "more", "upcoming")
#: What every mail client shows.
PICTURES = (".png", ".jpg", ".jpeg", ".gif")
SAMPLE_ADDRESS = "1 Sample Street, Springfield"
_UNITS = {"s": 1, "m": 60, "h": 3600, "d": 86400, "w": 604800}
_LONGEST = timedelta(days=3660)
#: Controls, half characters, and what breaks a line or a paragraph.
_UNPRINTABLE = ("Cc", "Cs", "Zl", "Zp")
_PLACEHOLDER = re.compile(
    r"\b(todo|tbd|fixme|xxx+|change ?(me|this)|fill (me )?in|replace (me|this)|placeholder|lorem"
    r"|your|postal address)\b|^\W*$|\.\.\.|…|[<>\[\]{}]",
    re.IGNORECASE,
)


def is_placeholder(postal_address: str) -> bool:
    """Tell whether *postal_address* only says that an address should stand there."""
    return bool(_PLACEHOLDER.search(postal_address))


def is_loopback(host: str) -> bool:
    """Tell from its name alone whether *host* is this machine."""
    try:
        return ip_address(host.strip("[]")).is_loopback
    except ValueError:
        return host.lower() == "localhost" or host.lower().endswith(".localhost")


def _wall(value: Any) -> Any:
    if not isinstance(value, str):
        return value
    at = clock(value.strip())
    if at is None:
        raise ValueError(f'write a time in quotes, like "06:00", not {value!r}')
    return at


def duration(value: Any) -> Any:
    """Return how long ``10d`` or ``15m`` is; what is no text comes back as it is. ValueError."""
    if not isinstance(value, str):
        return value
    match = re.fullmatch(r"\s*(\d{1,9})\s*([smhdw])\s*", value)
    if not match:
        raise ValueError(
            f'write a number and a unit (s, m, h, d, w), like "10d" or "15m", not {value!r}'
        )
    duration = timedelta(seconds=int(match[1]) * _UNITS[match[2]])
    if duration > _LONGEST:
        raise ValueError("longer than ten years")
    return duration


def _zone(name: str) -> str:
    try:
        ZoneInfo(name)
    except (ZoneInfoNotFoundError, ValueError, OSError):
        raise PydanticCustomError(
            "zone",
            "no time zone is called {name}; write one like America/New_York",
            {"name": repr(name)},
        ) from None
    return name


def _address(value: str) -> str:
    try:
        return validate_email(value, check_deliverability=False, test_environment=True).normalized
    except EmailNotValidError as e:
        raise ValueError(f"{value!r} is no mail address: {e}") from None


def _mailbox(value: str) -> str:
    """Accept ``Name <address>`` or a bare address; quote a name that needs it (RFC 5322, 3.4)."""
    match = re.fullmatch(r'\s*(?:"((?:[^"\\]|\\.)*)"|([^<>"]*?))\s*<([^<>]*)>\s*', value)
    name, address = ("", value.strip()) if match is None else (match[2] or "", match[3])
    if match and match[1]:
        name = re.sub(r"\\(.)", r"\1", match[1]).strip()
    if "<" in address or ">" in address:
        raise ValueError(f'write an address, or "Name <address>", not {value!r}')
    address = _address(address)
    if re.search(r"[()<>@,;:\\\".\[\]]", name):
        name = '"' + re.sub(r'([\\"])', r"\\\1", name) + '"'
    return f"{name} <{address}>" if name else address


def _line(value: str) -> str:
    """Refuse what could start another header, or hide text from who reads it."""
    bad = next((c for c in value.strip() if unicodedata.category(c) in _UNPRINTABLE), "")
    if bad:
        raise ValueError(f"character U+{ord(bad):04X} is not allowed; write it on one line")
    return value.strip()


def _text(value: str) -> str:
    """Like `_line`, but may have several lines."""
    return "\n".join(_line(line) for line in value.strip().split("\n"))


def _public_url(value: str) -> str:
    try:
        url = urlsplit(value.strip())
        _ = url.port
    except ValueError as e:
        raise ValueError(f"{value!r} is no address: {e}") from None
    if url.scheme not in ("http", "https") or not url.hostname or re.search(r"\s", value.strip()):
        raise ValueError(f"write an address like https://recap.example.org, not {value!r}")
    if url.query or url.fragment or url.username:
        raise ValueError("the address must end before any ? or #, and hold no user")
    return value.strip().rstrip("/")


def _source(value: str) -> str:
    """Accept an http(s) address or a path; other schemes are no place of a feed."""
    match = re.match(r"([a-zA-Z][a-zA-Z0-9+.-]*):(//)?", value)
    scheme = match[1].lower() if match else ""
    if scheme in ("http", "https"):
        if not urlsplit(value).hostname:
            raise ValueError(f"{value!r} names no host")
    elif match and (match[2] or scheme in _NO_PATHS):
        raise ValueError(f"{scheme}: is not read; write an http(s) address or a path")
    return value


#: What begins so is no path with a colon in it.
_NO_PATHS = ("about", "blob", "data", "feed", "file", "javascript", "mailto", "vbscript")


def _database(value: str) -> str:
    # The value may hold a password: no error repeats it.
    if not re.match(r"(sqlite:///\S|postgres(ql(\+psycopg)?)?://\S)", value):
        raise ValueError("write sqlite:///var/recap.db or postgresql://user@host/name")
    return re.sub(r"^postgres://", "postgresql://", value)


def _host(value: str) -> str:
    if not re.fullmatch(r"[A-Za-z0-9._-]+|\[?[0-9a-fA-F:]+\]?", value):
        raise ValueError(f"write a host's name like smtp.example.org, not {value!r}")
    return value


def _rates(value: str) -> str:
    for part in value.split(","):
        if not re.fullmatch(r"\s*[1-9]\d{0,8}\s*/\s*(s|m|h|d|second|minute|hour|day)\s*", part):
            raise ValueError(f'write rates like "14/s, 50000/day", not {value!r}')
    return value


def _colour(value: str) -> str:
    if not re.fullmatch(r"#[0-9a-fA-F]{6}", value):
        raise ValueError(f'write a colour as six digits in quotes, like "#6b2c91", not {value!r}')
    return value


def _fonts(value: str) -> str:
    # They stand in CSS and in an attribute of it.
    if not re.fullmatch(r"[\w ,'-]+", value) or value.count("'") % 2:
        raise ValueError(f'write names with commas between, like "Georgia, serif", not {value!r}')
    return value


def _picture(value: str) -> str:
    if not re.match("https?://", value) and not value.lower().endswith(PICTURES):
        raise ValueError(
            f"write an http(s) address, or a file beside config.yaml that ends in "
            f"{', '.join(PICTURES[:-1])} or {PICTURES[-1]}, not {value!r}"
        )
    return value


def _filter(value: str) -> str:
    if not re.fullmatch(r"(https?|spamd)://[\w.:\[\]-]+(/[\w./-]*)?", value):
        raise ValueError(
            f"write an address like http://127.0.0.1:11333 (rspamd) or spamd://127.0.0.1:783 "
            f"(SpamAssassin), not {value!r}"
        )
    return value


def _tag(value: str) -> str:
    if not re.fullmatch(r"[\w.~-]+", value, re.ASCII):
        raise ValueError(f"write letters, digits, hyphens and dots, not {value!r}")
    return value


def _language(value: str) -> str:
    if not re.fullmatch(r"[A-Za-z]{2,3}(-[A-Za-z0-9]{2,8})*", value):
        raise ValueError(f'write a language tag, like "en" or "pt-BR", not {value!r}')
    return value


def _key(value: str) -> str:
    # It stands in addresses of pages, file names and List-Id.
    if not re.fullmatch(r"[a-z0-9][a-z0-9-]{0,62}", value):
        raise ValueError(f"write small letters, digits and hyphens, not {value!r}")
    return value


def _origin(value: str) -> str:
    parts = urlsplit(value)
    plain = f"{parts.scheme}://{parts.netloc}"
    if value != "*" and (parts.scheme not in ("http", "https") or plain != value.rstrip("/")):
        raise ValueError(f"must be an origin such as https://example.org, not {value!r}")
    return value.rstrip("/")


def _web_address(value: str) -> str:
    parts = urlsplit(value)
    if parts.scheme not in ("http", "https") or not parts.hostname:
        raise ValueError(f"must be a web address such as https://example.org/hook, not {value!r}")
    return value


def _segment_name(value: str) -> str:
    if not re.fullmatch(r"[a-z][a-z0-9_]{0,62}", value):
        raise ValueError(f"write small letters, digits and _, not {value!r}")
    return value


def _section(value: Any) -> Any:
    if isinstance(value, str) and value in SECTIONS:
        return value
    if isinstance(value, dict) and len(value) == 1:
        (name, told), *_ = value.items()
        if name == "upcoming":
            duration(told)
            return value
        if name == "block" and isinstance(told, str):
            return {name: _key(told)}
    raise ValueError(
        f"a section is one of {', '.join(SECTIONS)}, {{upcoming: 14d}}, {{block: KEY}}"
    )


def _selector(value: str) -> str:
    import cssselect

    try:
        cssselect.parse(value)
    except cssselect.SelectorError as e:
        raise ValueError(f"{value!r} is no CSS selector ({e})") from None
    return value


Duration = Annotated[timedelta, BeforeValidator(duration)]
Closing = Annotated[Recurrence, BeforeValidator(recurrence)]
Sending = Annotated[Recurrence, BeforeValidator(sending)]
DaysOff = Annotated[Holiday, BeforeValidator(holiday)]
Clock = Annotated[time, BeforeValidator(_wall)]
Zone = Annotated[str, AfterValidator(_zone)]
Address = Annotated[str, AfterValidator(_address)]
Mailbox = Annotated[str, AfterValidator(_line), AfterValidator(_mailbox)]
Line = Annotated[str, AfterValidator(_line)]
Text = Annotated[str, AfterValidator(_text)]
Host = Annotated[str, AfterValidator(_host)]
PublicUrl = Annotated[str, AfterValidator(_public_url)]
WebAddress = Annotated[str, AfterValidator(_web_address)]
Origin = Annotated[str, AfterValidator(_origin)]
Source = Annotated[str, Field(min_length=1), AfterValidator(_line), AfterValidator(_source)]
DatabaseUrl = Annotated[str, AfterValidator(_database)]
SpamFilter = Annotated[str, AfterValidator(_filter)]
Rates = Annotated[str, AfterValidator(_rates)]
Color = Annotated[str, AfterValidator(_colour)]
FontNames = Annotated[str, AfterValidator(_line), AfterValidator(_fonts)]
Picture = Annotated[str, AfterValidator(_line), AfterValidator(_source), AfterValidator(_picture)]
LanguageTag = Annotated[str, AfterValidator(_language)]
UtmTag = Annotated[str, AfterValidator(_tag)]
Key = Annotated[str, AfterValidator(_key)]
SegmentName = Annotated[str, AfterValidator(_segment_name)]
Selector = Annotated[str, AfterValidator(_selector)]
SectionPlace = Annotated[str | dict[str, str], BeforeValidator(_section)]
Count = Annotated[int, Field(ge=0)]
Weight = Annotated[float, Field(ge=0, le=100, allow_inf_nan=False)]


class Strict(BaseModel):
    """A section of config.yaml: no key but those named, and no change once read."""

    model_config = ConfigDict(extra="forbid", frozen=True, coerce_numbers_to_str=True)
