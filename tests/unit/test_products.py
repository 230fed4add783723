"""Products and list prices as sales sees them."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date
from decimal import Decimal

import pytest

from crm_core import products
from crm_core.database import Database
from crm_core.model import Price
from tests.crm import FINANCE, SALES, TODAY, add_record, small_crm

D = Decimal


@pytest.fixture
def db(database_url: str) -> Iterator[Database]:
    database = small_crm(database_url)
    with database.write() as conn:
        old = Price(
            product_key="P1",
            currency="CNY",
            amount=D(90),
            valid_from=date(2026, 1, 1),
            valid_until=date(2026, 1, 31),
        )
        new = Price(product_key="P1", currency="CNY", amount=D(95), valid_from=date(2026, 2, 1))
        euro = Price(product_key="P1", currency="EUR", amount=D(12), unit="BOX")
        for seq, price in enumerate((old, new, euro)):
            add_record(conn, "prices", f"P1/y{seq}", price)
    yield database
    database.dispose()


def test_products_are_listed_with_their_prices(db: Database) -> None:
    rows = products.listing(db, FINANCE)
    assert [(row["key"], row["name"], len(row["prices"])) for row in rows] == [
        ("P1", "Pump", 4),
        ("P2", "Seal", 1),
        ("P3", "No price", 0),
    ]
    assert [row["key"] for row in products.listing(db, SALES, text="pu")] == ["P1"]
    assert products.listing(db, SALES, system="u8") == []
    (pump,) = products.listing(db, SALES, text="P1", on=TODAY)
    assert [(price["currency"], price["amount"]) for price in pump["prices"]] == [
        ("CNY", D("100.00")),
        ("CNY", D(95)),
        ("EUR", D(12)),
    ]


def test_both_days_of_a_price_are_included(db: Database) -> None:
    def price(on: date, currency: str = "CNY", unit: str = "") -> Decimal | None:
        with db.read() as conn:
            found = products.price(conn, "s4", "CN01", "P1", currency, on, [], unit)
        return found.amount if found else None

    assert price(date(2026, 2, 1)) == D(95)
    assert price(date(2026, 1, 1)) == price(date(2026, 1, 31)) == D(90)
    assert price(date(2025, 12, 31)) == D("100.00")
    assert price(TODAY, "EUR") == price(TODAY, "EUR", "BOX") == D(12)
    assert price(TODAY, "EUR", "PCE") is None
    assert price(TODAY, "USD") is None
