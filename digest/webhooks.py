"""
Webhooks out: other programs are told who joined and left, what bounced, what was sent.

Signed, retried and named as Standard Webhooks has it (standardwebhooks.com): a call is
known by its id however often it comes, and its signature covers id, time and body.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import hmac
import json
from collections.abc import Callable
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any, Protocol

from sqlalchemy import Connection

from digest.errors import FetchFailed
from digest.http import post
from digest.model import DeliveryState
from digest.model.settings import Retries
from digest.store import Database, hooks, issues, ledger, subscribers
from digest.store.hooks import Call
from digest.verdict import Patience

if TYPE_CHECKING:
    from digest.config import Loaded

#: Calls claimed at once, and for how long nobody else takes them up.
BATCH = 20
LEASE = timedelta(minutes=10)
#: After one failure the same address is not tried for that long.
REST = timedelta(minutes=1)
#: The receiver's word that it wants no more of this (RFC 9110, 15.5.11).
GONE = 410

#: A receiver is waited for as long as a mail server is.
PATIENCE = Patience.of(Retries())

_KINDS = {
    hooks.JOINED: "reader.joined",
    hooks.LEFT: "reader.left",
    hooks.BOUNCED: "reader.bounced",
    hooks.SENT: "issue.sent",
}


class Post(Protocol):
    """Sends a body, and returns the answer's status; FetchFailed if there was none."""

    def __call__(self, url: str, body: bytes, headers: dict[str, str]) -> int: ...


def deliver(
    database: Database, loaded: Loaded, *, clock: Callable[[], datetime], send: Post = post
) -> int:
    """
    Tell the configured addresses what is to be told by now; return how many took it.

    Calling twice is safe, also from two processes. An address that fails is tried again
    for 48 hours, more and more seldom, and holds up no other. Without a secret nothing is
    told, and nothing is lost.
    """
    settings = loaded.settings
    wanted = [(hook.url, hook.events) for hook in settings.webhooks]
    with database.read() as conn:
        if hooks.idle(conn, now=clock()):
            return 0
    more = True
    while more:
        with database.write() as conn:
            more = bool(hooks.fan_out(conn, wanted, now=clock()))
    if not settings.webhook_secret:
        return 0
    told, failing = 0, set[str]()
    known = {hook.url for hook in settings.webhooks}
    while calls := _claimed(database, clock()):
        for call in calls:
            if call.url in failing:
                _rest(database, call, clock())
                continue
            took = call.url in known and _tell(database, settings.webhook_secret, call, clock, send)
            if call.url not in known:
                _settle(database, call, DeliveryState.SKIPPED, "not configured any more")
            elif took:
                told += 1
            else:
                failing.add(call.url)
    return told


def _claimed(database: Database, now: datetime) -> list[Call]:
    with database.write() as conn:
        return hooks.claim(conn, now=now, lease=LEASE, size=BATCH)


def _tell(
    database: Database, secret: str, call: Call, clock: Callable[[], datetime], send: Post
) -> bool:
    """Make one call and write down what came of it; False if the address did not take it."""
    with database.read() as conn:
        body = json.dumps(_said(conn, call), ensure_ascii=False, default=str).encode()
    now = clock()
    try:
        status = send(call.url, body, headers(secret, call.key, body, at=now))
    except FetchFailed as e:
        return _again(database, call, str(e), now)
    if 200 <= status < 300:
        _settle(database, call, DeliveryState.SENT, str(status))
        return True
    if status == GONE:
        _settle(database, call, DeliveryState.FAILED, "410: the receiver wants no more of it")
        return True
    return _again(database, call, f"answered {status}", now)


def _again(database: Database, call: Call, why: str, now: datetime) -> bool:
    wait = PATIENCE.wait(call.attempts, call.key)
    if wait is None:
        _settle(database, call, DeliveryState.FAILED, PATIENCE.given_up(why))
    else:
        with database.write() as conn:
            hooks.settle(conn, call.id, DeliveryState.DEFERRED, why, due_at=now + wait)
    return False


def _rest(database: Database, call: Call, now: datetime) -> None:
    with database.write() as conn:
        due, why = now + REST, "another call of this address failed just before"
        hooks.settle(conn, call.id, DeliveryState.DEFERRED, why, due_at=due, tried=False)


def _settle(database: Database, call: Call, state: DeliveryState, answer: str) -> None:
    with database.write() as conn:
        hooks.settle(conn, call.id, state, answer)


# --- what is said -------------------------------------------------------------------------


def _said(conn: Connection, call: Call) -> dict[str, Any]:
    """Return the body: the address as it is now, so that who was erased has none."""
    data: dict[str, Any] = {"newsletter": call.newsletter, **call.detail}
    if call.subscriber is not None:
        person = subscribers.by_id(conn, call.subscriber)
        data |= {"subscriber": call.subscriber, "address": person.address if person else None}
    if call.issue is not None:
        issue, tally = issues.by_id(conn, call.issue), ledger.tally(conn, call.issue)
        data |= {
            "issue": issue.of.key,
            "frozen": tally.frozen,
            **{str(state): tally.count(state) for state in _ENDED},
        }
    return {"type": _KINDS[call.what], "timestamp": call.at.isoformat(), "data": data}


_ENDED = (
    DeliveryState.SENT,
    DeliveryState.FAILED,
    DeliveryState.SKIPPED,
    DeliveryState.UNCERTAIN,
)


def headers(secret: str, key: str, body: bytes, *, at: datetime) -> dict[str, str]:
    """Return the headers that name and sign a call: one signature for each secret of ours."""
    stamp = str(int(at.timestamp()))
    signed = f"{key}.{stamp}.".encode() + body
    macs = (hmac.digest(_octets(one), signed, hashlib.sha256) for one in _secrets(secret))
    return {
        "content-type": "application/json",
        "webhook-id": key,
        "webhook-timestamp": stamp,
        "webhook-signature": " ".join(f"v1,{base64.b64encode(mac).decode()}" for mac in macs),
    }


def _secrets(secret: str) -> list[str]:
    return [one.strip() for one in secret.split(",") if one.strip()]


def _octets(secret: str) -> bytes:
    """Return a secret's octets: those of base64 after ``whsec_``, else its letters."""
    if secret.startswith("whsec_"):
        try:
            return base64.b64decode(secret.removeprefix("whsec_"), validate=True)
        except binascii.Error:
            pass  # then its letters are meant
    return secret.encode()
