"""leases of runs, and backfills in parts: only added, so that an older program can finish beside"""

import sqlalchemy as sa
from alembic import op

from crm_core import schema

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None


def upgrade() -> None:
    for name in ("part", "owner", "prefect_run"):
        op.add_column("run", sa.Column(name, sa.Text(), nullable=False, server_default=""))
    op.add_column("run", sa.Column("lease_until", schema.Stamp(), nullable=True))
    op.create_index("ix_run_state_lease_until", "run", ["state", "lease_until"])
    op.create_table(
        "run_lease",
        sa.Column("system", sa.Text(), nullable=False),
        sa.Column("obj", sa.Text(), nullable=False),
        sa.Column("part", sa.Text(), nullable=False),
        sa.Column("token", sa.Integer(), nullable=False),
        sa.Column("run_id", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("system", "obj", "part"),
    )
    op.create_table(
        "backfill",
        sa.Column("system", sa.Text(), nullable=False),
        sa.Column("obj", sa.Text(), nullable=False),
        sa.Column("read", sa.Text(), nullable=False),
        sa.Column("covers", schema.Json(), nullable=False),
        sa.Column("by", sa.Text(), nullable=False),
        sa.Column("mapping_version", sa.Text(), nullable=False),
        sa.Column("planned_at", schema.Stamp(), nullable=False),
        sa.Column("finished_at", schema.Stamp(), nullable=True),
        sa.PrimaryKeyConstraint("system", "obj"),
    )
    op.create_table(
        "backfill_part",
        sa.Column("system", sa.Text(), nullable=False),
        sa.Column("obj", sa.Text(), nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("seq", sa.Integer(), nullable=False),
        sa.Column("bounds", schema.Json(), nullable=False),
        sa.Column("done", sa.Boolean(), nullable=False),
        sa.Column("stamp", sa.Text(), nullable=False),
        sa.Column("key", sa.Text(), nullable=False),
        sa.Column("newest", sa.Text(), nullable=False),
        sa.Column("read_from", schema.Stamp(), nullable=True),
        sa.Column("records", sa.Integer(), nullable=False),
        sa.PrimaryKeyConstraint("system", "obj", "name"),
    )


def downgrade() -> None:
    for table in ("backfill_part", "backfill", "run_lease"):
        op.drop_table(table)
    op.drop_index("ix_run_state_lease_until", "run")
    for name in ("lease_until", "prefect_run", "owner", "part"):
        op.drop_column("run", name)
