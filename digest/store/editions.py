"""Editions, frozen at approval, and the variants made of each."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, Row, func, select

from digest.model import Edition, Format, Variant
from digest.store import archive
from digest.store.schema import editions, variants


def add(
    conn: Connection, issue_id: int, edition: Edition, made: Sequence[Variant], *, now: datetime
) -> int:
    """Keep *edition* and the variants *made* of it for good; return the edition's row number."""
    number = conn.execute(
        select(func.coalesce(func.max(editions.c.number), 0) + 1).where(
            editions.c.issue_id == issue_id
        )
    ).scalar_one()
    edition_id = conn.execute(
        editions.insert()
        .values(
            issue_id=issue_id,
            number=number,
            subject=edition.subject,
            html=edition.html,
            text=edition.text,
            digest=edition.digest,
            notes=list(edition.notes),
            created_at=now,
        )
        .returning(editions.c.id)
    ).scalar_one()
    conn.execute(variants.insert(), [_row(int(edition_id), variant) for variant in made])
    archive.keep_issue(conn, issue_id)
    return int(edition_id)


def of_issue(conn: Connection, issue_id: int) -> list[int]:
    """Return the row numbers of all the issue's editions, the oldest first."""
    query = select(editions.c.id).where(editions.c.issue_id == issue_id).order_by(editions.c.id)
    return list(conn.execute(query).scalars())


def read(conn: Connection, edition_id: int) -> Edition:
    """Return a frozen edition as it was stored."""
    row = conn.execute(select(editions).where(editions.c.id == edition_id)).one()
    return Edition(
        subject=row.subject,
        html=row.html,
        text=row.text,
        digest=row.digest,
        notes=tuple(row.notes),
    )


def variants_of(conn: Connection, edition_id: int) -> dict[int, Variant]:
    """Return the edition's variants by their row numbers, the full issue's first."""
    query = (
        select(variants)
        .where(variants.c.edition_id == edition_id)
        .order_by(variants.c.topics, variants.c.format, variants.c.id)
    )
    return {row.id: _variant(row) for row in conn.execute(query)}


def variant(conn: Connection, variant_id: int) -> Variant:
    """Return a frozen variant as it was stored."""
    return _variant(conn.execute(select(variants).where(variants.c.id == variant_id)).one())


def _row(edition_id: int, variant: Variant) -> dict[str, Any]:
    return {
        "edition_id": edition_id,
        "topics": "\n".join(variant.topics),
        "format": variant.format,
        "subject": variant.subject,
        "headline": variant.headline,
        "lead": variant.lead,
        "preheader": variant.preheader,
        "items": list(variant.items),
        "digest": variant.digest,
        "html": None if variant.html is None else list(variant.html),
        "text": None if variant.text is None else list(variant.text),
    }


def _variant(row: Row[*tuple[Any, ...]]) -> Variant:
    return Variant(
        topics=tuple(row.topics.split("\n")) if row.topics else (),
        format=Format(row.format),
        subject=row.subject,
        headline=row.headline,
        lead=row.lead,
        preheader=row.preheader,
        items=tuple(row.items),
        digest=row.digest,
        html=None if row.html is None else tuple(row.html),
        text=None if row.text is None else tuple(row.text),
    )
