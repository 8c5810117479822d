"""Count who came and went by day, and keep what edits changed"""

import sqlalchemy as sa
from alembic import op

revision = "0017"
down_revision = "0016"
branch_labels = None
depends_on = None

Id = sa.BigInteger().with_variant(sa.Integer(), "sqlite")
Instant = sa.DateTime(timezone=True)


def upgrade() -> None:
    op.create_table(
        "turnover",
        sa.Column("id", Id, autoincrement=True, nullable=False),
        sa.Column("newsletter", sa.String(length=64), nullable=False),
        sa.Column("day", sa.String(length=10), nullable=False),
        sa.Column("joined", sa.Integer(), nullable=False),
        sa.Column("left", sa.Integer(), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_turnover")),
    )
    op.add_column("issues", sa.Column("unedited", sa.JSON(none_as_null=True), nullable=True))
    op.add_column("issues", sa.Column("unworded", sa.JSON(none_as_null=True), nullable=True))
    op.create_index("ix_turnover_day", "turnover", ["newsletter", "day"], unique=False)

    postgresql = op.get_bind().dialect.name == "postgresql"
    day = "to_char(consents.at AT TIME ZONE 'UTC', 'YYYY-MM-DD')" if postgresql else "date(at)"
    came, went = "('imported', 'confirmed', 'undone')", "('left', 'suppressed')"
    op.execute(
        f"""
        INSERT INTO turnover (newsletter, day, joined, "left")
        SELECT newsletter, {day}, sum(CASE WHEN what IN {came} THEN 1 ELSE 0 END),
            sum(CASE WHEN what IN {went} THEN 1 ELSE 0 END)
        FROM consents JOIN subscriptions ON subscriptions.id = consents.subscription_id
        WHERE what IN {came} OR what IN {went}
        GROUP BY newsletter, {day}
        """  # noqa: S608 - made of the words above
    )
