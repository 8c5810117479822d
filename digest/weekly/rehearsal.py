"""Past weeks composed anew by today's rules, beside what was sent then."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime
from typing import TYPE_CHECKING, Any

from sqlalchemy import Connection

from digest import calendar
from digest.calendar import Slot
from digest.model import Draft, Edits, Issue, Recap
from digest.model.settings import NewsletterSettings
from digest.store import Database, drafts, issues, precedents, publications, uses
from digest.weekly.content import (
    LAST_ISSUES,
    SEEN_BEFORE,
    Material,
    compose_draft,
    identity,
    rules,
)
from digest.weekly.learning import learned
from digest.weekly.planning import planned
from digest.weekly.remembered import counted

if TYPE_CHECKING:
    from digest.config import Loaded

#: Takes what is done, how much there is, and what it is at.
Told = Callable[[int, int, str], None]


def rehearse(
    database: Database,
    loaded: Loaded,
    newsletter_key: str,
    *,
    weeks: int,
    now: datetime,
    told: Told = lambda _done, _total, _said: None,
) -> list[dict[str, Any]]:
    """
    Return what today's rules make of the last *weeks* weeks that are over, the newest first.

    Nothing is written down. Each week is composed of what the feed store knew by its close,
    less what earlier issues had used up, without anybody's edits; beside it stands what was
    sent, where an issue was. What a week without an issue would have shown is used up for
    the next. As JSON has it.
    """
    with database.read() as conn:
        newsletter = planned(conn, newsletter_key, loaded.settings.newsletters[newsletter_key])
    slots, made = _slots(newsletter, weeks, now), []
    used: dict[int, str] = {}
    for done, slot in enumerate(slots):
        told(done, len(slots), f"The week that closed on {slot.key}")
        with database.read() as conn:
            sent = _sent(conn, newsletter_key, slot)
            todays = learned(conn, newsletter_key, rules(newsletter, slot))
            material = _material(conn, newsletter_key, todays, slot, used)
        draft = compose_draft(material, todays, Edits())
        if sent is None and draft.recap:
            used |= {item.publication: slot.key for item in draft.recap.items}
        made.append(_week(slot, draft, sent))
    return made[::-1]


def _slots(newsletter: NewsletterSettings, weeks: int, now: datetime) -> list[Slot]:
    """Return the last weeks that were over by *now*, the earliest first."""
    slot = calendar.current(newsletter, now)
    if slot.window.end > now:
        slot = calendar.preceding(newsletter, slot)
    slots = [slot]
    while len(slots) < weeks:
        slots.append(calendar.preceding(newsletter, slots[-1]))
    return slots[::-1]


def _sent(conn: Connection, newsletter_key: str, slot: Slot) -> tuple[Issue, Recap] | None:
    issue = issues.known(conn, identity(newsletter_key, slot))
    if issue is None or issue.frozen_at is None:
        return None
    recap = drafts.read(conn, issue.id).recap
    return (issue, recap) if recap else None


def _material(
    conn: Connection,
    newsletter_key: str,
    newsletter: NewsletterSettings,
    slot: Slot,
    rehearsed: dict[int, str],
) -> Material:
    close = slot.window.end
    since = close - max(SEEN_BEFORE, newsletter.look_back, newsletter.late)
    found = publications.candidates(conn, newsletter_key, since=since)
    # What came in later was not known then; a feed's first import counts as seen when published.
    known = [each for each in found if each.first_seen_at < close]
    earlier = uses.used_before(conn, newsletter_key, slot.rhythm, close=close)
    return Material(
        slot=slot,
        publications=known,
        history=counted(conn, newsletter_key, before=close),
        past=precedents.labels(conn, newsletter_key, slot.rhythm, before=close, limit=LAST_ISSUES),
        used={**rehearsed, **earlier},
        look_back=newsletter.look_back,
    )


def _week(slot: Slot, draft: Draft, sent: tuple[Issue, Recap] | None) -> dict[str, Any]:
    ours = _told(draft.recap) if draft.recap else None
    theirs = _told(sent[1]) if sent else None
    return {
        "closing": slot.key,
        "ours": ours,
        "sent": theirs,
        "issue": sent[0].id if sent else None,
        "both": len(_items(ours) & _items(theirs)) if ours and theirs else 0,
    }


def _told(recap: Recap) -> dict[str, Any]:
    return {
        "headline": recap.headline,
        "lead": recap.lead,
        "items": [{"id": item.publication, "title": item.title} for item in recap.items],
    }


def _items(told: dict[str, Any]) -> set[int]:
    return {item["id"] for item in told["items"]}
