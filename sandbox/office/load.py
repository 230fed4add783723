"""Many orders at once, for measuring: five lines each, open, without history."""

from __future__ import annotations

import gc
import random
from datetime import timedelta
from decimal import Decimal

from sandbox.office.books import Books
from sandbox.office.documents import Order, OrderLine
from sandbox.office.money import ZERO

LINES = 5
APART = timedelta(seconds=7)


def add_orders(books: Books, number: int, seed: int) -> None:
    """Orders entered a few seconds apart, the last one just before the books' present.

    They stay: the garbage collector need not look at millions of objects while they are made, nor ever after.
    """
    gc.disable()
    try:
        _add_orders(books, number, random.Random(seed))
    finally:
        gc.enable()
        gc.freeze()


def _add_orders(books: Books, number: int, random_: random.Random) -> None:
    products = list(books.products.values())
    quantities = [Decimal(n) for n in range(1, 60)]
    accounts = [(customer, account) for customer in books.customers.values() for account in customer.accounts]
    prices = {(price.company, price.product.id, price.currency): price.amount for price in books.prices.values()}
    china = {company.code for company in books.companies.values() if company.country == "CN"}
    now, requested = books.clock.now(), books.clock.today() + timedelta(days=14)
    for n in range(number):
        customer, account = random_.choice(accounts)
        created = now - APART * (number - n)
        order = Order(
            id=books.next_id("order"), created=created, changed=created, key=(), company=account.company,
            customer=customer, currency=account.currency, ordered=created.date(), terms=account.terms,
            requested=requested, customer_po=f"LOAD-{n + 1:07}",
        )  # fmt: skip
        for line in range(1, LINES + 1):
            product = random_.choice(products)
            order.lines.append(OrderLine(
                id=books.next_id("order line"), order=order, number=line * 10, product=product, text=product.name(),
                quantity=random_.choice(quantities), unit=product.unit,
                price=prices[account.company, product.id, account.currency],
                tax_rate=product.tax_rate if account.company in china else ZERO, requested=requested,
            ))  # fmt: skip
        books.add(books.orders, order)
