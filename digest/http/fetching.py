"""One thing asked of the web: each hop looked up, judged and bounded."""

from __future__ import annotations

import asyncio
import re
import socket
import ssl
import zlib
from collections.abc import AsyncIterator, Callable, Iterator, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from functools import cache
from ipaddress import IPv4Address, IPv6Address, IPv6Network, ip_address

import httpx

from digest import __version__
from digest.errors import FetchFailed, FetchRefused, NoSuchHost

Address = IPv4Address | IPv6Address
#: Looks a host and port up; the addresses as text, best first. OSError if there is none.
Lookup = Callable[[str, int], Sequence[str]]

AGENT = f"WeeklyRecap/{__version__}"

_PERMANENT = (301, 308)
_REDIRECTS = (*_PERMANENT, 302, 303, 307)
_NAT64 = IPv6Network("64:ff9b::/96")
_LONGEST_WAIT_SECONDS = 7 * 86400.0
_LONGEST_FRESHNESS_SECONDS = 365 * 86400.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Bounds:
    """How much we take, and how long we wait, for one thing with all its redirects."""

    #: Both on the wire and unpacked.
    max_bytes: int = 10_000_000
    #: From the first name looked up to the last byte read.
    seconds: float = 30.0
    redirects: int = 5


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    """What a server said at the end of the redirects: 200 with a body, or 304 without."""

    status: int
    #: Where the body came from, without user and password.
    url: str
    #: Where it moved for good (301, 308), if it did; a passing redirect is not remembered.
    moved_to: str | None = None
    body: bytes = field(default=b"", repr=False)
    content_type: str = ""
    etag: str | None = None
    last_modified: str | None = None
    #: How long the answer holds, by Cache-Control or Expires; None where not told.
    fresh_seconds: float | None = None

    @property
    def unchanged(self) -> bool:
        return self.status == 304


@dataclass(frozen=True, slots=True, kw_only=True)
class Asking:
    """How one thing is asked for."""

    headers: Mapping[str, str]
    bounds: Bounds
    allow_private: bool
    lookup: Lookup
    method: str = "GET"
    #: False: what is said of the body is enough.
    reads: bool = True


def looked_up(host: str, port: int) -> Sequence[str]:
    """Return the addresses that the system's resolver gives for a host."""
    found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
    return tuple(dict.fromkeys(str(place[0]) for *_, place in found))


def fetch(
    url: str,
    *,
    allow_private: bool = False,
    etag: str | None = None,
    last_modified: str | None = None,
    accept: str = "*/*",
    agent: str = AGENT,
    bounds: Bounds | None = None,
    lookup: Lookup = looked_up,
) -> Answer:
    """
    Return what stands at *url*, following up to five redirects.

    With *etag* or *last_modified* the answer may be a 304 without body. Blocks, and runs
    an event loop of its own: from within a loop, call it in a thread.

    Raises FetchRefused where we would not (not http(s), a private, loopback, link-local
    or reserved address anywhere on the way, too large, too many redirects), FetchFailed
    where they did not (no host, no connection, too slow, any other status). Link-local
    and reserved addresses stay refused with *allow_private*: a cloud's metadata service
    is no feed.
    """
    asking = Asking(
        headers=asked_with(accept, agent, etag, last_modified),
        bounds=bounds or Bounds(),
        allow_private=allow_private,
        lookup=lookup,
    )
    return asyncio.run(_follow(url, asking))


def asked_with(
    accept: str, agent: str, etag: str | None, last_modified: str | None
) -> dict[str, str]:
    """Return the headers of a request that asks only for what changed (RFC 9110, 13.1)."""
    headers = {"Accept": accept, "User-Agent": agent, "Accept-Encoding": "gzip, deflate"}
    # A server's words come back to it only if they can stand in a header.
    if etag and etag.isascii() and etag.isprintable():
        headers["If-None-Match"] = etag
    if last_modified and last_modified.isascii() and last_modified.isprintable():
        headers["If-Modified-Since"] = last_modified
    return headers


