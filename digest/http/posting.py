"""Sending a body to an address that the operator named: no redirect, no long answer."""

from __future__ import annotations

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
    try:
        with (
            httpx.Client(timeout=SECONDS, trust_env=False) as client,
            client.stream(
                "POST", url, content=body, headers={"user-agent": AGENT, **headers}
            ) as answer,
        ):
            return answer.status_code
    except (httpx.HTTPError, httpx.InvalidURL) as e:
        raise FetchFailed(f"{shown(url)}: {type(e).__name__}: {e}") from e
