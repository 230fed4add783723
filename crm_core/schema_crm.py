"""Tables of the CRM's own: customers and their links to ERPs, quotes."""

from __future__ import annotations

from sqlalchemy import Boolean, Column, Date, ForeignKeyConstraint, Index, Integer, Table, Text

from crm_core.schema_types import Amount, Json, Stamp, metadata

customer = Table(
    "customer",
    metadata,
    Column("number", Text, primary_key=True),
    Column("name", Text, nullable=False),
    Column("name_en", Text, nullable=False),
    Column("category", Text, nullable=False),
    Column("tax_id", Text, nullable=False),
    Column("language", Text, nullable=False),
    Column("email", Text, nullable=False),
    Column("phone", Text, nullable=False),
    Column("website", Text, nullable=False),
    Column("street", Text, nullable=False),
    Column("city", Text, nullable=False),
    Column("postal_code", Text, nullable=False),
    Column("region", Text, nullable=False),
    Column("country", Text, nullable=False),
    Column("blocked", Boolean, nullable=False),
    Column("owner", Text, nullable=False),
    Column("origin", Text, nullable=False),  # the system it came from, or crm
    Column("created_at", Stamp, nullable=False),
    Column("updated_at", Stamp, nullable=False),
    Column("custom", Json, nullable=False),
)
contact = Table(
    "contact",
    metadata,
    Column("id", Integer, primary_key=True),
    Column("customer_number", Text, nullable=False),
    Column("name", Text, nullable=False),
    Column("role", Text, nullable=False),
    Column("email", Text, nullable=False),
    Column("phone", Text, nullable=False),
    ForeignKeyConstraint(["customer_number"], ["customer.number"]),
)
external_ref = Table(  # the link to the ERP: several ERP keys may be one CRM row
    "external_ref",
    metadata,
    Column("system", Text, primary_key=True),
    Column("obj", Text, primary_key=True),
    Column("erp_key", Text, primary_key=True),
    Column("crm_id", Text, nullable=False),
    Column("linked_at", Stamp, nullable=False),
    Column("linked_by", Text, nullable=False),
    Index(None, "obj", "crm_id"),
)
quote = Table(
    "quote",
    metadata,
    Column("number", Text, primary_key=True),
    Column("version", Integer, nullable=False),
    Column("state", Text, nullable=False),  # draft, accepted, cancelled
    Column("system", Text, nullable=False),
    Column("company_code", Text, nullable=False),
    Column("customer_number", Text, nullable=False),
    Column("customer_po", Text, nullable=False),
    Column("currency", Text, nullable=False),
    Column("payment_terms", Text, nullable=False),
    Column("quoted_on", Date, nullable=False),
    Column("valid_until", Date),
    Column("requested_on", Date),
    Column("net_total", Amount, nullable=False),
    Column("tax_total", Amount, nullable=False),
    Column("gross_total", Amount, nullable=False),
    Column("owner", Text, nullable=False),
    Column("note", Text, nullable=False),
    Column("created_at", Stamp, nullable=False),
    Column("updated_at", Stamp, nullable=False),
    Column("accepted_at", Stamp),
    Column("accepted_by", Text, nullable=False),
    Column("custom", Json, nullable=False),
    ForeignKeyConstraint(["customer_number"], ["customer.number"]),
)
quote_line = Table(
    "quote_line",
    metadata,
    Column("quote_number", Text, primary_key=True),
    Column("line", Text, primary_key=True),
    Column("product_key", Text, nullable=False),
    Column("text", Text, nullable=False),
    Column("quantity", Amount, nullable=False),
    Column("unit", Text, nullable=False),
    Column("price", Amount),  # None: nobody has named one yet
    Column("per", Amount, nullable=False),
    Column("price_includes_tax", Boolean, nullable=False),
    Column("tax_rate", Amount),  # per cent; None: not known, the order was adopted from the ERP
    Column("net_amount", Amount, nullable=False),
    Column("tax_amount", Amount, nullable=False),
    Column("gross_amount", Amount, nullable=False),
    Column("requested_on", Date),
    ForeignKeyConstraint(["quote_number"], ["quote.number"]),
)
quote_instalment = Table(  # the payment plan: percent and amount of the gross total; the last takes the rest
    "quote_instalment",
    metadata,
    Column("quote_number", Text, primary_key=True),
    Column("seq", Integer, primary_key=True),
    Column("label", Text, nullable=False),
    Column("percent", Amount, nullable=False),
    Column("amount", Amount, nullable=False),
    Column("days", Integer, nullable=False),
    Column("basis", Text, nullable=False),  # order, delivery, invoice, acceptance
    ForeignKeyConstraint(["quote_number"], ["quote.number"]),
)
quote_version = Table(  # every accepted or superseded version, whole
    "quote_version",
    metadata,
    Column("quote_number", Text, primary_key=True),
    Column("version", Integer, primary_key=True),
    Column("content", Json, nullable=False),
    Column("saved_at", Stamp, nullable=False),
    Column("saved_by", Text, nullable=False),
)
