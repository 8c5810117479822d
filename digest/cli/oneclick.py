"""Trying the way out as a mail provider does: a POST to `public_url`, from outside if it can be."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from digest import tokens
from digest.model.settings import is_loopback

if TYPE_CHECKING:
    import httpx

    from digest.config import Loaded

#: A provider waits longer; a reader should not have to.
SECONDS = 10.0
#: Numbered from 1 in the database, so that this is nobody: whoever is not there has left.
NOBODY = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class Tried:
    """What came of one way out, as a sentence with its remedy."""

    works: bool
    #: False where we cannot tell, since nothing answered.
    certain: bool = True
    sentence: str
    remedy: str = ""


def tried(loaded: Loaded) -> Iterator[Tried]:
    """
    Yield what became of a one-click POST (RFC 8058) for each newsletter; it takes nobody off.

    The address is that of a mail, and the token a real one, of a reader who is not there.
    Nothing is tried where `public_url` leads to this machine alone: success on the
    loopback proves nothing.
    """
    settings = loaded.settings
    if is_loopback(urlsplit(settings.public_url).hostname or "") or not settings.token_key:
        return
    for key in settings.newsletters:
        token = tokens.make(settings.token_key, "unsubscribe", NOBODY, key)
        yield _tried(f"{settings.public_url.rstrip('/')}/unsubscribe/{token}", key)


def _tried(url: str, key: str) -> Tried:
    import httpx

    try:
        answer = httpx.post(
            url,
            data={"List-Unsubscribe": "One-Click"},
            follow_redirects=False,
            timeout=SECONDS,
        )
    except httpx.HTTPError as e:
        return Tried(
            works=False,
            certain=False,
            sentence=f"{key}: {urlsplit(url).netloc} does not answer a one-click unsubscribe "
            f"({str(e) or type(e).__name__}).",
            remedy="Start digest serve, see that public_url leads to it, and try from outside.",
        )
    return _judged(answer, key)


def _judged(answer: httpx.Response, key: str) -> Tried:
    if answer.status_code == 200:
        return Tried(
            works=True, sentence=f"{key}: one-click unsubscribe works, from here at least."
        )
    if answer.is_redirect:
        # RFC 8058, 3.1: the POST is not to be redirected, and providers do not follow.
        return Tried(
            works=False,
            sentence=f"{key}: one-click unsubscribe is redirected to "
            f"{urlsplit(answer.headers.get('location', '')).netloc or 'another path'}, "
            "and mail providers do not follow.",
            remedy="Write the address it leads to as public_url, or change the proxy.",
        )
    return Tried(
        works=False,
        sentence=f"{key}: one-click unsubscribe is answered with {answer.status_code}.",
        remedy="See that public_url leads to this program, with this TOKEN_KEY; "
        "deploy/nginx.conf shows a proxy that lets it through.",
    )
