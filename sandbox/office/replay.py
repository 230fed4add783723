"""A data set's events, entered in a trade book as its clock passes."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date
from decimal import Decimal
from functools import partial

from sandbox.office.books import Books, TradeError
from sandbox.office.dataset import (
    ApplicationData,
    DataSet,
    DeliveryData,
    InvoiceData,
    InvoiceLineData,
    Key,
    OrderData,
    PaymentData,
)
from sandbox.office.documents import Delivery, Order, OrderLine
from sandbox.office.events import Events
from sandbox.office.ledger import Billed, Due, Ledger
from sandbox.office.master import Master
from sandbox.office.money import ZERO
from sandbox.office.sales import Sales
from sandbox.office.timeline import Event, Timeline
from sandbox.office.vouchers import Application, Instalment, Invoice, Receipt


class Replay:
    def __init__(self, books: Books, data: DataSet) -> None:
        self.books = books
        self.data = data
        self.sales, self.ledger = Sales(books), Ledger(books)
        self.orders: dict[Key, Order] = {}
        self.deliveries: dict[str, Delivery] = {}
        self.invoices: dict[Key, Invoice] = {}
        self.receipts: dict[Key, Receipt] = {}
        self.applications: dict[tuple[str, str], list[Application]] = {}
        """By company and the source's key: a credit memo of several instalments makes several of one."""
        events = Events(data, self)
        found = [*events.sales(), *events.payments(), *self._applications(events)]
        self.timeline = Timeline(found, books.journal, (TradeError, KeyError))

    def _applications(self, events: Events) -> Iterator[Event]:
        for n, data in enumerate(self.data.applications):
            if data.counts:
                yield from events.application(n, data, partial(self._apply, data), partial(self._undo, data))

    @property
    def last_day(self) -> date:
        return self.timeline.last_day or self.data.last_day

    def load_master_data(self, start: date) -> None:
        """Enter customers and products on the morning before the data's first day."""
        self.books.clock.move_to(self.timeline.eve(start))
        self.customers = Master(self.books).load(self.data)
        self.products = {product.code: product for product in self.books.products.values()}

    # -- sales -----------------------------------------------------------------------------------------------------

    def order(self, data: OrderData) -> None:
        customer = self.customers[data.partner]
        order = Order(
            **self.books.entry("order"), key=data.key, company=data.company, customer=customer,
            currency=data.currency, ordered=data.ordered, terms=data.terms, requested=data.requested,
            customer_po=data.customer_po, external_id=data.external_id, text=data.text,
            credit="" if customer.credit_limit is None else "ok",
        )  # fmt: skip
        for line in data.lines:
            product = self.products[line.product]
            order.lines.append(OrderLine(
                id=self.books.next_id("order line"), order=order, number=line.number, product=product,
                text=product.name(), quantity=line.quantity, unit=line.unit, price=line.price,
                includes_tax=line.includes_tax, tax_rate=line.tax_rate, requested=data.requested,
            ))  # fmt: skip
        self.orders[data.key] = self.books.add(self.books.orders, order)

    def hold(self, data: OrderData) -> None:
        self.sales.hold(self.orders[data.key], data.held_from)
        self.books.touch(self.orders[data.key])

    def release(self, data: OrderData) -> None:
        self.sales.release(self.orders[data.key], on=data.held_until)
        self.books.touch(self.orders[data.key])

    def cancel(self, data: OrderData) -> None:
        self.sales.cancel_order(self.orders[data.key], data.cancelled)

    def _line(self, key: Key | None, number: int) -> OrderLine | None:
        return next((line for line in self.orders[key].lines if line.number == number), None) if key else None

    def deliver(self, data: DeliveryData) -> None:
        lines = [(line, quantity) for key, number, quantity in data.lines if (line := self._line(key, number))]
        delivery = self.sales.deliver(lines, data.issued, is_return=data.is_return, external_id=data.external_id)
        self.sales.issue(delivery, data.issued)
        self.deliveries[data.external_id] = delivery

    # -- invoices --------------------------------------------------------------------------------------------------

    def invoice(self, data: InvoiceData) -> None:
        self.invoices[data.key] = self.ledger.post(
            data.kind, data.company, self.customers[data.partner], data.currency, data.posted,
            [self._billed(line) for line in data.lines],
            [Due(part.kind, part.baseline, part.due, part.amount, part.number) for part in data.instalments],
            net=data.net, tax=data.tax, dated=data.dated, rate=data.rate, key=data.key, terms=data.terms,
            reference=self.invoices.get(data.reference) if data.reference else None,
            source_number=data.source_number, customer_po=data.customer_po, disputed=data.disputed, text=data.text,
        )  # fmt: skip

    def _billed(self, line: InvoiceLineData) -> Billed:
        order_line = self._line(line.order, line.order_line)
        rate = order_line.tax_rate if order_line else _rate_of(line.net, line.tax)
        return Billed(
            self.products[line.product], line.quantity, line.unit, line.net, line.tax, rate, order_line,
            self.deliveries.get(line.delivery),
        )  # fmt: skip

    def reverse(self, data: InvoiceData) -> None:
        assert data.reference
        invoice = self.invoices[data.reference]
        reversal = self.ledger.reverse(invoice, data.posted, data.source_number, data.key)
        self.books.change(reversal, dated=data.dated, rate=data.rate, text=data.text)
        self.invoices[data.key] = reversal

    # -- money -----------------------------------------------------------------------------------------------------

    def pay(self, data: PaymentData) -> None:
        self.receipts[data.key] = self.ledger.receive(
            data.kind, data.company, self.customers[data.partner], data.currency, data.amount, data.posted,
            dated=data.dated, rate=data.rate, key=data.key, reference=data.source_number, maturity=data.maturity,
            text=data.text,
        )  # fmt: skip

    def mature(self, data: PaymentData) -> None:
        receipt = self.receipts[data.key]
        if not receipt.returned:
            self.books.change(receipt, matured=True)
            self.books.touch(receipt)

    def give_back(self, data: PaymentData) -> None:
        assert data.returned
        self.ledger.give_back(self.receipts[data.key], data.returned)

    def _item(self, data: ApplicationData) -> Instalment:
        parts = self.invoices[data.item].instalments
        return next(part for part in parts if part.number == data.instalment)

    def _apply(self, data: ApplicationData) -> None:
        if data.source and data.source[0] == "credit_memo":
            self.applications[data.company, data.key] = list(self._use_credit(data, self.invoices[data.source[1]]))
            return
        receipt = self.receipts[data.source[1]] if data.source else None
        made = self.ledger.apply(
            data.kind, self._item(data), data.amount, data.on, receipt=receipt, taken=data.taken, key=data.key
        )
        self.applications[data.company, data.key] = [made]

    def _use_credit(self, data: ApplicationData, memo: Invoice) -> Iterator[Application]:
        """One for each instalment of the memo that it takes; in one currency, as memos are."""
        left = data.amount
        for credit in memo.instalments:
            amount = min(left, -credit.balance())
            if amount > 0:
                left -= amount
                yield self.ledger.apply(
                    data.kind, self._item(data), amount, data.on, credit=credit, taken=amount, key=data.key
                )
        if left:
            raise TradeError("over-applied", f"{left} more is applied than is left of the credit memo")

    def _undo(self, data: ApplicationData) -> None:
        assert data.undone
        for application in self.applications[data.company, data.key]:
            if not application.undone:
                self.ledger.undo(application, data.undone)


def _rate_of(net: Decimal, tax: Decimal) -> Decimal:
    """The per cent of tax an amount shows, for a line without an order."""
    return (tax * 100 / net).quantize(Decimal(1)) if net else ZERO
