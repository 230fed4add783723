"""Products and the price list."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import date, datetime
from decimal import Decimal

FOREVER = date(9999, 12, 31)


@dataclass(slots=True, eq=False)
class Product:
    """`tax_rate` in per cent; `unit` is the ERP's internal code; names by two-letter language."""

    code: str
    unit: str
    group: str
    tax_rate: Decimal
    created: datetime
    names: dict[str, str] = field(default_factory=dict)
    changed: datetime | None = None
    old_code: str = ""

    def name(self, language: str) -> str:
        return self.names.get(language) or self.names.get("EN") or next(iter(self.names.values()), "")


@dataclass(slots=True, eq=False)
class Price:
    """A condition record (PPR0): `rate` in `currency` for `per` units, without tax; both end dates included."""

    number: str
    sales_org: str
    channel: str
    material: str
    rate: Decimal
    currency: str
    unit: str
    start: date
    end: date = FOREVER
    per: int = 1
    customer: str = ""
    deleted: bool = False


class Catalogue:
    def __init__(self) -> None:
        self.products: dict[str, Product] = {}
        self.prices: dict[str, Price] = {}
        self._by_material: dict[tuple[str, str, str], list[Price]] = {}
        self._next = 1000001

    def add_price(
        self, sales_org: str, material: str, rate: Decimal, currency: str, unit: str, start: date,
        customer: str = "", channel: str = "10",
    ) -> Price:  # fmt: skip
        price = Price(str(self._next), sales_org, channel, material, rate, currency, unit, start, customer=customer)
        self._next += 1
        self.prices[price.number] = price
        self._by_material.setdefault((sales_org, channel, material), []).append(price)
        return price

    def price(
        self, sales_org: str, channel: str, material: str, customer: str, currency: str, on: date
    ) -> Price | None:
        """The record valid on that day in that currency; a customer's own price goes before the list price."""
        found = [
            price
            for price in self._by_material.get((sales_org, channel, material), [])
            if price.currency == currency
            and price.start <= on <= price.end
            and price.customer in ("", customer)
            and not price.deleted
        ]
        return max(found, key=lambda price: (price.customer, price.start, price.number), default=None)
