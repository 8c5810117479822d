"""
A desk's database of some size: a million readers, 50,000 publications, 500 issues, on SQLite.

Written set by set, since what one row after the other would take an hour takes a minute.
"""

from __future__ import annotations

import itertools
import json
import random
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

from sqlalchemy import Connection

from digest.config import Loaded
from digest.identity import link_key, title_key, topic_key
from digest.model import DeliveryState, IssueState, Tally
from digest.store import Database, tallies
from digest.store.archive.words import words
from digest.store.schema import (
    archived,
    archived_topics,
    bounces,
    editions,
    events,
    publication_feeds,
    publications,
    turnover,
    uses,
    variants,
)
from digest.store.schema import issues as issue_rows
from tests.archived import a_feed, an_issue

#: The newest week closed then; its issue is still to be prepared.
CLOSING = datetime(2023, 9, 22, 10, tzinfo=UTC)
NOW = CLOSING + timedelta(minutes=46)
WEEK = timedelta(weeks=1)
NEWSLETTER = "recap"

_KINDS = ("Commentary", "Report", "Brief")
_TOPICS = tuple(
    f"{area} {field}"
    for area in ("Security", "Health", "Energy", "Urban")
    for field in ("Cooperation", "Policy", "Law", "Care", "Markets", "Research")
)
_SYLLABLES = tuple(a + b for a in "bdfgklmnprst" for b in "aeiou")
#: As many as a newsroom uses, each rarer than the one before (Zipf's law).
WORDS = ["the", "of", *("".join(each) for each in itertools.product(_SYLLABLES, repeat=3))][:8000]
_WEIGHTS = list(itertools.accumulate(1 / (rank + 2) for rank in range(len(WORDS))))
_GIVEN = ("Ana", "Ben", "Chloé", "Dmitri", "Eun-ji", "Fatima", "Goran", "Hana", "Ivo", "Jun")


@dataclass(frozen=True, kw_only=True)
class Size:
    """How much of everything there is."""

    readers: int = 1_000_000
    publications: int = 50_000
    issues: int = 500


def fill(database: Database, loaded: Loaded, size: Size) -> None:
    """Write it all into an empty database: the last issue but one is finished, the last sending."""
    feed = a_feed(database, "https://example.org/feed", NEWSLETTER)
    with database.write() as conn:
        _publish(conn, feed, size)
        _subscribe(conn, size)
    pattern = an_issue(database, loaded, _key(0, size), number=1, state=IssueState.FINISHED)
    with database.write() as conn:
        _issue_weekly(conn, pattern.id, size)
        _owe(conn, size)
        _return_some(conn, size)
    with database.write() as conn:
        conn.exec_driver_sql("ANALYZE")


def _said(chance: random.Random, count: int) -> str:
    return " ".join(chance.choices(WORDS, cum_weights=_WEIGHTS, k=count))


def _closes(place: int, size: Size) -> datetime:
    """Return when the issue of that place closed; the last one a week before the newest week."""
    return CLOSING - (size.issues - place) * WEEK


def _key(place: int, size: Size) -> str:
    return f"{_closes(place, size):%Y-%m-%d}"


# --- publications -------------------------------------------------------------------------


def _publish(conn: Connection, feed: int, size: Size) -> None:
    rows = list(_publications(feed, size))
    conn.execute(publications.insert(), rows)
    names = [{"feed_id": feed, "guid": str(row["id"]), "publication_id": row["id"]} for row in rows]
    conn.execute(publication_feeds.insert(), names)
    conn.execute(
        archived.insert(),
        [
            {
                "id": row["id"],
                "publication_id": row["id"],
                "dated": row["published_at"],
                "words": words(row["title"], row["summary"], row["kind"], *row["topics"]),
            }
            for row in rows
        ],
    )
    conn.execute(
        archived_topics.insert(),
        [
            {
                "topic": topic_key(topic),
                "archived_id": row["id"],
                "dated": row["published_at"],
                "name": topic,
            }
            for row in rows
            for topic in row["topics"]
        ],
    )


def _publications(feed: int, size: Size) -> Iterator[dict[str, Any]]:
    """Yield them, the oldest first, evenly over the weeks of all issues and the newest week."""
    chance = random.Random(7)
    step = (size.issues + 1) * WEEK / size.publications
    for number in range(1, size.publications + 1):
        title = f"{_said(chance, 7).capitalize()} {number}"
        at = CLOSING - (size.publications - number + 1) * step
        link = f"https://example.org/{number}"
        yield {
            "id": number,
            "link_key": link_key(link),
            "title_key": title_key(title),
            "title": title,
            "summary": _said(chance, 40),
            "kind": chance.choice(_KINDS),
            "topics": chance.sample(_TOPICS, k=3),
            "authors": ["Ana Example", "Ben Example"],
            "link": link,
            "published_at": at,
            "first_seen_at": at,
            "day_only": False,
            "edited": [],
            "feed_id": feed,
        }