@asynccontextmanager
async def in_time(url: str, asking: Asking) -> AsyncIterator[None]:
    try:
        async with asyncio.timeout(asking.bounds.seconds):
            yield
    except TimeoutError:
        raise FetchFailed(
            f"{shown(url)}: not done within {asking.bounds.seconds:g} s",
            remedy="The server is slow or gone; it is asked again later.",
        ) from None


async def _follow(url: str, asking: Asking) -> Answer:
    async with in_time(url, asking):
        at, moved_to, response, body = await ended(url, asking)
        return _answer(at, moved_to, response, body, asking)


async def ended(url: str, asking: Asking) -> tuple[httpx.URL, str | None, httpx.Response, bytes]:
    """Follow the redirects: where they end, where it moved for good, and what stands there."""
    at, moved_to, permanent = _readable(url), None, True
    for _ in range(asking.bounds.redirects + 1):
        response, body = await _hop(at, asking)
        target = response.headers.get("location", "")
        if response.status_code not in _REDIRECTS or not target:
            return at, moved_to, response, body
        at = _readable(_joined(at, target))
        permanent = permanent and response.status_code in _PERMANENT
        moved_to = str(at) if permanent else moved_to
    raise FetchRefused(
        f"{shown(url)}: more than {asking.bounds.redirects} redirects",
        remedy="Open the address in a browser and give the one it ends at.",
    )


def _readable(url: str) -> httpx.URL:
    try:
        parsed = httpx.URL(url.strip())
    except (httpx.InvalidURL, ValueError, TypeError) as e:
        raise FetchRefused(f"{shown(url)!r}: not an address ({e})") from e
    if parsed.scheme not in ("http", "https") or not parsed.host:
        raise FetchRefused(
            f"{shown(url)}: only http and https addresses are read",
            remedy="Give an address that begins with https://, or a file's path.",
        )
    return parsed


def _joined(at: httpx.URL, target: str) -> str:
    try:
        return str(at.join(target))
    except (httpx.InvalidURL, ValueError) as e:
        raise FetchFailed(f"{shown(at)}: redirects to {target[:200]!r}, no address") from e


async def _hop(at: httpx.URL, asking: Asking) -> tuple[httpx.Response, bytes]:
    """Ask one server, at the first of its addresses that takes the connection."""
    failure: Exception | None = None
    for address in await _addresses(at, asking):
        try:
            return await _exchange(at, address, asking)
        except (httpx.ConnectError, httpx.ConnectTimeout) as e:
            failure = e
        # httpx reads the address that a redirect names before we do, and stumbles over some.
        except (httpx.HTTPError, httpx.InvalidURL, ValueError) as e:
            raise FetchFailed(f"{shown(at)}: {_said(e)}") from e
    raise FetchFailed(f"{shown(at)}: no connection ({_said(failure)})") from failure


def _said(e: Exception | None) -> str:
    return str(e) or type(e).__name__


async def _addresses(at: httpx.URL, asking: Asking) -> Sequence[str]:
    port = at.port or (443 if at.scheme == "https" else 80)
    loop = asyncio.get_running_loop()
    try:
        found = await loop.run_in_executor(None, asking.lookup, at.host, port)
    except (OSError, UnicodeError) as e:
        passing = isinstance(e, socket.gaierror) and e.errno == socket.EAI_AGAIN
        raise (FetchFailed if passing else NoSuchHost)(
            f"{shown(at)}: no host is called {at.host}", remedy="Check the address."
        ) from e
    for address in found:
        why = why_refused(address, allow_private=asking.allow_private)
        if why:
            raise FetchRefused(
                f"{shown(at)}: {at.host} is at {address}, {why}",
                remedy="If this is meant, set allow_private: true for this feed.",
            )
    return found


