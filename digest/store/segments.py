"""Conditions on readers, asked of the database: the same answer as `conditions.holds` gives."""

from __future__ import annotations

from typing import Any

from sqlalchemy import (
    ColumnElement,
    Connection,
    Double,
    and_,
    case,
    cast,
    collate,
    false,
    func,
    literal,
    not_,
    or_,
    select,
)

from digest import conditions
from digest.conditions import And, Compared, Condition, Empty, Not, OneOf, Or, Sign
from digest.store.schema import Instant, subscribers, subscriptions


def clause(conn: Connection, condition: Condition) -> ColumnElement[bool]:
    """
    Return *condition* for a query that joins subscribers and subscriptions.

    It is true or false of every reader, never unknown.
    """
    match condition:
        case And(parts):
            return and_(*(clause(conn, part) for part in parts))
        case Or(parts):
            return or_(*(clause(conn, part) for part in parts))
        case Not(part):
            return not_(clause(conn, part))
        case Empty(name):
            return not_(_any(conn, name, lambda value: value.is_not(None)))
        case OneOf(name, texts, numbers):
            return _any(conn, name, lambda value: _one_of(conn, value, texts, numbers))
        case Compared(name, sign, wanted):
            return _any(conn, name, lambda value: _compared(conn, value, sign, wanted))


def _any(conn: Connection, name: str, asks: Any) -> ColumnElement[bool]:
    """Return that *asks* holds of a value of the field; false where it has none."""
    if name in conditions.SEVERAL:
        column = subscriptions.c.topics if name == "topic" else subscriptions.c.lists
        each = func.json_array_elements_text if _is_postgresql(conn) else func.json_each
        values = each(column).table_valued("value")
        return select(1).select_from(values).where(asks(values.c.value)).exists()
    return func.coalesce(asks(_value(conn, name)), false())


def _value(conn: Connection, name: str) -> ColumnElement[Any]:
    """Return the one value of a field; NULL where there is none."""
    match name:
        case "joined":
            return subscriptions.c.consented_at
        case "language":
            return func.nullif(subscribers.c.language, "")
        case "source":
            return func.nullif(subscriptions.c.source, "")
        case "domain":
            key = subscribers.c.address_key
            if _is_postgresql(conn):
                return func.split_part(key, "@", 2)
            return func.substr(key, func.instr(key, "@") + 1)
    return func.nullif(_attribute(conn, name), "")


def _attribute(conn: Connection, name: str) -> ColumnElement[Any]:
    if _is_postgresql(conn):
        column: ColumnElement[Any] = subscribers.c.attributes[name].as_string()
        return column
    # A path would be compared with the name as it is escaped in the JSON: ö is \u00f6 there.
    each = func.json_each(subscribers.c.attributes).table_valued("key", "value")
    return select(each.c.value).where(each.c.key == name).scalar_subquery()


def _compared(
    conn: Connection, value: ColumnElement[Any], sign: Sign, wanted: Any
) -> ColumnElement[bool]:
    if isinstance(wanted, float):
        value = _number(value)
    elif isinstance(wanted, str):
        value = _letter_by_letter(conn, value)
    else:
        wanted = literal(wanted, Instant)
    signs: dict[Sign, ColumnElement[bool]] = {
        Sign.EQUAL: value == wanted,
        Sign.LESS: value < wanted,
        Sign.AT_MOST: value <= wanted,
        Sign.MORE: value > wanted,
        Sign.AT_LEAST: value >= wanted,
    }
    return signs[sign]


def _one_of(
    conn: Connection, value: ColumnElement[Any], texts: tuple[str, ...], numbers: tuple[float, ...]
) -> ColumnElement[bool]:
    # One of the two may be unknown where the other one is true.
    return func.coalesce(_letter_by_letter(conn, value).in_(texts), false()) | func.coalesce(
        _number(value).in_(numbers), false()
    )


def _number(value: ColumnElement[Any]) -> ColumnElement[Any]:
    """Return a text's number; NULL for a text that is none."""
    return case((value.regexp_match(rf"^{conditions.NUMBER}\Z"), cast(value, Double)))


def _letter_by_letter(conn: Connection, value: ColumnElement[Any]) -> ColumnElement[Any]:
    # PostgreSQL would order by the letters of a language; SQLite goes by their numbers.
    return collate(value, "C") if _is_postgresql(conn) else value


def _is_postgresql(conn: Connection) -> bool:
    return conn.dialect.name == "postgresql"
