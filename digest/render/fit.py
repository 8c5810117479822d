"""How much of a recap a mail shows: less and less of it, until the mail is small enough."""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace

from digest.model import Edition, Recap
from digest.render import fragments

#: Gmail clips at about 102 KB and hides the footer; a long token and what a relay adds need
#: room, so we aim lower.
BUDGET_BYTES = 80 * 1024


@dataclass(frozen=True, slots=True, kw_only=True)
class Limits:
    """How many characters of a summary a mail shows, by the item's place in it; 0: none."""

    lead: int = 420
    further: int = 220
    brief: int = 140


#: By layout; each is tried in this order.
LIMITS = {
    "cards": (
        Limits(),
        Limits(lead=240, further=120, brief=90),
        Limits(lead=140, further=0, brief=0),
    ),
    "compact": (
        Limits(lead=180, further=110, brief=110),
        Limits(lead=110, further=0, brief=0),
        Limits(lead=0, further=0, brief=0),
    ),
    "text": (
        Limits(lead=900, further=600, brief=300),
        Limits(),
        Limits(lead=140, further=0, brief=0),
    ),
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Fit:
    """What a mail shows of its items."""

    limits: Limits
    #: So many pictures of items, from the top; None: all.
    pictures: int | None = None
    #: Publications that only the page in the browser shows.
    folded: frozenset[int] = frozenset()

    def notes(self, layout: str) -> Iterator[str]:
        """Yield what this fit left out, as sentences for the editor."""
        if self.limits != LIMITS[layout][0]:
            yield _shortening(self.limits)
        if self.pictures is not None:
            yield "Only the first item keeps its picture, so that the mail stays small enough."
        if self.folded:
            count = len(self.folded)
            yield (
                f"{count} {'item is' if count == 1 else 'items are'} on the web page only, behind "
                f"a link above the footer: {BUDGET_BYTES // 1024} KB have no room for more."
            )


def _shortening(limits: Limits) -> str:
    because = f"because the mail should stay within {BUDGET_BYTES // 1024} KB."
    if limits.lead == 0:
        return f"Summaries were left out, {because}"
    also = "" if limits.brief else ", and left out below each theme's first item"
    return f"Summaries were cut to {limits.lead} characters or fewer{also}, {because}"


def size(edition: Edition) -> int:
    """Return how many bytes of HTML a reader's mail has, a reader's own values left out."""
    mail = fragments.in_mail(edition.html)
    return len(fragments.filled(mail, dict.fromkeys(fragments.SLOTS, ""), escape=True).encode())


def fitted(rendered: Callable[[Fit], Edition], recap: Recap, layout: str) -> Edition:
    """
    Return the fullest edition of *recap* that *rendered* makes within `BUDGET_BYTES`.

    Summaries give way first, then the pictures of all items but the first, then as many items
    as must: of `_foldable`, the last in the mail first. What no fold can mend stays too large,
    and the preflight says so.
    """
    for fit in _unfolded(layout):
        edition = rendered(fit)
        if size(edition) <= BUDGET_BYTES:
            return edition
    order = _foldable(recap)
    tried: dict[int, Edition] = {0: edition}

    def small_enough(count: int) -> bool:
        tried[count] = rendered(replace(fit, folded=frozenset(order[:count])))
        return size(tried[count]) <= BUDGET_BYTES

    fewest = bisect_left(range(1, len(order) + 1), True, key=small_enough) + 1
    return tried[min(fewest, len(order))]


def _unfolded(layout: str) -> Iterator[Fit]:
    for limits in LIMITS[layout]:
        yield Fit(limits=limits)
    if layout == "cards":
        yield Fit(limits=limits, pictures=1)


def _foldable(recap: Recap) -> list[int]:
    """
    Return the publications that a mail can do without, those first that go first.

    Items of no theme go before a theme's further ones, and events last, for their days
    pass; a theme's first item stays.
    """
    events = {each.publication for each in recap.items if each.starts_at is not None}
    leads = {theme.publications[0] for theme in recap.themes}
    themed = {one for theme in recap.themes for one in theme.publications}
    shown = [one for section in reversed(recap.sections) for one in reversed(section.items)]
    able = [one for one in dict.fromkeys(shown) if one not in leads]
    return sorted(able, key=lambda one: (one in events, one in themed))
