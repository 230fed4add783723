"""standardReceipts: money received, how it is applied, and receipts entered through the interface."""

from __future__ import annotations

from collections.abc import Iterator
from decimal import Decimal

from sandbox.office.money import DIGITS, rounded
from sandbox.office.trade import Customer, Receipt
from sandbox.oracle.adf.errors import invalid, missing
from sandbox.oracle.adf.model import Column, Resource, Row, View
from sandbox.oracle.fusion.catalogue import child, resource, row_columns
from sandbox.oracle.fusion.ids import big, serial_of
from sandbox.oracle.fusion.stamps import who
from sandbox.oracle.fusion.tenant import Tenant
from sandbox.oracle.fusion.transactions import number_of

METHODS = {"receipt": "Wire", "advance": "Advance", "bill": "Bill"}


def receipt_number(receipt: Receipt) -> str:
    """As the payer's bank gave it: no number of ours, and not unique."""
    return receipt.reference or (receipt.key[-1] if receipt.key else str(800_000 + receipt.id))


def state_of(receipt: Receipt) -> str:
    if receipt.returned:
        return "Reversed"
    return "Confirmed" if receipt.kind == "bill" and not receipt.matured else "Cleared"


def status_of(receipt: Receipt) -> str:
    return "Reversed" if receipt.returned else "Unapplied" if receipt.unapplied() else "Applied"


class Receipts:
    def __init__(self, tenant: Tenant) -> None:
        self.tenant = tenant
        self.office = tenant.office

    def resource(self) -> Resource:
        path = "standardReceipts/remittanceReferences"
        references = child(
            path, "RemittanceReferenceId", row_columns(path), lambda view, one: one.extra.get("references", [])
        )
        return resource(
            "standardReceipts", "StandardReceiptId", self._columns(), self._rows, find=self._find, create=self._create,
            children={"remittanceReferences": references},
        )  # fmt: skip

    def _rows(self, view: View, parent: object) -> Iterator[Receipt]:
        return (receipt for receipt in self.office.receipts.values() if view.sees(receipt.company))

    def _find(self, view: View, key: str, parent: object) -> Receipt | None:
        receipt = self.office.receipts.get(serial_of("receipt", key) or 0)
        return receipt if receipt is not None and view.sees(receipt.company) else None

    def _columns(self) -> dict[str, Column]:
        tenant, office = self.tenant, self.office
        return {
            "StandardReceiptId": lambda r: big("receipt", r.id),
            "ReceiptNumber": receipt_number,
            "ReceiptDate": lambda r: r.dated,
            "AccountingDate": lambda r: r.posted,
            "ReceiptMethod": lambda r: METHODS[r.kind],
            "Amount": lambda r: r.amount,
            "Currency": lambda r: r.currency,
            "ConversionRate": lambda r: None if r.rate == 1 else r.rate,
            "ConversionRateType": lambda r: None if r.rate == 1 else "User",
            "ConversionDate": lambda r: None if r.rate == 1 else r.posted,
            "AccountedAmount": lambda r: rounded(r.amount * r.rate, office.companies[r.company].currency),
            "UnappliedAmount": lambda r: r.unapplied(),
            "BusinessUnit": lambda r: tenant.unit(r.company),
            "CustomerName": lambda r: r.customer.name,
            "CustomerAccountNumber": lambda r: tenant.account_number(r.customer),
            "CustomerSite": lambda r: tenant.site_number(r.customer, r.company),
            "TaxpayerIdentificationNumber": lambda r: r.customer.tax_number or None,
            "MaturityDate": lambda r: r.maturity or r.dated,
            "State": state_of,
            "Status": status_of,
            "ReversalDate": lambda r: r.returned,
            "ReversalCategory": lambda r: "Reverse Payment" if r.returned else None,
            "ReversalReason": lambda r: "Payment reversal" if r.returned else None,
            "Comments": lambda r: r.text or None,
            "DocumentNumber": lambda r: r.id,
            "ReceiptAtRisk": lambda r: "Y" if state_of(r) == "Confirmed" else "N",
            "StructuredPaymentReference": lambda r: r.key[-1] if r.key else None,
            **who(),
        }

    # -- entering --------------------------------------------------------------------------------------------------

    def _create(self, view: View, values: Row, parent: object) -> Receipt:
        for name in ("ReceiptNumber", "ReceiptDate", "ReceiptMethod", "Amount", "Currency", "BusinessUnit"):
            if values.get(name) is None:
                raise missing(name, "StandardReceipt")
        company = self.tenant.company(None, values["BusinessUnit"])
        if company is None or not view.sees(company):
            raise invalid("BusinessUnit", f"The business unit {values['BusinessUnit']} isn't valid.")
        customer, currency = self._customer(values, company), values["Currency"]
        kind = next((kind for kind, name in METHODS.items() if name == values["ReceiptMethod"]), None)
        if kind is None or currency not in DIGITS or values["Amount"] <= 0:
            raise invalid("Amount", "The receipt method, currency or amount isn't valid.")
        receipt = self.office.ledger.receive(
            kind, company, customer, currency, rounded(values["Amount"], currency),
            values.get("AccountingDate") or values["ReceiptDate"], dated=values["ReceiptDate"],
            reference=values["ReceiptNumber"], maturity=values.get("MaturityDate"),
        )  # fmt: skip
        references = [
            self._reference(receipt, at, row) for at, row in enumerate(values.get("remittanceReferences", []))
        ]
        receipt.extra["references"] = references
        self._apply(receipt, references)
        return receipt

    def _customer(self, values: Row, company: str) -> Customer:
        for customer in self.office.customers.values():
            if self.tenant.account_number(customer) == values.get("CustomerAccountNumber") and customer.account(
                company
            ):
                return customer
        raise invalid("CustomerAccountNumber", "The customer account has no bill-to site in the business unit.")

    @staticmethod
    def _reference(receipt: Receipt, at: int, row: Row) -> Row:
        return {**row, "RemittanceReferenceId": big("adjustment", receipt.id * 100 + at)}

    def _apply(self, receipt: Receipt, references: list[Row]) -> None:
        """What AutoApply makes of the references: each pays the oldest open instalments of the document it names."""
        for row in references:
            for invoice in self.tenant.invoices_of(receipt.customer):
                if number_of(invoice) != row.get("ReferenceNumber") or invoice.currency != receipt.currency:
                    continue
                left = Decimal(row.get("ReferenceAmount") or receipt.amount)
                for item in invoice.instalments:
                    amount = min(left, item.balance(), receipt.unapplied())
                    if amount > 0:
                        left -= amount
                        self.office.ledger.apply("payment", item, amount, receipt.posted, receipt=receipt)
