"""What a provider tells by its webhook: the same as a mail that came back."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from datetime import datetime
from functools import lru_cache
from typing import TYPE_CHECKING

from digest import http
from digest.bounces import ses
from digest.errors import BadToken
from digest.readership.outcome import Outcome
from digest.readership.returned import take
from digest.store import Database

if TYPE_CHECKING:
    from digest.config import Loaded


@lru_cache(maxsize=8)
def _opened(url: str) -> bytes:
    """Return what stands at an address of SNS's; its certificates stay for months."""
    return http.fetch(url, bounds=http.Bounds(max_bytes=100_000, seconds=10, redirects=0)).body


def take_sns(
    database: Database,
    loaded: Loaded,
    body: bytes,
    *,
    now: datetime,
    opened: Callable[[str], bytes] = _opened,
) -> Counter[Outcome]:
    """
    Do what a message of Amazon SNS asks for, if it is genuine; return what followed.

    A new subscription of the configured topic is confirmed by opening SNS's own page.
    *opened* returns what stands at an address of SNS's. Calling twice with one message is
    safe. BadToken for what is forged, from another topic, or where none is configured;
    FetchFailed if SNS does not answer.
    """
    settings = loaded.settings.bounces
    topic = settings.sns_topic if settings else ""
    message = ses.genuine(body, topic=topic, certificate=opened)
    if message["Type"] == "SubscriptionConfirmation":
        url = message.get("SubscribeURL", "")
        if not ses.is_theirs(url):
            raise BadToken("this page is not SNS's")
        opened(url)
        return Counter()
    told = ses.told(message.get("Message", ""), f"sns:{message.get('MessageId', '')}"[:250])
    return take(database, loaded, [told], now=now) if told else Counter()
