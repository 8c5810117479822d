"""Keeping the archive's rows current, in the transaction that changes what they are of."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, Row, delete, insert, select, update

from digest.identity import topic_key
from digest.store.archive.words import words
from digest.store.schema import archived, archived_topics, editions, issues

#: The columns of a publication that the archive finds and sorts it by.
PUBLICATION_COLUMNS = frozenset({"title", "summary", "kind", "authors", "topics", "published_at"})


def keep_publication(conn: Connection, publication: Row[Any]) -> None:
    """Make the archive find *publication*, a row of its table, as it is now."""
    said = publication.title, publication.summary, publication.kind
    found_by = words(*said, *publication.authors, *publication.topics)
    dated = publication.published_at or publication.first_seen_at
    _keep(conn, {"publication_id": publication.id}, dated, found_by, publication.topics)


def keep_issue(conn: Connection, issue_id: int) -> None:
    """
    Make the archive find the issue as its newest edition says it; nothing before the freeze.

    Calling again after a correction replaces what was found before.
    """
    query = (
        select(issues.c.frozen_at, issues.c.recap, editions.c.subject)
        .join(editions, editions.c.issue_id == issues.c.id)
        .where(issues.c.id == issue_id, issues.c.frozen_at.is_not(None))
        .order_by(editions.c.number.desc())
    )
    row = conn.execute(query.limit(1)).first()
    if row is None:
        return
    items = row.recap["items"] if row.recap else []
    told = [row.subject, row.recap["lead"] if row.recap else ""]
    told += [item["title"] for item in items] + [a for item in items for a in item["authors"]]
    topics = dict.fromkeys(topic for item in items for topic in item["topics"])
    _keep(conn, {"issue_id": issue_id}, row.frozen_at, words(*told, *topics), topics)


def _keep(
    conn: Connection, of: dict[str, int], dated: datetime, found_by: str, topics: Iterable[str]
) -> None:
    ((name, number),) = of.items()
    known = archived.c[name] == number
    values = {"dated": dated, "words": found_by}
    row = conn.execute(
        update(archived).where(known).values(values).returning(archived.c.id)
    ).first()
    if row is None:
        row = conn.execute(insert(archived).values({**of, **values}).returning(archived.c.id)).one()
    else:
        conn.execute(delete(archived_topics).where(archived_topics.c.archived_id == row.id))
    named = {topic_key(topic): topic for topic in reversed(list(topics))}
    rows = [
        {"topic": key, "archived_id": row.id, "dated": dated, "name": name}
        for key, name in named.items()
        if key
    ]
    if rows:
        conn.execute(insert(archived_topics), rows)