# --- readers ------------------------------------------------------------------------------

_COUNTED = "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < {0})"
_SUBSCRIBERS = (
    _COUNTED
    + """
INSERT INTO subscribers (id, address, address_key, name, attributes, created_at)
SELECT i, local || '.' || i || '@' || domain, local || '.' || i || '@' || domain,
    given || ' ' || upper(substr(local, 1, 1)) || substr(local, 2), '{{}}', '{1}'
FROM n JOIN surnames ON surnames.id = i % {2} JOIN given ON given.id = i % {3}
    JOIN domains ON domains.id = i % 3
"""
)
_SUBSCRIPTIONS = """
INSERT INTO subscriptions (id, subscriber_id, newsletter, state, rhythm, topics, format, lists,
    source, consented_at, changed_at)
SELECT id, id, 'recap', CASE WHEN id % 50 = 0 THEN 'left' WHEN id % 50 = 1 THEN 'paused'
    WHEN id % 50 = 2 THEN 'pending' ELSE 'active' END, 'weekly',
    CASE WHEN id % 20 = 0 THEN '["Health Policy"]' ELSE '[]' END, 'html', '[]', 'a list',
    created_at, created_at
FROM subscribers
"""
_CONSENTS = """
INSERT INTO consents (subscription_id, at, what, source, proof)
SELECT id, consented_at, 'imported', 'a list', '{}' FROM subscriptions
"""
_TURNOVER = """
INSERT INTO turnover (newsletter, day, joined, "left")
SELECT newsletter, date(consented_at), count(*), 0 FROM subscriptions
GROUP BY newsletter, date(consented_at)
"""


def _subscribe(conn: Connection, size: Size) -> None:
    for table, column, values in (
        ("surnames", "local", WORDS[100:4100]),
        ("given", "given", _GIVEN),
        ("domains", "domain", ("example.org", "example.com", "mail.example.net")),
    ):
        conn.exec_driver_sql(f"CREATE TEMP TABLE {table} (id INTEGER PRIMARY KEY, {column} TEXT)")
        conn.exec_driver_sql(f"INSERT INTO {table} VALUES (?, ?)", list(enumerate(values)))
    since = f"{_closes(0, size):%Y-%m-%d %H:%M:%S.000000}"
    conn.exec_driver_sql(_SUBSCRIBERS.format(size.readers, since, 4000, len(_GIVEN)))
    conn.exec_driver_sql(_SUBSCRIPTIONS)
    conn.exec_driver_sql(_CONSENTS)
    conn.exec_driver_sql(_TURNOVER)
    conn.execute(turnover.insert(), list(_came_and_went()))


def _came_and_went() -> Iterator[dict[str, Any]]:
    """Yield a year of single acts: those of days that are over are summed up, today's are not."""
    told = {"newsletter": NEWSLETTER, "joined": 40, "left": 30}
    for age in range(1, 365):
        yield told | {"day": f"{CLOSING - timedelta(days=age):%Y-%m-%d}"}
    for _ in range(2000):
        yield told | {"day": f"{CLOSING:%Y-%m-%d}", "joined": 1, "left": 0}


# --- issues -------------------------------------------------------------------------------


def _issue_weekly(conn: Connection, pattern: int, size: Size) -> None:
    """Make of one issue with its edition all the others, each with items of its own week."""
    row = conn.execute(issue_rows.select().where(issue_rows.c.id == pattern)).one()._asdict()
    made = [_of_week(row, place, size) for place in range(1, size.issues)]
    conn.execute(issue_rows.insert(), made)
    for table, column in ((editions, "issue_id"), (variants, "edition_id")):
        kept = conn.execute(table.select().where(table.c[column] == pattern)).one()._asdict()
        kept.pop("id")
        conn.execute(table.insert(), [kept | {column: each["id"]} for each in made])
    conn.execute(uses.insert(), [one for each in made for one in _used(each)])
    happened = ("prepared", "edited", "approved", "sending", "finished")
    conn.execute(events.insert(), [_event(each, what) for each in made for what in happened])


