"""payments and applications as an ERP hands them over, contracts, steps of an entry, quotas: only added"""

from typing import Any

import sqlalchemy as sa
from alembic import op

from crm_core import schema

revision = "0004"
down_revision = "0003"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column("account_line", sa.Column("balance", schema.Amount(), nullable=True))
    op.add_column("account_line", sa.Column("reversed_on", sa.Date(), nullable=True))
    for table in ("open_item", "payment"):
        op.add_column(table, sa.Column("known_from", sa.Date(), nullable=True))
    op.add_column("outbox", sa.Column("step", sa.Text(), nullable=False, server_default=""))
    _contracts()
    _receipts()
    _settlements()
    op.create_table(
        "call_quota",
        sa.Column("system", sa.Text(), nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("taken", schema.Json(), nullable=False),
        sa.PrimaryKeyConstraint("system", "name"),
    )


def _contracts() -> None:
    op.create_table(
        "erp_contract",
        *_keyed(),
        *_texts("number", "company_code", "customer_key", "our_key", "status"),
        *(sa.Column(name, sa.Date()) for name in ("start_date", "end_date", "signed_on", "cancelled_on")),
        *_texts("currency"),
        sa.Column("net_amount", schema.Amount()),
        *_texts("billing_status", "renews"),
        *_bookkeeping(),
    )
    op.create_index("ix_erp_contract_our_key", "erp_contract", ["our_key"])
    op.create_index("ix_erp_contract_system_customer_key", "erp_contract", ["system", "customer_key"])
    op.create_table(
        "erp_contract_line",
        *_texts("system", "parent"),
        sa.Column("seq", sa.Integer(), nullable=False),
        *_texts("line", "product_key", "text"),
        sa.Column("quantity", schema.Amount(), nullable=False),
        *_texts("unit"),
        sa.Column("net_amount", schema.Amount()),
        sa.Column("start_date", sa.Date()),
        sa.Column("end_date", sa.Date()),
        sa.PrimaryKeyConstraint("system", "parent", "seq"),
    )


def _receipts() -> None:
    op.create_table(
        "erp_receipt",
        *_keyed(),
        *_texts("kind", "company_code", "fiscal_year", "number", "customer_key"),
        sa.Column("document_date", sa.Date(), nullable=False),
        sa.Column("posting_date", sa.Date(), nullable=False),
        *_texts("currency"),
        sa.Column("amount", schema.Amount(), nullable=False),
        sa.Column("balance", schema.Amount()),
        *_texts("local_currency"),
        sa.Column("rate", schema.Amount(), nullable=False),
        sa.Column("maturity_date", sa.Date()),
        sa.Column("reversed_on", sa.Date()),
        *_texts("reference"),
        *_bookkeeping(),
    )
    op.create_index("ix_erp_receipt_system_customer_key", "erp_receipt", ["system", "customer_key"])


def _settlements() -> None:
    op.create_table(
        "erp_settlement",
        *_keyed(),
        *_texts("kind", "company_code"),
        sa.Column("applied_on", sa.Date(), nullable=False),
        sa.Column("reversed_on", sa.Date()),
        *_texts("source_kind", "source_key"),
        sa.Column("source_amount", schema.Amount(), nullable=False),
        *_texts("target_kind", "target_key"),
        sa.Column("amount", schema.Amount(), nullable=False),
        *_bookkeeping(),
    )
    for side in ("source_key", "target_key"):
        op.create_index(f"ix_erp_settlement_system_{side}", "erp_settlement", ["system", side])


def _keyed() -> list[Any]:
    return [
        *_texts("system", "key"),
        sa.Column("changed_at", schema.Stamp()),
        sa.Column("custom", schema.Json(), nullable=False),
        sa.PrimaryKeyConstraint("system", "key"),
    ]


def _bookkeeping() -> list[Any]:
    return [*_texts("row_hash", "mapping_version"), sa.Column("seen_at", schema.Stamp(), nullable=False)]


def _texts(*names: str) -> list[Any]:
    return [sa.Column(name, sa.Text(), nullable=False) for name in names]


def downgrade() -> None:
    """What is lost is read again when the tables come back, and nothing that was made of it is left."""
    of_these = "'contracts', 'payments', 'applications'"
    changed = "SELECT system FROM account_line WHERE balance IS NOT NULL OR reversed_on IS NOT NULL"
    for table in ("watermark", "resume_position"):
        op.execute(f"DELETE FROM {table} WHERE obj IN ({of_these}) OR obj = 'open_items' AND system IN ({changed})")
    op.execute("UPDATE account_line SET row_hash = '' WHERE balance IS NOT NULL OR reversed_on IS NOT NULL")
    op.execute("DELETE FROM payment WHERE key LIKE 'payments:%'")
    op.execute("DELETE FROM application WHERE key LIKE 'applications:%' OR key LIKE 'balance:%'")
    for table in ("call_quota", "erp_settlement", "erp_receipt", "erp_contract_line", "erp_contract"):
        op.drop_table(table)
    op.drop_column("outbox", "step")
    for table in ("payment", "open_item"):
        op.drop_column(table, "known_from")
    for column in ("reversed_on", "balance"):
        op.drop_column("account_line", column)
