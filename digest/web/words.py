"""Times, numbers and states as an editor reads them."""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import datetime, timedelta
from zoneinfo import ZoneInfo

from digest.model import DeliveryState, Issue, IssueState, Tally, Window
from digest.model.settings import NewsletterSettings


@dataclass(frozen=True, slots=True, kw_only=True)
class Standing:
    """Where an issue stands, and what follows from it if nobody does anything."""

    state: str
    consequence: str


def standing(
    issue: Issue,
    newsletter: NewsletterSettings,
    *,
    now: datetime,
    tally: Tally | None = None,
    needs_approval: bool = False,
    blocked: bool = False,
    thin: int = 0,
) -> Standing:
    """
    Return the state in words and its consequence, each a sentence.

    *needs_approval* is true where the issue is not sent unless a person approved it,
    *blocked* where no approval can pass over what a check found; *thin* is how many items
    it has if they are too few, and 0 otherwise.
    """
    hour = f"{moment(issue.sends_at, newsletter.zone, now)}, {distance(issue.sends_at - now)}"
    draft = f"Sends {hour}, unless held."
    if needs_approval:
        draft = f"Sends {hour}, if somebody approves it before; otherwise it is held."
    if blocked:
        draft = f"Cannot be sent as it is. Will be held {hour}, unless what blocks it is mended."
    if thin:
        only = f"Only {count(thin, 'item')}"
        draft = f"{only}: rolls over into next week {hour}, unless somebody approves it before."
    approved = f"Sends {hour}, unless held."
    if now >= issue.sends_at:
        passed = f"Its send hour, {moment(issue.sends_at, newsletter.zone, now)}, has passed."
        draft = f"{passed} Approved now, it goes out at once."
        if blocked:
            draft = f"{passed} It cannot be sent as it is."
        approved = "Goes out at once."
    closes = moment(issue.window.end, newsletter.zone, now)
    counted = sending(tally) if tally else ""
    why = " ".join(sentence(reason) for reason in issue.reasons)
    said = {
        IssueState.PLANNED: ("Planned.", f"The draft is made when the week closes, {closes}."),
        IssueState.DRAFT: ("Draft.", draft),
        IssueState.APPROVED: (_approved(issue), approved),
        IssueState.SENDING: ("Sending.", counted),
        IssueState.STOPPED: ("Stopped.", f"{why} {counted}".strip()),
        IssueState.FINISHED: ("Finished.", counted),
        IssueState.HELD: ("Held.", f"{why} Nothing goes out until it is released.".strip()),
        IssueState.CANCELLED: ("Cancelled.", f"{why} It will not be sent.".strip()),
        IssueState.MISSED: ("Missed.", f"{why} It is never sent late.".strip()),
    }
    state, consequence = said[issue.state]
    return Standing(state=state, consequence=consequence)


def _approved(issue: Issue) -> str:
    return f"Approved by {issue.approved_by}." if issue.approved_by else "Approved."


def sending(tally: Tally) -> str:
    """Return how far the sending is: ``4,998 of 5,000 sent, 2 still owed.``"""
    parts = [f"{tally.count(DeliveryState.SENT):,} of {tally.frozen:,} sent"]
    parts += [f"{tally.owed:,} still owed"] if tally.owed else []
    parts += [
        f"{tally.count(state):,} {state}"
        for state in (DeliveryState.FAILED, DeliveryState.SKIPPED, DeliveryState.UNCERTAIN)
        if tally.count(state)
    ]
    return ", ".join(parts) + "."


#: What became of a reader, in the order of the invariant; then those still owed.
_SUM = (
    DeliveryState.SENT,
    DeliveryState.FAILED,
    DeliveryState.SKIPPED,
    DeliveryState.UNCERTAIN,
    DeliveryState.DEFERRED,
    DeliveryState.ATTEMPTING,
    DeliveryState.CLAIMED,
    DeliveryState.PENDING,
)


def invariant(tally: Tally) -> str:
    """Return the ledger's sum as a sentence, the states that hold no reader left out."""
    parts = [f"{tally.count(state):,} {state}" for state in _SUM if tally.count(state)]
    total = sum(tally.by_state.values())
    held = (
        "Every reader is accounted for."
        if tally.holds
        else f"That makes {total:,}: the ledger does not add up."
    )
    return f"{tally.frozen:,} frozen = {' + '.join(parts) or '0'}. {held}"


def place(zone: ZoneInfo) -> str:
    """Return the city that names the zone: ``New York``; ``UTC`` stays."""
    return str(zone).rpartition("/")[2].replace("_", " ")


