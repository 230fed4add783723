"""What happens to orders as the days pass: delivered, goods issued, invoiced, paid.

A day after its creation an order is delivered, the day after that the goods leave, the day after that they are
invoiced; payment comes around the due date. Who pays late, in part or with cash discount, and which order leaves in two
deliveries, follows from the seed and the order's id, so that a run repeats. Held and unreleased orders wait.
"""

from __future__ import annotations

import heapq
import random
from collections import Counter
from collections.abc import Iterator
from datetime import date, datetime, timedelta
from decimal import Decimal

from sandbox.office.books import Books
from sandbox.office.documents import Delivery, Order, OrderLine
from sandbox.office.ledger import Billed, Ledger, part_of
from sandbox.office.money import ZERO, rounded
from sandbox.office.sales import Sales
from sandbox.office.terms import TERMS
from sandbox.office.vouchers import Instalment

ONE_DAY = timedelta(days=1)


class Lifecycle:
    """Only orders that came through the API live by themselves; a data set brings its own events."""

    def __init__(self, books: Books, seed: int) -> None:
        self.books = books
        self.sales, self.ledger = Sales(books), Ledger(books)
        self.seed = seed
        self._due: list[tuple[date, int, Instalment]] = []
        self._planned = 0
        self._finished: dict[int, datetime] = {}
        """Orders with nothing left to do, and their stamp then: one that has changed since lives on."""

    def run_day(self, day: date) -> Counter[str]:
        """Everything that happens on this day."""
        counts: Counter[str] = Counter()
        for order in list(self._living()):
            counts.update(self._step(order, day))
        while self._due and self._due[0][0] <= day:
            *_, item = heapq.heappop(self._due)
            counts["payments"] += self._pay(item, day)
        return counts

    def _living(self) -> Iterator[Order]:
        for order in self.books.orders.values():
            if order.by_api and self._finished.get(order.id) != order.changed:
                yield order

    def _step(self, order: Order, day: date) -> Iterator[str]:
        """Follow-on documents due on this day, the later steps first so that an order takes one step a day."""
        for delivery in order.deliveries:
            if delivery.issued and not delivery.invoiced and not delivery.is_return and delivery.issued < day:
                self._bill(order, delivery, day)
                yield "invoices"
            elif not delivery.issued and delivery.created.date() < day:
                self.sales.issue(delivery, day)
                yield "goods_issues"
        if not order.released or order.credit == "held" or order.created.date() >= day:
            return
        if lines := self._to_deliver(order):
            delivery = self.sales.deliver(lines, day + ONE_DAY)
            self.books.change(delivery, picked=True)
            yield "deliveries"
        elif order.status in ("complete", "cancelled") and all(delivery.invoiced for delivery in order.deliveries):
            self._finished[order.id] = order.changed

    def _to_deliver(self, order: Order) -> list[tuple[OrderLine, Decimal]]:
        """What is still to go: in one order of five only half of each whole quantity at first."""
        left = [(line, line.remaining) for line in order.lines if line.remaining]
        if order.deliveries or self._chance(f"order {order.id}", "split") >= 0.2:
            return left
        return [
            (line, Decimal(int(quantity / 2)) if quantity >= 2 and quantity == int(quantity) else quantity)
            for line, quantity in left
        ]

    def _chance(self, name: str, what: str) -> float:
        return random.Random(f"{self.seed} {name} {what}").random()

    def _bill(self, order: Order, delivery: Delivery, day: date) -> None:
        billed = []
        for part in delivery.lines:
            line = part.order_line
            net, tax = part_of(line, part.quantity)
            billed.append(
                Billed(line.product, part.quantity, line.unit, net, tax, line.tax_rate, line, delivery, line.text)
            )
        for item in self.ledger.bill(order, billed, day).instalments:
            self._plan_payment(item, day)

    # -- payment ---------------------------------------------------------------------------------------------------

    def _plan_payment(self, item: Instalment, invoiced: date) -> None:
        """Most pay within a week after the due date, one in ten weeks late; who may deduct a discount often does."""
        if item.due is None:
            return
        name = f"item {item.id}"
        late = int(self._chance(name, "days") * 8) + (40 if self._chance(name, "late") < 0.1 else 0)
        day = max(item.due + timedelta(days=late), invoiced + ONE_DAY)
        terms = TERMS.get(item.invoice.terms)
        if terms and terms.discount_days and self._chance(name, "discount") < 0.6:
            day = invoiced + timedelta(days=terms.discount_days - 1)
        self._plan(day, item)

    def _plan(self, day: date, item: Instalment) -> None:
        self._planned += 1
        heapq.heappush(self._due, (day, self._planned, item))

    def _pay(self, item: Instalment, day: date) -> int:
        """One payment: in full, with cash discount, or in one case of six a part now and the rest ten days later."""
        left, invoice = item.balance(), item.invoice
        if left <= 0:
            return 0
        terms, discount = TERMS.get(invoice.terms), ZERO
        if terms and terms.discount_days and item.baseline and self._is_early(item.baseline, terms.discount_days, day):
            discount = rounded(left * terms.discount_percent / 100, invoice.currency)
        elif not item.applications and self._chance(f"item {item.id}", "part") < 1 / 6:
            left = rounded(left / 2, invoice.currency) or left
            self._plan(day + timedelta(days=10), item)
        receipt = self.ledger.receive(
            "receipt", invoice.company, invoice.customer, invoice.currency, left - discount, day,
            reference=f"PAY{item.id:07}",
        )  # fmt: skip
        self.ledger.apply("payment", item, left - discount, day, receipt=receipt)
        if discount:
            self.ledger.apply("discount", item, discount, day, receipt=receipt)
        return 1

    @staticmethod
    def _is_early(baseline: date, days: int, day: date) -> bool:
        return day <= baseline + timedelta(days=days)
