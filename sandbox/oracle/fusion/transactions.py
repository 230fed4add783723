"""What Fusion makes of the trade book's invoices, credit memos and reversals: class, type, status, instalments."""

from __future__ import annotations

from datetime import date
from decimal import Decimal

from sandbox.office.money import ZERO, rounded
from sandbox.office.trade import Instalment, Invoice
from sandbox.oracle.fusion.tenant import Tenant

TYPES = {
    "invoice": "Invoice", "opening": "Opening", "pro_forma": "Pro Forma", "provisional": "Provisional",
    "credit_memo": "Credit Memo", "reversal": "Reversal",
}  # fmt: skip
_OWN_TYPES = {"retention": "Retention", "other": "Other", "advance_request": "Advance Request"}
FLEX = {"retention": "RETENTION", "other": "OTHER_RECEIVABLE", "advance_request": "ADVANCE_REQUEST"}
_REVERSALS = 500_000_000
"""Serial numbers of the items that only Fusion has."""
FLEX_NAMES = {"RETENTION": "Retention", "OTHER_RECEIVABLE": "Other receivable", "ADVANCE_REQUEST": "Advance request"}


def is_credit(invoice: Invoice) -> bool:
    return invoice.kind == "credit_memo" or (invoice.kind == "reversal" and invoice.gross < 0)


def is_complete(invoice: Invoice) -> bool:
    kinds = {item.kind for item in invoice.instalments}
    return invoice.counts and kinds != {"advance_request"} and not invoice.extra.get("incomplete")


def class_of(invoice: Invoice) -> str:
    return "Credit Memo" if is_credit(invoice) else "Debit Memo" if invoice.kind == "reversal" else "Invoice"


def type_of(invoice: Invoice) -> str:
    """A document whose items are all of one special kind has a type of its own."""
    kinds = {item.kind for item in invoice.instalments}
    if len(kinds) == 1 and kinds <= _OWN_TYPES.keys():
        return _OWN_TYPES[kinds.pop()]
    return "Debit Memo" if class_of(invoice) == "Debit Memo" else TYPES[invoice.kind]


def number_of(invoice: Invoice) -> str:
    return str(invoice.extra.get("TransactionNumber") or 700_000 + invoice.id)


def source_reference(invoice: Invoice) -> str:
    return invoice.source_number or (invoice.key[-1] if invoice.key else "")


def balance_of(invoice: Invoice) -> Decimal:
    """What is open today; a reversal is used up by what it reverses."""
    return invoice.balance() if is_complete(invoice) else ZERO


def accounted(amount: Decimal, invoice: Invoice, tenant: Tenant) -> Decimal:
    return rounded(amount * invoice.rate, tenant.office.companies[invoice.company].currency)


def installments_of(invoice: Invoice) -> list[Instalment]:
    """A reversal has no item in the books: here it has one of its whole amount, closed the day it came."""
    if not is_complete(invoice):
        return []
    return list(invoice.instalments) if invoice.kind != "reversal" else [reversal_item(invoice)]


def reversal_item(reversal: Invoice) -> Instalment:
    serial, day = _REVERSALS + reversal.id, reversal.posted
    return Instalment(id=serial, invoice=reversal, number="1", kind="trade", baseline=day, due=day,
                      amount=reversal.gross)  # fmt: skip


def sequence_of(item: Instalment) -> int:
    return next((at for at, each in enumerate(item.invoice.instalments, 1) if each is item), 1)


def closed_on(item: Instalment) -> date | None:
    """The day of what closed it; null while it is open."""
    if item.balance():
        return None
    if item.invoice.kind == "reversal":
        return item.invoice.posted
    days = [application.on for application in item.applications if application.stands()]
    return max(days, default=item.invoice.reversed_on)


def days_late(item: Instalment, today: date) -> int:
    return (today - item.due).days if item.due and item.balance() else 0
