"""The columns of what stands on a customer's account: schedules, receipts, credit memos, applications, adjustments."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from typing import Any

from sandbox.office.trade import Application, Document, Instalment, Invoice, Receipt
from sandbox.oracle.adf.model import Column, Row
from sandbox.oracle.fusion.ids import big
from sandbox.oracle.fusion.receipts import METHODS, receipt_number, state_of, status_of
from sandbox.oracle.fusion.stamps import who
from sandbox.oracle.fusion.tenant import Tenant
from sandbox.oracle.fusion.transactions import (
    balance_of,
    class_of,
    closed_on,
    days_late,
    installments_of,
    number_of,
    reversal_item,
    sequence_of,
    source_reference,
    type_of,
)

REASONS = {"discount": "Discount", "write_off": "Write-off"}


@dataclass(frozen=True)
class Settled:
    """One row of an application: made, or (negative) undone; `taken` is in the source's currency."""

    id: int
    on: date
    amount: Decimal
    item: Instalment
    document: Document
    """Whose stamps it bears."""
    kind: str
    taken: Decimal
    is_latest: bool
    receipt: Receipt | None = None
    memo: Invoice | None = None

    @classmethod
    def of(cls, application: Application) -> Iterator[Settled]:
        memo = application.credit.invoice if application.credit else None
        latest = application.undone is None
        rest = (application.receipt, memo)
        yield cls(big("application", application.id * 10), application.on, application.amount, application.item,
                  application, application.kind, application.taken, latest, *rest)  # fmt: skip
        if application.undone is not None:
            yield cls(big("application", application.id * 10 + 1), application.undone, -application.amount,
                      application.item, application, application.kind, -application.taken, False, *rest)  # fmt: skip

    @classmethod
    def by_reversal(cls, item: Instalment, reversal: Invoice) -> Settled:
        """The reversal of an invoice is a credit memo that it uses; that of a credit memo a debit memo that uses it."""
        memo, amount, target = reversal, item.amount, item
        if item.amount < 0:
            memo, amount, target = item.invoice, -item.amount, reversal_item(reversal)
        return cls(big("reversal", item.id), reversal.posted, amount, target, reversal, "credit", amount, True, None,
                   memo)  # fmt: skip


