"""How long to wait before a message that was put off is offered again."""

from __future__ import annotations

import zlib
from datetime import timedelta

#: Minutes between one try and the next: past greylisting first (RFC 5321 §4.5.4.1 wants
#: 30 minutes later on), 48 hours in all. A weekly mail that comes later than that is old.
RETRY_MINUTES = (5, 15, 30, 60, 120, 240, 480, 480, 480, 480, 480)


def patience(attempts: int, seed: str) -> timedelta | None:
    """
    Return how long to wait after the *attempts*-th try (1 is the first); None: give up.

    Spread by a fifth to both sides so that those who were put off together do not come
    back together; the same *seed* and count give the same wait.
    """
    if attempts > len(RETRY_MINUTES):
        return None
    spread = 0.8 + 0.4 * zlib.crc32(f"{seed}:{attempts}".encode()) / 2**32
    return timedelta(minutes=RETRY_MINUTES[max(attempts, 1) - 1] * spread)