def why_refused(address: str, *, allow_private: bool = False) -> str:
    """Return why we do not connect to an IP address, or "" if we do."""
    try:
        parsed = ip_address(address.partition("%")[0])
    except ValueError:
        return "no IP address"
    for one in _meant(parsed):
        if one.is_link_local or one.is_multicast or one.is_unspecified:
            return "a link-local, multicast or unspecified address"
        if one.is_reserved and not one.is_loopback:
            return "a reserved address"
        if not one.is_global and not allow_private:
            return "a private address"
    return ""


def _meant(address: Address) -> Iterator[Address]:
    """Give the addresses that packets to *address* may end at: tunnels carry another inside."""
    if isinstance(address, IPv4Address):
        yield address
    elif address.ipv4_mapped:
        yield address.ipv4_mapped
    elif address in _NAT64:
        yield IPv4Address(int(address) & 0xFFFFFFFF)
    else:
        yield address
        if address.sixtofour:
            yield address.sixtofour
        if address.teredo:
            yield from address.teredo


async def _exchange(at: httpx.URL, address: str, asking: Asking) -> tuple[httpx.Response, bytes]:
    headers = {**asking.headers, "Host": at.netloc.decode("ascii")}
    client = httpx.AsyncClient(
        verify=_trust(), trust_env=False, timeout=asking.bounds.seconds, follow_redirects=False
    )
    # The connection goes to the judged address; name and certificate stay the host's.
    place = at.copy_with(host=address.partition("%")[0])
    async with (
        client,
        client.stream(
            asking.method,
            place,
            headers=headers,
            extensions={"sni_hostname": at.raw_host.decode("ascii")},
        ) as response,
    ):
        reads = asking.reads and response.status_code == 200
        body = await _body(at, response, asking.bounds) if reads else b""
        return response, body


@cache
def _trust() -> ssl.SSLContext:
    return httpx.create_ssl_context(trust_env=False)


async def _body(at: httpx.URL, response: httpx.Response, bounds: Bounds) -> bytes:
    told = response.headers.get("content-length", "")
    if told.isascii() and told.isdigit() and int(told[:20]) > bounds.max_bytes:
        raise _too_large(at, bounds)
    body = bytearray()
    async for chunk in response.aiter_raw():
        body += chunk
        if len(body) > bounds.max_bytes:
            raise _too_large(at, bounds)
    return _unpacked(at, bytes(body), response.headers.get("content-encoding", ""), bounds)


def _too_large(at: httpx.URL, bounds: Bounds) -> FetchRefused:
    return FetchRefused(
        f"{shown(at)}: larger than {bounds.max_bytes / 1e6:g} MB",
        remedy="Ask the publisher for a shorter feed.",
    )


def _unpacked(at: httpx.URL, body: bytes, encoding: str, bounds: Bounds) -> bytes:
    packings = [name for name in encoding.lower().replace(" ", "").split(",") if name]
    packings = [name for name in packings if name != "identity"]
    if not packings:
        return body
    if len(packings) > 1 or packings[0] not in ("gzip", "x-gzip", "deflate"):
        raise FetchFailed(f"{shown(at)}: packed as {encoding[:60]!r}, which we did not ask for")
    try:
        unpacked = _inflated(body, bounds.max_bytes)
    except zlib.error as e:
        raise FetchFailed(f"{shown(at)}: damaged {packings[0]} data ({e})") from e
    if len(unpacked) > bounds.max_bytes:
        raise _too_large(at, bounds)
    return unpacked


def _inflated(data: bytes, limit: int) -> bytes:
    """Unpack gzip or deflate; one byte more than *limit* at most, however much is packed."""
    unpacked = bytearray()
    while data and len(unpacked) <= limit:
        stream, more = _started(data, limit + 1 - len(unpacked), first=not unpacked)
        unpacked += more
        if not stream.eof and len(unpacked) <= limit:
            raise zlib.error("it ends too early")
        # Padding after the last member is common and harmless.
        data = stream.unused_data.lstrip(b"\0") if stream.eof else b""
    return bytes(unpacked)


