"""What config.yaml may say, as types. Reading the file is `digest.config`'s."""

from __future__ import annotations

import re
import unicodedata
from datetime import date, time, timedelta
from difflib import get_close_matches
from email.utils import parseaddr
from ipaddress import ip_address
from typing import Annotated, Any, Literal, Self
from urllib.parse import urlsplit
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from email_validator import EmailNotValidError, validate_email
from pydantic import (
    AfterValidator,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    model_validator,
)
from pydantic_core import PydanticCustomError

from digest.model.colours import CONTRAST, contrast, legible
from digest.model.issue import Rhythm

DAYS = ("monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday")
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
    if not match or int(match[2]) > 23 or int(match[3]) > 59:
        raise ValueError(f'write a weekday and a time, like "friday 06:00", not {value!r}')
    if match[1] not in DAYS:
        near = get_close_matches(match[1], DAYS, n=1)
        meant = f"; did you mean `{near[0]}`?" if near else f"; one of {', '.join(DAYS)}"
        raise ValueError(f"{match[1]!r} is no weekday{meant}")
    return Weekly(weekday=DAYS.index(match[1]), at=time(int(match[2]), int(match[3])))


def _duration(value: Any) -> Any:
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


def _limit(value: str) -> str:
    for part in value.split(","):
        if not re.fullmatch(r"\s*[1-9]\d{0,8}\s*/\s*(s|m|h|d|second|minute|hour|day)\s*", part):
            raise ValueError(f'write rates like "14/s, 50000/day", not {value!r}')
    return value


def _accent(value: str) -> str:
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
            _duration(told)
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


Duration = Annotated[timedelta, BeforeValidator(_duration)]
WallTime = Annotated[Weekly, BeforeValidator(_weekly)]
Zone = Annotated[str, AfterValidator(_zone)]
Address = Annotated[str, AfterValidator(_address)]
Mailbox = Annotated[str, AfterValidator(_line), AfterValidator(_mailbox)]
Line = Annotated[str, AfterValidator(_line)]
Text = Annotated[str, AfterValidator(_text)]
FontNames = Annotated[str, AfterValidator(_line), AfterValidator(_fonts)]
Picture = Annotated[str, AfterValidator(_line), AfterValidator(_source), AfterValidator(_picture)]
Key = Annotated[str, AfterValidator(_key)]
SegmentName = Annotated[str, AfterValidator(_segment_name)]
Selector = Annotated[str, AfterValidator(_selector)]
Count = Annotated[int, Field(ge=0)]
Weight = Annotated[float, Field(ge=0, le=100, allow_inf_nan=False)]


class Strict(BaseModel):
    """A section of config.yaml: no key but those named, and no change once read."""

    model_config = ConfigDict(extra="forbid", frozen=True, coerce_numbers_to_str=True)


class DomainLimits(Strict):
    """What one recipient domain takes from us."""

    #: Rates of its own, like ``20/m``; none: only those of `smtp.limit`.
    limit: Annotated[str, AfterValidator(_limit)] | None = None
    #: So many messages on their way to it at a time; none: as many as connections allow.
    at_once: int | None = Field(default=None, ge=1, le=1000)


class WarmUp(Strict):
    """A plan for a domain that has not sent much yet: so many mails on each of its first days."""

    #: The first day of the plan, in UTC.
    since: date
    #: How many may leave on each day; after the last of them `smtp.limit` alone holds.
    days: tuple[Annotated[int, Field(ge=1)], ...] = Field(min_length=1, max_length=90)


