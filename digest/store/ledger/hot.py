"""Statements that every message costs: compiled once, and then the driver's alone."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Mapping
from datetime import datetime
from typing import Any

from sqlalchemy import (
    BigInteger,
    Connection,
    Delete,
    Insert,
    Select,
    Update,
    bindparam,
    cast,
    func,
    select,
)

from digest.store.schema import Instant

Statement = Select[Any] | Insert | Update | Delete


class Hot:
    """
    A statement whose text is made once for each kind of database.

    SQLAlchemy looks at a statement for a fifth of a millisecond each time that it is run;
    that is more than a message may cost. Values and rows are as the driver has them:
    `instant`, `ids` and `listed` convert them.
    """

    def __init__(self, make: Callable[[str], Statement]) -> None:
        """*make* returns the statement for a dialect's name; its values are named bindparams."""
        self._make = make
        self._made: dict[str, tuple[str, list[str] | None, Mapping[str, Any]]] = {}

    def run(self, conn: Connection, **values: Any) -> Any:
        """Return SQLAlchemy's result of it, its values as the driver gave them."""
        kind = conn.dialect.name
        if kind not in self._made:
            compiled = self._make(kind).compile(dialect=conn.dialect)
            order: list[str] | None = getattr(compiled, "positiontup", None)
            self._made[kind] = (str(compiled), order, dict(compiled.params))
        text, order, fixed = self._made[kind]
        told = {**fixed, **values}
        return conn.exec_driver_sql(text, tuple(told[name] for name in order) if order else told)


def instant(conn: Connection, moment: datetime) -> Any:
    """Return *moment* as the driver takes it."""
    process = Instant().bind_processor(conn.dialect)
    return process(moment) if process else moment


def ids(numbers: Iterable[int]) -> str:
    """Return numbers as one value, for a column of JSON or for `among`."""
    return json.dumps(list(numbers))


def listed(value: Any) -> list[int]:
    """Return the numbers in a column of JSON as a driver gives it: SQLite's as text."""
    return list(json.loads(value) if isinstance(value, str) else value)


def among(kind: str, name: str) -> Any:
    """Return a subquery of the numbers that `ids` made the value called *name* of."""
    each = func.json_array_elements_text if kind == "postgresql" else func.json_each
    numbers = each(bindparam(name)).table_valued("value")
    return select(cast(numbers.c.value, BigInteger))
