"""What o'clock it is elsewhere: the Date that a server says with each answer."""

from __future__ import annotations

import asyncio
from datetime import datetime, timedelta

from digest.http.fetching import (
    AGENT,
    Asking,
    Bounds,
    Lookup,
    asked_with,
    ended,
    in_time,
    looked_up,
    moment,
)

#: For the answer of one server.
SECONDS = 5.0


def time_told(
    url: str, *, allow_private: bool = False, lookup: Lookup = looked_up
) -> datetime | None:
    """
    Return what o'clock it is at the server of *url*, whatever else it answers; None if untold.

    Its Date (RFC 9110, 6.6.1) has whole seconds; where a cache kept the answer, its Age
    (RFC 9111, 5.1) is added. Raises what `fetch` raises. Blocks, and runs an event loop of
    its own.
    """
    asking = Asking(
        headers=asked_with("*/*", AGENT, None, None) | {"Cache-Control": "no-cache"},
        bounds=Bounds(seconds=SECONDS),
        allow_private=allow_private,
        lookup=lookup,
        method="HEAD",
        reads=False,
    )
    return asyncio.run(_told(url, asking))


async def _told(url: str, asking: Asking) -> datetime | None:
    async with in_time(url, asking):
        _, _, response, _ = await ended(url, asking)
    said = moment(response.headers.get("date", ""))
    age = response.headers.get("age", "")
    kept = int(age[:9]) if age.isascii() and age.isdigit() else 0
    return said + timedelta(seconds=kept) if said else None
