"""Blocks, pictures, merges, tasks and subjects of the desk"""

import sqlalchemy as sa
from alembic import op

revision = "0014"
down_revision = "0013"
branch_labels = None
depends_on = None

Id = sa.BigInteger().with_variant(sa.Integer(), "sqlite")
Instant = sa.DateTime(timezone=True)


def upgrade() -> None:
    op.create_table(
        "blocks",
        sa.Column("id", Id, autoincrement=True, nullable=False),
        sa.Column("newsletter", sa.String(length=64), nullable=False),
        sa.Column("key", sa.String(length=64), nullable=False),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.Column("said", sa.JSON(none_as_null=True), nullable=True),
        sa.Column("written_at", Instant, nullable=False),
        sa.Column("written_by", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_blocks")),
        sa.UniqueConstraint(
            "newsletter", "key", "version", name=op.f("uq_blocks_newsletter_key_version")
        ),
    )
    op.create_table(
        "pictures",
        sa.Column("id", Id, autoincrement=True, nullable=False),
        sa.Column("newsletter", sa.String(length=64), nullable=False),
        sa.Column("name", sa.String(length=64), nullable=False),
        sa.Column("alt", sa.Text(), nullable=False),
        sa.Column("width", sa.Integer(), nullable=False),
        sa.Column("height", sa.Integer(), nullable=False),
        sa.Column("size", sa.Integer(), nullable=False),
        sa.Column("brought_at", Instant, nullable=False),
        sa.Column("brought_by", sa.Text(), nullable=False),
        sa.Column("put_away_at", Instant, nullable=True),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_pictures")),
    )
    op.create_index("ix_pictures_newsletter", "pictures", ["newsletter", "id"], unique=False)

    op.create_table(
        "tasks",
        sa.Column("id", Id, autoincrement=True, nullable=False),
        sa.Column("newsletter", sa.String(length=64), nullable=False),
        sa.Column("issue_id", Id, nullable=True),
        sa.Column("kind", sa.String(length=16), nullable=False),
        sa.Column("asked", sa.JSON(), nullable=False),
        sa.Column("state", sa.String(length=8), nullable=False),
        sa.Column("done", sa.Integer(), nullable=False),
        sa.Column("total", sa.Integer(), nullable=False),
        sa.Column("said", sa.Text(), nullable=False),
        sa.Column("found", sa.JSON(), nullable=False),
        sa.Column("asked_by", sa.Text(), nullable=False),
        sa.Column("asked_at", Instant, nullable=False),
        sa.Column("heard_at", Instant, nullable=False),
        sa.Column("finished_at", Instant, nullable=True),
        sa.ForeignKeyConstraint(["issue_id"], ["issues.id"], name=op.f("fk_tasks_issue_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_tasks")),
    )
    op.create_index(op.f("ix_tasks_issue_id"), "tasks", ["issue_id"], unique=False)
    op.create_index("ix_tasks_newsletter", "tasks", ["newsletter", "kind", "id"], unique=False)

    op.create_table(
        "merges",
        sa.Column("publication_id", Id, autoincrement=False, nullable=False),
        sa.Column("into_id", Id, nullable=False),
        sa.Column("names", sa.JSON(), nullable=False),
        sa.Column("was_hidden", sa.Boolean(), nullable=False),
        sa.Column("merged_at", Instant, nullable=False),
        sa.Column("merged_by", sa.Text(), nullable=False),
        sa.ForeignKeyConstraint(
            ["into_id"], ["publications.id"], name=op.f("fk_merges_into_id"), ondelete="CASCADE"
        ),
        sa.ForeignKeyConstraint(
            ["publication_id"],
            ["publications.id"],
            name=op.f("fk_merges_publication_id"),
            ondelete="CASCADE",
        ),
        sa.PrimaryKeyConstraint("publication_id", name=op.f("pk_merges")),
    )
    op.create_index(op.f("ix_merges_into_id"), "merges", ["into_id"], unique=False)

    op.create_index(
        "ix_consents_left_at",
        "consents",
        ["at"],
        unique=False,
        sqlite_where=sa.text("what = 'left'"),
        postgresql_where=sa.text("what = 'left'"),
    )

    op.add_column("issues", sa.Column("subject", sa.Text(), server_default="", nullable=False))
    op.create_index(
        "ix_issues_window_end", "issues", ["newsletter", "window_end", "id"], unique=False
    )
    # JSON of another shape than ours has no subject; the column keeps its default then.
    if op.get_bind().dialect.name == "postgresql":
        op.execute("UPDATE issues SET subject = coalesce(recap ->> 'subject', '')")
    else:
        op.execute("UPDATE issues SET subject = coalesce(json_extract(recap, '$.subject'), '')")
