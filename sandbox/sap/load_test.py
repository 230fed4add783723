"""Many orders at once, for measuring: five lines each, open, without history."""

from __future__ import annotations

import gc
import random
from datetime import timedelta
from decimal import Decimal

from sandbox.sap.books import CHANNEL, DIVISION, Books
from sandbox.sap.masterdata import LOADER
from sandbox.sap.sd import Item, Order

LINES = 5
APART = timedelta(seconds=7)


def add_orders(books: Books, number: int, seed: int) -> None:
    """Orders entered a few seconds apart, the last one just before the books' present.

    They stay: the garbage collector need not look at millions of objects while they are made, nor ever after.
    """
    gc.disable()
    try:
        _add_orders(books, number, seed)
    finally:
        gc.enable()
        gc.freeze()


def _add_orders(books: Books, number: int, seed: int) -> None:
    random_ = random.Random(seed)
    products = list(books.catalogue.products.values())
    quantities = [Decimal(n) for n in range(1, 60)]
    areas = [(row["Customer"], row["SalesOrganization"], row["Currency"], row["CustomerPaymentTerms"])
             for row in books.partners.rows("A_CustomerSalesArea")]  # fmt: skip
    now, today = books.clock.now(), books.clock.today()
    prices = {(p.sales_org, p.material, p.currency): p for p in books.catalogue.prices.values()}
    for n in range(number):
        customer, org, currency, terms = random_.choice(areas)
        created = now - APART * (number - n)
        order = Order(
            books.number("order"), books.company_of_org[org].code, org, CHANNEL, DIVISION, customer, currency,
            created.date(),
            created, LOADER, terms, today + timedelta(days=14), f"LOAD-{n + 1:07}",
        )  # fmt: skip
        for line in range(1, LINES + 1):
            product = random_.choice(products)
            price = prices[org, product.code, currency]
            order.items.append(Item(
                order, line * 10, product.code, product.name("EN"), random_.choice(quantities), product.unit,
                price.rate,
                tax_rate=product.tax_rate, condition_record=price.number,
            ))  # fmt: skip
        books.add_order(order)
