"""Price lists: one of a company in a currency for everybody, and one for each customer who has prices of his own.

Beside the trade book's prices the first list has what is not in force: a row that was not audited, one that is
forbidden, and one of a scale, for larger quantities; and there is a list for some customers alone.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from decimal import Decimal
from typing import Any

from sandbox.kingdee.metadata import HEAD
from sandbox.kingdee.shapes_base import client_of, currency_number
from sandbox.kingdee.tables import FIRST_ID, Source, Tenant, at_midnight, constant, local
from sandbox.office.trade import Customer, Price

ASIDE = 7_000_000
"""Ids of rows that are no prices of the trade book begin here."""
BY_CUSTOMER = "1"


@dataclass(frozen=True)
class Row:
    id: int
    price: Price
    audited: str = "A"
    forbidden: str = "A"
    quantity_from: int = 0


@dataclass(frozen=True)
class PriceList:
    """Prices of a company in a currency: for everybody, or for these customers."""

    id: int
    company: str
    currency: str
    prices: list[Price]
    customers: list[Customer] = field(default_factory=list)

    @property
    def number(self) -> str:
        mark = f"-{self.id}" if self.customers else ""
        return f"XSJMB-{self.company}-{self.currency}{mark}"


def price_sources(tenant: Tenant) -> dict[str, Source]:
    return {"BD_SAL_PriceList": _prices(tenant)}


def _lists(tenant: Tenant) -> Iterator[PriceList]:
    found: dict[tuple[str, str, int], list[Price]] = {}
    for price in tenant.office.prices.values():
        buyer = price.customer.id if price.customer else 0
        found.setdefault((price.company, price.currency, buyer), []).append(price)
    keys = sorted(found, key=lambda key: (key[2], *key[:2]))
    for at, key in enumerate(keys, 1):
        customers = [tenant.office.customers[key[2]]] if key[2] else []
        yield PriceList(FIRST_ID + at, key[0], key[1], found[key], customers)
    if keys and (some := list(tenant.office.customers.values())[:2]):
        special = replace(found[keys[0]][0], id=ASIDE, amount=Decimal("0.01"))
        yield PriceList(FIRST_ID + len(keys) + 1, keys[0][0], keys[0][1], [special], some)


def _rows(prices: PriceList) -> list[Row]:
    rows = [Row(FIRST_ID + price.id, price) for price in prices.prices]
    if prices.id != FIRST_ID + 1:
        return rows
    other = replace(prices.prices[0], amount=Decimal("0.02"))
    return [
        *rows, Row(ASIDE + 1, other, audited="B"), Row(ASIDE + 2, other, forbidden="B"),
        Row(ASIDE + 3, other, quantity_from=100),
    ]  # fmt: skip


def _prices(tenant: Tenant) -> Source:
    fields: dict[str, Any] = {
        "FID": lambda row: row.id, "FNumber": lambda row: row.number,
        "FName": lambda row: f"{row.company} {row.currency} 价目表", "FCreateOrgId": lambda row: row.company,
        "FCurrencyId": lambda row: currency_number(row.currency), "FIsIncludedTax": constant(False),
        "FLimitCustomer": lambda row: BY_CUSTOMER if row.customers else "",
        "FEffectiveDate": lambda row: at_midnight(min(price.start for price in row.prices)),
        "FExpiryDate": lambda row: at_midnight(max(price.end for price in row.prices)),
        "FDocumentStatus": constant("C"), "FForbidStatus": constant("A"),
        "FCreateDate": lambda row: local(min(price.created for price in row.prices)),
        "FModifyDate": lambda row: local(max(price.changed for price in row.prices)),
    }  # fmt: skip
    entry: dict[str, Any] = {
        "FEntryID": lambda row: row.id, "FSeq": lambda row: row.id, "FMaterialId": lambda row: row.price.product,
        "FUnitID": lambda row: row.price.unit, "FPrice": lambda row: row.price.amount,
        "FPriceBase": lambda row: Decimal(row.price.per), "FFROMQTY": lambda row: Decimal(row.quantity_from),
        "FRowAuditStatus": lambda row: row.audited, "FEntryForbidStatus": lambda row: row.forbidden,
        "FEntryEffectiveDate": lambda row: at_midnight(row.price.start),
        "FEntryExpiryDate": lambda row: at_midnight(row.price.end),
    }  # fmt: skip
    buyers: dict[str, Any] = {
        "FEntryID": lambda row: FIRST_ID + row[1].id, "FCustId": lambda row: client_of(tenant, row[1], row[0].company),
    }  # fmt: skip
    return Source(
        lambda: list(_lists(tenant)), {HEAD: fields, "FEntity": entry, "FEntryCust": buyers},
        {"FEntity": _rows, "FEntryCust": lambda row: [(row, customer) for customer in row.customers]},
    )  # fmt: skip
