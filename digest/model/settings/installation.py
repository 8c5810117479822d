"""The whole installation: its database, relay, newsletters, and what it keeps."""

from __future__ import annotations

from datetime import timedelta
from typing import Literal, Self
from urllib.parse import urlsplit

from pydantic import Field, field_validator, model_validator

from digest.model.settings.mail import BounceSettings, DkimSettings, SmtpSettings
from digest.model.settings.newsletter import NewsletterSettings
from digest.model.settings.values import (
    DatabaseUrl,
    Duration,
    Host,
    Key,
    Line,
    Origin,
    PublicUrl,
    SpamFilter,
    Strict,
    WebAddress,
    is_loopback,
)


class ChecksSettings(Strict):
    """What `digest issue check`, and the bell before it sends, ask beyond the mail itself."""

    #: Whether every link is asked where it leads.
    links: bool = True
    #: A spam filter of your own that gives the mail a score: rspamd's
    #: ``http://127.0.0.1:11333``, or SpamAssassin's ``spamd://127.0.0.1:783``.
    spam: SpamFilter | None = None


class Retention(Strict):
    """How long what is known of people is kept; the bell sees to it every hour."""

    #: Who asked to join and never confirmed is forgotten after that.
    pending: Duration = timedelta(days=30)
    #: So long after an issue is finished the ledger has the addresses it went to.
    addresses: Duration = timedelta(days=90)
    #: So long after an issue is finished its rows stay in the ledger. Then they go into a file
    #: in ``var/ledgers``, without addresses, and the report's figures stay. None: for good.
    ledger: Duration | None = timedelta(days=400)
    #: So long confirmations, welcomes and notices are kept after they went or failed.
    mails: Duration = timedelta(days=30)
    #: So long what somebody asked for at the desk, a check or a rehearsal, is kept with its result.
    tasks: Duration = timedelta(days=90)
    #: Who left is forgotten after that, but for a keyed hash; none: their consent stays proved.
    left: Duration | None = None

    @model_validator(mode="after")
    def _keeps_what_bounces_are_judged_by(self) -> Self:
        if self.ledger is not None and self.ledger < timedelta(days=60):
            raise ValueError("ledger: must be at least 60d; bounces are judged by earlier issues")
        return self


class Webhook(Strict):
    """A program of yours that is told of what happens, by a signed POST of JSON."""

    #: Where it listens.
    url: WebAddress
    #: Of what it is told: who ``joined`` (and confirmed) or ``left``, whose mail ``bounced`` or
    #: who complained, and that an issue was ``sent``.
    events: tuple[Literal["joined", "left", "bounced", "sent"], ...] = (
        "joined",
        "left",
        "bounced",
        "sent",
    )


class OidcSettings(Strict):
    """An identity provider (OpenID Connect) where people of the desk may sign in."""

    #: The provider, as it calls itself: ``https://login.example.org``.
    issuer: WebAddress
    #: What the provider knows this installation by; OIDC_CLIENT_SECRET is in .env.
    client_id: Line = Field(min_length=1, max_length=200)
    #: What the button calls it: "Sign in with …".
    name: Line = Field(default="your organisation", min_length=1, max_length=60)

    @field_validator("issuer")
    @classmethod
    def _is_encrypted(cls, issuer: str) -> str:
        parts = urlsplit(issuer)
        if parts.scheme != "https" and not is_loopback(parts.hostname or ""):
            raise ValueError(f"must begin with https://, not {issuer!r}")
        return issuer


class WebSettings(Strict):
    """Where `digest serve` listens; a proxy in front of it answers at public_url."""

    #: ``0.0.0.0`` listens to other machines too; put TLS in front then.
    host: Host = "127.0.0.1"
    #: Behind the port of public_url, where a proxy is in front.
    port: int = Field(default=8000, ge=1, le=65535)
    #: Sites whose scripts may ask the public API from a reader's browser: ``https://example.org``,
    #: or ``"*"`` for all of them.
    origins: tuple[Origin, ...] = ()

    @property
    def place(self) -> str:
        """Host and port as they stand in a URL: an IPv6 host in brackets (RFC 3986, 3.2.2)."""
        return f"[{self.host}]:{self.port}" if ":" in self.host else f"{self.host}:{self.port}"


class Settings(Strict):
    """Everything config.yaml may hold, with secrets laid over it from the environment."""

    #: Where readers reach us; every link in a mail begins with it. Ends without a slash.
    public_url: PublicUrl
    #: An SQLAlchemy URL; a relative SQLite path is beside config.yaml.
    database: DatabaseUrl = "sqlite:///var/recap.db"
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
    #: Where people of the desk may sign in besides; none: by password and link alone.
    oidc: OidcSettings | None = None
    #: What is asked of others before an issue goes out.
    checks: ChecksSettings = ChecksSettings()
    #: The Chromium that draws the picture of the mail for its editors: a program's path,
    #: ``auto`` for the one on PATH where there is one, ``none`` for no picture.
    chromium: Line = Field(default="auto", min_length=1, max_length=400)
    #: Let any number of `digest worker` send, on as many machines; needs PostgreSQL.
    fleet: bool = False
    #: By key: small letters, digits and hyphens; it stands in links, so it stays.
    newsletters: dict[Key, NewsletterSettings] = Field(min_length=1)
    #: Proves to the identity provider that it is us; OIDC_CLIENT_SECRET in .env.
    oidc_client_secret: str = Field(default="", exclude=True, repr=False)
    #: Signs links and Message-IDs; TOKEN_KEY in .env, never in config.yaml.
    token_key: str = Field(default="", exclude=True, repr=False)
    #: Opens `/metrics` to who sends it as a bearer token; METRICS_TOKEN in .env. None: no metrics.
    metrics_token: str = Field(default="", exclude=True, repr=False)
    #: Signs what webhooks are told; WEBHOOK_SECRET in .env. None: nothing is told.
    webhook_secret: str = Field(default="", exclude=True, repr=False)
    #: Lets a program of yours ask for many to join, by `POST …/subscriptions` with it as a
    #: bearer token; API_TOKEN in .env.
    api_token: str = Field(default="", exclude=True, repr=False)
