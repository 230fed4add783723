"""Receivables of a trade book: invoices with instalments, receipts, and the applications between them.

Signs: invoices, credit memos and reversals as an accountant adds them up: a credit memo and the reversal of an invoice
are negative (amounts, quantities, instalments); receipts and what an application takes are positive.
A figure "at" a day is as now known, by accounting date; without a day it is what the books show now.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import date
from decimal import Decimal
from typing import Any

from sandbox.office.dataset import Key
from sandbox.office.documents import Customer, Delivery, Document, OrderLine, Part, Product
from sandbox.office.money import ZERO

NOT_COUNTING = ("pro_forma", "provisional")


class _Settling:
    """Kept in a file without its applications, which the office restores: chains of receipts and items would nest too
    deep."""

    __slots__ = ()

    def __getstate__(self) -> tuple[None, dict[str, Any]]:
        names = [name for kind in type(self).__mro__ for name in getattr(kind, "__slots__", ())]
        return None, {name: [] if name == "applications" else getattr(self, name) for name in names}


@dataclass(slots=True, eq=False)
class InvoiceLine(Part):
    """Quantity 0 is an amount-only line."""

    number: int
    product: Product
    text: str
    quantity: Decimal
    unit: str
    net: Decimal
    tax: Decimal
    tax_rate: Decimal = ZERO
    order_line: OrderLine | None = None
    delivery: Delivery | None = None


@dataclass(slots=True, eq=False)
class Instalment(_Settling, Part):
    """One part of a receivable, and an open item of its own. kind: trade, retention, advance_request (a noted item:
    no receivable), other."""

    invoice: Invoice
    number: str
    kind: str
    baseline: date | None
    due: date | None
    """None: retention that waits for acceptance."""
    amount: Decimal
    applications: list[Application] = field(default_factory=list)
    """Those that settle it and, on a credit memo, those that use it; undone ones too."""

    @property
    def is_receivable(self) -> bool:
        return self.kind != "advance_request" and self.invoice.counts and self.invoice.kind != "reversal"

    def balance(self, at: date | None = None) -> Decimal:
        """What is left of it, with its sign; 0 for what is no receivable, before its posting and once reversed."""
        invoice = self.invoice
        gone = invoice.reversed_on
        if not self.is_receivable or (at and (invoice.posted > at)) or (gone and (at is None or gone <= at)):
            return ZERO
        standing = [application for application in self.applications if application.stands(at)]
        return self.amount + sum((application.effect_on(self) for application in standing), ZERO)


@dataclass(slots=True, eq=False)
class Voucher(Document):
    key: Key
    """The data set's own, empty for one born here."""
    kind: str
    company: str
    customer: Customer
    dated: date
    posted: date
    entered: date
    currency: str
    rate: Decimal
    """Local units for 1 of the currency, as booked."""


@dataclass(slots=True, eq=False)
class Invoice(Voucher):
    """kind: invoice, credit_memo, reversal, pro_forma, provisional, opening."""

    net: Decimal
    tax: Decimal
    terms: str = ""
    reference: Invoice | None = None
    """What a credit memo or reversal belongs to."""
    reversed_by: Invoice | None = None
    source_number: str = ""
    customer_po: str = ""
    disputed: bool = False
    text: str = ""
    lines: list[InvoiceLine] = field(default_factory=list)
    instalments: list[Instalment] = field(default_factory=list)

    @property
    def gross(self) -> Decimal:
        return self.net + self.tax

    @property
    def counts(self) -> bool:
        """Pro forma and provisional documents never do, nor reversals of them."""
        reversed_ = self.reference if self.kind == "reversal" else None
        return self.kind not in NOT_COUNTING and (reversed_ is None or reversed_.counts)

    @property
    def reversed_on(self) -> date | None:
        return self.reversed_by.posted if self.reversed_by else None

    @property
    def status(self) -> str:
        return "reversed" if self.reversed_by else "posted" if self.counts else "not posted"

    def balance(self, at: date | None = None) -> Decimal:
        return sum((instalment.balance(at) for instalment in self.instalments), ZERO)


@dataclass(slots=True, eq=False)
class Receipt(_Settling, Voucher):
    """Money received. kind: receipt, advance, bill (a bank's or trade acceptance, with its maturity)."""

    amount: Decimal
    reference: str = ""
    maturity: date | None = None
    returned: date | None = None
    """The bank took it back, or the bill was dishonoured, on this day."""
    matured: bool = False
    """The bill has been paid."""
    text: str = ""
    applications: list[Application] = field(default_factory=list)

    @property
    def status(self) -> str:
        return "returned" if self.returned else "posted"

    def unapplied(self, at: date | None = None) -> Decimal:
        """What is left of it, in its currency."""
        gone = self.returned
        if (at and self.posted > at) or (gone and (at is None or gone <= at)):
            return ZERO
        return self.amount - sum((each.taken for each in self.applications if each.stands(at)), ZERO)


@dataclass(slots=True, eq=False)
class Application(Document):
    """Something settles an item. kind: payment, credit, discount, write_off. The source is a receipt, or an instalment
    of a credit memo, or neither (a write-off; a discount names the receipt it came with, and takes nothing)."""

    key: str
    kind: str
    company: str
    on: date
    item: Instalment
    amount: Decimal
    """What the item falls by, in its currency, positive."""
    taken: Decimal = ZERO
    """What it takes from the source, in the source's currency."""
    receipt: Receipt | None = None
    credit: Instalment | None = None
    undone: date | None = None
    """The settlement was reset: it stood until the day before."""

    def stands(self, at: date | None = None) -> bool:
        if at is None:
            return self.undone is None
        return self.on <= at and (self.undone is None or at < self.undone)

    def effect_on(self, instalment: Instalment) -> Decimal:
        """How it moves the balance of the item it settles, or of the credit memo it uses."""
        return -self.amount if instalment is self.item else self.taken
