"""How mail leaves and comes back: the relay, signing, bounces."""

from __future__ import annotations

from datetime import date, timedelta
from typing import Annotated, Literal, Self

from pydantic import AfterValidator, Field, model_validator

from digest.model.settings.values import (
    Address,
    Duration,
    Host,
    Line,
    Rates,
    Strict,
    is_loopback,
)


class DomainLimits(Strict):
    """What one recipient domain takes from us."""

    #: Rates of its own, like ``20/m``; none: only those of `smtp.limit`.
    limit: Rates | None = None
    #: So many messages on their way to it at a time; none: as many as connections allow.
    at_once: int | None = Field(default=None, ge=1, le=1000)


class WarmUp(Strict):
    """A plan for a domain that has not sent much yet: so many mails on each of its first days."""

    #: The first day of the plan, in UTC.
    since: date
    #: How many may leave on each day; after the last of them `smtp.limit` alone holds.
    days: tuple[Annotated[int, Field(ge=1)], ...] = Field(min_length=1, max_length=90)


class Retries(Strict):
    """When mail that the server put off is offered again."""

    #: The waits between one try and the next, a little apart for each reader; the last repeats.
    after: tuple[Duration, ...] = (
        # Past greylisting first; RFC 5321 §4.5.4.1 wants 30 minutes later on.
        timedelta(minutes=5),
        timedelta(minutes=15),
        timedelta(minutes=30),
        timedelta(hours=1),
        timedelta(hours=2),
        timedelta(hours=4),
        timedelta(hours=8),
    )
    #: Nobody took it for so long: it has failed.
    give_up: Duration = timedelta(hours=48)  # a weekly mail that comes later than that is old

    @model_validator(mode="after")
    def _waits_and_ends(self) -> Self:
        if not self.after or min(self.after) < timedelta(minutes=1):
            raise ValueError("after: needs at least one wait, and each at least 1m")
        if self.give_up < self.after[0]:
            raise ValueError("give_up: is shorter than the first wait, so nothing is tried again")
        return self


class SmtpSettings(Strict):
    """The relay that takes our mail. SMTP_USER and SMTP_PASSWORD come from the environment."""

    #: The relay's name.
    host: Host = "localhost"
    #: 587 for ``starttls``, 465 for ``implicit``.
    port: int = Field(default=587, ge=1, le=65535)
    #: ``starttls`` refuses a server that does not offer it; ``none`` is for loopback only.
    tls: Literal["starttls", "implicit", "none"] = "starttls"
    #: A PEM file of further authorities to trust; a path beside config.yaml.
    ca_file: str | None = None
    #: How much the relay allows, in rates like ``14/s, 50000/day``; none: no limit.
    limit: Rates | None = None
    #: Limits of recipient domains, by name (``gmail.com``); ``"*"`` is each other one.
    domains: dict[str, DomainLimits] = Field(default={})
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
    #: What happens to mail that the server put off ("try again later").
    retries: Retries = Retries()
    #: The name we greet with; default: the machine's own.
    helo: Host | None = None
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


class DkimSettings(Strict):
    """Signing our mail ourselves; leave it out where the relay signs. Needs the extra `sign`."""

    #: That of the newsletters' `from`, or the one it lies under; else DMARC fails.
    domain: Host
    #: Its record stands at ``SELECTOR._domainkey.DOMAIN``; `digest doctor --dns` prints it.
    selector: Host = "recap"
    #: A PEM file with an RSA key of 2048 bits or more; a path beside config.yaml.
    key: Annotated[Line, Field(min_length=1)] = "var/dkim.pem"


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
    imap: Host | None = None
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
