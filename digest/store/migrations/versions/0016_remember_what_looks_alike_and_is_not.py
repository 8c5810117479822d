"""Remember what looks alike and is not"""

import sqlalchemy as sa
from alembic import op

revision = "0016"
down_revision = "0015"
branch_labels = None
depends_on = None

Id = sa.BigInteger().with_variant(sa.Integer(), "sqlite")
Instant = sa.DateTime(timezone=True)


def upgrade() -> None:
    op.create_table(
        "distinctions",
        sa.Column("first_id", Id, autoincrement=False, nullable=False),
        sa.Column("second_id", Id, autoincrement=False, nullable=False),
        sa.Column("said_at", Instant, nullable=False),
        sa.Column("said_by", sa.Text(), nullable=False),
        sa.ForeignKeyConstraint(
            ["first_id"],
            ["publications.id"],
            name=op.f("fk_distinctions_first_id"),
            ondelete="CASCADE",
        ),
        sa.ForeignKeyConstraint(
            ["second_id"],
            ["publications.id"],
            name=op.f("fk_distinctions_second_id"),
            ondelete="CASCADE",
        ),
        sa.PrimaryKeyConstraint("first_id", "second_id", name=op.f("pk_distinctions")),
    )
    with op.batch_alter_table("distinctions", schema=None) as batch_op:
        batch_op.create_index(batch_op.f("ix_distinctions_second_id"), ["second_id"], unique=False)