class SmtpSettings(Strict):
    """The relay that takes our mail. SMTP_USER and SMTP_PASSWORD come from the environment."""

    #: The relay's name.
    host: Annotated[str, AfterValidator(_host)] = "localhost"
    #: 587 for ``starttls``, 465 for ``implicit``.
    port: int = Field(default=587, ge=1, le=65535)
    #: ``starttls`` refuses a server that does not offer it; ``none`` is for loopback only.
    tls: Literal["starttls", "implicit", "none"] = "starttls"
    #: A PEM file of further authorities to trust; a path beside config.yaml.
    ca_file: str | None = None
    #: How much the relay allows, in rates like ``14/s, 50000/day``; none: no limit.
    limit: Annotated[str, AfterValidator(_limit)] | None = None
    #: Limits of recipient domains, by name (``gmail.com``); ``"*"`` is each other one.
    domains: dict[str, DomainLimits] = {}
    #: A plan for a cold domain; none: `limit` holds from the first day.
    warm_up: WarmUp | None = None
    #: How many at the same time.
    connections: int = Field(default=4, ge=1, le=100)
    #: How many messages may be on their way on each. 1: the next waits until this is answered.
    #: 2: it follows the final dot, where the server pipelines. More: whole messages go ahead,
    #: where it takes BDAT; for a server far away that is known to answer every command.
    window: int = Field(default=2, ge=1, le=64)
    #: After so many a connection is closed and a new one opened.
    messages_per_connection: int = Field(default=100, ge=1)
    #: The name we greet with; default: the machine's own.
    helo: Annotated[str, AfterValidator(_host)] | None = None
    #: What to do about a reader whose server took the bytes and never answered: ``hold``
    #: lists them, ``resend`` sends again under the same Message-ID, perhaps a second copy.
    uncertain: Literal["hold", "resend"] = "hold"
    user: str | None = Field(default=None, exclude=True, repr=False)
    password: str | None = Field(default=None, exclude=True, repr=False)

    @model_validator(mode="after")
    def _keeps_the_password(self) -> Self:
        if (self.user is None) != (self.password is None):
            raise ValueError("SMTP_USER and SMTP_PASSWORD go together; one of them is not set")
        if self.password and self.tls == "none" and not is_loopback(self.host):
            raise ValueError("tls: none would show the password to everyone on the way")
        return self


class Listing(Strict):
    """CSS selectors of an HTML listing page."""

    #: What each publication on the page is in; the others are looked for inside it.
    item: Selector
    #: Its title.
    title: Selector
    #: Its link; none: the title's own, or the first one.
    link: Selector | None = None
    #: Its summary.
    summary: Selector | None = None
    #: Its date, in words or as a ``datetime`` attribute.
    date: Selector | None = None
    #: Its kind.
    kind: Selector | None = None
    #: Its picture.
    image: Selector | None = None


class FeedSettings(Strict):
    """Where publications come from: an address or a path beside config.yaml."""

    #: An http(s) address, or a path beside config.yaml.
    url: Annotated[str, Field(min_length=1), AfterValidator(_line), AfterValidator(_source)]
    #: ``auto`` looks at what comes; ``listing`` needs `listing`; ``event`` gives events.
    kind: Literal["auto", "rss", "json", "listing", "text", "csv", "event"] = "auto"
    #: Given to every publication of this feed, beside its own.
    topic: Line | None = None
    #: For publications whose feed names none.
    publication_kind: Line | None = None
    #: ``never`` leaves this feed's pictures out.
    #: ``page`` also looks for a new publication's picture on its own page (og:image).
    images: Literal["auto", "page", "never"] = "auto"
    #: CSS selectors, where the address is a page and no feed.
    listing: Listing | None = None
    #: How often it is read, at least 1m apart; a feed may ask for longer.
    every: Duration = timedelta(hours=1)
    #: Let this one feed live at a private address (an intranet's).
    allow_private: bool = False

    @model_validator(mode="after")
    def _has_what_its_kind_needs(self) -> Self:
        if self.kind == "listing" and self.listing is None:
            raise ValueError("kind: listing needs `listing` with CSS selectors (item, title, …)")
        if self.listing is not None and self.kind not in ("listing", "auto"):
            raise ValueError(f"`listing` is of no use to kind: {self.kind}")
        if self.every < timedelta(minutes=1):
            raise ValueError("every: must be at least 1m; feeds are asked politely")
        return self


def _feed(value: Any) -> Any:
    return {"url": value} if isinstance(value, str) else value


