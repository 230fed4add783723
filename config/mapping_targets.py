"""What mappings are checked against on our side: the CRM's records, and the decisions that push sections read."""

from __future__ import annotations

from functools import cache
from typing import Any

import msgspec
from msgspec import inspect

from crm_core.model import PULLED

Target = dict[str, Any]

QUANTITIES = {"quantity", "per"}
RATES = {"rate"}
ORDER_TEXTS = ("kind", "key", "quote", "version", "company_code", "currency", "customer_po", "payment_terms")
CUSTOMER_TEXTS = (
    *("kind", "key", "version", "number", "name", "name_en", "category", "language", "country", "city", "street"),
    *("postal_code", "region", "tax_id", "email", "phone"),
)


@cache
def targets() -> dict[str, Target]:
    """By object the fields that a pull may fill, their types and which must be there."""
    return {obj: target_of(kind) for obj, kind in PULLED.items()}


def target_of(kind: type[msgspec.Struct]) -> Target:
    """The target of a record, its child records included. Custom fields are a matter of the mapping alone."""
    info = inspect.type_info(kind)
    assert isinstance(info, inspect.StructType)
    fields: dict[str, Any] = {}
    children: dict[str, Target] = {}
    for field in info.fields:
        if field.name == "custom":
            continue
        if isinstance(field.type, inspect.ListType):
            assert isinstance(field.type.item_type, inspect.StructType)
            children[field.name] = target_of(field.type.item_type.cls)
        else:
            fields[field.name] = {"type": _type_name(field.name, field.type), "required": field.required}
    return {"fields": fields, "children": children}


def _type_name(name: str, kind: inspect.Type) -> str:
    if isinstance(kind, inspect.UnionType):
        kind = next(part for part in kind.types if not isinstance(part, inspect.NoneType))
    match kind:
        case inspect.DecimalType():
            return "quantity" if name in QUANTITIES else "rate" if name in RATES else "money"
        case inspect.DateType():
            return "date"
        case inspect.DateTimeType():
            return "datetime"
        case inspect.BoolType():
            return "bool"
        case inspect.IntType():
            return "int"
        case _:
            return "text"


@cache
def documents() -> dict[str, Target]:
    """By object the decision that push sections read (`crm_core.order_decisions`, `customer_decisions`)."""
    line = {
        **_texts("line", "product", "erp_product", "text", "unit"),
        "quantity": _is("quantity"),
        "price": _is("money"),
        "per": _is("quantity"),
        **{name: _is("money") for name in ("unit_price", "unit_price_with_tax", "net", "tax_rate", "tax", "gross")},
        "requested_on": _is("date"),
    }
    order = {
        **_texts(*ORDER_TEXTS),
        "order_date": _is("date"),
        "requested_on": _is("date"),
        "total": _is("money"),
        "gross": _is("money"),
        "prices_with_tax": _is("bool"),
    }
    buyer = {"fields": _texts("number", "name", "erp_key", "account_number"), "children": {}}
    terms = {"fields": _texts("company_code", "currency", "payment_terms"), "children": {}}
    return {
        "orders": {"fields": order, "children": {"customer": buyer, "lines": {"fields": line, "children": {}}}},
        "customers": {"fields": _texts(*CUSTOMER_TEXTS), "children": {"companies": terms}},
    }


def _texts(*names: str) -> dict[str, Any]:
    return {name: _is("text") for name in names}


def _is(kind: str) -> dict[str, Any]:
    return {"type": kind, "required": False}