def _of_week(pattern: dict[str, Any], place: int, size: Size) -> dict[str, Any]:
    closes, audience = _closes(place, size), size.readers * 47 // 50
    sends = closes + timedelta(hours=3)
    over = place < size.issues - 1
    weekly = size.publications // (size.issues + 1)
    items = [
        item | {"publication": (place + 1) * weekly - 20 + n}
        for n, item in enumerate(pattern["recap"]["items"] * 6)
    ]
    recap = pattern["recap"] | {
        "headline": _said(random.Random(place), 6).capitalize(),
        "items": items,
        "sections": [{"key": "more", "title": "More", "items": [i["publication"] for i in items]}],
    }
    sent = {str(DeliveryState.SENT): audience - 700, str(DeliveryState.FAILED): 700}
    return pattern | {
        "id": place + 1,
        "key": _key(place, size),
        "number": place + 1,
        "subject": f"{recap['headline']}: Sample Weekly Recap",
        "window_start": closes - WEEK,
        "window_end": closes,
        "sends_at": sends,
        "state": IssueState.FINISHED if over else IssueState.SENDING,
        "recap": recap,
        "frozen_at": sends,
        "frozen": audience,
        "outcome": sent if over else None,
        "finished_at": sends + timedelta(hours=2) if over else None,
    }


def _used(issue: dict[str, Any]) -> list[dict[str, Any]]:
    told = {"newsletter": NEWSLETTER, "rhythm": "weekly", "issue_id": issue["id"]}
    return [told | {"publication_id": each["publication"]} for each in issue["recap"]["items"]]


def _event(issue: dict[str, Any], what: str) -> dict[str, Any]:
    detail = {"before": {}, "after": {}} if what == "edited" else {}
    actor = "ana@example.org" if what in ("edited", "approved") else "bell"
    return {
        "at": issue["sends_at"],
        "actor": actor,
        "issue_id": issue["id"],
        "what": what,
        "detail": detail,
    }


# --- the ledger, and what came back -------------------------------------------------------

_OWED = """
INSERT INTO deliveries (issue_id, subscriber_id, edition_id, variant_id, address, state, reason,
    due_at, attempts, answer, changed_at)
SELECT ?, s.subscriber_id, ?, ?, p.address,
    CASE WHEN s.subscriber_id > ? THEN 'pending' WHEN s.subscriber_id % 1500 = 7 THEN 'failed'
        WHEN s.subscriber_id % 3000 = 8 THEN 'deferred' ELSE 'sent' END, NULL, ?,
    s.subscriber_id <= ?, CASE WHEN s.subscriber_id % 1500 = 7 THEN '550 5.1.1 no such user'
        WHEN s.subscriber_id > ? THEN '' ELSE '250 2.0.0 Ok: queued' END, ?
FROM subscriptions s JOIN subscribers p ON p.id = s.subscriber_id
WHERE s.newsletter = 'recap' AND s.rhythm = 'weekly' AND s.state = 'active'
"""


def _owe(conn: Connection, size: Size) -> None:
    """Write the ledgers of the last two issues: one is settled, one in the middle of it."""
    for place, until in ((size.issues - 2, size.readers), (size.issues - 1, size.readers // 2)):
        at = f"{_closes(place, size) + timedelta(hours=3):%Y-%m-%d %H:%M:%S.000000}"
        one = place + 1
        conn.exec_driver_sql(_OWED, (one, one, one, until, at, until, until, at))
    by_state = conn.exec_driver_sql(
        "SELECT state, count(*) FROM deliveries WHERE issue_id = ? GROUP BY state",
        (size.issues - 1,),
    )
    counts = {DeliveryState(state): count for state, count in by_state}
    settled = Tally(frozen=sum(counts.values()), by_state=counts)
    tallies.keep_outcome(conn, size.issues - 1, settled)
    for place in (size.issues - 1, size.issues):
        tallies.count(conn, place, frozen=settled.frozen, excluded={"paused": size.readers // 50})


def _return_some(conn: Connection, size: Size) -> None:
    told = {
        "at": CLOSING - WEEK,
        "kind": "bounce",
        "verdict": "gone",
        "said": "550 5.1.1 no such user",
        "issue_id": size.issues - 1,
    }
    conn.execute(
        bounces.insert(),
        [
            told
            | {
                "key": f"bounce-{number}",
                "place": 0,
                "subscriber_id": number * 49,
                "address": f"reader.{number}@example.org",
                "outcome": "suppressed" if number % 5 else "unsure",
            }
            for number in range(1, size.readers // 50)
        ],
    )


def as_text(size: Size) -> str:
    """Return the sizes as a line for people."""
    told = {"readers": size.readers, "publications": size.publications, "issues": size.issues}
    return json.dumps({name: f"{number:,}" for name, number in told.items()})[1:-1].replace('"', "")