class Exclude(Strict):
    """What never becomes an item; any case."""

    #: As the feeds write them (``Weekly Recap``).
    kinds: tuple[Line, ...] = ()
    #: As the feeds write them.
    topics: tuple[Line, ...] = ()
    #: Whole words in title or summary, any case.
    words: tuple[Line, ...] = ()


class Items(Strict):
    """How many items an issue has, in all and of one sort."""

    #: Fewer than this and the week rolls over into the next one.
    min: int = Field(default=3, ge=0)
    #: More than this and the lowest in rank are left out.
    max: int = Field(default=12, ge=1)
    #: At most so many of a kind: ``{Video: 2}``.
    per_kind: dict[str, Count] = {}
    #: At most so many of a feed, by its address.
    per_feed: dict[str, Count] = {}
    #: At most so many of a topic.
    per_topic: dict[str, Count] = {}

    @model_validator(mode="after")
    def _min_below_max(self) -> Self:
        if self.min > self.max:
            raise ValueError(f"min ({self.min}) is more than max ({self.max})")
        return self


class Topics(Strict):
    """What readers may choose; who does gets their topics' items, under words of their own."""

    #: The topics as the feeds write them; none: nobody is asked.
    offered: tuple[Line, ...] = ()
    #: Fewer items of a reader's topics than this are no mail of their own:
    min: int = Field(default=1, ge=1)
    #: then that reader gets the ``full`` issue, or ``none``.
    too_few: Literal["full", "none"] = "full"

    @model_validator(mode="after")
    def _each_once(self) -> Self:
        folded = [topic.casefold() for topic in self.offered]
        twice = next((topic for topic in self.offered if folded.count(topic.casefold()) > 1), "")
        if twice or "" in self.offered:
            raise ValueError(f"{twice!r} is offered twice" if twice else "a topic needs a name")
        return self


def _topics(value: Any) -> Any:
    return {"offered": value} if isinstance(value, list) else value


def _wall(value: Any) -> Any:
    match = re.fullmatch(r"\s*(\d{1,2}):(\d{2})\s*", value) if isinstance(value, str) else None
    if isinstance(value, str) and (not match or int(match[1]) > 23 or int(match[2]) > 59):
        raise ValueError(f'write a time in quotes, like "06:00", not {value!r}')
    return time(int(match[1]), int(match[2])) if match else value


Clock = Annotated[time, BeforeValidator(_wall)]


class Monthly(Strict):
    """An issue of its own on the first of each month, for readers who want no more."""

    #: Its name in the masthead and the subject; none: the newsletter's.
    title: Line = Field(default="", max_length=120)
    #: What is published from then on, on the first, belongs to the next month.
    closes: Clock = time(6)
    #: When it goes out on the first.
    sends: Clock = time(9)
    #: How many items it has.
    items: Items = Items(max=20)

    @model_validator(mode="after")
    def _sent_after_the_close(self) -> Self:
        if self.sends < self.closes:
            raise ValueError(f"sends ({self.sends:%H:%M}) is before closes ({self.closes:%H:%M})")
        return self


class Ranking(Strict):
    """What each part of a score can bring; of an item first, then of a theme."""

    #: Of an item: how short before the close it came out.
    recency: Weight = 0.35
    #: Its kind, times `weights`.
    kind: Weight = 0.15
    #: Its topics, times `weights`.
    topic: Weight = 0.10
    #: Words of its title that no older publication's title has.
    novelty: Weight = 0.25
    #: A summary that says more than the title.
    substance: Weight = 0.15
    #: Of a theme, beside its best item's score without recency: how well its label stands in
    #: the text.
    label: Weight = 0.6
    #: A label of more than a bare name.
    phrase: Weight = 0.1
    #: How alike its item is to all others of the issue.
    central: Weight = 1.0
    #: Each further item on the same thing.
    company: Weight = 0.1
    #: What it loses if another theme has taken its best label's words.
    second_choice: Weight = 0.25
    #: What it loses if the last issue's themes had its words; less for the three before that.
    repeated: Weight = 0.2


Color = Annotated[str, AfterValidator(_accent)]
UtmTag = Annotated[str, AfterValidator(_tag)]


