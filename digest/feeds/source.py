"""Where a feed's bytes come from: the web, or a file beside config.yaml."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path

from digest.errors import FetchFailed, FetchRefused
from digest.model import Image
from digest.model.settings import FeedSettings

ACCEPT = (
    "application/atom+xml, application/rss+xml, application/feed+json, application/rdf+xml;q=0.9,"
    " application/xml;q=0.8, text/calendar;q=0.8, text/html;q=0.5, */*;q=0.1"
)
LARGEST_PAGE_BYTES = 3_000_000
LARGEST_FILE_BYTES = 50_000_000


@dataclass(frozen=True, slots=True, kw_only=True)
class Fetched:
    """A feed's body, or the news that it is unchanged."""

    #: What links in it are relative to.
    url: str
    body: bytes = field(default=b"", repr=False)
    unchanged: bool = False
    content_type: str = ""
    etag: str | None = None
    last_modified: str | None = None
    #: Where it moved for good.
    moved_to: str | None = None
    fresh_seconds: float | None = None


def is_path(url: str) -> bool:
    """Return whether a feed's address is a path: beside config.yaml, or absolute."""
    return "://" not in url


def fetch(
    settings: FeedSettings,
    *,
    folder: Path,
    url: str | None = None,
    etag: str | None = None,
    last_modified: str | None = None,
    contact: str = "",
) -> Fetched:
    """
    Return what the feed gives now; *url* is where it moved to, if it did.

    *contact* is the address that our name in the server's log points to. Raises
    FetchRefused or FetchFailed.
    """
    at = url or settings.url
    if is_path(at):
        return _read(at, folder)
    if not at.lower().startswith(("http://", "https://")):
        raise FetchRefused(
            f"{at}: only http and https addresses are read",
            remedy="Give an address that begins with https://, or a file's path.",
        )
    from digest import http

    answer = http.fetch(
        at,
        allow_private=settings.allow_private,
        etag=etag,
        last_modified=last_modified,
        accept=ACCEPT,
        agent=_agent(contact),
    )
    return Fetched(
        url=answer.url,
        body=answer.body,
        unchanged=answer.unchanged,
        content_type=answer.content_type,
        etag=answer.etag,
        last_modified=answer.last_modified,
        moved_to=answer.moved_to,
        fresh_seconds=answer.fresh_seconds,
    )


def _agent(contact: str) -> str:
    from digest import http

    return f"{http.AGENT} (+{contact})" if contact else http.AGENT


def page_image(link: str, settings: FeedSettings, *, contact: str = "") -> Image | None:
    """
    Return the picture that the page at *link* names for itself (og:image); None if none.

    Raises FetchRefused or FetchFailed where the page cannot be had.
    """
    from digest import http
    from digest.feeds.entries import image_of
    from digest.feeds.pictures import of_page
    from digest.feeds.plain import LinkError

    answer = http.fetch(
        link,
        allow_private=settings.allow_private,
        accept="text/html",
        agent=_agent(contact),
        bounds=http.Bounds(max_bytes=LARGEST_PAGE_BYTES, seconds=10),
    )
    picture = of_page(answer.body)
    try:
        return image_of(picture, answer.url) if picture else None
    except LinkError:
        return None


def _read(path: str, folder: Path) -> Fetched:
    file = folder / Path(path).expanduser()
    try:
        if file.stat().st_size > LARGEST_FILE_BYTES:
            raise FetchRefused(f"{file}: larger than {LARGEST_FILE_BYTES // 1_000_000} MB")
        return Fetched(url=path, body=file.read_bytes())
    except (OSError, ValueError) as e:
        raise FetchFailed(
            f"{file}: {getattr(e, 'strerror', None) or e}",
            remedy="A web address begins with https://; a path is taken from the folder of "
            "config.yaml.",
        ) from e
