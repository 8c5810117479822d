"""What a spam filter of one's own says of the mail, if there is one: rspamd or SpamAssassin."""

from __future__ import annotations

import json
import re
import socket
from collections.abc import Iterator
from dataclasses import dataclass
from urllib.parse import urlsplit

from digest.render.finding import Finding, error, warning

_SECONDS = 20.0
#: A share of the filter's own limit, from which on an editor hears of it.
_NOTABLE_PER_CENT = 40
_MOST_BYTES = 1_000_000
_NAMED = 5


@dataclass(frozen=True, slots=True)
class Score:
    """A filter's verdict."""

    points: float
    #: From so many points on it marks a mail as spam.
    limit: float
    #: What it found, the heaviest first where it tells weights.
    found: tuple[str, ...]


def check(message: bytes, judge: str) -> Iterator[Finding]:
    """
    Yield what the filter at *judge* says of *message*, if it is worth saying.

    *judge* is rspamd's ``http://host:11333`` or SpamAssassin's ``spamd://host:783``. One that
    does not answer is told, and is no error.
    """
    try:
        told = score(message, judge)
    except (OSError, ValueError, KeyError) as e:
        yield warning(
            "spam-unchecked",
            f"The spam filter at {judge} says nothing: {e}.",
            "Start it, or take `checks: {spam: …}` out of config.yaml.",
        )
        return
    if told.points * 100 < told.limit * _NOTABLE_PER_CENT:
        return
    spam = told.points >= told.limit
    yield (error if spam else warning)(
        "spam-score",
        f"The spam filter gives it {told.points:.1f} points; from {told.limit:g} on it is spam. "
        f"It found {', '.join(told.found[:_NAMED]) or 'nothing by name'}.",
        "Its manual says what each of these means; subject and links are most often to blame.",
    )


def score(message: bytes, judge: str) -> Score:
    """Return the verdict; OSError, ValueError or KeyError where there is none."""
    return _spamd(message, judge) if judge.startswith("spamd:") else _rspamd(message, judge)


def _rspamd(message: bytes, judge: str) -> Score:
    import httpx

    try:
        with httpx.Client(timeout=_SECONDS, trust_env=False) as client:
            answer = client.post(f"{judge.rstrip('/')}/checkv2", content=message)
            answer.raise_for_status()
    except httpx.HTTPError as e:
        raise OSError(str(e) or type(e).__name__) from e
    told = json.loads(answer.content[:_MOST_BYTES])
    limits = told.get("thresholds", {})
    heavy = sorted(told["symbols"].items(), key=lambda each: -each[1]["score"])
    return Score(
        points=float(told["score"]),
        limit=float(limits.get("add header", 6)),
        found=tuple(f"{name} {each['score']:g}" for name, each in heavy if each["score"] > 0),
    )


def _spamd(message: bytes, judge: str) -> Score:
    """Ask in SpamAssassin's own protocol (SPAMC 1.5): one line with the verdict, then names."""
    place = urlsplit(judge)
    with socket.create_connection(
        (place.hostname or "127.0.0.1", place.port or 783), _SECONDS
    ) as line:
        head = f"SYMBOLS SPAMC/1.5\r\nContent-length: {len(message)}\r\n\r\n"
        line.sendall(head.encode() + message)
        line.shutdown(socket.SHUT_WR)
        with line.makefile("rb") as answer:
            said = answer.read(_MOST_BYTES).decode("utf-8", "replace")
    verdict = re.search(r"^Spam: *\w+ *; *(-?[\d.]+) */ *([\d.]+)", said, re.MULTILINE)
    if verdict is None:
        raise ValueError("it does not speak SpamAssassin's protocol")
    rules = said.partition("\r\n\r\n")[2].strip()
    return Score(float(verdict[1]), float(verdict[2]), tuple(filter(None, rules.split(","))))
