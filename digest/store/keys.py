"""Since when each secret of the installation is in use; of the secrets, keyed marks alone."""

from __future__ import annotations

import json
from collections.abc import Mapping
from datetime import datetime

from sqlalchemy import Connection, delete, insert, select

from digest.store.schema import installation

_PREFIX = "key "


def seen(conn: Connection, marks: Mapping[str, str], *, now: datetime) -> dict[str, datetime]:
    """
    Return since when each of *marks*, by name, has been as it is; a new one is kept as of *now*.

    Calling twice changes nothing.
    """
    known = _known(conn)
    for name, mark in marks.items():
        if known.get(name, ("",))[0] != mark:
            known[name] = mark, now
            _keep(conn, name, mark, now)
    return {name: known[name][1] for name in marks}


def _known(conn: Connection) -> dict[str, tuple[str, datetime]]:
    query = select(installation).where(installation.c.name.startswith(_PREFIX))
    found = ((row.name.removeprefix(_PREFIX), json.loads(row.value)) for row in conn.execute(query))
    return {name: (told["mark"], datetime.fromisoformat(told["since"])) for name, told in found}


def _keep(conn: Connection, name: str, mark: str, now: datetime) -> None:
    value = json.dumps({"mark": mark, "since": now.isoformat()}).encode()
    conn.execute(delete(installation).where(installation.c.name == _PREFIX + name))
    conn.execute(insert(installation).values(name=_PREFIX + name, value=value))
