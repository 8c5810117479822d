"""A picture of an issue going out: mails sent over time, as SVG without anything from outside."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime, timedelta
from xml.sax.saxutils import escape
from zoneinfo import ZoneInfo

WIDTH, HEIGHT = 720, 240
LEFT, RIGHT, TOP, BOTTOM = 56, 12, 16, 32
#: About so many bars; a bar is a round stretch of time.
BARS = 60
_STEPS = tuple(timedelta(minutes=n) for n in (1, 2, 5, 10, 15, 30, 60, 120, 180, 360, 720, 1440))

_STYLE = """
.bar{fill:#6b2c91}.rule{stroke:#8a8a8a;stroke-width:.5}
text{font:12px system-ui,sans-serif;fill:#3d4046}
@media (prefers-color-scheme:dark){.bar{fill:#b98ad8}text{fill:#cfccc6}}
"""


def chart(minutes: Mapping[datetime, int], *, zone: ZoneInfo, title: str) -> str:
    """
    Return an SVG of the mails sent by *minutes* (UTC), its hours in *zone*.

    It reads well in light and dark, and says in words what it shows. Nothing sent is a
    picture that says so.
    """
    step, bars = _bars(minutes)
    body = _drawn(step, bars, zone) if bars else _text(LEFT, HEIGHT / 2, "Nothing was sent yet.")
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {HEIGHT}" role="img" '
        f'aria-labelledby="t d"><title id="t">{escape(title)}</title>'
        f'<desc id="d">{escape(_said(step, bars, zone))}</desc>'
        f"<style>{_STYLE}</style>{body}</svg>\n"
    )


def _bars(minutes: Mapping[datetime, int]) -> tuple[timedelta, list[tuple[datetime, int]]]:
    if not minutes:
        return _STEPS[0], []
    first, last = min(minutes), max(minutes)
    fits = (step for step in _STEPS if (last - first) / step < BARS)
    step = next(fits, _STEPS[-1])
    sums: dict[datetime, int] = {}
    for at, count in minutes.items():
        start = first + (at - first) // step * step
        sums[start] = sums.get(start, 0) + count
    count = int((last - first) / step) + 1
    return step, [(first + n * step, sums.get(first + n * step, 0)) for n in range(count)]


def _drawn(step: timedelta, bars: list[tuple[datetime, int]], zone: ZoneInfo) -> str:
    top = _round_up(max(count for _, count in bars))
    wide = (WIDTH - LEFT - RIGHT) / len(bars)
    high = HEIGHT - TOP - BOTTOM
    parts = [_rule(top, part, high) for part in (0, 0.5, 1)]
    for place, (at, count) in enumerate(bars):
        tall = high * count / top
        told = f"{at.astimezone(zone):%H:%M}: {count:,}"
        parts.append(
            f'<rect class="bar" x="{LEFT + place * wide + wide * 0.1:.1f}" '
            f'y="{TOP + high - tall:.1f}" width="{wide * 0.8:.1f}" height="{tall:.1f}">'
            f"<title>{told}</title></rect>"
        )
    every = max(1, round(len(bars) / 6))
    for place in range(0, len(bars), every):
        hour = f"{bars[place][0].astimezone(zone):{'%d %b' if step.days else '%H:%M'}}"
        parts.append(_text(LEFT + place * wide, HEIGHT - 10, hour))
    return "".join(parts)


def _rule(top: int, part: float, high: int) -> str:
    y = TOP + high * (1 - part)
    line = f'<line class="rule" x1="{LEFT}" x2="{WIDTH - RIGHT}" y1="{y:.1f}" y2="{y:.1f}"/>'
    return line + _text(LEFT - 8, y + 4, f"{round(top * part):,}", anchor="end")


def _text(x: float, y: float, said: str, *, anchor: str = "start") -> str:
    return f'<text x="{x:.1f}" y="{y:.1f}" text-anchor="{anchor}">{escape(said)}</text>'


def _round_up(most: int) -> int:
    """Return the next number that reads well on an axis, and halves."""
    size = 1
    while size * 10 <= most:
        size *= 10
    return next(size * n for n in (2, 4, 6, 8, 10, 20) if size * n >= most)


def _said(step: timedelta, bars: list[tuple[datetime, int]], zone: ZoneInfo) -> str:
    if not bars:
        return "Nothing was sent yet."
    total = sum(count for _, count in bars)
    first, last = bars[0][0].astimezone(zone), (bars[-1][0] + step).astimezone(zone)
    return f"{total:,} sent from {first:%d %b %H:%M} to {last:%d %b %H:%M %Z}."
