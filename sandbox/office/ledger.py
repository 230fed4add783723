"""Receivables of a trade book: invoices and their reversal, money received and returned, and what settles what."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from typing import Any

from sandbox.office.books import Books, TradeError
from sandbox.office.dataset import Key
from sandbox.office.documents import Customer, Delivery, Order, OrderLine, Product
from sandbox.office.money import ZERO, rounded
from sandbox.office.terms import instalments
from sandbox.office.vouchers import Application, Instalment, Invoice, InvoiceLine, Receipt


@dataclass(frozen=True)
class Due:
    """An instalment to be."""

    kind: str
    baseline: date | None
    due: date | None
    amount: Decimal
    number: str = ""
    """Empty: counted from 1."""


@dataclass(frozen=True)
class Billed:
    """An invoice line to be, signed as the document."""

    product: Product
    quantity: Decimal
    unit: str
    net: Decimal
    tax: Decimal
    tax_rate: Decimal = ZERO
    order_line: OrderLine | None = None
    delivery: Delivery | None = None
    text: str = ""


class Ledger:
    def __init__(self, books: Books) -> None:
        self.books = books

    # -- invoices --------------------------------------------------------------------------------------------------

    def post(
        self,
        kind: str,
        company: str,
        customer: Customer,
        currency: str,
        posted: date,
        lines: Iterable[Billed],
        dues: Sequence[Due],
        *,
        net: Decimal,
        tax: Decimal = ZERO,
        dated: date | None = None,
        rate: Decimal | None = None,
        key: Key = (),
        **values: Any,
    ) -> Invoice:
        """Keep an invoice, credit memo or other document with its open items, and count what it bills."""
        invoice = Invoice(
            **self.books.entry("invoice"), key=key, kind=kind, company=company, customer=customer,
            dated=dated or posted, posted=posted, entered=self.books.today(), currency=currency,
            rate=self.books.rate(currency, company, posted) if rate is None else rate, net=net, tax=tax, **values,
        )  # fmt: skip
        for at, line in enumerate(lines, 1):
            invoice.lines.append(InvoiceLine(
                id=self.books.next_id("invoice line"), number=at * 10, product=line.product,
                text=line.text or line.product.name(), quantity=line.quantity, unit=line.unit, net=line.net,
                tax=line.tax, tax_rate=line.tax_rate, order_line=line.order_line, delivery=line.delivery,
            ))  # fmt: skip
        for at, due in enumerate(dues, 1):
            invoice.instalments.append(Instalment(
                id=self.books.next_id("instalment"), invoice=invoice, number=due.number or str(at), kind=due.kind,
                baseline=due.baseline, due=due.due, amount=due.amount,
            ))  # fmt: skip
        self.books.add(self.books.invoices, invoice)
        self.count(invoice)
        return invoice

    def count(self, invoice: Invoice) -> None:
        """A document that counts moves the invoiced quantities of the orders it bills, by its signed quantities."""
        for line in invoice.lines:
            if line.delivery and invoice.counts:
                self.books.change(line.delivery, invoiced=invoice.kind != "reversal")
            if source := line.order_line:
                if invoice.counts:
                    self.books.change(source, invoiced=source.invoiced + line.quantity)
                if invoice not in source.order.invoices:
                    self.books.journal.append(source.order.invoices, invoice)
                    self.books.touch(source.order)

    def bill(self, order: Order, lines: Iterable[Billed], posted: date) -> Invoice:
        """An invoice of an order, due by the order's terms of payment."""
        billed = list(lines)
        net, tax = sum((line.net for line in billed), ZERO), sum((line.tax for line in billed), ZERO)
        return self.post(
            "invoice", order.company, order.customer, order.currency, posted, billed,
            dues_of(order.terms, posted, net + tax, order.currency), net=net, tax=tax, terms=order.terms,
            customer_po=order.customer_po,
        )  # fmt: skip

    def reverse(self, invoice: Invoice, posted: date, source_number: str = "", key: Key = ()) -> Invoice:
        """A full reversal: closes every item of the document; what had been applied to them is undone that day.

        TradeError: already-reversed.
        """
        if invoice.reversed_by or invoice.kind == "reversal":
            raise TradeError("already-reversed", "the document is reversed already, or a reversal itself")
        for instalment in invoice.instalments:
            for application in [each for each in instalment.applications if each.stands()]:
                self.undo(application, posted)
        opposite = [
            Billed(line.product, -line.quantity, line.unit, -line.net, -line.tax, line.tax_rate, line.order_line,
                   line.delivery, line.text)
            for line in invoice.lines
        ]  # fmt: skip
        reversal = self.post(
            "reversal", invoice.company, invoice.customer, invoice.currency, posted, opposite, (), net=-invoice.net,
            tax=-invoice.tax, rate=invoice.rate, key=key, terms=invoice.terms, reference=invoice,
            customer_po=invoice.customer_po, source_number=source_number,
        )  # fmt: skip
        self.books.change(invoice, reversed_by=reversal)
        self.books.touch(invoice)
        return reversal

    def drop(self, voucher: Invoice | Receipt) -> None:
        """As if it had never been: what it billed is to be billed again. TradeError: has-follow-on."""
        holders = voucher.instalments if isinstance(voucher, Invoice) else [voucher]
        if any(holder.applications for holder in holders):
            raise TradeError("has-follow-on", "something has been applied to it, or it to something")
        if isinstance(voucher, Receipt):
            self.books.drop(self.books.receipts, voucher)
            return
        if voucher.reversed_by or voucher.reference:
            raise TradeError("has-follow-on", "another document refers to it, or it to another")
        for line in voucher.lines if voucher.counts else ():
            if line.delivery:
                self.books.change(line.delivery, invoiced=False)
            if line.order_line:
                self.books.change(line.order_line, invoiced=line.order_line.invoiced - line.quantity)
        for order in {
            line.order_line.order.id: line.order_line.order for line in voucher.lines if line.order_line
        }.values():
            self.books.journal.remove(order.invoices, voucher)
            self.books.touch(order)
        self.books.drop(self.books.invoices, voucher)

    # -- money -----------------------------------------------------------------------------------------------------

    def receive(
        self, kind: str, company: str, customer: Customer, currency: str, amount: Decimal, posted: date, *,
        dated: date | None = None, rate: Decimal | None = None, key: Key = (), **values: Any,
    ) -> Receipt:  # fmt: skip
        receipt = Receipt(
            **self.books.entry("receipt"), key=key, kind=kind, company=company, customer=customer,
            dated=dated or posted, posted=posted, entered=self.books.today(), currency=currency,
            rate=self.books.rate(currency, company, posted) if rate is None else rate, amount=amount, **values,
        )  # fmt: skip
        return self.books.add(self.books.receipts, receipt)

    def give_back(self, receipt: Receipt, on: date) -> None:
        """The bank takes it back or the bill is dishonoured: all it settled is open again from that day.

        TradeError: already-returned.
        """
        if receipt.returned:
            raise TradeError("already-returned", "the payment has been returned already")
        for application in [each for each in receipt.applications if each.stands()]:
            self.undo(application, on)
        self.books.change(receipt, returned=on)
        self.books.touch(receipt)

    # -- applications ----------------------------------------------------------------------------------------------

    def apply(
        self, kind: str, item: Instalment, amount: Decimal, on: date, *, receipt: Receipt | None = None,
        credit: Instalment | None = None, taken: Decimal | None = None, key: str = "",
    ) -> Application:  # fmt: skip
        """Settle an item. `taken` is the amount unless said otherwise; a discount or write-off takes nothing.

        A negative write-off is a late charge: it raises what is owed on the item.

        TradeError: over-applied (more than is left of the item or of the source), reversed, wrong-currency.
        """
        source = receipt or credit
        took = ZERO if kind in ("discount", "write_off") or source is None else amount if taken is None else taken
        if kind == "write_off" and amount < 0:
            self._check_stands(item)
        else:
            self._check(item, amount, receipt, credit, took, explicit=taken is not None)
        application = Application(
            **self.books.entry("application"), key=key, kind=kind, company=item.invoice.company, on=on, item=item,
            amount=amount, taken=took, receipt=receipt, credit=credit,
        )  # fmt: skip
        self.books.add(self.books.applications, application)
        for holder in (item, receipt, credit):
            if holder:
                self.books.journal.append(holder.applications, application)
        self._touch_both(application)
        return application

    def _check(
        self, item: Instalment, amount: Decimal, receipt: Receipt | None, credit: Instalment | None, took: Decimal, *,
        explicit: bool,
    ) -> None:  # fmt: skip
        """Amounts are positive here; a zero amount or one beyond what is left is refused."""
        self._check_stands(item)
        if amount <= 0 or amount > item.balance():
            raise TradeError("over-applied", f"{amount} is applied to an item of which {item.balance()} is left")
        currency = receipt.currency if receipt else credit.invoice.currency if credit else item.invoice.currency
        if took and currency != item.invoice.currency and not explicit:
            raise TradeError("wrong-currency", f"the source is in {currency}: say what is taken from it")
        left = receipt.unapplied() if receipt else -credit.balance() if credit else took
        if took < 0 or took > left:
            raise TradeError("over-applied", f"{took} is taken from a source of which {left} is left")

    @staticmethod
    def _check_stands(item: Instalment) -> None:
        if item.invoice.reversed_by:
            raise TradeError("reversed", "the item's document is reversed")

    def undo(self, application: Application, on: date) -> None:
        """Reset: it stood until the day before `on`. TradeError: already-undone."""
        if application.undone:
            raise TradeError("already-undone", "the application has been undone already")
        self.books.change(application, undone=on)
        self.books.touch(application)
        self._touch_both(application)

    def _touch_both(self, application: Application) -> None:
        for holder in (application.item.invoice, application.receipt):
            if holder:
                self.books.touch(holder)
        if application.credit:
            self.books.touch(application.credit.invoice)


def dues_of(terms: str, baseline: date, gross: Decimal, currency: str) -> list[Due]:
    return [
        Due("retention" if due.retention else "trade", None if due.on is None else baseline, due.on, due.amount)
        for due in instalments(terms, baseline, gross, currency)
    ]


def part_of(line: OrderLine, quantity: Decimal) -> tuple[Decimal, Decimal]:
    """Net and tax for so much of an order line; the last invoice of a line takes what rounding leaves."""
    net, tax = line.amounts
    currency = line.order.currency
    invoices = [invoice for invoice in line.order.invoices if invoice.counts]
    billed = [part for invoice in invoices for part in invoice.lines if part.order_line is line and part.quantity]
    if line.invoiced + quantity == line.quantity:
        return net - sum((part.net for part in billed), ZERO), tax - sum((part.tax for part in billed), ZERO)
    share = quantity / line.quantity
    return rounded(net * share, currency), rounded(tax * share, currency)
