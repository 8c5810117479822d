"""People: their address, name, language and what else is known of them."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from typing import Any

from sqlalchemy import Connection, Row, select, update

from digest.model import Subscriber
from digest.store import dialects
from digest.store.schema import subscribers


def by_address(conn: Connection, address_key: str) -> Subscriber | None:
    """Return who has that address (`digest.identity.address_key`); None if nobody."""
    row = conn.execute(
        select(subscribers).where(subscribers.c.address_key == address_key)
    ).one_or_none()
    return of_row(row) if row else None


def by_id(conn: Connection, subscriber: int) -> Subscriber | None:
    """Return the person of that number; None if nobody is, or an erased one."""
    row = conn.execute(
        select(subscribers).where(
            subscribers.c.id == subscriber, subscribers.c.address.is_not(None)
        )
    ).one_or_none()
    return of_row(row) if row else None


def has(conn: Connection, subscriber: int) -> bool:
    """Tell whether that number is somebody's, erased or not."""
    return conn.execute(select(1).where(subscribers.c.id == subscriber)).first() is not None


def page(conn: Connection, *, after: int = 0, limit: int = 1000) -> list[Subscriber]:
    """Return a page of everybody, by number, those after the number *after*; not the erased."""
    query = (
        select(subscribers)
        .where(subscribers.c.id > after, subscribers.c.address.is_not(None))
        .order_by(subscribers.c.id)
        .limit(limit)
    )
    return [of_row(row) for row in conn.execute(query)]


def numbers(conn: Connection, address_keys: Collection[str]) -> dict[str, int]:
    """Return the number of each person of *address_keys* who is known."""
    query = select(subscribers.c.address_key, subscribers.c.id).where(
        subscribers.c.address_key.in_(list(address_keys))
    )
    return {row.address_key: row.id for row in conn.execute(query)}


def addresses(conn: Connection, numbers: Collection[int]) -> dict[int, str]:
    """Return the addresses of those people; who is erased is left out."""
    query = select(subscribers.c.id, subscribers.c.address).where(
        subscribers.c.id.in_(list(numbers)), subscribers.c.address.is_not(None)
    )
    return {row.id: row.address for row in conn.execute(query)}


def languages(conn: Connection, subscribers_: Collection[int]) -> dict[int, str]:
    """Return in which language each of those people wants our words, if they said it."""
    query = select(subscribers.c.id, subscribers.c.language).where(
        subscribers.c.id.in_(list(subscribers_)), subscribers.c.language.is_not(None)
    )
    return {row.id: row.language for row in conn.execute(query)}


def add(conn: Connection, people: Sequence[Mapping[str, Any]]) -> None:
    """
    Add people who are not known yet; who is, stays as they are.

    Each has ``address``, ``address_key``, ``created_at`` and, where told, ``name``,
    ``language``, ``attributes``.
    """
    if people:
        told = [{"name": "", "language": None, "attributes": {}, **person} for person in people]
        insert = dialects.insert(conn, subscribers).on_conflict_do_nothing(
            index_elements=["address_key"]
        )
        dialects.insert_all(conn, insert, told)


def rename(conn: Connection, subscriber: int, name: str) -> None:
    """Keep another name of that person."""
    conn.execute(update(subscribers).where(subscribers.c.id == subscriber).values(name=name))


def speak(conn: Connection, subscriber: int, language: str | None) -> None:
    """Keep in which language that person wants small mails; None: the newsletter's."""
    conn.execute(
        update(subscribers).where(subscribers.c.id == subscriber).values(language=language)
    )


def want(conn: Connection, subscriber: int, address: str | None) -> None:
    """Keep where that person wants to move, until they confirmed it there; None: nowhere."""
    conn.execute(
        update(subscribers).where(subscribers.c.id == subscriber).values(wanted_address=address)
    )


def wanted(conn: Connection, subscriber: int) -> str:
    """Return where that person wants to move; "" if nowhere."""
    query = select(subscribers.c.wanted_address).where(subscribers.c.id == subscriber)
    return conn.execute(query).scalar_one_or_none() or ""


def move(conn: Connection, subscriber: int, address: str, address_key: str) -> None:
    """Give that person another address; an issue under way goes there from now on."""
    conn.execute(
        update(subscribers)
        .where(subscribers.c.id == subscriber)
        .values(address=address, address_key=address_key, wanted_address=None)
    )


def describe(conn: Connection, subscriber: int, attributes: Mapping[str, str]) -> None:
    """Set all attributes of that person."""
    conn.execute(
        update(subscribers).where(subscribers.c.id == subscriber).values(attributes=attributes)
    )


def of_row(row: Row[*tuple[Any, ...]]) -> Subscriber:
    """Return the person of a row, whatever else the row has; an erased one has no address."""
    return Subscriber(
        id=row.id,
        address=row.address or "",
        name=row.name,
        language=row.language,
        attributes=row.attributes,
        created_at=row.created_at,
    )
