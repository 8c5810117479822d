"""Skip days, and correct what is going out"""

import sqlalchemy as sa
from alembic import op

revision = "0013"
down_revision = "0012"
branch_labels = None
depends_on = None

Id = sa.BigInteger().with_variant(sa.Integer(), "sqlite")
Instant = sa.DateTime(timezone=True)


def upgrade() -> None:
    op.create_table(
        "skips",
        sa.Column("newsletter", sa.String(length=64), nullable=False),
        sa.Column("day", sa.String(length=10), nullable=False),
        sa.Column("reason", sa.Text(), nullable=False),
        sa.Column("decided_by", sa.Text(), nullable=False),
        sa.Column("decided_at", Instant, nullable=False),
        sa.PrimaryKeyConstraint("newsletter", "day", name=op.f("pk_skips")),
    )
    op.create_table(
        "corrections",
        sa.Column("issue_id", Id, nullable=False),
        sa.Column("corrects", Id, nullable=False),
        sa.Column("note", sa.Text(), nullable=False),
        sa.Column("mails", sa.Boolean(), nullable=False),
        sa.Column("opened_by", sa.Text(), nullable=False),
        sa.Column("opened_at", Instant, nullable=False),
        sa.Column("edition_id", Id, nullable=True),
        sa.ForeignKeyConstraint(["corrects"], ["issues.id"], name=op.f("fk_corrections_corrects")),
        sa.ForeignKeyConstraint(
            ["edition_id"], ["editions.id"], name=op.f("fk_corrections_edition_id")
        ),
        sa.ForeignKeyConstraint(["issue_id"], ["issues.id"], name=op.f("fk_corrections_issue_id")),
        sa.PrimaryKeyConstraint("issue_id", name=op.f("pk_corrections")),
    )
    op.create_index("ix_corrections_corrects", "corrections", ["corrects"], unique=False)
