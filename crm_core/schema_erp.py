"""Tables of what was pulled: a record type of `crm_core.model` each, keyed by (system, full ERP key)."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date, datetime
from decimal import Decimal
from typing import Any

import msgspec
from sqlalchemy import Boolean, Column, Date, Index, Integer, Table, Text
from sqlalchemy.types import TypeEngine

from crm_core import model
from crm_core.schema_types import Amount, Json, Stamp, metadata

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
    "contracts": "erp_contract",
    "orders": "erp_order",
    "deliveries": "erp_delivery",
    "invoices": "erp_invoice",
    "open_items": "account_line",
    "payments": "erp_receipt",
    "applications": "erp_settlement",
}
CHILD_TABLES = {
    ("customers", "addresses"): "erp_customer_address",
    ("customers", "contacts"): "erp_customer_contact",
    ("customers", "accounts"): "customer_account",
    ("contracts", "lines"): "erp_contract_line",
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
erp_contract = _erp_table("contracts", Index(None, "our_key"), Index(None, "system", "customer_key"))
erp_contract_line = _child_table("contracts", "lines", model.ContractLine)
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
erp_receipt = _erp_table("payments", Index(None, "system", "customer_key"))
erp_settlement = _erp_table("applications", Index(None, "system", "source_key"), Index(None, "system", "target_key"))

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
