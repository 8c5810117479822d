"""Keep whether a title was made"""

import sqlalchemy as sa
from alembic import op

revision = "0018"
down_revision = "0017"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column(
        "publications",
        sa.Column("title_made", sa.Boolean(), server_default="0", nullable=False),
    )