class Columns:
    def __init__(self, tenant: Tenant) -> None:
        self.tenant = tenant

    def schedule(self) -> dict[str, Column]:
        tenant, office = self.tenant, self.tenant.office
        return {
            "InstallmentId": lambda i: big("instalment", i.id),
            "InstallmentNumber": sequence_of,
            "InstallmentStatus": lambda i: "Open" if i.balance() else "Closed",
            "TransactionId": lambda i: big("invoice", i.invoice.id),
            "TransactionNumber": lambda i: number_of(i.invoice),
            "TransactionClass": lambda i: class_of(i.invoice),
            "TransactionType": lambda i: type_of(i.invoice),
            "TransactionSourceName": lambda i: "Manual",
            "TransactionDate": lambda i: i.invoice.dated,
            "AccountingDate": lambda i: i.invoice.posted,
            "PaymentScheduleDueDate": lambda i: i.due,
            "PaymentDaysLate": lambda i: days_late(i, office.today()),
            "TotalOriginalAmount": lambda i: i.amount,
            "TotalBalanceAmount": lambda i: i.balance(),
            "EnteredCurrency": lambda i: i.invoice.currency,
            "BillToSiteNumber": lambda i: tenant.site_number(i.invoice.customer, i.invoice.company),
            "PurchaseOrder": lambda i: i.invoice.customer_po or None,
            "StructuredPaymentReference": lambda i: source_reference(i.invoice) or None,
            **who(lambda i: i.invoice),
        }

    def receipt(self) -> dict[str, Column]:
        tenant = self.tenant
        return {
            "StandardReceiptId": lambda r: big("receipt", r.id),
            "ReceiptNumber": receipt_number,
            "ReceiptDate": lambda r: r.dated,
            "AccountingDate": lambda r: r.posted,
            "ReceiptMethod": lambda r: METHODS[r.kind],
            "Amount": lambda r: r.amount,
            "UnappliedAmount": lambda r: r.unapplied(),
            "AvailableAmount": lambda r: r.unapplied(),
            "Currency": lambda r: r.currency,
            "BusinessUnit": lambda r: tenant.unit(r.company),
            "LegalEntity": lambda r: r.company,
            "CustomerSite": lambda r: tenant.site_number(r.customer, r.company),
            "DocumentNumber": lambda r: r.id,
            "State": state_of,
            "ProcessStatus": status_of,
            **who(),
        }

    def credit_memo(self) -> dict[str, Column]:
        tenant = self.tenant
        return {
            "CreditMemoId": lambda m: big("invoice", m.id),
            "CreditMemoNumber": number_of,
            "CreditMemoDate": lambda m: m.dated,
            "AccountingDate": lambda m: m.posted,
            "CreditMemoCurrency": lambda m: m.currency,
            "CreditMemoStatus": lambda m: "Open" if balance_of(m) else "Closed",
            "InstallmentId": lambda m: big("instalment", installments_of(m)[0].id),
            "TotalOriginalAmount": lambda m: m.gross,
            "TotalBalanceAmount": balance_of,
            "AvailableAmount": lambda m: -balance_of(m),
            "TransactionClass": class_of,
            "TransactionType": type_of,
            "BillToSiteNumber": lambda m: tenant.site_number(m.customer, m.company),
            "PurchaseOrder": lambda m: m.customer_po or None,
            **who(),
        }

    def receipt_application(self) -> dict[str, Column]:
        return {
            **self.paid_by_other(),
            "CustomerSite": lambda s: self.tenant.site_number(s.receipt.customer, s.receipt.company),
            "ActivityName": lambda s: "Earned Discount" if s.kind == "discount" else None,
        }

    def paid_by_other(self) -> dict[str, Column]:
        return {
            **self._settled(),
            "ProcessStatus": lambda s: status_of(s.receipt),
            "StandardReceiptId": lambda s: big("receipt", s.receipt.id),
            "ReceiptNumber": lambda s: receipt_number(s.receipt),
            "ReceiptMethod": lambda s: METHODS[s.receipt.kind],
        }

    def credit_application(self) -> dict[str, Column]:
        return {
            **self._settled(),
            "CreditMemoId": lambda s: big("invoice", s.memo.id),
            "CreditMemoNumber": lambda s: number_of(s.memo),
            "CreditMemoStatus": lambda s: "Open" if balance_of(s.memo) else "Closed",
            "TransactionType": lambda s: type_of(s.memo),
            "BillToSiteNumber": lambda s: self.tenant.site_number(s.item.invoice.customer, s.item.invoice.company),
        }

    def adjustment(self) -> dict[str, Column]:
        """An adjustment that lowers what is owed is negative."""
        return {
            **self._reference(),
            "AdjustmentId": lambda s: s.id,
            "AdjustmentNumber": lambda s: str(s.id % 1_000_000),
            "AdjustmentAmount": lambda s: -s.amount,
            "AdjustmentReason": lambda s: REASONS[s.kind],
            "AdjustmentType": lambda s: "Invoice Adjustments",
            "ApplicationDate": lambda s: s.on,
            "AccountingDate": lambda s: s.on,
            "ProcessStatus": lambda s: "Approved",
            "BillToSiteNumber": lambda s: self.tenant.site_number(s.item.invoice.customer, s.item.invoice.company),
        }

    def _settled(self) -> dict[str, Column]:
        return {
            **self._reference(),
            "ApplicationId": lambda s: s.id,
            "ApplicationAmount": lambda s: s.amount,
            "ApplicationDate": lambda s: s.on,
            "AccountingDate": lambda s: s.on,
            "ApplicationStatus": lambda s: "Applied",
            "IsLatestApplication": lambda s: "Yes" if s.is_latest else "No",
        }

    @staticmethod
    def _reference() -> dict[str, Column]:
        """The transaction that falls, in its own currency."""
        return {
            "EnteredCurrency": lambda s: s.item.invoice.currency,
            "ReferenceInstallmentId": lambda s: big("instalment", s.item.id),
            "ReferenceTransactionId": lambda s: big("invoice", s.item.invoice.id),
            "ReferenceTransactionNumber": lambda s: number_of(s.item.invoice),
            "ReferenceTransactionStatus": lambda s: "Closed" if closed_on(s.item) else "Open",
            **who(lambda s: s.document),
        }

    @staticmethod
    def flex(settled: Any) -> list[Row]:
        """A descriptive flexfield of this tenant: what the application took, in the receipt's own currency."""
        return [{
            "ApplicationId": settled.id, "receiptCurrency": settled.receipt.currency, "receiptAmount": settled.taken,
        }]  # fmt: skip