class Palette(Strict):
    """The colours of paper and ink, each as six digits in quotes."""

    #: What the text stands on.
    paper: Color = "#ffffff"
    #: What lies around the paper, and behind the footer.
    ground: Color = "#f6f5f2"
    #: Titles and text.
    ink: Color = "#1f2226"
    #: The lead and summaries.
    soft: Color = "#3d4046"
    #: Dates, credits, the footer.
    quiet: Color = "#5d5f63"
    #: Rules and frames.
    line: Color = "#dfdcd5"
    #: Labels and links; none: `look.accent`.
    accent: Color | None = None

    @model_validator(mode="after")
    def _can_be_read(self) -> Self:
        for name, on in (("ink", "paper"), ("soft", "paper"), ("quiet", "paper")):
            _readable(name, getattr(self, name), on, getattr(self, on))
        _readable("quiet", self.quiet, "ground", self.ground)
        if self.accent:
            _readable("accent", self.accent, "paper", self.paper)
        return self


class DarkPalette(Palette):
    """The same, where a reader's device is set to dark."""

    #: What the text stands on.
    paper: Color = "#1d2025"
    #: What lies around the paper, and behind the footer.
    ground: Color = "#14161a"
    #: Titles and text.
    ink: Color = "#e9e6e1"
    #: The lead and summaries.
    soft: Color = "#cfccc6"
    #: Dates, credits, the footer.
    quiet: Color = "#a6a39d"
    #: Rules and frames.
    line: Color = "#353941"
    #: Labels and links; none: `look.accent`, as light as it must be.
    accent: Color | None = None


def _readable(name: str, colour: str, ground_name: str, ground: str) -> None:
    found = contrast(colour, ground)
    if found < CONTRAST:
        raise ValueError(
            f"{name} {colour} on {ground_name} {ground} has a contrast of {found:.1f}:1; "
            f"WCAG AA asks for {CONTRAST}:1, which {legible(colour, ground)} has"
        )


class Fonts(Strict):
    """Fonts that readers have already, best first; none is ever loaded for a mail."""

    #: Of titles and the masthead.
    headings: FontNames = "Georgia, Charter, serif"
    #: Of everything else.
    text: FontNames = "-apple-system, BlinkMacSystemFont, 'Segoe UI', Helvetica, Arial, sans-serif"


class Look(Strict):
    """What the mail looks like; the rest is in the templates."""

    #: ``compact`` shows fewer pictures, ``text`` none.
    layout: Literal["cards", "compact", "text"] = "cards"
    #: The colour of labels and links, as six digits in quotes.
    accent: Annotated[str, AfterValidator(_accent)] = "#6b2c91"
    #: Colours by day.
    light: Palette = Palette()
    #: Colours by night.
    dark: DarkPalette = DarkPalette()
    #: Of titles and text.
    fonts: Fonts = Fonts()
    #: A picture in the masthead, shown 160 pixels wide: an http(s) address, or a PNG, JPEG or
    #: GIF beside config.yaml, which `digest serve` then shows under `public_url`.
    logo: Picture | None = None
    #: A picture above the masthead, as wide as the mail: 600 pixels.
    header: Picture | None = None
    #: Publications' pictures: ``linked`` where they are; ``hosted`` copies them, made small
    #: and in a form that every client shows, to `digest serve` under `public_url` (needs the
    #: extra `pictures`); ``never`` shows none.
    pictures: Literal["linked", "hosted", "never"] = "linked"
    #: A sentence of one's own in the footer.
    footer: Text = ""

    @model_validator(mode="after")
    def _accent_can_be_read(self) -> Self:
        if self.light.accent is None:
            _readable("accent", self.accent, "paper", self.light.paper)
        return self


class Utm(Strict):
    """What the publisher's own statistics read in the links; the same for every reader."""

    #: ``utm_source``.
    source: UtmTag
    #: ``utm_medium``.
    medium: UtmTag = "email"
    #: ``utm_campaign``; none: the issue's key.
    campaign: UtmTag | None = None


