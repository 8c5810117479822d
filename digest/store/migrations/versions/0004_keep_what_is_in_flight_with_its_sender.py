"""Keep what is in flight with its sender"""

import sqlalchemy as sa
from alembic import op

revision = "0004"
down_revision = "0003"
branch_labels = None
depends_on = None

Id = sa.BigInteger().with_variant(sa.Integer(), "sqlite")
Instant = sa.DateTime(timezone=True)


def upgrade() -> None:
    op.create_table(
        "senders",
        sa.Column("holder", sa.String(length=36), nullable=False),
        sa.Column("issue_id", Id, nullable=False),
        sa.Column("in_flight", sa.JSON(), nullable=False),
        sa.Column("until", Instant, nullable=False),
        sa.ForeignKeyConstraint(["issue_id"], ["issues.id"], name=op.f("fk_senders_issue_id")),
        sa.PrimaryKeyConstraint("holder", name=op.f("pk_senders")),
    )
    op.create_index(op.f("ix_senders_issue_id"), "senders", ["issue_id"], unique=False)
    # Whoever was attempted by a sender of the old version: it is not at work while this runs.
    op.execute(
        "UPDATE deliveries SET state = 'uncertain', "
        "answer = 'the sender ended before an answer was recorded' WHERE state = 'attempting'"
    )
    with op.batch_alter_table("deliveries", schema=None) as batch_op:
        batch_op.drop_column("claimed_until")
