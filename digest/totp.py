"""
One-time codes that an authenticator app shows: TOTP (RFC 6238), with HMAC-SHA1.

SHA-1, six digits and thirty seconds, because that is what all apps know. Its weakness
against collisions is none for an HMAC (RFC 6194).
"""

from __future__ import annotations

import base64
import hmac
from datetime import datetime
from urllib.parse import quote, urlencode

#: Seconds that one code holds.
PERIOD = 30
DIGITS = 6
#: Codes of so many steps before and after now are taken too: clocks differ (section 5.2).
LEEWAY = 1


def code(secret: bytes, step: int) -> str:
    """Return the code of that step since 1970 (RFC 4226, section 5.3)."""
    mac = hmac.digest(secret, step.to_bytes(8, "big"), "sha1")
    offset = mac[-1] & 15
    number = int.from_bytes(mac[offset : offset + 4], "big") & 0x7FFFFFFF
    return f"{number % 10**DIGITS:0{DIGITS}}"


def step_of(secret: bytes, written: str, *, now: datetime) -> int | None:
    """
    Return the step that *written* is the code of, near *now*; None if it is none.

    Who takes it must refuse that step, and those before it, from then on. Spaces do not
    count. Every step is compared, so that the time taken tells nothing.
    """
    told = "".join(written.split()).encode()
    current, found = int(now.timestamp()) // PERIOD, None
    for step in range(current - LEEWAY, current + LEEWAY + 1):
        if hmac.compare_digest(code(secret, step).encode(), told):
            found = step
    return found


def spelled(secret: bytes) -> str:
    """Return the secret as a person types it into an app: base32 in groups of four."""
    plain = base64.b32encode(secret).decode().rstrip("=")
    return " ".join(plain[at : at + 4] for at in range(0, len(plain), 4))


def address(secret: bytes, *, issuer: str, account: str) -> str:
    """Return the ``otpauth:`` address that apps read from a QR code."""
    label = quote(f"{issuer}:{account}", safe="@:")
    told = {"secret": spelled(secret).replace(" ", ""), "issuer": issuer}
    return f"otpauth://totp/{label}?{urlencode(told, quote_via=quote)}"