class FirstTo(Strict):
    """Readers on *list* get the issue first; the others after *wait*."""

    #: The list's name, as the subscribers' import gave it.
    list: Key
    #: How long the others wait.
    wait: Duration = timedelta(minutes=15)


class NewsletterSettings(Strict):
    """One newsletter: its voice, calendar, rules, feeds and people."""

    #: Its name, in the masthead and at the end of the subject.
    title: Line = Field(min_length=1, max_length=120)
    #: Whom the mail comes from: ``Name <address>``.
    from_: Mailbox = Field(alias="from")
    #: Where answers go; none: to `from`.
    reply_to: Mailbox | None = None
    #: Required by law in every issue; sending refuses while it is a placeholder.
    postal_address: Text = Field(min_length=8)
    #: A language tag, for screen readers and hyphenation.
    language: Annotated[str, AfterValidator(_language)] = "en"
    #: Whose wall clock `closes` and `sends` are read on.
    timezone: Zone = "UTC"
    #: What is published from then on belongs to the next week.
    closes: WallTime = Weekly(weekday=4, at=time(6))
    #: When the issue goes out.
    sends: WallTime = Weekly(weekday=4, at=time(9))
    #: How old a publication may be at the close.
    look_back: Duration = timedelta(days=10)
    #: How old a late arrival may be: published before the look-back, first seen this week.
    late: Duration = timedelta(days=31)
    #: ``required``: held unless a person approves. ``auto``: sent unless held.
    #: ``auto_if_clean``: sent unless a check found an error or a safety rule tripped.
    approval: Literal["required", "auto", "auto_if_clean"] = "auto_if_clean"
    #: Whoever changed an issue may not approve it: somebody else has to look.
    four_eyes: bool = False
    #: So late an issue is still sent; later it is held.
    catch_up: Duration = timedelta(hours=6)
    #: Over so long the readers get it, from the send hour on; 0s: as fast as `smtp` allows.
    spread: Duration = timedelta(0)
    #: Conditions on readers by name, for `only`, `--where` and one another.
    segments: dict[SegmentName, Line] = {}
    #: Who gets its issues: a condition or a segment's name; none: every reader.
    only: Line | None = None
    #: Who gets the issue before the others, with time to stop it.
    first_to: FirstTo | None = None
    #: Who is told by mail: draft ready, last call, held, sent.
    editors: tuple[Address, ...] = ()
    #: Where publications come from: addresses, or keys as below.
    feeds: tuple[Annotated[FeedSettings, BeforeValidator(_feed)], ...] = ()
    #: What never becomes an item.
    exclude: Exclude = Exclude()
    #: How many items an issue has.
    items: Items = Items()
    #: What readers may choose: names, or keys as below.
    topics: Annotated[Topics, BeforeValidator(_topics)] = Topics()
    #: Offers a monthly issue, ``{}`` with the usual hours; none: weekly ones only.
    monthly: Monthly | None = None
    #: In the order of the mail: ``intro``, ``themes``, ``more``, ``{upcoming: 14d}`` for events,
    #: ``{block: KEY}`` for the words of `templates/blocks/KEY.md` beside config.yaml.
    sections: tuple[Annotated[str | dict[str, str], BeforeValidator(_section)], ...] = (
        "intro",
        "themes",
        "more",
        {"upcoming": "14d"},
    )
    #: What the mail looks like.
    look: Look = Look()
    #: Words added to the links of publications and blocks for the publisher's statistics
    #: (``utm_source=…``), the same for every reader; none: links stay as they are.
    utm: Utm | None = None
    #: A sentence under the footer ("not affiliated with …").
    notice: Line = ""
    #: Multiplies a topic's or a kind's weight in the ranking; 1 where unnamed.
    weights: dict[str, Weight] = {}
    #: What each part of the scores of items and themes can bring.
    ranking: Ranking = Ranking()

    @property
    def zone(self) -> ZoneInfo:
        return ZoneInfo(self.timezone)

    @property
    def rhythms(self) -> tuple[Rhythm, ...]:
        """What readers may choose, the usual one first."""
        return (Rhythm.WEEKLY, Rhythm.MONTHLY) if self.monthly else (Rhythm.WEEKLY,)

    @property
    def upcoming(self) -> timedelta | None:
        """How far ahead events are shown; None where no section shows them."""
        for section in self.sections:
            if isinstance(section, dict) and "upcoming" in section:
                ahead: timedelta = _duration(section["upcoming"])
                return ahead
        return timedelta(days=14) if "upcoming" in self.sections else None

    @property
    def from_address(self) -> str:
        """The bare address of `from`."""
        return parseaddr(self.from_)[1]

    @property
    def lacks_postal_address(self) -> bool:
        """True while nobody has said where the sender can be found."""
        return is_placeholder(self.postal_address)

    @property
    def has_sample_address(self) -> bool:
        return self.postal_address == SAMPLE_ADDRESS


