"""What Alembic runs: the steps, on the connection and in the transaction of `upgrade`."""

from typing import Any, Literal

from alembic import context
from sqlalchemy import BigInteger

from digest.store.schema import Instant, metadata
from digest.store.upgrade import VERSION_TABLE, is_described


def _named(kind: str, thing: Any, _autogen: Any) -> str | Literal[False]:
    """Call our types by the names that a step gives them: it must not change with the program."""
    if kind == "type" and isinstance(thing, Instant):
        return "Instant"
    if kind == "type" and isinstance(thing, BigInteger):
        return "Id"
    return False


context.configure(
    connection=context.config.attributes["connection"],
    target_metadata=metadata,
    version_table=VERSION_TABLE,
    # Whole or not at all, on SQLite too: the driver leaves transactions to us.
    transactional_ddl=True,
    render_as_batch=context.config.attributes.get("rebuilds", False),
    render_item=_named,
    include_name=is_described,
)
context.run_migrations()