def moment(at: datetime, zone: ZoneInfo, now: datetime) -> str:
    """Return ``Friday 09:00 New York``; with the date if it is not within six days."""
    local = at.astimezone(zone)
    near = abs(at - now) < timedelta(days=6)
    day = f"{local:%A}" if near else f"{local:%a} {date(at, zone)},"
    return f"{day} {local:%H:%M} {place(zone)}"


def hour(at: datetime, zone: ZoneInfo) -> str:
    """Return the local day and time: ``22 Sep 2023, 09:00``."""
    return f"{date(at, zone)}, {at.astimezone(zone):%H:%M}"


def date(at: datetime, zone: ZoneInfo) -> str:
    """Return the local day: ``22 Sep 2023``."""
    local = at.astimezone(zone)
    return f"{local.day} {local:%b %Y}"


def day_in(at: datetime, zone: ZoneInfo, language: str) -> str:
    """Return the local day as *language* writes it: ``22 Sep 2023``, ``22. Sept. 2023``."""
    if language.partition("-")[0] == "en":
        return date(at, zone)
    from babel.dates import format_skeleton

    from digest.render.languages import locale

    return format_skeleton("yMMMd", at.astimezone(zone).date(), locale=locale(language))


def day(at: datetime, zone: ZoneInfo, near: datetime) -> str:
    """Return the local day: ``22 Sep``; with the year if it is not within half a year of *near*."""
    local = at.astimezone(zone)
    return date(at, zone) if abs(at - near) > timedelta(days=182) else f"{local.day} {local:%b}"


def stretch(window: Window, zone: ZoneInfo) -> str:
    """Return the window's days: ``September 15–22, 2023``, or with both months or years."""
    first, last = window.start.astimezone(zone), window.end.astimezone(zone)
    if (first.year, first.month) == (last.year, last.month):
        return f"{first:%B} {first.day}–{last.day}, {last.year}"
    if first.year == last.year:
        return f"{first:%B} {first.day} – {last:%B} {last.day}, {last.year}"
    return f"{first:%B} {first.day}, {first.year} – {last:%B} {last.day}, {last.year}"


def distance(span: timedelta) -> str:
    """Return ``in 2 h 14 min`` or ``3 days ago``; the two largest units, none below a minute."""
    minutes = int(abs(span).total_seconds() // 60)
    days, rest = divmod(minutes, 24 * 60)
    hours, minutes = divmod(rest, 60)
    if days >= 3:
        words = f"{days} days"
    elif days:
        words = f"{days} d {hours} h" if hours else (f"{days} days" if days > 1 else "1 day")
    elif hours:
        words = f"{hours} h {minutes} min" if minutes else f"{hours} h"
    else:
        words = f"{minutes} min" if minutes else "less than a minute"
    return f"{words} ago" if span <= timedelta(0) else f"in {words}"


def span(length: timedelta) -> str:
    """Return ``in about 40 s``; from a minute on as `distance` has it."""
    seconds = length.total_seconds()
    return distance(length) if seconds >= 60 else f"in about {max(round(seconds), 1)} s"


def lasted(length: timedelta) -> str:
    """Return how long something took: ``7 min``."""
    return span(length).removeprefix("in ").removeprefix("about ")


def rate(per_second: float) -> str:
    """Return ``48 readers a second``; by the minute where that would be less than one."""
    if per_second >= 1:
        return f"{count(round(per_second), 'reader')} a second"
    return f"{count(max(round(per_second * 60), 1), 'reader')} a minute"


def percent(share: float) -> str:
    """Return ``12.5 %``; never 100 or 0 for what is only near it."""
    if 0 < share < 0.1:
        return "< 0.1 %"
    if 99.9 < share < 100:
        return "> 99.9 %"
    return f"{share:.1f} %" if share % 100 else f"{share:.0f} %"


def kilobytes(size: int) -> str:
    """Return a number of bytes as ``23.4 KB`` (of 1024)."""
    return f"{size / 1024:,.1f} KB"


def short(number: int) -> str:
    """Return ``950``, ``12.4k``, ``1.2M``: for the small room over a bar."""
    if number < 10_000:
        return f"{number:,}"
    return f"{number / 1000:.3g}k" if number < 999_500 else f"{number / 1_000_000:.3g}M"


def sentence(text: str) -> str:
    """Return *text* with a full stop at its end, if it has none."""
    text = text.strip()
    return text if text.endswith((".", "?", "…")) else f"{text}."


def count(number: int, one: str, many: str | None = None) -> str:
    """Return ``1 reader``, ``1,204 readers``."""
    return f"{number:,} {one if number == 1 else many or one + 's'}"


def quoted(text: str) -> str:
    """Return *text* between real quotation marks."""
    return f"“{text}”"


def without_secret(url: str) -> str:
    """Return *url* without the user name and password that it may carry."""
    return re.sub(r"(?<=//)[^/?#]*@", "", url)
