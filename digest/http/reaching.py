"""Where addresses lead, many at a time: the status that a reader would meet, no body read."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from urllib.parse import urlsplit

from digest.errors import FeedError, FetchFailed
from digest.http.fetching import (
    AGENT,
    Asking,
    Bounds,
    Lookup,
    asked_with,
    ended,
    in_time,
    looked_up,
    shown,
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Reached:
    """Where an address leads: what the last server says of it, whatever the status."""

    status: int
    #: Where it ended, without user and password; another than was asked for after a redirect.
    url: str
    content_type: str = ""
    #: In bytes; None where not told.
    length: int | None = None


#: Beside a missing page, what servers say that do not know HEAD.
_ASKED_AGAIN = (400, 403, 404, 405, 406, 410, 500, 501, 503)
#: One server is not asked more at the same time.
_AT_ONCE_PER_HOST = 2
_AT_ONCE = 12


def reach(
    urls: Iterable[str],
    *,
    allow_private: bool = False,
    seconds: float = 25.0,
    bounds: Bounds | None = None,
    lookup: Lookup = looked_up,
) -> dict[str, Reached | FeedError]:
    """
    Return where each of *urls* leads, all within *seconds*; in place of an answer, why not.

    Each is asked by HEAD, then by GET where that was refused; no body is read. *bounds* are
    those of one address. Why not is FetchRefused where we would not ask (see `fetch`),
    NoSuchHost, or FetchFailed where nobody answered in time. Blocks, and runs an event loop
    of its own.
    """
    asking = Asking(
        headers=asked_with("*/*", AGENT, None, None),
        bounds=bounds or Bounds(seconds=10.0),
        allow_private=allow_private,
        lookup=lookup,
        reads=False,
    )
    return asyncio.run(_reach_all(tuple(dict.fromkeys(urls)), asking, seconds))


async def _reach_all(
    urls: Sequence[str], asking: Asking, seconds: float
) -> dict[str, Reached | FeedError]:
    lanes: dict[str, asyncio.Semaphore] = {}
    road = asyncio.Semaphore(_AT_ONCE)

    async def one(url: str) -> Reached:
        async with lanes.setdefault(_lane(url), asyncio.Semaphore(_AT_ONCE_PER_HOST)), road:
            return await _reach(url, asking)

    tasks = {url: asyncio.create_task(one(url)) for url in urls}
    if tasks:
        await asyncio.wait(tasks.values(), timeout=seconds)
    found: dict[str, Reached | FeedError] = {}
    for url, task in tasks.items():
        if not task.done():
            task.cancel()
            found[url] = FetchFailed(f"{shown(url)}: not done within {seconds:g} s")
        elif isinstance(error := task.exception(), FeedError):
            found[url] = error
        else:
            found[url] = task.result()
    await asyncio.gather(*tasks.values(), return_exceptions=True)
    return found


def _lane(url: str) -> str:
    """Return the server whose turn an address waits for; "" for what is refused anyway."""
    try:
        return urlsplit(url).netloc.lower()
    except ValueError:
        return ""


async def _reach(url: str, asking: Asking) -> Reached:
    """Ask by HEAD, and by GET what many servers get wrong with that."""
    async with in_time(url, asking):
        at, _, response, _ = await ended(url, replace(asking, method="HEAD"))
        if response.status_code in _ASKED_AGAIN:
            at, _, response, _ = await ended(url, asking)
    told = response.headers.get("content-length", "")
    return Reached(
        status=response.status_code,
        url=shown(at),
        content_type=response.headers.get("content-type", ""),
        length=int(told[:15]) if told.isascii() and told.isdigit() else None,
    )
