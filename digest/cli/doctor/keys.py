"""How old the secrets are, and which of them nobody uses."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

from digest.cli.doctor.finding import Finding, Health, ok

if TYPE_CHECKING:
    from digest.config import Loaded
    from digest.store import Database
    from digest.store.api_tokens import ApiToken

#: What a copy of `.env` made in the meantime is worth ends with the secret.
SECRET_LASTS = timedelta(days=400)
#: Of a program that has not come for so long, nobody may remember that it could.
UNUSED = timedelta(days=180)

_REMEDIES = {
    "TOKEN_KEY": "Write a new secret before it in .env, with a comma between: the new one signs, "
    "and links in mails already sent open by the old one.",
    "WEBHOOK_SECRET": "Write another one into .env, and give it to the programs that check it.",
    "API_TOKEN": "Write another one into .env, and give it to your program.",
    "METRICS_TOKEN": "Write another one into .env, and give it to who reads /metrics.",
}


def ages(loaded: Loaded, opened: Database) -> Iterator[Finding]:
    """Tell of secrets in `.env` that are old, and of API tokens that nobody uses."""
    from digest import staff

    now = datetime.now(UTC)
    in_use = staff.secrets_in_use(opened, loaded.settings, now=now)
    old = {name: since for name, since in in_use.items() if now - since > SECRET_LASTS}
    for name, since in old.items():
        yield Finding(
            check="keys",
            health=Health.WARNING,
            sentence=f"{name} has been the same since {since:%Y-%m-%d}, {(now - since).days} days.",
            remedy=_REMEDIES[name],
        )
    unused = [token for token in staff.api_tokens(opened) if _is_forgotten(token, now)]
    yield from map(_forgotten, unused)
    if in_use and not old and not unused:
        oldest = min(in_use.values())
        yield ok("keys", f"No secret is older than {oldest:%Y-%m-%d}, and no token lies unused.")


def _is_forgotten(token: ApiToken, now: datetime) -> bool:
    opens = token.expires_at is None or token.expires_at > now
    return opens and now - (token.used_at or token.created_at) > UNUSED


def _forgotten(token: ApiToken) -> Finding:
    used = f"was last used on {token.used_at:%Y-%m-%d}" if token.used_at else "was never used"
    return Finding(
        check="keys",
        health=Health.WARNING,
        sentence=f"The API token {token.name!r} of {token.whose} is of "
        f"{token.created_at:%Y-%m-%d} and {used}.",
        remedy="If no program needs it, revoke it at the desk: Your account, API tokens.",
    )
