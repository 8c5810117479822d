"""What keeps an issue from going out when no person has approved it, each as a sentence."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime, timedelta
from statistics import median
from typing import TYPE_CHECKING

from sqlalchemy import Connection

from digest.errors import DigestError
from digest.model import DeliveryState, Draft, Issue, IssueState
from digest.model.settings import NewsletterSettings
from digest.store import Database, drafts, feeds, history, issues, ledger, precedents, restorations
from digest.weekly.approval import BARRING, audience_of, changed_by
from digest.weekly.editions import PREVIEWED, RENDERED, findings, seal

if TYPE_CHECKING:
    from digest.config import Loaded

#: What is usual can be told from so many issues on, and from so many at most.
LEAST_HISTORY = 4
HISTORY = 8

#: More items than this many times the usual are taken for a feed gone wrong.
MANY = 2

#: A feed that is due is read within minutes, unless nothing reads feeds any more.
SILENT_AFTER = timedelta(hours=3)

#: Readers in these states wait for a sender; one who was put off by their own server does not.
_UNTRIED = (DeliveryState.PENDING, DeliveryState.CLAIMED, DeliveryState.ATTEMPTING)


def objections(
    database: Database, loaded: Loaded, issue: Issue, *, now: datetime
) -> tuple[str, ...]:
    """Return why the issue must not go out without a person, as sentences; none if it may."""
    newsletter = loaded.settings.newsletters[issue.of.newsletter]
    reasons = [*_policy(newsletter), *_late(issue, newsletter, now)]
    with database.read() as conn:
        draft = drafts.read(conn, issue.id)
        reasons += [
            *_first(conn, issue),
            *_restored(conn, issue),
            *_empty(draft),
            *_unusual(conn, issue, draft),
            *_audience(conn, issue, newsletter),
            *_silent_feeds(conn, issue.of.newsletter, now),
            *_unfinished(conn, issue),
            *_unseen_templates(conn, loaded, issue),
            *_four_eyes(conn, issue, newsletter),
        ]
    return (*reasons, *_checks(database, loaded, issue, newsletter))


def too_late(owed_since: datetime, newsletter: NewsletterSettings, now: datetime) -> str:
    """Return the sentence for an issue that is later than `catch_up` allows."""
    hours = (now - owed_since) / timedelta(hours=1)
    limit = newsletter.catch_up / timedelta(hours=1)
    return f"It is {hours:.1f} hours late, more than the {limit:g} that catch_up allows."


def _policy(newsletter: NewsletterSettings) -> Iterable[str]:
    if newsletter.approval == "required":
        yield "Nobody approved it by its send hour, and this newsletter needs a person."


def _late(issue: Issue, newsletter: NewsletterSettings, now: datetime) -> Iterable[str]:
    if now > issue.sends_at + newsletter.catch_up:
        yield too_late(issue.sends_at, newsletter, now)


def _first(conn: Connection, issue: Issue) -> Iterable[str]:
    if precedents.last_frozen(conn, issue.of) is None:
        yield "It is the newsletter's first issue, which always needs a person."


def _restored(conn: Connection, issue: Issue) -> Iterable[str]:
    restored = restorations.last(conn)
    if restored and restored.hides(issue.sends_at):
        yield restorations.objection(restored)


def _empty(draft: Draft) -> Iterable[str]:
    if draft.recap is None or not draft.recap.items:
        yield "There are no items."


def _unusual(conn: Connection, issue: Issue, draft: Draft) -> Iterable[str]:
    sizes = precedents.sizes(conn, issue.of, most=HISTORY)
    count = len(draft.recap.items) if draft.recap else 0
    if len(sizes) >= LEAST_HISTORY and count > MANY * median(sizes):
        yield f"It has {count} items, more than twice the usual {median(sizes):g}."


def _audience(conn: Connection, issue: Issue, newsletter: NewsletterSettings) -> Iterable[str]:
    before = precedents.last_frozen(conn, issue.of)
    meant = audience_of(newsletter)
    audience = ledger.audience(conn, issue.of.newsletter, issue.of.rhythm, where=meant)
    if before and abs(audience - before) > before / 5:
        yield f"The audience changed from {before} to {audience} readers, by more than 20 %."


def _silent_feeds(conn: Connection, newsletter_key: str, now: datetime) -> Iterable[str]:
    for dead in feeds.dead(conn, newsletter_key, now=now):
        yield f"The feed {dead.url} has failed since {dead.since:%b %d %H:%M} UTC: {dead.error}"
    # What came as a file or by hand is never due.
    known = feeds.listed(conn, newsletter_key)
    asked = [each for each in known if each.enabled and each.next_fetch_at is not None]
    if asked and all(_overdue(each, now) for each in asked):
        yield "No feed was read within its interval: nobody knows what was published since."


def _overdue(feed: feeds.Feed, now: datetime) -> bool:
    """Whether the feed should have been read by now, and was not."""
    due = feed.next_fetch_at
    return due is not None and now > due + SILENT_AFTER


def _unfinished(conn: Connection, issue: Issue) -> Iterable[str]:
    under_way = (IssueState.SENDING, IssueState.STOPPED)
    for earlier in issues.listed(conn, issue.of.newsletter, states=under_way):
        waiting = ledger.tally(conn, earlier.id).count(*_UNTRIED)
        before = earlier.of.rhythm is issue.of.rhythm and earlier.window.end < issue.window.end
        if before and waiting:
            yield f"Issue {earlier.of.key} is not finished: {waiting} readers wait for it."


def _unseen_templates(conn: Connection, loaded: Loaded, issue: Issue) -> Iterable[str]:
    before = history.last_told(conn, issue.of.newsletter, RENDERED)
    now = seal(loaded)
    if before is None or before.get("templates") == now:
        return
    seen = history.told(conn, issue.id, PREVIEWED)
    if all(each.get("templates") != now for each in seen):
        yield "The templates changed since the last issue, and nobody looked at the mail since."


def _four_eyes(conn: Connection, issue: Issue, newsletter: NewsletterSettings) -> Iterable[str]:
    if newsletter.four_eyes and (people := changed_by(conn, issue)):
        yield f"{', '.join(people)} changed it, and nobody else approved it."


def _checks(
    database: Database, loaded: Loaded, issue: Issue, newsletter: NewsletterSettings
) -> Iterable[str]:
    try:
        found = findings(database, loaded, issue, online=True)
    except DigestError as e:
        return [f"It cannot be rendered: {e}"]
    strict = newsletter.approval == "auto_if_clean"
    wrong = (each for each in found if each.code in BARRING or (strict and each.level == "error"))
    return [each.sentence for each in wrong]
