"""What others keep for us: the mailbox for what comes back, and who signs people in."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from digest.cli.doctor.finding import Finding, ok, warning
from digest.errors import DigestError

if TYPE_CHECKING:
    from digest.config import Loaded


def mailbox(loaded: Loaded) -> Iterator[Finding]:
    """Sign in to the mailbox for what comes back and open its folder; nothing is read."""
    from digest.bounces import places

    bounces = loaded.settings.bounces
    if bounces is None or not bounces.imap or bounces.user is None:
        return
    try:
        with places.folder(bounces, beside=loaded.folder):
            yield ok("bounces", f"{bounces.imap}:{bounces.port} opens {bounces.folder}.")
    except DigestError as e:
        yield warning("bounces", e)


def provider(loaded: Loaded) -> Iterator[Finding]:
    """Ask the identity provider who it is; issues go out whatever it says."""
    from digest import oidc

    settings = loaded.settings.oidc
    if settings is None:
        return
    try:
        oidc.discovered(settings.issuer)
    except DigestError as e:
        yield warning("oidc", e)
        return
    back = f"{loaded.settings.public_url.rstrip('/')}/sign-in/elsewhere/back"
    yield ok("oidc", f"{settings.issuer} answers. It must know us by {back}.")
