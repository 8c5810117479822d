"""Sending a body to an address that the operator named: no redirect, no long answer."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import httpx

from digest.errors import FetchFailed
from digest.http.fetching import AGENT, shown

#: Whoever has not answered by then is asked again later.
SECONDS = 10.0


def post(url: str, body: bytes, headers: dict[str, str]) -> int:
    """
    Send *body*, and return the answer's status; of the answer nothing else is read.

    A private address is allowed: the operator's own programs live there. FetchFailed
    where nobody answers in time. Redirects are not followed; they are an answer.
    """
    with _posted(url, body, headers) as answer:
        return answer.status_code


#: More than any answer that is asked for here has.
MOST_BYTES = 1_000_000


def ask(url: str, body: bytes, headers: dict[str, str]) -> tuple[int, bytes]:
    """
    Send *body* as `post` does, and return the answer's status with what it says.

    FetchFailed also where that is more than `MOST_BYTES`.
    """
    with _posted(url, body, headers) as answer:
        return answer.status_code, _bounded(answer, url)


@contextmanager
def _posted(url: str, body: bytes, headers: dict[str, str]) -> Iterator[httpx.Response]:
    headers = {"user-agent": AGENT, **headers}
    try:
        with (
            httpx.Client(timeout=SECONDS, trust_env=False) as client,
            client.stream("POST", url, content=body, headers=headers) as answer,
        ):
            yield answer
    except (httpx.HTTPError, httpx.InvalidURL) as e:
        raise FetchFailed(f"{shown(url)}: {type(e).__name__}: {e}") from e


def _bounded(answer: httpx.Response, url: str) -> bytes:
    said = b""
    for piece in answer.iter_bytes():
        said += piece
        if len(said) > MOST_BYTES:
            raise FetchFailed(f"{shown(url)}: answers with more than {MOST_BYTES:,} bytes")
    return said