class ChecksSettings(Strict):
    """What `digest issue check`, and the bell before it sends, ask beyond the mail itself."""

    #: Whether every link is asked where it leads.
    links: bool = True
    #: A spam filter of your own that gives the mail a score: rspamd's
    #: ``http://127.0.0.1:11333``, or SpamAssassin's ``spamd://127.0.0.1:783``.
    spam: Annotated[str, AfterValidator(_filter)] | None = None


class DkimSettings(Strict):
    """Signing our mail ourselves; leave it out where the relay signs. Needs the extra `sign`."""

    #: That of the newsletters' `from`, or the one it lies under; else DMARC fails.
    domain: Annotated[str, AfterValidator(_host)]
    #: Its record stands at ``SELECTOR._domainkey.DOMAIN``; `digest doctor --dns` prints it.
    selector: Annotated[str, AfterValidator(_host)] = "recap"
    #: A PEM file with an RSA key of 2048 bits or more; a path beside config.yaml.
    key: Annotated[str, Field(min_length=1), AfterValidator(_line)] = "var/dkim.pem"


def _return_mailbox(value: str) -> str:
    local = value.rpartition("@")[0]
    if not value.isascii() or "+" in local or len(local) > 24:
        raise ValueError(
            "the part before the @ must be plain and at most 24 letters: each reader's tag follows"
        )
    return value


class SoftBounces(Strict):
    """When mail that comes back for passing reasons ends a subscription."""

    #: So many issues in a row came back, and
    times: int = Field(default=4, ge=2, le=20)
    #: so long lies between the first and the last of them.
    over: Duration = timedelta(days=21)


class BounceSettings(Strict):
    """
    Where mail comes back: bounces, complaints, requests to leave. BOUNCES_USER and
    BOUNCES_PASSWORD come from the environment.
    """

    #: The envelope sender of every issue, with a tag of the reader's: ``bounces+TAG@…``.
    address: Annotated[Address, AfterValidator(_return_mailbox)]
    #: False where the mailbox takes no tags; bounces are then told by Message-ID and links.
    tags: bool = True
    #: The IMAP server to read it from; none: a maildir, or `digest bounces read FILE`.
    imap: Annotated[str, AfterValidator(_host)] | None = None
    #: 993 for ``implicit``, 143 for ``starttls``.
    port: int = Field(default=993, ge=1, le=65535)
    #: ``none`` is for loopback only.
    tls: Literal["implicit", "starttls", "none"] = "implicit"
    #: A PEM file of further authorities to trust; a path beside config.yaml.
    ca_file: str | None = None
    #: The folder on the IMAP server.
    folder: Line = "INBOX"
    #: A maildir on this machine, beside or in place of IMAP; a path beside config.yaml.
    maildir: str | None = None
    #: How often `digest serve` reads them.
    every: Duration = timedelta(minutes=5)
    #: When passing reasons end a subscription.
    soft: SoftBounces = SoftBounces()
    #: The one SNS topic that Amazon SES reports to, at ``/hooks/ses``; none: that door is shut.
    sns_topic: Line = ""
    user: str | None = Field(default=None, exclude=True, repr=False)
    password: str | None = Field(default=None, exclude=True, repr=False)

    @model_validator(mode="after")
    def _keeps_the_password(self) -> Self:
        if (self.user is None) != (self.password is None):
            raise ValueError(
                "BOUNCES_USER and BOUNCES_PASSWORD go together; one of them is not set"
            )
        if self.imap and self.tls == "none" and not is_loopback(self.imap):
            raise ValueError("tls: none would show the password to everyone on the way")
        return self


