"""The tables. ERP documents are keyed by (system, full ERP key); their columns follow `crm_core.model`.

Amounts are exact decimals: NUMERIC on PostgreSQL, canonical text on SQLite, whose own numbers are binary floats.
Times are aware UTC, dates the company's calendar dates. Migrations are in crm_core/migrations.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from datetime import UTC, date, datetime
from decimal import Decimal
from typing import Any

import msgspec
from sqlalchemy import (
    Boolean,
    Column,
    Date,
    DateTime,
    ForeignKeyConstraint,
    Index,
    Integer,
    MetaData,
    Numeric,
    Table,
    Text,
    UniqueConstraint,
)
from sqlalchemy.engine import Dialect
from sqlalchemy.types import TypeDecorator, TypeEngine

from crm_core import model


class Amount(TypeDecorator[Decimal]):
    """An exact decimal: amount, quantity or rate."""

    impl = Text
    cache_ok = True

    def load_dialect_impl(self, dialect: Dialect) -> TypeEngine[Any]:
        return dialect.type_descriptor(Text() if dialect.name == "sqlite" else Numeric(asdecimal=True))

    def process_bind_param(self, value: Decimal | None, dialect: Dialect) -> Any:
        return value if value is None or dialect.name != "sqlite" else format(value, "f")

    def process_result_value(self, value: Any, dialect: Dialect) -> Decimal | None:
        return None if value is None else Decimal(value)


class Stamp(TypeDecorator[datetime]):
    """An aware time, kept in UTC; on SQLite as sortable text."""

    impl = Text
    cache_ok = True

    def load_dialect_impl(self, dialect: Dialect) -> TypeEngine[Any]:
        return dialect.type_descriptor(Text() if dialect.name == "sqlite" else DateTime(timezone=True))

    def process_bind_param(self, value: datetime | None, dialect: Dialect) -> Any:
        if value is None or dialect.name != "sqlite":
            return value
        return stamp_text(value)

    def process_result_value(self, value: Any, dialect: Dialect) -> datetime | None:
        return datetime.fromisoformat(value) if isinstance(value, str) else value


class Json(TypeDecorator[Any]):
    """A small structure of text, bool, int, list and dict; decimals are written as text."""

    impl = Text
    cache_ok = True

    def process_bind_param(self, value: Any, dialect: Dialect) -> str | None:
        return None if value is None else _json_text(value)

    def process_result_value(self, value: Any, dialect: Dialect) -> Any:
        return None if value is None else json.loads(value)


def _json_text(value: Any) -> str:
    """Letters as they are, but everything as escapes where there is half a character, which no database keeps."""
    text = json.dumps(value, ensure_ascii=False, sort_keys=True, default=str)
    try:
        text.encode()
    except UnicodeEncodeError:
        return json.dumps(value, sort_keys=True, default=str)
    return text


def stamp_text(at: datetime) -> str:
    """The sortable text of an aware time, always with six fractional digits."""
    return at.astimezone(UTC).isoformat(timespec="microseconds")


metadata = MetaData(
    naming_convention={"ix": "ix_%(table_name)s_%(column_0_N_name)s", "uq": "uq_%(table_name)s_%(column_0_N_name)s"}
)

_SQL_TYPES: dict[Any, type[TypeEngine[Any]]] = {
    str: Text,
    Decimal: Amount,
    date: Date,
    datetime: Stamp,
    bool: Boolean,
    int: Integer,
    dict: Json,
}
ERP_TABLES = {
    "customers": "erp_customer",
    "products": "erp_product",
    "prices": "erp_price",
    "orders": "erp_order",
    "deliveries": "erp_delivery",
    "invoices": "erp_invoice",
    "open_items": "account_line",
}
CHILD_TABLES = {
    ("customers", "addresses"): "erp_customer_address",
    ("customers", "contacts"): "erp_customer_contact",
    ("customers", "accounts"): "customer_account",
    ("orders", "lines"): "erp_order_line",
    ("deliveries", "lines"): "erp_delivery_line",
    ("invoices", "lines"): "erp_invoice_line",
}
BOOKKEEPING = ("row_hash", "mapping_version", "seen_at")


def plain_fields(struct: type[msgspec.Struct]) -> list[tuple[str, type, bool]]:
    """(name, Python type, nullable) of the fields that are columns of the record's own table."""
    return list(_fields(struct, children=False))


def child_fields(struct: type[msgspec.Struct]) -> list[tuple[str, type[msgspec.Struct]]]:
    """(name, struct) of the fields that are child tables."""
    return [(name, kind) for name, kind, _ in _fields(struct, children=True)]


