"""Products and list prices as the ERPs give them; read only."""

from __future__ import annotations

from datetime import date
from decimal import Decimal
from typing import Any, NamedTuple

from sqlalchemy import Connection, RowMapping, or_, select

from crm_core import access, schema
from crm_core.access import Actor
from crm_core.database import Database

_PRODUCT, _PRICE = schema.erp_product, schema.erp_price


class ListPrice(NamedTuple):
    """`amount`, without tax, for `per` units of `unit`."""

    amount: Decimal
    per: Decimal
    unit: str


def listing(
    db: Database, actor: Actor, *, system: str = "", text: str = "", on: date | None = None, limit: int = 500
) -> list[dict[str, Any]]:
    """Products by key, each with its list prices, or those valid `on` a day."""
    access.require(actor, "products.read")
    where = [_PRODUCT.c.system == system] if system else []
    if text:
        fields = (_PRODUCT.c.key, _PRODUCT.c.name, _PRODUCT.c.name_en, _PRODUCT.c.name_zh)
        where.append(or_(*(field.icontains(text, autoescape=True) for field in fields)))
    wanted = select(_PRODUCT).where(*where).order_by(_PRODUCT.c.system, _PRODUCT.c.key).limit(limit)
    with db.read() as conn:
        rows = [dict(row) for row in conn.execute(wanted).mappings()]
        return [{**row, "prices": _prices(conn, row["system"], row["key"], on)} for row in rows]


def one(conn: Connection, system: str, key: str) -> RowMapping | None:
    """The product of that key in that system."""
    query = select(_PRODUCT).where(_PRODUCT.c.system == system, _PRODUCT.c.key == key)
    return conn.execute(query).mappings().first()


def price(
    conn: Connection,
    system: str,
    company_code: str,
    product_key: str,
    currency: str,
    on: date,
    customer_keys: list[str],
    unit: str = "",
) -> ListPrice | None:
    """The price of the company valid `on`: the customer's own before the list's, the company's own before that of all,
    then the one that became valid last.
    """
    rows = [
        row
        for row in conn.execute(select(_PRICE).where(*_valid(system, product_key, on))).mappings()
        if row["currency"] == currency
        and row["company_code"] in ("", company_code)
        and row["customer_key"] in ("", *customer_keys)
        and (not unit or row["unit"] in ("", unit))
    ]
    if not rows:
        return None
    best = max(rows, key=_precedence)
    return ListPrice(best["amount"], best["per"], best["unit"])


def _precedence(row: RowMapping) -> tuple[bool, bool, date, str]:
    return row["customer_key"] != "", row["company_code"] != "", row["valid_from"] or date.min, row["key"]


def _valid(system: str, product_key: str, on: date | None) -> list[Any]:
    where = [_PRICE.c.system == system, _PRICE.c.product_key == product_key]
    if on is not None:
        where.append(or_(_PRICE.c.valid_from.is_(None), _PRICE.c.valid_from <= on))
        where.append(or_(_PRICE.c.valid_until.is_(None), _PRICE.c.valid_until >= on))
    return where


def _prices(conn: Connection, system: str, product_key: str, on: date | None) -> list[dict[str, Any]]:
    names = ("currency", "amount", "per", "unit", "valid_from", "valid_until", "company_code", "sales_area")
    query = select(*_PRICE.c[*names, "customer_key"]).where(*_valid(system, product_key, on))
    ordered = query.order_by(_PRICE.c.currency, _PRICE.c.valid_from.nulls_first())
    return [dict(row) for row in conn.execute(ordered).mappings()]
