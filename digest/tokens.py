"""
Links that open one thing: keyed, bound to a purpose, without an address in them.

A token is base64url of key id (3 octets), HMAC-SHA256 cut to 128 bits, and its parts. The
HMAC (RFC 2104) covers the purpose, which is not in the token: one made to leave a
newsletter opens nothing else. A key may hold several secrets, separated by commas, the
newest first: the first signs, all of them open, so that keys rotate and old links live on.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import hmac
import re
from datetime import UTC, datetime, timedelta
from functools import lru_cache

from digest.errors import BadToken

#: What the two links in every issue are for.
LEAVE, CHOOSE = "unsubscribe", "choose"

_KEY_ID_OCTETS = 3
_MAC_OCTETS = 16
_BETWEEN = "\x1f"
_CONTROL = re.compile(r"[\x00-\x1e]")
#: Longer than any token that we make.
_MAX_LENGTH = 400


def make(key: str, purpose: str, *parts: str | int) -> str:
    """
    Return a token that says *parts* to who opens it for *purpose*; the same ones each time.

    URL-safe, without expiry. ValueError for an empty key, no parts, a part with a control
    character, or more of them than a link holds.
    """
    newest = _secrets(key)[0]
    payload = _payload(parts)
    token = _encoded(_key_id(newest) + _mac(newest, purpose, payload) + payload)
    if len(token) > _MAX_LENGTH:
        raise ValueError(f"a token of {len(token)} letters is too long for a link")
    return token


def opened(key: str, purpose: str, token: str) -> tuple[str, ...]:
    """
    Return the parts of a token made for *purpose* with any secret of *key*.

    BadToken, without a word about which, for a forged, cut or foreign one.
    """
    sealed = _decoded(token)
    key_id, mac, payload = (
        sealed[:_KEY_ID_OCTETS],
        sealed[_KEY_ID_OCTETS : _KEY_ID_OCTETS + _MAC_OCTETS],
        sealed[_KEY_ID_OCTETS + _MAC_OCTETS :],
    )
    genuine = False
    for secret in _secrets(key):
        # Every secret is tried, so that the time taken does not tell which one fits.
        fits = hmac.compare_digest(key_id, _key_id(secret))
        genuine |= hmac.compare_digest(mac, _mac(secret, purpose, payload)) and fits
    if not genuine:
        raise _refusal()
    return tuple(payload.decode().split(_BETWEEN))


def make_until(key: str, purpose: str, expires_at: datetime, *parts: str | int) -> str:
    """Return a token like `make`'s that opens before *expires_at* only."""
    return make(key, purpose, int(expires_at.timestamp()), *parts)


def opened_by(key: str, purpose: str, token: str, *, now: datetime) -> tuple[str, ...]:
    """Return the parts of a token of `make_until`; BadToken from its expiry on as well."""
    expiry, *parts = opened(key, purpose, token)
    if not expiry.isdigit() or now >= datetime.fromtimestamp(0, UTC) + timedelta(
        seconds=int(expiry)
    ):
        raise _refusal()
    return tuple(parts)


def message_id(key: str, issue: int, subscriber: int, domain: str) -> str:
    """
    Return the Message-ID of one reader's mail of one issue, the same at every attempt.

    RFC 5322 section 3.6.4; it tells neither reader nor issue to who lacks the key.
    """
    mac = _mac(_secrets(key)[-1], "message-id", _payload((issue, subscriber)))
    return f"<{_spelled(mac)}@{domain}>"


def return_address(key: str, issue: int, subscriber: int, mailbox: str) -> str:
    """
    Return the envelope sender of one reader's mail of one issue: ``bounces+tag@domain``.

    What comes back there is about that mail and no other: the tag is an HMAC, cut to 80
    bits, over both numbers, so that a forged bounce ends nobody's subscription. ASCII, in
    small letters as servers may change their case, the part before the @ within the 64
    octets of RFC 5321 §4.5.3.1.1; ValueError where *mailbox* leaves no room for it.
    """
    secret = _secrets(key)[0]
    numbers = _packed(issue) + _packed(subscriber)
    sealed = _key_id(secret)[:2] + _mac(secret, "return", numbers)[:_TAG_OCTETS] + numbers
    local, _, domain = mailbox.rpartition("@")
    tagged = f"{local}+{_spelled(sealed)}"
    if len(tagged) > 64:
        raise ValueError(f"{local} leaves no room for a tag of {len(tagged) - len(local)} letters")
    return f"{tagged}@{domain}"


def opened_return(key: str, address: str, mailbox: str) -> tuple[int, int]:
    """
    Return issue and subscriber of an address of `return_address`, made with any secret.

    BadToken for one of another mailbox, without a tag, or with a forged one.
    """
    local, _, domain = mailbox.casefold().rpartition("@")
    plus = f"{local}+"
    if not address.isascii() or not address.casefold().endswith(f"@{domain}"):
        raise _refusal()
    named = address.casefold().rpartition("@")[0]
    if not named.startswith(plus) or len(named) > 64:
        raise _refusal()
    sealed = _unspelled(named.removeprefix(plus))
    key_id, mac, numbers = sealed[:2], sealed[2 : 2 + _TAG_OCTETS], sealed[2 + _TAG_OCTETS :]
    genuine = False
    for secret in _secrets(key):
        fits = hmac.compare_digest(key_id, _key_id(secret)[:2])
        genuine |= hmac.compare_digest(mac, _mac(secret, "return", numbers)[:_TAG_OCTETS]) and fits
    if not genuine:
        raise _refusal()
    issue, rest = _unpacked(numbers)
    return issue, _unpacked(rest)[0]