def _fields(struct: type[msgspec.Struct], *, children: bool) -> Iterator[tuple[str, type, bool]]:
    for field in msgspec.inspect.type_info(struct).fields:  # type: ignore[attr-defined]  # a StructType
        kind, nullable = _python_type(field.type)
        is_child = isinstance(kind, type) and issubclass(kind, msgspec.Struct)
        if is_child == children:
            yield field.name, kind, nullable


def _python_type(info: msgspec.inspect.Type) -> tuple[type, bool]:
    if isinstance(info, msgspec.inspect.UnionType):
        kept = [part for part in info.types if not isinstance(part, msgspec.inspect.NoneType)]
        return _python_type(kept[0])[0], True
    if isinstance(info, msgspec.inspect.ListType):
        return info.item_type.cls, False  # type: ignore[attr-defined]  # lists hold structs only
    plain = {
        msgspec.inspect.StrType: str,
        msgspec.inspect.DecimalType: Decimal,
        msgspec.inspect.DateType: date,
        msgspec.inspect.DateTimeType: datetime,
        msgspec.inspect.BoolType: bool,
        msgspec.inspect.IntType: int,
        msgspec.inspect.DictType: dict,
    }
    return plain[type(info)], False


def _columns(struct: type[msgspec.Struct]) -> list[Column[Any]]:
    return [Column(name, _SQL_TYPES[kind], nullable=nullable) for name, kind, nullable in plain_fields(struct)]


def _erp_table(obj: str, *extra: Any) -> Table:
    return Table(
        ERP_TABLES[obj],
        metadata,
        Column("system", Text, primary_key=True),
        Column("key", Text, primary_key=True),
        *_columns(model.PULLED[obj]),
        *extra,
        Column("row_hash", Text, nullable=False),
        Column("mapping_version", Text, nullable=False),
        Column("seen_at", Stamp, nullable=False),
    )


def _child_table(obj: str, name: str, struct: type[msgspec.Struct], *extra: Any) -> Table:
    return Table(
        CHILD_TABLES[obj, name],
        metadata,
        Column("system", Text, primary_key=True),
        Column("parent", Text, primary_key=True),
        Column("seq", Integer, primary_key=True),
        *_columns(struct),
        *extra,
    )


erp_customer = _erp_table("customers", Index(None, "number"))
customer_account = _child_table("customers", "accounts", model.Account)
erp_customer_address = _child_table("customers", "addresses", model.Address)
erp_customer_contact = _child_table("customers", "contacts", model.Contact)
erp_product = _erp_table("products")
erp_price = _erp_table("prices", Index(None, "system", "product_key"))
erp_order = _erp_table("orders", Index(None, "our_key"), Index(None, "system", "customer_key"))
erp_order_line = _child_table("orders", "lines", model.OrderLine)
erp_delivery = _erp_table("deliveries")
erp_delivery_line = _child_table("deliveries", "lines", model.DeliveryLine, Index(None, "system", "order_key"))
erp_invoice = _erp_table("invoices", Index(None, "system", "customer_key"), Index(None, "system", "document_key"))
erp_invoice_line = _child_table("invoices", "lines", model.InvoiceLine, Index(None, "system", "order_key"))
account_line = _erp_table(
    "open_items",
    Column("document_key", Text, nullable=False),
    Index(None, "system", "document_key"),
    Index(None, "system", "clearing"),
    Index(None, "system", "settles"),
    Index(None, "system", "reverses"),
)

order_hold = Table(  # a credit hold, by the ERP's own dates; until_on is the first day without it
    "order_hold",
    metadata,
    Column("system", Text, primary_key=True),
    Column("key", Text, primary_key=True),
    Column("from_on", Date, primary_key=True),
    Column("until_on", Date),
)
order_event = Table(  # what became of an order, as seen: the timeline
    "order_event",
    metadata,
    Column("id", Integer, primary_key=True),
    Column("system", Text, nullable=False),
    Column("key", Text, nullable=False),
    Column("at", Stamp, nullable=False),
    Column("event", Text, nullable=False),  # status, delivery, goods_issue, invoice, ...
    Column("detail", Json, nullable=False),
    Index(None, "system", "key"),
)

# Receivables: what ageing reads. Derived from account lines where the ERP settles by clearing, else pulled as they are.
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

# The CRM's own.
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
    Column("tax_rate", Amount, nullable=False),  # per cent
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

