"""PostgreSQL databases of the newest schema, emptied and lent again: to make one costs more."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any
from uuid import uuid4

from tests import cluster

#: A larger table is not emptied row by row; its database is dropped.
MOST_BYTES = 1024 * 1024
#: Rows that were deleted stay in the files; after so many tests a fresh database is quicker.
MOST_LOANS = 50

#: Any change of the schema makes a row of the catalogue, or takes one away.
_SCHEMA = """
SELECT concat_ws(' ', {}) FROM (SELECT 'public'::regnamespace::oid AS public) AS here
""".format(
    ", ".join(
        f"(SELECT concat(count(*), ':', max(each.xmin::text::bigint)) FROM {rows})"
        for rows in (
            "pg_class AS each WHERE relnamespace = public",
            "pg_attribute AS each JOIN pg_class AS owner ON owner.oid = attrelid"
            " WHERE relnamespace = public",
            "pg_constraint AS each WHERE connamespace = public",
            "pg_proc AS each WHERE pronamespace = public",
            "pg_type AS each WHERE typnamespace = public",
            "pg_trigger AS each",
            "pg_index AS each",
        )
    )
)

_TABLES = "SELECT quote_ident(tablename) FROM pg_tables WHERE schemaname = 'public'"

#: Foreign keys and triggers sleep meanwhile, so the order of the tables is nothing.
_EMPTY = """
DO $$
DECLARE name text; held boolean;
BEGIN
    SET LOCAL session_replication_role = replica;
    FOR name IN SELECT quote_ident(tablename) FROM pg_tables
        WHERE schemaname = 'public' AND tablename <> ALL (string_to_array('{kept}', ','))
    LOOP
        EXECUTE 'SELECT EXISTS (SELECT FROM ' || name || ')' INTO held;
        IF held THEN EXECUTE 'DELETE FROM ' || name; END IF;
    END LOOP;
    PERFORM setval(format('%I.%I', schemaname, sequencename)::regclass, start_value, false)
        FROM pg_sequences WHERE schemaname = 'public' AND last_value IS NOT NULL;
END $$
"""

_END_OTHERS = """
SELECT pg_terminate_backend(pid) FROM pg_stat_activity
WHERE datname = current_database() AND pid <> pg_backend_pid()
"""

_LARGEST = """
SELECT coalesce(max(pg_relation_size(oid)), 0) FROM pg_class
WHERE relnamespace = 'public'::regnamespace AND relkind = 'r'
"""


@dataclass
class Shelf:
    """Lends databases that are like *template*, each to one test at a time."""

    template: str
    _free: list[str] = field(default_factory=list)
    _loans: dict[str, int] = field(default_factory=dict)
    _known: tuple[str, dict[str, str]] | None = None

    def lend(self) -> str:
        """Return the name of one that is as the template is."""
        if self._free:
            return self._free.pop()
        name = f"test_{uuid4().hex}"
        cluster.administer(f"CREATE DATABASE {name} TEMPLATE {self.template}")
        self._loans[name] = 0
        if self._known is None:
            with cluster.connected(name) as connection:
                self._known = _look(connection)
        return name

    def take_back(self, name: str) -> None:
        """Empty it, or drop it where that is not enough."""
        self._loans[name] += 1
        if self._loans[name] < MOST_LOANS and self._is_as_new(name):
            self._free.append(name)
        else:
            self._drop(name)

    def close(self) -> None:
        """Drop all that nobody has."""
        while self._free:
            self._drop(self._free[-1])

    def _is_as_new(self, name: str) -> bool:
        """Empty what the template has empty; False if more than rows was changed."""
        assert self._known is not None
        with cluster.connected(name) as connection:
            connection.execute(_END_OTHERS)
            if connection.execute(_LARGEST).fetchone()[0] > MOST_BYTES:
                return False
            schema, filled = self._known
            connection.execute(_EMPTY.format(kept=",".join(filled)))
            return bool(_look(connection) == (schema, filled))

    def _drop(self, name: str) -> None:
        self._free = [each for each in self._free if each != name]
        cluster.administer(f"DROP DATABASE {name} WITH (FORCE)")


def _look(connection: Any) -> tuple[str, dict[str, str]]:
    """Return what the schema is known by, and the rows of each table that has some."""
    schema = connection.execute(_SCHEMA).fetchone()[0]
    rows = {}
    for (table,) in connection.execute(_TABLES).fetchall():
        said = f"SELECT string_agg(each::text, ';' ORDER BY each::text) FROM {table} AS each"
        if held := connection.execute(said).fetchone()[0]:
            rows[table] = held
    return schema, rows