#: 80 bits of HMAC: a forger would have to mail a bounce for each guess.
_TAG_OCTETS = 10


def _packed(number: int) -> bytes:
    """Seven bits an octet, the last octet below 128."""
    octets = bytearray()
    while number > 127:
        octets.append(128 | number & 127)
        number >>= 7
    return bytes([*octets, number])


def _unpacked(octets: bytes) -> tuple[int, bytes]:
    number = 0
    for place, octet in enumerate(octets):
        number |= (octet & 127) << 7 * place
        if octet < 128:
            return number, octets[place + 1 :]
    raise _refusal()


def _unspelled(tag: str) -> bytes:
    try:
        sealed = base64.b32decode(tag.upper() + "=" * (-len(tag) % 8))
    except binascii.Error:
        raise _refusal() from None
    # As with base64: one tag has one spelling.
    if _spelled(sealed) != tag:
        raise _refusal()
    return sealed


_LETTERS = "abcdefghijklmnopqrstuvwxyz234567"
_PAIRS = tuple(one + two for one in _LETTERS for two in _LETTERS)


def _spelled(sealed: bytes) -> str:
    """In base32 (RFC 4648, 6), small, unpadded; the standard library's costs ten times as much."""
    letters = -(-len(sealed) * 8 // 5)
    pairs = -(-letters // 2)
    number = int.from_bytes(sealed, "big") << pairs * 10 - len(sealed) * 8
    spelled = "".join([_PAIRS[number >> shift & 1023] for shift in range(pairs * 10 - 10, -1, -10)])
    return spelled[:letters]


def address_hash(key: str, address_key: str) -> str:
    """
    Return what is kept of an address that must not be written to again, in hexadecimal.

    Keyed, since a plain hash of an address can be guessed; by the oldest secret, so that
    it stays the same when keys rotate.
    """
    secret = _secrets(key)[-1]
    return hmac.digest(secret, b"address\0" + address_key.encode(), hashlib.sha256).hex()


def keyed_hash(key: str, purpose: str, text: str) -> str:
    """Return what *text* is known by for one purpose, in hexadecimal; it stays when keys rotate."""
    secret = _secrets(key)[-1]
    return hmac.digest(secret, f"{purpose}\0{text}".encode(), hashlib.sha256).hex()


def second_factor(key: str, salt: str) -> bytes:
    """
    Return the secret of 160 bits (RFC 4226, section 4) that belongs to *salt*.

    It is made and never kept: a copy of the database has no second factor in it.
    """
    return bytes.fromhex(keyed_hash(key, "second factor", salt))[:20]


@lru_cache(maxsize=16)
def _secrets(key: str) -> tuple[bytes, ...]:
    secrets = tuple(secret.strip().encode() for secret in key.split(",") if secret.strip())
    if not secrets:
        raise ValueError("there is no token key")
    return secrets


@lru_cache(maxsize=16)
def _key_id(secret: bytes) -> bytes:
    return hashlib.sha256(b"key id\0" + secret).digest()[:_KEY_ID_OCTETS]


def _mac(secret: bytes, purpose: str, payload: bytes) -> bytes:
    mac = _keyed(secret, purpose).copy()
    mac.update(payload)
    return mac.digest()[:_MAC_OCTETS]


@lru_cache(maxsize=64)
def _keyed(secret: bytes, purpose: str) -> hmac.HMAC:
    """Return the HMAC of *purpose*, to be copied: to begin one anew costs twice as much."""
    return hmac.new(secret, purpose.encode() + b"\0", hashlib.sha256)


def _payload(parts: tuple[str | int, ...]) -> bytes:
    if not parts:
        raise ValueError("a token without parts opens nothing")
    told = _BETWEEN.join(map(str, parts))
    if _CONTROL.search(told) or told.count(_BETWEEN) != len(parts) - 1:
        raise ValueError("a part of a token holds a control character")
    return told.encode()


def _decoded(token: str) -> bytes:
    if len(token) > _MAX_LENGTH or not token.isascii():
        raise _refusal()
    try:
        sealed = base64.b64decode(token + "=" * (-len(token) % 4), altchars=b"-_", validate=True)
    except binascii.Error:
        raise _refusal() from None
    # Base64 has several spellings of some octets; one token has one.
    if _encoded(sealed) != token or len(sealed) < _KEY_ID_OCTETS + _MAC_OCTETS:
        raise _refusal()
    return sealed


def _encoded(sealed: bytes) -> str:
    return base64.urlsafe_b64encode(sealed).rstrip(b"=").decode()


def _refusal() -> BadToken:
    return BadToken("this link does not work", remedy="Open it from the mail again, whole.")
