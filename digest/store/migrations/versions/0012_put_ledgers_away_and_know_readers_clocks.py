"""Put ledgers away and know readers' clocks"""

import sqlalchemy as sa
from alembic import op

revision = "0012"
down_revision = "0011"
branch_labels = None
depends_on = None

Id = sa.BigInteger().with_variant(sa.Integer(), "sqlite")
Instant = sa.DateTime(timezone=True)


def upgrade() -> None:
    op.create_table(
        "ledger_summaries",
        sa.Column("issue_id", Id, nullable=False),
        sa.Column("at", Instant, nullable=False),
        sa.Column("figures", sa.JSON(), nullable=False),
        sa.Column("file", sa.Text(), nullable=False),
        sa.Column("sha256", sa.String(length=64), nullable=False),
        sa.ForeignKeyConstraint(
            ["issue_id"], ["issues.id"], name=op.f("fk_ledger_summaries_issue_id")
        ),
        sa.PrimaryKeyConstraint("issue_id", name=op.f("pk_ledger_summaries")),
    )
    with op.batch_alter_table("subscriptions", schema=None) as batch_op:
        batch_op.add_column(sa.Column("timezone", sa.String(length=64), nullable=True))
        batch_op.create_index(
            "ix_subscriptions_timezone",
            ["newsletter", "rhythm", "timezone"],
            unique=False,
            sqlite_where=sa.text("timezone IS NOT NULL"),
            postgresql_where=sa.text("timezone IS NOT NULL"),
        )
