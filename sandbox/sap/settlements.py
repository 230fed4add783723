"""Payments of a data set and what they settle, in the way an accountant books it in SAP.

A payment that settles an item on its own posting date clears it directly; later ones are transfers. Undoing a
settlement resets the clearing; what else that clearing held is settled again on the same day.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import date
from decimal import Decimal

from sandbox.office.dataset import ApplicationData, Key, PaymentData
from sandbox.office.money import ZERO, rounded
from sandbox.sap.books import Books
from sandbox.sap.documents import Document, Line, Link, rest
from sandbox.sap.fi import PostingError

BAD_DEBT, SMALL_DIFFERENCE = "BD1", "KL1"


@dataclass(eq=False)
class Application:
    """One application and what booked it: transfer documents, or a line of the payment itself."""

    data: ApplicationData
    discount: Decimal = ZERO
    steps: list[Document | Line] = field(default_factory=list)
    live: bool = False


@dataclass(eq=False)
class Payment:
    data: PaymentData
    document: Document
    sources: list[Line] = field(default_factory=list)
    """Lines with money on account; a line taken back from an item joins them."""

    bill: Line | None = None
    moved: list[Document] = field(default_factory=list)
    """Documents that belong to the payment itself: its maturity, and money taken back from items."""

    applications: list[Application] = field(default_factory=list)


class Settlements:
    def __init__(self, books: Books, partner_numbers: dict[str, str]) -> None:
        self.books = books
        self.ledger = books.ledger
        self.partner_numbers = partner_numbers
        self.items: dict[tuple[Key, str], Line] = {}
        self.payments: dict[Key, Payment] = {}

    def item(self, data: ApplicationData) -> Line:
        try:
            return self.items[data.item, data.instalment]
        except KeyError:
            raise PostingError(f"item {'/'.join(data.item)} {data.instalment} is not in the books") from None

    # -- payments ------------------------------------------------------------------------------------------------

    def post(self, data: PaymentData, same_day: Iterable[Application]) -> None:
        """A payment document: one line for each item it settles that day, the rest on one line on account."""
        company = self.books.companies[data.company]
        applications = list(same_day)
        left = data.amount - sum((a.data.taken for a in applications), ZERO)
        if left < 0:
            raise PostingError(f"more is applied than the {data.amount} paid")
        lines = [self._payment_line(data, application) for application in applications]
        if left:
            special = "A" if data.kind == "advance" else ""
            lines.append(
                Line(self.partner_numbers[data.partner], -left, data.rate, special_gl=special, text=data.text[:50])
            )
        bill = None
        if data.kind == "bill":
            bill = Line(self.partner_numbers[data.partner], data.amount, data.rate, special_gl="W", due=data.maturity)
            lines.insert(0, bill)
        document = self.ledger.post(
            company, "DZ", data.currency, data.posted, lines, dated=data.dated, reference=data.source_number
        )
        payment = Payment(data, document, lines[-1:] if left else [], bill, applications=applications)
        self.payments[data.key] = payment
        for application, line in zip(applications, lines[1:] if bill else lines, strict=False):
            self.ledger.settle(line, self.item(application.data), data.posted, application)
            application.steps, application.live = [line], True

    def _payment_line(self, data: PaymentData, application: Application) -> Line:
        amount = application.data.amount + application.discount
        return Line(self.item(application.data).customer, -amount, data.rate, discount=application.discount)

    def mature(self, data: PaymentData) -> None:
        """The bank pays the bill: its line is cleared."""
        payment = self.payments[data.key]
        if payment.bill and not payment.bill.clearing and data.maturity:
            payment.moved.append(self.ledger.write_off(payment.bill, data.amount, data.maturity))

    def return_payment(self, data: PaymentData) -> None:
        """The bank takes it back: all it settled is open again, and the payment is reversed."""
        payment, on = self.payments[data.key], data.returned
        assert on
        lost: list[Link] = []
        for application in reversed([a for a in payment.applications if a.live]):
            lost += self._undo(application, on, whole_payment=True)
        for document in reversed(payment.moved):
            if not document.reversed_by:
                lost += self.ledger.cancel(document, on)[1]
        lost += self.ledger.cancel(payment.document, on)[1]
        self.settle_again(lost, on)

    # -- applications --------------------------------------------------------------------------------------------

    def apply(self, application: Application, credit_lines: Iterable[Line] = ()) -> None:
        """Settle an item with a payment posted before, with a credit memo's lines, or with nothing (a write-off)."""
        data = application.data
        if data.kind in ("write_off", "discount"):
            reason = SMALL_DIFFERENCE if data.source else BAD_DEBT
            application.steps = [self.ledger.write_off(self.item(data), data.amount, data.on, reason, application)]
        else:
            payment = self.payments.get(data.source[1]) if data.source and data.source[0] == "payment" else None
            self._transfer(application, payment.sources if payment else list(credit_lines))
            if payment:
                payment.applications.append(application)
        application.live = True

    def _transfer(self, application: Application, sources: list[Line]) -> None:
        """One transfer for each source line; across currencies the last one takes what rounding leaves."""
        data, item = application.data, self.item(application.data)
        to_take, to_give = data.taken, data.amount
        for source in [line for line in sources if rest(line) < 0]:
            take = min(to_take, -rest(source))
            give = (
                to_give if take == to_take else min(to_give, rounded(to_give * take / to_take, item.document.currency))
            )
            application.steps += self.ledger.offset(
                source, item, give, data.on, taken=take, owner=application, assignment=data.key,
                discount=application.discount if take == to_take else ZERO,
            )  # fmt: skip
            to_take, to_give = to_take - take, to_give - give
            if not to_take:
                return
        raise PostingError(
            f"{to_take} more is applied than is left of {'/'.join(data.source[1]) if data.source else 'its source'}"
        )

    def undo(self, application: Application, on: date) -> None:
        if application.live:
            self.settle_again(self._undo(application, on), on)

    def _undo(self, application: Application, on: date, whole_payment: bool = False) -> list[Link]:
        lost: list[Link] = []
        for step in reversed(application.steps):
            if isinstance(step, Line):
                lost += self._free(step, on, application, whole_payment)
            elif not step.lines:
                lost += self.ledger.reset(step.clearing) if step.clearing else []
            elif not step.reversed_by:
                lost += self.ledger.cancel(step, on)[1]
        application.steps, application.live = [], False
        return lost

    def _free(self, line: Line, on: date, application: Application, whole_payment: bool) -> list[Link]:
        """Make a payment's own line money on account again; a whole payment's lines are about to be reversed."""
        lost = self.ledger.reset(line.clearing) if line.clearing else []
        if whole_payment or not application.data.source:
            return lost
        payment = self.payments[application.data.source[1]]
        if line.settles or line.discount:
            document = self.ledger.transfer_back(line, on)
            payment.moved.append(document)
            payment.sources.append(document.lines[1])
        else:
            payment.sources.append(line)
        return lost

    def settle_again(self, lost: Iterable[Link], on: date) -> None:
        """Book anew what a reset undid only because it stood in the same clearing."""
        for link in lost:
            owner = link.owner
            if isinstance(owner, Application) and not owner.live:
                continue
            if (
                link.credit.clearing
                or link.debit.clearing
                or -rest(link.credit) < link.amount
                or rest(link.debit) < link.amount
            ):
                continue
            made = self.ledger.offset(link.credit, link.debit, link.amount, on, owner=owner)
            if isinstance(owner, Application):
                owner.steps += made
