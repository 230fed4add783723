"""prices say whose they are; a line's tax rate may be unknown: an older program can finish beside"""

import sqlalchemy as sa
from alembic import op

from crm_core import schema

revision = "0005"
down_revision = "0004"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column("erp_price", sa.Column("company_code", sa.Text(), nullable=False, server_default=""))
    with op.batch_alter_table("quote_line") as lines:
        lines.alter_column("tax_rate", existing_type=schema.Amount(), nullable=True)


def downgrade() -> None:
    """Whose a price is, is read again when the column comes back; a rate that is not known becomes none, as it was."""
    op.execute("UPDATE erp_price SET row_hash = '' WHERE company_code <> ''")
    op.execute("UPDATE quote_line SET tax_rate = '0' WHERE tax_rate IS NULL")
    with op.batch_alter_table("quote_line") as lines:
        lines.alter_column("tax_rate", existing_type=schema.Amount(), nullable=False)
    op.drop_column("erp_price", "company_code")
