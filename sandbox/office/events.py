"""A data set as dated events: what any books enter, and on which day.

A document is entered on its entry date (its posting date may be another), an application once both its sides are in
the books. So books that start on a later day hold the same as books that lived through the days before it.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import date
from functools import partial
from typing import Protocol

from sandbox.office.dataset import ApplicationData, DataSet, DeliveryData, InvoiceData, OrderData, PaymentData
from sandbox.office.timeline import Event

ORDER, HOLD, DELIVER, UNDO, INVOICE, REVERSE, PAY, MATURE, APPLY, CANCEL, UNDO_LATE = range(11)
"""The order of events within a day: what is undone frees items and money for what follows."""


class Bookkeeper(Protocol):
    """What one kind of books does on the day of an event."""

    def order(self, data: OrderData) -> None: ...

    def hold(self, data: OrderData) -> None: ...

    def release(self, data: OrderData) -> None: ...

    def cancel(self, data: OrderData) -> None: ...

    def deliver(self, data: DeliveryData) -> None: ...

    def invoice(self, data: InvoiceData) -> None: ...

    def reverse(self, data: InvoiceData) -> None:
        """`data`: the reversal; its reference is what it reverses."""

    def pay(self, data: PaymentData) -> None: ...

    def mature(self, data: PaymentData) -> None: ...

    def give_back(self, data: PaymentData) -> None: ...


class Events:
    """What runs is a partial, which, unlike a lambda, can be kept in a file."""

    def __init__(self, data: DataSet, keeper: Bookkeeper) -> None:
        self.data = data
        self.keeper = keeper
        self.invoices_by_key = {invoice.key: invoice for invoice in data.invoices}
        self.payments_by_key = {payment.key: payment for payment in data.payments}

    def sales(self) -> Iterator[Event]:
        """From orders to invoices."""
        for n, order in enumerate(self.data.orders):
            yield from self._of_order(n, order)
        for n, delivery in enumerate(self.data.deliveries):
            run = partial(self.keeper.deliver, delivery)
            yield Event(delivery.issued, DELIVER, n, "deliveries", delivery.external_id, run)
        for n, invoice in enumerate(self.data.invoices):
            is_reversal = invoice.kind == "reversal"
            phase, book = (REVERSE, self.keeper.reverse) if is_reversal else (INVOICE, self.keeper.invoice)
            yield Event(invoice.entered, phase, n, "invoices", "/".join(invoice.key), partial(book, invoice))

    def _of_order(self, n: int, order: OrderData) -> Iterator[Event]:
        name, keeper = "/".join(order.key), self.keeper
        yield Event(order.ordered, ORDER, n, "orders", name, partial(keeper.order, order))
        if order.held_from:
            yield Event(order.held_from, HOLD, n, "credit", name, partial(keeper.hold, order))
        if order.held_until:
            yield Event(order.held_until, HOLD, n, "credit", name, partial(keeper.release, order))
        if order.cancelled:
            yield Event(order.cancelled, CANCEL, n, "cancellations", name, partial(keeper.cancel, order))

    def payments(self) -> Iterator[Event]:
        for n, data in enumerate(self.data.payments):
            name, entered, keeper = "/".join(data.key), data.entered, self.keeper
            yield Event(entered, PAY, n, "payments", name, partial(keeper.pay, data))
            if data.maturity and not (data.returned and data.returned <= data.maturity):
                yield Event(max(data.maturity, entered), MATURE, n, "maturities", name, partial(keeper.mature, data))
            if data.returned:
                yield _undoing(data.returned, entered, n, "returns", name, partial(keeper.give_back, data))

    def application(
        self, n: int, data: ApplicationData, apply: Callable[[], None] | None, undo: Callable[[], None]
    ) -> Iterator[Event]:
        """Of the n-th application; without `apply` something else books it, and its reset alone is an event."""
        known = self.known_on(data)
        if apply:
            yield Event(known, APPLY, n, "applications", data.key, apply)
        if data.undone:
            yield _undoing(data.undone, known, n, "resets", data.key, undo)

    def known_on(self, data: ApplicationData) -> date:
        """The day an application can be booked: its own, or the later entry of what it joins."""
        days = [data.on, self.invoices_by_key[data.item].entered]
        if data.source:
            kind, key = data.source
            days.append(self.payments_by_key[key].entered if kind == "payment" else self.invoices_by_key[key].entered)
        return max(days)


def _undoing(on: date, entered: date, n: int, kind: str, name: str, run: Callable[[], None]) -> Event:
    """Never before the entry of what it undoes; on the day of that entry after all else."""
    return Event(max(on, entered), UNDO if on > entered else UNDO_LATE, n, kind, name, run)
