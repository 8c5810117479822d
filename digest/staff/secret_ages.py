"""How old the secrets are that `.env` holds, told without keeping one of them."""

from __future__ import annotations

from datetime import datetime

from digest import tokens
from digest.model.settings import Settings
from digest.store import Database
from digest.store import keys as store


def secrets_in_use(database: Database, settings: Settings, *, now: datetime) -> dict[str, datetime]:
    """
    Return since when each secret has been in use that signs or opens something, by variable.

    One that was not here before counts from *now*, and so does each after TOKEN_KEY was
    replaced without its old secret behind it: the marks that are kept are made with it.
    """
    if not settings.token_key:
        return {}
    told = {
        "TOKEN_KEY": settings.token_key.split(",")[0].strip(),
        "WEBHOOK_SECRET": settings.webhook_secret,
        "API_TOKEN": settings.api_token,
        "METRICS_TOKEN": settings.metrics_token,
    }
    marks = {
        name: tokens.keyed_hash(settings.token_key, f"age of {name}", secret)
        for name, secret in told.items()
        if secret
    }
    with database.write() as conn:
        return store.seen(conn, marks, now=now)