def _started(data: bytes, limit: int, *, first: bool) -> tuple[zlib._Decompress, bytes]:
    stream = zlib.decompressobj(wbits=47)
    try:
        return stream, stream.decompress(data, limit)
    except zlib.error:
        if not first:
            raise
        # RFC 9110 (8.4.1.2) knows that some servers send deflate without its wrapper.
        stream = zlib.decompressobj(wbits=-15)
        return stream, stream.decompress(data, limit)


def _answer(
    at: httpx.URL, moved_to: str | None, response: httpx.Response, body: bytes, asking: Asking
) -> Answer:
    status, headers = response.status_code, response.headers
    asked_if = {"If-None-Match", "If-Modified-Since"} & set(asking.headers)
    if status != 200 and not (status == 304 and asked_if):
        raise FetchFailed(
            f"{shown(at)}: answers {status} {response.reason_phrase}".rstrip(),
            status=status,
            retry_after_seconds=_retry_after(headers),
            remedy=_remedy(status),
        )
    return Answer(
        status=status,
        url=shown(at),
        moved_to=moved_to,
        body=body,
        content_type=headers.get("content-type", ""),
        etag=headers.get("etag"),
        last_modified=headers.get("last-modified"),
        fresh_seconds=_freshness(headers),
    )


def _remedy(status: int) -> str:
    if status in (401, 403):
        return "The server wants a login, or does not want us; ask the publisher."
    if status in (404, 410):
        return "The address is gone; look for the feed's new one."
    return "It is asked again later."


def _retry_after(headers: httpx.Headers) -> float | None:
    """Return what Retry-After asks (RFC 9110, 10.2.3): seconds or a date; a week at most."""
    told = headers.get("retry-after", "").strip()
    if told.isascii() and told.isdigit():
        return min(float(told[:12]), _LONGEST_WAIT_SECONDS)
    until = moment(told)
    if until is None:
        return None
    since = moment(headers.get("date", "")) or datetime.now(UTC)
    return min(max((until - since).total_seconds(), 0.0), _LONGEST_WAIT_SECONDS)


def _freshness(headers: httpx.Headers) -> float | None:
    """Return how long the answer is fresh (RFC 9111, 4.2.1); None where nothing is told."""
    told = headers.get("cache-control", "").lower().replace(" ", "").split(",")
    if "no-cache" in told or "no-store" in told:
        return 0.0
    for directive in told:
        name, _, seconds = directive.partition("=")
        seconds = seconds.strip('"')
        if name == "max-age" and seconds.isascii() and seconds.isdigit():
            return min(float(seconds[:12]), _LONGEST_FRESHNESS_SECONDS)
    if "expires" not in headers:
        return None
    until = moment(headers["expires"])
    since = moment(headers.get("date", "")) or datetime.now(UTC)
    # An Expires that is no date ("0") means: already stale (RFC 9111, 5.3).
    seconds_left = (until - since).total_seconds() if until else 0.0
    return min(max(seconds_left, 0.0), _LONGEST_FRESHNESS_SECONDS)


def moment(text: str) -> datetime | None:
    """Return the instant that a header's date names; None if it is no date."""
    try:
        told = parsedate_to_datetime(text)
    except (ValueError, TypeError, IndexError, OverflowError):
        return None
    return told if told.tzinfo else told.replace(tzinfo=UTC)


def shown(url: str | httpx.URL) -> str:
    """Return an address as it may be shown: without user and password, not too long."""
    try:
        parsed = httpx.URL(url) if isinstance(url, str) else url
        return str(parsed.copy_with(username=None, password=None, fragment=None))[:300]
    except (httpx.InvalidURL, ValueError, TypeError):
        return re.sub(r"//[^/]*@", "//", str(url))[:300]
