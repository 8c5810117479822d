"""Where an edition's links and pictures lead, asked of the web and told as findings."""

from __future__ import annotations

import html
import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from urllib.parse import urldefrag, urlsplit

from digest.errors import FeedError, FetchRefused, NoSuchHost
from digest.http import Reached
from digest.model import Edition
from digest.render import fragments
from digest.render.finding import Finding, error, warning

#: Asks the web where addresses lead: `digest.http.reach`.
Reach = Callable[[Iterable[str]], Mapping[str, Reached | FeedError]]

GONE = (404, 410)
#: One picture; all of them together.
PICTURE_BYTES = 200 * 1024
PICTURES_BYTES = 1024 * 1024
#: What Outlook, or an older Apple Mail, leaves blank.
NOT_EVERYWHERE = ("image/webp", "image/avif", "image/svg+xml", "image/heic", "image/jxl")
#: So many are named; of the others only how many there are.
_NAMED = 3

_REMEDY = "Correct it where it was published, or with: digest issue edit"


def check(edition: Edition, reach: Reach, *, ours: str) -> Iterator[Finding]:
    """
    Yield what is wrong with where *edition* leads.

    Addresses that begin with *ours*, our own pages of an issue not yet sent, are not asked.
    A refusal, a time-out or a server's fault says nothing of what readers will meet: those
    are told as not checked, and never an error.
    """
    links = _addresses(edition, "a", "href", ours)
    pictures = _addresses(edition, "img", "src", ours)
    found = reach([*links, *pictures])
    if _offline(found):
        yield warning(
            "links-unchecked",
            "No link could be checked: no host's name is found from here.",
            "Check this machine's network and name server, then run: digest issue check",
        )
        return
    for url, place in links.items():
        yield from _link(url, place, found[url])
    for url, place in pictures.items():
        yield from _picture(url, place, found[url])
    yield from _unchecked({url: found[url] for url in (*links, *pictures)})
    yield from _moved({url: found[url] for url in links})
    yield from _heavy([found[url] for url in pictures])


def _addresses(edition: Edition, tag: str, attribute: str, ours: str) -> dict[str, str]:
    """Return the addresses without their fragments, each with the part it first stands in."""
    told: dict[str, str] = {}
    for place, markup in fragments.parts(fragments.in_mail(edition.html)):
        for said in re.findall(rf'<{tag}\b[^>]*?\b{attribute}="(https?:[^"]*)"', markup):
            address = urldefrag(html.unescape(said)).url
            if not f"{address}/".startswith(f"{ours.rstrip('/')}/"):
                told.setdefault(address, place)
    return told


def _offline(found: Mapping[str, Reached | FeedError]) -> bool:
    return bool(found) and all(isinstance(each, NoSuchHost) for each in found.values())


def _link(url: str, place: str, told: Reached | FeedError) -> Iterator[Finding]:
    if isinstance(told, Reached) and told.status in GONE:
        yield error("link-gone", f"A link answers {told.status}, gone: {url}", _REMEDY, place)
    elif isinstance(told, NoSuchHost):
        host = urlsplit(url).hostname
        yield error("link-no-host", f"A link names no host, {host}: {url}", _REMEDY, place)
    elif isinstance(told, FetchRefused):
        yield warning(
            "link-refused",
            f"A link was not checked: {told}.",
            "If readers can open it, leave it; an address inside your network they cannot.",
            place,
        )


def _picture(url: str, place: str, told: Reached | FeedError) -> Iterator[Finding]:
    hosted = "Let us keep pictures made fit for mail: `look: {pictures: hosted}` in config.yaml."
    if isinstance(told, NoSuchHost | FetchRefused):
        yield warning("picture-gone", f"A picture cannot be shown: {told}.", _REMEDY, place)
        return
    if isinstance(told, FeedError):
        return
    kind = told.content_type.partition(";")[0].strip().lower()
    if told.status in GONE:
        yield warning(
            "picture-gone", f"A picture answers {told.status}, gone: {url}", _REMEDY, place
        )
    elif kind in NOT_EVERYWHERE:
        yield warning("picture-kind", f"Some mail programs show no {kind}: {url}", hosted, place)
    elif (told.length or 0) > PICTURE_BYTES:
        yield warning(
            "picture-heavy",
            f"A picture has {(told.length or 0) // 1024} KB; {PICTURE_BYTES // 1024} KB are "
            f"enough: {url}",
            hosted,
            place,
        )


def _unchecked(found: Mapping[str, Reached | FeedError]) -> Iterator[Finding]:
    said = [
        f"{url} (answers {told.status})" if isinstance(told, Reached) else str(told)
        for url, told in found.items()
        if (isinstance(told, Reached) and told.status >= 400 and told.status not in GONE)
        or (isinstance(told, FeedError) and not isinstance(told, NoSuchHost | FetchRefused))
    ]
    if said:
        yield warning(
            "links-unchecked",
            f"{_counted(said, 'address')} could not be checked: {_listed(said)}.",
            "Many servers turn programs away; open them in a browser to be sure.",
        )


def _moved(found: Mapping[str, Reached | FeedError]) -> Iterator[Finding]:
    moved = [
        f"{url} → {told.url}"
        for url, told in found.items()
        if isinstance(told, Reached) and told.status < 400 and _elsewhere(url, told.url)
    ]
    if moved:
        yield warning(
            "links-moved",
            f"{_counted(moved, 'link')} {'leads' if len(moved) == 1 else 'lead'} elsewhere: "
            f"{_listed(moved)}.",
            "See that each still ends at what it promises.",
        )


def _elsewhere(asked: str, ended: str) -> bool:
    """Tell a move that a reader would notice from https, www or a slash at the end."""

    def place(url: str) -> tuple[str, str, str]:
        parts = urlsplit(url)
        return (parts.hostname or "").removeprefix("www."), parts.path.rstrip("/"), parts.query

    return place(asked) != place(ended)


def _heavy(pictures: Iterable[Reached | FeedError]) -> Iterator[Finding]:
    together = sum(told.length or 0 for told in pictures if isinstance(told, Reached))
    if together > PICTURES_BYTES:
        yield warning(
            "pictures-heavy",
            f"All pictures together have {together / 1024 / 1024:.1f} MB; a phone on the move "
            "loads them slowly.",
            "Let us keep pictures made fit for mail: `look: {pictures: hosted}` in config.yaml.",
        )


def _counted(said: list[str], what: str) -> str:
    plural = f"{what}es" if what.endswith("s") else f"{what}s"
    return f"{len(said)} {what if len(said) == 1 else plural}"


def _listed(said: list[str]) -> str:
    more = len(said) - _NAMED
    return "; ".join([*said[:_NAMED], *([f"and {more} more"] if more > 0 else [])])
