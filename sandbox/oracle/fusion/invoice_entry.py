"""Invoices entered through receivablesInvoices: complete ones, of a manual source."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

from sandbox.office.ledger import Billed, dues_of
from sandbox.office.money import DIGITS, ZERO, rounded
from sandbox.office.terms import TERMS
from sandbox.office.trade import Customer, Invoice
from sandbox.oracle.adf.errors import duplicate, invalid, missing
from sandbox.oracle.adf.model import Row, View
from sandbox.oracle.fusion import units
from sandbox.oracle.fusion.tenant import Tenant
from sandbox.oracle.fusion.transactions import number_of

ENTITY = "ReceivablesInvoice"
_NEEDED = ("BusinessUnit", "TransactionSource", "TransactionType", "TransactionDate", "InvoiceCurrencyCode",
           "BillToCustomerNumber")  # fmt: skip


class InvoiceEntry:
    def __init__(self, tenant: Tenant) -> None:
        self.tenant = tenant
        self.office = tenant.office

    def create(self, view: View, values: Row, parent: Any) -> Invoice:
        """The terms say when it is due; a rate of tax comes from the classification (VAT13), else there is none."""
        for name in _NEEDED:
            if values.get(name) is None:
                raise missing(name, ENTITY)
        currency = values["InvoiceCurrencyCode"]
        company, terms = self._company(view, values), values.get("PaymentTerms") or "NT00"
        if currency not in DIGITS:
            raise invalid("InvoiceCurrencyCode", f"The currency {currency} isn't valid.")
        if terms not in TERMS and terms not in self.office.terms:
            raise invalid("PaymentTerms", f"The payment terms {terms} aren't valid.")
        self._check(values)
        customer, dated = self._customer(values, company), values["TransactionDate"]
        lines = [self._line(row, currency) for row in values.get("receivablesInvoiceLines") or []]
        if not lines:
            raise missing("receivablesInvoiceLines", ENTITY)
        net, tax = sum((line.net for line in lines), ZERO), sum((line.tax for line in lines), ZERO)
        own = {name: values[name] for name in ("CrossReference", "TransactionNumber") if values.get(name)}
        invoice = self.office.ledger.post(
            "invoice", company, customer, currency, values.get("AccountingDate") or dated, lines,
            dues_of(terms, dated, net + tax, currency), net=net, tax=tax, dated=dated, terms=terms,
            rate=values.get("ConversionRate"), customer_po=values.get("PurchaseOrder") or "",
            text=values.get("Comments") or "",
        )  # fmt: skip
        self.office.change(invoice, extra={**invoice.extra, **own})
        return invoice

    def _check(self, values: Row) -> None:
        if values.get("InvoiceStatus", "Complete") != "Complete":
            raise invalid("InvoiceStatus", "The status of a new transaction must be Complete.")
        if values["TransactionSource"] == "Order Management":
            raise invalid("TransactionSource", "The transaction source must be a manual one.")
        wanted = values.get("TransactionNumber")
        if wanted and any(number_of(invoice) == wanted for invoice in self.office.invoices.values()):
            raise duplicate(f"of TransactionNumber {wanted}")

    def _company(self, view: View, values: Row) -> str:
        company = self.tenant.company(None, values["BusinessUnit"])
        if company is None or not view.sees(company):
            raise invalid("BusinessUnit", f"The business unit {values['BusinessUnit']} isn't valid.")
        return company

    def _customer(self, values: Row, company: str) -> Customer:
        for customer in self.office.customers.values():
            known = self.tenant.account_number(customer) == values["BillToCustomerNumber"]
            if known and customer.account(company) is not None:
                return customer
        raise invalid("BillToCustomerNumber", "The customer account has no bill-to site in the business unit.")

    def _line(self, row: Row, currency: str) -> Billed:
        if row.get("UnitSellingPrice") is None:
            raise missing("UnitSellingPrice", "ReceivablesInvoiceLine")
        products = self.office.products.values()
        product = self.tenant.product(None, row.get("ItemNumber")) if row.get("ItemNumber") else next(iter(products))
        if product is None:
            raise invalid("ItemNumber", f"The item {row['ItemNumber']} isn't valid.")
        quantity, rate = row.get("Quantity") or Decimal(1), _tax_rate(row.get("TaxClassificationCode"))
        net = rounded(quantity * row["UnitSellingPrice"], currency)
        unit = units.unit_of(row.get("UnitOfMeasure"), None, product.unit) or product.unit
        return Billed(product, quantity, unit, net, rounded(net * rate / 100, currency), rate,
                      text=row.get("Description") or "")  # fmt: skip


def _tax_rate(classification: str | None) -> Decimal:
    if not classification:
        return ZERO
    digits = classification.removeprefix("VAT")
    if digits == classification or not digits.isdigit():
        raise invalid("TaxClassificationCode", f"The tax classification {classification} isn't valid.")
    return Decimal(digits)
