"""What a configuration may say but should not keep."""

from __future__ import annotations

from collections.abc import Iterator
from urllib.parse import urlsplit

from digest.model.settings import NewsletterSettings, Settings, is_loopback

#: A key of 32 random bytes in hexadecimal has 64 letters; half of that is the least.
TOKEN_KEY_LETTERS = 32


def about(settings: Settings) -> tuple[str, ...]:
    """Return a sentence with its remedy for each thing to mend, the gravest first."""
    return (*_keys(settings), *_places(settings), *_newsletters(settings))


def _keys(settings: Settings) -> Iterator[str]:
    if not settings.token_key:
        yield "TOKEN_KEY is not set: no link in a mail can be signed. Write it into .env."
    elif len(settings.token_key) < TOKEN_KEY_LETTERS:
        yield f"TOKEN_KEY is shorter than {TOKEN_KEY_LETTERS} letters: links could be forged."


def _places(settings: Settings) -> Iterator[str]:
    url = urlsplit(settings.public_url)
    if url.scheme != "https" and not is_loopback(url.hostname or ""):
        yield f"public_url: {settings.public_url} is not https; one-click unsubscribe needs it."
    if settings.smtp.tls == "none" and not is_loopback(settings.smtp.host):
        yield f"smtp.tls: mail travels to {settings.smtp.host} unencrypted. Use starttls."


def _newsletters(settings: Settings) -> Iterator[str]:
    for key, newsletter in settings.newsletters.items():
        for remark in _newsletter(newsletter, to_the_world=not is_loopback(settings.smtp.host)):
            yield f"newsletters.{key}.{remark}"


def _newsletter(newsletter: NewsletterSettings, *, to_the_world: bool) -> Iterator[str]:
    if newsletter.lacks_postal_address:
        yield "postal_address: still a placeholder; nothing is sent until it is yours."
    elif to_the_world and newsletter.has_sample_address:
        yield "postal_address: the sample's, not yours; the law asks for your own."
    urls = [feed.url for feed in newsletter.feeds]
    for url in sorted({url for url in urls if urls.count(url) > 1}):
        yield f"feeds: {url} is listed twice; it is read once."
