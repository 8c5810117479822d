"""What a configuration may say but should not keep."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path
from urllib.parse import urlsplit

from digest.model.settings import NewsletterSettings, Settings, is_loopback

#: A key of 32 random bytes in hexadecimal has 64 letters; half of that is the least.
TOKEN_KEY_LETTERS = 32


@dataclass(frozen=True, slots=True)
class Remark:
    """Something to mend, though the configuration can be read."""

    #: The key, variable or file it is about.
    about: str
    sentence: str
    remedy: str
    #: True if nothing can be sent until it is mended.
    blocks: bool = False

    def __str__(self) -> str:
        return f"{self.about}: {self.sentence}. {self.remedy}"


def on(settings: Settings, folder: Path) -> tuple[Remark, ...]:
    """Return what to mend, the gravest first; *folder* is that of config.yaml."""
    found = (
        *_key(settings),
        *_places(settings),
        *_signature(settings),
        *_webhooks(settings),
        *_mailbox(settings),
        *_provider(settings),
        *_newsletters(settings),
        *_pictures(settings, folder),
        *_hosted(settings),
    )
    return tuple(sorted(found, key=lambda remark: not remark.blocks))


def _key(settings: Settings) -> Iterator[Remark]:
    remedy = 'Write TOKEN_KEY=… into .env; `python3 -c "import secrets; '
    remedy += 'print(secrets.token_hex(32))"` makes one.'
    if not settings.token_key:
        yield Remark("TOKEN_KEY", "not set, so that no link can be signed", remedy, blocks=True)
    elif len(settings.token_key) < TOKEN_KEY_LETTERS:
        short = f"shorter than {TOKEN_KEY_LETTERS} letters, so that links can be forged"
        yield Remark("TOKEN_KEY", short, remedy, blocks=True)


def _places(settings: Settings) -> Iterator[Remark]:
    url = urlsplit(settings.public_url)
    if url.scheme != "https" and not is_loopback(url.hostname or ""):
        yield Remark(
            "public_url",
            f"{settings.public_url} is not https, and one-click unsubscribe works only there",
            "Put a proxy with a certificate in front, and write https://….",
        )
    if is_loopback(url.hostname or "") and not is_loopback(settings.smtp.host):
        yield Remark(
            "public_url",
            f"{settings.public_url} leads readers to their own machine",
            "Write the address at which they reach this one.",
        )
    if settings.smtp.tls == "none" and not is_loopback(settings.smtp.host):
        yield Remark(
            "smtp.tls",
            f"none would carry mail to {settings.smtp.host} unencrypted",
            "Write starttls (port 587) or implicit (port 465).",
        )


def _webhooks(settings: Settings) -> Iterator[Remark]:
    if settings.webhooks and not settings.webhook_secret:
        yield Remark(
            "WEBHOOK_SECRET",
            "not set, so that webhooks are told nothing; what happens waits for it",
            "Write WEBHOOK_SECRET=… into .env, long and random.",
        )
    for hook in settings.webhooks:
        url = urlsplit(hook.url)
        if url.scheme != "https" and not is_loopback(url.hostname or ""):
            yield Remark(
                "webhooks",
                f"{hook.url} is not https, and readers' addresses would travel unencrypted",
                "Write https://….",
            )


def _mailbox(settings: Settings) -> Iterator[Remark]:
    bounces = settings.bounces
    if bounces and bounces.imap and bounces.user is None:
        yield Remark(
            "BOUNCES_USER",
            f"not set, so that nothing that comes back to {bounces.address} is read",
            "Write BOUNCES_USER=… and BOUNCES_PASSWORD=… into .env.",
        )
    if bounces and bounces.sns_topic and find_spec("cryptography") is None:
        yield Remark(
            "bounces.sns_topic",
            "needs the package cryptography, so that every report of SES is refused",
            "Run: pip install 'weekly-recap[sign]'",
        )


def _provider(settings: Settings) -> Iterator[Remark]:
    if settings.oidc is None:
        return
    if not settings.oidc_client_secret:
        yield Remark(
            "OIDC_CLIENT_SECRET",
            f"not set, so that nobody can sign in at {settings.oidc.issuer}",
            "Write OIDC_CLIENT_SECRET=… into .env; the provider gave it to you.",
        )
    if find_spec("joserfc") is None:
        yield Remark(
            "oidc",
            "needs the package joserfc, so that nobody can sign in there",
            "Run: pip install 'weekly-recap[oidc]'",
        )


def _signature(settings: Settings) -> Iterator[Remark]:
    """A signature counts for DMARC only if it is that of the domain in From, or one above it."""
    if settings.dkim is None:
        return
    signs = settings.dkim.domain.lower()
    for key, newsletter in settings.newsletters.items():
        domain = newsletter.from_address.rpartition("@")[2].lower()
        if not f".{domain}".endswith(f".{signs}"):
            yield Remark(
                "dkim.domain",
                f"{signs} signs, but the mail of {key} comes from {domain}",
                "Write the domain of `from`: DMARC counts no other signature.",
            )


def _pictures(settings: Settings, folder: Path) -> Iterator[Remark]:
    for key, newsletter in settings.newsletters.items():
        for name, picture in (("logo", newsletter.look.logo), ("header", newsletter.look.header)):
            if picture and "://" not in picture and not (folder / picture).is_file():
                missing = f"there is no file {picture} beside config.yaml, so the mail shows a gap"
                yield Remark(f"newsletters.{key}.look.{name}", missing, "Put it there.")


def _hosted(settings: Settings) -> Iterator[Remark]:
    for key, newsletter in settings.newsletters.items():
        if newsletter.look.pictures == "hosted" and find_spec("PIL") is None:
            yield Remark(
                f"newsletters.{key}.look.pictures",
                "hosted needs the package pillow, so mails go without pictures",
                "Run: pip install 'weekly-recap[pictures]'",
            )


def _newsletters(settings: Settings) -> Iterator[Remark]:
    to_the_world = not is_loopback(settings.smtp.host)
    for key, newsletter in settings.newsletters.items():
        yield from _newsletter(f"newsletters.{key}", newsletter, to_the_world=to_the_world)


def _newsletter(
    key: str, newsletter: NewsletterSettings, *, to_the_world: bool
) -> Iterator[Remark]:
    where = "Write where the sender can be found; the law asks for it in every mail."
    if newsletter.lacks_postal_address:
        yield Remark(f"{key}.postal_address", "still a placeholder", where, blocks=True)
    elif to_the_world and newsletter.has_sample_address:
        yield Remark(f"{key}.postal_address", "the sample's, not yours", where, blocks=True)
    urls = [feed.url for feed in newsletter.feeds]
    for url in sorted({url for url in urls if urls.count(url) > 1}):
        yield Remark(f"{key}.feeds", f"{url} is listed twice", "Remove one; it is read once.")
