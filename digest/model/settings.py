"""What config.yaml may say, as types. Reading the file is `digest.config`'s."""

from __future__ import annotations

import re
from datetime import time, timedelta
from email.utils import parseaddr
from typing import Annotated, Any, Literal
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from email_validator import EmailNotValidError, validate_email
from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, Field

DAYS = ("monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday")
_UNITS = {"s": 1, "m": 60, "h": 3600, "d": 86400, "w": 604800}


class Weekly(BaseModel):
    """A weekday and a wall time: ``friday 06:00``."""

    model_config = ConfigDict(frozen=True)

    #: 0 is Monday.
    weekday: int
    at: time

    def __str__(self) -> str:
        return f"{DAYS[self.weekday]} {self.at:%H:%M}"


def _weekly(value: Any) -> Any:
    if not isinstance(value, str):
        return value
    match = re.fullmatch(r"\s*([a-z]+)\s+(\d{1,2}):(\d{2})\s*", value.lower())
    if not match or match[1] not in DAYS or int(match[2]) > 23 or int(match[3]) > 59:
        raise ValueError('write a weekday and a time, like "friday 06:00"')
    return Weekly(weekday=DAYS.index(match[1]), at=time(int(match[2]), int(match[3])))


def _duration(value: Any) -> Any:
    if not isinstance(value, str):
        return value
    match = re.fullmatch(r"\s*(\d+)\s*([smhdw])\s*", value)
    if not match:
        raise ValueError('write a number and a unit (s, m, h, d, w), like "10d" or "15m"')
    return timedelta(seconds=int(match[1]) * _UNITS[match[2]])


def _zone(name: str) -> str:
    try:
        ZoneInfo(name)
    except (ZoneInfoNotFoundError, ValueError, OSError):
        raise ValueError(
            f"no time zone is called {name!r}; write one like America/New_York"
        ) from None
    return name


def _address(value: str) -> str:
    try:
        return validate_email(value, check_deliverability=False, test_environment=True).normalized
    except EmailNotValidError as e:
        raise ValueError(str(e)) from None


def _mailbox(value: str) -> str:
    """Accept ``Name <address>`` or a bare address; a line break is refused."""
    if any(ord(c) < 32 for c in value):
        raise ValueError("control characters are not allowed in a mailbox")
    _address(parseaddr(value)[1])
    return value


Duration = Annotated[timedelta, BeforeValidator(_duration)]
WallTime = Annotated[Weekly, BeforeValidator(_weekly)]
Zone = Annotated[str, AfterValidator(_zone)]
Address = Annotated[str, AfterValidator(_address)]
Mailbox = Annotated[str, AfterValidator(_mailbox)]


class Strict(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class SmtpSettings(Strict):
    """The relay that takes our mail. SMTP_USER and SMTP_PASSWORD come from the environment."""

    host: str = "localhost"
    port: int = Field(587, ge=1, le=65535)
    #: ``starttls`` refuses a server that does not offer it; ``none`` is for loopback only.
    tls: Literal["starttls", "implicit", "none"] = "starttls"
    #: A PEM file of further authorities to trust.
    ca_file: str | None = None
    #: "14/s, 50000/day"; None: no limit.
    limit: str | None = None
    connections: int = Field(4, ge=1, le=100)
    messages_per_connection: int = Field(100, ge=1)
    #: The name we greet with; default: the machine's own.
    helo: str | None = None
    user: str | None = Field(None, exclude=True)
    password: str | None = Field(None, exclude=True, repr=False)


class Listing(Strict):
    """CSS selectors of an HTML listing page."""

    item: str
    title: str
    link: str | None = None
    summary: str | None = None
    date: str | None = None
    kind: str | None = None
    image: str | None = None


class FeedSettings(Strict):
    """Where publications come from: an address or a path beside config.yaml."""

    url: str
    #: ``auto`` looks at what comes; ``listing`` needs `listing`; ``event`` gives events.
    kind: Literal["auto", "rss", "json", "listing", "text", "csv", "event"] = "auto"
    #: Given to every publication of this feed, beside its own.
    topic: str | None = None
    #: For publications whose feed names none.
    publication_kind: str | None = None
    images: Literal["auto", "never"] = "auto"
    listing: Listing | None = None
    every: Duration = timedelta(hours=1)
    #: Let this one feed live at a private address (an intranet's).
    allow_private: bool = False


def _feed(value: Any) -> Any:
    return {"url": value} if isinstance(value, str) else value


class Exclude(Strict):
    kinds: tuple[str, ...] = ()
    topics: tuple[str, ...] = ()
    #: Whole words in title or summary, any case.
    words: tuple[str, ...] = ()


class Items(Strict):
    #: Fewer than this and the week rolls over into the next one.
    min: int = Field(3, ge=0)
    max: int = Field(12, ge=1)
    per_kind: dict[str, int] = {}
    per_feed: dict[str, int] = {}
    per_topic: dict[str, int] = {}


class Look(Strict):
    layout: Literal["cards", "compact", "text"] = "cards"
    accent: str = Field("#6b2c91", pattern=r"^#[0-9a-fA-F]{6}$")
    logo: str | None = None
    footer: str = ""


class FirstTo(Strict):
    """Readers on *list* get the issue first; the others after *wait*."""

    list: str
    wait: Duration = timedelta(minutes=15)


class NewsletterSettings(Strict):
    """One newsletter: its voice, calendar, rules, feeds and people."""

    title: str = Field(min_length=1, max_length=120)
    from_: Mailbox = Field(alias="from")
    reply_to: Mailbox | None = None
    #: Required by law in every issue; sending refuses while it is a placeholder.
    postal_address: str = Field(min_length=8)
    language: str = "en"
    timezone: Zone = "UTC"
    closes: WallTime = Weekly(weekday=4, at=time(6))
    sends: WallTime = Weekly(weekday=4, at=time(9))
    look_back: Duration = timedelta(days=10)
    #: How old a late arrival may be.
    late: Duration = timedelta(days=31)
    approval: Literal["required", "auto", "auto_if_clean"] = "auto_if_clean"
    catch_up: Duration = timedelta(hours=6)
    first_to: FirstTo | None = None
    editors: tuple[Address, ...] = ()
    feeds: tuple[Annotated[FeedSettings, BeforeValidator(_feed)], ...] = ()
    exclude: Exclude = Exclude()
    items: Items = Items()
    sections: tuple[str | dict[str, str], ...] = ("intro", "themes", "more", {"upcoming": "14d"})
    look: Look = Look()
    #: A line under the footer ("not affiliated with …").
    notice: str = ""
    #: Multiplies a topic's or a kind's weight in the ranking; 1 where unnamed.
    weights: dict[str, float] = {}

    @property
    def zone(self) -> ZoneInfo:
        return ZoneInfo(self.timezone)


class WebSettings(Strict):
    host: str = "127.0.0.1"
    port: int = Field(8000, ge=1, le=65535)


class Settings(Strict):
    """Everything config.yaml may hold, with secrets laid over it from the environment."""

    #: Where readers reach us; every link in a mail begins with it.
    public_url: str = Field(pattern=r"^https?://[^\s/]+(/[^\s]*)?$")
    #: An SQLAlchemy URL; a relative SQLite path is beside config.yaml.
    database: str = "sqlite:///var/recap.db"
    smtp: SmtpSettings = SmtpSettings()
    web: WebSettings = WebSettings()
    newsletters: dict[str, NewsletterSettings] = Field(min_length=1)
    #: Signs links and Message-IDs; TOKEN_KEY in .env, never in config.yaml.
    token_key: str = Field("", exclude=True, repr=False)
