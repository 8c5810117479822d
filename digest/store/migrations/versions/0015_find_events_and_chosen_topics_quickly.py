"""Find events and chosen topics quickly"""

import sqlalchemy as sa
from alembic import op

revision = "0015"
down_revision = "0014"
branch_labels = None
depends_on = None

Id = sa.BigInteger().with_variant(sa.Integer(), "sqlite")
Instant = sa.DateTime(timezone=True)


def upgrade() -> None:
    with op.batch_alter_table("publications", schema=None) as batch_op:
        batch_op.create_index(
            "ix_publications_starts_at",
            ["starts_at"],
            unique=False,
            sqlite_where=sa.text("starts_at IS NOT NULL"),
            postgresql_where=sa.text("starts_at IS NOT NULL"),
        )

    with op.batch_alter_table("subscriptions", schema=None) as batch_op:
        batch_op.create_index(
            "ix_subscriptions_topics",
            ["newsletter", "rhythm", "state"],
            unique=False,
            sqlite_where=sa.text("CAST(topics AS TEXT) <> '[]'"),
            postgresql_where=sa.text("CAST(topics AS TEXT) <> '[]'"),
        )
