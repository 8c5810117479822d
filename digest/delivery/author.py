"""Writing one reader's message: the frozen edition, their links, a Message-ID that stays."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime
from email.utils import parseaddr
from functools import cache
from typing import TYPE_CHECKING

from digest.delivery.line import Letter
from digest.errors import ConfigError
from digest.model import Delivery, Issue
from digest.model.settings import NewsletterSettings
from digest.store import Database, editions
from digest.store import counting as counted

if TYPE_CHECKING:
    from digest.config import Loaded
    from digest.render.fragments import Fragments


def author(
    database: Database, loaded: Loaded, issue: Issue, *, clock: Callable[[], datetime]
) -> Callable[[Delivery], Letter]:
    """
    Return a function that writes the message of one ledger row, from that row's edition.

    Each of its variants is read and encoded once. The function raises ReaderError where an address
    cannot be written to. ConfigError if the newsletter, the token key or the key that signs
    is missing.
    """
    from digest import tokens
    from digest.render import counting, fragments, message, signature

    settings, newsletter = loaded.settings, _newsletter(loaded, issue)
    key, public_url = _token_key(loaded), settings.public_url.rstrip("/")
    domain = parseaddr(newsletter.from_)[1].rpartition("@")[2]
    bounces = settings.bounces
    signer = signature.signer(settings.dkim, folder=loaded.folder) if settings.dkim else None

    @cache
    def cut(edition_id: int, variant_id: int) -> Fragments:
        with database.read() as conn:
            edition = editions.read(conn, edition_id)
            variant = editions.variant(conn, variant_id)
            places = counted.places(conn, edition_id)
        over = {url: f"{public_url}/to/{edition_id}/{place}" for url, place in places.items()}
        return fragments.cut(counting.counted(fragments.varied(edition, variant), over))

    def returning(issue_id: int, reader: int) -> str | None:
        """Where this reader's mail comes back; None: to `from`."""
        if bounces is None:
            return None
        if not bounces.tags:
            return bounces.address
        return tokens.return_address(key, issue_id, reader, bounces.address)

    def by_mail(token: str) -> str | None:
        """For mail programs that cannot post; read like what comes back."""
        return f"mailto:{bounces.address}?subject=unsubscribe%20{token}" if bounces else None

    def write(row: Delivery) -> Letter:
        reader = row.recipient.subscriber
        leaving = tokens.make(key, tokens.LEAVE, reader, issue.of.newsletter)
        choosing = tokens.make(key, tokens.CHOOSE, reader, issue.of.newsletter)
        now = clock()
        letter = message.address(
            cut(row.edition, row.variant),
            row.recipient,
            newsletter=newsletter,
            newsletter_key=issue.of.newsletter,
            issue_key=issue.of.key,
            public_url=public_url,
            unsubscribe_url=f"{public_url}/unsubscribe/{leaving}",
            preferences_url=f"{public_url}/preferences/{choosing}",
            message_id=tokens.message_id(key, issue.id, reader, domain),
            date=now,
            envelope_from=returning(issue.id, reader),
            unsubscribe_mail=by_mail(leaving),
        )
        return signer.sealed(letter, at=now) if signer else letter

    return write


def _newsletter(loaded: Loaded, issue: Issue) -> NewsletterSettings:
    newsletter = loaded.settings.newsletters.get(issue.of.newsletter)
    if newsletter is None:
        raise ConfigError(
            f"the newsletter {issue.of.newsletter!r} of this issue is not in the configuration",
            file=str(loaded.path),
            key="newsletters",
            remedy="Put it back; its readers are still owed this issue.",
        )
    return newsletter


def _token_key(loaded: Loaded) -> str:
    if not loaded.settings.token_key:
        raise ConfigError(
            "TOKEN_KEY is not set; without it nobody could unsubscribe",
            file=str(loaded.folder / ".env"),
            remedy="Run: digest init, or put the key back from your backup.",
        )
    return loaded.settings.token_key