class Retention(Strict):
    """How long what is known of people is kept; the bell sees to it every hour."""

    #: Who asked to join and never confirmed is forgotten after that.
    pending: Duration = timedelta(days=30)
    #: So long after an issue is finished the ledger has the addresses it went to.
    addresses: Duration = timedelta(days=90)
    #: So long confirmations, welcomes and notices are kept after they went or failed.
    mails: Duration = timedelta(days=30)
    #: Who left is forgotten after that, but for a keyed hash; none: their consent stays proved.
    left: Duration | None = None


class Webhook(Strict):
    """A program of yours that is told of what happens, by a signed POST of JSON."""

    #: Where it listens.
    url: Annotated[str, AfterValidator(_web_address)]
    #: Of what it is told: who ``joined`` (and confirmed) or ``left``, whose mail ``bounced`` or
    #: who complained, and that an issue was ``sent``.
    events: tuple[Literal["joined", "left", "bounced", "sent"], ...] = (
        "joined",
        "left",
        "bounced",
        "sent",
    )


class WebSettings(Strict):
    """Where `digest serve` listens; a proxy in front of it answers at public_url."""

    #: ``0.0.0.0`` listens to other machines too; put TLS in front then.
    host: Annotated[str, AfterValidator(_host)] = "127.0.0.1"
    #: Behind the port of public_url, where a proxy is in front.
    port: int = Field(default=8000, ge=1, le=65535)
    #: Sites whose scripts may ask the public API from a reader's browser: ``https://example.org``,
    #: or ``"*"`` for all of them.
    origins: tuple[Annotated[str, AfterValidator(_origin)], ...] = ()


class Settings(Strict):
    """Everything config.yaml may hold, with secrets laid over it from the environment."""

    #: Where readers reach us; every link in a mail begins with it. Ends without a slash.
    public_url: Annotated[str, AfterValidator(_public_url)]
    #: An SQLAlchemy URL; a relative SQLite path is beside config.yaml.
    database: Annotated[str, AfterValidator(_database)] = "sqlite:///var/recap.db"
    #: The relay that takes our mail.
    smtp: SmtpSettings = SmtpSettings()
    #: Who signs; none: the relay, or nobody.
    dkim: DkimSettings | None = None
    #: Where mail comes back; none: to the newsletters' `from`, and nobody reads it.
    bounces: BounceSettings | None = None
    #: Programs that are told who joined, left or bounced, and what was sent.
    webhooks: tuple[Webhook, ...] = ()
    #: How long what is known of people is kept.
    retention: Retention = Retention()
    #: Where the desk and the readers' pages are served.
    web: WebSettings = WebSettings()
    #: What is asked of others before an issue goes out.
    checks: ChecksSettings = ChecksSettings()
    #: Let any number of `digest worker` send, on as many machines; needs PostgreSQL.
    fleet: bool = False
    #: By key: small letters, digits and hyphens; it stands in links, so it stays.
    newsletters: dict[Key, NewsletterSettings] = Field(min_length=1)
    #: Signs links and Message-IDs; TOKEN_KEY in .env, never in config.yaml.
    token_key: str = Field(default="", exclude=True, repr=False)
    #: Opens `/metrics` to who sends it as a bearer token; METRICS_TOKEN in .env. None: no metrics.
    metrics_token: str = Field(default="", exclude=True, repr=False)
    #: Signs what webhooks are told; WEBHOOK_SECRET in .env. None: nothing is told.
    webhook_secret: str = Field(default="", exclude=True, repr=False)
    #: Lets a program of yours ask for many to join, by `POST …/subscriptions` with it as a
    #: bearer token; API_TOKEN in .env.
    api_token: str = Field(default="", exclude=True, repr=False)
