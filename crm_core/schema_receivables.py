"""Tables that receivables are read from, and what finance adds to them."""

from __future__ import annotations

from sqlalchemy import Boolean, Column, Date, Index, Table, Text

from crm_core.schema_types import Amount, metadata

# What ageing reads. Derived from account lines where the ERP settles by clearing, else from items, receipts and
# settlements; `known_from`: the ERP's date from which on it is known, of a product that cannot tell the past.
open_item = Table(
    "open_item",
    metadata,
    Column("system", Text, primary_key=True),
    Column("key", Text, primary_key=True),
    Column("company_code", Text, nullable=False),
    Column("customer_key", Text, nullable=False),
    Column("fiscal_year", Text, nullable=False),
    Column("document_number", Text, nullable=False),
    Column("instalment", Text, nullable=False),
    Column("kind", Text, nullable=False),
    Column("document_kind", Text, nullable=False),
    Column("document_date", Date, nullable=False),
    Column("posting_date", Date, nullable=False),
    Column("due_date", Date),
    Column("currency", Text, nullable=False),
    Column("amount", Amount, nullable=False),
    Column("local_currency", Text, nullable=False),
    Column("rate", Amount, nullable=False),
    Column("reversed_on", Date),
    Column("disputed", Boolean, nullable=False),
    Column("reference", Text, nullable=False),
    Column("invoice_key", Text, nullable=False),
    Column("known_from", Date),
    Index(None, "system", "customer_key"),
)
payment = Table(  # amount is positive: money, or a bill's face, received
    "payment",
    metadata,
    Column("system", Text, primary_key=True),
    Column("key", Text, primary_key=True),
    Column("company_code", Text, nullable=False),
    Column("customer_key", Text, nullable=False),
    Column("fiscal_year", Text, nullable=False),
    Column("document_number", Text, nullable=False),
    Column("kind", Text, nullable=False),
    Column("document_date", Date, nullable=False),
    Column("posting_date", Date, nullable=False),
    Column("currency", Text, nullable=False),
    Column("amount", Amount, nullable=False),
    Column("local_currency", Text, nullable=False),
    Column("rate", Amount, nullable=False),
    Column("maturity_date", Date),
    Column("reversed_on", Date),
    Column("reference", Text, nullable=False),
    Column("known_from", Date),
    Index(None, "system", "customer_key"),
)
application = Table(  # what settled what, when; a side that is unknown has an empty key and amount 0
    "application",
    metadata,
    Column("system", Text, primary_key=True),
    Column("key", Text, primary_key=True),
    Column("kind", Text, nullable=False),
    Column("applied_on", Date, nullable=False),
    Column("reversed_on", Date),
    Column("source_kind", Text, nullable=False),
    Column("source_key", Text, nullable=False),
    Column("source_amount", Amount, nullable=False),
    Column("target_key", Text, nullable=False),
    Column("amount", Amount, nullable=False),
    Column("group_key", Text, nullable=False),
    Index(None, "system", "source_key"),
    Index(None, "system", "target_key"),
    Index(None, "system", "group_key"),
)
cleared_line = Table(  # every clearing of an account line ever seen: an ERP forgets one that it resets, we do not
    "cleared_line",
    metadata,
    Column("system", Text, primary_key=True),
    Column("line", Text, primary_key=True),
    Column("clearing", Text, primary_key=True),
    Column("cleared_on", Date, primary_key=True),
    Column("reset_on", Date),
    Index(None, "system", "clearing"),
)
dispute = Table(  # the CRM's own; an empty amount disputes the whole open amount
    "dispute",
    metadata,
    Column("id", Text, primary_key=True),
    Column("system", Text, nullable=False),
    Column("item_key", Text, nullable=False),
    Column("amount", Amount),
    Column("opened_on", Date, nullable=False),
    Column("closed_on", Date),
    Column("reason", Text, nullable=False),
    Column("opened_by", Text, nullable=False),
    Index(None, "system", "item_key"),
)
exchange_rate = Table(
    "exchange_rate",
    metadata,
    Column("rate_date", Date, primary_key=True),
    Column("from_currency", Text, primary_key=True),
    Column("to_currency", Text, primary_key=True),
    Column("rate", Amount, nullable=False),
)
company = Table(
    "company",
    metadata,
    Column("system", Text, primary_key=True),
    Column("company_code", Text, primary_key=True),
    Column("name", Text, nullable=False),
    Column("currency", Text, nullable=False),
    Column("time_zone", Text, nullable=False),
    Column("country", Text, nullable=False),
)
