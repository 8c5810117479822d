"""Tell when an issue was corrected without reading its mails"""

from alembic import op

revision = "0009"
down_revision = "0008"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_index("ix_editions_created_at", "editions", ["issue_id", "created_at"], unique=False)