# Sync state.
outbox = Table(
    "outbox",
    metadata,
    Column("key", Text, primary_key=True),  # what the ERP document bears, e.g. CT7-Q000123
    Column("version", Integer, primary_key=True),
    Column("system", Text, nullable=False),
    Column("obj", Text, nullable=False),
    Column("action", Text, nullable=False),  # create, change, cancel
    Column("crm_id", Text, nullable=False),
    Column("after_key", Text, nullable=False),  # waits until every entry of that key is sent
    Column("state", Text, nullable=False),  # pending, unknown, sent, review, dead
    Column("document", Json, nullable=False),  # the decision, in our words
    Column("wire", Json),  # frozen at the first attempt, with the mapping version
    Column("mapping_version", Text, nullable=False),
    Column("external_id", Text, nullable=False),
    Column("attempts", Integer, nullable=False),
    Column("last_sent_at", Stamp),
    Column("due_at", Stamp, nullable=False),
    Column("lease_owner", Text, nullable=False),
    Column("lease_token", Integer, nullable=False),
    Column("lease_until", Stamp),
    Column("reason", Json),  # code and params of why it is not sent
    Column("created_at", Stamp, nullable=False),
    Column("created_by", Text, nullable=False),
    Column("settled_at", Stamp),
    Index(None, "system", "state", "due_at"),
)
outbox_attempt = Table(
    "outbox_attempt",
    metadata,
    Column("id", Integer, primary_key=True),
    Column("key", Text, nullable=False),
    Column("version", Integer, nullable=False),
    Column("number", Integer, nullable=False),
    Column("run_id", Text, nullable=False),
    Column("lease_token", Integer, nullable=False),
    Column("started_at", Stamp, nullable=False),
    Column("finished_at", Stamp),
    Column("outcome", Text, nullable=False),  # empty while under way
    Column("detail", Json),
    Index(None, "key", "version"),
)
watermark = Table(  # up to which stamp a read is safely stored
    "watermark",
    metadata,
    Column("system", Text, primary_key=True),
    Column("obj", Text, primary_key=True),
    Column("read", Text, primary_key=True),
    Column("stamp", Text, nullable=False),
    Column("mapping_version", Text, nullable=False),  # another version reads everything again
    Column("run_id", Text, nullable=False),
    Column("moved_at", Stamp, nullable=False),
)
resume_position = Table(  # how far an unfinished read has come; gone when it ends
    "resume_position",
    metadata,
    Column("system", Text, primary_key=True),
    Column("obj", Text, primary_key=True),
    Column("read", Text, primary_key=True),
    Column("since", Text, nullable=False),
    Column("stamp", Text, nullable=False),
    Column("key", Text, nullable=False),
    Column("read_from", Stamp, nullable=False),  # the ERP's clock when the read began: the watermark's cap
    Column("mapping_version", Text, nullable=False),
)
path_fill = Table(  # how often a mapped source path was filled in the newest rows: what empties at once was renamed
    "path_fill",
    metadata,
    Column("system", Text, primary_key=True),
    Column("obj", Text, primary_key=True),
    Column("read", Text, primary_key=True),
    Column("path", Text, primary_key=True),
    Column("filled", Integer, nullable=False),
    Column("seen", Integer, nullable=False),
)
dead_letter = Table(
    "dead_letter",
    metadata,
    Column("id", Integer, primary_key=True),
    Column("system", Text, nullable=False),
    Column("obj", Text, nullable=False),
    Column("direction", Text, nullable=False),
    Column("key", Text, nullable=False),
    Column("code", Text, nullable=False),
    Column("params", Json, nullable=False),
    Column("payload", Json),  # masked by field class
    Column("mapping_version", Text, nullable=False),
    Column("state", Text, nullable=False),  # open, replayed, discarded
    Column("times", Integer, nullable=False),
    Column("first_seen", Stamp, nullable=False),
    Column("last_seen", Stamp, nullable=False),
    Column("run_id", Text, nullable=False),
    Column("closed_by", Text, nullable=False),
    Column("closed_why", Text, nullable=False),
    UniqueConstraint("system", "obj", "direction", "key"),
)
run = Table(
    "run",
    metadata,
    Column("id", Text, primary_key=True),
    Column("system", Text, nullable=False),
    Column("obj", Text, nullable=False),
    Column("direction", Text, nullable=False),
    Column("started_at", Stamp, nullable=False),
    Column("finished_at", Stamp),
    Column("state", Text, nullable=False),  # running, done, failed, held
    Column("counts", Json, nullable=False),
    Column("error", Json),
    Column("erp_time", Stamp),
    Column("part", Text, nullable=False, server_default=""),  # of a backfill; empty: the whole object
    Column("owner", Text, nullable=False, server_default=""),  # host and process
    Column("lease_until", Stamp),  # while it runs; renewed by its heartbeat
    Column("prefect_run", Text, nullable=False, server_default=""),
    Index(None, "system", "obj", "started_at"),
    Index(None, "state", "lease_until"),
)
run_lease = Table(  # which run alone may pull an object, or a part of it; an empty run_id: none
    "run_lease",
    metadata,
    Column("system", Text, primary_key=True),
    Column("obj", Text, primary_key=True),
    Column("part", Text, primary_key=True),
    Column("token", Integer, nullable=False),  # rises with every holder
    Column("run_id", Text, nullable=False),
)
backfill = Table(  # the newest first read of an object in parts; it is open until finished_at
    "backfill",
    metadata,
    Column("system", Text, primary_key=True),
    Column("obj", Text, primary_key=True),
    Column("read", Text, nullable=False),
    Column("covers", Json, nullable=False),  # names of reads that need no first run of their own then
    Column("by", Text, nullable=False),  # company, date; empty: in one part
    Column("mapping_version", Text, nullable=False),
    Column("planned_at", Stamp, nullable=False),
    Column("finished_at", Stamp),
)
backfill_part = Table(
    "backfill_part",
    metadata,
    Column("system", Text, primary_key=True),
    Column("obj", Text, primary_key=True),
    Column("name", Text, primary_key=True),
    Column("seq", Integer, nullable=False),
    Column("bounds", Json, nullable=False),
    Column("done", Boolean, nullable=False),
    Column("stamp", Text, nullable=False),  # how far it has come: the resume position
    Column("key", Text, nullable=False),
    Column("newest", Text, nullable=False),  # the newest stamp seen
    Column("read_from", Stamp),  # the ERP's clock when its read began
    Column("records", Integer, nullable=False),
)
mapping_version = Table(
    "mapping_version",
    metadata,
    Column("system", Text, primary_key=True),
    Column("version", Text, primary_key=True),
    Column("product", Text, nullable=False),
    Column("content", Json, nullable=False),  # base and overlay texts
    Column("published_at", Stamp, nullable=False),
    Column("published_by", Text, nullable=False),
    Column("reason", Text, nullable=False),
    Column("current", Boolean, nullable=False),
)
reconciliation = Table(
    "reconciliation",
    metadata,
    Column("id", Integer, primary_key=True),
    Column("system", Text, nullable=False),
    Column("obj", Text, nullable=False),
    Column("run_id", Text, nullable=False),
    Column("at", Stamp, nullable=False),
    Column("compared", Integer, nullable=False),
    Column("differences", Json, nullable=False),
    Index(None, "system", "obj", "at"),
)
audit = Table(  # hash-chained: a row's hash covers its content and the hash before it
    "audit",
    metadata,
    Column("id", Integer, primary_key=True),
    Column("at", Stamp, nullable=False),
    Column("actor", Text, nullable=False),
    Column("run_id", Text, nullable=False),
    Column("action", Text, nullable=False),
    Column("obj", Text, nullable=False),
    Column("system", Text, nullable=False),
    Column("mapping_version", Text, nullable=False),
    Column("detail", Json, nullable=False),  # created keys, changed fields from -> to
    Column("previous", Text, nullable=False),
    Column("hash", Text, nullable=False, unique=True),
)
installation = Table(  # one row: which environment this database belongs to
    "installation",
    metadata,
    Column("id", Integer, primary_key=True),
    Column("environment", Text, nullable=False),
    Column("prefix", Text, nullable=False),
    Column("armed", Boolean, nullable=False),
    Column("created_at", Stamp, nullable=False),
    Column("uid", Text, nullable=False, server_default=""),  # drawn anew when a copy or a restore is armed
    Column("place", Text, nullable=False, server_default=""),  # what tells this database from a copy of it
    Column("doubt", Text, nullable=False, server_default=""),  # restored, copied, put-back; empty: none
    Column("doubted_at", Stamp),
)
adoption = Table(  # which systems were asked for documents that bear our keys since the doubt began
    "adoption",
    metadata,
    Column("system", Text, primary_key=True),
    Column("asked_at", Stamp, nullable=False),
    Column("asked_by", Text, nullable=False),
    Column("counts", Json, nullable=False),
)
sequence = Table(
    "sequence",
    metadata,
    Column("name", Text, primary_key=True),
    Column("value", Integer, nullable=False),
)
