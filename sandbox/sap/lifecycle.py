"""What happens to orders as the days pass: delivered, goods issued, billed, paid.

A day after its creation an order is delivered, the day after that the goods leave, the day after that they are billed;
payment comes around the due date. Who pays late, in part or with cash discount, and which order leaves in two
deliveries, follows from the seed and the order's number, so that a run repeats. Blocked and incomplete orders wait.
"""

from __future__ import annotations

import heapq
import random
from collections import Counter
from collections.abc import Iterator
from datetime import date, timedelta
from decimal import Decimal

from sandbox.office.money import ZERO, rounded
from sandbox.office.terms import TERMS
from sandbox.sap.books import Books
from sandbox.sap.documents import Line, rest
from sandbox.sap.sd import Billing, BillingItem, Delivery, Item, Order

ONE_DAY = timedelta(days=1)


class Lifecycle:
    """Only orders that came through the API live by themselves; a data set brings its own events."""

    def __init__(self, books: Books, seed: int) -> None:
        self.books = books
        self.seed = seed
        self._due: list[tuple[date, int, Line]] = []
        self._planned = 0
        self._finished: set[str] = set()

    def run_day(self, day: date) -> Counter[str]:
        """Everything that happens on this day."""
        counts: Counter[str] = Counter()
        for order in list(self._living()):
            counts.update(self._step(order, day))
        while self._due and self._due[0][0] <= day:
            *_, line = heapq.heappop(self._due)
            counts["payments"] += self._pay(line, day)
        return counts

    def _living(self) -> Iterator[Order]:
        for order in self.books.orders.values():
            if order.by_api and order.number not in self._finished:
                yield order

    def _step(self, order: Order, day: date) -> Iterator[str]:
        """Follow-on documents due on this day, the later steps first so that an order takes one step a day."""
        for delivery in order.deliveries:
            if delivery.issued and not delivery.billed and not delivery.is_return and delivery.issued < day:
                yield from self._bill(order, delivery, day)
            elif not delivery.issued and delivery.created.date() < day:
                self.books.issue(delivery, day)
                yield "goods_issues"
        if order.blocked or order.incomplete or order.created.date() >= day:
            return
        if lines := self._to_deliver(order):
            self.books.change_delivery(self.books.deliver(lines, day + ONE_DAY), picked=True)
            yield "deliveries"
        elif all(delivery.billed for delivery in order.deliveries) and order.status("process_status") == "C":
            self._finished.add(order.number)

    def _to_deliver(self, order: Order) -> list[tuple[Item, Decimal]]:
        """What is still to go: in one order of five only half of each whole quantity at first."""
        left = [(item, item.remaining) for item in order.items if item.remaining]
        if order.deliveries or self._chance(order.number, "split") >= 0.2:
            return left
        return [
            (item, Decimal(int(quantity / 2)) if quantity >= 2 and quantity == int(quantity) else quantity)
            for item, quantity in left
        ]

    def _chance(self, number: str, what: str) -> float:
        return random.Random(f"{self.seed} {number} {what}").random()

    # -- billing -------------------------------------------------------------------------------------------------

    def _bill(self, order: Order, delivery: Delivery, day: date) -> Iterator[str]:
        items = [
            self._billing_item(n * 10, line.source, line.quantity, delivery) for n, line in enumerate(delivery.items, 1)
        ]
        company = self.books.companies[order.company]
        stamp = self.books.clock.stamp()
        billing = Billing(
            self.books.number("billing"), "F2", "", order.company, order.sales_org, order.sold_to,
            order.partners.get("RG", order.sold_to),
            order.currency, day, self.books.rate(order.currency, company, day), order.terms, stamp, stamp, items,
            order.customer_po,
            net=sum((item.net for item in items), ZERO), tax=sum((item.tax for item in items), ZERO),
        )  # fmt: skip
        self.books.bill(billing)
        document = self.books.account(billing, self.books.invoice_lines(billing, day), day)
        for line in document.lines:
            self._plan_payment(line, day)
        yield "invoices"

    def _billing_item(self, number: int, source: Item, quantity: Decimal, delivery: Delivery) -> BillingItem:
        """The item's amounts for this quantity; the last billing takes what rounding leaves."""
        net, tax = source.amounts
        currency = source.order.currency
        billed = [
            line
            for billing in source.order.billings
            for line in billing.items
            if line.source is source and billing.counts
        ]
        if source.billed + quantity == source.quantity and _uncancelled(source):
            net -= sum((line.net for line in billed), ZERO)
            tax -= sum((line.tax for line in billed), ZERO)
        else:
            net, tax = (
                rounded(net * quantity / source.quantity, currency),
                rounded(tax * quantity / source.quantity, currency),
            )
        return BillingItem(number, source.material, source.text, quantity, source.unit, net, tax, source, delivery)

    # -- payment -------------------------------------------------------------------------------------------------

    def _plan_payment(self, line: Line, billed: date) -> None:
        """Most pay within a week after the due date, one in ten weeks late; who may deduct a discount often does."""
        if line.due is None:
            return
        number = f"{line.document.number} {line.item}"
        late = int(self._chance(number, "days") * 8) + (40 if self._chance(number, "late") < 0.1 else 0)
        day = max(line.due + timedelta(days=late), billed + ONE_DAY)
        terms = TERMS.get(line.terms)
        if terms and terms.discount_days and self._chance(number, "discount") < 0.6:
            day = billed + timedelta(days=terms.discount_days - 1)
        self._plan(day, line)

    def _plan(self, day: date, line: Line) -> None:
        self._planned += 1
        heapq.heappush(self._due, (day, self._planned, line))

    def _pay(self, line: Line, day: date) -> int:
        """One payment: in full, with cash discount, or in one case of six a part now and the rest ten days later."""
        left = rest(line)
        if left <= 0:
            return 0
        document, terms = line.document, TERMS.get(line.terms)
        discount = ZERO
        if (
            terms
            and terms.discount_days
            and line.baseline
            and day <= line.baseline + timedelta(days=terms.discount_days)
        ):
            discount = rounded(left * terms.discount_percent / 100, document.currency)
        elif not line.partials and self._chance(f"{document.number} {line.item}", "part") < 1 / 6:
            left = rounded(left / 2, document.currency) or left
            self._plan(day + timedelta(days=10), line)
        rate = self.books.rate(document.currency, document.company, day)
        paid = Line(line.customer, -left, rate, discount=discount)
        self.books.ledger.post(
            document.company, "DZ", document.currency, day, [paid], reference=f"PAY{document.number[-10:]}"
        )
        self.books.ledger.settle(paid, line, day)
        return 1


def _uncancelled(source: Item) -> bool:
    return not any(billing.cancelled_by for billing in source.order.billings)
