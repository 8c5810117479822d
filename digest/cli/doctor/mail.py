"""The mail server, our signature, and what DNS says of us."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from email.utils import parseaddr
from pathlib import Path
from typing import TYPE_CHECKING

from digest.cli.doctor.finding import Finding, Health, broken, ok
from digest.errors import ConfigError, DigestError, Unreachable

if TYPE_CHECKING:
    from dns.resolver import Resolver

    from digest.config import Loaded
    from digest.model.settings import Settings
    from digest.smtp.records import Record

#: A mail server that has not greeted us in this time is not worth waiting for here.
SMTP_SECONDS = 20
#: Renewal is automatic nowadays, a month before; whoever is later than this was forgotten.
RENEWED_BEFORE = timedelta(days=14)
#: M3AAWG's practices for DKIM keys ask for a new one twice a year.
KEY_LASTS = timedelta(days=400)


def server(loaded: Loaded) -> Iterator[Finding]:
    """See that the mail server takes us: TLS, its certificate, and the login."""
    import asyncio

    smtp = loaded.settings.smtp
    place = f"{smtp.host}:{smtp.port}"
    try:
        expires = asyncio.run(asyncio.wait_for(greet(loaded), SMTP_SECONDS))
    except Unreachable as e:
        yield replace(broken("mail server", e), remedy=_unreachable(loaded))
    except DigestError as e:
        yield broken("mail server", e)
    except TimeoutError:
        yield Finding(
            check="mail server",
            health=Health.BROKEN,
            sentence=f"{place}: no greeting within {SMTP_SECONDS} s.",
            remedy=_unreachable(loaded),
        )
    else:
        yield from _certificate(place, expires)
        yield ok("mail server", f"{place} takes mail, {_how(loaded)}.")


def _certificate(place: str, expires: datetime | None) -> Iterator[Finding]:
    """Warn of a certificate that nobody has renewed in time; *expires* is None without TLS."""
    if expires and expires - datetime.now(UTC) < RENEWED_BEFORE:
        yield Finding(
            check="mail server",
            health=Health.WARNING,
            sentence=f"The certificate of {place} expires on {expires:%Y-%m-%d %H:%M} UTC.",
            remedy="Renew it, or ask whoever runs that server; after that day nothing goes out.",
        )


def _unreachable(loaded: Loaded) -> str:
    from digest.model.settings import is_loopback

    right = "See that it runs, and that smtp.host and smtp.port are right."
    is_here = is_loopback(loaded.settings.smtp.host)
    return f"{right} For a trial, run beside it: digest inbox" if is_here else right


async def greet(loaded: Loaded) -> datetime | None:
    """Connect, sign in and leave; return when the server's certificate expires, if it has one."""
    from digest import smtp

    session = await smtp.connect(loaded.settings.smtp, folder=loaded.folder)
    await session.close()
    return session.trusted_until


def _how(loaded: Loaded) -> str:
    smtp = loaded.settings.smtp
    way = {"starttls": "over STARTTLS", "implicit": "over TLS", "none": "unencrypted"}[smtp.tls]
    return f"{way}, signed in as {smtp.user}" if smtp.user else f"{way}, without signing in"


def signature(loaded: Loaded) -> Iterator[Finding]:
    """Check that the key can sign, that it is nobody else's, and not too old."""
    from digest.render import signature as signing

    dkim = loaded.settings.dkim
    if dkim is None:
        return
    path = loaded.folder / dkim.key
    try:
        signing.signer(dkim, folder=loaded.folder)
        if path.stat().st_mode & 0o077:
            yield Finding(
                check="signature",
                health=Health.WARNING,
                sentence=f"Others on this machine may read {path}, and sign as {dkim.domain}.",
                remedy=f"Run: chmod 600 {path}",
            )
        yield from _age(path)
        yield ok("signature", f"Mail is signed as {dkim.domain}, selector {dkim.selector}.")
    except DigestError as e:
        yield broken("signature", e)


def _age(key: Path) -> Iterator[Finding]:
    made = datetime.fromtimestamp(key.stat().st_mtime, UTC)
    age = datetime.now(UTC) - made
    if age > KEY_LASTS:
        yield Finding(
            check="signature",
            health=Health.WARNING,
            sentence=f"{key} is of {made:%Y-%m-%d}, {age.days} days old.",
            remedy="Make a new one under another selector; keep the old record for a week.",
        )


def records(loaded: Loaded, server: str) -> Iterator[Finding]:
    """Check what the senders' domains say in DNS, one question after the other."""
    from digest.smtp import records as told

    try:
        asked = told.resolver(server)
    except ConfigError as e:
        yield broken("dns", e)
        return
    senders = {
        newsletter.from_address.rpartition("@")[2].lower(): newsletter.from_address
        for newsletter in loaded.settings.newsletters.values()
    }
    for domain, address in senders.items():
        yield _record(told.spf(domain, asked))
        yield _record(told.dmarc(domain, address, asked))
    for domain in _answered_at(loaded.settings):
        yield _record(told.mx(domain, asked))
    yield from _key_record(loaded, asked)


def _answered_at(settings: Settings) -> list[str]:
    """Return the domains that readers' answers and bounces go to, each once."""
    addresses = [settings.bounces.address] if settings.bounces else []
    for newsletter in settings.newsletters.values():
        addresses += [newsletter.from_address, newsletter.reply_to or ""]
    domains = (parseaddr(address)[1].rpartition("@")[2].lower() for address in addresses)
    return list(dict.fromkeys(domain for domain in domains if domain))


def _key_record(loaded: Loaded, asked: Resolver) -> Iterator[Finding]:
    from digest.render import signature
    from digest.smtp import records

    dkim = loaded.settings.dkim
    if dkim is None:
        yield ok("dns", "DKIM: we do not sign; see that the relay does (`dkim` in config.yaml).")
        return
    try:
        wanted = signature.signer(dkim, folder=loaded.folder).record()
    except DigestError:
        return  # told by `_signature`
    yield _record(records.dkim(dkim.domain, dkim.selector, wanted, asked))


def _record(record: Record) -> Finding:
    said = f" says: {record.found}" if record.found else ""
    if not record.fault:
        return ok("dns", f"{record.kind}: {record.name}{said}")
    # A signature that fails is worse than none; what is not there yet only weighs.
    broken = record.kind == "DKIM" and bool(record.wanted)
    publish = f"Publish as {record.type} at {record.name}: {record.wanted}"
    return Finding(
        check="dns",
        health=Health.BROKEN if broken else Health.WARNING,
        sentence=f"{record.kind}: {record.name}{said}{': ' if not said else '; '}{record.fault}.",
        remedy=publish if record.wanted else "Try again, or name a server with --resolver.",
    )
