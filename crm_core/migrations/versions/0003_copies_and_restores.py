"""copies and restores: where the database lives, whether what it says is in doubt, and which systems were asked"""

import sqlalchemy as sa
from alembic import op

from crm_core import schema

revision = "0003"
down_revision = "0002"
branch_labels = None
depends_on = None


def upgrade() -> None:
    for name in ("uid", "place", "doubt"):
        op.add_column("installation", sa.Column(name, sa.Text(), nullable=False, server_default=""))
    op.add_column("installation", sa.Column("doubted_at", schema.Stamp(), nullable=True))
    op.create_table(
        "adoption",
        sa.Column("system", sa.Text(), nullable=False),
        sa.Column("asked_at", schema.Stamp(), nullable=False),
        sa.Column("asked_by", sa.Text(), nullable=False),
        sa.Column("counts", schema.Json(), nullable=False),
        sa.PrimaryKeyConstraint("system"),
    )


def downgrade() -> None:
    op.drop_table("adoption")
    for name in ("doubted_at", "doubt", "place", "uid"):
        op.drop_column("installation", name)
