"""Variants of an edition, and what readers choose"""

import sqlalchemy as sa
from alembic import op

revision = "0005"
down_revision = "0004"
branch_labels = None
depends_on = None

Id = sa.BigInteger().with_variant(sa.Integer(), "sqlite")
Instant = sa.DateTime(timezone=True)


def upgrade() -> None:
    with op.batch_alter_table("subscribers", schema=None) as batch_op:
        batch_op.add_column(sa.Column("wanted_address", sa.Text(), nullable=True))

    with op.batch_alter_table("subscriptions", schema=None) as batch_op:
        batch_op.add_column(
            sa.Column("format", sa.String(length=8), server_default="html", nullable=False)
        )

    with op.batch_alter_table("variants", schema=None) as batch_op:
        batch_op.add_column(
            sa.Column("format", sa.String(length=8), server_default="html", nullable=False)
        )
        batch_op.add_column(sa.Column("html", sa.JSON(), nullable=True))
        batch_op.add_column(sa.Column("text", sa.JSON(), nullable=True))
        batch_op.drop_constraint(batch_op.f("uq_variants_edition_id_topics"), type_="unique")
        batch_op.create_unique_constraint(
            batch_op.f("uq_variants_edition_id_topics_format"), ["edition_id", "topics", "format"]
        )
